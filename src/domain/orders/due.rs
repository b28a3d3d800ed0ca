//! When a finished order is due to be erased.

use crate::domain::orders::{FOLLOWED_DAYS, UNPAID_DAYS};
use crate::domain::values::Timestamp;

/// Which orders are due to be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Finished on this day or before it, and not because nobody paid.
    pub finished_by: Timestamp,
    /// Expired, and the time to pay was over at this moment.
    pub unpaid_by: Timestamp,
    /// The same where a node follows it.
    pub followed_by: Timestamp,
    /// The same, and the shop saw it on this day or before it: after it was down for days, buyers who paid meanwhile can
    /// still say so.
    pub unpaid_seen_by: Timestamp,
}

/// Who wants to erase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurgeMode {
    /// The open shop: an unpaid order of a shop that was down gets its days from when the shop saw it.
    ByItself,
    /// The seller, who says so.
    BySeller,
}

impl Due {
    /// What is due at this moment of the trusted time, in a shop that keeps finished orders for so many days.
    pub fn at(trusted: Timestamp, keep_days: i64, haste: PurgeMode) -> Self {
        let unpaid_seen_by = match haste {
            // Which day that was is all that is kept of it.
            PurgeMode::ByItself => trusted.plus_days(-UNPAID_DAYS - 1),
            PurgeMode::BySeller => trusted,
        };
        Self {
            finished_by: trusted.plus_days(-keep_days),
            unpaid_by: trusted.plus_days(-UNPAID_DAYS),
            followed_by: trusted.plus_days(-FOLLOWED_DAYS),
            unpaid_seen_by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpaid_orders_are_kept_for_two_days_or_seven_and_others_as_long_as_the_seller_says() {
        let days = |n: i64| Timestamp::new(1_800_000_000 - n * 86_400).unwrap();
        for (haste, keep_days, seen) in [
            (PurgeMode::ByItself, 30, 3),
            (PurgeMode::BySeller, 30, 0),
            (PurgeMode::ByItself, 0, 3),
        ] {
            let expected = Due {
                finished_by: days(keep_days),
                unpaid_by: days(2),
                followed_by: days(7),
                unpaid_seen_by: days(seen),
            };
            assert_eq!(Due::at(days(0), keep_days, haste), expected, "{haste:?} {keep_days}");
        }
    }
}
