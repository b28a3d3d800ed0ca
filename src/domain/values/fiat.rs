//! Ordinary money: currencies of ISO 4217, and amounts in whole minor units.

use std::fmt;

use rust_decimal::Decimal;

use crate::domain::values::plain_decimal;

/// Currencies with two decimals, then those with none and with three.
///
/// Source: ISO 4217, list one, without funds, metals and test codes.
const TWO: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
    CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR \
    ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR \
    MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP \
    STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";
const NONE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const THREE: &str = "BHD IQD JOD KWD LYD OMR TND";

/// A currency of ISO 4217.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FiatCurrency {
    code: &'static str,
    /// Units: decimals.
    n_decimals: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an ISO 4217 currency code, for example EUR")]
pub struct NotAFiatCurrency;

impl FiatCurrency {
    /// # Errors
    /// [`NotAFiatCurrency`] for an unknown code; lowercase letters are converted.
    pub fn parse(text: &str) -> Result<Self, NotAFiatCurrency> {
        let wanted = text.trim().to_ascii_uppercase();
        for (codes, n_decimals) in [(TWO, 2), (NONE, 0), (THREE, 3)] {
            if let Some(code) = codes.split_ascii_whitespace().find(|code| *code == wanted) {
                return Ok(Self { code, n_decimals });
            }
        }
        Err(NotAFiatCurrency)
    }

    pub fn as_str(self) -> &'static str {
        self.code
    }

    /// Units: minor units in one unit: 100 cents in a euro.
    pub fn minor_units(self) -> i64 {
        10_i64.pow(self.n_decimals)
    }
}

impl fmt::Display for FiatCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code)
    }
}

/// An amount of ordinary money. Never a float.
///
/// Units: minor units of the currency: 4500 is 45.00 EUR, and 4500 JPY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FiatPrice {
    pub currency: FiatCurrency,
    pub minor: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a decimal number with at most the currency's decimals, for example 45.00")]
pub struct NotAFiatPrice;

impl FiatPrice {
    /// The largest price. Units: minor units.
    pub const MOST: i64 = 1_000_000_000_000;

    /// Reads a decimal number: `45`, `45.5`, `45.00`.
    ///
    /// # Errors
    /// [`NotAFiatPrice`] for signs, exponents, separators, more decimals than the currency has, and more than
    /// [`FiatPrice::MOST`].
    pub fn parse(currency: FiatCurrency, text: &str) -> Result<Self, NotAFiatPrice> {
        let units = plain_decimal(text.trim(), 13, 9).ok_or(NotAFiatPrice)?.normalize();
        if currency.n_decimals < units.scale() {
            return Err(NotAFiatPrice);
        }
        let minor = units.checked_mul(Decimal::from(currency.minor_units()));
        let minor = minor.and_then(|minor| i64::try_from(minor).ok()).ok_or(NotAFiatPrice)?;
        if Self::MOST < minor { Err(NotAFiatPrice) } else { Ok(Self { currency, minor }) }
    }

    /// The number with all decimals of the currency: `45.00`.
    pub fn number(self) -> String {
        Decimal::new(self.minor, self.currency.n_decimals).to_string()
    }

    /// For an amount that is only about right: from ten units on without decimals: `60 EUR`, `4.50 EUR`.
    pub fn rounded(self) -> String {
        let unit = self.currency.minor_units();
        if self.minor < 10 * unit {
            return self.to_string();
        }
        format!("{} {}", self.minor.saturating_add(unit / 2) / unit, self.currency)
    }
}

/// `45.00 EUR`.
impl fmt::Display for FiatPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.number(), self.currency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> FiatCurrency {
        FiatCurrency::parse(code).unwrap()
    }

    #[test]
    fn a_currency_is_one_of_iso_4217() {
        assert_eq!(currency(" eur ").as_str(), "EUR");
        let minor_units = ["EUR", "JPY", "KWD"].map(|code| currency(code).minor_units());
        assert_eq!(minor_units, [100, 1, 1_000]);
        for text in ["", "EU", "EURO", "BTC", "ETH", "XXX", "€", "EUR USD"] {
            assert_eq!(FiatCurrency::parse(text), Err(NotAFiatCurrency), "{text:?}");
        }
    }

    #[track_caller]
    fn check(code: &str, text: &str, expected: Result<i64, NotAFiatPrice>) {
        let read = FiatPrice::parse(currency(code), text).map(|price| price.minor);
        assert_eq!(read, expected, "{text:?} {code}");
    }

    #[test]
    fn an_amount_is_whole_minor_units() {
        check("EUR", "45", Ok(4_500));
        check("EUR", " 45.5 ", Ok(4_550));
        check("EUR", "0.01", Ok(1));
        check("EUR", "45.000", Ok(4_500));
        check("JPY", "4500", Ok(4_500));
        check("KWD", "1.005", Ok(1_005));
        check("EUR", "10000000000", Ok(FiatPrice::MOST));
        for text in ["", "45,00", "-1", "+1", "1e3", "0.001", ".5", "5.", "10000000000.01", "٣"] {
            check("EUR", text, Err(NotAFiatPrice));
        }
        check("JPY", "4500.5", Err(NotAFiatPrice));
    }

    #[test]
    fn an_amount_is_written_with_its_decimals_and_rounded_without() {
        let price = |code, minor| FiatPrice { currency: currency(code), minor };
        assert_eq!(price("EUR", 4_500).to_string(), "45.00 EUR");
        assert_eq!(price("JPY", 4_500).to_string(), "4500 JPY");
        assert_eq!(price("KWD", 5).to_string(), "0.005 KWD");
        assert_eq!(price("EUR", 6_016).rounded(), "60 EUR");
        assert_eq!(price("EUR", 5_950).rounded(), "60 EUR");
        assert_eq!(price("EUR", 1_000).rounded(), "10 EUR");
        assert_eq!(price("EUR", 999).rounded(), "9.99 EUR");
        assert_eq!(price("JPY", 987).rounded(), "987 JPY");
    }
}
