//! Which connection is closed where there is no room for another.

use crate::web::lobby::Book;
use crate::web::lobby::Caller;
use crate::web::lobby::MOST_OF_CIRCUIT;
use crate::web::lobby::Seat;
use crate::web::lobby::Stage;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl Book {
    /// How many connections count against the most there may be: the seller's own do not.
    pub(super) fn n_bounded(&self) -> usize {
        let sellers = self.accounts.get(&Caller::Seller).map_or(0, |account| account.seats.len());
        self.n_seats - sellers
    }

    /// Whether a connection of those who have most could be let go. The seller's own are not looked at.
    pub(super) fn let_one_go(&mut self) -> bool {
        let callers = self.by_size.iter().rev().map(|(_, caller)| *caller);
        let largest: Vec<Caller> =
            callers.filter(|caller| *caller != Caller::Seller).take(8).collect();
        largest.into_iter().any(|caller| self.let_one_of_go(caller, 0))
    }

    /// Lets one connection of a caller go, but not one that came with `newest` or later.
    pub(super) fn let_one_of_go(&mut self, caller: Caller, newest: u64) -> bool {
        let Some(account) = self.accounts.get(&caller) else { return false };
        // The oldest come first: to look at some of them is enough, and looking stays short.
        let candidates = account.seats.values().take(MOST_OF_CIRCUIT);
        let candidates = candidates.filter(|seat| newest == 0 || seat.number < newest);
        let chosen = if caller == Caller::Stranger {
            oldest_stranger(candidates)
        } else {
            longest_waiting(candidates)
        };
        let Some(seat) = chosen.cloned() else { return false };
        self.unseat(&seat);
        seat.let_go();
        true
    }
}

/// What has never asked anything goes first, then what asked longest ago.
fn longest_waiting<'a>(seats: impl Iterator<Item = &'a Arc<Seat>>) -> Option<&'a Arc<Seat>> {
    let waiting = seats.filter(|seat| seat.stage() != Stage::Working);
    waiting.min_by_key(|seat| (seat.stage(), seat.since.load(Relaxed), seat.number))
}

/// The first that came goes first, whatever it does meanwhile: bytes that trickle in win it no time. A connection whose
/// first bytes were not read yet stays: they may show that it is the seller's.
fn oldest_stranger<'a>(seats: impl Iterator<Item = &'a Arc<Seat>>) -> Option<&'a Arc<Seat>> {
    let mut heard = seats.filter(|seat| seat.was_read.load(Relaxed));
    heard.find(|seat| seat.stage() != Stage::Working)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::lobby::Lobby;
    use crate::web::lobby::LobbyRules;
    use std::task::Waker;
    use std::time::Duration;

    fn desk(most_seats: usize) -> Arc<Lobby> {
        let payment_time = Duration::ZERO;
        Lobby::new(LobbyRules {
            most_seats,
            most_held: 0,
            most_unpaid: 0,
            payment_time,
            closer: None,
        })
    }

    /// A connection that has sent what it wants to send for now.
    fn come(lobby: &Arc<Lobby>, caller: Caller) -> Arc<Seat> {
        let seat = lobby.enter(Caller::Stranger);
        assert!(!is_let_go(&seat));
        seat.decide(caller);
        seat
    }

    fn is_let_go(seat: &Seat) -> bool {
        seat.is_gone(Waker::noop())
    }

    #[test]
    fn no_crowd_of_strangers_takes_a_place_of_the_sellers() {
        let lobby = desk(4);
        let first = come(&lobby, Caller::Seller);
        let crowd: Vec<_> = (0..200).map(|_| come(&lobby, Caller::Stranger)).collect();
        let second = come(&lobby, Caller::Seller);
        for seat in crowd.iter().rev().take(2) {
            seat.turn_to(Stage::Working);
        }
        let newer: Vec<_> = (0..200).map(|_| come(&lobby, Caller::Stranger)).collect();
        assert!(!is_let_go(&first) && !is_let_go(&second) && !second.has_no_room());
        assert_eq!(newer.iter().filter(|seat| !is_let_go(seat)).count(), 2);
        assert_eq!(crowd.iter().filter(|seat| !is_let_go(seat)).count(), 2, "those at work");
    }

    #[test]
    fn the_sellers_connections_take_no_place_of_strangers_and_are_bounded() {
        let lobby = desk(2);
        let stranger = come(&lobby, Caller::Stranger);
        let sellers: Vec<_> = (0..100).map(|_| come(&lobby, Caller::Seller)).collect();
        assert!(!is_let_go(&stranger), "a newcomer counts as a stranger only until it is known");
        assert_eq!(sellers.iter().filter(|seat| !is_let_go(seat)).count(), MOST_OF_CIRCUIT);
    }

    #[test]
    fn among_strangers_the_oldest_goes_first_whatever_it_does() {
        for stage in [Stage::Silent, Stage::Head, Stage::Body, Stage::Stalled, Stage::Idle] {
            let lobby = desk(3);
            let crowd: Vec<_> = (0..3).map(|_| come(&lobby, Caller::Stranger)).collect();
            crowd[0].turn_to(stage);
            crowd[1].turn_to(Stage::Silent);
            come(&lobby, Caller::Stranger);
            let gone: Vec<bool> = crowd.iter().map(|seat| is_let_go(seat)).collect();
            assert_eq!(gone, [true, false, false], "{stage:?}");
        }
    }

    #[test]
    fn a_stranger_is_heard_before_it_gives_way() {
        let lobby = desk(2);
        let unheard: Vec<_> = (0..2).map(|_| lobby.enter(Caller::Stranger)).collect();
        let third = lobby.enter(Caller::Stranger);
        assert!(third.has_no_room(), "there was nobody who could give way");
        assert!(unheard.iter().all(|seat| !is_let_go(seat)));
        lobby.enter(Caller::Stranger);
        assert!(is_let_go(&unheard[0]) && !is_let_go(&unheard[1]));
    }
}
