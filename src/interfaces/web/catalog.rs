//! The home page and product pages.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::domain::catalog::{IN_WINDOW, ProductKind, Slug, SortOrder, Stock};
use crate::domain::values::{Amount, Currency, FiatPrice};
use crate::infra::store;
use crate::infra::store::Connection;
use crate::infra::store::listing::Window;
use crate::infra::store::products::{Product, ProductOption};
use crate::interfaces::web::cards::{CardView, card_views, initial, stock_text, use_sprites};
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::fiat;
use crate::interfaces::web::layout::{CategoryLink, Layout, category_href};
use crate::interfaces::web::texts::{Text, text};

/// Units: products that are shown below a product.
const N_RELATED: i64 = 4;

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
    others: Vec<&'a str>,
    stock: Text<'static>,
    can_be_bought: bool,
    options: Vec<OptionView>,
    quantity: &'a str,
    refused: Option<Text<'static>>,
    refused_field: &'a str,
    next: Option<(String, String)>,
    related: Vec<CardView>,
}

impl ProductPage<'_> {
    /// The id of a text: how a product that is not shipped reaches its buyer.
    fn kind_text(&self) -> Option<&'static str> {
        match self.product.kind {
            ProductKind::Shipped => None,
            ProductKind::Digital => Some("catalog-digital"),
            ProductKind::Pickup => Some("catalog-pickup"),
            ProductKind::Service => Some("catalog-service"),
        }
    }
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
    let size = store::listing::find_size(&mut db, currency, "").await?;
    let n_products = IN_WINDOW as i64;
    let order = SortOrder::Standard;
    let has_rate = context.has_rate();
    let window = Window { currency, category: "", order, first: 0, n_products, has_rate };
    let mut cards = card_views(&context, store::listing::list(&mut db, window, size).await?);
    use_sprites(&mut db, currency, &mut cards).await?;
    drop(db);
    let template = WindowPage {
        layout: Layout::new(&context, "/"),
        notice: &context.snapshot.notice,
        cards,
        total: size.total(),
        has_more: n_products < size.total(),
    };
    context.render_cached(key, &template)
}

pub async fn show_product(context: RequestContext) -> Result<HttpResponse, PageError> {
    let slug = Slug::parse(context.path_part("slug")).map_err(|_| PageError::NotFound)?;
    let key = format!("/product/{slug} {}", context.currency());
    if let Some(page) = context.find_cached(&key) {
        return Ok(page);
    }
    let mut db = context.app.shop.db.reader().await?;
    let product = find_product(&context, &mut db, &slug).await?;
    let template = product_page(&context, &mut db, &product, None).await?;
    drop(db);
    context.render_cached(key, &template)
}

/// The product's page again, with what the visitor chose and why it was refused.
pub async fn show_refused_add(
    context: &RequestContext,
    slug: &Slug,
    refused: AddToCartError<'_>,
) -> Result<HttpResponse, PageError> {
    let mut db = context.app.shop.db.reader().await?;
    let product = find_product(context, &mut db, slug).await?;
    let template = product_page(context, &mut db, &product, Some(refused)).await?;
    drop(db);
    context.render(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

async fn find_product(
    context: &RequestContext,
    db: &mut Connection,
    slug: &Slug,
) -> Result<Product, PageError> {
    store::products::find_shown(db, slug, &context.rates).await?.ok_or(PageError::NotFound)
}

async fn product_page<'a>(
    context: &'a RequestContext,
    db: &mut Connection,
    product: &'a Product,
    refused: Option<AddToCartError<'a>>,
) -> Result<ProductPage<'a>, PageError> {
    let currency = context.currency();
    let in_currency = |prices: &[(Currency, Amount)]| {
        prices.iter().find(|(name, _)| name.as_str() == currency).map(|(_, price)| *price)
    };
    let own = in_currency(&product.prices);
    // An option that is priced in ordinary money never costs what the product does.
    let base = |option: &ProductOption| own.filter(|_| option.fiat.is_none());
    let options = product.options.iter();
    let option_prices: Vec<Option<Amount>> =
        options.map(|option| in_currency(&option.prices).or(base(option))).collect();
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
    let of_options = product.options.iter().flat_map(|option| &option.prices);
    let priced: Vec<&Currency> =
        product.prices.iter().chain(of_options).map(|(name, _)| name).collect();
    let wallets = context.snapshot.wallets.iter().filter(|_| lowest.is_none());
    let others = wallets.map(|wallet| &wallet.currency).filter(|name| priced.contains(name));
    let crumbs = product.categories.iter().map(|name| CategoryLink {
        name: name.clone(),
        href: category_href(name),
        products: 0,
    });
    let next = store::listing::find_next(db, product.id, currency).await?;
    let related = related(context, db, product).await?;
    Ok(ProductPage {
        layout: Layout::new(context, format!("/product/{}", product.slug)),
        product,
        initial: initial(&product.name),
        crumbs: crumbs.collect(),
        worth: lowest.and_then(|lowest| worth_of(context, product, lowest)),
        fiat: lowest_fiat(product).filter(|_| lowest.is_none()),
        price: lowest,
        from: differ,
        others: others.map(Currency::as_str).collect(),
        stock: stock_text(stock),
        can_be_bought: stock != Stock::SoldOut && lowest.is_some(),
        options,
        quantity: refused.as_ref().map_or("1", |refused| refused.quantity),
        refused_field: refused.as_ref().map_or("", |refused| refused.field),
        refused: refused.map(|refused| refused.why),
        next,
        related,
    })
}

/// Others of the product's first category that has others.
async fn related(
    context: &RequestContext,
    db: &mut Connection,
    product: &Product,
) -> Result<Vec<CardView>, PageError> {
    let currency = context.currency();
    for category in &product.categories {
        let list = (currency, category.as_str());
        let ids = store::listing::list_related(db, product.id, list, N_RELATED).await?;
        if !ids.is_empty() {
            let has_rate = context.has_rate();
            let shown = store::listing::list_cards(db, &ids, currency, has_rate).await?;
            // Four thumbs are smaller than the front page's sprite sheet, which not every visitor has loaded.
            return Ok(card_views(context, shown));
        }
    }
    Ok(Vec::new())
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
