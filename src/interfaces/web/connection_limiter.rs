//! All connections, by circuit, with what each circuit has used.

mod eviction;
mod fair_queue;
mod memory;
mod permits;

pub use memory::{NoMemory, UNCOUNTED};
pub use permits::Permit;

use crate::interfaces::web::circuit::CircuitId;
use crate::interfaces::web::circuit_usage::CircuitUsage;
use crate::interfaces::web::circuit_usage::Decision;
use crate::interfaces::web::clock::monotonic_now;
use crate::interfaces::web::connection_limiter::fair_queue::FairQueue;
use crate::interfaces::web::rate_limit::RequestClass;
use futures_util::task::AtomicWaker;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Waker;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc;

/// On which circuit a connection came, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientKey {
    /// Circuits are not told apart: all are alike, and only what holds for the whole shop holds for them.
    Anybody,
    /// Tor's line is still awaited.
    Undecided,
    /// No line of tor's: all of those count as one circuit.
    NoLine,
    Circuit(CircuitId),
    /// At the desk: a browser that has not shown that it is the seller's.
    Stranger,
    /// At the desk: the seller's own browser. It never gives way to a stranger, and takes no stranger's place.
    Seller,
}

/// What a connection is about at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ConnectionState {
    /// Nothing has come yet.
    Silent,
    /// A part of a request's head has come.
    Head,
    /// A part of a form has come.
    Body,
    /// It does not take what is sent.
    Stalled,
    /// Kept for the next request.
    Idle,
    /// Its request waits for its turn.
    Queued,
    /// Its request is being answered.
    Working,
}

/// What the limiter is built from.
pub struct ConnectionLimits {
    /// Units: connections, all together.
    pub most_connections: usize,
    /// Units: bytes of requests and answers in memory, all connections together.
    pub most_held: usize,
    /// Units: orders that may be unpaid in the whole shop; one circuit gets a tenth of it.
    pub most_unpaid: i64,
    /// How long an unpaid order stands.
    pub payment_time: Duration,
    /// Who closes circuits that go on asking too much.
    pub closer: Option<mpsc::Sender<u32>>,
}

/// Who is in the shop at the moment: every connection, by circuit, with what each circuit has used up. In memory alone,
/// and forgotten when it no longer matters.
pub struct ConnectionLimiter {
    rules: ConnectionLimits,
    registry: Mutex<Registry>,
    /// Units: seconds since the start, counted by [`ConnectionLimiter::reap`], so that a request asks no clock.
    beat: AtomicU32,
    n_refused: AtomicU64,
    looking: Arc<FairQueue>,
    buying: Arc<FairQueue>,
    /// Signalled when a connection gives memory back.
    released: Notify,
}

#[derive(Default)]
struct Registry {
    circuits: HashMap<ClientKey, CircuitUsage>,
    /// The same by number of connections, so that who holds most is found at once.
    by_size: BTreeSet<(usize, ClientKey)>,
    n_connections: usize,
    /// Units: bytes that connections hold, all together.
    held: usize,
    next_number: u64,
}

/// One connection.
pub struct Connection {
    pub number: u64,
    limiter: Arc<ConnectionLimiter>,
    client: Mutex<ClientKey>,
    state: AtomicU8,
    since: AtomicU32,
    /// Whether its circuit has no room for it: its request is answered with that.
    is_crowded: AtomicBool,
    /// Whether the whole shop had no room when it came.
    has_no_room: bool,
    is_gone: AtomicBool,
    /// Requests that came on this connection.
    n_requests: AtomicU32,
    /// Whether the server has read all that came, and waits for more or for room to write.
    was_read: AtomicBool,
    /// Whether the handler of its current request reads the body.
    reads_body: AtomicBool,
    /// Whether the answer to its current request has been handed over for sending.
    is_answered: AtomicBool,
    /// Units: bytes of its request and answer in memory. Changed under the registry's lock alone.
    held: AtomicUsize,
    task: AtomicWaker,
    gone: Notify,
}

/// Units: connections of one circuit. Tor Browser opens 6.
pub const MOST_OF_CIRCUIT: usize = 64;
/// Units: circuits that are remembered. Beyond them the one that was quiet longest is forgotten.
const MOST_CIRCUITS: usize = 8_192;
/// Units: pages that are being made at once for those who look: one reader of the database fewer than there are, so
/// that who buys need not wait for a search.
pub const MOST_LOOKING: usize = crate::infra::store::N_READERS as usize - 1;
/// Units: requests on the way to an order at once. The database has one writer; the others wait here for it, or write
/// their message meanwhile.
const MOST_BUYING: usize = 16;
/// Units: seconds that a connection may be at a stage. The server's own limits are a little shorter where it has any;
/// it has none for the head of a second request and for an answer that nobody takes.
const fn patience(state: ConnectionState) -> Option<u32> {
    match state {
        ConnectionState::Silent | ConnectionState::Head => Some(16),
        ConnectionState::Body => Some(62),
        ConnectionState::Stalled => Some(60),
        ConnectionState::Idle => Some(78),
        ConnectionState::Queued | ConnectionState::Working => None,
    }
}

impl ConnectionLimiter {
    pub fn new(rules: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            rules,
            registry: Mutex::default(),
            beat: AtomicU32::new(0),
            n_refused: AtomicU64::new(0),
            looking: FairQueue::new(MOST_LOOKING),
            buying: FairQueue::new(MOST_BUYING),
            released: Notify::new(),
        })
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection comes in. Where the shop is full, another one gives way: of the circuit that has most of them the
    /// one that has waited longest for bytes. Whoever comes is always heard.
    pub fn enter(self: &Arc<Self>, client: ClientKey) -> Arc<Connection> {
        let mut registry = self.registry();
        let is_full = self.rules.most_connections <= registry.n_bounded() && !registry.let_one_go();
        registry.next_number += 1;
        let connection = Arc::new(Connection {
            number: registry.next_number,
            limiter: self.clone(),
            client: Mutex::new(client),
            state: AtomicU8::new(ConnectionState::Silent as u8),
            since: AtomicU32::new(self.beat.load(Relaxed)),
            is_crowded: AtomicBool::new(false),
            has_no_room: is_full,
            is_gone: AtomicBool::new(false),
            n_requests: AtomicU32::new(0),
            was_read: AtomicBool::new(false),
            reads_body: AtomicBool::new(false),
            is_answered: AtomicBool::new(false),
            held: AtomicUsize::new(0),
            task: AtomicWaker::new(),
            gone: Notify::new(),
        });
        registry.insert(client, &connection);
        connection
    }

    /// Once a second: connections that take too long are let go, quiet circuits forgotten.
    pub fn reap(&self) {
        let beat = self.beat.fetch_add(1, Relaxed) + 1;
        let mut registry = self.registry();
        let too_slow: Vec<Arc<Connection>> = registry
            .circuits
            .values()
            .flat_map(|account| account.connections.values())
            .filter(|connection| {
                let passed = beat.saturating_sub(connection.since.load(Relaxed));
                patience(connection.state()).is_some_and(|most| most < passed)
            })
            .cloned()
            .collect();
        for connection in too_slow {
            registry.remove(&connection);
            connection.let_go();
        }
        let at = monotonic_now();
        registry.circuits.retain(|_, account| !account.is_forgettable(at));
        drop(registry);
        if beat.is_multiple_of(60) {
            let n_refused = self.n_refused.swap(0, Relaxed);
            if 0 < n_refused {
                tracing::warn!(
                    "{n_refused} requests were refused within a minute: somebody asks too much"
                );
            }
        }
    }
}

impl Registry {
    fn insert(&mut self, client: ClientKey, connection: &Arc<Connection>) {
        if MOST_CIRCUITS <= self.circuits.len() && !self.circuits.contains_key(&client) {
            self.forget_quiet();
        }
        let account = self.circuits.entry(client).or_default();
        self.by_size.remove(&(account.connections.len(), client));
        account.connections.insert(connection.number, connection.clone());
        let held = connection.held.load(Relaxed);
        account.held += held;
        self.held += held;
        self.by_size.insert((account.connections.len(), client));
        self.n_connections += 1;
    }

    /// Takes a connection out; whether it was still in.
    fn remove(&mut self, connection: &Connection) -> bool {
        let client = connection.client();
        let Some(account) = self.circuits.get_mut(&client) else { return false };
        let before = account.connections.len();
        if account.connections.remove(&connection.number).is_none() {
            return false;
        }
        let held = connection.held.swap(0, Relaxed);
        account.held -= held;
        self.held -= held;
        account.last_seen = monotonic_now();
        self.by_size.remove(&(before, client));
        if 1 < before {
            self.by_size.insert((before - 1, client));
        }
        self.n_connections -= 1;
        true
    }

    /// Makes room among the remembered circuits: the quarter of the idle ones that was quiet longest goes.
    fn forget_quiet(&mut self) {
        let mut quiet: Vec<Duration> = self
            .circuits
            .values()
            .filter(|account| account.connections.is_empty())
            .map(|account| account.last_seen)
            .collect();
        if quiet.is_empty() {
            return;
        }
        let n = quiet.len() / 4;
        let (_, last, _) = quiet.select_nth_unstable(n);
        let last = *last;
        self.circuits
            .retain(|_, account| !account.connections.is_empty() || last < account.last_seen);
    }
}

/// In the order of their numbers.
const STATES: [ConnectionState; 7] = [
    ConnectionState::Silent,
    ConnectionState::Head,
    ConnectionState::Body,
    ConnectionState::Stalled,
    ConnectionState::Idle,
    ConnectionState::Queued,
    ConnectionState::Working,
];

impl Connection {
    pub fn client(&self) -> ClientKey {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tor's line was read, or there is none; or a request has shown whose connection it is. What it holds stays counted.
    pub fn decide(self: &Arc<Self>, client: ClientKey) {
        let mut registry = self.limiter.registry();
        let held = self.held.load(Relaxed);
        if !registry.remove(self) {
            return;
        }
        self.held.store(held, Relaxed);
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = client;
        registry.insert(client, self);
        let n_connections =
            registry.circuits.get(&client).map_or(0, |account| account.connections.len());
        if MOST_OF_CIRCUIT < n_connections && !registry.let_one_of_go(client, self.number) {
            self.is_crowded.store(true, Relaxed);
        }
    }

    pub fn state(&self) -> ConnectionState {
        STATES[usize::from(self.state.load(Relaxed)) % STATES.len()]
    }

    pub fn set_state(&self, state: ConnectionState) {
        self.state.store(state as u8, Relaxed);
        self.since.store(self.limiter.beat.load(Relaxed), Relaxed);
    }

    /// Bytes have come.
    pub fn heard(&self) {
        if matches!(self.state(), ConnectionState::Silent | ConnectionState::Idle) {
            self.set_state(ConnectionState::Head);
        }
    }

    /// Bytes could not be sent.
    pub fn stalls(&self) {
        if matches!(self.state(), ConnectionState::Idle | ConnectionState::Head) {
            self.set_state(ConnectionState::Stalled);
        }
    }

    /// Bytes were sent.
    pub fn takes(&self) {
        if self.state() == ConnectionState::Stalled {
            self.set_state(ConnectionState::Idle);
        }
    }

    /// Whether the connection is to end; if not, `waker` is woken when it is.
    pub fn is_gone(&self, waker: &Waker) -> bool {
        if !self.is_gone.load(SeqCst) {
            self.was_read.store(true, Relaxed);
            self.task.register(waker);
        }
        self.is_gone.load(SeqCst)
    }

    pub fn is_crowded(&self) -> bool {
        self.is_crowded.load(Relaxed)
    }

    pub fn has_no_room(&self) -> bool {
        self.has_no_room
    }

    /// The parser is given a request.
    pub fn begin_request(&self) {
        self.n_requests.fetch_add(1, Relaxed);
        self.is_answered.store(false, SeqCst);
        self.reads_body.store(false, SeqCst);
    }

    /// The answer to the current request is complete and only has to be sent.
    pub fn end_request(&self) {
        self.is_answered.store(true, SeqCst);
    }

    pub fn is_answered(&self) -> bool {
        self.is_answered.load(SeqCst)
    }

    /// The handler reads the request's body from now on.
    pub fn begin_body(&self) {
        self.reads_body.store(true, SeqCst);
        self.task.wake();
    }

    pub fn reads_body(&self) -> bool {
        self.reads_body.load(SeqCst)
    }

    fn let_go(&self) {
        self.is_gone.store(true, SeqCst);
        self.task.wake();
        self.gone.notify_one();
    }

    /// The connection has ended.
    pub fn leave(&self) {
        self.limiter.registry().remove(self);
        self.limiter.released.notify_waiters();
    }

    /// Waits, but not longer than the connection lasts.
    pub async fn wait(&self, time: Duration) {
        self.set_state(ConnectionState::Queued);
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.gone.notified() => {}
        }
        self.set_state(ConnectionState::Working);
    }

    /// What this circuit's budgets say of a request. Who waits calls [`Connection::has_waited`] afterwards, who is held
    /// [`Connection::was_held`].
    pub fn ask(&self, class: RequestClass) -> Decision {
        let client = self.client();
        if client == ClientKey::Anybody {
            return Decision::Go;
        }
        let at = monotonic_now();
        let mut registry = self.limiter.registry();
        let Some(account) = registry.circuits.get_mut(&client) else { return Decision::Go };
        let verdict = account.ask(class, at);
        if let Decision::Refused { is_flood, .. } = verdict {
            self.limiter.n_refused.fetch_add(1, Relaxed);
            if is_flood
                && let (ClientKey::Circuit(circuit), Some(closer)) =
                    (client, &self.limiter.rules.closer)
            {
                // Where the one who closes is behind, the circuit will be named again.
                let _ = closer.try_send(circuit.0);
            }
        }
        verdict
    }

    pub fn has_waited(&self) {
        if let Some(account) = self.limiter.registry().circuits.get_mut(&self.client()) {
            account.has_waited();
        }
    }

    pub fn was_held(&self) {
        if let Some(account) = self.limiter.registry().circuits.get_mut(&self.client()) {
            account.was_held();
        }
    }

    /// Counts an order with so many pieces for this circuit, before it is placed.
    ///
    /// # Errors
    /// How long until the circuit may order again.
    pub fn reserve_order(
        self: &Arc<Self>,
        pieces: i64,
    ) -> Result<Option<OrderReservation>, Duration> {
        let client = self.client();
        if client == ClientKey::Anybody {
            return Ok(None);
        }
        let (at, rules) = (monotonic_now(), &self.limiter.rules);
        let mut registry = self.limiter.registry();
        let Some(account) = registry.circuits.get_mut(&client) else { return Ok(None) };
        let most = usize::try_from(rules.most_unpaid / 10).unwrap_or(0);
        let until = account.reserve_order(pieces, most, rules.payment_time, at)?;
        Ok(Some(OrderReservation { connection: self.clone(), until, pieces, is_kept: false }))
    }
}

/// An order that counts for a circuit, unless it is dropped before it is kept.
pub struct OrderReservation {
    connection: Arc<Connection>,
    until: Duration,
    pieces: i64,
    is_kept: bool,
}

impl OrderReservation {
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for OrderReservation {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Some(account) =
            self.connection.limiter.registry().circuits.get_mut(&self.connection.client())
        {
            account.cancel_reservation(self.until, self.pieces);
        }
    }
}

#[cfg(test)]
mod tests;
