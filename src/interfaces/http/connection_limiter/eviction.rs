//! Which connection is closed when there is no capacity for another.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::interfaces::http::connection_limiter::registry::{
    ClientKey, Connection, ConnectionState, MAX_CONNECTIONS_OF_CIRCUIT, Registry,
};

impl Registry {
    /// How many connections count toward the limit: the seller's own do not.
    pub(super) fn n_bounded(&self) -> usize {
        let sellers =
            self.circuits.get(&ClientKey::Seller).map_or(0, |circuit| circuit.connections.len());
        self.n_connections - sellers
    }

    /// Closes a connection of the client that has the most, if one can be closed. The seller's own are never chosen.
    pub(super) fn evict_one(&mut self) -> bool {
        let clients = self.by_size.iter().rev().map(|(_, client)| *client);
        let largest: Vec<ClientKey> =
            clients.filter(|client| *client != ClientKey::Seller).take(8).collect();
        largest.into_iter().any(|client| self.evict_one_of(client, 0))
    }

    /// Closes one connection of a client, but none numbered `newest` or later.
    pub(super) fn evict_one_of(&mut self, client: ClientKey, newest: u64) -> bool {
        let Some(circuit) = self.circuits.get(&client) else { return false };
        // The oldest come first, so it is enough to check a few of them, which keeps this fast.
        let candidates = circuit.connections.values().take(MAX_CONNECTIONS_OF_CIRCUIT);
        let candidates = candidates.filter(|connection| newest == 0 || connection.number < newest);
        let chosen = if client == ClientKey::Stranger {
            oldest_stranger(candidates)
        } else {
            longest_waiting(candidates)
        };
        let Some(connection) = chosen.cloned() else { return false };
        self.remove(&connection);
        connection.close();
        true
    }
}

/// Connections that never made a request are closed first, then those in the middle of a head, and so on in the order of
/// [`ConnectionState`]; on a tie, the one that has been in its state longest. A connection whose first bytes are still
/// unread comes last: they say on which circuit it came.
fn longest_waiting<'a>(
    connections: impl Iterator<Item = &'a Arc<Connection>>,
) -> Option<&'a Arc<Connection>> {
    let waiting = connections.filter(|connection| connection.state() != ConnectionState::Working);
    waiting.min_by_key(|connection| {
        let is_unread = !connection.was_read.load(Relaxed);
        (is_unread, connection.state(), connection.since.load(Relaxed), connection.number)
    })
}

/// The oldest connection is closed first, whatever it does meanwhile: sending bytes slowly gains no time. A connection
/// whose first bytes are still unread stays: they may show that it is the seller's.
fn oldest_stranger<'a>(
    connections: impl Iterator<Item = &'a Arc<Connection>>,
) -> Option<&'a Arc<Connection>> {
    let mut read = connections.filter(|connection| connection.was_read.load(Relaxed));
    read.find(|connection| connection.state() != ConnectionState::Working)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use super::*;
    use crate::interfaces::http::connection_limiter::registry::{
        ConnectionLimiter, ConnectionLimits,
    };

    fn desk(most_connections: usize) -> Arc<ConnectionLimiter> {
        let payment_time = Duration::ZERO;
        ConnectionLimiter::new(ConnectionLimits {
            most_connections,
            most_memory: 0,
            most_browsing: 0,
            payment_time,
            siege_payment_time: payment_time,
            closer: None,
        })
    }

    /// A connection that has sent everything it wants to send for now.
    fn connect(limiter: &Arc<ConnectionLimiter>, client: ClientKey) -> Arc<Connection> {
        let connection = limiter.register(ClientKey::Stranger);
        assert!(!is_evicted(&connection));
        connection.set_client(client);
        connection
    }

    fn is_evicted(connection: &Connection) -> bool {
        connection.is_closed(Waker::noop())
    }

    #[test]
    fn no_crowd_of_strangers_takes_a_place_of_the_sellers() {
        let limiter = desk(4);
        let first = connect(&limiter, ClientKey::Seller);
        let crowd: Vec<_> = (0..200).map(|_| connect(&limiter, ClientKey::Stranger)).collect();
        let second = connect(&limiter, ClientKey::Seller);
        for connection in crowd.iter().rev().take(2) {
            connection.set_state(ConnectionState::Working);
        }
        let newer: Vec<_> = (0..200).map(|_| connect(&limiter, ClientKey::Stranger)).collect();
        assert!(!is_evicted(&first) && !is_evicted(&second) && !second.has_no_room);
        assert_eq!(newer.iter().filter(|connection| !is_evicted(connection)).count(), 2);
        assert_eq!(
            crowd.iter().filter(|connection| !is_evicted(connection)).count(),
            2,
            "those at work"
        );
    }

    #[test]
    fn the_sellers_connections_take_no_place_of_strangers_and_are_bounded() {
        let limiter = desk(2);
        let stranger = connect(&limiter, ClientKey::Stranger);
        let sellers: Vec<_> = (0..100).map(|_| connect(&limiter, ClientKey::Seller)).collect();
        assert!(!is_evicted(&stranger), "a newcomer counts as a stranger only until it is known");
        assert_eq!(
            sellers.iter().filter(|connection| !is_evicted(connection)).count(),
            MAX_CONNECTIONS_OF_CIRCUIT
        );
    }

    #[test]
    fn among_strangers_the_oldest_goes_first_whatever_it_does() {
        for state in [
            ConnectionState::Silent,
            ConnectionState::Head,
            ConnectionState::Body,
            ConnectionState::Stalled,
            ConnectionState::Idle,
        ] {
            let limiter = desk(3);
            let crowd: Vec<_> = (0..3).map(|_| connect(&limiter, ClientKey::Stranger)).collect();
            crowd[0].set_state(state);
            crowd[1].set_state(ConnectionState::Silent);
            connect(&limiter, ClientKey::Stranger);
            let gone: Vec<bool> = crowd.iter().map(|connection| is_evicted(connection)).collect();
            assert_eq!(gone, [true, false, false], "{state:?}");
        }
    }

    #[test]
    fn a_stranger_is_read_before_it_is_closed() {
        let limiter = desk(2);
        let unread: Vec<_> = (0..2).map(|_| limiter.register(ClientKey::Stranger)).collect();
        let third = limiter.register(ClientKey::Stranger);
        assert!(third.has_no_room, "no connection could be closed");
        assert!(unread.iter().all(|connection| !is_evicted(connection)));
        limiter.register(ClientKey::Stranger);
        assert!(is_evicted(&unread[0]) && !is_evicted(&unread[1]));
    }
}
