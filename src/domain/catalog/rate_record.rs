//! A shipping method as the catalog file describes it.

use crate::domain::catalog::catalog_reader::{AmountKind, PRICE_LIST, RawRecord, Reader};
use crate::domain::catalog::discount::amount_in;
use crate::domain::catalog::fault::FoundValue;
use crate::domain::catalog::json::Json;
use crate::domain::catalog::record::Record;
use crate::domain::catalog::{Prices, RateStep, ShippingRate, StepLimit};
use crate::domain::values::{Currency, Region, Regions};

/// Units: grams of a product, and of the items of an order.
pub(super) const MAX_GRAMS: i64 = 1_000_000;

/// Records of the model ShippingRate.
impl Reader {
    pub(super) fn rate(&mut self, raw: &RawRecord<'_>) {
        let mut record = raw.open();
        let record_name = Json::String(raw.name.to_owned());
        let found = record.get("name").unwrap_or(&record_name);
        let name = record.line_of("name", found, 80, "the name of the shipping method");
        let name = name.unwrap_or_else(|| raw.name.to_owned());
        let countries = regions(&mut record, "countries", "leave it out for all countries");
        let excluded_countries = excluded_countries(&mut record);
        let list = record.get("steps");
        let steps = match list {
            Some(Json::Array(items)) if !items.is_empty() => self.steps(&mut record),
            Some(Json::Array(_)) | None => {
                let prices = self.rate_prices(&mut record);
                vec![RateStep { up_to: StepLimit::None, prices }]
            }
            Some(found) => {
                record.refuse("steps", found, STEPS);
                Vec::new()
            }
        };
        let list = record.list("free_from", 50, PRICE_LIST);
        let free_from = self.amounts(&mut record, list, AmountKind::FreeFrom);
        for (currency, _) in &free_from {
            if steps.iter().all(|step| amount_in(&step.prices, currency).is_none()) {
                let expected =
                    format!("only currencies that the method has a price in; {currency} has none");
                record.refuse("free_from", format!("an amount in {currency}"), expected);
            }
        }
        if self.file.rates.iter().any(|rate| rate.name == name) {
            let expected = "a different name for each shipping method";
            record.refuse("name", format!("a second method {name:?}"), expected);
        }
        let rate = ShippingRate { name, countries, excluded_countries, steps, free_from };
        self.file.rates.push(rate);
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

    /// Limits are upper ones, so there are no gaps; overlaps are limits that do not grow.
    fn steps(&mut self, record: &mut Record<'_>) -> Vec<RateStep> {
        for (name, found) in [("prices", record.get("prices")), ("price", record.get("price"))] {
            if let Some(found) = found {
                record.refuse(name, found, "either `prices` or `steps`");
            }
        }
        let list = record.list("steps", 50, STEPS);
        let mut steps: Vec<RateStep> = Vec::new();
        for (n, item) in list.iter().enumerate() {
            let Json::Object(fields) = item else {
                record.refuse(&format!("steps[{n}]"), item, STEPS);
                continue;
            };
            let mut inner = Record::new(format!("{}, steps[{n}]", record.place), fields);
            inner.part = Some(n);
            let step = self.step(&mut inner);
            if inner.faults.is_empty() {
                let is_last = n + 1 == list.len();
                check_step(&mut inner, &step, &steps, is_last);
            }
            record.faults.extend(inner.close(&mut self.file.notes));
            steps.push(step);
        }
        steps
    }

    fn step(&self, inner: &mut Record<'_>) -> RateStep {
        let prices = self.rate_prices(inner);
        let grams = inner.integer("up_to_grams", 1, MAX_GRAMS, "the largest weight");
        let list = inner.list("up_to", 50, PRICE_LIST);
        let amounts = self.amounts(inner, list, AmountKind::StepLimit);
        let up_to = match (grams, amounts.is_empty()) {
            (None, true) => StepLimit::None,
            (Some(grams), true) => StepLimit::Grams(grams),
            (None, false) => StepLimit::Subtotals(amounts),
            (Some(_), false) => {
                inner.refuse("up_to", "a second limit", "either `up_to_grams` or `up_to`");
                StepLimit::None
            }
        };
        RateStep { up_to, prices }
    }
}

const STEPS: &str = "a list of steps by weight, {\"up_to_grams\": 500, \"prices\": […]}, or by subtotal, {\"up_to\": […], \"prices\": […]}";

/// `before`: the earlier steps.
fn check_step(record: &mut Record<'_>, step: &RateStep, before: &[RateStep], is_last: bool) {
    let last = before.last();
    match (&step.up_to, last.map(|last| &last.up_to)) {
        (StepLimit::None, _) if !is_last => {
            let expected =
                "a limit, `up_to_grams` or `up_to`: only the last step may be without one";
            record.refuse("", "no limit", expected);
        }
        (StepLimit::Grams(grams), Some(StepLimit::Grams(least))) if grams <= least => {
            let expected = format!("more than the step before, {least}");
            record.refuse("up_to_grams", format!("{grams}"), expected);
        }
        (StepLimit::Grams(_), Some(StepLimit::Subtotals(_))) => {
            record.refuse("up_to_grams", "a weight", "a subtotal, `up_to`, as in the step before");
        }
        (StepLimit::Subtotals(_), Some(StepLimit::Grams(_))) => {
            let expected = "a weight, `up_to_grams`, as in the step before";
            record.refuse("up_to", "a subtotal", expected);
        }
        (StepLimit::Subtotals(most), Some(StepLimit::Subtotals(least))) => {
            for (currency, amount) in most {
                if let Some(least) = amount_in(least, currency).filter(|least| amount <= least) {
                    let found = format!("{} in {currency}", amount.get());
                    let expected = format!("more than the step before, {}", least.get());
                    record.refuse("up_to", found, expected);
                }
            }
        }
        _ => {}
    }
    if let StepLimit::Subtotals(most) = &step.up_to {
        require_same(record, "up_to", most, &step.prices, "the step's prices");
    }
    if let Some(first) = before.first() {
        require_same(record, "prices", &step.prices, &first.prices, "the first step");
    }
}

/// Refuses a list of amounts that has not the currencies of another one.
fn require_same(record: &mut Record<'_>, field: &str, found: &Prices, wanted: &Prices, of: &str) {
    let all = |amounts: &Prices| -> Vec<Currency> {
        amounts.iter().map(|(currency, _)| currency.clone()).collect()
    };
    let (found, wanted) = (all(found), all(wanted));
    let names = |currencies: &[Currency]| {
        currencies.iter().map(Currency::as_str).collect::<Vec<_>>().join(", ")
    };
    if wanted.len() != found.len() || wanted.iter().any(|currency| !found.contains(currency)) {
        let expected =
            format!("an amount in each currency of {of}, and no other: {}", names(&wanted));
        record.refuse(field, format!("amounts in {}", names(&found)), expected);
    }
}

/// The countries that a product or a shipping method does not go to.
pub(super) fn excluded_countries(record: &mut Record<'_>) -> Regions {
    regions(record, "excluded_countries", "leave it out if there is none")
}

fn regions(record: &mut Record<'_>, name: &'static str, otherwise: &str) -> Regions {
    let mut regions = Vec::new();
    let expected = format!("a list of countries; {otherwise}");
    for (n, item) in record.list(name, 300, &expected).iter().enumerate() {
        let region = match item {
            Json::String(text) => Region::parse(text).ok(),
            _ => None,
        };
        if region.is_none() {
            let expected = "a two-letter ISO 3166 code or an English name, for example \"DE\" or \"Germany\", or the group \"EU\", \"Europe\" or \"World\"";
            record.refuse(&format!("{name}[{n}]"), item, expected);
        }
        regions.extend(region.filter(|region| !regions.contains(region)));
    }
    Regions::new(regions)
}

#[cfg(test)]
mod tests {
    use crate::domain::catalog::CatalogFile;

    const WALLETS: &str = r#""wallets": {"_model": "Wallet",
        "eth": {"currency": "ETH", "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
        "btc": {"currency": "BTC", "address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"}}"#;

    /// `E5` and `B5` are prices of 5 in ether and bitcoin.
    fn file(fields: &str) -> String {
        let fields = fields
            .replace("E5", r#"{"price": 5, "wallet": "->wallets.eth"}"#)
            .replace("E9", r#"{"price": 9, "wallet": "->wallets.eth"}"#)
            .replace("B5", r#"{"price": 50, "wallet": "->wallets.btc"}"#);
        format!(r#"{{{WALLETS}, "shipping": {{"_model": "ShippingRate", "post": {{{fields}}}}}}}"#)
    }

    #[track_caller]
    fn check(fields: &str, expected: &[&str]) {
        let (_, faults) = CatalogFile::parse(&file(fields), None);
        let found: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(expected.split(" … ").all(|part| found.contains(part)), "{found}");
        }
    }

    #[test]
    fn prices_may_depend_on_nothing_on_the_weight_or_on_the_subtotal() {
        check(r#""prices": [E5]"#, &[]);
        check(r#""prices": [E5], "countries": ["EU", "Europe", "World", "Kosovo"]"#, &[]);
        check(r#""prices": [E5, B5], "excluded_countries": ["EU"], "free_from": [E9]"#, &[]);
        check(r#""steps": [{"up_to_grams": 500, "prices": [E5]}, {"prices": [E9]}]"#, &[]);
        check(
            r#""steps": [{"up_to": [E5], "prices": [E9]}, {"up_to": [E9], "prices": [E5]}]"#,
            &[],
        );
    }

    #[test]
    fn every_fault_of_a_method_names_its_field() {
        check(r#""prices": []"#, &["shipping \"post\" … prices … found nothing"]);
        check(r#""steps": 5"#, &["steps … a list of steps by weight"]);
        check(r#""prices": [E5], "countries": ["Elbonia"]"#, &["countries[0] … Elbonia … \"EU\""]);
        check(r#""prices": [E5], "excluded_countries": [7]"#, &["excluded_countries[0] … 7"]);
        check(r#""prices": [E5], "free_from": [B5]"#, &["free_from … BTC … has none"]);
        check(
            r#""prices": [E5], "steps": [{"prices": [E5]}]"#,
            &["prices … either `prices` or `steps`"],
        );
        check(
            r#""steps": [{"prices": [E5]}, {"up_to_grams": 9, "prices": [E5]}]"#,
            &["steps[0] … no limit … only the last step"],
        );
        check(
            r#""steps": [{"up_to_grams": 500, "prices": [E5]}, {"up_to_grams": 500, "prices": [E5]}]"#,
            &["steps[1] … up_to_grams … found 500 … more than the step before, 500"],
        );
        check(
            r#""steps": [{"up_to": [E9], "prices": [E5]}, {"up_to": [E5], "prices": [E5]}]"#,
            &["steps[1] … up_to … 5 in ETH … more than the step before, 9"],
        );
        check(
            r#""steps": [{"up_to_grams": 500, "prices": [E5]}, {"up_to": [E5], "prices": [E5]}]"#,
            &["steps[1] … up_to … a weight"],
        );
        check(
            r#""steps": [{"up_to_grams": 500, "up_to": [E5], "prices": [E5]}]"#,
            &["steps[0] … either `up_to_grams` or `up_to`"],
        );
        check(
            r#""steps": [{"up_to_grams": 500, "prices": [E5, B5]}, {"prices": [E5]}]"#,
            &["steps[1] … prices … amounts in ETH … ETH, BTC"],
        );
        check(
            r#""steps": [{"up_to": [E5], "prices": [E5, B5]}]"#,
            &["steps[0] … up_to … amounts in ETH … ETH, BTC"],
        );
        check(r#""steps": [{"up_to_grams": 0, "prices": [E5]}]"#, &["steps[0] … up_to_grams … 0"]);
        check(r#""steps": [7]"#, &["steps[0] … found 7"]);
    }
}
