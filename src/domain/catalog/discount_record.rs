//! A discount code as the catalog file describes it.

use crate::domain::catalog::catalog_reader::{AmountKind, PRICE_LIST, RawRecord, Reader};
use crate::domain::catalog::fault::FaultKind;
use crate::domain::catalog::json::Json;
use crate::domain::catalog::record::Record;
use crate::domain::catalog::{Discount, DiscountValue};
use crate::domain::values::Timestamp;

/// Records of the model Discount.
impl Reader {
    pub(super) fn discount(&mut self, raw: &RawRecord<'_>) {
        let mut record = raw.open();
        let code = record.required_line("code", 40, "the code that buyers enter");
        let value = self.discount_value(&mut record);
        let from = day(&mut record, "from");
        let until = day(&mut record, "until");
        if let (Some(first), Some(last)) = (from, until)
            && last < first
        {
            record.fault("until", FaultKind::EndsBeforeStart(last.short_day()));
        }
        let uses = record.integer("uses", 1, 1_000_000, "the usage limit");
        if let (Some(code), Some(value)) = (code, value) {
            let code = code.to_uppercase();
            if self.file.discounts.iter().any(|other| other.code == code) {
                let found = format!("a second code {code:?}");
                record.refuse("code", found, "a different code in each record");
            }
            self.file.discounts.push(Discount { code, value, from, until, uses });
        }
        self.close(record);
    }

    /// `percent`, or `less`, a list of `{price, wallet}` as in a product's prices.
    fn discount_value(&self, record: &mut Record<'_>) -> Option<DiscountValue> {
        let has_percent = record.get("percent").is_some();
        let list = record.list("less", 50, PRICE_LIST);
        match (has_percent, list.is_empty()) {
            (true, true) => {
                record.integer("percent", 1, 99, "the discount").map(DiscountValue::Percent)
            }
            (true, false) => {
                record.fault("less", FaultKind::PercentAndLess);
                None
            }
            (false, true) => {
                record.fault("percent", FaultKind::NoDiscount);
                None
            }
            (false, false) => {
                Some(DiscountValue::Amounts(self.amounts(record, list, AmountKind::Discount)))
            }
        }
    }
}

fn day(record: &mut Record<'_>, name: &'static str) -> Option<Timestamp> {
    let expected = "a UTC date as YYYY-MM-DD, for example \"2026-12-24\"";
    let text = record.text(name, 20, expected)?;
    let day = Timestamp::parse_day(text);
    if day.is_err() {
        record.refuse(name, &Json::String(text.to_owned()), expected);
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
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, refused, "{faults:?}");
        assert!(!refused.is_empty() || file.discounts.len() == 1, "{text}");
    }

    #[test]
    fn a_code_has_a_value_and_may_have_days_and_a_usage_limit() {
        check(r#""percent": 10"#, &[]);
        check(r#""less": [{"price": 50000, "wallet": "->wallets.btc"}]"#, &[]);
        check(
            r#""percent": 10, "from": "2026-12-01", "until": "2026-12-01", "uses": 1, "less": null"#,
            &[],
        );
    }

    #[test]
    fn a_code_with_missing_contradictory_or_invalid_values_is_refused() {
        check(r#""uses": 3"#, &["percent"]);
        check(r#""percent": 100"#, &["percent"]);
        check(r#""percent": 10, "less": [{"price": 50000, "wallet": "->wallets.btc"}]"#, &["less"]);
        check(r#""less": [{"price": 55555, "wallet": "->wallets.btc"}]"#, &["less[0].price"]);
        check(r#""less": [{"price": 0, "wallet": "->wallets.btc"}]"#, &["less[0].price"]);
        check(r#""less": [5]"#, &["less[0]"]);
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
        let fields: Vec<String> =
            faults.iter().map(|fault| format!("{} {}", fault.record, fault.field)).collect();
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
