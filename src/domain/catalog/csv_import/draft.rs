//! A product of an export before it is checked as one of the catalog, and its record in the catalog file.

use crate::domain::catalog::csv_import::pictures::{Picture, PictureNames};
use crate::domain::catalog::csv_import::values::shortened;
use crate::domain::catalog::{Json, NameSet, Slug};
use crate::domain::values::{FiatPrice, FileName};

/// Units: characters of a description.
const MAX_DESCRIPTION: usize = 20_000;
/// Units: categories, and pictures, of one product.
const MAX_CATEGORIES: usize = 20;
const MAX_PICTURES: usize = 20;
/// Units: characters of the name of a category.
const MAX_CATEGORY: usize = 60;
/// Units: characters of an alt text.
const MAX_ALT: usize = 300;

#[derive(Debug, Default)]
pub struct Draft {
    pub line: u64,
    pub name: String,
    pub slug: Option<String>,
    /// Markdown.
    pub description: String,
    pub hidden: bool,
    pub delivery: Delivery,
    pub price: Option<FiatPrice>,
    pub quantity: i64,
    /// Units: grams.
    pub weight: Option<i64>,
    pub pictures: Vec<(Picture, String)>,
    pub options: Vec<DraftOption>,
    pub categories: Vec<String>,
    /// What cannot be taken over.
    pub left_out: Vec<String>,
}

#[derive(Debug)]
pub struct DraftOption {
    pub name: String,
    /// `None` if it shares the product's.
    pub quantity: Option<i64>,
    pub price: Option<FiatPrice>,
    pub weight: Option<i64>,
}

#[derive(Debug, Default)]
pub enum Delivery {
    #[default]
    Shipped,
    Unshipped,
    Files {
        files: Vec<FileName>,
        downloads: Option<i64>,
        days: Option<i64>,
    },
}

impl Draft {
    pub fn leave(&mut self, what: impl Into<String>) {
        self.left_out.push(what.into());
    }

    /// Sets the description, as far as it fits.
    pub fn describe(&mut self, markdown: String) {
        if markdown.chars().count() <= MAX_DESCRIPTION {
            self.description = markdown;
            return;
        }
        let start: String = markdown.chars().take(MAX_DESCRIPTION).collect();
        let end = start.rfind("\n\n").unwrap_or(start.len());
        self.description = start[..end].to_owned();
        self.leave(format!(
            "what follows the first {MAX_DESCRIPTION} characters of the description"
        ));
    }

    pub fn add_category(&mut self, name: &str) {
        let name = shortened_spaces(name);
        if name.is_empty() || self.categories.contains(&name) {
            return;
        }
        if self.categories.len() == MAX_CATEGORIES || MAX_CATEGORY < name.chars().count() {
            self.leave(format!("category {:?}", shortened(&name)));
        } else {
            self.categories.push(name);
        }
    }

    pub fn add_picture(&mut self, address: &str, alt: &str, names: &mut PictureNames) {
        let address = address.trim();
        if address.is_empty() {
            return;
        }
        let picture = match names.name(address) {
            Ok(picture) => picture,
            Err(why) => return self.leave(format!("picture {:?} ({why})", shortened(address))),
        };
        if self.pictures.iter().any(|(known, _)| *known == picture) {
            return;
        }
        if self.pictures.len() == MAX_PICTURES {
            self.leave(format!("picture {:?} (at most {MAX_PICTURES})", shortened(address)));
        } else {
            let alt: String = shortened_spaces(alt).chars().take(MAX_ALT).collect();
            self.pictures.push((picture, alt));
        }
    }

    /// The product costs what its cheapest option does; only the others have a price of their own. The same for weights that
    /// all have.
    pub fn share_among_options(&mut self) {
        if self.options.is_empty() {
            return;
        }
        self.price = self.options.iter().filter_map(|option| option.price).min();
        let first = self.options[0].weight;
        if self.options.iter().all(|option| option.weight == first) {
            self.weight = first.or(self.weight);
        }
        for option in &mut self.options {
            option.price = option.price.filter(|price| Some(*price) != self.price);
            option.weight = option.weight.filter(|weight| Some(*weight) != self.weight);
        }
        let own: Option<i64> = self.options.iter().map(|option| option.quantity).sum();
        self.quantity = own.unwrap_or(self.quantity);
    }

    /// A name for its record that no other has.
    pub fn record_name(&self, taken: &mut NameSet) -> String {
        let slug = self.slug.as_deref().and_then(|slug| Slug::parse(slug).ok());
        let slug = slug.or_else(|| Slug::of_name(&self.name).ok());
        // A name that begins with `_` is reserved.
        let name = slug.map(|slug| slug.to_string()).filter(|slug| !slug.starts_with('_'));
        let name = name.unwrap_or_else(|| "product".to_owned());
        if taken.insert(&name) {
            return name;
        }
        // A line has one product.
        let numbered = format!("{name}-line-{}", self.line);
        taken.insert(&numbered);
        numbered
    }

    /// Its fields in the catalog file, with those pictures and files that are there, and what else cannot be taken over.
    pub fn fields(
        &self,
        has_picture: &dyn Fn(&str) -> bool,
        has_file: &dyn Fn(&FileName) -> bool,
    ) -> (Vec<(String, Json)>, Vec<String>) {
        let mut left_out = self.left_out.clone();
        let mut fields = vec![field("name", text(&self.name))];
        if let Some(slug) = &self.slug {
            fields.push(field("slug", text(slug)));
        }
        if !self.description.is_empty() {
            fields.push(field("description", text(&self.description)));
        }
        let mut hidden = self.hidden;
        match &self.delivery {
            Delivery::Shipped => {}
            Delivery::Unshipped => fields.push(field("kind", text("service"))),
            Delivery::Files { files, downloads, days } if files.iter().all(has_file) => {
                fields.push(field("kind", text("digital")));
                let names = files.iter().map(|file| text(file.as_str())).collect();
                fields.push(field("files", Json::Array(names)));
                fields.extend(downloads.map(|n| field("downloads", Json::Integer(n))));
                fields.extend(days.map(|n| field("download_days", Json::Integer(n))));
            }
            Delivery::Files { files, .. } => {
                hidden = true;
                fields.push(field("kind", text("service")));
                let missing = files.iter().filter(|file| !has_file(file));
                let missing: Vec<&str> = missing.map(FileName::as_str).collect();
                let missing = missing.join(", ");
                left_out.push(format!(
                    "its files, so that it is hidden: copy {missing} to db/files and import again"
                ));
            }
        }
        fields.push(field("quantity", Json::Integer(self.quantity)));
        fields.extend(self.price.map(prices));
        fields.extend(self.weight.map(|grams| field("weight", Json::Integer(grams))));
        let pictures: Vec<_> =
            self.pictures.iter().filter(|(picture, _)| has_picture(&picture.file)).collect();
        if !pictures.is_empty() {
            let names = pictures.iter().map(|(picture, _)| text(&picture.file)).collect();
            let alts = pictures.iter().map(|(_, alt)| text(alt)).collect();
            fields.push(field("images", Json::Array(names)));
            fields.push(field("alt", Json::Array(alts)));
        }
        for (picture, _) in &self.pictures {
            if !has_picture(&picture.file) {
                left_out.push(format!("picture {}, which is not in db/images", picture.file));
            }
        }
        if !self.options.is_empty() {
            let options = self.options.iter().map(DraftOption::json).collect();
            fields.push(field("options", Json::Array(options)));
        }
        if !self.categories.is_empty() {
            let names = self.categories.iter().map(|name| text(name)).collect();
            fields.push(field("categories", Json::Array(names)));
        }
        if hidden {
            fields.push(field("hidden", Json::Bool(true)));
        }
        (fields, left_out)
    }
}

impl DraftOption {
    fn json(&self) -> Json {
        let mut fields = vec![field("name", text(&self.name))];
        fields.extend(self.quantity.map(|n| field("quantity", Json::Integer(n))));
        fields.extend(self.price.map(prices));
        fields.extend(self.weight.map(|grams| field("weight", Json::Integer(grams))));
        Json::Object(fields)
    }
}

fn prices(price: FiatPrice) -> (String, Json) {
    let price = vec![
        field("price", Json::Integer(price.minor)),
        field("currency", text(price.currency.as_str())),
    ];
    field("prices", Json::Array(vec![Json::Object(price)]))
}

fn field(name: &str, value: Json) -> (String, Json) {
    (name.to_owned(), value)
}

fn text(text: &str) -> Json {
    Json::String(text.to_owned())
}

fn shortened_spaces(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
