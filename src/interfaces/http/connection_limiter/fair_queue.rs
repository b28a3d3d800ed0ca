//! A semaphore whose next permit goes to the client with the fewest recent requests, not to the first in line.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

/// Thousands of requests of a flood do not delay a visitor who has requested a few pages: those are served first.
pub struct FairQueue {
    state: Mutex<State>,
}

struct State {
    n_free: usize,
    next_number: u64,
    /// Keyed by the client's number of recent requests, then by arrival.
    waiting: BTreeMap<(u32, u64), oneshot::Sender<()>>,
}

/// One permit of a [`FairQueue`], released when dropped.
pub struct QueuePermit {
    queue: Arc<FairQueue>,
}

/// An entry in the queue; a caller that gives up is removed from it.
struct Waiting<'a> {
    queue: &'a FairQueue,
    key: (u32, u64),
    has_permit: bool,
}

impl FairQueue {
    pub fn new(n_permits: usize) -> Arc<Self> {
        let state = State { n_free: n_permits, next_number: 0, waiting: BTreeMap::new() };
        Arc::new(Self { state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Nobody waits while a permit is free, so this overtakes nobody.
    pub fn try_acquire(self: &Arc<Self>) -> Option<QueuePermit> {
        let mut state = self.state();
        state.n_free = state.n_free.checked_sub(1)?;
        Some(QueuePermit { queue: self.clone() })
    }

    /// `n_recent`: recent requests of the same visitor.
    pub async fn acquire(self: &Arc<Self>, n_recent: u32) -> QueuePermit {
        let (granted, key) = {
            let mut state = self.state();
            if let Some(n_free) = state.n_free.checked_sub(1) {
                state.n_free = n_free;
                return QueuePermit { queue: self.clone() };
            }
            let (sender, granted) = oneshot::channel();
            state.next_number += 1;
            let key = (n_recent, state.next_number);
            state.waiting.insert(key, sender);
            (granted, key)
        };
        let mut waiting = Waiting { queue: self, key, has_permit: false };
        // The sender is not dropped before it has sent: only `waiting` itself removes it.
        let _ = granted.await;
        waiting.has_permit = true;
        QueuePermit { queue: self.clone() }
    }

    fn release(&self) {
        let mut state = self.state();
        match state.waiting.pop_first() {
            // If the receiver is already gone, its `Waiting` passes the permit on.
            Some((_, next)) => drop(next.send(())),
            None => state.n_free += 1,
        }
    }
}

impl Drop for QueuePermit {
    fn drop(&mut self) {
        self.queue.release();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let was_granted = self.queue.state().waiting.remove(&self.key).is_none();
        if was_granted && !self.has_permit {
            self.queue.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_client_with_the_fewest_requests_is_next_and_equals_go_in_order() {
        let queue = FairQueue::new(1);
        let first = queue.acquire(0).await;
        assert!(queue.try_acquire().is_none());
        let mut much = Box::pin(queue.acquire(50));
        let mut early = Box::pin(queue.acquire(2));
        let mut late = Box::pin(queue.acquire(2));
        for waiting in [&mut much, &mut early, &mut late] {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        drop(first);
        assert!(late.as_mut().now_or_never().is_none());
        let permit = early.as_mut().now_or_never().unwrap();
        drop(permit);
        assert!(much.as_mut().now_or_never().is_none());
        drop(late.as_mut().now_or_never().unwrap());
        drop(much.as_mut().now_or_never().unwrap());
        assert!(queue.try_acquire().is_some());
    }

    #[tokio::test]
    async fn no_permit_is_lost_when_a_client_gives_up() {
        let queue = FairQueue::new(1);
        let first = queue.acquire(0).await;
        let mut gives_up = Box::pin(queue.acquire(0));
        let mut stays = Box::pin(queue.acquire(1));
        assert!(gives_up.as_mut().now_or_never().is_none());
        assert!(stays.as_mut().now_or_never().is_none());
        // It was granted the permit, and is dropped before it polls again.
        drop(first);
        drop(gives_up);
        drop(stays.as_mut().now_or_never().unwrap());
        let held = queue.try_acquire().unwrap();
        let mut waits = Box::pin(queue.acquire(0));
        assert!(waits.as_mut().now_or_never().is_none());
        drop(waits);
        drop(held);
        assert!(queue.try_acquire().is_some(), "who left the line gets nothing");
    }
}
