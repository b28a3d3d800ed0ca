//! Ends a stream that another thread reads.

use std::io;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once: what reads through [`Stoppable`] then fails, and cleans up as after any other error.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub struct Stoppable<R> {
    from: R,
    stop: Stop,
}

impl<R: Read> Stoppable<R> {
    pub fn new(from: R, stop: Stop) -> Self {
        Self { from, stop }
    }

    pub fn get_ref(&self) -> &R {
        &self.from
    }
}

impl<R: Read> Read for Stoppable<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.stop.0.load(Ordering::Relaxed) {
            // Not `Interrupted`: that is tried again.
            return Err(io::Error::other("it was stopped"));
        }
        self.from.read(into)
    }
}
