//! The list of products.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use crate::infra::store;
use crate::infra::store::seller_products::{DeskFilter, DeskRow, LOW};
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::extract;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::{checkbox, number};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{address_with_query, page, see_other};
use crate::interfaces::desk::products::address::{address, parse_slug, preferred_currency};
use crate::interfaces::desk::products::manage::arrange;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;

const NOTICES: [(&str, &str); 5] = [
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
const ON_A_PAGE: i64 = 50;

/// The filter and the page of the list, of the query string or of the form around the list.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    #[serde(rename = "q")]
    search: String,
    category: String,
    #[serde(deserialize_with = "checkbox")]
    low: bool,
    #[serde(deserialize_with = "checkbox")]
    hidden: bool,
    /// Counts from 1.
    #[serde(deserialize_with = "number")]
    page: i64,
    /// Of a button, such as `up SLUG`.
    #[serde(rename = "do")]
    action: String,
}

impl ListQuery {
    fn within_limits(self) -> Self {
        let short = |text: String| text.chars().take(200).collect();
        let page = if self.page <= 100_000 { self.page.max(1) } else { 1 };
        Self { search: short(self.search), category: short(self.category), page, ..self }
    }

    /// The address of another page of the list.
    fn address(&self, page: i64, done: &str) -> String {
        let page = if 1 < page { page.to_string() } else { String::new() };
        let flag = |is_set: bool| if is_set { "1" } else { "" };
        let fields = [
            ("q", self.search.as_str()),
            ("category", &self.category),
            ("low", flag(self.low)),
            ("hidden", flag(self.hidden)),
            ("page", &page),
            ("done", done),
        ];
        address_with_query("/products", &fields)
    }

    fn shows_all(&self) -> bool {
        self.search.trim().is_empty() && self.category.is_empty() && !self.low && !self.hidden
    }
}

#[derive(Template)]
#[template(path = "desk/products/list.html")]
struct ListPage<'a> {
    layout: DeskLayout<'a>,
    query: &'a ListQuery,
    rows: Vec<DeskRow>,
    categories: Vec<(String, i64)>,
    currency: &'a str,
    n_products: i64,
    n_hidden: i64,
    low: i64,
    before: Option<String>,
    after: Option<String>,
}

impl ListPage<'_> {
    fn price(&self, row: &DeskRow) -> String {
        let from = if row.from { "from " } else { "" };
        match (row.price, row.fiat) {
            (Some(price), _) => format!("{from}{price} {}", self.currency),
            (None, Some(price)) => format!("{from}{price}"),
            (None, None) => String::new(),
        }
    }
}

pub async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let mut db = desk.shop.db.reader().await?;
    let query = extract::query::<ListQuery>(&request).within_limits();
    let wallets = store::wallets::list(&mut db).await?;
    let currency = preferred_currency(&desk, &wallets);
    let filter = DeskFilter {
        category: query.category.clone(),
        words: store::search::fts_query(&mut db, &query.search).await?,
        low: query.low,
        hidden: query.hidden,
    };
    // One product more than is shown tells whether there is a next page.
    let first = (query.page - 1) * ON_A_PAGE;
    let mut rows =
        store::seller_products::list(&mut db, &filter, currency, first, ON_A_PAGE + 1).await?;
    let page_size = usize::try_from(ON_A_PAGE).unwrap_or(usize::MAX);
    let has_more = page_size < rows.len();
    rows.truncate(page_size);
    let (n_products, n_hidden) = store::seller_products::count(&mut db).await?;
    let template = ListPage {
        layout: DeskLayout::new(&seller, "/products").with_notice(&request, &NOTICES),
        rows,
        categories: store::categories::list(&mut db).await?,
        currency,
        n_products,
        n_hidden,
        low: LOW,
        before: (1 < query.page).then(|| query.address(query.page - 1, "")),
        after: has_more.then(|| query.address(query.page + 1, "")),
        query: &query,
    };
    page(StatusCode::OK, &template)
}

/// The buttons of the list: moves a product up or down, hides it or shows it.
pub async fn submit(
    desk: Data<Desk>,
    VerifiedForm { form, .. }: VerifiedForm<ListQuery>,
) -> DeskResult {
    let query = form.within_limits();
    let (change, slug) = query.action.split_once(' ').ok_or(DeskError::NotFound)?;
    let slug = parse_slug(slug)?;
    let done = arrange(&desk, &slug, change).await?;
    Ok(see_other(&format!("{}#p-{slug}", query.address(query.page, done))))
}
