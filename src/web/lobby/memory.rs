//! How much memory connections may hold: heads and bodies of requests, and answers that are not sent yet.

use crate::web::lobby::Book;
use crate::web::lobby::Caller;
use crate::web::lobby::Seat;
use crate::web::lobby::Stage;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// What each connection may hold without being counted: an ordinary request, or a small page. Units: bytes.
pub const UNCOUNTED: usize = 4 * 1024;
/// What all connections of one circuit may hold, or at the desk those of all strangers. Units: bytes.
const MOST_OF_CIRCUIT: usize = 3 * 1024 * 1024;
/// How long a request waits for memory.
const WAIT: Duration = Duration::from_secs(5);

/// There is no memory for the request or its answer, and none became free in time.
#[derive(Debug)]
pub struct NoMemory;

impl Seat {
    /// Counts so many more bytes for this connection. Where they are not there, connections that wait for their client
    /// give way: of the same circuit, or of whoever holds most.
    ///
    /// # Errors
    /// `NoMemory` where all of it is in use by requests that are being answered.
    pub fn hold(&self, bytes: usize) -> Result<(), NoMemory> {
        let caller = self.caller();
        let most = self.lobby.rules.most_held;
        let mut book = self.lobby.book();
        let book = &mut *book;
        loop {
            let account = book.accounts.get_mut(&caller).ok_or(NoMemory)?;
            if !account.seats.contains_key(&self.number) {
                return Err(NoMemory);
            }
            let is_unbounded = matches!(caller, Caller::Anybody | Caller::Seller);
            let is_of_circuit = !is_unbounded && MOST_OF_CIRCUIT < account.held + bytes;
            if !is_of_circuit && book.held + bytes <= most {
                account.held += bytes;
                self.held.fetch_add(bytes, Relaxed);
                book.held += bytes;
                return Ok(());
            }
            let only = is_of_circuit.then_some(caller);
            if !book.free_memory(only, self.number) {
                return Err(NoMemory);
            }
        }
    }

    /// The same, and waits for others to give memory back.
    ///
    /// # Errors
    /// `NoMemory` after some seconds.
    pub async fn hold_soon(&self, bytes: usize) -> Result<(), NoMemory> {
        let wait = async {
            loop {
                let released = self.lobby.released.notified();
                if self.hold(bytes).is_ok() {
                    return;
                }
                released.await;
            }
        };
        tokio::select! {
            () = wait => Ok(()),
            () = tokio::time::sleep(WAIT) => Err(NoMemory),
            () = self.gone.notified() => Err(NoMemory),
        }
    }

    /// Gives back all that this connection holds: its answer was sent.
    pub fn release(&self) {
        if self.held.load(Relaxed) == 0 {
            return;
        }
        let mut book = self.lobby.book();
        let held = self.held.swap(0, Relaxed);
        if let Some(account) = book.accounts.get_mut(&self.caller()) {
            account.held -= held;
        }
        book.held -= held;
        drop(book);
        self.lobby.released.notify_waiters();
    }
}

impl Book {
    /// Ends one connection that holds memory and waits for its client: the one that has waited longest. `only`: of this
    /// circuit; else of the one that holds most.
    fn free_memory(&mut self, only: Option<Caller>, except: u64) -> bool {
        let of_circuit = |caller: &Caller| self.longest_holder(*caller, except);
        let found = match only {
            Some(caller) => of_circuit(&caller),
            None => {
                let mut callers: Vec<(usize, Caller)> = self
                    .by_size
                    .iter()
                    .map(|(_, caller)| (self.accounts[caller].held, *caller))
                    .filter(|(held, _)| 0 < *held)
                    .collect();
                callers.sort_unstable_by(|one, other| other.cmp(one));
                callers.iter().find_map(|(_, caller)| of_circuit(caller))
            }
        };
        let Some(seat) = found else { return false };
        self.unseat(&seat);
        seat.let_go();
        true
    }

    fn longest_holder(&self, caller: Caller, except: u64) -> Option<Arc<Seat>> {
        let seats = self.accounts.get(&caller)?.seats.values();
        let waits = |seat: &&Arc<Seat>| {
            seat.number != except
                && 0 < seat.held.load(Relaxed)
                && !matches!(seat.stage(), Stage::Queued | Stage::Working)
        };
        seats.filter(waits).min_by_key(|seat| (seat.since.load(Relaxed), seat.number)).cloned()
    }
}
