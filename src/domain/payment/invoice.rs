//! What is to be paid: coin, address, amount and time.

use crate::domain::payment::{Address, AmountTags, Coin, Observation, payment_uri};
use crate::domain::values::{Amount, Currency, Timestamp};

/// What one order owes, and where to pay it. An invoice that was shown does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    pub currency: Currency,
    pub coin: Coin,
    pub address: Address,
    /// The amount due: the order's total, plus perhaps a small tag that distinguishes it from other open orders.
    pub amount: Amount,
    /// The order's total.
    pub total: Amount,
    /// The amount received according to the seller.
    pub received: Amount,
    /// What the seller's node observed; `None`: no node watches it.
    pub observation: Option<Observation>,
    /// Whether that node cannot be relied on now.
    pub node_unreliable: bool,
    /// How long the price is valid, as displayed. Shape: a whole minute.
    pub until: Timestamp,
    /// Units: seconds by which `until` is ahead of the trusted time. `None`: the clock was not in doubt.
    pub clock_ahead: Option<i64>,
}

impl Invoice {
    /// How long the price is valid, by the trusted time.
    pub fn ends_at(&self) -> Timestamp {
        self.until.plus_seconds(-self.clock_ahead.unwrap_or(0))
    }

    /// The payment link for what is still due.
    pub fn link(&self, due: Amount) -> String {
        payment_uri(&self.coin, &self.address, due)
    }

    /// The confirmed amount: by the seller or by their node, whichever is more.
    pub fn arrived(&self) -> Amount {
        self.received.max(self.observation.map_or(Amount::ZERO, |observation| observation.settled))
    }

    /// The amount received so far, including unconfirmed payments.
    pub fn seen(&self) -> Amount {
        self.received.max(self.observation.map_or(Amount::ZERO, |observation| observation.seen))
    }

    /// The tag added to the total to tell this payment from others.
    pub fn tag(&self) -> Amount {
        self.amount.minus(self.total).unwrap_or(Amount::ZERO)
    }
}

/// The amount due if buyers share an address: the total plus a tag that no other order has there. The search begins at
/// a random tag, given by `random_bytes`, so that a tag does not reveal how many orders there were. `None` if all are
/// in use.
pub fn distinct_amount(
    total: Amount,
    tags: AmountTags,
    taken: &[Amount],
    random_bytes: [u8; 8],
) -> Option<Amount> {
    let start = u64::from_le_bytes(random_bytes).checked_rem(tags.n)?;
    (0..tags.n).find_map(|n| {
        let amount = total.plus(tags.tag(1 + (start + n) % tags.n))?;
        (!taken.contains(&amount)).then_some(amount)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::payment::BitcoinLike;

    const ETHER: Coin = Coin::Ether { chain: 1 };

    fn coins() -> Vec<(Currency, Coin)> {
        let token = |decimals| Coin::Token { chain: 1, contract: String::new(), decimals };
        [
            ("BTC", Coin::BITCOIN),
            ("LTC", Coin::BitcoinLike(&BitcoinLike::ALL[1])),
            ("XMR", Coin::Monero),
            ("ETH", ETHER),
            ("USDC", token(6)),
            ("DAI", token(18)),
            ("WBTC", token(8)),
            ("GUSD", token(2)),
            ("HOURS", token(0)),
        ]
        .map(|(currency, coin)| (Currency::parse(currency).unwrap(), coin))
        .to_vec()
    }

    #[track_caller]
    fn check(total: i64, tags: AmountTags, taken: &[i64], start: u64, expected: Option<i64>) {
        let taken: Vec<Amount> = taken.iter().map(|n| Amount::new(*n).unwrap()).collect();
        let amount =
            distinct_amount(Amount::new(total).unwrap(), tags, &taken, start.to_le_bytes());
        assert_eq!(amount.map(Amount::get), expected);
    }

    #[test]
    fn orders_that_share_an_address_differ_in_their_amount_and_none_is_the_bare_total() {
        let tags = AmountTags { step: Amount::new(10).unwrap(), n: 3 };
        check(1_000, tags, &[], 0, Some(1_010));
        check(1_000, tags, &[], 2, Some(1_030));
        check(1_000, tags, &[], 3, Some(1_010));
        check(1_000, tags, &[1_030, 1_020, 990], 2, Some(1_010));
        check(1_000, tags, &[1_010, 1_020, 1_030], 1, None);
        check(i64::MAX - 15, tags, &[], 0, Some(i64::MAX - 5));
        check(i64::MAX - 5, tags, &[], 0, None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn as_many_orders_are_told_apart_as_a_coin_has_tails(total in 1..1_000_000_000_i64, chances in proptest::collection::vec(any::<[u8; 8]>(), 160), spread in 1..5_i64) {
            for (currency, coin) in coins() {
                let tags = AmountTags::of(&currency, &coin);
                let grain = coin.grain().get();
                let mut taken: Vec<Amount> = Vec::new();
                let mut n_refused = 0_usize;
                for (n, random_bytes) in (0_i64..).zip(&chances) {
                    // Totals that are close to each other share tags.
                    let total = Amount::new((total + n % spread) * grain).unwrap();
                    let Some(amount) = distinct_amount(total, tags, &taken, *random_bytes) else {
                        n_refused += 1;
                        continue;
                    };
                    let tail = amount.minus(total).unwrap();
                    prop_assert!(Amount::ZERO < tail && tail <= tags.most());
                    prop_assert_eq!(amount.get() % grain, 0, "{}", currency);
                    prop_assert!(!taken.contains(&amount));
                    taken.push(amount);
                }
                let distinct: BTreeSet<Amount> = taken.iter().copied().collect();
                prop_assert_eq!(distinct.len(), taken.len());
                if spread == 1 {
                    let most = usize::try_from(tags.n).unwrap();
                    prop_assert_eq!(taken.len(), most.min(chances.len()));
                    prop_assert_eq!(n_refused, chances.len() - taken.len());
                }
            }
        }
    }

    #[test]
    fn what_arrived_is_by_the_sellers_word_or_by_the_nodes_whichever_is_more() {
        let gwei = |n| Amount::new(n).unwrap();
        let address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        let invoice = |received, node: Option<(i64, i64)>| Invoice {
            currency: Currency::parse("ETH").unwrap(),
            coin: ETHER,
            address: Address::parse(&ETHER, address).unwrap(),
            amount: gwei(1_010),
            total: gwei(1_000),
            received: gwei(received),
            observation: node.map(|(seen, settled)| Observation {
                seen: gwei(seen),
                settled: gwei(settled),
                ..Observation::NOTHING
            }),
            node_unreliable: false,
            until: Timestamp::new(0).unwrap(),
            clock_ahead: None,
        };
        for (received, node, arrived, seen) in [
            (0, None, 0, 0),
            (400, None, 400, 400),
            (400, Some((700, 500)), 500, 700),
            (600, Some((700, 500)), 600, 700),
            (800, Some((700, 500)), 800, 800),
        ] {
            let invoice = invoice(received, node);
            assert_eq!(invoice.arrived(), gwei(arrived), "{received} {node:?}");
            assert_eq!(invoice.seen(), gwei(seen), "{received} {node:?}");
        }
        let invoice = invoice(0, None);
        assert_eq!(invoice.tag(), gwei(10));
        let link = invoice.link(gwei(3));
        assert!(link.starts_with("ethereum:") && link.contains(address), "{link}");
        assert!(link.ends_with("value=3000000000"), "{link}");
        // Placed while the host's clock was a minute ahead of the trusted time.
        let placed = Invoice { until: Timestamp::new(1_000).unwrap(), ..invoice };
        assert_eq!(placed.ends_at().get(), 1_000);
        assert_eq!(Invoice { clock_ahead: Some(60), ..placed }.ends_at().get(), 940);
    }
}
