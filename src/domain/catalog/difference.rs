//! What a catalog file would change in the shop, record by record.

use std::collections::HashMap;

use crate::domain::catalog::{CatalogFile, Discount, Less, Prices, ProductRecord, RateRecord};
use crate::domain::payment::{Destination, Wallet};

/// What importing the file would do to one record of the shop.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// `product green-tea`
    pub record: String,
    pub kind: Kind,
    pub fields: Vec<FieldDifference>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Added,
    Removed,
    Changed,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldDifference {
    /// `price in ETH`
    pub field: String,
    /// In the shop; `None`: absent.
    pub shop: Option<String>,
    /// In the file.
    pub file: Option<String>,
}

/// A field of a record: its value for the comparison, and for display.
struct Field {
    name: String,
    value: String,
    shown: String,
}

/// Units: characters of a text that a message shows.
const SHOWN: usize = 60;

/// The changes that importing `file` would make, record by record.
pub fn differences(shop: &CatalogFile, file: &CatalogFile) -> Vec<Difference> {
    let mut found = Vec::new();
    let wallets = |file: &CatalogFile| -> Vec<_> {
        file.wallets
            .iter()
            .map(|wallet| (wallet.currency.to_string(), wallet_fields(wallet)))
            .collect()
    };
    compare("wallet", &wallets(shop), &wallets(file), &mut found);
    let products = |file: &CatalogFile| -> Vec<_> {
        let of = |product: &ProductRecord| (product.slug.to_string(), product_fields(product));
        file.products.iter().map(of).collect()
    };
    compare("product", &products(shop), &products(file), &mut found);
    let rates = |file: &CatalogFile| -> Vec<_> {
        file.rates.iter().map(|rate| (rate.name.clone(), rate_fields(rate))).collect()
    };
    compare("shipping method", &rates(shop), &rates(file), &mut found);
    let discounts = |file: &CatalogFile| -> Vec<_> {
        let of = |discount: &Discount| (discount.code.clone(), discount_fields(discount));
        file.discounts.iter().map(of).collect()
    };
    compare("discount", &discounts(shop), &discounts(file), &mut found);
    found
}

type Records = [(String, Vec<Field>)];

fn compare(what: &str, shop: &Records, file: &Records, found: &mut Vec<Difference>) {
    let here: HashMap<&str, &Vec<Field>> =
        shop.iter().map(|(name, fields)| (name.as_str(), fields)).collect();
    let there: HashMap<&str, &Vec<Field>> =
        file.iter().map(|(name, fields)| (name.as_str(), fields)).collect();
    let difference =
        |name: &str, kind, fields| Difference { record: format!("{what} {name}"), kind, fields };
    for (name, fields) in shop {
        let Some(theirs) = there.get(name.as_str()) else {
            found.push(difference(name, Kind::Removed, Vec::new()));
            continue;
        };
        let fields = compare_fields(fields, theirs);
        if !fields.is_empty() {
            found.push(difference(name, Kind::Changed, fields));
        }
    }
    let new = file.iter().filter(|(name, _)| !here.contains_key(name.as_str()));
    found.extend(new.map(|(name, _)| difference(name, Kind::Added, Vec::new())));
    let order = |records: &Records, others: &HashMap<&str, &Vec<Field>>| -> Vec<String> {
        let names = records.iter().map(|(name, _)| name);
        names.filter(|name| others.contains_key(name.as_str())).cloned().collect()
    };
    let (ours, theirs) = (order(shop, &there), order(file, &here));
    // The first that differs is enough.
    if let Some((ours, theirs)) = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs) {
        let field = "order".to_owned();
        let place = |name: &String| Some(format!("{name} first"));
        let fields = vec![FieldDifference { field, shop: place(ours), file: place(theirs) }];
        found.push(Difference { record: format!("{what}s"), kind: Kind::Changed, fields });
    }
}

fn compare_fields(shop: &[Field], file: &[Field]) -> Vec<FieldDifference> {
    let find = |fields: &[Field], name: &str| -> Option<(String, String)> {
        let field = fields.iter().find(|field| field.name == name)?;
        Some((field.value.clone(), field.shown.clone()))
    };
    let names = shop.iter().chain(file).map(|field| field.name.as_str());
    let mut seen: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for name in names {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let (here, there) = (find(shop, name), find(file, name));
        if here.as_ref().map(|(value, _)| value) != there.as_ref().map(|(value, _)| value) {
            let (here, there) = tell_apart(here, there);
            found.push(FieldDifference { field: name.to_owned(), shop: here, file: there });
        }
    }
    found
}

/// Two long texts are shown from the position where they differ.
fn tell_apart(
    here: Option<(String, String)>,
    there: Option<(String, String)>,
) -> (Option<String>, Option<String>) {
    let (here, there) = (here.map(|(_, shown)| shown), there.map(|(_, shown)| shown));
    let same = match (&here, &there) {
        (Some(here), Some(there)) => {
            here.chars().zip(there.chars()).take_while(|(one, other)| one == other).count()
        }
        _ => 0,
    };
    let cut = |text: String| {
        let n = text.chars().count();
        if n <= SHOWN {
            return text;
        }
        let begin = same.saturating_sub(20).min(n - SHOWN);
        let part: String = text.chars().skip(begin).take(SHOWN).collect();
        let (before, after) =
            (if 0 < begin { "…" } else { "" }, if begin + SHOWN < n { "…" } else { "" });
        format!("{before}{part}{after}")
    };
    (here.map(cut), there.map(cut))
}

fn field(name: impl Into<String>, value: impl Into<String>) -> Field {
    let value: String = value.into();
    let shown = value.split_whitespace().collect::<Vec<_>>().join(" ");
    Field { name: name.into(), value, shown }
}

fn wallet_fields(wallet: &Wallet) -> Vec<Field> {
    let mut fields = vec![field("name", &wallet.name), field("coin", format!("{:?}", wallet.coin))];
    fields[1].shown = wallet.coin.name();
    match &wallet.receives {
        Destination::Address(address) | Destination::Integrated(address) => {
            fields.push(field("address", address.as_str()));
        }
        Destination::Account(key) => fields.push(field("xpub", key.as_str())),
        Destination::View(key) => {
            fields.push(field("address", key.primary().as_str()));
            // Anybody who has this key can see what the wallet receives.
            let mut view_key = field("view_key", key.as_str());
            "a key (not shown)".clone_into(&mut view_key.shown);
            fields.push(view_key);
        }
    }
    fields
}

fn product_fields(product: &ProductRecord) -> Vec<Field> {
    let mut fields = vec![
        field("name", &product.name),
        field("description", &product.description),
        field("quantity", product.quantity.to_string()),
    ];
    fields.extend(price_fields("", &product.prices));
    let files: Vec<&str> = product.images.iter().map(|image| image.file.as_str()).collect();
    fields.push(field("pictures", files.join(", ")));
    let alts: Vec<&str> = product.images.iter().map(|image| image.alt.as_str()).collect();
    fields.push(field("alt texts", alts.join(" / ")));
    let names: Vec<&str> = product.options.iter().map(|option| option.name.as_str()).collect();
    fields.push(field("options", names.join(", ")));
    for option in &product.options {
        let before = format!("option {}: ", option.name);
        fields.extend(option.quantity.map(|n| field(format!("{before}quantity"), n.to_string())));
        fields.extend(price_fields(&before, &option.prices));
    }
    fields.push(field("categories", product.categories.join(", ")));
    fields.push(field("hidden", if product.hidden { "yes" } else { "no" }));
    fields.retain(|field| !field.value.is_empty());
    fields
}

fn price_fields(before: &str, prices: &Prices) -> Vec<Field> {
    let of = |(currency, price): &(_, crate::domain::values::Amount)| {
        let currency: &crate::domain::values::Currency = currency;
        field(format!("{before}price in {currency}"), price.to_string())
    };
    prices.iter().map(of).collect()
}

fn rate_fields(rate: &RateRecord) -> Vec<Field> {
    let countries: Vec<&str> = rate.countries.iter().map(|country| country.code()).collect();
    let countries =
        if countries.is_empty() { "all countries".to_owned() } else { countries.join(", ") };
    let mut fields = vec![field("countries", countries)];
    fields.extend(price_fields("", &rate.prices));
    fields
}

fn discount_fields(discount: &Discount) -> Vec<Field> {
    let mut fields = match &discount.less {
        Less::Percent(percent) => vec![field("percent", percent.to_string())],
        Less::Amounts(amounts) => amounts
            .iter()
            .map(|(currency, amount)| field(format!("discount in {currency}"), amount.to_string()))
            .collect(),
    };
    for (name, day) in [("from", discount.from), ("until", discount.until)] {
        fields.extend(day.map(|day| field(name, day.short_day())));
    }
    fields.extend(discount.uses.map(|uses| field("uses", uses.to_string())));
    fields
}

/// `product green-tea`, then a line for each field.
impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::Added => {
                write!(f, "+ {}: only in the file; would be added", self.record)
            }
            Kind::Removed => {
                write!(f, "- {}: only in the shop; would be removed", self.record)
            }
            Kind::Changed => {
                write!(f, "~ {}", self.record)?;
                for field in &self.fields {
                    let of = |value: &Option<String>| {
                        value.clone().unwrap_or_else(|| "nothing".to_owned())
                    };
                    let (shop, file) = (of(&field.shop), of(&field.file));
                    write!(f, "\n    {}: {shop} → {file}", field.field)?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::values::{Amount, Currency};

    fn file(text: &str) -> CatalogFile {
        let (file, faults) = CatalogFile::parse(text, None);
        assert!(faults.is_empty(), "{faults:?}");
        file
    }

    const SHOP: &str = r#"{"wallets": {"_model": "Wallet", "eth": {"currency": "ETH", "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}},
        "products": {"_model": "Product", "tea": {"name": "Tea", "quantity": 3, "prices": [{"price": 91990000, "wallet": "->wallets.eth"}]},
            "cap": {"name": "Cap", "description": "Warm.", "options": ["Small", {"name": "Large", "quantity": 2}], "prices": [{"price": 5, "wallet": "->wallets.eth"}]}},
        "codes": {"_model": "Discount", "spring": {"code": "SPRING", "percent": 10, "until": "2026-12-24"}}}"#;

    #[track_caller]
    fn check(file_says: &str, expected: &[&str]) {
        let found = differences(&file(SHOP), &file(file_says));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn equal_files_differ_in_nothing() {
        check(SHOP, &[]);
        check(&SHOP.replace("\"tea\":", "\"green\":"), &[]);
    }

    #[test]
    fn each_field_that_differs_is_named() {
        let other = SHOP
            .replace("91990000", "80000000")
            .replace("\"quantity\": 3", "\"quantity\": 9")
            .replace("Warm.", "Warm\\nand dry.")
            .replace(", {\"name\": \"Large\", \"quantity\": 2}", "")
            .replace(", \"until\": \"2026-12-24\"", ", \"uses\": 5");
        let tea = "~ product tea\n    quantity: 3 → 9\n    price in ETH: 0.09199 → 0.08";
        let cap = "~ product cap\n    description: Warm. → Warm and dry.\n    options: Small, Large → Small\n    \
                   option Large: quantity: 2 → nothing";
        let spring = "~ discount SPRING\n    until: 2026-12-24 → nothing\n    uses: nothing → 5";
        check(&other, &[tea, cap, spring]);
    }

    #[test]
    fn what_comes_and_what_goes_is_named() {
        check(
            &SHOP.replace("\"SPRING\"", "\"WINTER\""),
            &[
                "- discount SPRING: only in the shop; would be removed",
                "+ discount WINTER: only in the file; would be added",
            ],
        );
        let (tea, cap) = (SHOP.find("\"tea\"").unwrap(), SHOP.find("\"cap\"").unwrap());
        let end = SHOP.find("}},\n        \"codes\"").unwrap();
        let turned = format!(
            "{}{}, {}{}",
            &SHOP[..tea],
            SHOP[cap..=end].trim_end_matches(','),
            SHOP[tea..cap].trim().trim_end_matches(','),
            &SHOP[end + 1..]
        );
        check(&turned, &["~ products\n    order: tea first → cap first"]);
    }

    #[test]
    fn a_view_key_is_compared_and_not_shown() {
        let monero = |key: &str| {
            file(&format!(
                r#"{{"wallets": {{"_model": "Wallet", "xmr": {{"currency": "XMR", "address": "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39"{key}}}}}}}"#
            ))
        };
        let with = monero(
            ", \"view_key\": \"2f85eb3c2a3ffcede6ca9404f7a3de21c48bd4e85858ce68c19452f1098d140d\"",
        );
        let words = differences(&with, &monero(""))[0].to_string();
        assert_eq!(words, "~ wallet XMR\n    view_key: a key (not shown) → nothing");
    }

    #[test]
    fn a_long_text_is_shown_where_it_differs() {
        let mut long = file(SHOP);
        long.products[0].description = format!("{} end", "word ".repeat(60));
        let mut other = long.clone();
        other.products[0].description = format!("{} fin", "word ".repeat(60));
        let words = differences(&long, &other)[0].to_string();
        assert!(words.contains("word end → …") && words.contains("word fin"), "{words}");
        assert!(words.len() < 220, "{words}");
        other.products[0].prices = vec![(Currency::parse("ETH").unwrap(), Amount::new(1).unwrap())];
        assert!(differences(&long, &other)[0].to_string().contains("price in ETH"));
    }
}
