use crate::catalog::Discount;
use crate::catalog::Less;
use crate::catalog::Prices;
use crate::catalog::file::Named;
use crate::catalog::file::Reader;
use crate::catalog::json::Json;
use crate::catalog::record::Record;
use crate::values::Moment;

const HOW_MUCH: &str =
    "how much less: `percent`, a whole number from 1 to 99, or `less`, an amount for each currency";

/// Records of the model Discount.
impl Reader {
    pub(super) fn discount(&mut self, (collection, name, fields): &Named<'_>) {
        let mut record = Record::new(format!("{collection} {name:?}"), fields);
        let code = record.needed_text("code", 40, "the code that a buyer types");
        let less = self.less(&mut record);
        let from = day(&mut record, "from");
        let until = day(&mut record, "until");
        if let (Some(first), Some(last)) = (from, until)
            && last < first
        {
            record.refuse("until", last.short_day(), "the day of `from` or a later one");
        }
        let uses = record.whole("uses", 1, 1_000_000, "how many orders may use it");
        if let (Some(code), Some(less)) = (code, less) {
            let code = code.to_uppercase();
            if self.file.discounts.iter().any(|other| other.code == code) {
                record.refuse("code", format!("{code:?} a second time"), "each code once");
            }
            self.file.discounts.push(Discount { code, less, from, until, uses });
        }
        self.faults.extend(record.close(&mut self.file.notes));
    }

    /// `percent`, or `less`, a list of `{price, wallet}` as a product's prices.
    fn less(&self, record: &mut Record<'_>) -> Option<Less> {
        let percent = record.get("percent");
        let list =
            record.list("less", 50, "a list of {\"price\": …, \"wallet\": \"->wallets.eth\"}");
        match percent {
            Some(found) if list.is_empty() => {
                record.whole_of("percent", found, 1, 99, "how much less").map(Less::Percent)
            }
            Some(_) => {
                record.refuse("less", "`percent` and `less`", "one of the two");
                None
            }
            None if list.is_empty() => {
                record.refuse("percent", "nothing", HOW_MUCH);
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
                    let found = format!("{currency} a second time");
                    record.refuse(&field, found, "one amount for each currency");
                }
                amounts.push((currency, amount));
            }
        }
        amounts
    }
}

fn day(record: &mut Record<'_>, name: &'static str) -> Option<Moment> {
    let expected = "a day, UTC, written YYYY-MM-DD, for example \"2026-12-24\"";
    let text = record.text(name, 20, expected)?;
    let day = Moment::parse_day(text);
    if day.is_err() {
        record.refuse(name, Json::Text(text.to_owned()).shown(), expected);
    }
    day.ok()
}
