//! Amounts in the desk's forms: one field for each currency.

use crate::domain::catalog::{Json, Prices, wallet_reference};
use crate::domain::payment::Wallet;
use crate::domain::values::Amount;
use crate::domain::values::text::sentence;
use crate::interfaces::desk::field_view::{FieldKind, FieldView};
use crate::interfaces::desk::parsed_form::ParsedForm;
use crate::interfaces::desk::record_form::RecordForm;

/// # Errors
/// What is wrong with the amount, as a sentence.
pub fn read_coins(text: &str) -> Result<Amount, String> {
    let text = text.trim();
    Amount::parse_coins(text).map_err(|refused| {
        let with_point = text.replacen(',', ".", 1);
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        if !text.contains('.') && Amount::parse_coins(&with_point).is_ok() {
            format!("Use a decimal point: {with_point}.")
        } else if digits(whole) && digits(decimals) && 9 < decimals.len() {
            "Enter at most nine decimals.".to_owned()
        } else if digits(whole) && digits(decimals) {
            "This amount is too large.".to_owned()
        } else {
            sentence(&refused.to_string())
        }
    })
}

/// One field of an amount for each wallet: `price-ETH`.
pub fn amount_fields<'a>(
    prefix: &'a str,
    label: &'a str,
    wallets: &'a [Wallet],
) -> impl Iterator<Item = FieldView> + 'a {
    wallets.iter().map(move |Wallet { currency, .. }| {
        let (name, label) = (format!("{prefix}-{currency}"), format!("{label} {currency}"));
        FieldView::new(&name, &label, FieldKind::Coins)
    })
}

/// The price in a currency, in coins; empty if there is none.
pub fn coins_in(prices: &Prices, currency: &str) -> String {
    let price = prices.iter().find(|(name, _)| name.as_str() == currency);
    price.map(|(_, price)| price.to_string()).unwrap_or_default()
}

/// Reads the amounts of a form as a list of the seller's file: `{price, wallet}` each.
pub fn read_amounts(
    form: &RecordForm,
    prefix: &str,
    wallets: &[Wallet],
    is_free_allowed: bool,
    parsed: &mut ParsedForm,
) -> Json {
    let mut rows = Vec::new();
    for wallet in wallets {
        let name = format!("{prefix}-{}", wallet.currency);
        let text = form.get(&name).trim();
        if text.is_empty() {
            continue;
        }
        match read_amount(text, wallet, is_free_allowed) {
            Err(fault) => parsed.faults.push((name, fault)),
            Ok(amount) => {
                rows.push(price_record(amount, wallet));
                parsed.amount_fields.push(name);
            }
        }
    }
    Json::Array(rows)
}

/// A price as in the seller's file.
pub fn price_record(price: Amount, wallet: &Wallet) -> Json {
    Json::Object(vec![
        ("price".to_owned(), Json::Integer(price.get())),
        ("wallet".to_owned(), Json::String(wallet_reference(&wallet.currency))),
    ])
}

/// # Errors
/// The same; and what the coin cannot express, or one order cannot cost.
pub fn read_amount(text: &str, wallet: &Wallet, is_free_allowed: bool) -> Result<Amount, String> {
    let (coin, currency) = (&wallet.coin, &wallet.currency);
    let amount = read_coins(text)?;
    if amount == Amount::ZERO && !is_free_allowed {
        return Err(format!("Enter more than 0, or leave {currency} empty."));
    }
    if coin.most() < amount {
        return Err(format!(
            "This amount is too large: one order can cost at most {} {currency}.",
            coin.most()
        ));
    }
    let grain = coin.grain();
    if amount.get() % grain.get() != 0 {
        return Err(format!("Enter a multiple of {grain} {currency}, its smallest unit."));
    }
    Ok(amount)
}

/// Of ether and bitcoin, for tests.
#[cfg(test)]
pub fn wallets() -> Vec<Wallet> {
    use crate::domain::payment::{Address, Coin, Destination};
    use crate::domain::values::Currency;

    let of = |name, coin: Coin, text| Wallet {
        currency: Currency::parse(name).unwrap(),
        name: String::new(),
        receives: Destination::of_address(Address::parse(&coin, text).unwrap()),
        coin,
    };
    vec![
        of("ETH", Coin::Ether { chain: 1 }, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        of("BTC", Coin::BITCOIN, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interfaces::desk::form::FromFields;

    fn read(eth: &str, btc: &str) -> (Json, ParsedForm) {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = vec![field("price-ETH", eth), field("price-BTC", btc)];
        let form = RecordForm::from_fields(fields).unwrap();
        let mut parsed = ParsedForm::default();
        let list = read_amounts(&form, "price", &wallets(), false, &mut parsed);
        (list, parsed)
    }

    #[test]
    fn amounts_are_read_in_coins_and_what_a_coin_cannot_express_is_refused_at_its_field() {
        let (list, parsed) = read("0.09199", " 0.00000001 ");
        assert!(parsed.faults.is_empty());
        assert_eq!(parsed.amount_fields, ["price-ETH", "price-BTC"]);
        assert!(matches!(&list, Json::Array(rows) if rows.len() == 2), "{list:?}");
        for (eth, btc, field) in [
            ("0,09", "", "price-ETH"),
            ("", "0.000000001", "price-BTC"),
            ("0", "", "price-ETH"),
            ("", "99999999", "price-BTC"),
        ] {
            let (_, parsed) = read(eth, btc);
            let fields: Vec<&str> = parsed.faults.iter().map(|(field, _)| field.as_str()).collect();
            assert_eq!(fields, [field], "{eth} {btc}");
        }
    }
}
