//! When a request is answered: how many run at once, and which is next.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::interfaces::http::clock::monotonic_now;
use crate::interfaces::http::connection_limiter::fair_queue::{FairQueue, QueuePermit};
use crate::interfaces::http::connection_limiter::registry::{Connection, ConnectionState};
use crate::interfaces::http::rate_limit::RequestClass;

/// How long a request waits for a permit of the whole shop.
const PERMIT_TIME: Duration = Duration::from_secs(10);
/// The whole shop is at capacity.
#[derive(Debug)]
pub struct QueueTimeout;

/// Permission to answer a request, until it is dropped.
pub struct Permit {
    _of_circuit: Option<OwnedSemaphorePermit>,
    _in_shop: QueuePermit,
}

impl Connection {
    /// What a permit consists of: one of the circuit's slots, and one of the shop's queue.
    fn queues(&self, class: RequestClass) -> (Option<Arc<Semaphore>>, Arc<FairQueue>) {
        let in_shop = match class {
            RequestClass::Browse => self.limiter.browsing.clone(),
            _ => self.limiter.checkouts.clone(),
        };
        (self.with_usage(|usage| usage.slots.clone()), in_shop)
    }

    /// Units: recent requests of its circuit, or of this connection where circuits are not told apart.
    fn n_recent(&self, class: RequestClass) -> u32 {
        self.with_usage(|usage| usage.n_recent(class, monotonic_now()))
            .unwrap_or_else(|| self.n_requests.load(Relaxed))
    }

    /// The common case: there is capacity, so nothing waits and no timer is set.
    pub fn try_acquire_permit(&self, class: RequestClass) -> Option<Permit> {
        let (of_circuit, in_shop) = self.queues(class);
        let of_circuit = match of_circuit {
            None => None,
            Some(of_circuit) => Some(of_circuit.try_acquire_owned().ok()?),
        };
        let in_shop = in_shop.try_acquire()?;
        Some(Permit { _of_circuit: of_circuit, _in_shop: in_shop })
    }

    /// Waits for this request's permit: first among those of its circuit, then in the whole shop, where clients with
    /// the fewest recent requests go first.
    ///
    /// # Errors
    /// `QueueTimeout` if it would take too long.
    pub async fn acquire_permit(&self, class: RequestClass) -> Result<Permit, QueueTimeout> {
        if let Some(permit) = self.try_acquire_permit(class) {
            return Ok(permit);
        }
        let (of_circuit, in_shop) = self.queues(class);
        let n_recent = self.n_recent(class);
        self.set_state(ConnectionState::Queued);
        let permit = async {
            let of_circuit = match of_circuit {
                None => None,
                Some(of_circuit) => of_circuit.acquire_owned().await.ok(),
            };
            let in_shop = in_shop.acquire(n_recent).await;
            Permit { _of_circuit: of_circuit, _in_shop: in_shop }
        };
        let permit = tokio::select! {
            permit = permit => Ok(permit),
            () = tokio::time::sleep(PERMIT_TIME) => Err(QueueTimeout),
            () = self.closed.notified() => Err(QueueTimeout),
        };
        self.set_state(ConnectionState::Working);
        if permit.is_err() {
            self.limiter.n_refused.fetch_add(1, Relaxed);
        }
        permit
    }
}
