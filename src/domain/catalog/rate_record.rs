//! A shipping method as the catalog file describes it.

use crate::domain::catalog::fault::Found;
use crate::domain::catalog::file::{Named, Reader};
use crate::domain::catalog::json::Json;
use crate::domain::catalog::record::Record;
use crate::domain::catalog::{Prices, RateRecord};
use crate::domain::values::{Amount, Country};

/// Records of the model ShippingRate.
impl Reader {
    pub(super) fn rate(&mut self, (collection, name, fields): &Named<'_>) {
        let mut record = Record::new(format!("{collection} {name:?}"), fields);
        let own = Json::Text((*name).to_owned());
        let named = record.get("name").unwrap_or(&own);
        let title = record.line_of("name", named, 80, "the name of the shipping method");
        let title = title.unwrap_or_else(|| (*name).to_owned());
        let mut countries = Vec::new();
        for (n, item) in record
            .list("countries", 300, "a list of countries; leave it out for all countries")
            .iter()
            .enumerate()
        {
            let country = match item {
                Json::Text(text) => Country::parse(text).ok(),
                _ => None,
            };
            match country {
                Some(country) => countries.push(country),
                None => {
                    let expected = "a two-letter ISO 3166 code or an English name, for example \"DE\" or \"Germany\"";
                    record.refuse(&format!("countries[{n}]"), Found::of(Some(item)), expected);
                }
            }
        }
        let prices = self.rate_prices(&mut record);
        if self.file.rates.iter().any(|rate| rate.name == title) {
            record.refuse(
                "name",
                format!("a second method {title:?}"),
                "a different name for each shipping method",
            );
        }
        self.file.rates.push(RateRecord { name: title, countries, prices });
        self.close(record);
    }

    /// As a product's, but shipping may be free.
    fn rate_prices(&mut self, record: &mut Record<'_>) -> Prices {
        let mut prices = Prices::new();
        let list =
            record.list("prices", 50, "a list of {\"price\": …, \"wallet\": \"->wallets.eth\"}");
        for (n, item) in list.iter().enumerate() {
            let fields = if let Json::Record(fields) = item { fields.as_slice() } else { &[] };
            let of =
                |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
            let wallet = self.refer(record, &format!("prices[{n}].wallet"), of("wallet"));
            let price = match of("price") {
                Some(free) if free.whole() == Some(0) => Some(Amount::ZERO),
                other => self.price(record, &format!("prices[{n}].price"), other, wallet),
            };
            if let (Some(wallet), Some(price)) = (wallet, price) {
                let currency = self.file.wallets[wallet].currency.clone();
                if prices.iter().any(|(other, _)| *other == currency) {
                    let field = format!("prices[{n}].wallet");
                    let found = format!("a second price in {currency}");
                    record.refuse(&field, found, "one price per currency");
                }
                prices.push((currency, price));
            }
        }
        if let Some(found) = record.get("price") {
            match (found, self.file.wallets.first()) {
                (free, Some(wallet)) if free.whole() == Some(0) => {
                    prices.push((wallet.currency.clone(), Amount::ZERO));
                }
                (_, Some(wallet)) => {
                    let currency = wallet.currency.clone();
                    prices.extend(
                        self.price(record, "price", Some(found), Some(0))
                            .map(|price| (currency, price)),
                    );
                }
                (_, None) => {
                    record.refuse("price", Found::of(Some(found)), "a wallet to pay it to")
                }
            }
        } else if list.is_empty() && !self.file.wallets.is_empty() {
            record.refuse(
                "prices",
                Found::Nothing,
                "a price in each currency it is offered in; 0 for free shipping",
            );
        }
        prices
    }
}
