//! The file of exchange rates, as a seller's own job writes it or a server answers with it.

use crate::domain::catalog::exchange_rate::CoinValue;
use crate::domain::catalog::json::{self, Json};
use crate::domain::values::{Currency, FiatCurrency, Timestamp};

/// Rates of coins in one reference currency.
///
/// Source: `{"ETH": {"EUR": 2650.5}, "BTC": {"EUR": "91000"}, "at": 1795267507}`; a number may be a text, and `at` (Unix
/// seconds of the observation) is optional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatesFile {
    /// In the order of the file.
    pub values: Vec<(Currency, CoinValue)>,
    pub at: Option<Timestamp>,
}

/// Units: bytes. Each coin takes about 20.
pub const MAX_RATES_BYTES: usize = 64 << 10;
const MAX_COINS: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: found {found}; expected {expected}")]
pub struct NotRates {
    field: String,
    found: String,
    expected: String,
}

fn refused(field: &str, found: impl Into<String>, expected: &str) -> NotRates {
    NotRates { field: field.to_owned(), found: found.into(), expected: expected.to_owned() }
}

impl RatesFile {
    /// Reads the rates in one reference currency. Coins without a rate in it, and other currencies, are left out.
    ///
    /// # Errors
    /// [`NotRates`], the first one: then no rate counts.
    pub fn parse(text: &str, price_in: FiatCurrency) -> Result<Self, NotRates> {
        let shape = format!("{{\"ETH\": {{\"{price_in}\": 2650.5}}}}");
        let coins = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
            Ok(Json::Object(coins)) if coins.len() <= MAX_COINS => coins,
            Ok(other) => return Err(refused("rates", other.shown(), &shape)),
            Err(error) => {
                let found = format!("invalid JSON at line {}", error.line());
                return Err(refused("rates", found, &shape));
            }
        };
        let mut at = None;
        let mut values: Vec<(Currency, CoinValue)> = Vec::new();
        for (name, found) in &coins {
            if name == "at" {
                let seconds = found.integer().and_then(|seconds| Timestamp::new(seconds).ok());
                let expected = "the time of the observation in Unix seconds";
                at = Some(seconds.ok_or_else(|| refused("at", found.shown(), expected))?);
                continue;
            }
            let Json::Object(quotes) = found else {
                return Err(refused(name, found.shown(), &shape));
            };
            let Some(quote) = json::find(quotes, price_in.as_str()) else { continue };
            let field = format!("{name}.{price_in}");
            let expected = "a number above 0 with at most 12 digits before and 12 after the point";
            let currency = Currency::parse(name)
                .map_err(|expected| refused(name, "this name", &expected.to_string()))?;
            if values.iter().any(|(other, _)| *other == currency) {
                return Err(refused(&field, "a second rate", "one rate for each coin"));
            }
            let value = match quote {
                Json::Integer(n) => CoinValue::parse(&n.to_string()),
                Json::Number(text) | Json::String(text) => CoinValue::parse(text),
                _ => Err(crate::domain::catalog::exchange_rate::NotACoinValue),
            };
            let value = value.map_err(|_| refused(&field, quote.shown(), expected))?;
            values.push((currency, value));
        }
        if values.is_empty() {
            return Err(refused("rates", "no rate in this currency", &shape));
        }
        Ok(Self { values, at })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<RatesFile, String> {
        RatesFile::parse(text, FiatCurrency::parse("EUR").unwrap()).map_err(|why| why.to_string())
    }

    #[test]
    fn rates_are_read_exactly_whether_as_numbers_or_as_texts() {
        let text = r#"{"ETH": {"EUR": 2650.10, "USD": 3000}, "btc": {"EUR": "91000.5"}, "XMR": {"USD": 300}, "at": 1795267507}"#;
        let file = read(text).unwrap();
        let values: Vec<String> =
            file.values.iter().map(|(currency, value)| format!("{currency} {value}")).collect();
        assert_eq!(values, ["ETH 2650.1", "BTC 91000.5"]);
        assert_eq!(file.at.map(Timestamp::get), Some(1_795_267_507));
        assert_eq!(read(r#"{"ETH":{"EUR":1}}"#).unwrap().at, None);
    }

    #[test]
    fn a_file_with_a_fault_says_where_and_counts_for_nothing() {
        for (text, words) in [
            ("", "invalid JSON"),
            ("[]", "rates: found a list"),
            (r#"{"ETH": 2650}"#, "ETH: found 2650"),
            (r#"{"ETH": {"EUR": 2650}, "BTC": {"EUR": 0}}"#, "BTC.EUR: found 0"),
            (r#"{"ETH": {"EUR": -1}}"#, "ETH.EUR: found -1"),
            (r#"{"ETH": {"EUR": 1e9}}"#, "ETH.EUR: found 1e9"),
            (r#"{"ETH": {"EUR": "2,650"}}"#, "ETH.EUR: found \"2,650\""),
            (r#"{"ETH": {"EUR": null}}"#, "ETH.EUR: found null"),
            (r#"{"E T": {"EUR": 1}}"#, "E T: found"),
            (r#"{"ETH": {"EUR": 1}, "eth": {"EUR": 2}}"#, "a second rate"),
            (r#"{"ETH": {"USD": 1}}"#, "no rate in this currency"),
            (r#"{"ETH": {"EUR": 1}, "at": "today"}"#, "at: found"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(words), "{text}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = read(&text);
        }
    }
}
