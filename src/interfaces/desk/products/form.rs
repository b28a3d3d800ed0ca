//! The fields of the product form.

use std::collections::HashMap;

use crate::domain::catalog::{Prices, ProductKind};
use crate::domain::payment::Wallet;
use crate::domain::values::{FiatCurrency, FiatPrice, FileName};
use crate::infra::store::pictures::Image;
use crate::infra::store::products::EditedProduct;
use crate::interfaces::desk::amounts::coins_in;
use crate::interfaces::desk::form::{FieldList, new_idempotency_key};
use crate::interfaces::desk::regions;

/// The form of a product, with whatever the seller entered.
#[derive(Clone, Default)]
pub struct ProductForm {
    /// The idempotency key.
    pub once: String,
    pub edition: i64,
    pub name: String,
    pub slug: String,
    pub description: String,
    pub kind: String,
    /// Names in `db/files`.
    pub files: Vec<String>,
    /// The name of the pool of codes; empty: it has none.
    pub codes: String,
    /// To be added, one per line.
    pub new_codes: String,
    pub text: String,
    pub downloads: String,
    pub download_days: String,
    pub stock: String,
    /// When the form was loaded.
    pub stock_was: String,
    pub prices: Vec<PriceField>,
    pub options: Vec<OptionFields>,
    /// One per line.
    pub categories: String,
    pub pictures: Vec<PictureFields>,
    pub hidden: bool,
    /// In grams.
    pub weight: String,
    /// One per line.
    pub excluded_countries: String,
}

#[derive(Clone)]
pub struct PriceField {
    /// [`FIAT`]: in ordinary money.
    pub currency: String,
    pub coins: String,
}

#[derive(Clone, Default)]
pub struct OptionFields {
    /// Of the stored option; empty: a new one.
    pub id: String,
    pub name: String,
    /// Empty: it shares the product's stock.
    pub stock: String,
    pub stock_was: String,
    pub prices: Vec<PriceField>,
    /// In grams; empty: the product's.
    pub weight: String,
}

#[derive(Clone)]
pub struct PictureFields {
    pub file: String,
    pub fingerprint: String,
    pub alt: String,
    pub thumb: Option<Image>,
}

/// A text for each field: an error, or the saved value.
pub type FieldTexts = HashMap<String, String>;

/// The currencies in which the form takes prices.
pub struct PriceColumns {
    pub wallets: Vec<Wallet>,
    /// Of the prices in ordinary money; `None`: the form takes none.
    pub fiat: Option<FiatCurrency>,
}

/// The name of the field of a price in ordinary money; a wallet's currency has capital letters.
pub const FIAT: &str = "fiat";

impl PriceColumns {
    /// The currency of the product's own prices comes before the shop's reference currency.
    pub fn new(
        wallets: Vec<Wallet>,
        product: Option<&EditedProduct>,
        price_in: Option<FiatCurrency>,
    ) -> Self {
        let stored = product.and_then(|product| {
            let of_options = product.options.iter().filter_map(|option| option.fiat);
            product.fiat.into_iter().chain(of_options).next()
        });
        Self { wallets, fiat: stored.map(|price| price.currency).or(price_in) }
    }

    /// The price in ordinary money as its field shows it, with a currency that is not the column's.
    fn shown(&self, price: Option<FiatPrice>) -> String {
        match price {
            Some(price) if Some(price.currency) == self.fiat => price.number(),
            Some(price) => price.to_string(),
            None => String::new(),
        }
    }
}

/// `coins`: what the field of a currency, or of [`FIAT`], holds.
fn price_fields(columns: &PriceColumns, coins: impl Fn(&str) -> String) -> Vec<PriceField> {
    let names = columns.wallets.iter().map(|wallet| wallet.currency.to_string());
    let names = names.chain(columns.fiat.map(|_| FIAT.to_owned()));
    names.map(|currency| PriceField { coins: coins(&currency), currency }).collect()
}

fn stored_prices(
    columns: &PriceColumns,
    prices: &Prices,
    fiat: Option<FiatPrice>,
) -> Vec<PriceField> {
    price_fields(columns, |currency| match currency {
        FIAT => columns.shown(fiat),
        currency => coins_in(prices, currency),
    })
}

impl ProductForm {
    /// Of a new product.
    pub fn empty(columns: &PriceColumns) -> Self {
        Self {
            once: new_idempotency_key(),
            kind: ProductKind::default().as_str().to_owned(),
            stock: "1".to_owned(),
            prices: price_fields(columns, |_| String::new()),
            ..Self::default()
        }
    }

    pub fn of(product: &EditedProduct, columns: &PriceColumns) -> Self {
        let shown = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
        Self {
            once: new_idempotency_key(),
            edition: product.edition,
            name: product.name.clone(),
            slug: product.slug.to_string(),
            description: product.description.clone(),
            kind: product.kind.as_str().to_owned(),
            files: product.content.files.iter().map(FileName::to_string).collect(),
            codes: product.content.codes.as_ref().map(FileName::to_string).unwrap_or_default(),
            new_codes: String::new(),
            text: product.content.text.clone(),
            downloads: shown(product.content.downloads),
            download_days: shown(product.content.download_days),
            stock: product.stock.to_string(),
            stock_was: product.stock.to_string(),
            prices: stored_prices(columns, &product.prices, product.fiat),
            options: product
                .options
                .iter()
                .map(|option| OptionFields {
                    id: option.id.to_string(),
                    name: option.name.clone(),
                    stock: shown(option.stock),
                    stock_was: shown(option.stock),
                    prices: stored_prices(columns, &option.prices, option.fiat),
                    weight: shown(option.weight),
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
            weight: shown(product.weight),
            excluded_countries: regions::shown(&product.excluded_countries),
        }
    }

    pub fn read(form: &FieldList, columns: &PriceColumns) -> Self {
        let text = |name: &str| form.get(name).to_owned();
        // Each row sends each of its fields once, so the n-th fields of all names belong together.
        let nth = |name: &str, n: usize| form.all(name).nth(n).unwrap_or_default().to_owned();
        let n_options = form.all("option.name").count();
        let options = (0..n_options).map(|n| OptionFields {
            id: nth("option.id", n),
            name: nth("option.name", n),
            stock: nth("option.stock", n).trim().to_owned(),
            stock_was: nth("option.stock_was", n),
            prices: price_fields(columns, |currency| {
                nth(&format!("option.price.{currency}"), n).trim().to_owned()
            }),
            weight: nth("option.weight", n).trim().to_owned(),
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
            edition: form.get("edition").parse().unwrap_or(0),
            name: text("name"),
            slug: text("slug").trim().to_owned(),
            description: text("description"),
            kind: text("kind"),
            files: form.all("file").filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            codes: text("codes"),
            new_codes: text("new_codes"),
            text: text("text"),
            downloads: text("downloads").trim().to_owned(),
            download_days: text("download_days").trim().to_owned(),
            stock: text("stock").trim().to_owned(),
            stock_was: text("stock_was"),
            prices: price_fields(columns, |currency| {
                form.get(&format!("price.{currency}")).trim().to_owned()
            }),
            options: options.collect(),
            categories: text("categories"),
            pictures: pictures.collect(),
            hidden: form.has("hidden"),
            weight: text("weight").trim().to_owned(),
            excluded_countries: text("excluded_countries"),
        }
    }

    pub fn new_option(columns: &PriceColumns) -> OptionFields {
        OptionFields { prices: price_fields(columns, |_| String::new()), ..OptionFields::default() }
    }
}
