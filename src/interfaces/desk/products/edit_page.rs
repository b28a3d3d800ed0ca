//! The page of the product form.

use askama::Template;

use crate::domain::catalog::markdown;
use crate::domain::values::Amount;
use crate::infra::store;
use crate::infra::store::products::EditedProduct;
use crate::interfaces::desk::field_view::{FaultLine, FieldKind, FieldView};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::products::form::{
    OptionFields, PictureFields, PriceField, ProductForm, Words,
};

/// What of a product is not in its form.
pub struct Kept {
    pub name: String,
    pub address: String,
    pub hidden: bool,
    pub place: i64,
    pub n_products: i64,
    /// Each pool by its number and its name, with its items.
    pub pools: Vec<(i64, String, i64)>,
}

/// The product as buyers will see it.
pub struct Preview {
    pub name: String,
    /// Stands where a picture would.
    pub initial: String,
    pub price: String,
    pub html: String,
    pub image: Option<store::pictures::Image>,
}

#[derive(Template)]
#[template(path = "desk/products/edit.html")]
pub struct EditPage<'a> {
    pub layout: DeskLayout<'a>,
    pub address: String,
    pub kept: Option<Kept>,
    /// The name of the smaller forms: what is done there again after the page has come back is another wish.
    pub once: String,
    pub form: &'a ProductForm,
    pub words: &'a Words,
    pub now: &'a Words,
    pub is_meanwhile: bool,
    pub preview: Option<Preview>,
    pub categories: Vec<String>,
}

impl EditPage<'_> {
    /// A field with what was typed, what is wrong with it and what is saved now.
    fn filled(&self, key: &str, field: FieldView, value: &str) -> FieldView {
        FieldView {
            id: key.replace('.', "-"),
            value: value.to_owned(),
            error: self.words.get(key).cloned(),
            saved: self.now.get(key).cloned(),
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
            "categories" => (field("Categories", area(3)).hint("one per line"), &form.categories),
            "slug" => (
                field("URL slug", FieldKind::Line).hint("lowercase letters, digits and “-”; empty: made from the name. Changing it breaks existing links"),
                &form.slug,
            ),
            "stock" => (
                field("In stock", FieldKind::Whole).hint("shared by all options without their own stock"),
                &form.stock,
            ),
            _ => (field("Name", FieldKind::Line), &form.name),
        };
        self.filled(name, field, value)
    }

    fn price_of(&self, key: &str, name: &str, price: &PriceField) -> FieldView {
        let field = FieldView::new(name, &price.currency, FieldKind::Coins);
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

    fn picture_alt(&self, n: &usize, picture: &PictureFields) -> FieldView {
        let field = FieldView::new("picture.alt", "Alt text", FieldKind::Line)
            .hint("describes the picture for buyers who cannot see it");
        self.filled(&format!("picture.{n}"), field, &picture.alt)
    }

    /// The faults, each with the place of its field, in the order of the form as far as that matters.
    fn faults(&self) -> Vec<FaultLine> {
        let mut faults: Vec<(String, String)> = self
            .words
            .iter()
            .map(|(field, words)| (field.replace('.', "-"), named(field, words)))
            .collect();
        faults.sort();
        let line = |(id, text)| FaultLine { id, label: String::new(), text };
        faults.into_iter().map(line).collect()
    }
}

/// What is wrong with a field, with the field's name where there are several of its kind.
fn named(field: &str, words: &str) -> String {
    let steps: Vec<&str> = field.split('.').collect();
    let number =
        |n: &str| n.parse::<usize>().map_or_else(|_| n.to_owned(), |n| (n + 1).to_string());
    match steps.as_slice() {
        ["price", currency] => format!("Price in {currency}: {words}"),
        ["option", n, "price", currency] => {
            format!("Price in {currency} of option {}: {words}", number(n))
        }
        ["option", n, "stock"] => format!("Stock of option {}: {words}", number(n)),
        ["option", n, ..] => format!("Option {}: {words}", number(n)),
        ["picture", n] => format!("Picture {}: {words}", number(n)),
        _ => words.to_owned(),
    }
}

/// Number, name and items of each pool that a product has.
pub fn pools(product: &EditedProduct) -> Vec<(i64, String, i64)> {
    let own = product
        .options
        .iter()
        .filter_map(|option| Some((option.id, option.name.clone(), option.stock?)));
    let own: Vec<_> = own.collect();
    let is_shared = own.len() < product.options.len() || product.options.is_empty();
    let name = if own.is_empty() { "All" } else { "Other options" };
    let shared = is_shared.then(|| (0, name.to_owned(), product.stock));
    shared.into_iter().chain(own).collect()
}

pub fn preview(form: &ProductForm, currency: &str) -> Preview {
    let price = form.prices.iter().find(|price| price.currency == currency);
    let price = price.filter(|price| Amount::parse_coins(&price.coins).is_ok());
    Preview {
        name: form.name.trim().to_owned(),
        initial: form.name.trim().chars().take(1).collect(),
        price: price.map(|price| format!("{} {}", price.coins, price.currency)).unwrap_or_default(),
        html: markdown::html(form.description.trim()),
        image: form.pictures.first().and_then(|picture| picture.thumb.clone()),
    }
}
