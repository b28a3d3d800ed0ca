//! One product, from the catalog file or a form at the desk, by the same rules.

use crate::domain::catalog::fault::Found;
use crate::domain::catalog::file::{Named, Reader};
use crate::domain::catalog::json::Json;
use crate::domain::catalog::record::Record;
use crate::domain::catalog::single::single;
use crate::domain::catalog::{
    Fault, ImageRecord, NotASlug, OptionRecord, Prices, ProductRecord, Slug,
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
        let mut reader = single(COLLECTION, "Product", name, fields, wallets);
        reader.product(&(COLLECTION, name, fields));
        if let Some(product) = reader.file.products.pop()
            && reader.faults.is_empty()
        {
            return Ok(product);
        }
        let above = format!("{COLLECTION}.{name}.");
        for fault in &mut reader.faults {
            if let Some(field) = fault.place.field.strip_prefix(&above) {
                fault.place.field = field.to_owned();
            }
        }
        Err(reader.faults)
    }
}

/// Reads a category's name by itself, with every check of the file.
///
/// # Errors
/// What is wrong with it.
pub fn read_category(text: &str) -> Result<String, Fault> {
    let list = Json::List(vec![Json::Text(text.to_owned())]);
    let fields = vec![("categories".to_owned(), list)];
    let reader = single(COLLECTION, "Product", "product", &fields, &[]);
    let mut record = Record::new(COLLECTION.to_owned(), &fields);
    let name = categories(&mut record).pop();
    match (name, reader.faults.into_iter().chain(record.faults).next()) {
        (Some(name), None) => Ok(name),
        (_, fault) => {
            Err(fault.unwrap_or_else(|| Fault::new("", "", Found::Nothing, "a category name")))
        }
    }
}

impl Reader {
    pub(super) fn product(&mut self, (collection, name, fields): &Named<'_>) {
        let mut record = Record::new(format!("{collection} {name:?}"), fields);
        let title = record.needed_line("name", 200, "the product's name");
        let description = record
            .text("description", 20_000, "a description in Markdown")
            .unwrap_or_default()
            .to_owned();
        let quantity = record.whole("quantity", 0, 1_000_000, "the quantity in stock").unwrap_or(1);
        let prices = self.prices(&mut record, true);
        let images = images(&mut record);
        let options = self.options(&mut record);
        let categories = categories(&mut record);
        let hidden = record.truth("hidden").unwrap_or(false);
        let slug = self.slug(&mut record, title.as_deref().unwrap_or_default(), name);
        // Fields that the predecessor's own database added to a product when it was exported.
        for kept_by_the_ancestor in ["friendlyLink", "createdAt", "updatedAt"] {
            let _ = record.get(kept_by_the_ancestor);
        }
        if let (Some(title), Some(slug)) = (title, slug) {
            let place = record.place.clone();
            self.file.products.push(ProductRecord {
                place,
                record: (*name).to_owned(),
                slug,
                name: title,
                description,
                quantity,
                prices,
                images,
                options,
                categories,
                hidden,
            });
        }
        self.close(record);
    }

    fn slug(&mut self, record: &mut Record<'_>, title: &str, name: &str) -> Option<Slug> {
        if let Some(text) = record.text("slug", 120, &NotASlug.to_string()) {
            let Ok(slug) = Slug::parse(text) else {
                record.refuse("slug", format!("{text:?}"), NotASlug.to_string());
                return None;
            };
            if !self.slugs.insert(slug.clone()) {
                record.refuse(
                    "slug",
                    format!("{text:?}, which another product uses"),
                    "a different slug for each product",
                );
            }
            return Some(slug);
        }
        // A name without ASCII letters leaves nothing: then the record's own name is used.
        let Ok(slug) = Slug::of_name(title).or_else(|_| Slug::of_name(name)) else {
            record.refuse(
                "slug",
                "nothing, and a name that no slug can be made from",
                NotASlug.to_string(),
            );
            return None;
        };
        let mut free = slug.clone();
        let next = self.numbers.entry(slug.clone()).or_insert(1);
        while self.slugs.contains(&free) {
            *next += 1;
            free = slug.numbered(*next);
        }
        self.slugs.insert(free.clone());
        Some(free)
    }

    fn options(&mut self, record: &mut Record<'_>) -> Vec<OptionRecord> {
        let expected =
            "a list of options, each a name or {\"name\": …, \"quantity\": …, \"prices\": […]}";
        let mut options: Vec<OptionRecord> = Vec::new();
        for (n, item) in record.list("options", 100, expected).iter().enumerate() {
            let field = format!("options[{n}]");
            let option = match item {
                Json::Record(fields) => {
                    let mut inner = Record::new(format!("{}, {field}", record.place), fields);
                    inner.option = Some(n);
                    let name = inner.needed_line("name", 80, "the option's name");
                    let quantity = inner.whole("quantity", 0, 1_000_000, "the quantity in stock");
                    let prices = self.prices(&mut inner, false);
                    record.faults.extend(inner.close(&mut self.file.notes));
                    name.map(|name| OptionRecord { name, quantity, prices })
                }
                other => record
                    .line_of(&field, other, 80, "the option's name")
                    .map(|name| OptionRecord { name, quantity: None, prices: Prices::new() }),
            };
            let Some(option) = option else { continue };
            if options.iter().any(|other| other.name == option.name) {
                record.refuse(
                    &field,
                    format!("a second option {:?}", option.name),
                    "a different name for each option",
                );
            }
            options.push(option);
        }
        options
    }
}

fn images(record: &mut Record<'_>) -> Vec<ImageRecord> {
    let mut names: Vec<String> = Vec::new();
    for (n, item) in record.list("images", 20, "a list of picture files").iter().enumerate() {
        names.extend(
            record
                .text_of(&format!("images[{n}]"), item, 200, "the file name of a picture")
                .map(str::to_owned),
        );
    }
    if let Some(name) = record.text("image", 200, "the file name of a picture") {
        names.push(name.to_owned());
    }
    let mut alts = Vec::new();
    for (n, item) in
        record.list("alt", 20, "a list of alt texts, one per picture").iter().enumerate()
    {
        // A decorative picture has no alt text, even if a later picture has one.
        if matches!(item, Json::Text(text) if text.is_empty()) {
            alts.push(None);
            continue;
        }
        alts.push(record.line_of(&format!("alt[{n}]"), item, 300, "an alt text"));
    }
    if names.len() < alts.len() {
        record.refuse(
            "alt",
            plural(alts.len(), "alt text", "alt texts"),
            format!("at most one per picture, for {}", plural(names.len(), "picture", "pictures")),
        );
    }
    let mut alts = alts.into_iter();
    names
        .into_iter()
        .map(|file| ImageRecord { file, alt: alts.next().flatten().unwrap_or_default() })
        .collect()
}

fn categories(record: &mut Record<'_>) -> Vec<String> {
    let mut categories: Vec<String> = Vec::new();
    for (n, item) in record.list("categories", 20, "a list of categories").iter().enumerate() {
        let category = record.line_of(&format!("categories[{n}]"), item, 60, "a category name");
        categories.extend(category.filter(|category| !categories.contains(category)));
    }
    categories
}
