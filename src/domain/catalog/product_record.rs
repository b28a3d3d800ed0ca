//! One product, from the catalog file or a form at the desk, by the same rules.

use crate::domain::catalog::catalog_reader::{RawRecord, Reader};
use crate::domain::catalog::fault::FoundValue;
use crate::domain::catalog::form_record::first;
use crate::domain::catalog::json::Json;
use crate::domain::catalog::rate_record::{MAX_GRAMS, excluded_countries};
use crate::domain::catalog::record::Record;
use crate::domain::catalog::{
    Fault, ImageRecord, NotASlug, OptionRecord, Prices, ProductKind, ProductRecord, Slug, digital,
};
use crate::domain::payment::Wallet;
use crate::domain::values::plural;

/// The collection of a product that is not in a file yet.
const COLLECTION: &str = "products";

impl ProductRecord {
    /// Reads one product by itself, with every check of the file: `name` is the record's own, and a price refers to its
    /// wallet with [`wallet_reference`](crate::domain::catalog::wallet_reference). Whether the slug is already taken is
    /// checked by the caller.
    ///
    /// # Errors
    /// Every [`Fault`] at once; for a fault within an option, the record is the option's position.
    pub fn read(
        wallets: &[Wallet],
        name: &str,
        fields: &[(String, Json)],
    ) -> Result<Self, Vec<Fault>> {
        let raw = RawRecord { collection: COLLECTION, name, fields };
        let mut reader = Reader::of_one(&raw, "Product", wallets);
        reader.product(&raw);
        first(reader, |file| file.products).map_err(|mut faults| {
            let prefix = format!("{COLLECTION}.{name}.");
            for fault in &mut faults {
                if let Some(field) = fault.field.strip_prefix(&prefix) {
                    fault.field = field.to_owned();
                }
            }
            faults
        })
    }
}

impl ProductRecord {
    /// Reads what [`ProductRecord::text`] wrote of a product that was checked before, in a shop with these wallets. `None` if
    /// the rules have changed since and refuse it.
    pub fn restore(wallets: &[Wallet], name: &str, text: &str) -> Option<Self> {
        let Ok(Json::Object(fields)) = serde_json::from_str(text) else { return None };
        let raw = RawRecord { collection: COLLECTION, name, fields: &fields };
        let mut reader = Reader::of_wallets(wallets);
        reader.product(&raw);
        first(reader, |file| file.products).ok()
    }
}

/// Reads a category's name by itself, with every check of the file.
///
/// # Errors
/// What is wrong with it.
pub fn read_category(text: &str) -> Result<String, Fault> {
    let list = Json::Array(vec![Json::String(text.to_owned())]);
    let fields = vec![("categories".to_owned(), list)];
    let raw = RawRecord { collection: COLLECTION, name: "product", fields: &fields };
    let reader = Reader::of_one(&raw, "Product", &[]);
    let mut record = Record::new(COLLECTION.to_owned(), &fields);
    let name = categories(&mut record).pop();
    match (name, reader.faults.into_iter().chain(record.faults).next()) {
        (Some(name), None) => Ok(name),
        (_, Some(fault)) => Err(fault),
        (None, None) => Err(Fault::new("", "", FoundValue::Nothing, "a category name")),
    }
}

impl Reader {
    pub(super) fn product(&mut self, raw: &RawRecord<'_>) {
        let mut record = raw.open();
        let name = record.required_line("name", 200, "the product's name");
        let description = record.text("description", 20_000, "a description in Markdown");
        let quantity = record.integer("quantity", 0, 1_000_000, "the quantity in stock");
        let (prices, fiat) = self.prices(&mut record, true);
        let images = images(&mut record);
        let options = self.options(&mut record);
        let categories = categories(&mut record);
        let (kind, content) = digital::read(&mut record, !options.is_empty());
        if let Some(pool) = &content.codes
            && !self.pools.insert(pool.clone())
        {
            let found = format!("{:?}, which another product uses", pool.as_str());
            record.refuse("codes", found, "a different file of codes for each product");
        }
        let hidden = record.boolean("hidden").unwrap_or(false);
        let weight = weight(&mut record);
        let excluded_countries = excluded_countries(&mut record);
        let slug = self.slug(&mut record, name.as_deref().unwrap_or_default(), raw.name);
        // Fields that the predecessor's own database added to a product when it was exported.
        for ignored in ["friendlyLink", "createdAt", "updatedAt"] {
            let _ = record.get(ignored);
        }
        if let (Some(name), Some(slug)) = (name, slug) {
            self.file.products.push(ProductRecord {
                place: record.place.clone(),
                record: raw.name.to_owned(),
                slug,
                name,
                description: description.unwrap_or_default().to_owned(),
                quantity: match (kind, &content.codes) {
                    (_, Some(_)) => 0,
                    (ProductKind::Digital, None) => quantity.unwrap_or(digital::UNLIMITED),
                    _ => quantity.unwrap_or(1),
                },
                kind,
                content,
                prices,
                fiat,
                images,
                options,
                categories,
                hidden,
                weight,
                excluded_countries,
            });
        }
        self.close(record);
    }

    fn slug(&mut self, record: &mut Record<'_>, title: &str, name: &str) -> Option<Slug> {
        let expected = NotASlug.to_string();
        if let Some(text) = record.text("slug", 120, &expected) {
            let Ok(slug) = Slug::parse(text) else {
                record.refuse("slug", format!("{text:?}"), expected);
                return None;
            };
            if !self.slugs.insert(slug.as_str()) {
                let found = format!("{text:?}, which another product uses");
                record.refuse("slug", found, "a different slug for each product");
            }
            return Some(slug);
        }
        // A name without ASCII letters leaves nothing: then the record's own name is used.
        let Ok(slug) = Slug::of_name(title).or_else(|_| Slug::of_name(name)) else {
            record.refuse("slug", "nothing, and a name that no slug can be made from", expected);
            return None;
        };
        if self.slugs.insert(slug.as_str()) {
            return Some(slug);
        }
        let last = self.numbers.entry(slug.clone()).or_insert(1);
        loop {
            *last += 1;
            let free = slug.numbered(*last);
            if self.slugs.insert(free.as_str()) {
                return Some(free);
            }
        }
    }

    fn options(&mut self, record: &mut Record<'_>) -> Vec<OptionRecord> {
        let expected = "a list of options, each a name or {\"name\": …, \"quantity\": …, \"prices\": […], \"weight\": …}";
        let mut options: Vec<OptionRecord> = Vec::new();
        for (n, item) in record.list("options", 100, expected).iter().enumerate() {
            let field = format!("options[{n}]");
            let option = match item {
                Json::Object(fields) => {
                    let mut inner = Record::new(format!("{}, {field}", record.place), fields);
                    inner.part = Some(n);
                    let name = inner.required_line("name", 80, "the option's name");
                    let quantity = inner.integer("quantity", 0, 1_000_000, "the quantity in stock");
                    let (prices, fiat) = self.prices(&mut inner, false);
                    let weight = weight(&mut inner);
                    record.faults.extend(inner.close(&mut self.file.notes));
                    name.map(|name| OptionRecord { name, quantity, prices, fiat, weight })
                }
                other => {
                    record.line_of(&field, other, 80, "the option's name").map(OptionRecord::named)
                }
            };
            let Some(option) = option else { continue };
            if options.iter().any(|other| other.name == option.name) {
                let found = format!("a second option {:?}", option.name);
                record.refuse(&field, found, "a different name for each option");
            }
            options.push(option);
        }
        options
    }
}

impl OptionRecord {
    /// One that shares everything else with its product.
    fn named(name: String) -> Self {
        Self { name, quantity: None, prices: Prices::new(), fiat: None, weight: None }
    }
}

fn weight(record: &mut Record<'_>) -> Option<i64> {
    record.integer("weight", 1, MAX_GRAMS, "the weight of one item in grams")
}

fn images(record: &mut Record<'_>) -> Vec<ImageRecord> {
    let expected = "the file name of a picture";
    let mut files: Vec<&str> = Vec::new();
    for (n, item) in record.list("images", 20, "a list of picture files").iter().enumerate() {
        files.extend(record.text_of(&format!("images[{n}]"), item, 200, expected));
    }
    files.extend(record.text("image", 200, expected));
    let mut alts = Vec::new();
    let list = record.list("alt", 20, "a list of alt texts, one per picture");
    for (n, item) in list.iter().enumerate() {
        // A decorative picture has no alt text, even if a later picture has one.
        let is_empty = matches!(item, Json::String(text) if text.is_empty());
        let alt = match is_empty {
            true => None,
            false => record.line_of(&format!("alt[{n}]"), item, 300, "an alt text"),
        };
        alts.push(alt.unwrap_or_default());
    }
    if files.len() < alts.len() {
        let found = plural(alts.len(), "alt text", "alt texts");
        let n_pictures = plural(files.len(), "picture", "pictures");
        record.refuse("alt", found, format!("at most one per picture, for {n_pictures}"));
    }
    alts.resize(files.len(), String::new());
    let images = files.into_iter().zip(alts);
    images.map(|(file, alt)| ImageRecord { file: file.to_owned(), alt }).collect()
}

fn categories(record: &mut Record<'_>) -> Vec<String> {
    let mut categories: Vec<String> = Vec::new();
    for (n, item) in record.list("categories", 20, "a list of categories").iter().enumerate() {
        let category = record.line_of(&format!("categories[{n}]"), item, 60, "a category name");
        categories.extend(category.filter(|category| !categories.contains(category)));
    }
    categories
}
