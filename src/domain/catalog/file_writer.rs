//! Writes the catalog as a file.

use std::collections::HashSet;

use crate::domain::catalog::form_record::record_of_wallet;
use crate::domain::catalog::json_text::{json_text, short_text};
use crate::domain::catalog::{
    CatalogFile, DigitalContent, Discount, DiscountValue, Json, Prices, ProductRecord, RateStep,
    ShippingRate, Slug, StepLimit, wallet_reference,
};
use crate::domain::payment::{Coin, Destination, Wallet};
use crate::domain::values::{FiatPrice, Regions};

impl CatalogFile {
    /// The catalog as the seller's file, which [`CatalogFile::parse`] reads back as the same catalog.
    pub fn write(&self) -> String {
        let mut collections = Vec::new();
        let mut taken = HashSet::new();
        let wallets = self
            .wallets
            .iter()
            .map(|wallet| (record_of_wallet(&wallet.currency), wallet_of(wallet)));
        collections.extend(collection("wallets", "Wallet", wallets.collect()));
        let products =
            self.products.iter().map(|product| (product.record.clone(), product_of(product)));
        collections.extend(collection("products", "Product", products.collect()));
        let rates = self
            .rates
            .iter()
            .enumerate()
            .map(|(n, rate)| (record_name(&rate.name, "rate", n, &mut taken), rate_of(rate)));
        collections.extend(collection("shipping", "ShippingRate", rates.collect()));
        taken = HashSet::new();
        let discounts = self.discounts.iter().enumerate().map(|(n, discount)| {
            (record_name(&discount.code, "code", n, &mut taken), discount_of(discount))
        });
        collections.extend(collection("discounts", "Discount", discounts.collect()));
        json_text(&Json::Object(collections))
    }
}

impl ProductRecord {
    /// The product by itself, as [`ProductRecord::restore`] reads it back.
    pub fn text(&self) -> String {
        short_text(&product_of(self))
    }
}

/// An empty collection is left out.
fn collection(name: &str, model: &str, records: Vec<(String, Json)>) -> Option<(String, Json)> {
    if records.is_empty() {
        return None;
    }
    let mut fields = vec![("_model".to_owned(), text(model))];
    fields.extend(records);
    Some((name.to_owned(), Json::Object(fields)))
}

/// A descriptive name for a record: the database has none for shipping methods and codes.
fn record_name(name: &str, kind: &str, n: usize, taken: &mut HashSet<String>) -> String {
    let of_name = Slug::of_name(name).ok().map(|slug| slug.to_string());
    let numbered = format!("{kind}-{}", n + 1);
    // A name that begins with `_` is reserved.
    let found =
        of_name.filter(|slug| !slug.starts_with('_') && !taken.contains(slug)).unwrap_or(numbered);
    let mut free = found.clone();
    let mut more = 1;
    while taken.contains(&free) {
        more += 1;
        free = format!("{found}-{more}");
    }
    taken.insert(free.clone());
    free
}

fn wallet_of(wallet: &Wallet) -> Json {
    let mut fields = vec![field("currency", text(wallet.currency.as_str()))];
    fields.push(field("name", text(&wallet.name)));
    let number =
        |n: u64| i64::try_from(n).map_or_else(|_| Json::Number(n.to_string()), Json::Integer);
    match &wallet.coin {
        Coin::BitcoinLike(_) | Coin::Monero => {}
        Coin::Ether { chain: 1 } if wallet.currency.as_str() == "ETH" => {}
        Coin::Ether { chain } => fields.push(field("chain", number(*chain))),
        Coin::Token { chain, contract, decimals } => {
            if *chain != 1 {
                fields.push(field("chain", number(*chain)));
            }
            let token = vec![
                field("contract", text(contract)),
                field("decimals", Json::Integer(i64::from(*decimals))),
            ];
            fields.push(field("token", Json::Object(token)));
        }
    }
    match &wallet.receives {
        Destination::Address(address) | Destination::Integrated(address) => {
            fields.push(field("address", text(address.as_str())));
        }
        Destination::Account(key) => fields.push(field("xpub", text(key.as_str()))),
        Destination::View(key) => {
            fields.push(field("address", text(key.primary().as_str())));
            fields.push(field("view_key", text(key.as_str())));
        }
    }
    Json::Object(fields)
}

fn product_of(product: &ProductRecord) -> Json {
    let mut fields = vec![field("name", text(&product.name))];
    fields.push(field("slug", text(product.slug.as_str())));
    if !product.description.is_empty() {
        fields.push(field("description", text(&product.description)));
    }
    fields.extend(kind_of(product));
    // The stock of a product with codes is the number of codes.
    if product.content.codes.is_none() {
        fields.push(field("quantity", Json::Integer(product.quantity)));
    }
    fields.extend(product_prices(&product.prices, product.fiat));
    if !product.images.is_empty() {
        let files = product.images.iter().map(|image| text(&image.file)).collect();
        fields.push(field("images", Json::Array(files)));
        // An alt text between two others cannot be left out; those at the end can.
        let n_alts = product.images.iter().rposition(|image| !image.alt.is_empty());
        let alts = product.images.iter().take(n_alts.map_or(0, |n| n + 1));
        let alts: Vec<Json> = alts.map(|image| text(&image.alt)).collect();
        if !alts.is_empty() {
            fields.push(field("alt", Json::Array(alts)));
        }
    }
    if !product.options.is_empty() {
        let options = product.options.iter().map(|option| {
            let has_prices = !option.prices.is_empty() || option.fiat.is_some();
            if option.quantity.is_none() && !has_prices && option.weight.is_none() {
                return text(&option.name);
            }
            let mut fields = vec![field("name", text(&option.name))];
            fields.extend(option.quantity.map(|n| field("quantity", Json::Integer(n))));
            fields.extend(product_prices(&option.prices, option.fiat));
            fields.extend(option.weight.map(|n| field("weight", Json::Integer(n))));
            Json::Object(fields)
        });
        fields.push(field("options", Json::Array(options.collect())));
    }
    if !product.categories.is_empty() {
        let categories = product.categories.iter().map(|category| text(category)).collect();
        fields.push(field("categories", Json::Array(categories)));
    }
    fields.extend(product.weight.map(|n| field("weight", Json::Integer(n))));
    fields.extend(regions_of("excluded_countries", &product.excluded_countries));
    if product.hidden {
        fields.push(field("hidden", Json::Bool(true)));
    }
    Json::Object(fields)
}

/// A shipped product needs no field.
fn kind_of(product: &ProductRecord) -> Vec<(String, Json)> {
    let DigitalContent { files, codes, text: words, downloads, download_days } = &product.content;
    let mut fields = Vec::new();
    if !product.kind.is_shipped() {
        fields.push(field("kind", text(product.kind.as_str())));
    }
    if !files.is_empty() {
        let files = files.iter().map(|file| text(file.as_str())).collect();
        fields.push(field("files", Json::Array(files)));
    }
    fields.extend(codes.as_ref().map(|codes| field("codes", text(codes.as_str()))));
    if !words.is_empty() {
        fields.push(field("text", text(words)));
    }
    for (name, n) in [("downloads", downloads), ("download_days", download_days)] {
        fields.extend(n.map(|n| field(name, Json::Integer(n))));
    }
    fields
}

fn rate_of(rate: &ShippingRate) -> Json {
    let mut fields = vec![field("name", text(&rate.name))];
    fields.extend(regions_of("countries", &rate.countries));
    fields.extend(regions_of("excluded_countries", &rate.excluded_countries));
    match rate.flat_prices() {
        Some(prices) if prices.is_empty() => {}
        Some(prices) => fields.push(field("prices", prices_of(prices))),
        None => {
            fields.push(field("steps", Json::Array(rate.steps.iter().map(step_of).collect())));
        }
    }
    if !rate.free_from.is_empty() {
        fields.push(field("free_from", prices_of(&rate.free_from)));
    }
    Json::Object(fields)
}

fn step_of(step: &RateStep) -> Json {
    let mut fields = match &step.up_to {
        StepLimit::None => Vec::new(),
        StepLimit::Grams(grams) => vec![field("up_to_grams", Json::Integer(*grams))],
        StepLimit::Subtotals(amounts) => vec![field("up_to", prices_of(amounts))],
    };
    fields.push(field("prices", prices_of(&step.prices)));
    Json::Object(fields)
}

/// An empty list is left out.
fn regions_of(name: &str, regions: &Regions) -> Option<(String, Json)> {
    let codes = || regions.iter().map(|region| text(region.code())).collect();
    (!regions.is_empty()).then(|| field(name, Json::Array(codes())))
}

fn discount_of(discount: &Discount) -> Json {
    let mut fields = vec![field("code", text(&discount.code))];
    match &discount.value {
        DiscountValue::Percent(percent) => fields.push(field("percent", Json::Integer(*percent))),
        DiscountValue::Amounts(amounts) => fields.push(field("less", prices_of(amounts))),
    }
    for (name, day) in [("from", discount.from), ("until", discount.until)] {
        fields.extend(day.map(|day| field(name, text(&day.short_day()))));
    }
    fields.extend(discount.uses.map(|uses| field("uses", Json::Integer(uses))));
    Json::Object(fields)
}

fn product_prices(prices: &Prices, fiat: Option<FiatPrice>) -> Option<(String, Json)> {
    let in_fiat = fiat.map(|price| {
        Json::Object(vec![
            field("price", Json::Integer(price.minor)),
            field("currency", text(price.currency.as_str())),
        ])
    });
    let Json::Array(mut rows) = prices_of(prices) else { return None };
    rows.extend(in_fiat);
    (!rows.is_empty()).then(|| field("prices", Json::Array(rows)))
}

fn prices_of(prices: &Prices) -> Json {
    let rows = prices.iter().map(|(currency, price)| {
        let reference = wallet_reference(currency);
        Json::Object(vec![
            field("price", Json::Integer(price.get())),
            field("wallet", text(&reference)),
        ])
    });
    Json::Array(rows.collect())
}

fn field(name: &str, value: Json) -> (String, Json) {
    (name.to_owned(), value)
}

fn text(words: &str) -> Json {
    Json::String(words.to_owned())
}

#[cfg(test)]
mod tests;
