//! Siege mode: how the shop sells while it is flooded with unpaid orders.

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
    fn under_siege_nobody_has_longer_to_pay_than_before() {
        assert_eq!((payment_minutes(120, false), payment_minutes(120, true)), (120, 20));
        assert_eq!((payment_minutes(5, false), payment_minutes(5, true)), (5, 5));
    }
}
