//! What amounts of coins are worth in ordinary money, as pages show it.

use crate::domain::catalog::{ExchangeRate, ValidRates};
use crate::domain::values::{Amount, FiatPrice};
use crate::interfaces::web::texts::{Text, day_and_month, text};

/// `about 60 EUR (rate of 29 November)`; `None` without a valid rate.
pub fn worth(rates: &ValidRates, currency: &str, amount: Amount) -> Option<Text<'static>> {
    let rate = rates.find(currency)?;
    let value = rate.value_of(amount)?.rounded();
    Some(text("layout-worth").with("value", value).with("day", day_and_month(rate.at)))
}

/// The same for a list, which names the day of the rate once: `about 60 EUR`. A price that is converted from ordinary money
/// is shown as the seller gave it, if that is in the rate's currency: `45.50 EUR`.
pub fn short_worth(
    rates: &ValidRates,
    currency: &str,
    amount: Amount,
    fiat: Option<FiatPrice>,
) -> Option<String> {
    let rate = rates.find(currency)?;
    match fiat.filter(|price| price.currency == rate.price_in) {
        Some(price) => Some(price.to_string()),
        None => {
            let value = rate.value_of(amount)?.rounded();
            Some(text("layout-worth-short").with("value", value).to_string())
        }
    }
}

/// `45.50 EUR (rate of 29 November)`: a price that was converted at this rate.
pub fn exact_worth(rate: &ExchangeRate, price: FiatPrice) -> Text<'static> {
    text("layout-worth-exact").with("value", price).with("day", day_and_month(rate.at))
}

/// Below a list: `Amounts in EUR: rate of 29 November.`
pub fn rate_note(rates: &ValidRates, currency: &str) -> Option<Text<'static>> {
    let rate = rates.find(currency)?;
    let note = text("layout-rate-note").with("currency", rate.price_in);
    Some(note.with("day", day_and_month(rate.at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::{CoinValue, RateSource};
    use crate::domain::values::{Currency, FiatCurrency, Timestamp};

    #[test]
    fn only_a_price_in_the_currency_of_the_rate_is_exact() {
        let euro = FiatCurrency::parse("EUR").unwrap();
        let rate = ExchangeRate {
            currency: Currency::parse("ETH").unwrap(),
            price_in: euro,
            value: CoinValue::parse("2000").unwrap(),
            at: Timestamp::new(1_000_000).unwrap(),
            valid_until: Timestamp::new(2_000_000).unwrap(),
            source: RateSource::Seller,
        };
        let rates = ValidRates::of(&[rate], Some(euro), Timestamp::new(1_000_000).unwrap());
        let shown = |code: &str| {
            let price = FiatPrice { currency: FiatCurrency::parse(code).unwrap(), minor: 4_000 };
            let amount = Amount::new(22_750_000).unwrap();
            short_worth(&rates, "ETH", amount, Some(price))
        };
        assert_eq!(shown("EUR").as_deref(), Some("40.00 EUR"));
        assert_eq!(shown("JPY").as_deref(), Some("about 46 EUR"));
    }
}
