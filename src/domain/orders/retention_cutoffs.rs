//! When a finished order is due to be erased.

use crate::domain::orders::{FOLLOWED_DAYS, UNPAID_DAYS};
use crate::domain::values::Timestamp;

/// Which orders are due to be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionCutoffs {
    /// Those finished on or before this day, except expired ones.
    pub finished_by: Timestamp,
    /// Expired ones whose time to pay had ended by this time.
    pub unpaid_by: Timestamp,
    /// The same for orders that a node watches.
    pub followed_by: Timestamp,
    /// The shop must also have noticed the expiry on or before this day: buyers who paid while it was down for days can
    /// still report it.
    pub unpaid_seen_by: Timestamp,
}

/// Who purges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurgeMode {
    /// The running shop: the days of an unpaid order begin when the shop notices its expiry.
    Automatic,
    /// The seller, by command.
    BySeller,
}

impl RetentionCutoffs {
    /// What is due at this moment of the trusted time, in a shop that keeps finished orders for this many days.
    pub fn at(trusted: Timestamp, keep_days: i64, mode: PurgeMode) -> Self {
        let unpaid_seen_by = match mode {
            // Only the day of the expiry is stored.
            PurgeMode::Automatic => trusted.plus_days(-UNPAID_DAYS - 1),
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
        for (mode, keep_days, seen) in [
            (PurgeMode::Automatic, 30, 3),
            (PurgeMode::BySeller, 30, 0),
            (PurgeMode::Automatic, 0, 3),
        ] {
            let expected = RetentionCutoffs {
                finished_by: days(keep_days),
                unpaid_by: days(2),
                followed_by: days(7),
                unpaid_seen_by: days(seen),
            };
            assert_eq!(
                RetentionCutoffs::at(days(0), keep_days, mode),
                expected,
                "{mode:?} {keep_days}"
            );
        }
    }
}
