//! Numbers, weights and lists as other shop programs write them into a cell.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::domain::values::{FiatCurrency, FiatPrice, plain_decimal};

/// A price in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellPrice {
    /// `None`: it costs nothing.
    pub price: Option<FiatPrice>,
    /// Whether the cell has more decimals than the currency.
    pub is_rounded: bool,
}

/// Reads a price: `19.99`, or `19,99` as some shops write it. A price with more decimals than the currency is rounded up.
pub fn price(text: &str, currency: FiatCurrency) -> Option<CellPrice> {
    let units = decimal(text)?;
    let minor = units.checked_mul(Decimal::from(currency.minor_units()))?;
    let whole = minor.ceil();
    let most = Decimal::from(FiatPrice::MOST);
    let n = i64::try_from(whole).ok().filter(|_| whole <= most)?;
    let price = (0 < n).then_some(FiatPrice { currency, minor: n });
    Some(CellPrice { price, is_rounded: whole != minor })
}

/// Reads a number of pieces; one below zero is 0: other shops sell what they do not have.
pub fn quantity(text: &str) -> Option<i64> {
    if let Some(owed) = text.strip_prefix('-') {
        return decimal(owed).map(|_| 0);
    }
    let number = decimal(text)?;
    i64::try_from(number).ok().filter(|_| number.fract().is_zero())
}

/// Units of weight by the names that the exports use, with the grams of one.
const UNITS: [(&str, &str); 9] = [
    ("g", "1"),
    ("kg", "1000"),
    ("lbs", "453.59237"),
    ("lb", "453.59237"),
    ("oz", "28.349523125"),
    ("grams", "1"),
    ("mg", "0.001"),
    ("pounds", "453.59237"),
    ("ounces", "28.349523125"),
];

/// Reads a weight as whole grams, at least 1; `Some(None)`: it weighs nothing.
pub fn grams(text: &str, unit: &str) -> Option<Option<i64>> {
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let factor: Decimal = factor.parse().ok()?;
    let grams = decimal(text)?.checked_mul(factor)?;
    if grams.is_zero() {
        return Some(None);
    }
    let whole = grams.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
    Some(Some(i64::try_from(whole).ok()?.max(1)))
}

/// A number with a point or a comma; `.5` is 0.5.
fn decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let mut plain = text.to_owned();
    if !text.contains('.') && text.matches(',').count() == 1 {
        plain = text.replace(',', ".");
    }
    if plain.starts_with('.') {
        plain.insert(0, '0');
    }
    plain_decimal(&plain, 13, 12)
}

/// Whether a cell says yes.
pub fn is_yes(text: &str) -> bool {
    ["1", "true", "yes"].contains(&text.to_ascii_lowercase().as_str())
}

/// The items of a cell, separated by commas; `\,` is a comma. Source: WooCommerce, `WC_CSV_Exporter::implode_values`.
pub fn items(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.peek() == Some(&',') => {
                characters.next();
                items.last_mut().expect("it begins with one").push(',');
            }
            ',' => items.push(String::new()),
            c => items.last_mut().expect("it begins with one").push(c),
        }
    }
    let trimmed = items.into_iter().map(|item| item.trim().to_owned());
    trimmed.filter(|item| !item.is_empty()).collect()
}

/// The text, shortened for a list.
pub fn shortened(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.chars().count() <= 60 {
        return one_line;
    }
    one_line.chars().take(59).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_price(text: &str, expected: Option<(i64, bool)>) {
        let euro = FiatCurrency::parse("EUR").unwrap();
        let read = price(text, euro)
            .map(|cell| (cell.price.map_or(0, |price| price.minor), cell.is_rounded));
        assert_eq!(read, expected, "{text:?}");
    }

    #[test]
    fn a_price_is_a_number_with_a_point_or_a_comma() {
        check_price("19.99", Some((1_999, false)));
        check_price("19,99", Some((1_999, false)));
        check_price("18", Some((1_800, false)));
        check_price(".5", Some((50, false)));
        check_price("16.8067", Some((1_681, true)));
        check_price("0", Some((0, false)));
        for text in ["", "free", "-1", "1,299.00", "€5", "1e3", "99999999999999"] {
            check_price(text, None);
        }
    }

    #[test]
    fn stock_weights_and_lists_are_read() {
        for (text, n) in
            [("12", Some(12)), ("3.00", Some(3)), ("-4", Some(0)), ("2.5", None), ("x", None)]
        {
            assert_eq!(quantity(text), n, "{text:?}");
        }
        for (text, unit, n) in [
            ("0.5", "kg", Some(Some(500))),
            (".5", "lbs", Some(Some(227))),
            ("0.01", "g", Some(Some(1))),
            ("0", "kg", Some(None)),
            ("1", "stone", None),
        ] {
            assert_eq!(grams(text, unit), n, "{text} {unit}");
        }
        assert_eq!(items("Red, Blue\\, light ,"), ["Red", "Blue, light"]);
        assert_eq!(items(""), [""; 0]);
        assert!(is_yes("TRUE") && is_yes("1") && !is_yes("0") && !is_yes(""));
    }
}
