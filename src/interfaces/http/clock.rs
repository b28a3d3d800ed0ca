//! Reads the host's clocks.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};

use crate::domain::values::{Reading, Times, Timestamp, TrustedClock};

/// The trusted time, as last evaluated.
static TRUSTED: Mutex<Option<TrustedClock>> = Mutex::new(None);

/// From now on all pages and commands use this clock.
pub fn set_trusted(clock: TrustedClock) {
    *TRUSTED.lock() = Some(clock);
}

/// What the host's clocks show.
pub fn reading() -> Reading {
    Reading { wall: wall(), monotonic_now: clock_gettime(ClockId::Boottime).tv_sec }
}

/// The time to display and to store. See [`Times`].
pub fn now() -> Timestamp {
    times().now
}

/// The time that decides whether an order has expired.
pub fn trusted() -> Timestamp {
    times().trusted
}

/// The host's clock, right or wrong.
pub fn wall() -> Timestamp {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    Timestamp::new(i64::try_from(seconds).unwrap_or(0))
        .expect("a computer's clock stands between 1970 and 9999")
}

/// A monotonic clock for limits: it counts from its first use, and changes of the host's clock do not affect it.
pub fn monotonic_now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

fn times() -> Times {
    let reading = reading();
    match &*TRUSTED.lock() {
        Some(clock) => clock.at(&reading),
        None => Times { now: reading.wall, trusted: reading.wall, ahead: None },
    }
}
