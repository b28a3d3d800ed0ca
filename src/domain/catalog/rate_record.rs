//! A shipping method as the catalog file describes it.

use crate::domain::catalog::catalog_file::{AmountKind, PRICE_LIST, RawRecord, Reader};
use crate::domain::catalog::fault::FoundValue;
use crate::domain::catalog::json::Json;
use crate::domain::catalog::record::Record;
use crate::domain::catalog::{Prices, RateRecord};
use crate::domain::values::Country;

/// Records of the model ShippingRate.
impl Reader {
    pub(super) fn rate(&mut self, raw: &RawRecord<'_>) {
        let mut record = raw.open();
        let record_name = Json::String(raw.name.to_owned());
        let found = record.get("name").unwrap_or(&record_name);
        let name = record.line_of("name", found, 80, "the name of the shipping method");
        let name = name.unwrap_or_else(|| raw.name.to_owned());
        let mut countries = Vec::new();
        let expected = "a list of countries; leave it out for all countries";
        for (n, item) in record.list("countries", 300, expected).iter().enumerate() {
            let country = match item {
                Json::String(text) => Country::parse(text).ok(),
                _ => None,
            };
            if country.is_none() {
                let expected = "a two-letter ISO 3166 code or an English name, for example \"DE\" or \"Germany\"";
                record.refuse(&format!("countries[{n}]"), item, expected);
            }
            countries.extend(country);
        }
        let prices = self.rate_prices(&mut record);
        if self.file.rates.iter().any(|rate| rate.name == name) {
            let expected = "a different name for each shipping method";
            record.refuse("name", format!("a second method {name:?}"), expected);
        }
        self.file.rates.push(RateRecord { name, countries, prices });
        self.close(record);
    }

    /// As a product's, but shipping may be free.
    fn rate_prices(&self, record: &mut Record<'_>) -> Prices {
        let kind = AmountKind::ShippingPrice;
        let list = record.list("prices", 50, PRICE_LIST);
        let mut prices = self.amounts(record, list, kind);
        let wallet = self.file.wallets.first();
        match (record.get("price"), wallet) {
            (Some(found), Some(wallet)) => {
                let price = self.amount(record, "price", Some(found), Some(wallet), kind);
                prices.extend(price.map(|price| (wallet.currency.clone(), price)));
            }
            (Some(found), None) => record.refuse("price", found, "a wallet to pay it to"),
            (None, Some(_)) if list.is_empty() => {
                let expected = "a price in each currency it is offered in; 0 for free shipping";
                record.refuse("prices", FoundValue::Nothing, expected);
            }
            (None, _) => {}
        }
        prices
    }
}
