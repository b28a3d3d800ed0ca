//! When a request is answered: how many are at once, and who is next.

use crate::web::budget::Errand;
use crate::web::clock::ticks;
use crate::web::lobby::Caller;
use crate::web::lobby::Seat;
use crate::web::lobby::Stage;
use crate::web::lobby::fair_queue::FairQueue;
use crate::web::lobby::fair_queue::Permit;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

/// How long a request waits for its turn in the whole shop.
const TURN_TIME: Duration = Duration::from_secs(10);
/// The whole shop has no room at the moment.
#[derive(Debug)]
pub struct NoTurn;

/// A request's turn, until it is dropped.
pub struct Turn {
    _of_circuit: Option<OwnedSemaphorePermit>,
    _in_shop: Permit,
}

/// Where a request waits for its turn.
struct Places {
    of_circuit: Option<Arc<Semaphore>>,
    in_shop: Arc<FairQueue>,
    /// Units: requests of its circuit lately, or of its connection where circuits are not told apart.
    n_asked: u32,
}

impl Seat {
    /// What a turn is made of: a place among the requests of the circuit, and a place in the shop.
    fn places(&self, errand: Errand) -> Places {
        let in_shop = match errand {
            Errand::Look => self.lobby.looking.clone(),
            _ => self.lobby.buying.clone(),
        };
        let caller = self.caller();
        let book = self.lobby.book();
        let account = book.accounts.get(&caller).filter(|_| caller != Caller::Anybody);
        match account {
            Some(account) => Places {
                of_circuit: Some(account.desk.clone()),
                in_shop,
                n_asked: account.n_asked(errand, ticks()),
            },
            None => Places { of_circuit: None, in_shop, n_asked: self.n_requests.load(Relaxed) },
        }
    }

    /// Mostly there is room, and then nobody waits and no timer is set.
    pub fn turn_at_once(&self, errand: Errand) -> Option<Turn> {
        let places = self.places(errand);
        let of_circuit = match places.of_circuit {
            None => None,
            Some(of_circuit) => Some(of_circuit.try_acquire_owned().ok()?),
        };
        let in_shop = places.in_shop.try_acquire()?;
        Some(Turn { _of_circuit: of_circuit, _in_shop: in_shop })
    }

    /// Waits for this request's turn: first among those of its circuit, then in the whole shop, where the requests of
    /// those who have asked for least lately go first.
    ///
    /// # Errors
    /// `NoTurn` where it would take too long.
    pub async fn turn(&self, errand: Errand) -> Result<Turn, NoTurn> {
        if let Some(turn) = self.turn_at_once(errand) {
            return Ok(turn);
        }
        let places = self.places(errand);
        self.turn_to(Stage::Queued);
        let turn = async {
            let of_circuit = match places.of_circuit {
                None => None,
                Some(of_circuit) => of_circuit.acquire_owned().await.ok(),
            };
            let in_shop = places.in_shop.acquire(places.n_asked).await;
            Turn { _of_circuit: of_circuit, _in_shop: in_shop }
        };
        let turn = tokio::select! {
            turn = turn => Ok(turn),
            () = tokio::time::sleep(TURN_TIME) => Err(NoTurn),
            () = self.gone.notified() => Err(NoTurn),
        };
        self.turn_to(Stage::Working);
        if turn.is_err() {
            self.lobby.n_refused.fetch_add(1, Relaxed);
        }
        turn
    }
}
