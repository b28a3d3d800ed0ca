//! A product's form beside what is saved meanwhile.

use crate::domain::values::Amount;
use crate::interfaces::desk::products::form::{PictureFields, ProductForm, Words};

impl ProductForm {
    /// What stands in the shop now, beside each field of this form that says something else.
    pub fn differences(&self, now: &Self) -> Words {
        let mut words = Words::new();
        let mut note = |field: String, mine: &str, there: &str| {
            if mine.trim() != there.trim() {
                let there = if there.trim().is_empty() { "empty" } else { there };
                words.insert(field, there.to_owned());
            }
        };
        note("name".to_owned(), &self.name, &now.name);
        note("slug".to_owned(), &self.slug, &now.slug);
        note("description".to_owned(), &self.description, &now.description);
        note("stock".to_owned(), &self.stock, &now.stock);
        note("categories".to_owned(), &self.categories, &now.categories);
        for (mine, there) in self.prices.iter().zip(&now.prices) {
            note(format!("price.{}", mine.currency), &mine.coins, &there.coins);
        }
        for (n, mine) in self.options.iter().enumerate() {
            let Some(there) = now.options.iter().find(|there| there.id == mine.id) else {
                continue;
            };
            note(format!("option.{n}.name"), &mine.name, &there.name);
            note(format!("option.{n}.stock"), &mine.stock, &there.stock);
            for (mine, there) in mine.prices.iter().zip(&there.prices) {
                note(format!("option.{n}.price.{}", mine.currency), &mine.coins, &there.coins);
            }
        }
        let names = |form: &Self| {
            let names = form.options.iter().map(|option| option.name.trim().to_owned());
            names.collect::<Vec<_>>().join(", ")
        };
        note("options".to_owned(), &names(self), &names(now));
        let files = |form: &Self| {
            let named = |one: &PictureFields| match one.alt.trim() {
                "" => one.file.clone(),
                alt => format!("{} ({alt})", one.file),
            };
            form.pictures.iter().map(named).collect::<Vec<_>>().join(", ")
        };
        note("pictures".to_owned(), &files(self), &files(now));
        say_sold(&mut words, "stock", &self.stock_was, &now.stock);
        for (n, option) in self.options.iter().enumerate() {
            if let Some(same) = now.options.iter().find(|same| same.id == option.id) {
                let field = format!("option.{n}.stock");
                say_sold(&mut words, &field, &option.stock_was, &same.stock);
            }
        }
        words
    }

    /// Whether this form, which can be read, says what stands in the shop now.
    pub fn says_the_same(&self, now: &Self) -> bool {
        let is_same_slug = self.slug.is_empty() || self.slug == now.slug;
        is_same_slug && self.hidden == now.hidden && self.canonical() == now.canonical()
    }

    /// What it says, however it is written: its words, part by part, and each price.
    fn canonical(&self) -> Canonical<'_> {
        let own = [&*self.name, &*self.description, &*self.stock];
        let lines = self.categories.lines().filter(|line| !line.trim().is_empty());
        let options = self.options.iter().flat_map(|option| [&*option.name, &*option.stock]);
        let pictures = self.pictures.iter().flat_map(|picture| [&*picture.file, &*picture.alt]);
        let parts = [own.to_vec(), lines.collect(), options.collect(), pictures.collect()];
        let word = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
        let parts = parts.iter().map(|part| part.iter().map(|text| word(text)).collect());
        let of_options = self.options.iter().flat_map(|option| &option.prices);
        let prices = self.prices.iter().chain(of_options);
        let prices =
            prices.map(|field| (field.currency.as_str(), Amount::parse_coins(&field.coins).ok()));
        Canonical { parts: parts.collect(), prices: prices.collect() }
    }

    /// The seller's words go on from what stands there now: the next sending means it.
    pub fn take_over(&mut self, now: &Self) {
        self.edition = now.edition;
        // A number that nobody touched follows what was sold meanwhile.
        if self.stock == self.stock_was {
            self.stock.clone_from(&now.stock);
        }
        self.stock_was.clone_from(&now.stock);
        for option in &mut self.options {
            if let Some(there) = now.options.iter().find(|there| there.id == option.id) {
                if option.stock == option.stock_was {
                    option.stock.clone_from(&there.stock);
                }
                option.stock_was.clone_from(&there.stock);
            }
        }
    }
}

/// What two forms have to have in common to say the same.
#[derive(PartialEq, Eq)]
struct Canonical<'a> {
    parts: Vec<Vec<String>>,
    /// Currency and amount; `None` if it is no amount.
    prices: Vec<(&'a str, Option<Amount>)>,
}

/// Where some were sold, both numbers are said.
fn say_sold(now: &mut Words, field: &str, was: &str, there: &str) {
    if let (Ok(was), Ok(there)) = (was.parse::<i64>(), there.parse::<i64>())
        && was != there
    {
        let why = match was - there {
            sold @ 1.. => {
                format!(
                    "{there} (it was {was} when you opened this page; {sold} sold or removed since)"
                )
            }
            back => {
                format!("{there} (it was {was} when you opened this page; {} added since)", -back)
            }
        };
        now.insert(field.to_owned(), why);
    }
}
