//! Accepts connections, and closes those that take too long.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::interfaces::http::clock::monotonic_now;
use crate::interfaces::http::connection_limiter::fair_queue::FairQueue;
use crate::interfaces::http::connection_limiter::registry::{
    ClientKey, Connection, ConnectionLimiter, ConnectionLimits, ConnectionState,
};

/// Units: concurrent requests that lead to an order. Half of them are inserted together while the messages of the others are
/// written.
const MAX_CHECKOUTS: usize = 32;
/// Units: seconds that a connection may stay in a state. Where the server has a limit itself, it is a little shorter;
/// it has none for the head of a second request and for a response that the client does not read.
const fn timeout(state: ConnectionState) -> Option<u32> {
    match state {
        ConnectionState::Silent | ConnectionState::Head => Some(16),
        ConnectionState::Body => Some(62),
        ConnectionState::Stalled => Some(60),
        ConnectionState::Idle => Some(78),
        ConnectionState::Queued | ConnectionState::Working => None,
    }
}

impl ConnectionLimiter {
    pub fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            registry: Mutex::default(),
            uptime: AtomicU32::new(0),
            n_refused: AtomicU64::new(0),
            browsing: FairQueue::new(limits.most_browsing),
            checkouts: FairQueue::new(MAX_CHECKOUTS),
            released: Notify::new(),
            limits,
        })
    }

    /// Registers a new connection. If the shop is full, another one is closed: of the circuit that has the most, the
    /// one that has waited longest for bytes. A new connection is always accepted.
    pub fn register(self: &Arc<Self>, client: ClientKey) -> Arc<Connection> {
        let mut registry = self.registry();
        let is_full = self.limits.most_connections <= registry.n_bounded() && !registry.evict_one();
        registry.next_number += 1;
        let connection = Arc::new(Connection {
            number: registry.next_number,
            limiter: self.clone(),
            client: Mutex::new(client),
            state: AtomicU8::new(ConnectionState::Silent as u8),
            since: AtomicU32::new(self.uptime.load(Relaxed)),
            is_crowded: AtomicBool::new(false),
            has_no_room: is_full,
            is_closed: AtomicBool::new(false),
            n_requests: AtomicU32::new(0),
            was_read: AtomicBool::new(false),
            is_reading_body: AtomicBool::new(false),
            is_response_ready: AtomicBool::new(false),
            reserved: AtomicUsize::new(0),
            task: AtomicWaker::new(),
            closed: Notify::new(),
        });
        registry.insert(client, &connection);
        connection
    }

    /// Called once a second: closes connections that take too long, and forgets quiet circuits.
    pub fn reap(&self) {
        let uptime = self.uptime.fetch_add(1, Relaxed) + 1;
        let mut registry = self.registry();
        let too_slow: Vec<Arc<Connection>> = registry
            .circuits
            .values()
            .flat_map(|circuit| circuit.connections.values())
            .filter(|connection| {
                let passed = uptime.saturating_sub(connection.since.load(Relaxed));
                timeout(connection.state()).is_some_and(|most| most < passed)
            })
            .cloned()
            .collect();
        for connection in too_slow {
            registry.remove(&connection);
            connection.close();
        }
        let at = monotonic_now();
        registry.circuits.retain(|_, circuit| !circuit.is_forgettable(at));
        drop(registry);
        if uptime.is_multiple_of(60) {
            let n_refused = self.n_refused.swap(0, Relaxed);
            if 0 < n_refused {
                tracing::warn!(
                    "{n_refused} requests were refused within a minute: somebody asks too much"
                );
            }
        }
    }
}
