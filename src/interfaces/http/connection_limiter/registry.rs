//! All open connections, grouped by circuit, with what each circuit has used.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, mpsc};

use crate::interfaces::http::circuit::CircuitId;
use crate::interfaces::http::circuit_usage::CircuitUsage;
use crate::interfaces::http::clock::monotonic_now;
use crate::interfaces::http::connection_limiter::fair_queue::FairQueue;

/// Whose connection it is, as far as known: a circuit's, or at the desk a stranger's or the seller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientKey {
    /// Circuits are not told apart: only the limits of the whole shop apply.
    Untracked,
    /// Tor's line has not arrived yet.
    Pending,
    /// Without a line from Tor; all of these count as one circuit.
    NoCircuit,
    Circuit(CircuitId),
    /// At the desk: a browser that has not proved to be the seller's.
    Stranger,
    /// At the desk: the seller's own browser. It is never closed in favour of a stranger, and takes no stranger's slot.
    Seller,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ConnectionState {
    /// Nothing has been received yet.
    Silent,
    /// Part of a request's head has been received.
    Head,
    /// Part of a form has been received.
    Body,
    /// The client does not read what is sent.
    Stalled,
    /// Kept open for the next request.
    Idle,
    /// Its request waits for a permit.
    Queued,
    /// Its request is being answered.
    Working,
}

/// The limits of a [`ConnectionLimiter`].
pub struct ConnectionLimits {
    /// Units: connections, in total.
    pub most_connections: usize,
    /// Units: bytes of requests and responses in memory, of all connections.
    pub most_memory: usize,
    /// Units: pages rendered at once for visitors who only browse.
    pub most_browsing: usize,
    /// How long an order may stay unpaid.
    pub payment_time: Duration,
    /// The same while the shop is in siege mode.
    pub siege_payment_time: Duration,
    /// The task that closes circuits with persistently too many requests.
    pub closer: Option<mpsc::Sender<u32>>,
}

/// All open connections, grouped by circuit, with what each circuit has used. Kept in memory only, and forgotten when
/// no longer needed.
pub struct ConnectionLimiter {
    pub(super) limits: ConnectionLimits,
    pub(super) registry: Mutex<Registry>,
    /// Units: seconds since the start, counted by [`ConnectionLimiter::reap`], so that a request reads no clock.
    pub(super) uptime: AtomicU32,
    pub(super) n_refused: AtomicU64,
    pub(super) browsing: Arc<FairQueue>,
    pub(super) checkouts: Arc<FairQueue>,
    /// Signalled when a connection frees memory.
    pub(super) released: Notify,
}

#[derive(Default)]
pub(super) struct Registry {
    pub(super) circuits: HashMap<ClientKey, Circuit>,
    /// The same by number of connections, to find the client with the most at once.
    pub(super) by_size: BTreeSet<(usize, ClientKey)>,
    pub(super) n_connections: usize,
    /// Units: bytes that all connections hold.
    pub(super) reserved: usize,
    pub(super) next_number: u64,
}

/// The connections of one circuit, and what it has used.
#[derive(Default)]
pub(super) struct Circuit {
    pub(super) connections: BTreeMap<u64, Arc<Connection>>,
    /// Units: bytes of requests and responses that its connections hold in memory.
    pub(super) reserved: usize,
    pub(super) usage: CircuitUsage,
}

impl Circuit {
    /// Whether it can be forgotten without losing a limit.
    pub(super) fn is_forgettable(&self, at: Duration) -> bool {
        self.connections.is_empty() && self.usage.is_forgettable(at)
    }
}

/// One connection.
pub struct Connection {
    pub number: u64,
    pub(super) limiter: Arc<ConnectionLimiter>,
    pub(super) client: Mutex<ClientKey>,
    pub(super) state: AtomicU8,
    pub(super) since: AtomicU32,
    /// Whether its circuit has too many connections: its request is refused.
    pub(super) is_crowded: AtomicBool,
    /// Whether the whole shop was at capacity when it came.
    pub has_no_room: bool,
    pub(super) is_closed: AtomicBool,
    /// Requests received on this connection.
    pub(super) n_requests: AtomicU32,
    /// Whether the server has read all received bytes, and waits for more or for space to write.
    pub(super) was_read: AtomicBool,
    /// Whether the handler of its current request reads the body.
    pub(super) is_reading_body: AtomicBool,
    /// Whether the response to its current request has been handed over for sending.
    pub(super) is_response_ready: AtomicBool,
    /// Units: bytes of its request and response in memory. Changed only under the registry's lock.
    pub(super) reserved: AtomicUsize,
    pub(super) task: AtomicWaker,
    pub(super) closed: Notify,
}

/// Units: connections of one circuit. Tor Browser opens 6.
pub const MAX_CONNECTIONS_OF_CIRCUIT: usize = 64;
/// Units: circuits that are remembered. Beyond that, those that were quiet longest are forgotten.
pub(super) const MAX_CIRCUITS: usize = 8_192;
impl ConnectionLimiter {
    pub(super) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock()
    }
}

impl Registry {
    pub(super) fn insert(&mut self, client: ClientKey, connection: &Arc<Connection>) {
        if MAX_CIRCUITS <= self.circuits.len() && !self.circuits.contains_key(&client) {
            self.forget_quiet();
        }
        let circuit = self.circuits.entry(client).or_default();
        self.by_size.remove(&(circuit.connections.len(), client));
        circuit.connections.insert(connection.number, connection.clone());
        let reserved = connection.reserved.load(Relaxed);
        circuit.reserved += reserved;
        self.reserved += reserved;
        self.by_size.insert((circuit.connections.len(), client));
        self.n_connections += 1;
    }

    /// Removes a connection; returns whether it was still registered.
    pub(super) fn remove(&mut self, connection: &Connection) -> bool {
        let client = connection.client();
        let Some(circuit) = self.circuits.get_mut(&client) else { return false };
        let before = circuit.connections.len();
        if circuit.connections.remove(&connection.number).is_none() {
            return false;
        }
        let reserved = connection.reserved.swap(0, Relaxed);
        circuit.reserved -= reserved;
        self.reserved -= reserved;
        circuit.usage.last_seen = monotonic_now();
        self.by_size.remove(&(before, client));
        if 1 < before {
            self.by_size.insert((before - 1, client));
        }
        self.n_connections -= 1;
        true
    }

    /// Frees entries among the remembered circuits: removes the quarter of the idle ones that was quiet longest.
    fn forget_quiet(&mut self) {
        let mut quiet: Vec<Duration> = self
            .circuits
            .values()
            .filter(|circuit| circuit.connections.is_empty())
            .map(|circuit| circuit.usage.last_seen)
            .collect();
        if quiet.is_empty() {
            return;
        }
        let n = quiet.len() / 4;
        let (_, last, _) = quiet.select_nth_unstable(n);
        let last = *last;
        self.circuits
            .retain(|_, circuit| !circuit.connections.is_empty() || last < circuit.usage.last_seen);
    }
}
