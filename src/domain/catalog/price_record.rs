//! The prices of a product or an option as the catalog file describes them: in coins, and in ordinary money.

use crate::domain::catalog::Prices;
use crate::domain::catalog::catalog_reader::{AmountKind, PRICE, Reader, is_fiat};
use crate::domain::catalog::fault::FoundValue;
use crate::domain::catalog::json::{self, Json};
use crate::domain::catalog::record::Record;
use crate::domain::values::{FiatCurrency, FiatPrice, NotAFiatCurrency};

const ITEMS: &str = "a list of {\"price\": …, \"wallet\": \"->wallets.eth\"}, or {\"price\": 4500, \"currency\": \"EUR\"} for 45.00 EUR";

impl Reader {
    /// `prices`, a list of `{price, wallet}` and at most one `{price, currency}`, or the older form, one `price` in the
    /// first wallet.
    pub(super) fn prices(
        &self,
        record: &mut Record<'_>,
        is_required: bool,
    ) -> (Prices, Option<FiatPrice>) {
        let list = record.list("prices", 50, ITEMS);
        let mut prices = self.amounts(record, list, AmountKind::ProductPrice);
        let fiat = fiat_price(record, list);
        if let Some(found) = record.get("price") {
            if !list.is_empty() {
                record.refuse("price", found, "either `price` or `prices`");
            } else if let Some(wallet) = self.file.wallets.first() {
                let kind = AmountKind::ProductPrice;
                let price = self.amount(record, "price", Some(found), Some(wallet), kind);
                prices.extend(price.map(|price| (wallet.currency.clone(), price)));
            } else if self.references.is_empty() {
                let expected = "a wallet to pay it to: a collection with _model Wallet, or the settings WALLET and CURRENCY";
                record.refuse("price", found, expected);
            }
        } else if is_required && list.is_empty() && !self.file.wallets.is_empty() {
            let expected = format!("at least one price; {PRICE}");
            record.refuse("prices", FoundValue::Nothing, expected);
        }
        (prices, fiat)
    }
}

fn fiat_price(record: &mut Record<'_>, list: &[Json]) -> Option<FiatPrice> {
    let mut fiat = None;
    for (n, item) in list.iter().enumerate().filter(|(_, item)| is_fiat(item)) {
        let Json::Object(fields) = item else { continue };
        let at = |name: &str| format!("prices[{n}].{name}");
        if json::find(fields, "wallet").is_some() {
            record.refuse(&at("wallet"), item, "either `wallet` or `currency`");
        }
        let found = json::find(fields, "currency");
        let currency = match found {
            Some(Json::String(text)) => FiatCurrency::parse(text).ok(),
            _ => None,
        };
        let Some(currency) = currency else {
            record.refuse(&at("currency"), found, NotAFiatCurrency.to_string());
            continue;
        };
        let found = json::find(fields, "price");
        let minor = found.and_then(Json::integer).filter(|n| (1..=FiatPrice::MOST).contains(n));
        let Some(minor) = minor else {
            let expected = format!(
                "a whole number of the currency's smallest unit, from 1 to {}: 4500 is {}",
                FiatPrice::MOST,
                FiatPrice { currency, minor: 4_500 }
            );
            record.refuse(&at("price"), found, expected);
            continue;
        };
        if fiat.is_some() {
            record.refuse(&at("currency"), item, "at most one price in ordinary money");
        }
        fiat = Some(FiatPrice { currency, minor });
    }
    fiat
}

#[cfg(test)]
mod tests {
    use crate::domain::catalog::CatalogFile;

    fn read(prices: &str) -> (CatalogFile, Vec<String>) {
        let text = format!(
            r#"{{"wallets": {{"_model": "Wallet", "eth": {{"currency": "ETH", "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}}}},
            "products": {{"_model": "Product", "tea": {{"name": "Tea", "options": [{{"name": "Large", "prices": [{{"price": 6000, "currency": "EUR"}}]}}], "prices": {prices}}}}}}}"#
        );
        let (file, faults) = CatalogFile::parse(&text, None);
        (file, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_product_and_an_option_may_be_priced_in_ordinary_money_beside_coins() {
        let (file, faults) = read(
            r#"[{"price": 4500, "currency": "eur"}, {"price": 5, "wallet": "->wallets.eth"}]"#,
        );
        assert!(faults.is_empty(), "{faults:?}");
        let product = &file.products[0];
        assert_eq!(product.fiat.map(|price| price.to_string()).as_deref(), Some("45.00 EUR"));
        assert_eq!(product.prices.len(), 1);
        let option = product.options[0].fiat.map(|price| price.to_string());
        assert_eq!(option.as_deref(), Some("60.00 EUR"));
        assert!(read(r#"[{"price": 4500, "currency": "EUR"}]"#).1.is_empty());
    }

    #[test]
    fn a_wrong_price_is_refused_at_its_field() {
        for (prices, words) in [
            (r#"[{"price": 45.5, "currency": "EUR"}]"#, "field `prices[0].price`: found 45.5"),
            (r#"[{"price": 0, "currency": "EUR"}]"#, "4500 is 45.00 EUR"),
            (r#"[{"price": "4500", "currency": "EUR"}]"#, "field `prices[0].price`"),
            (r#"[{"currency": "JPY"}]"#, "4500 is 4500 JPY"),
            (r#"[{"price": 5, "currency": "EURO"}]"#, "field `prices[0].currency`"),
            (
                r#"[{"price": 5, "currency": "EUR", "wallet": "->wallets.eth"}]"#,
                "either `wallet` or `currency`",
            ),
            (
                r#"[{"price": 5, "wallet": "->wallets.eth"}, {"price": 5, "currency": "EUR"}, {"price": 5, "currency": "USD"}]"#,
                "field `prices[2].currency`",
            ),
            (r#"[{"price": 5}]"#, "field `prices[0].wallet`"),
        ] {
            let faults = read(prices).1;
            assert!(faults.len() == 1 && faults[0].contains(words), "{prices}: {faults:?}");
        }
    }
}
