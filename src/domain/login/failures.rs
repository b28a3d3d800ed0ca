//! How long wrong answers are delayed, and when codes are locked out.

use std::time::Duration;

use crate::domain::values::Timestamp;

/// Counts wrong passwords and codes of the whole shop: all visitors share one address, so they cannot be told apart.
///
/// Responses to wrong ones are delayed more and more; the right one is answered at once, however many were wrong before
/// it. So nobody can lock the seller out, and guessing is slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    n: u32,
    last: Option<Timestamp>,
}

impl Failures {
    /// Typing mistakes, which cause no delay.
    const FREE: u32 = 3;
    /// Units: milliseconds of the first delay; it doubles with each further failure.
    const FIRST_DELAY: u64 = 250;
    const LONGEST: Duration = Duration::from_secs(8);
    /// Units: minutes after which one failure is forgotten, and the next one after the same time.
    const FORGOTTEN_AFTER: i64 = 5;

    /// Counts a failure; returns how long its response is delayed.
    pub fn note(&mut self, now: Timestamp) -> Duration {
        let quiet = self.last.map_or(0, |last| (now.get() - last.get()).max(0) / 60);
        let n_forgotten = u32::try_from(quiet / Self::FORGOTTEN_AFTER).unwrap_or(u32::MAX);
        self.n = self.n.saturating_sub(n_forgotten).saturating_add(1);
        self.last = Some(now);
        let Some(doublings) = self.n.checked_sub(Self::FREE + 1) else { return Duration::ZERO };
        let delay = Duration::from_millis(Self::FIRST_DELAY << doublings.min(16));
        delay.min(Self::LONGEST)
    }

    /// A success resets the count.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Counts wrong codes of the second factor after a correct password: an attacker who knows the password may guess
/// codes, of which there are only a million.
///
/// After some wrong ones no code is checked for a while, which grows. Recovery codes are still checked, since nobody
/// can guess them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TotpLockout {
    n: u32,
    holds_until: Option<Timestamp>,
}

impl TotpLockout {
    /// Typing mistakes, and errors of the phone's clock.
    const FREE: u32 = 9;
    /// Units: minutes, at most; one at first, doubled with each further failure.
    const LONGEST: i64 = 60;

    /// Whether codes are locked out now. If the clock was set back further than the lockout lasts, it ends.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.holds_until
            .is_some_and(|until| now < until && until <= now.plus_minutes(Self::LONGEST))
    }

    /// Counts a code that was checked and wrong.
    pub fn note(&mut self, now: Timestamp) {
        self.n = self.n.saturating_add(1);
        if let Some(doublings) = self.n.checked_sub(Self::FREE + 1) {
            let minutes = (1_i64 << doublings.min(16)).min(Self::LONGEST);
            self.holds_until = Some(now.plus_minutes(minutes));
        }
    }

    /// A success with both factors resets the count.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_codes_hold_all_codes_off_longer_and_longer() {
        let mut lockout = TotpLockout::default();
        let mut now = Timestamp::new(1_000_000_000).unwrap();
        for _ in 0..9 {
            lockout.note(now);
            assert!(!lockout.holds(now));
        }
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            lockout.note(now);
            assert!(
                lockout.holds(now) && lockout.holds(now.plus_minutes(minutes - 1)),
                "{minutes}"
            );
            now = now.plus_minutes(minutes);
            assert!(!lockout.holds(now), "{minutes}");
        }
        lockout.note(now);
        assert!(!lockout.holds(now.plus_minutes(-1)), "a clock that was set back keeps nobody out");
        lockout.forget();
        assert_eq!(lockout, TotpLockout::default());
    }

    #[test]
    fn wrong_answers_come_later_and_later_and_are_forgotten() {
        let mut failures = Failures::default();
        let now = Timestamp::new(1_000_000_000).unwrap();
        let delays: Vec<u128> = (0..12).map(|_| failures.note(now).as_millis()).collect();
        assert_eq!(delays, [0, 0, 0, 250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000]);
        assert_eq!(failures.note(now.plus_minutes(40)).as_millis(), 500);
        failures.forget();
        assert_eq!(failures.note(now).as_millis(), 0);
        for _ in 0..1_000 {
            assert!(failures.note(now) <= Failures::LONGEST);
        }
    }
}
