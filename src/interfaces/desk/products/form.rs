//! The fields of the product form.

use crate::actions::PoolEdit;
use crate::actions::ProductEdit;
use crate::domain::catalog::Fault;
use crate::domain::catalog::Prices;
use crate::domain::catalog::ProductRecord;
use crate::domain::catalog::Slug;
use crate::domain::catalog::fault::A_SECRET;
use crate::domain::catalog::json::Json;
use crate::domain::catalog::wallet_reference;
use crate::domain::payment::Wallet;
use crate::domain::values::Amount;
use crate::infra::store::pictures::Image;
use crate::infra::store::products::EditedProduct;
use crate::interfaces::desk::fields::apart;
use crate::interfaces::desk::fields::read_coins;
use crate::interfaces::desk::form::DeskForm;
use crate::interfaces::http::hex;
use crate::interfaces::http::random_bytes;
use std::collections::HashMap;

/// What stands in the form of a product: the seller's words, whether they make sense or not.
#[derive(Clone, Default)]
pub struct ProductForm {
    /// The form's own name.
    pub once: String,
    pub edition: i64,
    pub name: String,
    pub slug: String,
    pub description: String,
    pub stock: String,
    /// The number that was shown.
    pub stock_was: String,
    pub prices: Vec<PriceField>,
    pub options: Vec<OptionFields>,
    /// One a line.
    pub categories: String,
    pub pictures: Vec<PictureFields>,
    pub hidden: bool,
}

#[derive(Clone)]
pub struct PriceField {
    pub currency: String,
    pub coins: String,
}

#[derive(Clone, Default)]
pub struct OptionFields {
    /// Which row of the tables; empty: a new one.
    pub id: String,
    pub name: String,
    /// Empty: it shares the product's.
    pub stock: String,
    pub stock_was: String,
    pub prices: Vec<PriceField>,
}

#[derive(Clone)]
pub struct PictureFields {
    pub file: String,
    pub fingerprint: String,
    pub alt: String,
    pub thumb: Option<Image>,
}

/// Which field → what is said beside it.
pub type Words = HashMap<String, String>;

impl PriceField {
    /// What the coins are in Gwei, with the thousands apart.
    pub fn gwei(&self) -> Option<String> {
        Amount::parse_coins(&self.coins).ok().map(apart)
    }
}

fn price_fields(wallets: &[Wallet], coins: impl Fn(&str) -> String) -> Vec<PriceField> {
    let field = |wallet: &Wallet| {
        let currency = wallet.currency.to_string();
        PriceField { coins: coins(&currency), currency }
    };
    wallets.iter().map(field).collect()
}

fn coins_of(prices: &Prices) -> impl Fn(&str) -> String {
    move |currency| {
        let price = prices.iter().find(|(name, _)| name.as_str() == currency);
        price.map(|(_, price)| price.to_string()).unwrap_or_default()
    }
}

impl ProductForm {
    /// For a product that is to be added.
    pub fn empty(wallets: &[Wallet]) -> Self {
        Self {
            once: fresh_name(),
            stock: "1".to_owned(),
            prices: price_fields(wallets, |_| String::new()),
            ..Self::default()
        }
    }

    pub fn of(product: &EditedProduct, wallets: &[Wallet]) -> Self {
        let shown = |stock: Option<i64>| stock.map(|n| n.to_string()).unwrap_or_default();
        Self {
            once: fresh_name(),
            edition: product.edition,
            name: product.name.clone(),
            slug: product.slug.to_string(),
            description: product.description.clone(),
            stock: product.stock.to_string(),
            stock_was: product.stock.to_string(),
            prices: price_fields(wallets, coins_of(&product.prices)),
            options: product
                .options
                .iter()
                .map(|option| OptionFields {
                    id: option.id.to_string(),
                    name: option.name.clone(),
                    stock: shown(option.stock),
                    stock_was: shown(option.stock),
                    prices: price_fields(wallets, coins_of(&option.prices)),
                })
                .collect(),
            categories: product.categories.join("\n"),
            pictures: product
                .pictures
                .iter()
                .map(|picture| PictureFields {
                    file: picture.file.clone(),
                    fingerprint: picture.fingerprint.clone(),
                    alt: picture.alt.clone(),
                    thumb: Some(picture.thumb.clone()),
                })
                .collect(),
            hidden: product.hidden,
        }
    }

    pub fn read(form: &DeskForm, wallets: &[Wallet]) -> Self {
        let text = |name: &str| form.get(name).to_owned();
        // Each row of options sends each of its fields once, so that the n-th of each name belong together.
        let nth = |name: &str, n: usize| form.all(name).nth(n).unwrap_or_default().to_owned();
        let n_options = form.all("option.name").count();
        let options = (0..n_options).map(|n| OptionFields {
            id: nth("option.id", n),
            name: nth("option.name", n),
            stock: nth("option.stock", n).trim().to_owned(),
            stock_was: nth("option.stock_was", n),
            prices: price_fields(wallets, |currency| {
                nth(&format!("option.price.{currency}"), n).trim().to_owned()
            }),
        });
        let n_pictures = form.all("picture.file").count();
        let pictures = (0..n_pictures).map(|n| PictureFields {
            file: nth("picture.file", n),
            fingerprint: nth("picture.fingerprint", n),
            alt: nth("picture.alt", n),
            thumb: None,
        });
        Self {
            once: text("once"),
            edition: form.edition(),
            name: text("name"),
            slug: text("slug").trim().to_owned(),
            description: text("description"),
            stock: text("stock").trim().to_owned(),
            stock_was: text("stock_was"),
            prices: price_fields(wallets, |currency| {
                form.get(&format!("price.{currency}")).trim().to_owned()
            }),
            options: options.collect(),
            categories: text("categories"),
            pictures: pictures.collect(),
            hidden: form.has("hidden"),
        }
    }

    /// A row of options that are to be added.
    pub fn new_option(wallets: &[Wallet]) -> OptionFields {
        OptionFields { prices: price_fields(wallets, |_| String::new()), ..OptionFields::default() }
    }

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
            let field = field_of(fault, &paths);
            if fault.found == A_SECRET {
                self.blank(&field);
            }
            // A price that cannot be read is not a price that is missing.
            let is_echo =
                field == "prices" && words.keys().any(|field| field.starts_with("price."));
            if !is_echo {
                let said = match field.as_str() {
                    // The file counts in Gwei, the form in coins.
                    "prices" => "Enter at least one price.".to_owned(),
                    "name" if self.name.trim().is_empty() => "Enter a name.".to_owned(),
                    _ if fault.is_reason => sentence(&fault.expected),
                    _ => format!("Please enter {}.", fault.expected),
                };
                words.entry(field).or_insert(said);
            }
        }
        let record = match read {
            Ok(record) if words.is_empty() => record,
            _ => return Err(words),
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

    fn blank(&mut self, field: &str) {
        match field {
            "name" => self.name.clear(),
            "slug" => self.slug.clear(),
            "description" => self.description.clear(),
            "stock" => self.stock.clear(),
            field if field.starts_with("categories") => self.categories.clear(),
            field => {
                let mut steps = field.split('.');
                let (kind, n) = (steps.next(), steps.next().and_then(|n| n.parse::<usize>().ok()));
                match (kind, n) {
                    (Some("option"), Some(n)) => {
                        if let Some(option) = self.options.get_mut(n) {
                            option.name.clear();
                        }
                    }
                    (Some("picture"), Some(n)) => {
                        if let Some(picture) = self.pictures.get_mut(n) {
                            picture.alt.clear();
                        }
                    }
                    _ => {}
                }
            }
        }
    }

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
        words
    }

    /// Whether this form, which can be read, says what stands in the shop now.
    pub fn says_the_same(&self, now: &Self) -> bool {
        let prices = |mine: &[PriceField], there: &[PriceField]| {
            mine.len() == there.len()
                && mine.iter().zip(there).all(|(mine, there)| {
                    mine.currency == there.currency
                        && Amount::parse_coins(&mine.coins) == Amount::parse_coins(&there.coins)
                })
        };
        let lines = |text: &str| -> Vec<String> {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.map(str::to_owned).collect()
        };
        let words = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
        let options = self.options.len() == now.options.len()
            && self.options.iter().zip(&now.options).all(|(mine, there)| {
                words(&mine.name) == there.name
                    && mine.stock == there.stock
                    && prices(&mine.prices, &there.prices)
            });
        let pictures = self.pictures.len() == now.pictures.len()
            && self.pictures.iter().zip(&now.pictures).all(|(mine, there)| {
                mine.file == there.file && mine.alt.trim() == there.alt.trim()
            });
        words(&self.name) == words(&now.name)
            && (self.slug.is_empty() || self.slug == now.slug)
            && words(&self.description) == words(&now.description)
            && self.stock == now.stock
            && lines(&self.categories) == lines(&now.categories)
            && prices(&self.prices, &now.prices)
            && options
            && pictures
            && self.hidden == now.hidden
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

/// A name that no other form has.
pub fn fresh_name() -> String {
    hex(&random_bytes::<32>())
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

/// Which field of the form a fault of the record means.
fn field_of(fault: &Fault, paths: &HashMap<String, String>) -> String {
    // Within an option the place says which one: `products "tea", options[0]`.
    let option =
        fault.record.rsplit_once(", options[").and_then(|(_, rest)| rest.strip_suffix(']'));
    let place = match option {
        Some(n) if fault.field.is_empty() => format!("options[{n}]"),
        Some(n) => format!("options[{n}].{}", fault.field),
        None => fault.field.clone(),
    };
    let known = paths.get(&place).cloned();
    // `categories[3]` and the like are said at the field as a whole.
    known.unwrap_or_else(|| match place.split('[').next().unwrap_or_default() {
        "images" | "alt" => "pictures".to_owned(),
        field => field.to_owned(),
    })
}

/// What is expected, as a sentence.
fn sentence(expected: &str) -> String {
    let mut letters = expected.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if expected.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
