//! Computes the received amounts from balances. Pure functions.

use crate::domain::payment::{Depth, Observation, WatchedInvoice};
use crate::domain::values::Amount;

/// The balances of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balances {
    /// At the newest block.
    pub head: Amount,
    /// At the required depth.
    pub deep: Amount,
}

/// How many transactions an address has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentCounts {
    pub head: u64,
    pub deep: u64,
}

/// Whether the result depends on funds having left the address: the balance is lower than before, or than at the
/// required depth.
pub fn needs_sent_counts(invoice: &WatchedInvoice, balances: Balances) -> bool {
    let last = last(invoice);
    balances.head < last.seen
        || balances.deep < last.settled
        || balances.head < balances.deep
        || last.is_moved
}

/// `sent`: if it was requested.
pub fn observe(
    invoice: &WatchedInvoice,
    balances: Balances,
    sent: Option<SentCounts>,
) -> Observation {
    let last = last(invoice);
    let has_sent = sent.is_some_and(|sent| 0 < sent.head);
    let had_sent = sent.is_some_and(|sent| 0 < sent.deep);

    // If a balance decreases while nothing was sent, a reorganisation reversed a payment. A final payment is never
    // reversed: some tokens can be moved by a signature alone, without a transaction of the address.
    let is_irreversible = had_sent || invoice.depth == Depth::Final;
    let settled = if is_irreversible { last.settled.max(balances.deep) } else { balances.deep };
    let seen = if has_sent { last.seen.max(balances.head) } else { balances.head };
    Observation {
        seen: seen.max(settled),
        settled,
        confirmations: 0,
        needed: 0,
        is_moved: (had_sent || (sent.is_none() && last.is_moved)) && settled < invoice.amount,
    }
}

/// The confirmations of the newest payment: `since` is the block of the scan that first saw it, which may be later than
/// its own.
pub fn confirmations(observation: &Observation, head: u64, since: u64) -> u32 {
    if observation.seen == Amount::ZERO {
        return 0;
    }
    let n_blocks = u32::try_from(head.saturating_sub(since)).unwrap_or(u32::MAX).saturating_add(1);
    if observation.settled < observation.seen {
        n_blocks.min(observation.needed.saturating_sub(1))
    } else {
        n_blocks.max(observation.needed)
    }
}

fn last(invoice: &WatchedInvoice) -> Observation {
    invoice.last.unwrap_or(Observation::NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::payment::{Address, Coin};
    use crate::domain::values::Timestamp;

    fn gwei(n: i64) -> Amount {
        Amount::new(n).unwrap()
    }

    /// An invoice for 1000, with the amounts seen and settled before.
    fn invoice(depth: Depth, seen: i64, settled: i64) -> WatchedInvoice {
        let coin = Coin::Ether { chain: 1 };
        let address = Address::parse(&coin, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed").unwrap();
        let last = Observation {
            seen: gwei(seen),
            settled: gwei(settled),
            confirmations: 0,
            needed: 3,
            is_moved: false,
        };
        WatchedInvoice {
            id: 1,
            coin,
            address,
            amount: gwei(1000),
            has_own_address: true,
            depth,
            placed_on: Timestamp::new(0).unwrap(),
            last: Some(last),
        }
    }

    /// `expected`: seen, settled, moved.
    #[track_caller]
    fn check(
        (depth, seen, settled): (Depth, i64, i64),
        (head, deep): (i64, i64),
        sent: Option<(u64, u64)>,
        expected: (i64, i64, bool),
    ) {
        let invoice = invoice(depth, seen, settled);
        let balances = Balances { head: gwei(head), deep: gwei(deep) };
        let sent = sent.map(|(head, deep)| SentCounts { head, deep });
        assert_eq!(needs_sent_counts(&invoice, balances), sent.is_some());
        let observed = observe(&invoice, balances, sent);
        assert_eq!((observed.seen.get(), observed.settled.get(), observed.is_moved), expected);
    }

    const THREE: Depth = Depth::Blocks(3);

    #[test]
    fn a_payment_is_seen_and_then_settled() {
        check((THREE, 0, 0), (0, 0), None, (0, 0, false));
        check((THREE, 0, 0), (400, 0), None, (400, 0, false));
        check((THREE, 400, 0), (1000, 400), None, (1000, 400, false));
        check((THREE, 1000, 400), (1000, 1000), None, (1000, 1000, false));
    }

    #[test]
    fn a_reorganisation_reverses_payments() {
        check((THREE, 1000, 0), (0, 0), Some((0, 0)), (0, 0, false));
        check((THREE, 1000, 1000), (0, 0), Some((0, 0)), (0, 0, false));
        check((THREE, 1000, 1000), (1000, 0), Some((0, 0)), (1000, 0, false));
    }

    #[test]
    fn swept_payments_were_received_all_the_same() {
        check((THREE, 1000, 1000), (0, 1000), Some((1, 0)), (1000, 1000, false));
        check((THREE, 1000, 1000), (0, 0), Some((1, 1)), (1000, 1000, false));
        // Swept before it was deep enough: it counts if a scan saw it while it was.
        check((THREE, 1000, 0), (0, 0), Some((1, 0)), (1000, 0, false));
        check((THREE, 1000, 0), (0, 1000), Some((1, 0)), (1000, 1000, false));
        check((THREE, 1000, 0), (0, 0), Some((1, 1)), (1000, 0, true));
    }

    #[test]
    fn a_final_payment_is_never_reversed() {
        check((Depth::Final, 1000, 1000), (0, 0), Some((0, 0)), (1000, 1000, false));
        check((Depth::Final, 1000, 0), (0, 0), Some((0, 0)), (0, 0, false));
    }

    #[test]
    fn confirmations_never_contradict_what_is_settled() {
        let with = |seen, settled| Observation {
            seen: gwei(seen),
            settled: gwei(settled),
            confirmations: 0,
            needed: 3,
            is_moved: false,
        };
        assert_eq!(confirmations(&with(0, 0), 10, 10), 0);
        assert_eq!(confirmations(&with(5, 0), 10, 10), 1);
        assert_eq!(confirmations(&with(5, 0), 20, 10), 2);
        assert_eq!(confirmations(&with(5, 5), 10, 10), 3);
        assert_eq!(confirmations(&with(5, 5), 14, 10), 5);
    }
}
