//! A queue whose items one worker takes all at once: what costs the disk a sync is done once for all that wait.

use std::sync::Arc;

use parking_lot::Mutex;

/// Items that wait, and whether somebody is working on them.
pub struct BatchQueue<T>(Mutex<State<T>>);

struct State<T> {
    waiting: Vec<T>,
    has_worker: bool,
}

/// The right to work on the queue, held by one task at a time. If it is dropped before the queue is empty, the waiting items
/// are dropped, too.
pub struct Worker<T> {
    queue: Arc<BatchQueue<T>>,
    is_over: bool,
}

impl<T> BatchQueue<T> {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { waiting: Vec::new(), has_worker: false })))
    }

    /// Whether somebody works on the queue.
    pub fn is_at_work(&self) -> bool {
        self.0.lock().has_worker
    }

    /// Queues items. If nobody works on the queue, the caller does from now on.
    pub fn push(self: &Arc<Self>, items: impl IntoIterator<Item = T>) -> Option<Worker<T>> {
        let mut state = self.0.lock();
        state.waiting.extend(items);
        if state.has_worker || state.waiting.is_empty() {
            return None;
        }
        state.has_worker = true;
        Some(Worker { queue: self.clone(), is_over: false })
    }
}

impl<T> Worker<T> {
    /// Whether nothing waits. Then the work is over: the next caller of [`BatchQueue::push`] becomes the worker.
    pub fn is_over(&mut self) -> bool {
        let mut state = self.queue.0.lock();
        self.is_over = state.waiting.is_empty();
        state.has_worker = !self.is_over;
        self.is_over
    }

    /// Everything that waits, the oldest first.
    pub fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.queue.0.lock().waiting)
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut state = self.queue.0.lock();
        state.has_worker = false;
        let abandoned = std::mem::take(&mut state.waiting);
        drop(state);
        drop(abandoned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_works_on_everything_that_waits() {
        let queue = BatchQueue::new();
        assert!(queue.push([] as [i32; 0]).is_none(), "nothing to do");
        let mut worker = queue.push([1]).expect("the first one works");
        assert!(queue.push([2, 3]).is_none() && queue.push([4]).is_none());
        assert!(!worker.is_over());
        assert_eq!(worker.take(), [1, 2, 3, 4]);
        assert!(queue.push([5]).is_none(), "still at work");
        assert!(!worker.is_over());
        assert_eq!(worker.take(), [5]);
        assert!(worker.is_over());
        let mut next = queue.push([6]).expect("the first one after that works");
        drop(worker);
        assert!(queue.push([7]).is_none(), "the last one's end does not end this one");
        assert_eq!(next.take(), [6, 7]);
    }

    #[test]
    fn what_an_interrupted_worker_leaves_is_dropped_and_not_waited_for() {
        let queue = BatchQueue::new();
        let worker = queue.push([Arc::new(())]).expect("the first one works");
        let waiting = Arc::new(());
        assert!(queue.push([waiting.clone()]).is_none());
        drop(worker);
        assert_eq!(Arc::strong_count(&waiting), 1);
        let mut next = queue.push([waiting]).expect("another one works");
        assert_eq!(next.take().len(), 1);
    }

    #[test]
    fn nothing_is_lost_or_taken_twice_where_many_queue() {
        let queue = BatchQueue::new();
        let done = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (queue, done) = (&queue, &done);
                scope.spawn(move || {
                    for n in 0..1_000 {
                        let Some(mut worker) = queue.push([(thread, n)]) else { continue };
                        while !worker.is_over() {
                            done.lock().extend(worker.take());
                        }
                    }
                });
            }
        });
        let mut done = done.into_inner();
        assert_eq!(done.len(), 8_000);
        done.sort_unstable();
        done.dedup();
        assert_eq!(done.len(), 8_000);
    }
}
