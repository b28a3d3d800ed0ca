//! A product's form as a record of the seller's file.

use std::collections::HashMap;

use crate::actions::{PoolEdit, ProductEdit};
use crate::domain::catalog::fault::FaultKind;
use crate::domain::catalog::json::Json;
use crate::domain::catalog::{DigitalCode, Fault, ProductRecord, Slug};
use crate::domain::payment::secret;
use crate::domain::values::text::sentence;
use crate::domain::values::{Amount, FiatCurrency, FiatPrice};
use crate::interfaces::desk::amounts::{price_record, read_coins};
use crate::interfaces::desk::products::form::{
    FIAT, FieldTexts, PriceColumns, PriceField, ProductForm,
};
use crate::interfaces::desk::regions::read_regions;

/// Stands for a pool that gets its name with the product.
const NEW_POOL: &str = "new.txt";

/// A product's form while it is turned into a record.
#[derive(Default)]
struct Conversion {
    fields: Vec<(String, Json)>,
    /// The form's field for each path in the record, where they differ.
    form_fields: HashMap<String, String>,
    errors: FieldTexts,
}

impl ProductForm {
    /// The form as a product, checked like one of the seller's file. `slug`: of the stored product.
    ///
    /// # Errors
    /// The error of each field. Fields that hold a private key are cleared.
    pub fn read_edit(
        &mut self,
        columns: &PriceColumns,
        slug: Option<&Slug>,
    ) -> Result<ProductEdit, FieldTexts> {
        let Conversion { fields, form_fields, mut errors } = self.to_record(columns);
        let read =
            ProductRecord::read(&columns.wallets, slug.map_or("product", Slug::as_str), &fields);
        for fault in read.as_ref().err().into_iter().flatten() {
            let field = form_field(fault, &form_fields);
            // A price with an error is not also a missing one.
            if field == "prices" && errors.keys().any(|field| field.starts_with("price.")) {
                continue;
            }
            let text = match field.as_str() {
                // The file's prices are in Gwei, the form's in coins.
                "prices" => "Enter at least one price.".to_owned(),
                "name" if self.name.trim().is_empty() => "Enter a name.".to_owned(),
                _ => text(&fault.kind),
            };
            errors.entry(field).or_insert(text);
        }
        let new_codes = DigitalCode::parse_list(&self.new_codes).unwrap_or_else(|why| {
            errors.insert("new_codes".to_owned(), sentence(&why.to_string()));
            Vec::new()
        });
        let record = match read {
            Ok(record) if errors.is_empty() => record,
            _ => {
                self.clear_secrets();
                return Err(errors);
            }
        };
        let pool = |was: &str, now: Option<i64>| PoolEdit { was: was.parse().ok(), now };
        let options = self.options.iter().zip(&record.options);
        let options = options.map(|(field, option)| {
            (field.id.parse().ok(), pool(&field.stock_was, option.quantity))
        });
        Ok(ProductEdit {
            of: slug.map(|slug| (slug.clone(), self.edition)),
            once: self.once.clone(),
            has_chosen_slug: !self.slug.is_empty(),
            // The stock of codes is counted.
            stock: match &record.content.codes {
                Some(_) => pool(&self.stock_was, self.stock_was.parse().ok().or(Some(0))),
                None => pool(&self.stock_was, Some(record.quantity)),
            },
            has_new_pool: self.has_new_pool(),
            new_codes,
            options: options.collect(),
            record,
        })
    }

    fn to_record(&self, columns: &PriceColumns) -> Conversion {
        let mut conversion = Conversion::default();
        let text = |value: &str| Json::String(value.to_owned());
        let mut fields = vec![("name".to_owned(), text(&self.name))];
        let mut put = |name: &str, value: Json| fields.push((name.to_owned(), value));
        if !self.slug.is_empty() {
            put("slug", text(&self.slug));
        }
        if !self.description.trim().is_empty() {
            put("description", text(&self.description));
        }
        put("quantity", whole(&self.stock));
        self.put_content(&mut put);
        conversion.map("quantity", "stock");
        let prices = conversion.price_list(&self.prices, columns, "", "");
        if !prices.is_empty() {
            put("prices", Json::Array(prices));
        }
        let mut options = Vec::new();
        for (n, option) in self.options.iter().enumerate() {
            let (path, field) = (format!("options[{n}]."), format!("option.{n}."));
            conversion.map(&format!("options[{n}]"), &format!("{field}name"));
            conversion.map(&format!("{path}name"), &format!("{field}name"));
            conversion.map(&format!("{path}quantity"), &format!("{field}stock"));
            conversion.map(&format!("{path}weight"), &format!("{field}weight"));
            let mut record = vec![("name".to_owned(), text(&option.name))];
            if !option.stock.is_empty() {
                record.push(("quantity".to_owned(), whole(&option.stock)));
            }
            if !option.weight.is_empty() {
                record.push(("weight".to_owned(), whole(&option.weight)));
            }
            let prices = conversion.price_list(&option.prices, columns, &path, &field);
            if !prices.is_empty() {
                record.push(("prices".to_owned(), Json::Array(prices)));
            }
            options.push(Json::Object(record));
        }
        put("options", Json::Array(options));
        if !self.weight.is_empty() {
            put("weight", whole(&self.weight));
        }
        match read_regions(&self.excluded_countries) {
            Ok(list) => put("excluded_countries", list),
            Err(why) => {
                conversion.errors.insert("excluded_countries".to_owned(), why);
            }
        }
        let lines = self.categories.lines().map(str::trim).filter(|line| !line.is_empty());
        put("categories", Json::Array(lines.map(text).collect()));
        for n in 0..self.pictures.len() {
            conversion.map(&format!("images[{n}]"), &format!("picture.{n}"));
            conversion.map(&format!("alt[{n}]"), &format!("picture.{n}"));
        }
        let pictures = self.pictures.iter();
        put("images", Json::Array(pictures.clone().map(|picture| text(&picture.file)).collect()));
        put("alt", Json::Array(pictures.map(|picture| text(picture.alt.trim())).collect()));
        put("hidden", Json::Bool(self.hidden));
        Conversion { fields, ..conversion }
    }

    fn has_new_pool(&self) -> bool {
        self.codes.is_empty() && !self.new_codes.trim().is_empty()
    }

    /// What is empty is left out, as in a file.
    fn put_content(&self, put: &mut impl FnMut(&str, Json)) {
        let text = |value: &str| Json::String(value.to_owned());
        if !self.kind.is_empty() {
            put("kind", text(&self.kind));
        }
        if !self.files.is_empty() {
            put("files", Json::Array(self.files.iter().map(|file| text(file)).collect()));
        }
        if !self.codes.is_empty() {
            put("codes", text(&self.codes));
        } else if self.has_new_pool() {
            put("codes", text(NEW_POOL));
        }
        if !self.text.trim().is_empty() {
            put("text", text(&self.text));
        }
        for (name, value) in
            [("downloads", &self.downloads), ("download_days", &self.download_days)]
        {
            if !value.is_empty() {
                put(name, whole(value));
            }
        }
    }

    fn clear_secrets(&mut self) {
        let Self {
            name,
            slug,
            description,
            text,
            stock,
            categories,
            options,
            pictures,
            excluded_countries,
            ..
        } = self;
        let options = options.iter_mut().map(|option| &mut option.name);
        let pictures = pictures.iter_mut().map(|picture| &mut picture.alt);
        let own =
            [name, slug, description, text, stock, categories, excluded_countries].into_iter();
        for text in own.chain(options).chain(pictures) {
            if secret::holds_private(text) {
                text.clear();
            }
        }
    }
}

impl Conversion {
    fn map(&mut self, path: &str, form_field: &str) {
        self.form_fields.insert(path.to_owned(), form_field.to_owned());
    }

    /// `path` and `field`: the prefixes of the prices in the record and in the form.
    fn price_list(
        &mut self,
        prices: &[PriceField],
        columns: &PriceColumns,
        path: &str,
        field: &str,
    ) -> Vec<Json> {
        let mut list = Vec::new();
        for (price, wallet) in prices.iter().zip(&columns.wallets) {
            if price.coins.is_empty() {
                continue;
            }
            let field = format!("{field}price.{}", price.currency);
            let most = wallet.coin.most();
            match read_coins(&price.coins) {
                Ok(Amount::ZERO) => {
                    let text = "Enter more than 0, or leave the price empty if the product is not sold in this currency.";
                    self.errors.insert(field, text.to_owned());
                }
                Ok(amount) if most < amount => {
                    let text =
                        format!("This price is too large: at most {most} {}.", price.currency);
                    self.errors.insert(field, text);
                }
                Ok(amount) => {
                    self.map(&format!("{path}prices[{}].price", list.len()), &field);
                    list.push(price_record(amount, wallet));
                }
                Err(text) => {
                    self.errors.insert(field, text);
                }
            }
        }
        let in_fiat = prices.iter().find(|price| price.currency == FIAT);
        if let Some(price) = in_fiat.filter(|price| !price.coins.is_empty()) {
            let field = format!("{field}price.{FIAT}");
            match read_fiat(&price.coins, columns.fiat) {
                Ok(price) => {
                    self.map(&format!("{path}prices[{}].price", list.len()), &field);
                    list.push(Json::Object(vec![
                        ("price".to_owned(), Json::Integer(price.minor)),
                        ("currency".to_owned(), Json::String(price.currency.to_string())),
                    ]));
                }
                Err(text) => {
                    self.errors.insert(field, text);
                }
            }
        }
        list
    }
}

/// `45.00`, or `45.00 EUR` in another currency than the column's.
fn read_fiat(text: &str, column: Option<FiatCurrency>) -> Result<FiatPrice, String> {
    let (number, code) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let currency = match (code, column) {
        ("", Some(currency)) => currency,
        (code, _) => FiatCurrency::parse(code)
            .map_err(|expected| sentence(&format!("enter the amount alone, or with {expected}")))?,
    };
    match FiatPrice::parse(currency, number) {
        Ok(FiatPrice { minor: 0, .. }) => {
            Err("Enter more than 0, or leave the price empty if only the prices in coins count."
                .to_owned())
        }
        Ok(price) => Ok(price),
        Err(_) if number.contains(',') => Err("Use a decimal point, for example 45.50.".to_owned()),
        Err(refused) => Err(sentence(&refused.to_string())),
    }
}

/// A whole number. Other input is passed on as text, which the record's rules refuse.
fn whole(text: &str) -> Json {
    text.parse().map_or_else(|_| Json::String(text.to_owned()), Json::Integer)
}

fn form_field(fault: &Fault, form_fields: &HashMap<String, String>) -> String {
    let path = match fault.part {
        Some(n) if fault.field.is_empty() => format!("options[{n}]"),
        Some(n) => format!("options[{n}].{}", fault.field),
        None => fault.field.clone(),
    };
    // A fault of `categories[3]` is shown at the whole field.
    form_fields.get(&path).cloned().unwrap_or_else(|| match path.split('[').next() {
        Some("images" | "alt") => "pictures".to_owned(),
        Some("files") => "file".to_owned(),
        Some("codes") => "new_codes".to_owned(),
        field => field.unwrap_or_default().to_owned(),
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
