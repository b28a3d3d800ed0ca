//! Exchange rates: what one coin is worth in ordinary money, and prices converted with them.

use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::domain::payment::Coin;
use crate::domain::values::{
    Age, Amount, Currency, FiatCurrency, FiatPrice, Timestamp, plain_decimal,
};

/// What one coin is worth. Never a float.
///
/// Shape: a decimal number above 0 with at most 12 digits before and 12 after the point.
/// Units: units of the reference currency for one coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoinValue(Decimal);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a decimal number above 0, for example 2650.50")]
pub struct NotACoinValue;

impl CoinValue {
    /// # Errors
    /// [`NotACoinValue`] for signs, exponents, separators, more digits, and 0.
    pub fn parse(text: &str) -> Result<Self, NotACoinValue> {
        let value = plain_decimal(text.trim(), 12, 12).ok_or(NotACoinValue)?;
        if value.is_zero() { Err(NotACoinValue) } else { Ok(Self(value.normalize())) }
    }
}

impl fmt::Display for CoinValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

/// For how long a rate is valid: `30m`, `24h`, `7d`.
///
/// Shape: an [`Age`] of at most 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateValidity(Age);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a whole number above 0 with a unit, at most 30d, for example 30m, 24h or 7d")]
pub struct NotARateValidity;

impl RateValidity {
    /// Units: minutes.
    const MOST: i64 = 30 * 24 * 60;

    /// # Errors
    /// [`NotARateValidity`] for any other shape.
    pub fn parse(text: &str) -> Result<Self, NotARateValidity> {
        let age = Age::parse(text).ok().filter(|age| age.minutes() <= Self::MOST);
        age.map(Self).ok_or(NotARateValidity)
    }

    pub fn minutes(self) -> i64 {
        self.0.minutes()
    }
}

/// Where a rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateSource {
    /// Entered on the command line or at the desk.
    Seller,
    /// Read from the seller's file.
    File,
    /// Fetched by `shop watch`.
    Url,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate comes from the seller, a file or a URL")]
pub struct NotARateSource;

impl RateSource {
    /// # Errors
    /// [`NotARateSource`] for a text that [`RateSource::as_str`] does not write.
    pub fn parse(text: &str) -> Result<Self, NotARateSource> {
        [Self::Seller, Self::File, Self::Url]
            .into_iter()
            .find(|source| source.as_str() == text)
            .ok_or(NotARateSource)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seller => "seller",
            Self::File => "file",
            Self::Url => "url",
        }
    }
}

/// The rate of one coin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeRate {
    /// Of the coin.
    pub currency: Currency,
    /// The reference currency.
    pub price_in: FiatCurrency,
    pub value: CoinValue,
    /// When the rate was observed.
    pub at: Timestamp,
    /// From then on it is outdated: it is not shown, and nothing is sold at it.
    pub valid_until: Timestamp,
    pub source: RateSource,
}

/// Units: seconds by which a rate may be newer than now: two processes read the clock.
const CLOCK_SKEW: i64 = 300;

impl ExchangeRate {
    /// A rate of the future is not valid either: the clock was set back, and the rate may be old.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.at <= now.plus_seconds(CLOCK_SKEW) && now < self.valid_until
    }

    /// What an amount of the coin is worth, rounded to the nearest minor unit. `None` if it is more than any price.
    pub fn value_of(&self, amount: Amount) -> Option<FiatPrice> {
        let minor = Decimal::new(amount.get(), 9).checked_mul(self.minor_per_coin()?)?;
        let minor = minor.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        let minor = i64::try_from(minor).ok()?;
        Some(FiatPrice { currency: self.price_in, minor })
    }

    /// A price in coins: at least what the price says, rounded up to the [`ExchangeRate::step`].
    ///
    /// `None` for a price in another currency, and for more than an order may cost.
    pub fn coins_for(&self, price: FiatPrice, coin: &Coin) -> Option<Amount> {
        if price.currency != self.price_in {
            return None;
        }
        let per_coin = self.minor_per_coin()?;
        let step = Decimal::from(self.step(coin).get());
        let gwei = Decimal::from(price.minor).checked_mul(Decimal::from(Amount::PER_COIN))?;
        let gwei = gwei.checked_div(per_coin)?;
        let gwei = gwei.checked_div(step)?.ceil().checked_mul(step)?;
        let amount = Amount::new(i64::try_from(gwei).ok()?).ok()?;
        (Amount::ZERO < amount && amount <= coin.most()).then_some(amount)
    }

    /// The display step of the coin at this rate: the largest power of ten that is worth at most one minor unit of the
    /// reference currency, at least the coin's smallest unit and at most one coin. So a price has few decimals, and
    /// rounding it up costs the buyer at most a cent.
    pub fn step(&self, coin: &Coin) -> Amount {
        let mut step = coin.grain();
        let per_coin = self.minor_per_coin().unwrap_or(Decimal::MAX);
        let most = Decimal::from(Amount::PER_COIN).checked_div(per_coin).unwrap_or_default();
        while step < Amount::ONE_COIN {
            let next = step.get().saturating_mul(10);
            if most < Decimal::from(next) {
                break;
            }
            let Ok(next) = Amount::new(next) else { break };
            step = next;
        }
        step
    }

    fn minor_per_coin(&self) -> Option<Decimal> {
        self.value.0.checked_mul(Decimal::from(self.price_in.minor_units()))
    }
}

/// The rates that are valid at one moment, all in the shop's reference currency.
#[derive(Clone, Debug, Default)]
pub struct ValidRates(Vec<ExchangeRate>);

impl ValidRates {
    /// `price_in`: the reference currency; without one, no rate counts.
    pub fn of(rates: &[ExchangeRate], price_in: Option<FiatCurrency>, now: Timestamp) -> Self {
        let is_valid = |rate: &&ExchangeRate| Some(rate.price_in) == price_in && rate.is_valid(now);
        Self(rates.iter().filter(is_valid).cloned().collect())
    }

    pub fn find(&self, currency: &str) -> Option<&ExchangeRate> {
        self.0.iter().find(|rate| rate.currency.as_str() == currency)
    }

    /// Whether there is one: without it, converted prices of this currency are not offered.
    pub fn has(&self, currency: &str) -> bool {
        self.find(currency).is_some()
    }

    /// The currencies that have one, with separators.
    pub fn key(&self) -> String {
        self.0.iter().map(|rate| format!("+{}", rate.currency)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(decimals: u8) -> Coin {
        Coin::Token { chain: 1, contract: String::new(), decimals }
    }

    fn rate(value: &str, price_in: &str) -> ExchangeRate {
        ExchangeRate {
            currency: Currency::parse("ETH").unwrap(),
            price_in: FiatCurrency::parse(price_in).unwrap(),
            value: CoinValue::parse(value).unwrap(),
            at: Timestamp::new(1_000_000).unwrap(),
            valid_until: Timestamp::new(1_086_400).unwrap(),
            source: RateSource::Seller,
        }
    }

    #[test]
    fn a_rate_is_a_plain_decimal_above_0() {
        for (text, shown) in [("2650", "2650"), (" 2650.50 ", "2650.5"), ("0.000001", "0.000001")] {
            assert_eq!(CoinValue::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "0", "0.0", "-1", "1,5", "1e3", ".5", "5.", "1234567890123", "NaN"] {
            assert_eq!(CoinValue::parse(text), Err(NotACoinValue), "{text:?}");
        }
    }

    /// Value of one coin, reference currency, price in minor units → step and price in coins.
    #[track_caller]
    fn check(coin: &Coin, (value, price_in): (&str, &str), minor: i64, expected: (&str, &str)) {
        let rate = rate(value, price_in);
        let price = FiatPrice { currency: rate.price_in, minor };
        let coins = rate.coins_for(price, coin).unwrap();
        let found = (rate.step(coin).to_string(), coins.to_string());
        assert_eq!((found.0.as_str(), found.1.as_str()), expected, "{minor} {price_in} at {value}");
    }

    #[test]
    fn a_price_is_rounded_up_to_a_step_that_is_worth_at_most_a_cent() {
        let ether = Coin::Ether { chain: 1 };
        check(&ether, ("2650", "EUR"), 4_500, ("0.000001", "0.016982"));
        check(&ether, ("2500", "EUR"), 4_500, ("0.000001", "0.018"));
        check(&ether, ("10000", "EUR"), 1, ("0.000001", "0.000001"));
        check(&ether, ("10000.01", "EUR"), 1, ("0.0000001", "0.000001"));
        check(&ether, ("400000", "JPY"), 5_000, ("0.000001", "0.0125"));
        check(&Coin::BITCOIN, ("91000", "EUR"), 4_500, ("0.0000001", "0.0004946"));
        check(&Coin::BITCOIN, ("9100000", "EUR"), 1, ("0.00000001", "0.00000001"));
        check(&Coin::Monero, ("300", "EUR"), 4_500, ("0.00001", "0.15"));
        check(&Coin::Monero, ("299.9", "EUR"), 4_500, ("0.00001", "0.15006"));
        check(&token(6), ("0.92", "EUR"), 4_500, ("0.01", "48.92"));
        check(&token(6), ("1", "USD"), 4_550, ("0.01", "45.5"));
        check(&token(0), ("5", "EUR"), 1_001, ("1", "3"));
        check(&token(18), ("0.0001", "EUR"), 5, ("1", "500"));
    }

    #[test]
    fn a_price_that_no_order_can_cost_or_in_another_currency_is_none() {
        let ether = Coin::Ether { chain: 1 };
        let eur = |minor| FiatPrice { currency: FiatCurrency::parse("EUR").unwrap(), minor };
        assert_eq!(rate("0.01", "EUR").coins_for(eur(1_001), &ether), None);
        assert_eq!(rate("2650", "USD").coins_for(eur(4_500), &ether), None);
        assert!(rate("0.000000000001", "EUR").coins_for(eur(FiatPrice::MOST), &ether).is_none());
    }

    #[test]
    fn coins_are_worth_the_nearest_cent() {
        let worth = |value: &str, coins: &str| {
            let value = rate(value, "EUR").value_of(Amount::parse_coins(coins).unwrap());
            value.map(|value| value.to_string())
        };
        assert_eq!(worth("2650", "0.0227").as_deref(), Some("60.16 EUR"));
        assert_eq!(worth("2650", "0.000000001").as_deref(), Some("0.00 EUR"));
        assert_eq!(worth("1", "0.005").as_deref(), Some("0.01 EUR"));
        assert_eq!(worth("999999999999", "9000000000"), None);
    }

    #[test]
    fn a_rate_is_valid_from_its_time_to_its_end() {
        let rate = rate("2650", "EUR");
        let at = |seconds| Timestamp::new(seconds).unwrap();
        assert!(rate.is_valid(at(1_000_000)) && rate.is_valid(at(1_086_399)));
        assert!(!rate.is_valid(at(1_086_400)));
        // Another process may have read the clock a moment later; a clock that was set back is another matter.
        assert!(rate.is_valid(at(999_700)) && !rate.is_valid(at(999_699)));
        let eur = FiatCurrency::parse("EUR").ok();
        let rates = [rate];
        assert!(ValidRates::of(&rates, eur, at(1_000_000)).has("ETH"));
        assert!(!ValidRates::of(&rates, eur, at(1_000_000)).has("BTC"));
        assert!(!ValidRates::of(&rates, FiatCurrency::parse("USD").ok(), at(1_000_000)).has("ETH"));
        assert!(!ValidRates::of(&rates, None, at(1_000_000)).has("ETH"));
        assert!(!ValidRates::of(&rates, eur, at(1_086_400)).has("ETH"));
    }

    proptest! {
        #[test]
        fn a_converted_price_is_never_too_low_and_at_most_a_cent_too_high(
            minor in 1..10_000_000_i64, value in 1..1_000_000_000_000_u64, n_decimals in 0..7_u32,
        ) {
            let value = Decimal::new(i64::try_from(value).unwrap(), n_decimals);
            let rate = rate(&value.to_string(), "EUR");
            for coin in [Coin::BITCOIN, Coin::Monero, Coin::Ether { chain: 1 }, token(2), token(18)] {
                let price = FiatPrice { currency: rate.price_in, minor };
                let Some(coins) = rate.coins_for(price, &coin) else { continue };
                prop_assert_eq!(coins.get() % coin.grain().get(), 0);
                let worth = Decimal::new(coins.get(), 9) * value * Decimal::from(100);
                let grain = Decimal::new(coin.grain().get(), 9) * value * Decimal::from(100);
                prop_assert!(Decimal::from(minor) - Decimal::new(1, 9) <= worth, "{} for {}", worth, minor);
                prop_assert!(worth < Decimal::from(minor) + grain.max(Decimal::ONE) + Decimal::new(1, 9));
            }
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = CoinValue::parse(&text);
        }
    }
}
