//! What a catalog file would change in the shop, record by record.

use std::collections::HashMap;

use crate::domain::catalog::record::one_line;
use crate::domain::catalog::{
    CatalogFile, DigitalContent, Discount, DiscountValue, Prices, ProductRecord, ShippingRate,
};
use crate::domain::payment::{Destination, Wallet};
use crate::domain::values::{FiatPrice, FileName, Regions};

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
    let records = |file: &CatalogFile| {
        file.wallets
            .iter()
            .map(|wallet| (wallet.currency.to_string(), wallet_fields(wallet)))
            .collect()
    };
    compare("wallet", records(shop), records(file), &mut found);
    let records = |file: &CatalogFile| {
        let of = |product: &ProductRecord| (product.slug.to_string(), product_fields(product));
        file.products.iter().map(of).collect()
    };
    compare("product", records(shop), records(file), &mut found);
    let records = |file: &CatalogFile| {
        file.rates.iter().map(|rate| (rate.name.clone(), rate_fields(rate))).collect()
    };
    compare("shipping method", records(shop), records(file), &mut found);
    let records = |file: &CatalogFile| {
        let of = |discount: &Discount| (discount.code.clone(), discount_fields(discount));
        file.discounts.iter().map(of).collect()
    };
    compare("discount", records(shop), records(file), &mut found);
    found
}

/// The records of one kind, by name.
type Records = Vec<(String, Vec<Field>)>;

fn compare(kind_name: &str, shop: Records, file: Records, found: &mut Vec<Difference>) {
    let in_shop: HashMap<&str, &[Field]> =
        shop.iter().map(|(name, fields)| (name.as_str(), fields.as_slice())).collect();
    let in_file: HashMap<&str, &[Field]> =
        file.iter().map(|(name, fields)| (name.as_str(), fields.as_slice())).collect();
    let difference = |name: &str, kind, fields| Difference {
        record: format!("{kind_name} {name}"),
        kind,
        fields,
    };
    for (name, fields) in &shop {
        let Some(fields_in_file) = in_file.get(name.as_str()) else {
            found.push(difference(name, Kind::Removed, Vec::new()));
            continue;
        };
        let fields = compare_fields(fields, fields_in_file);
        if !fields.is_empty() {
            found.push(difference(name, Kind::Changed, fields));
        }
    }
    let new = file.iter().filter(|(name, _)| !in_shop.contains_key(name.as_str()));
    found.extend(new.map(|(name, _)| difference(name, Kind::Added, Vec::new())));
    let mut common_in_shop = shop.iter().filter(|(name, _)| in_file.contains_key(name.as_str()));
    let common_in_file = file.iter().filter(|(name, _)| in_shop.contains_key(name.as_str()));
    // The first difference in order is enough.
    let moved =
        common_in_shop.by_ref().zip(common_in_file).find(|((one, _), (other, _))| one != other);
    if let Some(((shop, _), (file, _))) = moved {
        let first = |name: &str| Some(format!("{name} first"));
        let order =
            FieldDifference { field: "order".to_owned(), shop: first(shop), file: first(file) };
        let record = format!("{kind_name}s");
        found.push(Difference { record, kind: Kind::Changed, fields: vec![order] });
    }
}

fn compare_fields(shop: &[Field], file: &[Field]) -> Vec<FieldDifference> {
    let mut names: Vec<&str> = Vec::new();
    for field in shop.iter().chain(file) {
        if !names.contains(&field.name.as_str()) {
            names.push(&field.name);
        }
    }
    let compare = |name: &str| {
        let in_shop = shop.iter().find(|field| field.name == name);
        let in_file = file.iter().find(|field| field.name == name);
        if in_shop.map(|field| &field.value) == in_file.map(|field| &field.value) {
            return None;
        }
        let (shop, file) = excerpts(in_shop, in_file);
        Some(FieldDifference { field: name.to_owned(), shop, file })
    };
    names.into_iter().filter_map(compare).collect()
}

/// Two long texts are shown from the position where they differ.
fn excerpts(shop: Option<&Field>, file: Option<&Field>) -> (Option<String>, Option<String>) {
    let n_equal = shop.zip(file).map_or(0, |(shop, file)| {
        let pairs = shop.shown.chars().zip(file.shown.chars());
        pairs.take_while(|(one, other)| one == other).count()
    });
    let cut = |field: &Field| {
        let text = &field.shown;
        let n = text.chars().count();
        if n <= SHOWN {
            return text.clone();
        }
        let begin = n_equal.saturating_sub(20).min(n - SHOWN);
        let part: String = text.chars().skip(begin).take(SHOWN).collect();
        let before = if 0 < begin { "…" } else { "" };
        let after = if begin + SHOWN < n { "…" } else { "" };
        format!("{before}{part}{after}")
    };
    (shop.map(cut), file.map(cut))
}

fn field(name: impl Into<String>, value: impl Into<String>) -> Field {
    let value: String = value.into();
    let shown = one_line(&value);
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
        field("kind", product.kind.as_str()),
    ];
    fields.extend(content_fields(&product.content));
    fields.extend(price_fields("", &product.prices));
    fields.extend(fiat_field("", product.fiat));
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
        fields.extend(option.weight.map(|n| field(format!("{before}weight"), grams(n))));
        fields.extend(fiat_field(&before, option.fiat));
    }
    fields.push(field("categories", product.categories.join(", ")));
    fields.extend(product.weight.map(|n| field("weight", grams(n))));
    fields.push(excluded_field(&product.excluded_countries));
    fields.push(field("hidden", if product.hidden { "yes" } else { "no" }));
    fields.retain(|field| !field.value.is_empty());
    fields
}

fn content_fields(content: &DigitalContent) -> Vec<Field> {
    let DigitalContent { files, codes, text, downloads, download_days } = content;
    let files: Vec<&str> = files.iter().map(FileName::as_str).collect();
    let limit = |n: &Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
    vec![
        field("files", files.join(", ")),
        field("codes", codes.as_ref().map_or("", FileName::as_str)),
        field("text", text),
        field("downloads", limit(downloads)),
        field("download_days", limit(download_days)),
    ]
}

fn grams(n: i64) -> String {
    format!("{n} g")
}

fn price_fields(before: &str, prices: &Prices) -> Vec<Field> {
    let fields = prices
        .iter()
        .map(|(currency, price)| field(format!("{before}price in {currency}"), price.to_string()));
    fields.collect()
}

fn fiat_field(before: &str, price: Option<FiatPrice>) -> Option<Field> {
    price.map(|price| field(format!("{before}price in {}", price.currency), price.number()))
}

fn rate_fields(rate: &ShippingRate) -> Vec<Field> {
    let countries = rate.countries.codes().replace(',', ", ");
    let countries = if countries.is_empty() { "all countries".to_owned() } else { countries };
    let mut fields = vec![field("countries", countries)];
    fields.push(excluded_field(&rate.excluded_countries));
    match rate.flat_prices() {
        Some(prices) => fields.extend(price_fields("", prices)),
        None => {
            let steps = (1..).zip(&rate.steps);
            fields.extend(steps.map(|(n, step)| field(format!("step {n}"), step.to_string())));
        }
    }
    for (currency, amount) in &rate.free_from {
        fields.push(field(format!("free from in {currency}"), amount.to_string()));
    }
    fields.retain(|field| !field.value.is_empty());
    fields
}

fn excluded_field(regions: &Regions) -> Field {
    field("excluded countries", regions.codes().replace(',', ", "))
}

fn discount_fields(discount: &Discount) -> Vec<Field> {
    let mut fields = match &discount.value {
        DiscountValue::Percent(percent) => vec![field("percent", percent.to_string())],
        DiscountValue::Amounts(amounts) => amounts
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
            Kind::Added => write!(f, "+ {}: only in the file; would be added", self.record),
            Kind::Removed => write!(f, "- {}: only in the shop; would be removed", self.record),
            Kind::Changed => {
                write!(f, "~ {}", self.record)?;
                for field in &self.fields {
                    let shop = field.shop.as_deref().unwrap_or("nothing");
                    let file = field.file.as_deref().unwrap_or("nothing");
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
    fn each_changed_field_is_named() {
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
    fn added_and_removed_records_are_named() {
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
