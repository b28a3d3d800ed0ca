//! Puts the lines of an expired or finished order into the cart again.

use std::collections::HashMap;

use actix_web::HttpResponse;

use crate::domain::cart::{Basket, CartId};
use crate::domain::catalog::{Offer, OfferKey};
use crate::domain::orders::repeat::{fill_up, shortfalls};
use crate::domain::orders::{Order, OrderLine, Shortfall, ShortfallReason};
use crate::domain::payment::Wallet;
use crate::domain::values::Currency;
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::http::{NoFields, random_bytes, see_other};
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::VerifiedForm;
use crate::interfaces::web::open_order::find_open;
use crate::interfaces::web::texts::{Text, text};

/// In the cart's URL after an order was put into it: the order itself is the one that the browser has open.
const AGAIN: &str = "again";

/// The cart keeps what it holds; of each line it holds at least as many items as the order did, as far as they can be
/// bought. So sending the form twice changes nothing.
pub async fn fill_cart(posted: VerifiedForm<NoFields>) -> Result<HttpResponse, PageError> {
    let context = posted.context;
    let RequestContext { app, visitor, .. } = &context;
    let order = find_open(&context).await?;
    if !order.can_be_repeated(app.trusted_now().await?) {
        return Ok(see_other("/order", &[]));
    }
    let Some(wallet) = wallet(&context, &order) else { return Ok(see_other("/cart", &[])) };
    let currency = &wallet.currency;
    let offers = offers(&context, &order, currency).await?;
    let mut cart_cookie = None;
    let mut basket = visitor.basket.clone();
    basket.id = CartId(random_bytes());
    for line in &order.lines {
        let mut fuller = basket.clone();
        fill_up(&mut fuller, line, &offers);
        if fuller == basket {
            continue;
        }
        // A price that differs from the order's is reported by the cart as changed.
        fuller.remember(currency, |key| {
            find_new(&order, &visitor.basket, key)
                .filter(|_| order.invoice.currency == *currency)
                .map(|line| line.price)
                .or_else(|| offers.get(&key)?.price)
        });
        match visitor.cart_cookie(&app.cookie_key, &fuller) {
            Ok(cookie) => (basket, cart_cookie) = (fuller, Some(cookie)),
            Err(_) => break,
        }
    }
    let mut cookies = vec![visitor.currency_cookie(currency)];
    cookies.extend(cart_cookie);
    Ok(see_other(&format!("/cart?{AGAIN}"), &cookies))
}

/// What the cart's page says after an order was put into the cart; empty at other times.
pub async fn notices(context: &RequestContext) -> Result<Vec<Text<'static>>, PageError> {
    if context.request.query_string() != AGAIN {
        return Ok(Vec::new());
    }
    let (order, wallet) = match (find_open(context).await, context.wallet()) {
        (Ok(order), Some(wallet)) => (order, wallet),
        (Err(PageError::NoOrderOpen), _) | (_, None) => return Ok(Vec::new()),
        (Err(error), _) => return Err(error),
    };
    let basket = &context.visitor.basket;
    let offers = offers(context, &order, &wallet.currency).await?;
    let is_ordered = |key| order.lines.iter().any(|line| line.key == key);
    let (again, others): (Vec<_>, Vec<_>) =
        basket.lines().iter().partition(|line| is_ordered(line.key));
    let mut notices = Vec::new();
    if !again.is_empty() {
        let id = if others.is_empty() { "cart-again" } else { "cart-again-with-others" };
        notices.push(text(id).with("reference", &order.order_ref));
    }
    let short = shortfalls(basket, &order.lines, &offers);
    notices.extend(short.iter().map(|short| shortfall(short, &wallet.currency)));
    Ok(notices)
}

fn shortfall(short: &Shortfall, currency: &Currency) -> Text<'static> {
    let named = |id| text(id).with("name", &short.name);
    let counted = |id| named(id).count("wanted", short.wanted).count("added", short.in_cart);
    match short.why {
        ShortfallReason::Gone => named("cart-again-gone"),
        ShortfallReason::OtherCurrency => {
            named("cart-again-other-currency").with("currency", currency)
        }
        ShortfallReason::NoRate => named("cart-again-no-rate").with("currency", currency),
        ShortfallReason::SoldOut => named("cart-again-sold-out"),
        ShortfallReason::TooFew => counted("cart-again-too-few"),
        ShortfallReason::CartFull => counted("cart-again-full"),
    }
}

/// The order's currency, unless the cart already holds something whose prices the buyer has seen in another one.
fn wallet<'a>(context: &'a RequestContext, order: &Order) -> Option<&'a Wallet> {
    let of_order = context.snapshot.find_wallet(order.invoice.currency.as_str());
    match context.visitor.basket.is_empty() {
        true => of_order.or(context.wallet()),
        false => context.wallet(),
    }
}

/// The order's line that is new in the cart.
fn find_new<'a>(order: &'a Order, before: &Basket, key: OfferKey) -> Option<&'a OrderLine> {
    order.lines.iter().find(|line| line.key == key && before.quantity_of(key) == 0)
}

/// What the shop offers now of the order's lines and of the cart's.
async fn offers(
    context: &RequestContext,
    order: &Order,
    currency: &Currency,
) -> Result<HashMap<OfferKey, Offer>, StoreError> {
    let in_cart = context.visitor.basket.lines().iter().map(|line| line.key);
    let keys = order.lines.iter().map(|line| line.key).chain(in_cart);
    let app = &context.app;
    let has_rate = app.valid_rates().has(currency.as_str());
    store::offers::list(&mut *app.shop.db.reader().await?, keys, currency, has_rate).await
}
