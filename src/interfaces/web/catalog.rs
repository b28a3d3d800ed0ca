//! The home page, lists, search and product pages.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::domain::catalog::{IN_WINDOW, Slug, Stock};
use crate::domain::values::{Amount, Currency, FiatPrice};
use crate::infra::store;
use crate::infra::store::listing::{Card, Window};
use crate::infra::store::pictures::Image;
use crate::infra::store::products::Product;
use crate::infra::store::sprites::SheetCell;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::query_field;
use crate::interfaces::web::fiat;
use crate::interfaces::web::layout::{CategoryLink, Layout, category_href};
use crate::interfaces::web::texts::{Text, text};

/// Units: products on one page of a list.
const PER_PAGE: i64 = 24;
/// Far more pages than any catalog has.
const LAST_PAGE: i64 = 1_000_000;

/// A product in a list, as the page prints it.
struct CardView {
    slug: String,
    name: String,
    initial: char,
    price: Option<Amount>,
    /// In ordinary money; instead of `price` where there is none.
    fiat: Option<FiatPrice>,
    /// What `price` is worth.
    worth: Option<String>,
    from: bool,
    is_sold_out: bool,
    /// Unless there is plenty.
    stock: Option<Text<'static>>,
    thumb: Option<Image>,
    /// Where the front page's sprite sheet has the thumb.
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
    summary: Text<'static>,
    /// Shown if the list is empty.
    empty: Text<'a>,
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
    /// The lowest in ordinary money, where that cannot be converted now.
    fiat: Option<FiatPrice>,
    /// What `price` is worth.
    worth: Option<Text<'static>>,
    from: bool,
    /// The currencies it can be bought in instead.
    others: String,
    stock: Text<'static>,
    can_be_bought: bool,
    options: Vec<OptionView>,
    quantity: &'a str,
    refused: Option<Text<'static>>,
    refused_field: &'a str,
    next: Option<(String, String)>,
}

struct OptionView {
    name: String,
    label: String,
    is_sold_out: bool,
    is_selected: bool,
}

/// What a visitor tried to add to the cart, and why it was refused.
pub struct AddToCartError<'a> {
    pub option: &'a str,
    pub quantity: &'a str,
    /// `option` or `quantity`.
    pub field: &'a str,
    pub why: Text<'static>,
}

pub async fn show_window(context: RequestContext) -> Result<HttpResponse, PageError> {
    let currency = context.currency();
    let key = format!("/ {currency}");
    if let Some(page) = context.find_cached(&key) {
        return Ok(page);
    }
    let mut db = context.app.shop.db.reader().await?;
    let total = store::listing::find_size(&mut db, currency, "").await?.unwrap_or(0);
    let n_products = IN_WINDOW as i64;
    let has_rate = context.has_rate();
    let window = Window { currency, category: "", first: 0, n_products, has_rate };
    let mut cards = card_views(&context, store::listing::list(&mut db, window).await?);
    // A cell is found by its picture, so it is right whatever else the sheet shows.
    let cells = store::sprites::list_cells(&mut db, currency).await?;
    for card in &mut cards {
        card.cell = card.thumb.as_ref().and_then(|thumb| cells.get(&thumb.webp).cloned());
    }
    let template = WindowPage {
        layout: Layout::new(&context, "/"),
        notice: &context.snapshot.notice,
        cards,
        total,
        has_more: n_products < total,
    };
    context.render_cached(key, &template)
}

pub async fn show_all(context: RequestContext) -> Result<HttpResponse, PageError> {
    show_list(&context, "", text("catalog-all-products").to_string(), "/product").await
}

pub async fn show_category(context: RequestContext) -> Result<HttpResponse, PageError> {
    // The path is decoded once by the server, but a slash in a name comes as %2F and stays so.
    let name = context.path_part("name").replace("%2F", "/").replace("%2f", "/");
    if !store::categories::is_shown(&mut *context.app.shop.db.reader().await?, &name).await? {
        return Err(PageError::NotFound);
    }
    show_list(&context, &name, name.clone(), &category_href(&name)).await
}

async fn show_list(
    context: &RequestContext,
    category: &str,
    title: String,
    address: &str,
) -> Result<HttpResponse, PageError> {
    let currency = context.currency();
    let number = page_number(context)?;
    let key = format!("{address} {currency} {number}");
    if let Some(page) = context.find_cached(&key) {
        return Ok(page);
    }
    let mut db = context.app.shop.db.reader().await?;
    let total = store::listing::find_size(&mut db, currency, category).await?.unwrap_or(0);
    let paging = Paging::new(format!("{address}?page="), number, total)?;
    let first = (number - 1) * PER_PAGE;
    let has_rate = context.has_rate();
    let window = Window { currency, category, first, n_products: PER_PAGE, has_rate };
    let template = ListPage {
        layout: Layout::new(context, paging.at(number)),
        title,
        summary: text("catalog-products").count("total", total),
        empty: text("catalog-list-empty").with("currency", currency),
        cards: card_views(context, store::listing::list(&mut db, window).await?),
        paging,
    };
    context.render_cached(key, &template)
}

pub async fn search(context: RequestContext) -> Result<HttpResponse, PageError> {
    let currency = context.currency();
    let query: String = query_field(&context.request, "q").chars().take(100).collect();
    let number = page_number(&context)?;
    let mut db = context.app.shop.db.reader().await?;
    let found = match store::search::fts_query(&query) {
        Some(words) => store::search::search(&mut db, &words, currency).await?,
        None => Vec::new(),
    };
    let total = found.len() as i64;
    let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let paging = Paging::new(format!("/search?q={encoded}&page="), number, total)?;
    let ids = found.chunks(PER_PAGE as usize).nth(number as usize - 1).unwrap_or_default();
    let has_rate = context.has_rate();
    let cards = store::listing::list_chosen(&mut db, ids, currency, has_rate).await?;
    let cards = card_views(&context, cards);
    let layout = Layout { query: query.clone(), ..Layout::new(&context, paging.at(number)) };
    let (title, empty) = match query.trim() {
        "" => (text("catalog-search"), text("catalog-search-nothing-typed")),
        words => (
            text("catalog-search-title").with("query", words),
            text("catalog-search-no-results").with("query", words),
        ),
    };
    let title = title.to_string();
    let summary = text("catalog-products").count("total", total);
    let template = ListPage { layout, title, summary, empty, cards, paging };
    context.render(StatusCode::OK, &template)
}

pub async fn show_product(context: RequestContext) -> Result<HttpResponse, PageError> {
    let slug = Slug::parse(context.path_part("slug")).map_err(|_| PageError::NotFound)?;
    let key = format!("/product/{slug} {}", context.currency());
    if let Some(page) = context.find_cached(&key) {
        return Ok(page);
    }
    let product = find_product(&context, &slug).await?;
    context.render_cached(key, &product_page(&context, &product, None).await?)
}

/// The product's page again, with what the visitor chose and why it was refused.
pub async fn show_refused_add(
    context: &RequestContext,
    slug: &Slug,
    refused: AddToCartError<'_>,
) -> Result<HttpResponse, PageError> {
    let product = find_product(context, slug).await?;
    let template = product_page(context, &product, Some(refused)).await?;
    context.render(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

async fn find_product(context: &RequestContext, slug: &Slug) -> Result<Product, PageError> {
    let mut db = context.app.shop.db.reader().await?;
    store::products::find_shown(&mut db, slug, &context.rates).await?.ok_or(PageError::NotFound)
}

async fn product_page<'a>(
    context: &'a RequestContext,
    product: &'a Product,
    refused: Option<AddToCartError<'a>>,
) -> Result<ProductPage<'a>, PageError> {
    let currency = context.currency();
    let in_currency = |prices: &[(Currency, Amount)]| {
        prices.iter().find(|(name, _)| name.as_str() == currency).map(|(_, price)| *price)
    };
    let own = in_currency(&product.prices);
    let option_prices: Vec<Option<Amount>> =
        product.options.iter().map(|option| in_currency(&option.prices).or(own)).collect();
    let lowest = option_prices.iter().flatten().min().copied().or(own);
    let differ = option_prices.iter().flatten().any(|price| Some(*price) != lowest);
    let stock = total_stock(product);
    let options = product.options.iter().zip(&option_prices).map(|(option, price)| {
        let stock = match option.stock {
            Some(free) => Stock::of(free, option.reserved),
            None => Stock::of(product.stock, product.reserved),
        };
        let mut label = option.name.clone();
        if differ && let Some(price) = price {
            let priced = text("catalog-option-price").with("option", label);
            label = priced.with("price", price).with("currency", currency).to_string();
        }
        let of_stock = match stock {
            _ if option.stock.is_none() => None,
            Stock::InStock => None,
            Stock::SoldOut => Some(text("catalog-option-sold-out")),
            Stock::Few(left) => Some(text("catalog-option-few-left").count("left", left)),
            Stock::Contested(left) => Some(text("catalog-option-contested").count("left", left)),
        };
        if let Some(of_stock) = of_stock {
            label = of_stock.with("option", label).to_string();
        }
        OptionView {
            name: option.name.clone(),
            label,
            is_sold_out: stock == Stock::SoldOut || price.is_none(),
            is_selected: refused.as_ref().is_some_and(|refused| refused.option == option.name),
        }
    });
    let options = options.collect();
    let others = product.prices.iter().map(|(name, _)| name.to_string());
    let others = others.filter(|name| name != currency).reduce(|first, last| {
        text("catalog-list-and").with("first", first).with("last", last).to_string()
    });
    let crumbs = product.categories.iter().map(|name| CategoryLink {
        name: name.clone(),
        href: category_href(name),
        products: 0,
    });
    let mut db = context.app.shop.db.reader().await?;
    let next = store::listing::find_next(&mut db, product.id, currency).await?;
    Ok(ProductPage {
        layout: Layout::new(context, format!("/product/{}", product.slug)),
        product,
        initial: initial(&product.name),
        crumbs: crumbs.collect(),
        worth: lowest.and_then(|lowest| worth_of(context, product, lowest)),
        fiat: lowest_fiat(product).filter(|_| lowest.is_none()),
        price: lowest,
        from: differ,
        others: others.unwrap_or_default(),
        stock: stock_text(stock),
        can_be_bought: stock != Stock::SoldOut && lowest.is_some(),
        options,
        quantity: refused.as_ref().map_or("1", |refused| refused.quantity),
        refused_field: refused.as_ref().map_or("", |refused| refused.field),
        refused: refused.map(|refused| refused.why),
        next,
    })
}

/// The lowest price in ordinary money, of the product or its options.
fn lowest_fiat(product: &Product) -> Option<FiatPrice> {
    let of_options = product.options.iter().filter_map(|option| option.fiat.or(product.fiat));
    of_options.min_by_key(|price| price.minor).or(product.fiat)
}

/// What the lowest price is worth: exactly what the seller said, if it was converted from that.
fn worth_of(context: &RequestContext, product: &Product, lowest: Amount) -> Option<Text<'static>> {
    let (wallet, rate) = context.wallet().zip(context.rates.find(context.currency()))?;
    match lowest_fiat(product) {
        Some(price) if rate.coins_for(price, &wallet.coin) == Some(lowest) => {
            Some(fiat::exact_worth(rate, price))
        }
        _ => fiat::worth(&context.rates, context.currency(), lowest),
    }
}

/// Of all options together; options without a quantity of their own share the product's.
fn total_stock(product: &Product) -> Stock {
    let own = product.options.iter().filter_map(|option| Some((option.stock?, option.reserved)));
    let shares =
        product.options.is_empty() || product.options.iter().any(|option| option.stock.is_none());
    let shared = shares.then_some((product.stock, product.reserved));
    let (free, reserved) =
        own.chain(shared).fold((0, 0), |sum, pool| (sum.0 + pool.0, sum.1 + pool.1));
    Stock::of(free, reserved)
}

fn card_views(context: &RequestContext, cards: Vec<Card>) -> Vec<CardView> {
    let worth =
        |card: &Card| fiat::short_worth(&context.rates, context.currency(), card.price?, card.fiat);
    cards
        .into_iter()
        .map(|card| {
            let stock = Stock::of(card.stock, card.reserved);
            CardView {
                worth: worth(&card),
                initial: initial(&card.name),
                slug: card.slug,
                name: card.name,
                fiat: card.fiat,
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

fn page_number(context: &RequestContext) -> Result<i64, PageError> {
    match query_field(&context.request, "page").as_str() {
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
        let n_pages = ((n_products + PER_PAGE - 1) / PER_PAGE).max(1);
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
