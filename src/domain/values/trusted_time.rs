//! A clock that a wrong system clock cannot move far.

use crate::domain::values::Timestamp;

/// The host's clocks at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The system clock, which people and programs set.
    pub wall: Timestamp,
    /// Units: seconds since the system was started, sleep included. Nobody can set this clock.
    pub monotonic_now: i64,
}

/// The time by which orders expire and are erased. It advances with the time that has really passed. If the host's clock
/// jumps, the trusted time follows it only after a day, or when the seller confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedClock {
    /// As [`Reading::monotonic_now`].
    pub monotonic_now: i64,
    /// The trusted time when the monotonic clock had that value.
    pub time: Timestamp,
    /// Units: seconds by which the host's clock may be ahead at the next check, since the system was down for a while.
    pub allowed_step: i64,
    /// `None`: the host's clock is trusted.
    pub jump: Option<ClockJump>,
}

/// A jump of the host's clock that is not accepted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockJump {
    /// Units: seconds by which the host's clock is ahead of the trusted time; negative if it is behind.
    pub ahead: i64,
    /// Units: seconds for which it has been ahead by the same amount.
    pub stable_for: i64,
}

/// The times of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The time to display and to store: the later of the host's clock and the trusted time.
    pub now: Timestamp,
    /// The time that decides what has expired.
    pub trusted: Timestamp,
    /// Units: seconds by which the host's clock is ahead of the trusted time. `None`: it is trusted.
    pub ahead: Option<i64>,
}

/// What a check of the clocks changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockChange {
    /// Nothing except the elapsed time.
    None,
    /// The host's clock has jumped, perhaps again.
    Jumped,
    /// The jump is accepted or over, or the system was down for a while.
    Settled(Settling),
}

/// How pending deadlines move with the trusted time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settling {
    /// Units: seconds by which the trusted time has jumped.
    pub by: i64,
    /// Whether all open orders keep their remaining time; otherwise only those placed during the jump.
    pub moves_all: bool,
    /// The earlier of the trusted times before and after the jump: orders that had expired by then stay expired.
    pub since: Timestamp,
    /// The trusted time after it.
    pub now: Timestamp,
}

/// Units: Unix seconds of a day before this was written; no correct clock shows less.
pub const THIS_VERSION: i64 = 1_767_225_600;
/// Units: seconds of difference that do not count as a jump.
const TOLERANCE: i64 = 60;
/// Units: seconds that a restart of the system may take without counting as a jump.
const RESTART: i64 = 30 * 60;
/// Units: seconds after which a jump of the host's clock is accepted.
const STABLE: i64 = 24 * 60 * 60;
/// The trusted time follows a small difference by one second per this many.
const SLEW: i64 = 100;
/// Units: seconds; if no clock was ever trusted, any step is accepted.
const ANY_STEP: i64 = 1 << 40;

impl TrustedClock {
    /// The first check of a new shop: any plausible clock is accepted.
    pub fn begin(reading: &Reading) -> Self {
        let oldest = Timestamp::new(THIS_VERSION).unwrap_or(reading.wall);
        let is_possible = oldest <= reading.wall;
        Self {
            monotonic_now: reading.monotonic_now,
            time: reading.wall.max(oldest),
            allowed_step: if is_possible { 0 } else { ANY_STEP },
            jump: (!is_possible)
                .then(|| ClockJump { ahead: reading.wall.seconds_after(oldest), stable_for: 0 }),
        }
    }

    /// Whether the monotonic clock of this reading continues ours, as far as can be determined.
    fn is_same_boot(&self, reading: &Reading) -> bool {
        let ticked =
            self.time.plus_seconds(reading.monotonic_now.saturating_sub(self.monotonic_now));
        let wall = reading.wall;
        // It has advanced more than the system clock: it belongs to another host, where a copy of the shop was started.
        let is_other_host = self.time <= wall && TOLERANCE < ticked.seconds_after(wall);
        // Another process may have checked a moment later.
        self.monotonic_now <= reading.monotonic_now.saturating_add(TOLERANCE) && !is_other_host
    }

    /// The time that has really passed since the last check, as far as it can be known.
    fn elapsed(&self, reading: &Reading) -> i64 {
        if self.is_same_boot(reading) {
            reading.monotonic_now.saturating_sub(self.monotonic_now)
        } else {
            0
        }
    }

    fn allowed_step_at(&self, reading: &Reading) -> i64 {
        if self.is_same_boot(reading) { self.allowed_step } else { self.allowed_step.max(RESTART) }
    }

    /// The trusted time by the monotonic clock alone, and by how much the host's clock is ahead of it.
    fn estimate(&self, reading: &Reading) -> (Timestamp, i64) {
        let time = self.time.plus_seconds(self.elapsed(reading));
        (time, reading.wall.seconds_after(time))
    }

    fn agrees(&self, reading: &Reading, ahead: i64) -> bool {
        THIS_VERSION <= reading.wall.get()
            && -TOLERANCE <= ahead
            && ahead <= TOLERANCE.saturating_add(self.allowed_step_at(reading))
    }

    /// The times at this moment.
    pub fn at(&self, reading: &Reading) -> Times {
        let (time, ahead) = self.estimate(reading);
        if self.agrees(reading, ahead) {
            Times { now: reading.wall, trusted: reading.wall, ahead: None }
        } else {
            Times { now: reading.wall.max(time), trusted: time, ahead: Some(ahead) }
        }
    }

    /// Checks the clocks: returns the new state, and what it changes.
    pub fn check(&self, reading: &Reading) -> (Self, ClockChange) {
        let (time, ahead) = self.estimate(reading);
        if self.agrees(reading, ahead) {
            let was_down = 0 < self.allowed_step_at(reading) && TOLERANCE < ahead;
            let most = self.elapsed(reading).max(0) / SLEW;
            let by = if was_down { ahead } else { ahead.clamp(-most, most) };
            let next = self.anchored(reading, time.plus_seconds(by), None);
            let change = if was_down || self.jump.is_some() {
                let by = if was_down { ahead } else { 0 };
                ClockChange::Settled(Settling {
                    by,
                    moves_all: was_down,
                    since: time,
                    now: reading.wall,
                })
            } else {
                ClockChange::None
            };
            return (next, change);
        }
        let same_jump = self.jump.filter(|jump| self.continues(jump, reading, ahead));
        let stable_for = same_jump
            .map_or(0, |jump| jump.stable_for.saturating_add(self.elapsed(reading).max(0)));
        if STABLE <= stable_for && THIS_VERSION <= reading.wall.get() {
            return self.accept(reading);
        }
        let ahead = match same_jump {
            Some(jump) if self.is_same_boot(reading) => jump.ahead,
            _ => ahead,
        };
        let next = Self {
            allowed_step: self.allowed_step_at(reading),
            ..self.anchored(reading, time, Some(ClockJump { ahead, stable_for }))
        };
        (next, if same_jump.is_some() { ClockChange::None } else { ClockChange::Jumped })
    }

    /// Whether the host's clock has the same offset as in this jump; after a restart it may be larger by the downtime.
    fn continues(&self, jump: &ClockJump, reading: &Reading, ahead: i64) -> bool {
        let off = if self.is_same_boot(reading) { 0 } else { RESTART };
        (jump.ahead - TOLERANCE..=jump.ahead + TOLERANCE + off).contains(&ahead)
    }

    /// Accepts the host's clock as right.
    pub fn accept(&self, reading: &Reading) -> (Self, ClockChange) {
        let (time, by) = self.estimate(reading);
        let now = reading.wall;
        // Time does not run backwards: if the host's clock is behind, the trusted time was wrong.
        let settling = Settling { by, moves_all: by < 0, since: time.min(now), now };
        (self.anchored(reading, now, None), ClockChange::Settled(settling))
    }

    fn anchored(&self, reading: &Reading, time: Timestamp, jump: Option<ClockJump>) -> Self {
        Self { monotonic_now: reading.monotonic_now, time, allowed_step: 0, jump }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_795_000_000;
    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;

    /// A simulated host: the elapsed time, the error of its clock, and when it was started.
    #[derive(Clone, Copy)]
    struct Host {
        passed: i64,
        wrong_by: i64,
        booted_at: i64,
    }

    impl Host {
        fn new() -> Self {
            Self { passed: 0, wrong_by: 0, booted_at: -5_000 }
        }

        fn reading(self) -> Reading {
            Reading {
                wall: at(START + self.passed + self.wrong_by),
                monotonic_now: self.passed - self.booted_at,
            }
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds.max(0)).unwrap()
    }

    /// Checks every ten minutes for so long, and returns all changes.
    fn looks(clock: &mut TrustedClock, host: &mut Host, seconds: i64) -> Vec<ClockChange> {
        let mut changes = Vec::new();
        let end = host.passed + seconds;
        loop {
            let (next, change) = clock.check(&host.reading());
            *clock = next;
            if change != ClockChange::None {
                changes.push(change);
            }
            if host.passed == end {
                return changes;
            }
            host.passed = end.min(host.passed + 600);
        }
    }

    fn settled(by: i64, moves_all: bool, since: i64, now: i64) -> ClockChange {
        let (since, now) = (at(START + since), at(START + now));
        ClockChange::Settled(Settling { by, moves_all, since, now })
    }

    fn begun() -> (TrustedClock, Host) {
        let host = Host::new();
        (TrustedClock::begin(&host.reading()), host)
    }

    #[test]
    fn a_clock_in_doubt_may_drift_a_little_and_one_that_drifts_on_is_not_believed() {
        let (mut clock, mut host) = begun();
        host.wrong_by = 20 * DAY;
        assert_eq!(looks(&mut clock, &mut host, HOUR), [ClockChange::Jumped]);
        host.wrong_by += TOLERANCE / 2;
        assert_eq!(looks(&mut clock, &mut host, HOUR), []);
        for _ in 0..40 {
            host.wrong_by += TOLERANCE / 2;
            looks(&mut clock, &mut host, HOUR);
        }
        assert!(clock.jump.is_some());
    }

    #[test]
    fn a_monotonic_clock_that_is_ahead_by_more_than_the_tolerance_is_another_hosts() {
        let (clock, _) = begun();
        for (ahead, elapsed) in [(0, 0), (TOLERANCE, TOLERANCE), (TOLERANCE + 1, 0)] {
            let monotonic_now = clock.monotonic_now + ahead;
            let reading = Reading { wall: clock.time, monotonic_now };
            assert_eq!(clock.elapsed(&reading), elapsed, "{ahead}");
        }
    }

    #[test]
    fn a_clock_that_goes_on_is_trusted_however_rarely_somebody_looks() {
        let (mut clock, mut host) = begun();
        assert_eq!(looks(&mut clock, &mut host, 40 * DAY), []);
        // No check happened, on a sleeping host or in a stopped shop; the system was not restarted.
        host.passed += 90 * DAY;
        assert_eq!(looks(&mut clock, &mut host, 0), []);
        let times = clock.at(&host.reading());
        assert_eq!((times.now, times.trusted, times.ahead), (host.reading().wall, times.now, None));
    }

    #[test]
    fn a_jump_by_any_amount_moves_the_trusted_time_by_none_of_it() {
        for wrong_by in
            [61, HOUR, DAY, 20 * DAY, 31 * DAY, 4_000 * DAY, -700, -HOUR, -20 * DAY, -START]
        {
            let (mut clock, mut host) = begun();
            looks(&mut clock, &mut host, HOUR);
            host.wrong_by = wrong_by;
            host.passed += 10;
            let times = clock.at(&host.reading());
            assert_eq!(times.trusted, at(START + host.passed), "{wrong_by}");
            assert_eq!(times.now, host.reading().wall.max(times.trusted), "{wrong_by}");
            assert_eq!(
                looks(&mut clock, &mut host, 23 * HOUR),
                [ClockChange::Jumped],
                "{wrong_by}"
            );
            assert_eq!(clock.at(&host.reading()).trusted, at(START + host.passed), "{wrong_by}");
            // The clock is corrected.
            host.wrong_by = 0;
            let now = host.passed;
            assert_eq!(looks(&mut clock, &mut host, DAY), [settled(0, false, now, now)]);
            assert_eq!(clock.at(&host.reading()).ahead, None);
        }
    }

    #[test]
    fn a_jump_is_believed_after_a_day_without_another() {
        for (wrong_by, moves_all) in [(20 * DAY, false), (-20 * DAY, true)] {
            let (mut clock, mut host) = begun();
            host.wrong_by = wrong_by / 2;
            assert_eq!(looks(&mut clock, &mut host, 20 * HOUR), [ClockChange::Jumped]);
            host.wrong_by = wrong_by;
            let changes = looks(&mut clock, &mut host, DAY - 600);
            assert_eq!(changes, [ClockChange::Jumped], "{wrong_by}");
            host.passed += 600;
            let (trusted, now) = (host.passed, host.passed + wrong_by);
            let expected = settled(wrong_by, moves_all, trusted.min(now), now);
            assert_eq!(looks(&mut clock, &mut host, 0), [expected]);
            assert_eq!(clock.at(&host.reading()).trusted, host.reading().wall);
        }
    }

    #[test]
    fn the_seller_can_say_at_once_that_the_clock_is_right() {
        let (clock, mut host) = begun();
        host.wrong_by = 5 * DAY;
        let (clock, change) = clock.accept(&host.reading());
        assert_eq!(change, settled(5 * DAY, false, 0, 5 * DAY));
        assert_eq!(clock.check(&host.reading()), (clock.clone(), ClockChange::None));
    }

    #[test]
    fn a_restart_of_the_system_may_take_half_an_hour_and_open_orders_keep_what_they_had_left() {
        let (mut clock, mut host) = begun();
        looks(&mut clock, &mut host, HOUR);
        let last = host.passed;
        host.passed = last + 1_500;
        host.booted_at = host.passed - 20;
        assert_eq!(looks(&mut clock, &mut host, 0), [settled(1_500, true, last, last + 1_500)]);
        // A second jump changes nothing, and the first allows no further one.
        assert_eq!(looks(&mut clock, &mut host, HOUR), []);
        host.wrong_by = 900;
        assert_eq!(looks(&mut clock, &mut host, 0), [ClockChange::Jumped]);
    }

    #[test]
    fn a_host_that_starts_in_1970_and_learns_the_time_a_minute_later_is_trusted_then() {
        let (mut clock, mut host) = begun();
        let last = host.passed;
        (host.passed, host.wrong_by) = (last + 300, -START);
        host.booted_at = host.passed - 5;
        assert_eq!(looks(&mut clock, &mut host, 60), [ClockChange::Jumped]);
        host.wrong_by = 0;
        let now = host.passed;
        // The trusted time did not know of the minutes for which the host was off.
        assert_eq!(looks(&mut clock, &mut host, 0), [settled(300, true, last + 60, now)]);
    }

    #[test]
    fn a_new_shop_on_such_a_host_believes_the_first_clock_that_can_be_right() {
        let mut host = Host { wrong_by: -START, ..Host::new() };
        let mut clock = TrustedClock::begin(&host.reading());
        assert_eq!(looks(&mut clock, &mut host, 2 * DAY), []);
        assert!(clock.jump.is_some(), "1970 is not believed, however long it says so");
        let trusted = clock.at(&host.reading()).trusted;
        assert_eq!(trusted.get(), THIS_VERSION + 2 * DAY);
        host.wrong_by = 0;
        let by = host.reading().wall.seconds_after(trusted);
        let since = trusted.get() - START;
        assert_eq!(looks(&mut clock, &mut host, 0), [settled(by, true, since, 2 * DAY)]);
    }

    #[test]
    fn a_shop_that_was_off_for_months_is_in_doubt_for_one_day() {
        let (mut clock, mut host) = begun();
        host.passed = 90 * DAY;
        host.booted_at = host.passed - 20;
        assert_eq!(looks(&mut clock, &mut host, DAY - 600), [ClockChange::Jumped]);
        // Restarted meanwhile, after ten minutes off.
        host.booted_at = host.passed - 20;
        host.passed += 600;
        assert_eq!(looks(&mut clock, &mut host, 0), []);
        host.passed += 600;
        let changes = looks(&mut clock, &mut host, 0);
        assert!(
            matches!(changes[..], [ClockChange::Settled(Settling { moves_all: false, .. })]),
            "{changes:?}"
        );
        assert_eq!(clock.at(&host.reading()).trusted, host.reading().wall);
    }

    #[test]
    fn a_copy_that_comes_to_another_host_takes_nothing_from_how_long_that_has_run() {
        let (mut clock, mut host) = begun();
        (host.passed, host.booted_at) = (10 * DAY, -400 * DAY);
        assert_eq!(looks(&mut clock, &mut host, 600), [ClockChange::Jumped]);
        assert_eq!(clock.at(&host.reading()).trusted, at(START + 600));
    }

    #[test]
    fn a_clock_that_is_put_back_by_some_minutes_is_trusted_when_these_have_passed() {
        let (mut clock, mut host) = begun();
        looks(&mut clock, &mut host, HOUR);
        host.wrong_by = -300;
        host.passed += 10;
        assert_eq!(clock.at(&host.reading()).trusted, at(START + host.passed));
        assert_eq!(clock.check(&host.reading()).1, ClockChange::Jumped);
        looks(&mut clock, &mut host, 1_200);
        let times = clock.at(&host.reading());
        assert_eq!((times.ahead, times.trusted), (None, host.reading().wall));
    }

    #[test]
    fn two_processes_may_look_in_another_order_than_they_write() {
        let (clock, mut host) = begun();
        host.passed = -3;
        assert_eq!(clock.at(&host.reading()).ahead, None);
        assert_eq!(clock.check(&host.reading()).1, ClockChange::None);
    }

    proptest! {
        /// Whatever the host's clock does within a day, the trusted time advances by the elapsed time.
        #[test]
        fn the_trusted_time_advances_only_with_the_time_that_has_passed(
            steps in proptest::collection::vec((0..1_500_i64, prop_oneof![-90..90_i64, -3_000_000..3_000_000_i64, Just(0)]), 1..50)
        ) {
            let (mut clock, mut host) = begun();
            for (seconds, jump) in steps {
                host.passed += seconds;
                host.wrong_by += jump;
                let before = clock.at(&host.reading()).trusted;
                prop_assert!(before.get() - START - host.passed <= 60 + host.passed / SLEW);
                clock = clock.check(&host.reading()).0;
                let after = clock.at(&host.reading()).trusted;
                prop_assert!(after.get() - START - host.passed <= 60 + host.passed / SLEW);
                prop_assert!(clock.time.get() <= after.get() + 60);
            }
        }

        /// However often the clock jumps, a day after the last jump it is trusted again.
        #[test]
        fn a_jump_ends_by_itself(jumps in proptest::collection::vec((0..100_000_i64, -3_000_000..30_000_000_i64), 1..20)) {
            let (mut clock, mut host) = begun();
            for (seconds, jump) in jumps {
                looks(&mut clock, &mut host, seconds);
                host.wrong_by = jump;
            }
            looks(&mut clock, &mut host, DAY + 600);
            let times = clock.at(&host.reading());
            prop_assert_eq!(times.ahead, None);
            prop_assert_eq!(times.trusted, host.reading().wall);
        }
    }
}
