//! The steps of a shipping method's price, as lines of a text.

use crate::domain::catalog::{Json, ShippingRate};
use crate::domain::payment::Wallet;
use crate::domain::values::Amount;
use crate::interfaces::desk::amounts::{price_record, read_amount};
use crate::interfaces::desk::field_view::quoted;

/// One line for each step; empty if the price depends on nothing.
pub fn shown(rate: &ShippingRate) -> String {
    if rate.flat_prices().is_some() {
        return String::new();
    }
    rate.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads lines such as `500 g: 0.0015 ETH, 0.00006 BTC`, `0.05 ETH: 0.0015 ETH` and `more: 0.006 ETH`, as a list of the
/// seller's file. Empty lines are skipped.
///
/// # Errors
/// What is wrong with the first faulty line.
pub fn read_steps(text: &str, wallets: &[Wallet]) -> Result<Vec<Json>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let read = |(n, line): (usize, &str)| {
        read_step(line, wallets).map_err(|why| format!("Step {n}: {why}"))
    };
    (1..).zip(lines).map(read).collect()
}

fn read_step(line: &str, wallets: &[Wallet]) -> Result<Json, String> {
    let Some((limit, prices)) = line.split_once(':') else {
        return Err("Write the limit, a colon and the price: 500 g: 0.0015 ETH.".to_owned());
    };
    let limit = limit.trim();
    let limit = limit.strip_prefix("up to").unwrap_or(limit).trim();
    let mut fields = match (limit, grams(limit)) {
        ("more", _) => Vec::new(),
        (_, Some(grams)) => vec![("up_to_grams".to_owned(), Json::Integer(grams))],
        _ => vec![("up_to".to_owned(), read_list(limit, wallets, false)?)],
    };
    fields.push(("prices".to_owned(), read_list(prices, wallets, true)?));
    Ok(Json::Object(fields))
}

/// `500 g`, `2 kg`, `2.5 kg`.
fn grams(text: &str) -> Option<i64> {
    if let Some(kilograms) = text.strip_suffix("kg") {
        let thousandths = Amount::parse_coins(kilograms.trim()).ok()?.get();
        let per_gram = Amount::PER_COIN / 1_000;
        return (thousandths % per_gram == 0).then_some(thousandths / per_gram);
    }
    text.strip_suffix('g')?.trim().parse().ok()
}

/// `0.0015 ETH, 0.00006 BTC`.
fn read_list(text: &str, wallets: &[Wallet], is_free_allowed: bool) -> Result<Json, String> {
    let mut rows = Vec::new();
    for part in text.split(',').map(str::trim) {
        let mut words = part.split_whitespace();
        let (Some(amount), Some(currency), None) = (words.next(), words.next(), words.next())
        else {
            return Err(format!(
                "Found {}: write each amount with its currency, 0.0015 ETH; a weight as 500 g or 2 kg.",
                quoted(part)
            ));
        };
        let is_named = |wallet: &&Wallet| wallet.currency.as_str().eq_ignore_ascii_case(currency);
        let Some(wallet) = wallets.iter().find(is_named) else {
            return Err(format!("There is no wallet for {}.", quoted(currency)));
        };
        rows.push(price_record(read_amount(amount, wallet, is_free_allowed)?, wallet));
    }
    Ok(Json::Array(rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::CatalogFile;
    use crate::interfaces::desk::amounts::wallets;

    /// What is shown again of a text that is read.
    fn shown_again(text: &str) -> Result<String, String> {
        let steps = read_steps(text, &wallets())?;
        let fields = [("steps".to_owned(), Json::Array(steps))];
        let rate = CatalogFile::parse_rate("post", &fields, &wallets());
        Ok(shown(&rate.map_err(|faults| faults[0].to_string())?))
    }

    #[test]
    fn steps_are_shown_as_they_are_read() {
        for text in [
            "500 g: 0.0015 ETH, 0.00006 BTC\n2000 g: 0.003 ETH, 0.00012 BTC\nmore: 0.006 ETH, 0 BTC",
            "0.05 ETH: 0.0015 ETH\n0.1 ETH: 0 ETH",
        ] {
            assert_eq!(shown_again(text).as_deref(), Ok(text));
        }
        let typed = "up to 0.5kg: 0.0015 eth\r\n\r\n up to 2 kg : 0.0030 ETH ";
        assert_eq!(shown_again(typed).as_deref(), Ok("500 g: 0.0015 ETH\n2000 g: 0.003 ETH"));
    }

    #[test]
    fn a_faulty_line_is_named_with_what_to_write() {
        for (text, expected) in [
            ("500 g 0.0015 ETH", "Step 1: Write the limit, a colon"),
            ("500 g: 0.0015 ETH\n2 kg: 0.003", "Step 2: Found “0.003”: write each amount with"),
            ("500: 0.0015 ETH", "Step 1: Found “500”: write each amount with its currency"),
            ("500 g: 0.0015 XMR", "Step 1: There is no wallet for “XMR”"),
            ("500 g: 0,0015 ETH", "Step 1: Found “0”: write each amount with its currency"),
            ("0.0005kg: 0.0015 ETH", "Step 1: Found “0.0005kg”"),
            ("0 ETH: 0.0015 ETH", "Step 1: Enter more than 0"),
        ] {
            let error = shown_again(text).unwrap_err();
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }
}
