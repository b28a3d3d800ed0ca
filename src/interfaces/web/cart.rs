//! The cart's pages.

use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::domain::cart::{Basket, CartId, PricedCart, Refused};
use crate::domain::catalog::{OfferKey, Slug};
use crate::domain::payment::Wallet;
use crate::domain::values::{Amount, Currency, Quantity};
use crate::infra::store;
use crate::interfaces::http::{random_bytes, see_other};
use crate::interfaces::web::catalog::{RefusedAdd, show_refused_add};
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::VerifiedForm;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::page::send;
use crate::interfaces::web::page_cache::CachedPage;
use crate::interfaces::web::reasons::{contested, notice};
use crate::interfaces::web::state::{AppState, SiteSnapshot};
use crate::interfaces::web::texts::{Text, text};
use crate::interfaces::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "cart/cart.html")]
struct CartPage<'a> {
    layout: Layout<'a>,
    notices: Vec<Text<'static>>,
    refused: Option<Text<'static>>,
    lines: Vec<LineView>,
    total: String,
    /// Empty: there are none.
    other_totals: String,
    asks_for_sending: bool,
    can_be_ordered: bool,
}

pub struct LineView {
    pub slug: String,
    pub name: String,
    pub option: String,
    pub price: Option<Amount>,
    pub quantity: String,
    pub sum: Option<Amount>,
    pub refused: bool,
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
    /// The page to come back to.
    back: String,
}

pub async fn show(
    request: HttpRequest,
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    show_cart(&request, &app, visitor, StatusCode::OK, None).await
}

/// A change of a line that was refused: whose, what was typed, and why.
struct RefusedChange<'a> {
    key: Option<OfferKey>,
    typed: &'a str,
    words: Text<'static>,
}

async fn show_cart(
    request: &HttpRequest,
    app: &AppState,
    mut visitor: Visitor,
    status: StatusCode,
    refused: Option<RefusedChange<'_>>,
) -> Result<HttpResponse, PageError> {
    let (facts, _) = app.facts().await?;
    let wallet = app.currency(&facts, visitor.currency.as_deref());
    let looked = match wallet {
        Some(wallet) => Some(look_again(app, &visitor.basket, wallet).await?),
        None => None,
    };
    let currency = wallet.map_or("", |wallet| wallet.currency.as_str());
    let lines = looked.iter().flat_map(|cart| &cart.lines).map(|line| {
        let refused = refused.as_ref().filter(|refused| refused.key == Some(line.offer.key));
        LineView {
            refused: refused.is_some(),
            ..line_view(line, refused.map(|refused| refused.typed))
        }
    });
    let lines = lines.collect();
    let template = CartPage {
        layout: Layout::new(app, &facts, currency, "/cart"),
        notices: looked.iter().flat_map(notices_of).collect(),
        refused: refused.map(|refused| refused.words),
        lines,
        total: looked
            .as_ref()
            .and_then(|cart| cart.total)
            .map_or_else(|| "–".to_owned(), |total| total.to_string()),
        other_totals: other_totals(app, &facts, &visitor.basket, currency).await?,
        asks_for_sending: store::shipping::has_any(&mut *app.shop.db.reader().await?).await?,
        can_be_ordered: looked.as_ref().is_some_and(PricedCart::can_be_ordered),
    };
    let html = template.render()?;
    let cookie = match &looked {
        Some(cart) => remember(app, &mut visitor, cart),
        None => None,
    };
    let mut sent = send(request, app, &visitor, status, &CachedPage::once(&html));
    if let Some(cookie) = cookie {
        sent.response.append_header((header::SET_COOKIE, cookie));
    }
    Ok(sent.finish_page())
}

/// What the shop says now of each line.
pub async fn look_again(
    app: &AppState,
    basket: &Basket,
    wallet: &Wallet,
) -> Result<PricedCart, PageError> {
    let keys = basket.lines().iter().map(|line| line.key);
    let offers =
        store::offers::list(&mut *app.shop.db.reader().await?, keys, &wallet.currency).await?;
    Ok(PricedCart::new(basket, &offers, &wallet.currency, wallet.coin.most()))
}

/// The cart's cookie with the prices that the visitor sees now, and without what the shop does not know; `None` where
/// nothing changes.
pub fn remember(app: &AppState, visitor: &mut Visitor, cart: &PricedCart) -> Option<String> {
    let before = visitor.basket.write();
    let unknown: Vec<OfferKey> = visitor
        .basket
        .lines()
        .iter()
        .map(|line| line.key)
        .filter(|key| price_in(cart, *key).is_none())
        .collect();
    for key in unknown {
        visitor.basket.remove(key);
    }
    remember_prices(&mut visitor.basket, cart);
    if visitor.basket.write() == before {
        None
    } else {
        visitor.cart_cookie(&app.cookie_key, &visitor.basket).ok()
    }
}

fn remember_prices(basket: &mut Basket, cart: &PricedCart) {
    basket.remember(&cart.currency, |key| price_in(cart, key).flatten());
}

/// `None`: the shop does not know it; `Some(None)`: it has no price here.
fn price_in(cart: &PricedCart, key: OfferKey) -> Option<Option<Amount>> {
    cart.lines.iter().find(|line| line.offer.key == key).map(|line| line.offer.price)
}

pub fn line_view(line: &crate::domain::cart::PricedLine, typed: Option<&str>) -> LineView {
    LineView {
        slug: line.offer.slug.to_string(),
        name: line.offer.name.clone(),
        option: line.offer.option_name.clone(),
        price: line.offer.price,
        quantity: typed.map_or_else(|| line.quantity.to_string(), str::to_owned),
        sum: line.sum,
        refused: false,
    }
}

/// What the same cart costs in the shop's other currencies, where all of it has a price there.
async fn other_totals(
    app: &AppState,
    facts: &SiteSnapshot,
    basket: &Basket,
    currency: &str,
) -> Result<String, PageError> {
    let mut totals = Vec::new();
    for wallet in facts
        .wallets
        .iter()
        .filter(|wallet| wallet.currency.as_str() != currency && !basket.is_empty())
    {
        let cart = look_again(app, basket, wallet).await?;
        if let Some(total) = cart.total.filter(|_| cart.can_be_ordered()) {
            totals.push(format!("{total} {}", wallet.currency));
        }
    }
    let Some(last) = totals.pop() else { return Ok(String::new()) };
    match totals.is_empty() {
        true => Ok(last),
        false => {
            Ok(text("cart-list-or").with("first", totals.join(", ")).with("last", last).to_string())
        }
    }
}

pub async fn add(
    request: HttpRequest,
    app: Data<AppState>,
    posted: VerifiedForm<LineForm>,
) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, visitor } = posted;
    let slug = Slug::parse(&form.product).map_err(|_| PageError::NotFound)?;
    let (option, typed) = (form.option.as_str(), form.quantity.as_str());
    // The ancestor's form had no quantity: it always put in one.
    let quantity = if typed.is_empty() { Quantity::new(1) } else { Quantity::parse(typed) };
    let refuse = |field, words: Text<'static>| {
        let (request, app, visitor, slug) = (&request, &app, &visitor, &slug);
        async move {
            show_refused_add(
                request,
                app,
                visitor,
                slug,
                RefusedAdd { option, quantity: typed, field, words },
            )
            .await
        }
    };
    let Some(key) =
        store::offers::find_key(&mut *app.shop.db.reader().await?, &slug, option).await?
    else {
        return refuse("option", text("cart-choose-option")).await;
    };
    let quantity = match quantity {
        Ok(quantity) => quantity,
        Err(_) => return refuse("quantity", text("cart-whole-number")).await,
    };
    let mut basket = visitor.basket.clone();
    if let Err(Refused::TooMany) = basket.add(key, quantity) {
        return refuse("quantity", text("cart-at-most")).await;
    }
    let (facts, _) = app.facts().await?;
    let Some(wallet) = app.currency(&facts, visitor.currency.as_deref()) else {
        return refuse("quantity", text("cart-not-yet-open")).await;
    };
    let cart = look_again(&app, &basket, wallet).await?;
    if let Some(words) = hindrance(&cart, key) {
        return refuse("quantity", words).await;
    }
    basket.id = CartId(random_bytes());
    remember_prices(&mut basket, &cart);
    match visitor.cart_cookie(&app.cookie_key, &basket) {
        Ok(cookie) => Ok(see_other("/cart", &[cookie])),
        Err(_) => refuse("quantity", text("cart-full")).await,
    }
}

/// What changed, what cannot be bought, and what others are paying for.
fn notices_of(cart: &PricedCart) -> Vec<Text<'static>> {
    cart.notices.iter().map(notice).chain(cart.contested.iter().map(contested)).collect()
}

/// Why this line cannot be bought.
fn hindrance(cart: &PricedCart, key: OfferKey) -> Option<Text<'static>> {
    let line = cart.lines.iter().find(|line| line.offer.key == key)?;
    if line.sum.is_some() && cart.total.is_some() {
        return None;
    }
    let name = line.offer.full_name();
    let words = match line.offer.available() {
        ..=0 => text("cart-item-sold-out"),
        left if left < line.quantity.get() => {
            text("cart-item-too-few").count("left", left).count("wanted", line.quantity)
        }
        _ if line.offer.price.is_none() => {
            text("cart-item-other-currency").with("currency", &cart.currency)
        }
        left => text("cart-options-too-few").count("left", left),
    };
    Some(words.with("name", name))
}

pub async fn change(
    request: HttpRequest,
    app: Data<AppState>,
    posted: VerifiedForm<LineForm>,
) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, visitor } = posted;
    let (option, typed) = (form.option.as_str(), form.quantity.as_str());
    let key = find_in_cart(&app, &visitor, &form.product, option).await?;
    let Some(key) = key else { return Ok(see_other("/cart", &[])) };
    let mut basket = visitor.basket.clone();
    let unchanged = basket.clone();
    match Quantity::parse(typed) {
        Ok(quantity) => basket.change(key, quantity),
        Err(_) if typed.trim() == "0" => basket.remove(key),
        Err(_) => {
            let words = text("cart-whole-number-or-0");
            let refused = RefusedChange { key: Some(key), typed, words };
            return show_cart(
                &request,
                &app,
                visitor,
                StatusCode::UNPROCESSABLE_ENTITY,
                Some(refused),
            )
            .await;
        }
    }
    if basket == unchanged {
        return Ok(see_other("/cart", &[]));
    }
    basket.id = CartId(random_bytes());
    match visitor.cart_cookie(&app.cookie_key, &basket) {
        Ok(cookie) => Ok(see_other("/cart", &[cookie])),
        Err(_) => {
            let refused = RefusedChange { key: Some(key), typed, words: text("cart-full") };
            show_cart(&request, &app, visitor, StatusCode::UNPROCESSABLE_ENTITY, Some(refused))
                .await
        }
    }
}

/// The line that a form means, also where its product is no longer sold.
async fn find_in_cart(
    app: &AppState,
    visitor: &Visitor,
    slug: &str,
    option: &str,
) -> Result<Option<OfferKey>, PageError> {
    let (facts, _) = app.facts().await?;
    let any = Currency::parse("ANY").map_err(|error| PageError::Broken(error.into()))?;
    let currency =
        app.currency(&facts, visitor.currency.as_deref()).map_or(&any, |wallet| &wallet.currency);
    let keys = visitor.basket.lines().iter().map(|line| line.key);
    let offers = store::offers::list(&mut *app.shop.db.reader().await?, keys, currency).await?;
    let found = offers
        .into_values()
        .find(|offer| offer.slug.as_str() == slug && offer.option_name == option);
    Ok(found.map(|offer| offer.key))
}

pub async fn choose_currency(
    request: HttpRequest,
    app: Data<AppState>,
    posted: VerifiedForm<CurrencyForm>,
) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, visitor } = posted;
    let (facts, _) = app.facts().await?;
    let wanted = form.currency.trim().to_ascii_uppercase();
    let Some(wallet) = facts.wallets.iter().find(|wallet| wallet.currency.as_str() == wanted)
    else {
        let words = text("cart-unknown-currency");
        let refused = RefusedChange { key: None, typed: "", words };
        return show_cart(&request, &app, visitor, StatusCode::UNPROCESSABLE_ENTITY, Some(refused))
            .await;
    };
    let mut cookies = vec![visitor.currency_cookie(&wallet.currency)];
    // The cart shows its new prices at once: they are no change that has to be told.
    let mut basket = visitor.basket.clone();
    let cart = look_again(&app, &basket, wallet).await?;
    remember_prices(&mut basket, &cart);
    if basket != visitor.basket {
        cookies.extend(visitor.cart_cookie(&app.cookie_key, &basket));
    }
    Ok(see_other(back(&form.back), &cookies))
}

/// A path of this shop that a page can be shown at; anything else is the shop window.
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
