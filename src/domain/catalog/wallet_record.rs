//! A wallet as the catalog file describes it.

use crate::domain::catalog::fault::Found;
use crate::domain::catalog::json::Json;
use crate::domain::catalog::record::Record;
use crate::domain::payment::{
    Address, AmountTag, Coin, Destination, ExtendedPubkey, ViewKey, Wallet,
};
use crate::domain::values::Currency;

/// A record of the model Wallet. `name` is the record's own.
pub fn read_wallet(record: &mut Record<'_>, name: &str, notes: &mut Vec<String>) -> Option<Wallet> {
    let currency_text = record.needed_text("currency", 10, "a currency, for example \"ETH\"")?;
    let currency = match Currency::parse(currency_text) {
        Ok(currency) => currency,
        Err(refused) => {
            record.explain("currency", format!("{currency_text:?}"), refused.to_string());
            return None;
        }
    };
    let own = Json::Text(name.to_owned());
    let named = record.get("name").unwrap_or(&own);
    let title = record.line_of("name", named, 60, "the name of the currency");
    let title = title.unwrap_or_else(|| name.to_owned());
    let coin = read_coin(record, &currency, notes)?;
    let address = record.text("address", 256, "the address that buyers pay to");
    let xpub = record.text("xpub", 2_000, "an extended public key");
    let view_key = record.text("view_key", 64, "the private view key of a Monero wallet");
    let receives = match (address, xpub, view_key) {
        (Some(text), None, view_key) => {
            let address = match Address::parse(&coin, text) {
                Ok(address) => address,
                Err(refused) => {
                    record.explain(
                        "address",
                        Found::of(Some(&Json::Text(text.to_owned()))),
                        refused.to_string(),
                    );
                    return None;
                }
            };
            match view_key.map(|text| ViewKey::parse(&address, text)) {
                None => Destination::of_address(address),
                Some(Ok(key)) => Destination::View(key),
                // The value may be the private spend key: it is never shown.
                Some(Err(refused)) => {
                    record.explain("view_key", "a key that cannot be used", refused.to_string());
                    return None;
                }
            }
        }
        (None, Some(text), None) => match ExtendedPubkey::parse(&coin, text) {
            Ok(key) => Destination::Account(key),
            Err(refused) => {
                record.explain("xpub", "a key that cannot be used", refused.to_string());
                return None;
            }
        },
        (None, Some(_), Some(_)) => {
            let expected = "no `view_key`: it belongs with a Monero `address`";
            record.refuse("view_key", "a view key with `xpub`", expected);
            return None;
        }
        (None, None, _) => {
            record.refuse(
                "address",
                Found::Nothing,
                "`address`, or `xpub` for a separate address for each order",
            );
            return None;
        }
        (Some(_), Some(_), _) => {
            record.refuse("address", "`address` and `xpub`", "only one of them");
            return None;
        }
    };
    if matches!(receives, Destination::Address(_)) && AmountTag::of(&currency, &coin).n == 0 {
        let expected = "`xpub`: the token's smallest unit may be worth more than a cent, so amounts cannot distinguish orders \
                        that share an address";
        record.refuse("address", "one address for a token with few decimals", expected);
        return None;
    }
    Some(Wallet { currency, name: title, coin, receives })
}

const TOKEN: &str = "the token's contract address along with `decimals`, or {\"contract\": \"0x…\", \"decimals\": 6, \"symbol\": \"USDC\"}";

fn read_coin(
    record: &mut Record<'_>,
    currency: &Currency,
    notes: &mut Vec<String>,
) -> Option<Coin> {
    let chain = record
        .whole("chain", 1, i64::MAX, "the chain ID (EIP-155)")
        .and_then(|n| u64::try_from(n).ok());
    let decimals =
        record.whole("decimals", 0, 36, "the token's decimals").and_then(|n| u64::try_from(n).ok());
    let n_faults = record.faults.len();
    let (token, decimals) = match record.get("token") {
        None => (None, decimals),
        Some(Json::Record(fields)) => {
            if decimals.is_some() {
                record.refuse(
                    "decimals",
                    "a number outside of `token`",
                    "`decimals` inside of `token`",
                );
            }
            let mut inner = Record::new(format!("{}, token", record.place), fields);
            let contract = inner.needed_text("contract", 64, "the token's contract address");
            // There is no default: with a wrong number every price would be off by powers of ten.
            let decimals = match inner.get("decimals") {
                Some(found) => {
                    inner.whole_of("decimals", found, 0, 36, "the decimals in the contract")
                }
                None => {
                    inner.refuse(
                        "decimals",
                        Found::Nothing,
                        "the decimals in the contract: a whole number from 0 to 36",
                    );
                    None
                }
            };
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
            (contract, decimals.and_then(|n| u64::try_from(n).ok()))
        }
        Some(found) => (record.text_of("token", found, 64, TOKEN), decimals),
    };
    if n_faults < record.faults.len() {
        return None;
    }
    match Coin::parse(currency, chain, token, decimals) {
        Ok(coin) => Some(coin),
        Err(refused) if token.is_some() => {
            record.explain("token", "a token that cannot be read", refused.to_string());
            None
        }
        Err(refused) => {
            record.explain("currency", format!("{:?}", currency.as_str()), refused.to_string());
            None
        }
    }
}
