//! Compares a product's form with what was saved meanwhile.

use crate::domain::values::Amount;
use crate::interfaces::desk::products::form::{FieldTexts, PictureFields, ProductForm};
use crate::interfaces::desk::regions::read_regions;

impl ProductForm {
    /// The saved value of each field that differs from it.
    pub fn differences(&self, saved: &Self) -> FieldTexts {
        let mut differences = FieldTexts::new();
        let mut compare = |field: String, value: &str, saved: &str| {
            if value.trim() != saved.trim() {
                let saved = if saved.trim().is_empty() { "empty" } else { saved };
                differences.insert(field, saved.to_owned());
            }
        };
        compare("name".to_owned(), &self.name, &saved.name);
        compare("slug".to_owned(), &self.slug, &saved.slug);
        compare("description".to_owned(), &self.description, &saved.description);
        compare("kind".to_owned(), &self.kind, &saved.kind);
        compare("file".to_owned(), &self.files.join(", "), &saved.files.join(", "));
        compare("text".to_owned(), &self.text, &saved.text);
        compare("downloads".to_owned(), &self.downloads, &saved.downloads);
        compare("download_days".to_owned(), &self.download_days, &saved.download_days);
        compare("stock".to_owned(), &self.stock, &saved.stock);
        compare("categories".to_owned(), &self.categories, &saved.categories);
        compare("weight".to_owned(), &self.weight, &saved.weight);
        let (excluded, saved_excluded) = (&self.excluded_countries, &saved.excluded_countries);
        if read_regions(excluded) != read_regions(saved_excluded) {
            compare("excluded_countries".to_owned(), excluded, saved_excluded);
        }
        for (price, saved) in self.prices.iter().zip(&saved.prices) {
            compare(format!("price.{}", price.currency), &price.coins, &saved.coins);
        }
        for (n, option) in self.options.iter().enumerate() {
            let Some(saved) = saved.options.iter().find(|saved| saved.id == option.id) else {
                continue;
            };
            compare(format!("option.{n}.name"), &option.name, &saved.name);
            compare(format!("option.{n}.stock"), &option.stock, &saved.stock);
            compare(format!("option.{n}.weight"), &option.weight, &saved.weight);
            for (price, saved) in option.prices.iter().zip(&saved.prices) {
                let field = format!("option.{n}.price.{}", price.currency);
                compare(field, &price.coins, &saved.coins);
            }
        }
        let names = |form: &Self| {
            let names = form.options.iter().map(|option| option.name.trim().to_owned());
            names.collect::<Vec<_>>().join(", ")
        };
        compare("options".to_owned(), &names(self), &names(saved));
        let files = |form: &Self| {
            let file = |picture: &PictureFields| match picture.alt.trim() {
                "" => picture.file.clone(),
                alt => format!("{} ({alt})", picture.file),
            };
            form.pictures.iter().map(file).collect::<Vec<_>>().join(", ")
        };
        compare("pictures".to_owned(), &files(self), &files(saved));
        explain_stock(&mut differences, "stock", &self.stock_was, &saved.stock);
        for (n, option) in self.options.iter().enumerate() {
            if let Some(saved) = saved.options.iter().find(|saved| saved.id == option.id) {
                let field = format!("option.{n}.stock");
                explain_stock(&mut differences, &field, &option.stock_was, &saved.stock);
            }
        }
        differences
    }

    /// Whether both forms, which are valid, describe the same product.
    pub fn has_same_content(&self, saved: &Self) -> bool {
        let is_same_slug = self.slug.is_empty() || self.slug == saved.slug;
        let excluded = |form: &Self| read_regions(&form.excluded_countries);
        is_same_slug
            && self.hidden == saved.hidden
            && excluded(self) == excluded(saved)
            && self.content() == saved.content()
    }

    fn content(&self) -> Content<'_> {
        let own = [
            &*self.name,
            &*self.description,
            &*self.stock,
            &*self.kind,
            &*self.text,
            &*self.weight,
        ];
        let delivered = [&*self.codes, &*self.downloads, &*self.download_days].into_iter();
        let delivered = delivered.chain(self.files.iter().map(String::as_str));
        let lines = self.categories.lines().filter(|line| !line.trim().is_empty());
        let options =
            self.options.iter().flat_map(|option| [&*option.name, &*option.stock, &*option.weight]);
        let pictures = self.pictures.iter().flat_map(|picture| [&*picture.file, &*picture.alt]);
        let parts = [
            own.to_vec(),
            delivered.collect(),
            lines.collect(),
            options.collect(),
            pictures.collect(),
        ];
        let normal = |text: &&str| text.replace("\r\n", "\n").trim().to_owned();
        let option_prices = self.options.iter().flat_map(|option| &option.prices);
        let prices = self.prices.iter().chain(option_prices);
        let prices = prices.map(|price| (price.currency.as_str(), amount(&price.coins)));
        Content {
            texts: parts.map(|part| part.iter().map(normal).collect()),
            prices: prices.collect(),
        }
    }

    /// Makes the form an edit of the saved product, so that saving it again overwrites that.
    pub fn rebase(&mut self, saved: &Self) {
        self.edition = saved.edition;
        // A stock that the seller did not change follows the saved one.
        if self.stock == self.stock_was {
            self.stock.clone_from(&saved.stock);
        }
        self.stock_was.clone_from(&saved.stock);
        for option in &mut self.options {
            if let Some(saved) = saved.options.iter().find(|saved| saved.id == option.id) {
                if option.stock == option.stock_was {
                    option.stock.clone_from(&saved.stock);
                }
                option.stock_was.clone_from(&saved.stock);
            }
        }
    }
}

/// A form's content in a normal form: equal if two forms describe the same product.
#[derive(PartialEq, Eq)]
struct Content<'a> {
    /// The product's own, what is delivered, categories, options, pictures.
    texts: [Vec<String>; 5],
    /// Currency and amount.
    prices: Vec<(&'a str, Result<Amount, &'a str>)>,
}

/// The text itself if it is no amount, such as one with its currency.
fn amount(text: &str) -> Result<Amount, &str> {
    Amount::parse_coins(text).map_err(|_| text)
}

/// If units were sold or added meanwhile, the text says how many.
fn explain_stock(differences: &mut FieldTexts, field: &str, was: &str, saved: &str) {
    if let (Ok(was), Ok(saved)) = (was.parse::<i64>(), saved.parse::<i64>())
        && was != saved
    {
        let change = match was - saved {
            sold @ 1.. => format!("{sold} sold or removed since"),
            added => format!("{} added since", -added),
        };
        let text = format!("{saved} (it was {was} when you opened this page; {change})");
        differences.insert(field.to_owned(), text);
    }
}
