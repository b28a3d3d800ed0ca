//! The page of the product form.

use askama::Template;

use crate::domain::catalog::{ProductKind, markdown};
use crate::domain::values::{Amount, FiatCurrency};
use crate::infra::store;
use crate::infra::store::products::EditedProduct;
use crate::interfaces::desk::field_view::{FaultLine, FieldKind, FieldView};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::products::form::{
    FIAT, FieldTexts, OptionFields, PictureFields, PriceField, ProductForm,
};
use crate::interfaces::desk::regions;

/// What the page shows of the saved product beside its form.
pub struct ProductView<'a> {
    pub name: &'a str,
    pub hidden: bool,
    /// Counts from 1.
    pub position: i64,
    pub n_products: i64,
    pub pools: Vec<Pool>,
}

/// A stock: of one option, or of all options that have none of their own.
pub struct Pool {
    /// The option's; 0: the shared stock.
    pub id: i64,
    pub name: String,
    pub stock: i64,
}

/// The product as buyers will see it.
pub struct Preview {
    name: String,
    /// Shown if there is no picture.
    initial: String,
    price: String,
    html: String,
    image: Option<store::pictures::Image>,
}

#[derive(Template)]
#[template(path = "desk/products/edit.html")]
pub struct EditPage<'a> {
    pub layout: DeskLayout<'a>,
    pub address: String,
    /// `None`: a new one.
    pub product: Option<ProductView<'a>>,
    /// Of the smaller forms. It is new on each page, so that the same change can be made again.
    pub idempotency_key: String,
    pub form: &'a ProductForm,
    /// Of prices in ordinary money.
    pub fiat: Option<FiatCurrency>,
    pub errors: &'a FieldTexts,
    pub saved: &'a FieldTexts,
    pub was_changed: bool,
    pub preview: Option<Preview>,
    pub categories: Vec<String>,
    /// What a digital product can deliver.
    pub files: Vec<FileRow>,
    /// `None`: the product sells no codes.
    pub codes_left: Option<i64>,
}

/// A file in `db/files`, or one that the product names.
pub struct FileRow {
    pub name: String,
    pub is_chosen: bool,
    pub is_there: bool,
}

impl EditPage<'_> {
    fn filled(&self, key: &str, field: FieldView, value: &str) -> FieldView {
        FieldView {
            id: key.replace('.', "-"),
            value: value.to_owned(),
            error: self.errors.get(key).cloned(),
            saved: self.saved.get(key).cloned(),
            ..field
        }
    }

    fn own(&self, name: &str) -> FieldView {
        let area = |rows| FieldKind::Area { rows };
        let field = |label: &str, kind| FieldView::new(name, label, kind);
        let form = self.form;
        let (field, value) = match name {
            "description" => (
                field("Description", area(10)).hint("Markdown: **bold**, *italic*, “- ” starts a list item, an empty line starts a paragraph"),
                &form.description,
            ),
            "text" => (
                field("Text for buyers", area(4)).hint("shown on the order's page once it is paid: instructions, a link, where and when to collect"),
                &form.text,
            ),
            "new_codes" => (
                field("Add codes", area(4)).hint("one per line; each is given to one buyer. Codes that the shop knows are not added again"),
                &form.new_codes,
            ),
            "downloads" => (
                field("Downloads", FieldKind::Whole).hint("how often each file may be downloaded; empty: no limit"),
                &form.downloads,
            ),
            "download_days" => (
                field("Days", FieldKind::Whole).hint("for how many days after the payment; empty: as long as the order is kept"),
                &form.download_days,
            ),
            "categories" => (field("Categories", area(3)).hint("one per line"), &form.categories),
            "slug" => (
                field("URL slug", FieldKind::Line).hint("lowercase letters, digits and “-”; empty: made from the name. Changing it breaks existing links"),
                &form.slug,
            ),
            "stock" => (
                field("In stock", FieldKind::Whole).hint("shared by all options without their own stock"),
                &form.stock,
            ),
            "weight" => (
                field("Weight", FieldKind::Whole).hint("of one item, in grams; for shipping prices by weight"),
                &form.weight,
            ),
            "excluded_countries" => (
                field("Not shipped to", area(2)).hint(regions::EXCLUDED_HINT),
                &form.excluded_countries,
            ),
            _ => (field("Name", FieldKind::Line), &form.name),
        };
        self.filled(name, field, value)
    }

    fn kinds(&self) -> [ProductKind; 4] {
        ProductKind::ALL
    }

    fn price_of(&self, key: &str, name: &str, price: &PriceField) -> FieldView {
        let field = match self.fiat.filter(|_| price.currency == FIAT) {
            Some(currency) => FieldView::new(name, currency.as_str(), FieldKind::Fiat)
                .hint("for the other currencies, at the exchange rate"),
            None => FieldView::new(name, &price.currency, FieldKind::Coins),
        };
        self.filled(key, field, &price.coins)
    }

    fn price(&self, price: &PriceField) -> FieldView {
        let name = format!("price.{}", price.currency);
        self.price_of(&name, &name, price)
    }

    fn option_price(&self, n: &usize, price: &PriceField) -> FieldView {
        let key = format!("option.{n}.price.{}", price.currency);
        self.price_of(&key, &format!("option.price.{}", price.currency), price)
    }

    fn option_name(&self, n: &usize, option: &OptionFields) -> FieldView {
        let field = FieldView::new("option.name", "Name", FieldKind::Line);
        self.filled(&format!("option.{n}.name"), field, &option.name)
    }

    fn option_stock(&self, n: &usize, option: &OptionFields) -> FieldView {
        let field = FieldView::new("option.stock", "Stock", FieldKind::Whole);
        self.filled(&format!("option.{n}.stock"), field, &option.stock)
    }

    fn option_weight(&self, n: &usize, option: &OptionFields) -> FieldView {
        let field = FieldView::new("option.weight", "Weight in grams", FieldKind::Whole);
        self.filled(&format!("option.{n}.weight"), field, &option.weight)
    }

    fn picture_alt(&self, n: &usize, picture: &PictureFields) -> FieldView {
        let field = FieldView::new("picture.alt", "Alt text", FieldKind::Line)
            .hint("describes the picture for buyers who cannot see it");
        self.filled(&format!("picture.{n}"), field, &picture.alt)
    }

    fn faults(&self) -> Vec<FaultLine> {
        let line = |(field, text): (&String, &String)| FaultLine {
            id: field.replace('.', "-"),
            label: String::new(),
            text: labelled(field, text),
        };
        let mut lines: Vec<FaultLine> = self.errors.iter().map(line).collect();
        lines.sort_by(|one, other| (&one.id, &one.text).cmp(&(&other.id, &other.text)));
        lines
    }
}

/// The text with the name of its field, if there are several of its kind.
fn labelled(field: &str, text: &str) -> String {
    let parts: Vec<&str> = field.split('.').collect();
    let number =
        |n: &str| n.parse::<usize>().map_or_else(|_| n.to_owned(), |n| (n + 1).to_string());
    match parts.as_slice() {
        ["price", FIAT] => format!("Price in ordinary money: {text}"),
        ["option", n, "price", FIAT] => {
            format!("Price in ordinary money of option {}: {text}", number(n))
        }
        ["price", currency] => format!("Price in {currency}: {text}"),
        ["option", n, "price", currency] => {
            format!("Price in {currency} of option {}: {text}", number(n))
        }
        ["option", n, "stock"] => format!("Stock of option {}: {text}", number(n)),
        ["option", n, "weight"] => format!("Weight of option {}: {text}", number(n)),
        ["option", n, ..] => format!("Option {}: {text}", number(n)),
        ["picture", n] => format!("Picture {}: {text}", number(n)),
        _ => text.to_owned(),
    }
}

/// Codes are not counted by hand: a product that sells them has no stock to adjust.
pub fn pools(product: &EditedProduct) -> Vec<Pool> {
    if product.content.codes.is_some() {
        return Vec::new();
    }
    let own: Vec<Pool> = product
        .options
        .iter()
        .filter_map(|option| {
            Some(Pool { id: option.id, name: option.name.clone(), stock: option.stock? })
        })
        .collect();
    let is_shared = own.len() < product.options.len() || product.options.is_empty();
    let name = if own.is_empty() { "All" } else { "Other options" };
    let shared = is_shared.then(|| Pool { id: 0, name: name.to_owned(), stock: product.stock });
    shared.into_iter().chain(own).collect()
}

impl Preview {
    pub fn new(form: &ProductForm, currency: &str) -> Self {
        let price = form.prices.iter().find(|price| price.currency == currency);
        let price = price.filter(|price| Amount::parse_coins(&price.coins).is_ok());
        Self {
            name: form.name.trim().to_owned(),
            initial: form.name.trim().chars().take(1).collect(),
            price: price
                .map(|price| format!("{} {}", price.coins, price.currency))
                .unwrap_or_default(),
            html: markdown::html(form.description.trim()),
            image: form.pictures.first().and_then(|picture| picture.thumb.clone()),
        }
    }
}
