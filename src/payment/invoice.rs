use crate::payment::Address;
use crate::payment::Coin;
use crate::payment::Sighting;
use crate::payment::payment_uri;
use crate::values::Currency;
use crate::values::Gwei;
use crate::values::Moment;

/// What one order owes, and where it is to be paid. What it showed once it keeps showing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    pub currency: Currency,
    pub coin: Coin,
    pub address: Address,
    /// What was asked for: the order's total, and perhaps a little more that tells it from other open orders.
    pub amount: Gwei,
    /// The order's total.
    pub total: Gwei,
    /// What the seller says has arrived.
    pub received: Gwei,
    /// What the seller's node saw; `None`: no node follows it.
    pub sighting: Option<Sighting>,
    /// How long the price stands.
    pub until: Moment,
}

/// Among this many open orders of one price and one address the next amount is looked for.
pub const MOST_ALIKE: i64 = 10_000;

impl Invoice {
    /// The link that a wallet opens, for what is still due.
    pub fn link(&self, due: Gwei) -> String {
        payment_uri(&self.coin, &self.address, due)
    }

    /// What has arrived for good: by the seller's word or by what their node saw, whichever is more.
    pub fn arrived(&self) -> Gwei {
        self.received.max(self.sighting.map_or(Gwei::ZERO, |sighting| sighting.settled))
    }

    /// What has arrived or is on its way.
    pub fn seen(&self) -> Gwei {
        self.received.max(self.sighting.map_or(Gwei::ZERO, |sighting| sighting.seen))
    }

    /// What was added to the total so that this payment can be told from others.
    pub fn mark(&self) -> Gwei {
        self.amount.minus(self.total).unwrap_or(Gwei::ZERO)
    }
}

/// No amount is asked for that lies further above a total.
pub const MOST_ADDED: Gwei = Gwei::ONE_COIN;

/// The amount to ask for where buyers share an address: the total itself, or the next step above it that no other open
/// order there is asked for. `None` where too many orders are alike.
pub fn distinct_amount(total: Gwei, coin: &Coin, taken: &[Gwei]) -> Option<Gwei> {
    let step = coin.grain().get();
    (0..MOST_ALIKE).find_map(|n| {
        let added = Gwei::new(n.checked_mul(step)?).ok().filter(|added| *added <= MOST_ADDED)?;
        let amount = total.plus(added)?;
        (!taken.contains(&amount)).then_some(amount)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(total: i64, coin: &Coin, taken: &[i64], expected: i64) {
        let taken: Vec<Gwei> = taken.iter().map(|n| Gwei::new(*n).unwrap()).collect();
        let amount = distinct_amount(Gwei::new(total).unwrap(), coin, &taken);
        assert_eq!(amount.map(Gwei::get), Some(expected));
    }

    #[test]
    fn orders_that_share_an_address_differ_in_their_amount() {
        let ether = Coin::Ether { chain: 1 };
        check(1_000, &ether, &[], 1_000);
        check(1_000, &ether, &[1_000, 1_001, 1_003], 1_002);
        check(1_000, &ether, &[999], 1_000);
        check(1_000, &Coin::Bitcoin, &[1_000], 1_010);
    }
}
