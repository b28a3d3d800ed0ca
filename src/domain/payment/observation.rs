//! What a node observed of an invoice, and how much that says is paid.

use crate::domain::payment::Address;
use crate::domain::payment::Coin;
use crate::domain::values::Amount;
use crate::domain::values::Timestamp;

/// How deep a payment must lie before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Shape: 1 or more; 1: in a block.
    Blocks(u32),
    /// The chain itself says that it will not be undone. Source: Ethereum's `finalized`.
    Final,
}

/// An invoice that a node is asked about.
#[derive(Clone, Debug)]
pub struct WatchedInvoice {
    /// What the shop calls it; nobody else does.
    pub id: i64,
    pub coin: Coin,
    pub address: Address,
    pub amount: Amount,
    /// Whether this address belongs to it alone: else only a payment of exactly its amount is its own.
    pub is_alone: bool,
    pub depth: Depth,
    /// By the day.
    pub placed_on: Timestamp,
    /// What was seen at the last look; `None`: it is new.
    pub last: Option<Observation>,
}

/// What a node saw of one invoice at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What came in all, as far as the node knows; parts of a Gwei are cut off.
    pub seen: Amount,
    /// What of it lies as deep as it must.
    pub settled: Amount,
    /// The youngest part of what was seen, as far as the node knows: 0 where it is in no block yet.
    pub confirmations: u32,
    /// How many it must have; where the chain says itself what is final, how many that takes just now.
    pub needed: u32,
    /// Something left the address before it was seen to settle: what lies there no longer tells what came. The seller decides.
    pub is_moved: bool,
}

/// How much of an invoice is paid, by what a node saw. In rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PaidState {
    /// Nothing, or so little that it does not count.
    Nothing,
    /// Something was seen that has not settled.
    Some,
    /// All that was seen has settled, and is too little.
    Part,
    All,
    More,
}

/// What exchanges and rounding may lose of an amount, and what somebody may send too much, without a word about it.
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

    /// So much of an amount; parts of a Gwei are cut off.
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

    /// The same where dust is nothing at all.
    pub fn without_dust(self, amount: Amount, tolerance: Tolerance) -> Self {
        if self.standing(amount, tolerance) == PaidState::Nothing {
            Self { seen: Amount::ZERO, settled: Amount::ZERO, ..self }
        } else {
            self
        }
    }

    /// Whether anybody would be told something new. How deep a payment lies is of interest until it has settled: else every
    /// block would be news of every order.
    pub fn says_more_than(&self, last: &Self) -> bool {
        let money = |sighting: &Self| (sighting.seen, sighting.settled, sighting.is_moved);
        money(self) != money(last) || self.settled < self.seen && self != last
    }

    /// What this says of an amount. Dust, which is less than what is tolerated, says nothing: else anybody could keep an
    /// order from running out.
    pub fn standing(&self, amount: Amount, tolerance: Tolerance) -> PaidState {
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

/// One look of a node's, whole: where anything about it is in doubt, there is none.
#[derive(Clone, Debug)]
pub struct ScanResult {
    /// The number of the newest block.
    pub head: u64,
    /// When the newest block was made that lies as deep as the deepest that is asked for: until then, what was not seen
    /// did not come.
    pub time: Timestamp,
    /// How far the chain's own clock is ahead of this host's: an order's time is the host's, and is judged by the chain's.
    ///
    /// Units: seconds, 0 where it is not ahead.
    pub ahead: i64,
    /// By [`WatchedInvoice::id`]; an invoice that is missing here was not looked at, and stays as it was.
    pub observations: Vec<(i64, Observation)>,
    /// What this node's reader wants to be told at its next look, in its own form; it holds nothing of an invoice that was
    /// not followed at this look.
    pub memory: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sighting(seen: i64, settled: i64) -> Observation {
        let gwei = |n| Amount::new(n).unwrap();
        Observation { seen: gwei(seen), settled: gwei(settled), ..Observation::NOTHING }
    }

    #[track_caller]
    fn check(seen: i64, settled: i64, expected: PaidState) {
        let standing =
            sighting(seen, settled).standing(Amount::new(100_000).unwrap(), Tolerance::default());
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
        // What is on its way beyond the amount is not there yet.
        check(200_000, 100_000, PaidState::All);
        check(200_000, 200_000, PaidState::More);
    }

    #[test]
    fn how_deep_it_lies_is_news_until_it_has_settled() {
        let deeper =
            |sighting: Observation| Observation { confirmations: 7, needed: 9, ..sighting };
        for (before, after, is_news) in [
            (sighting(0, 0), deeper(sighting(0, 0)), false),
            (sighting(5, 5), deeper(sighting(5, 5)), false),
            (sighting(5, 0), deeper(sighting(5, 0)), true),
            (sighting(5, 0), sighting(5, 0), false),
            (sighting(5, 0), sighting(5, 5), true),
            (sighting(5, 5), sighting(0, 0), true),
            (sighting(0, 0), Observation { is_moved: true, ..sighting(0, 0) }, true),
        ] {
            assert_eq!(after.says_more_than(&before), is_news, "{before:?} {after:?}");
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
        let deep = |seen, settled| Observation { confirmations: 3, ..sighting(seen, settled) };
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
            let standing = |n| sighting(n, n).standing(amount, Tolerance::default());
            prop_assert!(standing(settled) <= standing(settled.saturating_add(more)));
        }
    }
}
