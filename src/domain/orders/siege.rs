//! Siege mode: how the shop sells while it is flooded with unpaid orders.

use crate::domain::values::Timestamp;

/// Units: minutes to pay for an order while the shop is in siege mode.
pub const SIEGE_MINUTES: i64 = 20;
/// Units: seconds over which unpaid orders are counted.
pub const SIEGE_SECONDS: i64 = 3_600;
/// Units: seconds over which they are counted to detect the start of a siege.
pub const BURST_SECONDS: i64 = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiegeChange {
    Begins,
    Ends,
}

/// How siege mode changes if `n_unpaid` orders of the last hour are unpaid. It begins with `most` of them and ends with
/// fewer than half of that, so that it does not change with each order.
pub fn siege_change(is_under_siege: bool, n_unpaid: i64, most: i64) -> Option<SiegeChange> {
    if is_under_siege {
        (n_unpaid.saturating_mul(2) < most).then_some(SiegeChange::Ends)
    } else {
        (most <= n_unpaid).then_some(SiegeChange::Begins)
    }
}

/// How many unpaid orders within [`BURST_SECONDS`] may be the start of a siege, which begins with `most` an hour. Messages
/// about further ones wait until that is clear.
pub fn burst_orders(most: i64) -> i64 {
    (most.saturating_mul(15) / 100).max(15)
}

/// How many orders are not paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpaidCounts {
    /// Of those that were placed within [`SIEGE_SECONDS`].
    pub in_hour: i64,
    /// Of those that were placed within [`BURST_SECONDS`].
    pub in_burst: i64,
}

impl UnpaidCounts {
    /// Whether so many were placed within a minute that a siege may begin. `most`: with how many an hour it begins.
    pub fn is_burst(self, most: i64) -> bool {
        burst_orders(most) <= self.in_burst
    }

    /// With so many further orders that are not paid.
    pub fn plus(self, n_orders: i64) -> Self {
        Self { in_hour: self.in_hour + n_orders, in_burst: self.in_burst + n_orders }
    }

    /// Whether neither a siege nor a burst begins with so many.
    fn is_usual(self, most: i64) -> bool {
        !self.is_burst(most) && siege_change(false, self.in_hour, most).is_none()
    }
}

/// Units: seconds after which orders are counted again.
const COUNT_LASTS: i64 = 60;

/// Unpaid orders as they were counted once: as long as the orders that came since would change nothing even if none of them
/// were paid, nobody has to count again.
#[derive(Clone, Copy, Debug)]
pub struct UnpaidEstimate {
    pub counts: UnpaidCounts,
    /// By the trusted time.
    pub at: Timestamp,
    /// The id of the newest order then. Ids grow by one with each order.
    pub last_order: i64,
}

impl UnpaidEstimate {
    /// At most so many are unpaid now, when `last_order` is the newest. `None`: the next `n_orders` could begin a siege or
    /// a burst by this, or it is too old: count again. An order whose payment is lost again may be missing until then.
    pub fn continued(
        &self,
        at: Timestamp,
        last_order: i64,
        n_orders: i64,
        most: i64,
    ) -> Option<UnpaidCounts> {
        let age = at.seconds_after(self.at);
        let n_since = last_order - self.last_order;
        let counts = self.counts.plus(n_since);
        let is_usable = (0..=COUNT_LASTS).contains(&age) && 0 <= n_since;
        (is_usable && counts.plus(n_orders).is_usual(most)).then_some(counts)
    }
}

/// Units: minutes to pay for a new order.
pub fn payment_minutes(usual: i64, is_under_siege: bool) -> i64 {
    if is_under_siege { usual.min(SIEGE_MINUTES) } else { usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(is_under_siege: bool, n_unpaid: i64, most: i64, expected: Option<SiegeChange>) {
        let change = siege_change(is_under_siege, n_unpaid, most);
        assert_eq!(change, expected, "{is_under_siege} {n_unpaid} of {most}");
    }

    #[test]
    fn a_siege_begins_at_the_threshold_and_ends_below_half_of_it() {
        let (begins, ends) = (Some(SiegeChange::Begins), Some(SiegeChange::Ends));
        for (n_unpaid, expected) in [(0, None), (99, None), (100, begins), (5_000, begins)] {
            check(false, n_unpaid, 100, expected);
        }
        for (n_unpaid, expected) in [(5_000, None), (99, None), (50, None), (49, ends), (0, ends)] {
            check(true, n_unpaid, 100, expected);
        }
        // An odd threshold, and the lowest.
        check(true, 3, 5, None);
        check(true, 2, 5, ends);
        check(false, 1, 1, begins);
        check(true, 1, 1, None);
        check(true, 0, 1, ends);
    }

    #[test]
    fn a_burst_is_some_orders_at_least_and_a_part_of_a_siege() {
        for (most, expected) in [(1, 15), (100, 15), (200, 30), (1_000_000, 150_000)] {
            assert_eq!(burst_orders(most), expected, "{most}");
        }
    }

    #[test]
    fn orders_are_counted_again_before_they_could_begin_anything_or_after_a_minute() {
        let at = Timestamp::new(1_795_219_200).unwrap();
        let counts = UnpaidCounts { in_hour: 90, in_burst: 2 };
        let estimate = UnpaidEstimate { counts, at, last_order: 1_000 };
        let check = |seconds: i64, last_order: i64, n_orders: i64, expected: Option<i64>| {
            let counts = estimate.continued(at.plus_seconds(seconds), last_order, n_orders, 100);
            assert_eq!(counts.map(|counts| counts.in_hour), expected, "{seconds} {last_order}");
        };
        check(0, 1_000, 1, Some(90));
        check(60, 1_008, 1, Some(98));
        check(60, 1_009, 1, None);
        check(60, 1_000, 9, Some(90));
        check(60, 1_000, 10, None);
        check(61, 1_000, 1, None);
        // The clock or the orders went back.
        check(-1, 1_000, 1, None);
        check(0, 999, 1, None);
        let burst =
            UnpaidEstimate { counts: UnpaidCounts { in_hour: 14, in_burst: 13 }, ..estimate };
        assert!(burst.continued(at, 1_000, 1, 100).is_some());
        assert!(burst.continued(at, 1_000, 2, 100).is_none());
    }

    #[test]
    fn under_siege_nobody_has_longer_to_pay_than_before() {
        assert_eq!((payment_minutes(120, false), payment_minutes(120, true)), (120, 20));
        assert_eq!((payment_minutes(5, false), payment_minutes(5, true)), (5, 5));
    }
}
