//! A product's form as a record of the seller's file.

use std::collections::HashMap;

use crate::actions::{PoolEdit, ProductEdit};
use crate::domain::catalog::fault::{FaultKind, Place};
use crate::domain::catalog::json::Json;
use crate::domain::catalog::{ProductRecord, Slug, wallet_reference};
use crate::domain::orders::draft::sentence;
use crate::domain::payment::{Wallet, secret};
use crate::domain::values::Amount;
use crate::interfaces::desk::amounts::read_coins;
use crate::interfaces::desk::products::form::{PriceField, ProductForm, Words};

impl ProductForm {
    /// The form as a product, through the checks of the seller's file. `of`: the product that it began with.
    ///
    /// # Errors
    /// What is wrong, field by field. A secret that was pasted into a field is gone from it afterwards.
    pub fn read_edit(
        &mut self,
        wallets: &[Wallet],
        of: Option<&Slug>,
    ) -> Result<ProductEdit, Words> {
        let mut words = Words::new();
        let (fields, paths) = self.fields(wallets, &mut words);
        let record_name = of.map_or("product", Slug::as_str);
        let read = ProductRecord::read(wallets, record_name, &fields);
        for fault in read.as_ref().err().into_iter().flatten() {
            let field = field_of(&fault.place, &paths);
            // A price that cannot be read is not a price that is missing.
            let is_echo =
                field == "prices" && words.keys().any(|field| field.starts_with("price."));
            if !is_echo {
                let said = match field.as_str() {
                    // The file counts in Gwei, the form in coins.
                    "prices" => "Enter at least one price.".to_owned(),
                    "name" if self.name.trim().is_empty() => "Enter a name.".to_owned(),
                    _ => text(&fault.kind),
                };
                words.entry(field).or_insert(said);
            }
        }
        let record = match read {
            Ok(record) if words.is_empty() => record,
            _ => {
                self.blank_secrets();
                return Err(words);
            }
        };
        let pool = |was: &str, now: Option<i64>| PoolEdit { was: was.parse().ok(), now };
        let pieces = pool(&self.stock_was, Some(record.quantity));
        let options = self.options.iter().zip(&record.options);
        let options = options.map(|(field, option)| {
            (field.id.parse().ok(), pool(&field.stock_was, option.quantity))
        });
        let options = options.collect();
        Ok(ProductEdit {
            of: of.map(|slug| (slug.clone(), self.edition)),
            once: self.once.clone(),
            has_chosen_slug: !self.slug.is_empty(),
            pieces,
            options,
            record,
        })
    }

    /// The form as a record of the seller's file, and which field of the form each of its places is.
    fn fields(
        &self,
        wallets: &[Wallet],
        words: &mut Words,
    ) -> (Vec<(String, Json)>, HashMap<String, String>) {
        let mut paths = HashMap::new();
        let text = |value: &str| Json::Text(value.to_owned());
        let mut fields = vec![("name".to_owned(), text(&self.name))];
        let mut put = |name: &str, value: Json| fields.push((name.to_owned(), value));
        if !self.slug.is_empty() {
            put("slug", text(&self.slug));
        }
        if !self.description.trim().is_empty() {
            put("description", text(&self.description));
        }
        put("quantity", whole(&self.stock));
        paths.insert("quantity".to_owned(), "stock".to_owned());
        let prices = price_list(&self.prices, wallets, "", "", &mut paths, words);
        if !prices.is_empty() {
            put("prices", Json::List(prices));
        }
        let mut options = Vec::new();
        for (n, option) in self.options.iter().enumerate() {
            let (place, field) = (format!("options[{n}]."), format!("option.{n}."));
            paths.insert(format!("options[{n}]"), format!("{field}name"));
            paths.insert(format!("{place}quantity"), format!("{field}stock"));
            paths.insert(format!("{place}name"), format!("{field}name"));
            let mut record = vec![("name".to_owned(), text(&option.name))];
            if !option.stock.is_empty() {
                record.push(("quantity".to_owned(), whole(&option.stock)));
            }
            let prices = price_list(&option.prices, wallets, &place, &field, &mut paths, words);
            if !prices.is_empty() {
                record.push(("prices".to_owned(), Json::List(prices)));
            }
            options.push(Json::Record(record));
        }
        put("options", Json::List(options));
        let lines = self.categories.lines().map(str::trim).filter(|line| !line.is_empty());
        put("categories", Json::List(lines.map(text).collect()));
        for n in 0..self.pictures.len() {
            paths.insert(format!("images[{n}]"), format!("picture.{n}"));
            paths.insert(format!("alt[{n}]"), format!("picture.{n}"));
        }
        put("images", Json::List(self.pictures.iter().map(|one| text(&one.file)).collect()));
        put("alt", Json::List(self.pictures.iter().map(|one| text(one.alt.trim())).collect()));
        put("hidden", Json::Truth(self.hidden));
        (fields, paths)
    }

    fn blank_secrets(&mut self) {
        let Self { name, slug, description, stock, categories, options, pictures, .. } = self;
        let options = options.iter_mut().map(|option| &mut option.name);
        let pictures = pictures.iter_mut().map(|picture| &mut picture.alt);
        let own = [name, slug, description, stock, categories].into_iter();
        for text in own.chain(options).chain(pictures) {
            if secret::holds_private(text) {
                text.clear();
            }
        }
    }
}

/// A number as the file would say it; anything else is refused there.
fn whole(text: &str) -> Json {
    text.parse().map_or_else(|_| Json::Text(text.to_owned()), Json::Whole)
}

fn price_list(
    prices: &[PriceField],
    wallets: &[Wallet],
    place: &str,
    field: &str,
    paths: &mut HashMap<String, String>,
    words: &mut Words,
) -> Vec<Json> {
    let mut list = Vec::new();
    for (price, wallet) in prices.iter().zip(wallets) {
        if price.coins.is_empty() {
            continue;
        }
        let field = format!("{field}price.{}", price.currency);
        match read_coins(&price.coins) {
            Ok(gwei) if gwei == Amount::ZERO => {
                let said = "Enter more than 0, or leave the price empty if the product is not sold in this currency.";
                words.insert(field, said.to_owned());
            }
            Ok(gwei) if wallet.coin.most() < gwei => {
                let most = wallet.coin.most();
                words.insert(
                    field,
                    format!("This price is too large: at most {most} {}.", price.currency),
                );
            }
            Ok(gwei) => {
                paths.insert(format!("{place}prices[{}].price", list.len()), field);
                list.push(Json::Record(vec![
                    ("price".to_owned(), Json::Whole(gwei.get())),
                    ("wallet".to_owned(), Json::Text(wallet_reference(&wallet.currency))),
                ]));
            }
            Err(said) => {
                words.insert(field, said);
            }
        }
    }
    list
}

/// Which field of the form a place of the record means.
fn field_of(place: &Place, paths: &HashMap<String, String>) -> String {
    let path = match place.option {
        Some(n) if place.field.is_empty() => format!("options[{n}]"),
        Some(n) => format!("options[{n}].{}", place.field),
        None => place.field.clone(),
    };
    let known = paths.get(&path).cloned();
    // `categories[3]` and the like are said at the field as a whole.
    known.unwrap_or_else(|| match path.split('[').next().unwrap_or_default() {
        "images" | "alt" => "pictures".to_owned(),
        field => field.to_owned(),
    })
}

fn text(kind: &FaultKind) -> String {
    match kind {
        FaultKind::Unexpected { expected, .. } => format!("Please enter {expected}."),
        FaultKind::Unusable { reason, .. } => sentence(reason),
        // Not of a product.
        _ => String::new(),
    }
}
