//! What one connection does, and what its circuit may still do.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::task::Waker;
use std::time::Duration;

use crate::interfaces::http::circuit_usage::{
    CircuitUsage, Decision, MAX_ORDERS, MAX_ORDERS_UNDER_SIEGE, OrderSlot, StockShare,
};
use crate::interfaces::http::clock::monotonic_now;
use crate::interfaces::http::connection_limiter::registry::{
    ClientKey, Connection, ConnectionState, MAX_CONNECTIONS_OF_CIRCUIT,
};
use crate::interfaces::http::rate_limit::RequestClass;

/// In the order of their discriminants.
pub(super) const STATES: [ConnectionState; 7] = [
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
        *self.client.lock()
    }

    /// Sets the client: Tor's line was read or is absent, or a request has shown whose connection this is. The memory
    /// that it holds stays counted.
    pub fn set_client(self: &Arc<Self>, client: ClientKey) {
        let mut registry = self.limiter.registry();
        let reserved = self.reserved.load(Relaxed);
        if !registry.remove(self) {
            return;
        }
        self.reserved.store(reserved, Relaxed);
        *self.client.lock() = client;
        registry.insert(client, self);
        let n_connections =
            registry.circuits.get(&client).map_or(0, |circuit| circuit.connections.len());
        if MAX_CONNECTIONS_OF_CIRCUIT < n_connections && !registry.evict_one_of(client, self.number)
        {
            self.is_crowded.store(true, Relaxed);
        }
    }

    pub fn state(&self) -> ConnectionState {
        STATES[usize::from(self.state.load(Relaxed)) % STATES.len()]
    }

    pub fn set_state(&self, state: ConnectionState) {
        self.state.store(state as u8, Relaxed);
        self.since.store(self.limiter.uptime.load(Relaxed), Relaxed);
    }

    /// Bytes were received.
    pub fn on_received(&self) {
        if matches!(self.state(), ConnectionState::Silent | ConnectionState::Idle) {
            self.set_state(ConnectionState::Head);
        }
    }

    /// Bytes could not be sent.
    pub fn on_send_blocked(&self) {
        if matches!(self.state(), ConnectionState::Idle | ConnectionState::Head) {
            self.set_state(ConnectionState::Stalled);
        }
    }

    /// Bytes were sent. A long response keeps its connection as long as it is read.
    pub fn on_sent(&self) {
        if matches!(self.state(), ConnectionState::Stalled | ConnectionState::Idle) {
            self.set_state(ConnectionState::Idle);
        }
    }

    /// Whether the connection must end; if not, `waker` is woken when it must.
    pub fn is_closed(&self, waker: &Waker) -> bool {
        if !self.is_closed.load(SeqCst) {
            self.was_read.store(true, Relaxed);
            self.task.register(waker);
        }
        self.is_closed.load(SeqCst)
    }

    pub fn is_crowded(&self) -> bool {
        self.is_crowded.load(Relaxed)
    }

    /// The parser is about to get a request.
    pub fn begin_request(&self) {
        self.n_requests.fetch_add(1, Relaxed);
        self.is_response_ready.store(false, SeqCst);
        self.is_reading_body.store(false, SeqCst);
    }

    /// The response to the current request is complete and only has to be sent.
    pub fn end_request(&self) {
        self.is_response_ready.store(true, SeqCst);
    }

    pub fn is_response_ready(&self) -> bool {
        self.is_response_ready.load(SeqCst)
    }

    /// From now on the handler reads the request's body.
    pub fn begin_body(&self) {
        self.is_reading_body.store(true, SeqCst);
        self.task.wake();
    }

    pub fn is_reading_body(&self) -> bool {
        self.is_reading_body.load(SeqCst)
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, SeqCst);
        self.task.wake();
        self.closed.notify_one();
    }

    /// The connection has ended.
    pub fn unregister(&self) {
        self.limiter.registry().remove(self);
        self.limiter.released.notify_waiters();
    }

    /// Waits, but not longer than the connection lasts.
    pub async fn wait(&self, time: Duration) {
        self.set_state(ConnectionState::Queued);
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.closed.notified() => {}
        }
        self.set_state(ConnectionState::Working);
    }

    /// Calls `f` with what its circuit has used. `None`: circuits are not told apart.
    pub(super) fn with_usage<T>(&self, f: impl FnOnce(&mut CircuitUsage) -> T) -> Option<T> {
        let client = self.client();
        if client == ClientKey::Untracked {
            return None;
        }
        let mut registry = self.limiter.registry();
        registry.circuits.get_mut(&client).map(|circuit| f(&mut circuit.usage))
    }

    /// Checks a request against the circuit's rate limits. A caller told to wait calls [`Connection::end_wait`]
    /// afterwards; one whose refusal was delayed calls [`Connection::end_delay`].
    pub fn check_rate(&self, class: RequestClass) -> Decision {
        let decision = self.with_usage(|usage| usage.check_rate(class, monotonic_now()));
        if let Some(Decision::Refused { is_flood, .. }) = decision {
            self.limiter.n_refused.fetch_add(1, Relaxed);
            if is_flood
                && let (Some(circuit), Some(closer)) = (self.circuit(), &self.limiter.limits.closer)
            {
                // If the channel is full, the circuit will be reported again.
                let _ = closer.try_send(circuit);
            }
        }
        decision.unwrap_or(Decision::Admit)
    }

    pub fn end_wait(&self) {
        self.with_usage(CircuitUsage::end_wait);
    }

    pub fn end_delay(&self) {
        self.with_usage(CircuitUsage::end_delay);
    }

    /// The number of its circuit. `None`: circuits are not told apart.
    pub fn circuit(&self) -> Option<u32> {
        match self.client() {
            ClientKey::Circuit(circuit) => Some(circuit.0),
            _ => None,
        }
    }

    /// Gives the circuit this waiting ticket, in place of another, for so long.
    pub fn set_ticket(&self, id: [u8; 16], time: Duration) {
        self.with_usage(|usage| usage.set_ticket(id, monotonic_now() + time));
    }

    pub fn has_ticket(&self, id: [u8; 16]) -> bool {
        self.with_usage(|usage| usage.has_ticket(id, monotonic_now())).unwrap_or(false)
    }

    /// Counts an order that wants this much for the circuit, before it is placed. `None`: circuits are not told apart.
    ///
    /// # Errors
    /// How long until the circuit may order again.
    pub fn take_order_slot(
        self: &Arc<Self>,
        shares: &[StockShare],
        is_under_siege: bool,
    ) -> Result<Option<OrderPermit>, Duration> {
        let limits = &self.limiter.limits;
        let (most, payment_time) = match is_under_siege {
            true => (MAX_ORDERS_UNDER_SIEGE, limits.siege_payment_time),
            false => (MAX_ORDERS, limits.payment_time),
        };
        let counted = self
            .with_usage(|usage| usage.take_order_slot(shares, most, payment_time, monotonic_now()))
            .transpose()?;
        let connection = self.clone();
        Ok(counted.map(|order| OrderPermit { connection, order, is_kept: false }))
    }
}

/// An order that counts for a circuit, unless this is dropped before the order is stored.
pub struct OrderPermit {
    connection: Arc<Connection>,
    order: OrderSlot,
    is_kept: bool,
}

impl OrderPermit {
    /// Whether it may take its items out of the stock before it is paid.
    pub fn may_reserve(&self) -> bool {
        self.order.may_reserve()
    }

    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for OrderPermit {
    fn drop(&mut self) {
        if !self.is_kept {
            self.connection.with_usage(|usage| usage.return_order_slot(&self.order));
        }
    }
}
