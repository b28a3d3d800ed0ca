//! A wallet as the catalog file describes it.

use crate::domain::catalog::fault::FoundValue;
use crate::domain::catalog::json::Json;
use crate::domain::catalog::record::Record;
use crate::domain::payment::{
    Address, AmountTags, Coin, Destination, ExtendedPubkey, KnownToken, ViewKey, Wallet,
};
use crate::domain::values::Currency;

/// A record of the model Wallet. `record_name` is the record's own.
pub fn read_wallet(
    record: &mut Record<'_>,
    record_name: &str,
    notes: &mut Vec<String>,
) -> Option<Wallet> {
    let expected = "a currency, for example \"ETH\"";
    let found = record.required("currency", expected)?;
    let text = record.text_of("currency", found, 10, expected)?;
    let currency = Currency::parse(text)
        .map_err(|refused| record.explain("currency", format!("{text:?}"), refused))
        .ok()?;
    let default_name = Json::String(record_name.to_owned());
    let found = record.get("name").unwrap_or(&default_name);
    let name = record.line_of("name", found, 60, "the name of the currency");
    let name = name.unwrap_or_else(|| record_name.to_owned());
    let coin = read_coin(record, &currency, notes)?;
    let receives = read_destination(record, &coin)?;
    if matches!(receives, Destination::Address(_)) && AmountTags::of(&currency, &coin).n == 0 {
        let expected = "`xpub`: the token's smallest unit may be worth more than a cent, so amounts cannot distinguish orders \
                        that share an address";
        record.refuse("address", "one address for a token with few decimals", expected);
        return None;
    }
    Some(Wallet { currency, name, coin, receives })
}

fn read_destination(record: &mut Record<'_>, coin: &Coin) -> Option<Destination> {
    let address = record.text("address", 256, "the address that buyers pay to");
    let xpub = record.text("xpub", 2_000, "an extended public key");
    let view_key = record.text("view_key", 64, "the private view key of a Monero wallet");
    match (address, xpub, view_key) {
        (Some(text), None, view_key) => {
            let found = Json::String(text.to_owned());
            let address = Address::parse(coin, text)
                .map_err(|refused| record.explain("address", &found, refused))
                .ok()?;
            let Some(text) = view_key else { return Some(Destination::of_address(address)) };
            // The value may be the private spend key: it is never shown.
            let key = ViewKey::parse(&address, text).map_err(|refused| {
                record.explain("view_key", "a key that cannot be used", refused);
            });
            key.ok().map(Destination::View)
        }
        (None, Some(text), None) => {
            let key = ExtendedPubkey::parse(coin, text)
                .map_err(|refused| record.explain("xpub", "a key that cannot be used", refused));
            key.ok().map(Destination::Account)
        }
        (None, Some(_), Some(_)) => {
            let expected = "no `view_key`: it belongs with a Monero `address`";
            record.refuse("view_key", "a view key with `xpub`", expected);
            None
        }
        (None, None, _) => {
            let expected = "`address`, or `xpub` for a separate address for each order";
            record.refuse("address", FoundValue::Nothing, expected);
            None
        }
        (Some(_), Some(_), _) => {
            record.refuse("address", "`address` and `xpub`", "only one of them");
            None
        }
    }
}

const TOKEN: &str = "USDT, USDC or DAI, the token's contract address along with `decimals`, or {\"contract\": \"0x…\", \"decimals\": 6, \"symbol\": \"USDC\"}";

fn read_coin(
    record: &mut Record<'_>,
    currency: &Currency,
    notes: &mut Vec<String>,
) -> Option<Coin> {
    let chain = record.integer("chain", 1, i64::MAX, "the chain ID (EIP-155)");
    let decimals = record.integer("decimals", 0, 36, "the token's decimals");
    let n_faults = record.faults.len();
    let (token, decimals) = match record.get("token") {
        None => (None, decimals),
        Some(Json::Object(fields)) => {
            if decimals.is_some() {
                let expected = "`decimals` inside of `token`";
                record.refuse("decimals", "a number outside of `token`", expected);
            }
            let mut inner = Record::new(format!("{}, token", record.place), fields);
            let expected = "the token's contract address";
            let contract = inner.required("contract", expected);
            let contract =
                contract.and_then(|found| inner.text_of("contract", found, 64, expected));
            // There is no default: with a wrong number every price would be off by powers of ten.
            let expected = "the decimals in the contract: a whole number from 0 to 36";
            if contract.and_then(KnownToken::find).is_none() {
                inner.required("decimals", expected);
            }
            let decimals = inner.integer("decimals", 0, 36, "the decimals in the contract");
            let symbol = inner.text("symbol", 11, "the token's symbol in the contract");
            if let Some(symbol) =
                symbol.filter(|symbol| !symbol.eq_ignore_ascii_case(currency.as_str()))
            {
                notes.push(format!(
                    "{}: buyers see {currency}, and the token's symbol is {symbol:?}",
                    record.place
                ));
            }
            record.faults.extend(inner.close(notes));
            (contract, decimals)
        }
        Some(found) => (record.text_of("token", found, 64, TOKEN), decimals),
    };
    if n_faults < record.faults.len() {
        return None;
    }
    if let Some(known) = token.and_then(KnownToken::find)
        && !known.symbol.eq_ignore_ascii_case(currency.as_str())
    {
        notes.push(format!(
            "{}: buyers see {currency}, and the token is {}",
            record.place, known.symbol
        ));
    }
    let unsigned = |n: i64| u64::try_from(n).ok();
    let coin = Coin::parse(currency, chain.and_then(unsigned), token, decimals.and_then(unsigned));
    let refused = match coin {
        Ok(coin) => return Some(coin),
        Err(refused) => refused,
    };
    match token {
        Some(_) => record.explain("token", "a token that cannot be read", refused),
        None => record.explain("currency", format!("{:?}", currency.as_str()), refused),
    }
    None
}
