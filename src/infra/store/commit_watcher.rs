//! Whether anything has been written since the last check.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use inotify::{Inotify, WatchMask};
use parking_lot::Mutex;

use crate::infra::atomic_file::with_suffix;
use crate::infra::store::catalog_state::Version;

/// Tells whether anybody, in this process or another, has written to the database since it was last asked.
///
/// Every commit writes to the journal before it returns, and the kernel queues an event for that write before the write
/// returns. So reading the queue after somebody else's commit always finds the event: cached pages are
/// never older than the catalog, at the price of one system call instead of a query.
/// Source: inotify(7); <https://www.sqlite.org/walformat.html>.
pub struct CommitWatcher {
    queue: Mutex<Inotify>,
    /// Grows with every event.
    seen: AtomicU64,
    /// The last answer, and at which count it was asked for.
    known: Mutex<Option<(u64, Version)>>,
}

/// Source: <https://www.sqlite.org/wal.html>.
pub fn journal_of(database: &Path) -> PathBuf {
    with_suffix(database, "-wal")
}

impl CommitWatcher {
    pub fn watch(database: &Path) -> io::Result<Self> {
        let queue = Inotify::init()?;
        queue.watches().add(
            journal_of(database),
            WatchMask::MODIFY | WatchMask::DELETE_SELF | WatchMask::MOVE_SELF,
        )?;
        Ok(Self { queue: Mutex::new(queue), seen: AtomicU64::new(1), known: Mutex::new(None) })
    }

    /// The number of changes as far as the queue tells now.
    pub fn count(&self) -> u64 {
        let mut queue = self.queue.lock();
        let mut buffer = [0; 4096];
        loop {
            let found = match queue.read_events(&mut buffer) {
                Ok(events) => events.count(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                // A queue that cannot be read tells nothing: then every check counts as a change.
                Err(_) => {
                    self.seen.fetch_add(1, Ordering::AcqRel);
                    0
                }
            };
            if found == 0 {
                return self.seen.load(Ordering::Acquire);
            }
            self.seen.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// What was remembered under this count, if anything was.
    pub fn remembered(&self, count: u64) -> Option<Version> {
        let known = *self.known.lock();
        known.filter(|(at, _)| *at == count).map(|(_, version)| version)
    }

    /// Remembers an answer that was asked for after `count` was read.
    pub fn remember(&self, count: u64, version: Version) {
        let mut known = self.known.lock();
        if known.is_none_or(|(at, _)| at <= count) {
            *known = Some((count, version));
        }
    }
}
