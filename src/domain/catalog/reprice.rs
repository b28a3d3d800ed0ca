//! Changes all prices of products by a percentage.

use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::domain::catalog::{CatalogFile, Prices};
use crate::domain::values::{Amount, FiatPrice, plain_decimal};

/// A change of prices: `+5%`, `-12.5%`.
///
/// Shape: a sign and a decimal number with at most two decimals, from -90 to +1000, not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceChange(Decimal);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a percentage with its sign, from -90% to +1000%, for example +5% or -12.5%")]
pub struct NotAPriceChange;

/// Units: digits that a changed price in coins has at most. The seller's own prices have few; more would be hard to read.
const DIGITS: u32 = 4;

impl PriceChange {
    /// # Errors
    /// [`NotAPriceChange`] for any other shape: without a sign it is not clear which way.
    pub fn parse(text: &str) -> Result<Self, NotAPriceChange> {
        let text = text.trim();
        let text = text.strip_suffix('%').unwrap_or(text);
        let (sign, number) = match text.split_at_checked(1) {
            Some(("+", number)) => (Decimal::ONE, number),
            Some(("-", number)) => (Decimal::NEGATIVE_ONE, number),
            _ => return Err(NotAPriceChange),
        };
        let percent = sign * plain_decimal(number, 4, 2).ok_or(NotAPriceChange)?;
        let is_allowed = Decimal::from(-90) <= percent && percent <= Decimal::from(1_000);
        if is_allowed && !percent.is_zero() { Ok(Self(percent)) } else { Err(NotAPriceChange) }
    }

    fn factor(self) -> Decimal {
        Decimal::ONE + self.0 / Decimal::ONE_HUNDRED
    }

    /// Rounded to the nearest amount of [`DIGITS`] digits that the coin can express; at least its smallest unit, at most
    /// `most`.
    fn of_coins(self, price: Amount, grain: Amount, most: Amount) -> Amount {
        let exact = Decimal::from(price.get()) * self.factor();
        let n_digits = exact.trunc().to_string().len();
        let excess = u32::try_from(n_digits).unwrap_or_default().saturating_sub(DIGITS);
        let step = Decimal::from(10_i64.saturating_pow(excess).max(grain.get()));
        let rounded =
            (exact / step).round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero) * step;
        let rounded = i64::try_from(rounded).ok().and_then(|n| Amount::new(n).ok()).unwrap_or(most);
        rounded.clamp(grain, most)
    }

    /// Rounded to the nearest minor unit, at least one.
    fn of_fiat(self, price: FiatPrice) -> FiatPrice {
        let exact = Decimal::from(price.minor) * self.factor();
        let minor = exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        let minor = i64::try_from(minor).unwrap_or(FiatPrice::MOST).clamp(1, FiatPrice::MOST);
        FiatPrice { minor, ..price }
    }

    /// The catalog with every price of a product and of its options changed; shipping and discounts stay.
    pub fn apply(self, file: &CatalogFile) -> CatalogFile {
        let mut file = file.clone();
        let change = |prices: &mut Prices| {
            for (currency, price) in prices {
                let wallet = file.wallets.iter().find(|wallet| wallet.currency == *currency);
                if let Some(wallet) = wallet {
                    *price = self.of_coins(*price, wallet.coin.grain(), wallet.coin.most());
                }
            }
        };
        for product in &mut file.products {
            change(&mut product.prices);
            product.fiat = product.fiat.map(|price| self.of_fiat(price));
            for option in &mut product.options {
                change(&mut option.prices);
                option.fiat = option.fiat.map(|price| self.of_fiat(price));
            }
        }
        file
    }
}

/// `+5%`.
impl fmt::Display for PriceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0.is_sign_positive() { "+" } else { "" };
        f.pad(&format!("{sign}{}%", self.0.normalize()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::payment::Coin;
    use crate::domain::values::FiatCurrency;

    fn by(text: &str) -> PriceChange {
        PriceChange::parse(text).unwrap()
    }

    #[test]
    fn a_change_has_a_sign() {
        for (text, shown) in
            [("+5%", "+5%"), (" -12.50% ", "-12.5%"), ("+1000", "+1000%"), ("-90%", "-90%")]
        {
            assert_eq!(by(text).to_string(), shown);
        }
        for text in
            ["", "5%", "+", "+%", "+0%", "-91%", "+1001%", "+5.123%", "+5,5%", "+1e1", "%", "é5"]
        {
            assert_eq!(PriceChange::parse(text), Err(NotAPriceChange), "{text:?}");
        }
    }

    /// Prices in coins.
    #[track_caller]
    fn check(change: &str, coin: &Coin, price: &str, expected: &str) {
        let price = Amount::parse_coins(price).unwrap();
        let changed = by(change).of_coins(price, coin.grain(), coin.most());
        assert_eq!(changed.to_string(), expected, "{price} {change}");
    }

    #[test]
    fn a_changed_price_has_four_digits_that_the_coin_can_express() {
        let ether = Coin::Ether { chain: 1 };
        check("+5%", &ether, "0.09199", "0.09659");
        check("-5%", &ether, "0.09199", "0.08739");
        check("+5%", &ether, "0.1", "0.105");
        check("+0.01%", &ether, "0.1", "0.1");
        check("+10%", &ether, "999.999999999", "999.999999999");
        check("-90%", &ether, "0.000000001", "0.000000001");
        check("+50%", &Coin::BITCOIN, "0.00000001", "0.00000002");
        check("+5%", &Coin::BITCOIN, "0.00093300", "0.0009797");
        let token = Coin::Token { chain: 1, contract: String::new(), decimals: 0 };
        check("+5%", &token, "45", "47");
        check("+5%", &token, "12345", "12960");
    }

    #[test]
    fn a_changed_price_in_ordinary_money_is_whole_cents() {
        let changed = |change: &str, minor| {
            by(change)
                .of_fiat(FiatPrice { currency: FiatCurrency::parse("EUR").unwrap(), minor })
                .minor
        };
        assert_eq!(changed("+5%", 4_500), 4_725);
        assert_eq!(changed("+5%", 1_050), 1_103);
        assert_eq!(changed("-90%", 1), 1);
        assert_eq!(changed("+1000%", FiatPrice::MOST), FiatPrice::MOST);
    }

    proptest! {
        #[test]
        fn every_changed_price_can_be_sold(n in 1..i64::MAX, percent in -9_000..=100_000_i64) {
            prop_assume!(percent != 0);
            let change = PriceChange(Decimal::new(percent, 2));
            for coin in [Coin::BITCOIN, Coin::Monero, Coin::Ether { chain: 1 }] {
                let price = Amount::new((n % coin.most().get() / coin.grain().get()).max(1) * coin.grain().get()).unwrap();
                let changed = change.of_coins(price, coin.grain(), coin.most());
                prop_assert!(Amount::ZERO < changed && changed <= coin.most());
                prop_assert_eq!(changed.get() % coin.grain().get(), 0);
            }
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = PriceChange::parse(&text);
        }
    }
}
