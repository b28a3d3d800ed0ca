//! Connections give way, wait and are let go.

use super::*;

fn lobby(most_seats: usize) -> Arc<Lobby> {
    Lobby::new(LobbyRules {
        most_seats,
        most_held: 10_000,
        most_unpaid: 1_000,
        payment_time: Duration::from_secs(60),
        closer: None,
    })
}

fn come(lobby: &Arc<Lobby>, circuit: u32) -> Arc<Seat> {
    let seat = lobby.enter(Caller::Undecided);
    seat.decide(Caller::Circuit(CircuitId(circuit)));
    seat
}

fn is_let_go(seat: &Seat) -> bool {
    seat.is_gone(Waker::noop())
}

#[test]
fn in_a_full_shop_the_circuit_with_most_connections_gives_way() {
    let lobby = lobby(10);
    let buyers: Vec<_> = (1..=3).map(|circuit| come(&lobby, circuit)).collect();
    let flood: Vec<_> = (0..20).map(|_| come(&lobby, 99)).collect();
    assert!(buyers.iter().all(|seat| !is_let_go(seat) && !seat.has_no_room()));
    assert_eq!(flood.iter().filter(|seat| is_let_go(seat)).count(), 13);
    let newcomer = come(&lobby, 4);
    assert!(!is_let_go(&newcomer) && !newcomer.has_no_room());
    assert_eq!(flood.iter().filter(|seat| is_let_go(seat)).count(), 14);
}

#[test]
fn a_request_that_is_being_answered_is_never_let_go() {
    let lobby = lobby(2);
    let busy: Vec<_> = (0..2).map(|_| come(&lobby, 1)).collect();
    for seat in &busy {
        seat.turn_to(Stage::Working);
    }
    let newcomer = come(&lobby, 2);
    assert!(newcomer.has_no_room() && busy.iter().all(|seat| !is_let_go(seat)));
    busy[0].turn_to(Stage::Idle);
    assert!(!come(&lobby, 3).has_no_room());
}

#[test]
fn one_circuit_has_a_bounded_number_of_connections() {
    let lobby = lobby(1_000);
    let seats: Vec<_> = (0..100).map(|_| come(&lobby, 1)).collect();
    let (gone, kept) = seats.split_at(100 - MOST_OF_CIRCUIT);
    assert!(gone.iter().all(|seat| is_let_go(seat)));
    assert!(kept.iter().all(|seat| !is_let_go(seat)));
    for seat in kept {
        seat.turn_to(Stage::Working);
    }
    assert!(come(&lobby, 1).is_crowded());
    assert!(!come(&lobby, 2).is_crowded());
}

#[test]
fn who_never_asked_goes_before_who_did() {
    let lobby = lobby(3);
    let asked = lobby.enter(Caller::Anybody);
    asked.turn_to(Stage::Idle);
    let silent = lobby.enter(Caller::Anybody);
    let third = lobby.enter(Caller::Anybody);
    third.turn_to(Stage::Idle);
    lobby.enter(Caller::Anybody);
    assert!(is_let_go(&silent) && !is_let_go(&asked) && !is_let_go(&third));
}

#[test]
fn connections_that_take_too_long_are_let_go() {
    let lobby = lobby(100);
    let seats: Vec<(Stage, Arc<Seat>)> = STAGES.map(|stage| (stage, come(&lobby, 1))).into();
    for (stage, seat) in &seats {
        seat.turn_to(*stage);
    }
    let still_in = || -> Vec<Stage> {
        let left = seats.iter().filter(|(_, seat)| !is_let_go(seat));
        left.map(|(stage, _)| *stage).collect()
    };
    for _ in 0..16 {
        lobby.tend();
    }
    assert_eq!(still_in().len(), 7);
    for _ in 0..4 {
        // More of a head does not give it more time.
        seats[1].1.heard();
        lobby.tend();
    }
    use Stage::*;
    assert_eq!(still_in(), [Body, Stalled, Idle, Queued, Working]);
    for _ in 0..80 {
        lobby.tend();
    }
    assert_eq!(still_in(), [Queued, Working]);
}

#[test]
fn circuits_are_forgotten_and_never_more_than_a_number_of_them_known() {
    let lobby = lobby(10);
    for circuit in 0..20_000 {
        come(&lobby, circuit).leave();
    }
    assert!(lobby.book().accounts.len() <= MOST_ACCOUNTS);
    assert!(lobby.book().by_size.is_empty() && lobby.book().n_seats == 0);
    let later = ticks() + Duration::from_secs(601);
    assert!(lobby.book().accounts.values().all(|account| account.is_forgettable(later)));
}

#[tokio::test]
async fn those_who_look_never_take_the_room_of_those_who_buy() {
    let lobby = lobby(1_000);
    let mut turns = Vec::new();
    for circuit in 0..u32::try_from(MOST_LOOKING).unwrap() {
        turns.push(come(&lobby, circuit).turn(Errand::Look).await.unwrap());
    }
    let late = come(&lobby, 900);
    let looked = tokio::time::timeout(Duration::from_millis(20), late.turn(Errand::Look)).await;
    assert!(looked.is_err(), "all places for looking are taken");
    for (n, errand) in [Errand::Buy, Errand::Send, Errand::Code, Errand::Order].iter().enumerate() {
        let seat = come(&lobby, 1_000 + u32::try_from(n).unwrap());
        turns.push(seat.turn(*errand).await.unwrap());
    }
}

/// A connection that has been sent a part of its answer.
fn stalled(lobby: &Arc<Lobby>, circuit: u32, held: usize) -> Arc<Seat> {
    let seat = come(lobby, circuit);
    seat.hold(held).unwrap();
    seat.turn_to(Stage::Stalled);
    seat
}

#[test]
fn who_holds_most_and_waits_gives_its_memory_to_others() {
    let lobby = lobby(100);
    let small = stalled(&lobby, 1, 1_000);
    let large: Vec<_> = (0..3).map(|_| stalled(&lobby, 2, 3_000)).collect();
    let buyer = come(&lobby, 3);
    buyer.turn_to(Stage::Working);
    buyer.hold(2_000).unwrap();
    assert!(is_let_go(&large[0]) && !is_let_go(&large[1]) && !is_let_go(&small));
    buyer.hold(7_000).unwrap();
    assert!(large.iter().all(|seat| is_let_go(seat)), "the buyer needs what they hold");
    // Never its own, and never what is being answered.
    assert!(buyer.hold(2_000).is_err() && !is_let_go(&buyer));
    assert!(come(&lobby, 4).hold(2_000).is_err());
    buyer.release();
    assert!(come(&lobby, 4).hold(9_000).is_ok());
    assert!(lobby.book().held <= 10_000);
}

#[test]
fn memory_comes_back_with_each_connection() {
    let lobby = lobby(100);
    let seats: Vec<_> = (0..5).map(|circuit| stalled(&lobby, circuit, 2_000)).collect();
    seats[0].leave();
    seats[1].release();
    assert_eq!(lobby.book().held, 6_000);
    for seat in &seats {
        seat.leave();
        seat.release();
    }
    assert_eq!(lobby.book().held, 0);
    assert!(lobby.book().accounts.values().all(|account| account.held == 0));
}

#[tokio::test]
async fn a_request_waits_for_memory_that_another_gives_back() {
    let lobby = lobby(100);
    let first = come(&lobby, 1);
    first.turn_to(Stage::Working);
    first.hold(9_000).unwrap();
    let second = come(&lobby, 2);
    // The first of the two is asked first, and has to wait.
    let (held, ()) = tokio::join!(second.hold_soon(5_000), async { first.release() });
    held.unwrap();
}
