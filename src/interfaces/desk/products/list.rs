//! The list of products.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::infra::store;
use crate::infra::store::pictures::Image;
use crate::infra::store::seller_products::{DeskFilter, DeskRow, LOW};
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::{VerifiedForm, query};
use crate::interfaces::desk::form::{number, ticked};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::products::address::{address, parse_slug, preferred};
use crate::interfaces::desk::products::manage::arrange;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;

const DONE: [(&str, &str); 5] = [
    ("moved", "The order was changed. Buyers see the same order."),
    (
        "hidden",
        "The product is hidden. Buyers cannot see it or order it, even if it is in their cart.",
    ),
    ("shown", "The product is visible again."),
    ("emptied", "The catalog is empty. Start by adding a wallet, then your first product."),
    ("deleted", "The product was deleted. Existing orders are not affected."),
];

/// Units: products.
const PAGE: i64 = 50;

/// What the list is asked for, by its address or by the fields of its buttons.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    #[serde(rename = "q")]
    words: String,
    category: String,
    #[serde(deserialize_with = "ticked")]
    low: bool,
    #[serde(deserialize_with = "ticked")]
    hidden: bool,
    /// Counts from 1.
    #[serde(deserialize_with = "number")]
    page: i64,
    #[serde(rename = "do")]
    action: String,
}

impl Asked {
    fn within_limits(self) -> Self {
        let short = |text: String| text.chars().take(200).collect();
        let page = if self.page <= 100_000 { self.page.max(1) } else { 1 };
        Self { words: short(self.words), category: short(self.category), page, ..self }
    }

    /// The address of the same list at another page of it.
    fn address(&self, page: i64, done: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("q", &self.words), ("category", &self.category)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        for (name, is_asked) in [("low", self.low), ("hidden", self.hidden)] {
            if is_asked {
                query.append_pair(name, "1");
            }
        }
        if 1 < page {
            query.append_pair("page", &page.to_string());
        }
        if !done.is_empty() {
            query.append_pair("done", done);
        }
        let query = query.finish();
        if query.is_empty() { "/products".to_owned() } else { format!("/products?{query}") }
    }

    fn is_all(&self) -> bool {
        self.words.trim().is_empty() && self.category.is_empty() && !self.low && !self.hidden
    }
}

struct Row {
    address: String,
    slug: String,
    name: String,
    hidden: bool,
    price: String,
    stock: i64,
    low: bool,
    thumb: Option<Image>,
}

#[derive(Template)]
#[template(path = "desk/products/list.html")]
struct ListPage<'a> {
    layout: DeskLayout<'a>,
    asked: &'a Asked,
    rows: Vec<Row>,
    categories: Vec<(String, i64)>,
    currency: &'a str,
    n_products: i64,
    n_hidden: i64,
    low: i64,
    before: Option<String>,
    after: Option<String>,
}

pub async fn show(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let mut db = desk.shop.db.reader().await?;
    let asked = query::<Asked>(&request).within_limits();
    let wallets = store::wallets::list(&mut db).await?;
    let currency = preferred(&desk, &wallets);
    let filter = DeskFilter {
        category: asked.category.clone(),
        words: store::search::fts_query(&asked.words),
        low: asked.low,
        hidden: asked.hidden,
    };
    // One more than is shown tells whether there is a next page.
    let first = (asked.page - 1) * PAGE;
    let mut found =
        store::seller_products::list(&mut db, &filter, currency, first, PAGE + 1).await?;
    let page_size = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let has_more = page_size < found.len();
    found.truncate(page_size);
    let (n_products, n_hidden) = store::seller_products::count(&mut db).await?;
    let template = ListPage {
        layout: DeskLayout::new(&seller, "/products").told(&request, &DONE),
        rows: found.into_iter().map(|row| shown(row, currency)).collect::<Result<_, _>>()?,
        categories: store::categories::list(&mut db).await?,
        currency,
        n_products,
        n_hidden,
        low: LOW,
        before: (1 < asked.page).then(|| asked.address(asked.page - 1, "")),
        after: has_more.then(|| asked.address(asked.page + 1, "")),
        asked: &asked,
    };
    page(StatusCode::OK, &template)
}

fn shown(row: DeskRow, currency: &str) -> Result<Row, DeskError> {
    let from = if row.from { "from " } else { "" };
    Ok(Row {
        address: address(&parse_slug(&row.slug)?),
        slug: row.slug,
        name: row.name,
        hidden: row.hidden,
        price: row.price.map(|price| format!("{from}{price} {currency}")).unwrap_or_default(),
        stock: row.stock,
        low: row.low,
        thumb: row.thumb,
    })
}

/// The buttons of the list: a product goes up or down, is hidden or shown.
pub async fn submit(
    desk: Data<Desk>,
    VerifiedForm { form, .. }: VerifiedForm<Asked>,
) -> Result<HttpResponse, DeskError> {
    let asked = form.within_limits();
    let (what, slug) = asked.action.split_once(' ').ok_or(DeskError::NotFound)?;
    let slug = parse_slug(slug)?;
    let done = arrange(&desk, &slug, what).await?;
    Ok(see_other(&format!("{}#p-{slug}", asked.address(asked.page, done))))
}
