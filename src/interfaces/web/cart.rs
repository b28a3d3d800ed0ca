//! The cart's pages.

use std::collections::HashMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use crate::domain::cart::{Basket, CartId, PricedCart, PricedLine, TooMany};
use crate::domain::catalog::{OfferKey, Slug};
use crate::domain::payment::Wallet;
use crate::domain::values::{Amount, Quantity};
use crate::infra::store;
use crate::infra::store::pictures::Image;
use crate::infra::store::sprites::SheetCell;
use crate::interfaces::http::{random_bytes, see_other};
use crate::interfaces::web::cards::initial;
use crate::interfaces::web::catalog::{AddToCartError, show_refused_add};
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::VerifiedForm;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::refusal_texts::{contested, notice};
use crate::interfaces::web::repeat_order;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::{Text, text};

#[derive(Template)]
#[template(path = "cart/cart.html")]
struct CartPage<'a> {
    layout: Layout<'a>,
    /// What changed, what cannot be bought, and what is also in other unpaid orders.
    notices: Vec<Text<'static>>,
    refused: Option<Text<'static>>,
    lines: Vec<LineView>,
    total: Option<Amount>,
    /// Empty: there are none.
    other_totals: String,
    has_shipping: bool,
    can_be_ordered: bool,
    /// Currencies in which the same cart can be ordered, if it cannot be in this one.
    other_currencies: Vec<String>,
}

pub struct LineView {
    pub slug: String,
    pub name: String,
    pub option: String,
    pub price: Option<Amount>,
    pub quantity: String,
    pub sum: Option<Amount>,
    pub is_refused: bool,
    pub initial: char,
    pub thumb: Option<Image>,
    /// Where the front page's sprite sheet has the thumb.
    pub cell: Option<SheetCell>,
}

/// A line of the cart, as a form names it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct LineForm {
    product: String,
    option: String,
    quantity: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CurrencyForm {
    currency: String,
    /// The page to return to.
    back: String,
}

/// Why a change of the cart was refused, and what was typed.
struct CartError {
    /// The line; `None`: it was not about a line.
    key: Option<OfferKey>,
    typed: String,
    why: Text<'static>,
}

pub async fn show(context: RequestContext) -> Result<HttpResponse, PageError> {
    show_cart(context, None).await
}

async fn show_cart(
    mut context: RequestContext,
    refused: Option<CartError>,
) -> Result<HttpResponse, PageError> {
    let basket = &context.visitor.basket;
    let cart = match context.wallet() {
        Some(wallet) => Some(price_cart(&context.app, basket, wallet).await?),
        None => None,
    };
    let others = other_carts(&context).await?;
    let can_be_ordered = cart.as_ref().is_some_and(PricedCart::can_be_ordered);
    let other_currencies = others.iter().map(|cart| cart.currency.to_string());
    let (thumbs, cells) = find_thumbs(&context, cart.as_ref()).await?;
    let lines = cart.iter().flat_map(|cart| &cart.lines).map(|line| {
        let mut view = LineView::new(line);
        view.thumb = thumbs.get(&line.offer.key.product).cloned();
        view.cell = view.thumb.as_ref().and_then(|thumb| cells.get(&thumb.webp).cloned());
        if let Some(refused) = refused.as_ref().filter(|change| change.key == Some(line.offer.key))
        {
            (view.quantity, view.is_refused) = (refused.typed.clone(), true);
        }
        view
    });
    let lines = lines.collect();
    let mut notices = repeat_order::notices(&context).await?;
    notices.extend(cart.iter().flat_map(|cart| {
        cart.notices.iter().map(notice).chain(cart.contested.iter().map(contested))
    }));
    let status = match &refused {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let template = CartPage {
        layout: Layout::new(&context, "/cart"),
        notices,
        refused: refused.map(|refused| refused.why),
        lines,
        total: cart.as_ref().and_then(|cart| cart.total),
        other_totals: other_totals(&others),
        has_shipping: cart.as_ref().is_some_and(PricedCart::is_shipped)
            && !store::shipping::list(&mut *context.app.shop.db.reader().await?).await?.is_empty(),
        can_be_ordered,
        other_currencies: other_currencies.filter(|_| !can_be_ordered).collect(),
    };
    let html = template.render()?;
    let cookie = cart.and_then(|cart| update_basket(&mut context, &cart));
    Ok(context.respond(status, &html, cookie))
}

/// The thumbs of a cart's products, and where the front page's sprite sheet has them, which the visitor has seen already.
async fn find_thumbs(
    context: &RequestContext,
    cart: Option<&PricedCart>,
) -> Result<(HashMap<i64, Image>, HashMap<String, SheetCell>), PageError> {
    let products: Vec<i64> =
        cart.iter().flat_map(|cart| &cart.lines).map(|line| line.offer.key.product).collect();
    if products.is_empty() {
        return Ok((HashMap::new(), HashMap::new()));
    }
    let mut db = context.app.shop.db.reader().await?;
    let thumbs = store::pictures::list_thumbs(&mut db, &products).await?;
    Ok((thumbs, store::sprites::list_cells(&mut db, context.currency()).await?))
}

/// Looks up the current price and stock of each line, and whether a shipping method takes them.
pub async fn price_cart(
    app: &AppState,
    basket: &Basket,
    wallet: &Wallet,
) -> Result<PricedCart, PageError> {
    let keys = basket.lines().iter().map(|line| line.key);
    let has_rate = app.valid_rates().has(wallet.currency.as_str());
    let mut db = app.shop.db.reader().await?;
    let offers = store::offers::list(&mut db, keys, &wallet.currency, has_rate).await?;
    let mut cart = PricedCart::new(basket, &offers, &wallet.currency, wallet.coin.most());
    cart.check_shipping(&store::shipping::list(&mut db).await?);
    Ok(cart)
}

/// Updates the visitor's cart: with the prices that the page shows, and without items that the shop does not know.
/// Returns the cookie if anything changed.
pub fn update_basket(context: &mut RequestContext, cart: &PricedCart) -> Option<String> {
    let mut basket = context.visitor.basket.clone();
    for line in context.visitor.basket.lines() {
        if cart.find_line(line.key).is_none() {
            basket.remove(line.key);
        }
    }
    remember_prices(&mut basket, cart);
    if basket == context.visitor.basket {
        return None;
    }
    let cookie = context.visitor.cart_cookie(&context.app.cookie_key, &basket).ok();
    context.visitor.basket = basket;
    cookie
}

fn remember_prices(basket: &mut Basket, cart: &PricedCart) {
    basket.remember(&cart.currency, |key| cart.find_line(key)?.offer.price);
}

impl LineView {
    pub fn new(line: &PricedLine) -> Self {
        Self {
            slug: line.offer.slug.to_string(),
            name: line.offer.name.clone(),
            option: line.offer.option_name.clone(),
            price: line.offer.price,
            quantity: line.quantity.to_string(),
            sum: line.sum,
            is_refused: false,
            initial: initial(&line.offer.name),
            thumb: None,
            cell: None,
        }
    }
}

/// The same cart in the shop's other currencies, as far as it can be ordered in them.
async fn other_carts(context: &RequestContext) -> Result<Vec<PricedCart>, PageError> {
    let (basket, currency) = (&context.visitor.basket, context.currency());
    let mut carts = Vec::new();
    if basket.is_empty() {
        return Ok(carts);
    }
    for wallet in &context.snapshot.wallets {
        if wallet.currency.as_str() != currency {
            let cart = price_cart(&context.app, basket, wallet).await?;
            carts.extend(Some(cart).filter(PricedCart::can_be_ordered));
        }
    }
    Ok(carts)
}

/// `0.1 ETH, 0.003 BTC or 2 XMR`; empty if there is none.
fn other_totals(carts: &[PricedCart]) -> String {
    let total = |cart: &PricedCart| Some(format!("{} {}", cart.total?, cart.currency));
    let mut totals: Vec<String> = carts.iter().filter_map(total).collect();
    let Some(last) = totals.pop() else { return String::new() };
    if totals.is_empty() {
        return last;
    }
    text("cart-list-or").with("first", totals.join(", ")).with("last", last).to_string()
}

pub async fn add(posted: VerifiedForm<LineForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, context } = posted;
    let RequestContext { app, visitor, .. } = &context;
    let slug = Slug::parse(&form.product).map_err(|_| PageError::NotFound)?;
    let (option, typed) = (form.option.as_str(), form.quantity.as_str());
    let refuse = |field, why| {
        show_refused_add(&context, &slug, AddToCartError { option, quantity: typed, field, why })
    };
    let key = store::offers::find_key(&mut *app.shop.db.reader().await?, &slug, option).await?;
    let Some(key) = key else {
        return refuse("option", text("cart-choose-option")).await;
    };
    // The ancestor's form had no quantity: it always added one.
    let quantity = if typed.is_empty() { Quantity::new(1) } else { Quantity::parse(typed) };
    let Ok(quantity) = quantity else {
        return refuse("quantity", text("cart-whole-number")).await;
    };
    let mut basket = visitor.basket.clone();
    if let Err(TooMany) = basket.add(key, quantity) {
        return refuse("quantity", text("cart-at-most")).await;
    }
    let Some(wallet) = context.wallet() else {
        return refuse("quantity", text("cart-not-yet-open")).await;
    };
    let cart = price_cart(app, &basket, wallet).await?;
    if let Some(why) = why_unavailable(&cart, key) {
        return refuse("quantity", why).await;
    }
    basket.id = CartId(random_bytes());
    remember_prices(&mut basket, &cart);
    match visitor.cart_cookie(&app.cookie_key, &basket) {
        Ok(cookie) => Ok(see_other("/cart", &[cookie])),
        Err(_) => refuse("quantity", text("cart-full")).await,
    }
}

/// Why a line cannot be bought.
fn why_unavailable(cart: &PricedCart, key: OfferKey) -> Option<Text<'static>> {
    let line = cart.find_line(key)?;
    if line.sum.is_some() && cart.total.is_some() {
        return None;
    }
    let name = line.offer.full_name();
    let why = match line.offer.available() {
        ..=0 => text("cart-item-sold-out"),
        left if left < line.quantity.get() => {
            text("cart-item-too-few").count("left", left).count("wanted", line.quantity)
        }
        _ if line.offer.needs_rate => text("cart-item-no-rate").with("currency", &cart.currency),
        _ if line.offer.price.is_none() => {
            text("cart-item-other-currency").with("currency", &cart.currency)
        }
        left => text("cart-options-too-few").count("left", left),
    };
    Some(why.with("name", name))
}

pub async fn change(posted: VerifiedForm<LineForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, context } = posted;
    let Some(wallet) = context.wallet() else { return Ok(see_other("/cart", &[])) };
    // Includes lines whose product is no longer sold.
    let cart = price_cart(&context.app, &context.visitor.basket, wallet).await?;
    let mut offers = cart.lines.iter().map(|line| &line.offer);
    let offer = offers
        .find(|offer| offer.slug.as_str() == form.product && offer.option_name == form.option);
    let Some(key) = offer.map(|offer| offer.key) else { return Ok(see_other("/cart", &[])) };
    let quantity = Quantity::parse(&form.quantity);
    if quantity.is_err() && form.quantity.trim() != "0" {
        let why = text("cart-whole-number-or-0");
        let refused = CartError { key: Some(key), typed: form.quantity, why };
        return show_cart(context, Some(refused)).await;
    }
    let mut basket = context.visitor.basket.clone();
    match quantity {
        Ok(quantity) => basket.change(key, quantity),
        Err(_) => basket.remove(key),
    }
    if basket == context.visitor.basket {
        return Ok(see_other("/cart", &[]));
    }
    basket.id = CartId(random_bytes());
    if let Ok(cookie) = context.visitor.cart_cookie(&context.app.cookie_key, &basket) {
        return Ok(see_other("/cart", &[cookie]));
    }
    let refused = CartError { key: Some(key), typed: form.quantity, why: text("cart-full") };
    show_cart(context, Some(refused)).await
}

pub async fn choose_currency(
    posted: VerifiedForm<CurrencyForm>,
) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, context } = posted;
    let RequestContext { app, visitor, snapshot, .. } = &context;
    let Some(wallet) = snapshot.find_wallet(&form.currency.trim().to_ascii_uppercase()) else {
        let why = text("cart-unknown-currency");
        let refused = CartError { key: None, typed: String::new(), why };
        return show_cart(context, Some(refused)).await;
    };
    let mut cookies = vec![visitor.currency_cookie(&wallet.currency)];
    // The visitor asked for the new prices, so the cart does not report them as changed.
    let mut basket = visitor.basket.clone();
    let cart = price_cart(app, &basket, wallet).await?;
    remember_prices(&mut basket, &cart);
    if basket != visitor.basket {
        cookies.extend(visitor.cart_cookie(&app.cookie_key, &basket));
    }
    Ok(see_other(back(&form.back), &cookies))
}

/// The path, if it is a page of this shop; otherwise the front page.
fn back(path: &str) -> &str {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~%?&=+".contains(&byte);
    let local = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= 600
        && path.bytes().all(is_allowed);
    let shown =
        !["/currency", "/cart/change", "/order/"].iter().any(|address| path.starts_with(address));
    if local && shown { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_goes_back_to_a_page_of_this_shop_alone() {
        for path in [
            "/",
            "/product?page=2",
            "/category/T%20shirts",
            "/search?q=wool+socks&page=1",
            "/cart",
            "/order",
        ] {
            assert_eq!(back(path), path);
        }
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "http://evil.example",
            "/a\r\nSet-Cookie: x",
            "/\t/evil",
            "/currency",
            "javascript:1",
        ] {
            assert_eq!(back(path), "/", "{path:?}");
        }
    }
}
