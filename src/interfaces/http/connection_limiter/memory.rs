//! How much memory connections may hold: heads and bodies of requests, and responses not sent yet.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::interfaces::http::connection_limiter::registry::{
    ClientKey, Connection, ConnectionState, Registry,
};

/// What each connection may hold without being counted: an ordinary request, or a small page. Units: bytes.
pub const UNCOUNTED: usize = 4 * 1024;
/// What all connections of one circuit may hold, or at the desk those of all strangers. Units: bytes.
const MAX_BYTES_OF_CIRCUIT: usize = 3 * 1024 * 1024;
/// How long a request waits for memory.
const WAIT: Duration = Duration::from_secs(5);

/// There is no memory for the request or its response, and none was freed in time.
#[derive(Debug)]
pub struct NoMemory;

impl Connection {
    /// Counts this many more bytes for this connection. If they are not available, connections that wait for their
    /// client are closed: those of the same circuit, or of the client that holds the most.
    ///
    /// # Errors
    /// `NoMemory` if all memory is in use by requests that are being answered.
    pub fn reserve_memory(&self, bytes: usize) -> Result<(), NoMemory> {
        let client = self.client();
        let most = self.limiter.limits.most_memory;
        let mut registry = self.limiter.registry();
        let registry = &mut *registry;
        loop {
            let circuit = registry.circuits.get_mut(&client).ok_or(NoMemory)?;
            if !circuit.connections.contains_key(&self.number) {
                return Err(NoMemory);
            }
            let is_unbounded = matches!(client, ClientKey::Untracked | ClientKey::Seller);
            let is_of_circuit = !is_unbounded && MAX_BYTES_OF_CIRCUIT < circuit.reserved + bytes;
            if !is_of_circuit && registry.reserved + bytes <= most {
                circuit.reserved += bytes;
                self.reserved.fetch_add(bytes, Relaxed);
                registry.reserved += bytes;
                return Ok(());
            }
            let only = is_of_circuit.then_some(client);
            if !registry.free_memory(only, self.number) {
                return Err(NoMemory);
            }
        }
    }

    /// The same, but waits for other connections to free memory.
    ///
    /// # Errors
    /// `NoMemory` after some seconds.
    pub async fn reserve_memory_soon(&self, bytes: usize) -> Result<(), NoMemory> {
        let wait = async {
            loop {
                let released = self.limiter.released.notified();
                if self.reserve_memory(bytes).is_ok() {
                    return;
                }
                released.await;
            }
        };
        tokio::select! {
            () = wait => Ok(()),
            () = tokio::time::sleep(WAIT) => Err(NoMemory),
            () = self.closed.notified() => Err(NoMemory),
        }
    }

    /// Frees all memory of this connection: its response was sent.
    pub fn release_memory(&self) {
        if self.reserved.load(Relaxed) == 0 {
            return;
        }
        let mut registry = self.limiter.registry();
        let reserved = self.reserved.swap(0, Relaxed);
        if let Some(circuit) = registry.circuits.get_mut(&self.client()) {
            circuit.reserved -= reserved;
        }
        registry.reserved -= reserved;
        drop(registry);
        self.limiter.released.notify_waiters();
    }
}

impl Registry {
    /// Closes the connection that has waited longest for its client while holding memory. `only`: of this circuit;
    /// otherwise of the one that holds the most.
    fn free_memory(&mut self, only: Option<ClientKey>, except: u64) -> bool {
        let of_circuit = |client: &ClientKey| self.longest_holder(*client, except);
        let found = match only {
            Some(client) => of_circuit(&client),
            None => {
                let mut clients: Vec<(usize, ClientKey)> = self
                    .by_size
                    .iter()
                    .map(|(_, client)| (self.circuits[client].reserved, *client))
                    .filter(|(reserved, _)| 0 < *reserved)
                    .collect();
                clients.sort_unstable_by(|one, other| other.cmp(one));
                clients.iter().find_map(|(_, client)| of_circuit(client))
            }
        };
        let Some(connection) = found else { return false };
        self.remove(&connection);
        connection.close();
        true
    }

    fn longest_holder(&self, client: ClientKey, except: u64) -> Option<Arc<Connection>> {
        let connections = self.circuits.get(&client)?.connections.values();
        let waits = |connection: &&Arc<Connection>| {
            connection.number != except
                && 0 < connection.reserved.load(Relaxed)
                && !matches!(connection.state(), ConnectionState::Queued | ConnectionState::Working)
        };
        connections
            .filter(waits)
            .min_by_key(|connection| (connection.since.load(Relaxed), connection.number))
            .cloned()
    }
}
