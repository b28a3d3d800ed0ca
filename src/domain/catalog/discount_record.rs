//! A discount code as the catalog file describes it.

use crate::domain::catalog::fault::{FaultKind, Found};
use crate::domain::catalog::file::{Named, Reader};
use crate::domain::catalog::json::Json;
use crate::domain::catalog::record::Record;
use crate::domain::catalog::{Discount, Less, Prices};
use crate::domain::values::Timestamp;

/// Records of the model Discount.
impl Reader {
    pub(super) fn discount(&mut self, (collection, name, fields): &Named<'_>) {
        let mut record = Record::new(format!("{collection} {name:?}"), fields);
        let code = record.needed_line("code", 40, "the code that buyers enter");
        let less = self.less(&mut record);
        let from = day(&mut record, "from");
        let until = day(&mut record, "until");
        if let (Some(first), Some(last)) = (from, until)
            && last < first
        {
            record.fault("until", FaultKind::EndsBeforeStart(last.short_day()));
        }
        let uses = record.whole("uses", 1, 1_000_000, "the usage limit");
        if let (Some(code), Some(less)) = (code, less) {
            let code = code.to_uppercase();
            if self.file.discounts.iter().any(|other| other.code == code) {
                record.refuse(
                    "code",
                    format!("a second code {code:?}"),
                    "a different code in each record",
                );
            }
            self.file.discounts.push(Discount { code, less, from, until, uses });
        }
        self.close(record);
    }

    /// `percent`, or `less`, a list of `{price, wallet}` as in a product's prices.
    fn less(&self, record: &mut Record<'_>) -> Option<Less> {
        let percent = record.get("percent");
        let list =
            record.list("less", 50, "a list of {\"price\": …, \"wallet\": \"->wallets.eth\"}");
        match percent {
            Some(found) if list.is_empty() => {
                record.whole_of("percent", found, 1, 99, "the discount").map(Less::Percent)
            }
            Some(_) => {
                record.fault("less", FaultKind::PercentAndLess);
                None
            }
            None if list.is_empty() => {
                record.fault("percent", FaultKind::NoDiscount);
                None
            }
            None => Some(Less::Amounts(self.amounts(record, list))),
        }
    }

    fn amounts(&self, record: &mut Record<'_>, list: &[Json]) -> Prices {
        let mut amounts = Prices::new();
        for (n, item) in list.iter().enumerate() {
            let fields = if let Json::Record(fields) = item { fields.as_slice() } else { &[] };
            let of =
                |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
            let wallet = self.refer(record, &format!("less[{n}].wallet"), of("wallet"));
            let amount = self.price(record, &format!("less[{n}].price"), of("price"), wallet);
            if let (Some(wallet), Some(amount)) = (wallet, amount) {
                let currency = self.file.wallets[wallet].currency.clone();
                if amounts.iter().any(|(other, _)| *other == currency) {
                    let field = format!("less[{n}].wallet");
                    let found = format!("a second amount in {currency}");
                    record.refuse(&field, found, "one amount per currency");
                }
                amounts.push((currency, amount));
            }
        }
        amounts
    }
}

fn day(record: &mut Record<'_>, name: &'static str) -> Option<Timestamp> {
    let expected = "a UTC date as YYYY-MM-DD, for example \"2026-12-24\"";
    let text = record.text(name, 20, expected)?;
    let day = Timestamp::parse_day(text);
    if day.is_err() {
        record.refuse(name, Found::of(Some(&Json::Text(text.to_owned()))), expected);
    }
    day.ok()
}

#[cfg(test)]
mod tests {
    use crate::domain::catalog::CatalogFile;

    const WALLETS: &str = r#""wallets": {"_model": "Wallet", "btc": {"currency": "BTC", "address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"}}"#;

    #[track_caller]
    fn check(fields: &str, refused: &[&str]) {
        let text = format!(
            r#"{{{WALLETS}, "codes": {{"_model": "Discount", "a": {{"code": "A", {fields}}}}}}}"#
        );
        let (file, faults) = CatalogFile::parse(&text, None);
        let fields: Vec<&str> = faults.iter().map(|fault| fault.place.field.as_str()).collect();
        assert_eq!(fields, refused, "{faults:?}");
        assert!(!refused.is_empty() || file.discounts.len() == 1, "{text}");
    }

    #[test]
    fn a_code_says_how_much_and_may_say_when_and_how_often() {
        check(r#""percent": 10"#, &[]);
        check(r#""less": [{"price": 50000, "wallet": "->wallets.btc"}]"#, &[]);
        check(
            r#""percent": 10, "from": "2026-12-01", "until": "2026-12-01", "uses": 1, "less": null"#,
            &[],
        );
    }

    #[test]
    fn a_code_that_says_too_little_too_much_or_nonsense_is_refused() {
        check(r#""uses": 3"#, &["percent"]);
        check(r#""percent": 100"#, &["percent"]);
        check(r#""percent": 10, "less": [{"price": 50000, "wallet": "->wallets.btc"}]"#, &["less"]);
        check(r#""less": [{"price": 55555, "wallet": "->wallets.btc"}]"#, &["less[0].price"]);
        check(r#""less": [{"price": 0, "wallet": "->wallets.btc"}]"#, &["less[0].price"]);
        check(r#""less": [{"price": 50, "wallet": "->wallets.eth"}]"#, &["less[0].wallet"]);
        let twice = r#"{"price": 50, "wallet": "->wallets.btc"}"#;
        check(&format!(r#""less": [{twice}, {twice}]"#), &["less[1].wallet"]);
    }

    #[test]
    fn days_and_uses_are_checked_by_themselves() {
        let (_, faults) = CatalogFile::parse(
            &format!(
                r#"{{{WALLETS}, "codes": {{"_model": "Discount",
                    "a": {{"code": "A", "percent": 1, "from": "2026-12-24", "until": "2026-12-23"}},
                    "b": {{"code": "B", "percent": 1, "from": "2026-02-30", "until": "soon"}},
                    "c": {{"code": "c", "percent": 1, "uses": 0}},
                    "d": {{"code": "C", "percent": 1}}}}}}"#
            ),
            None,
        );
        let fields: Vec<String> = faults
            .iter()
            .map(|fault| format!("{} {}", fault.place.record, fault.place.field))
            .collect();
        assert_eq!(
            fields,
            [
                "codes \"a\" until",
                "codes \"b\" from",
                "codes \"b\" until",
                "codes \"c\" uses",
                "codes \"d\" code"
            ]
        );
    }
}
