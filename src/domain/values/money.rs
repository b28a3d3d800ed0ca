//! Amounts in Gwei, without rounding.

use rust_decimal::Decimal;

use crate::domain::values::{Quantity, plain_decimal};

/// A price or a sum of prices.
///
/// Shape: an integer, 0 to 2^63 - 1 (an `SQLite` integer). Never a float.
/// Units: 1e-9 of one coin, whatever the coin; 91990000 is 0.09199 of it.
/// Source: the predecessor's `db/data.json`, which calls it Gwei for every currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Amount(i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a decimal number of coins with at most nine decimals, for example 0.05")]
pub struct NotAnAmount;

impl Amount {
    pub const ZERO: Self = Self(0);
    pub const ONE_COIN: Self = Self(Self::PER_COIN);
    /// Units: Gwei in one coin.
    pub const PER_COIN: i64 = 1_000_000_000;

    /// # Errors
    /// [`NotAnAmount`] if negative.
    pub fn new(n: i64) -> Result<Self, NotAnAmount> {
        if n < 0 { Err(NotAnAmount) } else { Ok(Self(n)) }
    }

    /// Reads a decimal number of coins: `0.05`, `12`, `1.000000001`.
    ///
    /// # Errors
    /// [`NotAnAmount`] for signs, exponents, separators, a missing digit before or after the point, and more than nine
    /// decimals.
    pub fn parse_coins(text: &str) -> Result<Self, NotAnAmount> {
        let coins = plain_decimal(text.trim(), 10, 9).ok_or(NotAnAmount)?;
        let gwei = coins.checked_mul(Decimal::from(Self::PER_COIN)).ok_or(NotAnAmount)?;
        Self::new(i64::try_from(gwei).map_err(|_| NotAnAmount)?)
    }

    pub fn get(self) -> i64 {
        self.0
    }

    /// Gwei with separators between the thousands: `91,990,000`.
    pub fn gwei(self) -> String {
        let digits = self.0.to_string();
        let mut gwei = String::new();
        for (n, digit) in digits.chars().enumerate() {
            if 0 < n && (digits.len() - n).is_multiple_of(3) {
                gwei.push(',');
            }
            gwei.push(digit);
        }
        gwei
    }

    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).filter(|rest| 0 <= *rest).map(Self)
    }

    pub fn times(self, quantity: Quantity) -> Option<Self> {
        self.0.checked_mul(quantity.get()).map(Self)
    }
}

/// A decimal number of coins without trailing zeros: `0.09199`.
impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&Decimal::new(self.0, 9).normalize().to_string())
    }
}

/// The name of a currency, as in the seller's wallet.
///
/// Shape: 2 to 10 capital letters and digits, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a currency is 2 to 10 letters and digits, for example ETH")]
pub struct NotACurrency;

impl Currency {
    /// # Errors
    /// [`NotACurrency`] for anything but 2 to 10 letters and digits; lowercase letters are converted.
    pub fn parse(text: &str) -> Result<Self, NotACurrency> {
        let name = text.trim().to_ascii_uppercase();
        let shape = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !shape
            || !(2..=10).contains(&name.len())
            || !name.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            return Err(NotACurrency);
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<i64, NotAnAmount>) {
        assert_eq!(Amount::parse_coins(text).map(Amount::get), expected, "{text:?}");
    }

    #[test]
    fn an_amount_is_plain_decimal_coins() {
        check("0.09199", Ok(91_990_000));
        check("0", Ok(0));
        check(" 12 ", Ok(12_000_000_000));
        check("0.000000001", Ok(1));
        for text in [
            "",
            ".5",
            "5.",
            "1_000",
            "1,5",
            "-1",
            "+1",
            "1e3",
            "0.0000000001",
            "1.2.3",
            "99999999999",
            "٣",
        ] {
            check(text, Err(NotAnAmount));
        }
    }

    #[test]
    fn a_price_is_written_without_trailing_zeros() {
        assert_eq!(Amount(91_990_000).to_string(), "0.09199");
        assert_eq!(Amount(6_199_000).to_string(), "0.006199");
        assert_eq!(Amount(10_000_000_000).to_string(), "10");
        assert_eq!(Amount(0).to_string(), "0");
    }

    #[test]
    fn sums_that_leave_64_bits_are_refused() {
        assert_eq!(Amount(i64::MAX).plus(Amount(1)), None);
        assert_eq!(Amount(i64::MAX / 2).times(Quantity::MOST), None);
        assert_eq!(Amount(1).minus(Amount(2)), None);
        assert_eq!(Amount(i64::MAX - 1).plus(Amount(1)), Some(Amount(i64::MAX)));
        assert_eq!(Amount(7).minus(Amount(2)), Some(Amount(5)));
        assert_eq!(Amount(2).minus(Amount(2)), Some(Amount::ZERO));
        assert_eq!(Amount(7).times(Quantity::MOST), Some(Amount(693)));
    }

    #[test]
    fn a_currency_is_a_short_name() {
        assert_eq!(
            Currency::parse(" eth ").map(|currency| currency.to_string()),
            Ok("ETH".to_owned())
        );
        for text in ["", "E", "1INCH", "ETH COIN", "ETHEREUMCOIN", "ÉTH", "<b>"] {
            assert_eq!(Currency::parse(text), Err(NotACurrency), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(n in 0..=i64::MAX) {
            prop_assert_eq!(Amount::parse_coins(&Amount(n).to_string()), Ok(Amount(n)));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Amount::parse_coins(&text);
            let _ = Currency::parse(&text);
        }
    }
}
