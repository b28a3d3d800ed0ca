//! All connections, by circuit, with what each circuit has used.

mod fair_queue;
mod giving_way;
mod memory;
mod turns;

pub use memory::{NoMemory, UNCOUNTED};
pub use turns::Turn;

use crate::web::account::Account;
use crate::web::account::Verdict;
use crate::web::budget::Errand;
use crate::web::circuit::CircuitId;
use crate::web::clock::ticks;
use crate::web::lobby::fair_queue::FairQueue;
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
pub enum Caller {
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
pub enum Stage {
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

/// What the lobby is built from.
pub struct LobbyRules {
    /// Units: connections, all together.
    pub most_seats: usize,
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
pub struct Lobby {
    rules: LobbyRules,
    book: Mutex<Book>,
    /// Units: seconds since the start, counted by [`Lobby::tend`], so that a request asks no clock.
    beat: AtomicU32,
    n_refused: AtomicU64,
    looking: Arc<FairQueue>,
    buying: Arc<FairQueue>,
    /// Signalled when a connection gives memory back.
    released: Notify,
}

#[derive(Default)]
struct Book {
    accounts: HashMap<Caller, Account>,
    /// The same by number of connections, so that who holds most is found at once.
    by_size: BTreeSet<(usize, Caller)>,
    n_seats: usize,
    /// Units: bytes that connections hold, all together.
    held: usize,
    next_number: u64,
}

/// One connection.
pub struct Seat {
    pub number: u64,
    lobby: Arc<Lobby>,
    caller: Mutex<Caller>,
    stage: AtomicU8,
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
    /// Units: bytes of its request and answer in memory. Changed under the book's lock alone.
    held: AtomicUsize,
    task: AtomicWaker,
    gone: Notify,
}

/// Units: connections of one circuit. Tor Browser opens 6.
pub const MOST_OF_CIRCUIT: usize = 64;
/// Units: circuits that are remembered. Beyond them the one that was quiet longest is forgotten.
const MOST_ACCOUNTS: usize = 8_192;
/// Units: pages that are being made at once for those who look: one reader of the database fewer than there are, so
/// that who buys need not wait for a search.
pub const MOST_LOOKING: usize = crate::store::N_READERS as usize - 1;
/// Units: requests on the way to an order at once. The database has one writer; the others wait here for it, or write
/// their message meanwhile.
const MOST_BUYING: usize = 16;
/// Units: seconds that a connection may be at a stage. The server's own limits are a little shorter where it has any;
/// it has none for the head of a second request and for an answer that nobody takes.
const fn patience(stage: Stage) -> Option<u32> {
    match stage {
        Stage::Silent | Stage::Head => Some(16),
        Stage::Body => Some(62),
        Stage::Stalled => Some(60),
        Stage::Idle => Some(78),
        Stage::Queued | Stage::Working => None,
    }
}

impl Lobby {
    pub fn new(rules: LobbyRules) -> Arc<Self> {
        Arc::new(Self {
            rules,
            book: Mutex::default(),
            beat: AtomicU32::new(0),
            n_refused: AtomicU64::new(0),
            looking: FairQueue::new(MOST_LOOKING),
            buying: FairQueue::new(MOST_BUYING),
            released: Notify::new(),
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection comes in. Where the shop is full, another one gives way: of the circuit that has most of them the
    /// one that has waited longest for bytes. Whoever comes is always heard.
    pub fn enter(self: &Arc<Self>, caller: Caller) -> Arc<Seat> {
        let mut book = self.book();
        let is_full = self.rules.most_seats <= book.n_bounded() && !book.let_one_go();
        book.next_number += 1;
        let seat = Arc::new(Seat {
            number: book.next_number,
            lobby: self.clone(),
            caller: Mutex::new(caller),
            stage: AtomicU8::new(Stage::Silent as u8),
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
        book.seat(caller, &seat);
        seat
    }

    /// Once a second: connections that take too long are let go, quiet circuits forgotten.
    pub fn tend(&self) {
        let beat = self.beat.fetch_add(1, Relaxed) + 1;
        let mut book = self.book();
        let too_slow: Vec<Arc<Seat>> = book
            .accounts
            .values()
            .flat_map(|account| account.seats.values())
            .filter(|seat| {
                let passed = beat.saturating_sub(seat.since.load(Relaxed));
                patience(seat.stage()).is_some_and(|most| most < passed)
            })
            .cloned()
            .collect();
        for seat in too_slow {
            book.unseat(&seat);
            seat.let_go();
        }
        let at = ticks();
        book.accounts.retain(|_, account| !account.is_forgettable(at));
        drop(book);
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

impl Book {
    fn seat(&mut self, caller: Caller, seat: &Arc<Seat>) {
        if MOST_ACCOUNTS <= self.accounts.len() && !self.accounts.contains_key(&caller) {
            self.forget_quiet();
        }
        let account = self.accounts.entry(caller).or_default();
        self.by_size.remove(&(account.seats.len(), caller));
        account.seats.insert(seat.number, seat.clone());
        let held = seat.held.load(Relaxed);
        account.held += held;
        self.held += held;
        self.by_size.insert((account.seats.len(), caller));
        self.n_seats += 1;
    }

    /// Takes a connection out; whether it was still in.
    fn unseat(&mut self, seat: &Seat) -> bool {
        let caller = seat.caller();
        let Some(account) = self.accounts.get_mut(&caller) else { return false };
        let before = account.seats.len();
        if account.seats.remove(&seat.number).is_none() {
            return false;
        }
        let held = seat.held.swap(0, Relaxed);
        account.held -= held;
        self.held -= held;
        account.last_seen = ticks();
        self.by_size.remove(&(before, caller));
        if 1 < before {
            self.by_size.insert((before - 1, caller));
        }
        self.n_seats -= 1;
        true
    }

    /// Makes room among the remembered circuits: the quarter of the idle ones that was quiet longest goes.
    fn forget_quiet(&mut self) {
        let mut quiet: Vec<Duration> = self
            .accounts
            .values()
            .filter(|account| account.seats.is_empty())
            .map(|account| account.last_seen)
            .collect();
        if quiet.is_empty() {
            return;
        }
        let n = quiet.len() / 4;
        let (_, last, _) = quiet.select_nth_unstable(n);
        let last = *last;
        self.accounts.retain(|_, account| !account.seats.is_empty() || last < account.last_seen);
    }
}

/// In the order of their numbers.
const STAGES: [Stage; 7] = [
    Stage::Silent,
    Stage::Head,
    Stage::Body,
    Stage::Stalled,
    Stage::Idle,
    Stage::Queued,
    Stage::Working,
];

impl Seat {
    pub fn caller(&self) -> Caller {
        *self.caller.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tor's line was read, or there is none; or a request has shown whose connection it is. What it holds stays counted.
    pub fn decide(self: &Arc<Self>, caller: Caller) {
        let mut book = self.lobby.book();
        let held = self.held.load(Relaxed);
        if !book.unseat(self) {
            return;
        }
        self.held.store(held, Relaxed);
        *self.caller.lock().unwrap_or_else(PoisonError::into_inner) = caller;
        book.seat(caller, self);
        let n_seats = book.accounts.get(&caller).map_or(0, |account| account.seats.len());
        if MOST_OF_CIRCUIT < n_seats && !book.let_one_of_go(caller, self.number) {
            self.is_crowded.store(true, Relaxed);
        }
    }

    pub fn stage(&self) -> Stage {
        STAGES[usize::from(self.stage.load(Relaxed)) % STAGES.len()]
    }

    pub fn turn_to(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
        self.since.store(self.lobby.beat.load(Relaxed), Relaxed);
    }

    /// Bytes have come.
    pub fn heard(&self) {
        if matches!(self.stage(), Stage::Silent | Stage::Idle) {
            self.turn_to(Stage::Head);
        }
    }

    /// Bytes could not be sent.
    pub fn stalls(&self) {
        if matches!(self.stage(), Stage::Idle | Stage::Head) {
            self.turn_to(Stage::Stalled);
        }
    }

    /// Bytes were sent.
    pub fn takes(&self) {
        if self.stage() == Stage::Stalled {
            self.turn_to(Stage::Idle);
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
        self.lobby.book().unseat(self);
        self.lobby.released.notify_waiters();
    }

    /// Waits, but not longer than the connection lasts.
    pub async fn wait(&self, time: Duration) {
        self.turn_to(Stage::Queued);
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.gone.notified() => {}
        }
        self.turn_to(Stage::Working);
    }

    /// What this circuit's budgets say of a request. Who waits calls [`Seat::has_waited`] afterwards, who is held
    /// [`Seat::was_held`].
    pub fn ask(&self, errand: Errand) -> Verdict {
        let caller = self.caller();
        if caller == Caller::Anybody {
            return Verdict::Go;
        }
        let at = ticks();
        let mut book = self.lobby.book();
        let Some(account) = book.accounts.get_mut(&caller) else { return Verdict::Go };
        let verdict = account.ask(errand, at);
        if let Verdict::Refused { is_flood, .. } = verdict {
            self.lobby.n_refused.fetch_add(1, Relaxed);
            if is_flood
                && let (Caller::Circuit(circuit), Some(closer)) = (caller, &self.lobby.rules.closer)
            {
                // Where the one who closes is behind, the circuit will be named again.
                let _ = closer.try_send(circuit.0);
            }
        }
        verdict
    }

    pub fn has_waited(&self) {
        if let Some(account) = self.lobby.book().accounts.get_mut(&self.caller()) {
            account.has_waited();
        }
    }

    pub fn was_held(&self) {
        if let Some(account) = self.lobby.book().accounts.get_mut(&self.caller()) {
            account.was_held();
        }
    }

    /// Counts an order with so many pieces for this circuit, before it is placed.
    ///
    /// # Errors
    /// How long until the circuit may order again.
    pub fn book_order(self: &Arc<Self>, pieces: i64) -> Result<Option<BookedOrder>, Duration> {
        let caller = self.caller();
        if caller == Caller::Anybody {
            return Ok(None);
        }
        let (at, rules) = (ticks(), &self.lobby.rules);
        let mut book = self.lobby.book();
        let Some(account) = book.accounts.get_mut(&caller) else { return Ok(None) };
        let most = usize::try_from(rules.most_unpaid / 10).unwrap_or(0);
        let until = account.book_order(pieces, most, rules.payment_time, at)?;
        Ok(Some(BookedOrder { seat: self.clone(), until, pieces, is_kept: false }))
    }
}

/// An order that counts for a circuit, unless it is dropped before it is kept.
pub struct BookedOrder {
    seat: Arc<Seat>,
    until: Duration,
    pieces: i64,
    is_kept: bool,
}

impl BookedOrder {
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for BookedOrder {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Some(account) = self.seat.lobby.book().accounts.get_mut(&self.seat.caller()) {
            account.unbook_order(self.until, self.pieces);
        }
    }
}

#[cfg(test)]
mod tests;
