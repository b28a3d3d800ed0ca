//! Tests that connections are closed under pressure, queue, and time out.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::interfaces::http::circuit::CircuitId;
use crate::interfaces::http::clock::monotonic_now;
use crate::interfaces::http::connection_limiter::connection::STATES;
use crate::interfaces::http::connection_limiter::registry::MAX_CIRCUITS;
use crate::interfaces::http::connection_limiter::*;
use crate::interfaces::http::rate_limit::RequestClass;

const MAX_BROWSING: usize = 7;

fn limiter(most_connections: usize) -> Arc<ConnectionLimiter> {
    ConnectionLimiter::new(ConnectionLimits {
        most_connections,
        most_memory: 10_000,
        most_browsing: MAX_BROWSING,
        payment_time: Duration::from_secs(60),
        siege_payment_time: Duration::from_secs(20),
        closer: None,
    })
}

fn connect(limiter: &Arc<ConnectionLimiter>, circuit: u32) -> Arc<Connection> {
    let connection = limiter.register(ClientKey::Pending);
    connection.set_client(ClientKey::Circuit(CircuitId(circuit)));
    connection
}

fn is_evicted(connection: &Connection) -> bool {
    connection.is_closed(Waker::noop())
}

#[test]
fn in_a_full_shop_the_circuit_with_most_connections_gives_way() {
    let limiter = limiter(10);
    let buyers: Vec<_> = (1..=3).map(|circuit| connect(&limiter, circuit)).collect();
    let flood: Vec<_> = (0..20).map(|_| connect(&limiter, 99)).collect();
    assert!(buyers.iter().all(|connection| !is_evicted(connection) && !connection.has_no_room));
    assert_eq!(flood.iter().filter(|connection| is_evicted(connection)).count(), 13);
    let newcomer = connect(&limiter, 4);
    assert!(!is_evicted(&newcomer) && !newcomer.has_no_room);
    assert_eq!(flood.iter().filter(|connection| is_evicted(connection)).count(), 14);
}

#[test]
fn a_connection_whose_first_bytes_were_not_read_yet_gives_way_last() {
    let limiter = limiter(2);
    let unread = limiter.register(ClientKey::Pending);
    let silent = limiter.register(ClientKey::Pending);
    assert!(!is_evicted(&silent));
    let newcomer = limiter.register(ClientKey::Pending);
    assert!(is_evicted(&silent) && !is_evicted(&unread) && !newcomer.has_no_room);
}

#[test]
fn a_request_that_is_being_answered_is_never_evicted() {
    let limiter = limiter(2);
    let busy: Vec<_> = (0..2).map(|_| connect(&limiter, 1)).collect();
    for connection in &busy {
        connection.set_state(ConnectionState::Working);
    }
    let newcomer = connect(&limiter, 2);
    assert!(newcomer.has_no_room && busy.iter().all(|connection| !is_evicted(connection)));
    busy[0].set_state(ConnectionState::Idle);
    assert!(!connect(&limiter, 3).has_no_room);
}

#[test]
fn one_circuit_has_a_bounded_number_of_connections() {
    let limiter = limiter(1_000);
    let connections: Vec<_> = (0..100).map(|_| connect(&limiter, 1)).collect();
    let (gone, kept) = connections.split_at(100 - MAX_CONNECTIONS_OF_CIRCUIT);
    assert!(gone.iter().all(|connection| is_evicted(connection)));
    assert!(kept.iter().all(|connection| !is_evicted(connection)));
    for connection in kept {
        connection.set_state(ConnectionState::Working);
    }
    assert!(connect(&limiter, 1).is_crowded());
    assert!(!connect(&limiter, 2).is_crowded());
}

#[test]
fn a_connection_without_a_request_is_evicted_first() {
    let limiter = limiter(3);
    let asked = limiter.register(ClientKey::Untracked);
    asked.set_state(ConnectionState::Idle);
    let silent = limiter.register(ClientKey::Untracked);
    let third = limiter.register(ClientKey::Untracked);
    third.set_state(ConnectionState::Idle);
    limiter.register(ClientKey::Untracked);
    assert!(is_evicted(&silent) && !is_evicted(&asked) && !is_evicted(&third));
}

#[test]
fn slow_connections_are_closed() {
    let limiter = limiter(100);
    let connections: Vec<(ConnectionState, Arc<Connection>)> =
        STATES.map(|state| (state, connect(&limiter, 1))).into();
    for (state, connection) in &connections {
        connection.set_state(*state);
    }
    let still_in = || -> Vec<ConnectionState> {
        let left = connections.iter().filter(|(_, connection)| !is_evicted(connection));
        left.map(|(state, _)| *state).collect()
    };
    for _ in 0..16 {
        limiter.reap();
    }
    assert_eq!(still_in().len(), 7);
    for _ in 0..4 {
        // More bytes of the head do not give it more time.
        connections[1].1.on_received();
        limiter.reap();
    }
    use ConnectionState::*;
    assert_eq!(still_in(), [Body, Stalled, Idle, Queued, Working]);
    for _ in 0..80 {
        limiter.reap();
    }
    assert_eq!(still_in(), [Queued, Working]);
}

#[test]
fn circuits_are_forgotten_and_never_more_than_a_number_of_them_known() {
    let limiter = limiter(10);
    for circuit in 0..20_000 {
        connect(&limiter, circuit).unregister();
    }
    assert!(limiter.registry().circuits.len() <= MAX_CIRCUITS);
    assert!(limiter.registry().by_size.is_empty() && limiter.registry().n_connections == 0);
    let later = monotonic_now() + Duration::from_secs(601);
    assert!(limiter.registry().circuits.values().all(|usage| usage.is_forgettable(later)));
}

#[tokio::test]
async fn browsing_never_takes_the_permits_of_buyers() {
    let limiter = limiter(1_000);
    let mut permits = Vec::new();
    for circuit in 0..u32::try_from(MAX_BROWSING).unwrap() {
        permits
            .push(connect(&limiter, circuit).acquire_permit(RequestClass::Browse).await.unwrap());
    }
    let late = connect(&limiter, 900);
    let result =
        tokio::time::timeout(Duration::from_millis(20), late.acquire_permit(RequestClass::Browse))
            .await;
    assert!(result.is_err(), "all permits for browsing are taken");
    for (n, class) in
        [RequestClass::Buy, RequestClass::Form, RequestClass::OrderCode, RequestClass::PlaceOrder]
            .iter()
            .enumerate()
    {
        let connection = connect(&limiter, 1_000 + u32::try_from(n).unwrap());
        permits.push(connection.acquire_permit(*class).await.unwrap());
    }
}

/// A connection that has been sent part of its response.
fn stalled(limiter: &Arc<ConnectionLimiter>, circuit: u32, reserved: usize) -> Arc<Connection> {
    let connection = connect(limiter, circuit);
    connection.reserve_memory(reserved).unwrap();
    connection.set_state(ConnectionState::Stalled);
    connection
}

#[test]
fn a_waiting_client_with_most_memory_is_evicted() {
    let limiter = limiter(100);
    let small = stalled(&limiter, 1, 1_000);
    let large: Vec<_> = (0..3).map(|_| stalled(&limiter, 2, 3_000)).collect();
    let buyer = connect(&limiter, 3);
    buyer.set_state(ConnectionState::Working);
    buyer.reserve_memory(2_000).unwrap();
    assert!(is_evicted(&large[0]) && !is_evicted(&large[1]) && !is_evicted(&small));
    buyer.reserve_memory(7_000).unwrap();
    assert!(
        large.iter().all(|connection| is_evicted(connection)),
        "the buyer needs what they hold"
    );
    // Never its own, and never one that is being answered.
    assert!(buyer.reserve_memory(2_000).is_err() && !is_evicted(&buyer));
    assert!(connect(&limiter, 4).reserve_memory(2_000).is_err());
    buyer.release_memory();
    assert!(connect(&limiter, 4).reserve_memory(9_000).is_ok());
    assert!(limiter.registry().reserved <= 10_000);
}

#[test]
fn memory_comes_back_with_each_connection() {
    let limiter = limiter(100);
    let connections: Vec<_> = (0..5).map(|circuit| stalled(&limiter, circuit, 2_000)).collect();
    connections[0].unregister();
    connections[1].release_memory();
    assert_eq!(limiter.registry().reserved, 6_000);
    for connection in &connections {
        connection.unregister();
        connection.release_memory();
    }
    assert_eq!(limiter.registry().reserved, 0);
    assert!(limiter.registry().circuits.values().all(|usage| usage.reserved == 0));
}

#[tokio::test]
async fn a_request_waits_for_memory_that_another_gives_back() {
    let limiter = limiter(100);
    let first = connect(&limiter, 1);
    first.set_state(ConnectionState::Working);
    first.reserve_memory(9_000).unwrap();
    let second = connect(&limiter, 2);
    // The first of the two is polled first, and has to wait.
    let (reserved, ()) =
        tokio::join!(second.reserve_memory_soon(5_000), async { first.release_memory() });
    reserved.unwrap();
}
