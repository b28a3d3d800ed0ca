//! The home page, lists, search and product pages.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::domain::catalog::{IN_WINDOW, Slug, Stock};
use crate::domain::values::Amount;
use crate::infra::store;
use crate::infra::store::listing::{Card, Window};
use crate::infra::store::pictures::Image;
use crate::infra::store::products::Product;
use crate::infra::store::sprites::SheetCell;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::query_field;
use crate::interfaces::web::layout::{CategoryLink, Layout, category_href};
use crate::interfaces::web::page::{page, send};
use crate::interfaces::web::page_cache::CachedPage;
use crate::interfaces::web::state::{AppState, SiteSnapshot};
use crate::interfaces::web::texts::{Text, text};
use crate::interfaces::web::visitor::Visitor;

/// Units: products on a page of a list.
const ON_PAGE: i64 = 24;
/// Far more pages than any catalog has.
const LAST_PAGE: i64 = 1_000_000;

/// A product in a list, as the page prints it.
struct CardView {
    slug: String,
    name: String,
    initial: char,
    price: Option<Amount>,
    from: bool,
    is_sold_out: bool,
    /// Where it is worth a word.
    stock: Option<Text<'static>>,
    thumb: Option<Image>,
    /// Where the window's sheet has the thumb.
    cell: Option<SheetCell>,
}

#[derive(Template)]
#[template(path = "catalog/window.html")]
struct WindowPage<'a> {
    layout: Layout<'a>,
    notice: &'a str,
    cards: Vec<CardView>,
    total: i64,
    has_more: bool,
}

#[derive(Template)]
#[template(path = "catalog/list.html")]
struct ListPage<'a> {
    layout: Layout<'a>,
    title: String,
    summary: String,
    nothing: String,
    cards: Vec<CardView>,
    paging: Paging,
}

/// The page of a list, and links to its neighbours.
struct Paging {
    /// The address of each page, without its number.
    base: String,
    /// From 1.
    page: i64,
    n_pages: i64,
}

#[derive(Template)]
#[template(path = "catalog/product.html")]
struct ProductPage<'a> {
    layout: Layout<'a>,
    product: &'a Product,
    initial: char,
    crumbs: Vec<CategoryLink>,
    price: Option<Amount>,
    from: bool,
    /// The currencies it can be bought in instead.
    others: String,
    stock: Text<'static>,
    can_be_bought: bool,
    choices: Vec<Choice>,
    quantity: &'a str,
    refused: Option<Text<'static>>,
    refused_field: &'a str,
    next: Option<(String, String)>,
}

struct Choice {
    name: String,
    words: String,
    sold_out: bool,
    chosen: bool,
}

/// What a visitor tried to put into the cart, and why not.
pub struct RefusedAdd<'a> {
    pub option: &'a str,
    pub quantity: &'a str,
    /// `option` or `quantity`.
    pub field: &'a str,
    pub words: Text<'static>,
}

pub async fn show_window(
    request: HttpRequest,
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let (facts, version) = app.facts().await?;
    let currency = app.currency_name(&facts, visitor.currency.as_deref());
    let name = format!("/ {currency}");
    if let Some(ready) = app.ready.find(version, &name) {
        return Ok(send(&request, &app, &visitor, StatusCode::OK, &ready).finish_page());
    }
    let mut db = app.shop.db.reader().await?;
    let total = store::listing::find_size(&mut db, currency, "").await?.unwrap_or(0);
    let n_products = IN_WINDOW as i64;
    let window = Window { currency, category: "", first: 0, n_products };
    let mut cards = card_views(store::listing::list(&mut db, window).await?);
    // A card is asked for by its picture, so it is right whatever else the sheet shows.
    let cells = store::sprites::list_cells(&mut db, currency).await?;
    for card in &mut cards {
        card.cell = card.thumb.as_ref().and_then(|thumb| cells.get(&thumb.webp).cloned());
    }
    let layout = Layout::new(&app, &facts, currency, "/");
    let template =
        WindowPage { layout, notice: &facts.notice, cards, total, has_more: n_products < total };
    keep_and_send(&request, &app, &visitor, version, name, &template)
}

pub async fn show_all(
    request: HttpRequest,
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let title = text("catalog-all-products").to_string();
    show_list(&request, &app, &visitor, "", title, "/product").await
}

pub async fn show_category(
    request: HttpRequest,
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    // The path is decoded once by the server, but a slash in a name comes as %2F and stays so.
    let name = request
        .match_info()
        .get("name")
        .unwrap_or_default()
        .replace("%2F", "/")
        .replace("%2f", "/");
    if !store::categories::is_shown(&mut *app.shop.db.reader().await?, &name).await? {
        return Err(PageError::NotFound);
    }
    show_list(&request, &app, &visitor, &name, name.clone(), &category_href(&name)).await
}

async fn show_list(
    request: &HttpRequest,
    app: &AppState,
    visitor: &Visitor,
    category: &str,
    title: String,
    address: &str,
) -> Result<HttpResponse, PageError> {
    let (facts, version) = app.facts().await?;
    let currency = app.currency_name(&facts, visitor.currency.as_deref());
    let number = page_number(request)?;
    let name = format!("{address} {currency} {number}");
    if let Some(ready) = app.ready.find(version, &name) {
        return Ok(send(request, app, visitor, StatusCode::OK, &ready).finish_page());
    }
    let mut db = app.shop.db.reader().await?;
    let total = store::listing::find_size(&mut db, currency, category).await?.unwrap_or(0);
    let paging = Paging::new(format!("{address}?page="), number, total)?;
    let window = Window { currency, category, first: (number - 1) * ON_PAGE, n_products: ON_PAGE };
    let cards = card_views(store::listing::list(&mut db, window).await?);
    let template = ListPage {
        layout: Layout::new(app, &facts, currency, paging.at(number)),
        title,
        summary: products(total),
        nothing: text("catalog-list-empty").with("currency", currency).to_string(),
        cards,
        paging,
    };
    keep_and_send(request, app, visitor, version, name, &template)
}

pub async fn search(
    request: HttpRequest,
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let (facts, _) = app.facts().await?;
    let currency = app.currency_name(&facts, visitor.currency.as_deref());
    let query: String = query_field(&request, "q").chars().take(100).collect();
    let number = page_number(&request)?;
    let mut db = app.shop.db.reader().await?;
    let found = match store::search::fts_query(&query) {
        Some(words) => store::search::search(&mut db, &words, currency).await?,
        None => Vec::new(),
    };
    let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let paging = Paging::new(format!("/search?q={encoded}&page="), number, total)?;
    let on_page = usize::try_from(ON_PAGE).unwrap_or_default();
    let first = usize::try_from((number - 1) * ON_PAGE).unwrap_or_default();
    let ids: Vec<i64> = found.iter().skip(first).take(on_page).copied().collect();
    let cards = card_views(store::listing::list_chosen(&mut db, &ids, currency).await?);
    let mut layout = Layout::new(&app, &facts, currency, paging.at(number));
    layout.query.clone_from(&query);
    let template = ListPage {
        layout,
        title: if query.trim().is_empty() {
            text("catalog-search").to_string()
        } else {
            text("catalog-search-title").with("query", query.trim()).to_string()
        },
        summary: products(total),
        nothing: match query.trim() {
            "" => text("catalog-search-nothing-typed").to_string(),
            query => text("catalog-search-no-results").with("query", query).to_string(),
        },
        cards,
        paging,
    };
    page(&request, &app, &visitor, StatusCode::OK, &template)
}

pub async fn show_product(
    request: HttpRequest,
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let (facts, version) = app.facts().await?;
    let currency = app.currency_name(&facts, visitor.currency.as_deref());
    let slug = Slug::parse(request.match_info().get("slug").unwrap_or_default())
        .map_err(|_| PageError::NotFound)?;
    let name = format!("/product/{slug} {currency}");
    if let Some(ready) = app.ready.find(version, &name) {
        return Ok(send(&request, &app, &visitor, StatusCode::OK, &ready).finish_page());
    }
    let product = store::products::find_shown(&mut *app.shop.db.reader().await?, &slug)
        .await?
        .ok_or(PageError::NotFound)?;
    let template = product_page(&app, &facts, currency, &product, None).await?;
    keep_and_send(&request, &app, &visitor, version, name, &template)
}

/// The product's page again, with what the visitor chose and why it was refused.
pub async fn show_refused_add(
    request: &HttpRequest,
    app: &AppState,
    visitor: &Visitor,
    slug: &Slug,
    refused: RefusedAdd<'_>,
) -> Result<HttpResponse, PageError> {
    let (facts, _) = app.facts().await?;
    let product = store::products::find_shown(&mut *app.shop.db.reader().await?, slug)
        .await?
        .ok_or(PageError::NotFound)?;
    let currency = app.currency_name(&facts, visitor.currency.as_deref());
    let template = product_page(app, &facts, currency, &product, Some(refused)).await?;
    page(request, app, visitor, StatusCode::UNPROCESSABLE_ENTITY, &template)
}

async fn product_page<'a>(
    app: &'a AppState,
    facts: &'a SiteSnapshot,
    currency: &'a str,
    product: &'a Product,
    refused: Option<RefusedAdd<'a>>,
) -> Result<ProductPage<'a>, PageError> {
    let in_currency = |prices: &[(crate::domain::values::Currency, Amount)]| {
        prices.iter().find(|(name, _)| name.as_str() == currency).map(|(_, price)| *price)
    };
    let own = in_currency(&product.prices);
    let option_prices: Vec<Option<Amount>> =
        product.options.iter().map(|option| in_currency(&option.prices).or(own)).collect();
    let lowest = option_prices.iter().flatten().min().copied().or(own);
    let differ = option_prices.iter().flatten().any(|price| Some(*price) != lowest);
    let stock = total_stock(product);
    let choices = product.options.iter().zip(&option_prices).map(|(option, price)| {
        let stock = match option.stock {
            Some(free) => Stock::of(free, option.reserved),
            None => Stock::of(product.stock, product.reserved),
        };
        let mut words = option.name.clone();
        if differ && let Some(price) = price {
            let priced = text("catalog-option-price").with("option", words);
            words = priced.with("price", price).with("currency", currency).to_string();
        }
        if option.stock.is_some() {
            words = match stock {
                Stock::SoldOut => text("catalog-option-sold-out").with("option", words).to_string(),
                Stock::Few(left) => {
                    let few = text("catalog-option-few-left").with("option", words);
                    few.count("left", left).to_string()
                }
                Stock::Contested(left) => {
                    let contested = text("catalog-option-contested").with("option", words);
                    contested.count("left", left).to_string()
                }
                Stock::InStock => words,
            };
        }
        let chosen = refused.as_ref().is_some_and(|refused| refused.option == option.name);
        Choice {
            name: option.name.clone(),
            words,
            sold_out: stock == Stock::SoldOut || price.is_none(),
            chosen,
        }
    });
    let others = product.prices.iter().map(|(name, _)| name.to_string());
    let others = others.filter(|name| name != currency).reduce(|first, last| {
        text("catalog-list-and").with("first", first).with("last", last).to_string()
    });
    let crumbs = product.categories.iter().map(|name| CategoryLink {
        name: name.clone(),
        href: category_href(name),
        products: 0,
    });
    let next =
        store::listing::find_next(&mut *app.shop.db.reader().await?, product.id, currency).await?;
    Ok(ProductPage {
        layout: Layout::new(app, facts, currency, format!("/product/{}", product.slug)),
        product,
        initial: initial(&product.name),
        crumbs: crumbs.collect(),
        price: lowest,
        from: differ,
        others: others.unwrap_or_default(),
        stock: stock_text(stock),
        can_be_bought: stock != Stock::SoldOut && lowest.is_some(),
        choices: choices.collect(),
        quantity: refused.as_ref().map_or("1", |refused| refused.quantity),
        refused_field: refused.as_ref().map_or("", |refused| refused.field),
        refused: refused.map(|refused| refused.words),
        next,
    })
}

/// Of all options together; options without a quantity of their own share the product's.
fn total_stock(product: &Product) -> Stock {
    let own = product.options.iter().filter_map(|option| Some((option.stock?, option.reserved)));
    let shares =
        product.options.is_empty() || product.options.iter().any(|option| option.stock.is_none());
    let shared = shares.then_some((product.stock, product.reserved));
    let (free, reserved): (Vec<i64>, Vec<i64>) = own.chain(shared).unzip();
    Stock::of(free.iter().sum(), reserved.iter().sum())
}

fn keep_and_send(
    request: &HttpRequest,
    app: &AppState,
    visitor: &Visitor,
    version: i64,
    name: String,
    template: &impl Template,
) -> Result<HttpResponse, PageError> {
    let ready = Arc::new(CachedPage::new(&template.render()?));
    app.ready.keep(version, name, ready.clone());
    Ok(send(request, app, visitor, StatusCode::OK, &ready).finish_page())
}

fn card_views(cards: Vec<Card>) -> Vec<CardView> {
    cards
        .into_iter()
        .map(|card| {
            let stock = Stock::of(card.stock, card.reserved);
            CardView {
                initial: initial(&card.name),
                slug: card.slug,
                name: card.name,
                price: card.price,
                from: card.from,
                is_sold_out: stock == Stock::SoldOut,
                stock: (stock != Stock::InStock).then(|| stock_text(stock)),
                thumb: card.thumb,
                cell: None,
            }
        })
        .collect()
}

fn initial(name: &str) -> char {
    name.chars().find(|c| c.is_alphanumeric()).unwrap_or('·').to_uppercase().next().unwrap_or('·')
}

fn stock_text(stock: Stock) -> Text<'static> {
    match stock {
        Stock::SoldOut => text("catalog-sold-out"),
        Stock::Contested(left) => text("catalog-contested").count("left", left),
        Stock::Few(left) => text("catalog-few-left").count("left", left),
        Stock::InStock => text("catalog-in-stock"),
    }
}

fn page_number(request: &HttpRequest) -> Result<i64, PageError> {
    match query_field(request, "page").as_str() {
        "" => Ok(1),
        text => text
            .parse()
            .ok()
            .filter(|number| (1..=LAST_PAGE).contains(number))
            .ok_or(PageError::NotFound),
    }
}

impl Paging {
    /// # Errors
    /// [`PageError::NotFound`]: the list has fewer pages.
    fn new(base: String, page: i64, n_products: i64) -> Result<Self, PageError> {
        let n_pages = ((n_products + ON_PAGE - 1) / ON_PAGE).max(1);
        if n_pages < page { Err(PageError::NotFound) } else { Ok(Self { base, page, n_pages }) }
    }

    fn at(&self, page: i64) -> String {
        format!("{}{page}", self.base)
    }

    fn previous(&self) -> Option<String> {
        (1 < self.page).then(|| self.at(self.page - 1))
    }

    fn next(&self) -> Option<String> {
        (self.page < self.n_pages).then(|| self.at(self.page + 1))
    }
}

fn products(n: i64) -> String {
    text("catalog-products").count("total", n).to_string()
}
