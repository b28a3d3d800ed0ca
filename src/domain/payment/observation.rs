//! What a node observed of an invoice, and how much of it is paid.

use crate::domain::payment::{Address, Coin};
use crate::domain::values::{Amount, Timestamp};

/// How deep a payment must be in the chain before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// 0: known to the node, in a block or not; 1: in a block.
    Blocks(u32),
    /// The chain itself declares it final. Source: Ethereum's `finalized`.
    Final,
}

/// An invoice that a node is asked about.
#[derive(Clone, Debug)]
pub struct WatchedInvoice {
    /// The shop's internal id.
    pub id: i64,
    pub coin: Coin,
    pub address: Address,
    pub amount: Amount,
    /// Whether it is the only one with this address: otherwise only a payment of exactly its amount counts for it.
    pub has_own_address: bool,
    pub depth: Depth,
    /// To the day.
    pub placed_on: Timestamp,
    /// The observation of the last scan; `None`: it is new.
    pub last: Option<Observation>,
}

/// What a node observed of one invoice in one scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The total received, as far as the node knows; fractions of a Gwei are cut off.
    pub seen: Amount,
    /// The part of it with enough confirmations.
    pub settled: Amount,
    /// The confirmations of the newest payment, as far as the node knows: 0 if it is in no block yet.
    pub confirmations: u32,
    /// The confirmations it needs; if the chain has explicit finality, how many that takes at the moment.
    pub needed: u32,
    /// Funds left the address before they were confirmed: its balance no longer tells what was received. The seller
    /// decides.
    pub is_moved: bool,
}

/// How much of an invoice is paid, as a node observed it. In ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PaidState {
    /// Nothing, or too little to count.
    Nothing,
    /// A payment was seen that is not confirmed.
    Some,
    /// All payments are confirmed, and are too little.
    Part,
    All,
    More,
}

/// How much exchange fees and rounding may reduce an amount, and how much too much may be sent, without being reported.
///
/// Units: thousandths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance(i64);

impl Tolerance {
    /// Shape: 0 to 10 percent, at most three decimals: `0.5`.
    pub fn parse(text: &str) -> Option<Self> {
        let percent = Amount::parse_coins(text.trim().trim_end_matches('%')).ok()?.get();
        let is_whole = percent % 1_000_000 == 0;
        (is_whole && percent <= 10 * Amount::PER_COIN).then_some(Self(percent / 1_000_000))
    }

    /// This share of an amount; fractions of a Gwei are cut off.
    pub fn of(self, amount: Amount) -> Amount {
        let share = i128::from(amount.get()) * i128::from(self.0) / 100_000;
        i64::try_from(share).ok().and_then(|n| Amount::new(n).ok()).unwrap_or(amount)
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self(500)
    }
}

impl Observation {
    pub const NOTHING: Self = Self {
        seen: Amount::ZERO,
        settled: Amount::ZERO,
        confirmations: 0,
        needed: 0,
        is_moved: false,
    };

    /// The same with dust ignored.
    pub fn without_dust(self, amount: Amount, tolerance: Tolerance) -> Self {
        if self.paid_state(amount, tolerance) == PaidState::Nothing {
            Self { seen: Amount::ZERO, settled: Amount::ZERO, ..self }
        } else {
            self
        }
    }

    /// Whether the whole amount was seen, confirmed or not.
    pub fn has_all_of(&self, amount: Amount, tolerance: Tolerance) -> bool {
        amount.minus(tolerance.of(amount)).is_none_or(|least| least <= self.seen)
    }

    /// Whether a payment counts although a part of it is in no block yet, so that a double spend can take it back.
    pub fn counts_unconfirmed(&self) -> bool {
        self.needed == 0 && self.confirmations == 0 && Amount::ZERO < self.settled
    }

    /// Whether this is worth recording. Confirmations matter only until the payment is confirmed: otherwise every block
    /// would change every order.
    pub fn is_news_after(&self, last: &Self) -> bool {
        let money = |observation: &Self| {
            let unconfirmed = observation.counts_unconfirmed();
            (observation.seen, observation.settled, observation.is_moved, unconfirmed)
        };
        money(self) != money(last) || self.settled < self.seen && self != last
    }

    /// How much of an amount this pays. Dust, which is less than the tolerance, does not count: otherwise anybody could
    /// keep an order from expiring.
    pub fn paid_state(&self, amount: Amount, tolerance: Tolerance) -> PaidState {
        let slack = tolerance.of(amount);
        let least = amount.minus(slack).unwrap_or(amount);
        let most = amount.plus(slack).unwrap_or(amount);
        if most < self.settled {
            PaidState::More
        } else if least <= self.settled {
            PaidState::All
        } else if self.seen.max(self.settled) <= slack {
            PaidState::Nothing
        } else if self.settled < self.seen {
            PaidState::Some
        } else {
            PaidState::Part
        }
    }
}

/// One complete scan by a node: if any part of it is doubtful, there is none.
#[derive(Clone, Debug)]
pub struct ScanResult {
    /// The number of the newest block.
    pub head: u64,
    /// The time of the newest block that is as deep as the deepest required: a payment that was not seen was not made
    /// before that time.
    pub time: Timestamp,
    /// How far the chain's clock is ahead of this host's: an order's deadline is the host's time, and is compared with
    /// the chain's.
    ///
    /// Units: seconds, 0 if it is not ahead.
    pub ahead: i64,
    /// By [`WatchedInvoice::id`]; an invoice that is missing here was not scanned, and stays unchanged.
    pub observations: Vec<(i64, Observation)>,
    /// The adapter's own state for its next scan; it contains nothing about invoices that this scan did not watch.
    pub state: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn observation(seen: i64, settled: i64) -> Observation {
        let gwei = |n| Amount::new(n).unwrap();
        Observation { seen: gwei(seen), settled: gwei(settled), ..Observation::NOTHING }
    }

    #[track_caller]
    fn check(seen: i64, settled: i64, expected: PaidState) {
        let standing = observation(seen, settled)
            .paid_state(Amount::new(100_000).unwrap(), Tolerance::default());
        assert_eq!(standing, expected, "{seen} {settled}");
    }

    #[test]
    fn what_was_seen_says_how_much_is_paid() {
        check(0, 0, PaidState::Nothing);
        check(100_000, 0, PaidState::Some);
        check(40_000, 0, PaidState::Some);
        check(100_000, 40_000, PaidState::Some);
        check(40_000, 40_000, PaidState::Part);
        check(100_000, 100_000, PaidState::All);
        // An unconfirmed excess does not count yet.
        check(200_000, 100_000, PaidState::All);
        check(200_000, 200_000, PaidState::More);
    }

    #[test]
    fn how_deep_it_lies_is_news_until_it_has_settled() {
        let deeper =
            |observation: Observation| Observation { confirmations: 7, needed: 9, ..observation };
        for (before, after, is_news) in [
            (observation(0, 0), deeper(observation(0, 0)), false),
            (Observation { needed: 9, ..observation(5, 5) }, deeper(observation(5, 5)), false),
            (observation(5, 0), deeper(observation(5, 0)), true),
            (observation(5, 0), observation(5, 0), false),
            (observation(5, 0), observation(5, 5), true),
            (observation(5, 5), observation(0, 0), true),
            (observation(0, 0), Observation { is_moved: true, ..observation(0, 0) }, true),
        ] {
            assert_eq!(after.is_news_after(&before), is_news, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_payment_that_counts_without_a_block_is_news_again_once_it_has_one() {
        let at = |confirmations, needed| Observation { confirmations, needed, ..observation(5, 5) };
        for (before, after, is_news) in [
            (at(0, 0), at(0, 0), false),
            (at(0, 0), at(1, 0), true),
            (at(1, 0), at(2, 0), false),
            (at(1, 0), at(0, 0), true),
            (at(1, 1), at(2, 1), false),
        ] {
            assert_eq!(after.is_news_after(&before), is_news, "{before:?} {after:?}");
        }
        assert!(at(0, 0).counts_unconfirmed());
        for other in [at(1, 0), at(0, 1), observation(5, 0), Observation::NOTHING] {
            assert!(!other.counts_unconfirmed(), "{other:?}");
        }
    }

    #[test]
    fn half_a_percent_is_passed_over_in_both_directions_and_alone_is_dust() {
        check(99_500, 99_500, PaidState::All);
        check(99_499, 99_499, PaidState::Part);
        check(100_500, 100_500, PaidState::All);
        check(100_501, 100_501, PaidState::More);
        check(500, 500, PaidState::Nothing);
        check(501, 0, PaidState::Some);
        check(501, 501, PaidState::Part);
    }

    #[test]
    fn dust_is_nothing_and_all_else_stays_as_it_was_seen() {
        let amount = Amount::new(100_000).unwrap();
        let deep = |seen, settled| Observation { confirmations: 3, ..observation(seen, settled) };
        for (seen, expected) in [
            (deep(500, 500), deep(0, 0)),
            (deep(500, 0), deep(0, 0)),
            (deep(501, 0), deep(501, 0)),
            (deep(100_000, 400), deep(100_000, 400)),
        ] {
            assert_eq!(seen.without_dust(amount, Tolerance::default()), expected);
        }
    }

    #[test]
    fn a_tolerance_is_written_in_percent() {
        let of = |text: &str| {
            Tolerance::parse(text).map(|tolerance| tolerance.of(Amount::ONE_COIN).get())
        };
        assert_eq!(of("0.5"), Some(5_000_000));
        assert_eq!(of("0.5%"), Some(5_000_000));
        assert_eq!(of("0"), Some(0));
        assert_eq!(of("10"), Some(100_000_000));
        assert_eq!(of("0.001"), Some(10_000));
        for text in ["", "-1", "10.001", "0.0001", "half", "1e1"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn more_money_never_says_less(amount in 1..i64::MAX, settled in 0..i64::MAX, more in 0..i64::MAX) {
            let amount = Amount::new(amount).unwrap();
            let standing = |n| observation(n, n).paid_state(amount, Tolerance::default());
            prop_assert!(standing(settled) <= standing(settled.saturating_add(more)));
        }
    }
}
