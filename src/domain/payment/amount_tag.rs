//! Small differences in amounts that tell payments to one address apart.

use crate::domain::payment::Coin;
use crate::domain::values::{Amount, Currency};

/// A small amount added to a total if orders share one address, so that the amount in the wallet's history identifies
/// the order: 1 to `n` steps, never zero, so that an unrelated payment is rarely taken for an order's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountTags {
    pub step: Amount,
    pub n: u64,
}

impl AmountTags {
    /// The table of tags. Every tag of a coin is worth less than a cent at the highest price that the coin has had.
    ///
    /// | coin | step | how many | the largest | why |
    /// |---|---|---|---|---|
    /// | Bitcoin | 0.00000001 | 7 | 0.00000007 | a satoshi, the smallest unit, which every wallet shows; less than a
    /// cent up to 142,000 dollars |
    /// | Litecoin, Dogecoin | 0.00000001 | 999 | 0.00000999 | as for Bitcoin; less than a cent up to 1,000 dollars |
    /// | Bitcoin Cash, Zcash | 0.00000001 | 150 | 0.0000015 | as for Bitcoin; less than a cent up to 6,600 dollars |
    /// | Monero | 0.00000001 | 999 | 0.00000999 | wallets show and send twelve decimals; less than a cent up to 1,000
    /// dollars |
    /// | Ether and similar coins | 0.00000001 | 150 | 0.0000015 | wallets send eighteen decimals, explorers list eight;
    /// less than a cent up to 6,600 dollars, and no coin of an EVM chain was worth more |
    /// | token worth a dollar or a euro | 0.00001 | 850 | 0.0085 | all tokens with six decimals or more can express it;
    /// with fewer decimals the token's own unit |
    /// | any other token | 0.000000001, or its own unit | 70 | 0.00000007 | it may be wrapped Bitcoin |
    ///
    /// A token of one or two decimals has none, since its smallest unit may be worth more than a cent; with a few more
    /// decimals, one unit is the only tag.
    pub fn of(currency: &Currency, coin: &Coin) -> Self {
        let (step, most) = match coin {
            Coin::BitcoinLike(coin) => (10, 10 * coin.n_tags),
            Coin::Monero => (10, 9_990),
            Coin::Ether { .. } => (10, 1_500),
            Coin::Token { .. } if is_stablecoin(currency) => (10_000, 8_500_000),
            Coin::Token { .. } => (1, 70),
        };
        let step = coin.grain().max(gwei(step));
        let n = match u64::try_from(most / step.get()) {
            _ if gwei(Amount::PER_COIN / 1_000) < step => 0,
            Ok(n) => n.max(1),
            Err(_) => 1,
        };
        Self { step, n }
    }

    pub fn tag(self, n: u64) -> Amount {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        gwei(self.step.get().saturating_mul(n))
    }

    pub fn most(self) -> Amount {
        self.tag(self.n)
    }
}

/// Names of tokens worth a dollar or a euro: `USDC`, `USDT`, `PYUSD`, `EURC`, `DAI`. If one has another name it only
/// gets fewer tags.
fn is_stablecoin(currency: &Currency) -> bool {
    let name = currency.as_str();
    name.contains("USD") || name.contains("EUR") || matches!(name, "DAI" | "XDAI" | "FRAX")
}

fn gwei(n: i64) -> Amount {
    Amount::new(n).expect("no number in this file is below zero")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(currency: &str, decimals: Option<u8>, expected: (&str, u64, &str)) {
        let currency = Currency::parse(currency).unwrap();
        let coin = match decimals {
            Some(decimals) => Coin::Token { chain: 1, contract: String::new(), decimals },
            None if currency.as_str() == "POL" => Coin::Ether { chain: 137 },
            None => Coin::parse(&currency, None, None, None).unwrap(),
        };
        let tags = AmountTags::of(&currency, &coin);
        let written = (tags.step.to_string(), tags.n, tags.most().to_string());
        let expected = (expected.0.to_owned(), expected.1, expected.2.to_owned());
        assert_eq!(written, expected, "{currency}");
    }

    #[test]
    fn the_table_says_what_a_coin_can_be_told_apart_by() {
        check("BTC", None, ("0.00000001", 7, "0.00000007"));
        check("LTC", None, ("0.00000001", 999, "0.00000999"));
        check("BCH", None, ("0.00000001", 150, "0.0000015"));
        check("XMR", None, ("0.00000001", 999, "0.00000999"));
        check("ETH", None, ("0.00000001", 150, "0.0000015"));
        check("POL", None, ("0.00000001", 150, "0.0000015"));
        check("USDC", Some(6), ("0.00001", 850, "0.0085"));
        check("DAI", Some(18), ("0.00001", 850, "0.0085"));
        check("EURT", Some(4), ("0.0001", 85, "0.0085"));
        check("EURS", Some(3), ("0.001", 8, "0.008"));
        check("TEA", Some(3), ("0.001", 1, "0.001"));
        check("GUSD", Some(2), ("0.01", 0, "0"));
        check("WETH", Some(18), ("0.000000001", 70, "0.00000007"));
        check("WBTC", Some(8), ("0.00000001", 7, "0.00000007"));
        check("XAUT", Some(6), ("0.000001", 1, "0.000001"));
        check("HOURS", Some(0), ("1", 0, "0"));
    }

    #[test]
    fn every_tail_is_under_a_cent_at_the_highest_price_of_its_coin() {
        // Dollars at the all-time high, rounded up: October 2025, May 2021, May 2021, December 2017, October 2016, January
        // 2026, August 2025.
        for (currency, dollars) in [
            ("BTC", 127_000),
            ("LTC", 420),
            ("DOGE", 1),
            ("BCH", 4_400),
            ("ZEC", 6_000),
            ("XMR", 1_000),
            ("ETH", 5_000),
        ] {
            let currency = Currency::parse(currency).unwrap();
            let coin = Coin::parse(&currency, None, None, None).unwrap();
            let most = AmountTags::of(&currency, &coin).most().get();
            assert!(100 * most * dollars < Amount::PER_COIN, "{currency}");
        }
    }
}
