//! The checkout's pages.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;

use crate::actions;
use crate::actions::{OrderRequest, PlaceOrderError};
use crate::domain::cart::{Basket, PricedCart, offered};
use crate::domain::catalog::ShippingRate;
use crate::domain::orders::{Code, Draft, OrderRef};
use crate::domain::values::{Amount, Country};
use crate::infra::store;
use crate::interfaces::http::{StockShare, connection_of, now, random_bytes, see_other};
use crate::interfaces::web::cart::{LineView, price_cart, update_basket};
use crate::interfaces::web::checkout_form::{CheckoutForm, FieldError, FormView};
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::VerifiedForm;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::open_order::is_placed;
use crate::interfaces::web::receipt::write_receipt;
use crate::interfaces::web::refusal_texts::{closed_text, contested, notice};
use crate::interfaces::web::siege;
use crate::interfaces::web::siege::{ProofError, ProofView};
use crate::interfaces::web::texts::{Text, text};
use crate::interfaces::web::visitor::OpenOrder;

#[derive(Template)]
#[template(path = "orders/checkout.html")]
struct CheckoutPage<'a> {
    layout: Layout<'a>,
    form: FormView,
    refused: Vec<FieldError>,
    /// Why no order can be placed now, though the form is valid.
    unavailable: Option<Text<'static>>,
    notices: Vec<Text<'static>>,
    /// Items that are also in other unpaid orders.
    contested: Vec<Text<'static>>,
    lines: Vec<LineView>,
    total: Amount,
    /// The sum that the buyer sees now, so that a form that showed another one is not taken for consent to this one.
    shown: String,
    has_shipping: bool,
    rates: Vec<RateView>,
    has_discounts: bool,
    keep_days: i64,
    /// How long the price is guaranteed.
    payment_time: Text<'static>,
    /// In siege mode.
    proof: Option<ProofView>,
}

impl CheckoutPage<'_> {
    fn refund_hint(&self) -> &'static str {
        if self.contested.is_empty() { "checkout-refund-hint" } else { "checkout-refund-needed" }
    }
}

struct RateView {
    name: String,
    reach: String,
    price: Amount,
    total: Amount,
}

/// What the checkout's page shows.
struct Checkout {
    status: StatusCode,
    cart: PricedCart,
    form: CheckoutForm,
    refused: Vec<FieldError>,
    unavailable: Option<Text<'static>>,
    /// Whether the form was sent from a page that showed another sum.
    is_outdated: bool,
}

pub async fn show(context: RequestContext) -> Result<HttpResponse, PageError> {
    let Some(wallet) = context.wallet() else { return Ok(see_other("/cart", &[])) };
    let cart = price_cart(&context.app, &context.visitor.basket, wallet).await?;
    if !cart.can_be_ordered() {
        return Ok(see_other("/cart", &[]));
    }
    // Before the buyer types anything in vain.
    if let Some(closed) = actions::why_closed(&context.app.shop, now()).await? {
        return Err(PageError::Closed(closed));
    }
    let checkout = Checkout {
        status: StatusCode::OK,
        cart,
        form: CheckoutForm::default(),
        refused: Vec::new(),
        unavailable: None,
        is_outdated: false,
    };
    show_checkout(context, checkout).await
}

async fn show_checkout(
    mut context: RequestContext,
    checkout: Checkout,
) -> Result<HttpResponse, PageError> {
    let Checkout { status, cart, form, refused, unavailable, is_outdated } = checkout;
    let shop = &context.app.shop;
    let total = cart.total.unwrap_or(Amount::ZERO);
    let mut db = shop.db.reader().await?;
    let rates = store::shipping::list(&mut db).await?;
    let has_discounts = store::discounts::has_any(&mut db).await?;
    drop(db);
    let views = offered(&rates, &cart).into_iter().map(|offered| RateView {
        reach: reach(offered.rate),
        total: total.plus(offered.price).unwrap_or(total),
        name: offered.rate.name.clone(),
        price: offered.price,
    });
    let proof = siege::proof_view(&context, form.answer()).await?;
    let mut notices: Vec<_> = cart.notices.iter().map(notice).collect();
    if is_outdated && notices.is_empty() {
        notices.push(text("checkout-cart-changed"));
    }
    let template = CheckoutPage {
        layout: Layout::new(&context, "/checkout"),
        form: FormView::new(&form, &refused),
        refused,
        unavailable,
        notices,
        contested: cart.contested.iter().map(contested).collect(),
        lines: cart.lines.iter().map(LineView::new).collect(),
        total,
        shown: sum_shown(&cart),
        has_shipping: !rates.is_empty() && cart.is_shipped(),
        rates: views.collect(),
        has_discounts,
        keep_days: shop.policy.keep_days,
        payment_time: duration(actions::minutes_to_pay(shop, proof.is_some())),
        proof,
    };
    let html = template.render()?;
    let cookie = update_basket(&mut context, &cart);
    Ok(context.respond(status, &html, cookie))
}

/// `2 hours`, or `90 minutes` if it is not whole hours.
fn duration(minutes: i64) -> Text<'static> {
    match minutes % 60 {
        0 => text("checkout-hours").count("n", minutes / 60),
        _ => text("checkout-minutes").count("n", minutes),
    }
}

/// The countries of a shipping method.
fn reach(rate: &ShippingRate) -> String {
    let n = Country::all().filter(|country| rate.reaches(Some(*country))).count();
    match rate.countries.len() {
        _ if n == Country::all().count() => text("checkout-worldwide").to_string(),
        1..=4 if rate.excluded_countries.is_empty() => rate.countries.names(", "),
        _ => text("checkout-countries").count("n", n).to_string(),
    }
}

fn sum_shown(cart: &PricedCart) -> String {
    format!("{} {}", cart.total.unwrap_or(Amount::ZERO), cart.currency)
}

pub async fn submit(posted: VerifiedForm<CheckoutForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, context } = posted;
    let visitor = &context.visitor;
    if visitor.basket.is_empty() {
        // A form may be sent again with the Back button after its order was placed and the cart was emptied.
        return Ok(see_other(if visitor.open_order.is_some() { "/order" } else { "/cart" }, &[]));
    }
    let Some(wallet) = context.wallet() else { return Ok(see_other("/cart", &[])) };
    let mut cart = price_cart(&context.app, &visitor.basket, wallet).await?;
    let mut is_outdated = !form.shown.is_empty() && form.shown != sum_shown(&cart);
    let (mut refused, mut unavailable) = (Vec::new(), None);
    match Draft::parse(&form.draft(), &wallet.coin) {
        Err(refusals) => refused = refusals.iter().map(FieldError::new).collect(),
        Ok(_) if is_outdated => {}
        Ok(draft) => match place(&context, draft, &cart, &form).await {
            Ok(cookies) => return Ok(show_placed(&context, cookies)),
            Err(CheckoutError::Changed(new)) => (cart, is_outdated) = (*new, true),
            Err(CheckoutError::Refused(fields)) => refused = fields,
            Err(CheckoutError::Unavailable(why)) => unavailable = Some(why),
            Err(CheckoutError::Page(error)) => return Err(error),
        },
    }
    // A form that was sent twice finds its first order, whatever has happened to the stock since.
    if is_placed(&context.app, &context.visitor).await? {
        return Ok(show_placed(&context, Vec::new()));
    }
    refused
        .sort_by_key(|refused| form.fields().iter().position(|(name, ..)| *name == refused.field));
    let retry_after = unavailable.as_ref().map(|why| why.retry_after);
    let checkout = Checkout {
        status: unavailable.as_ref().map_or(StatusCode::UNPROCESSABLE_ENTITY, |why| why.status),
        cart,
        form,
        refused,
        unavailable: unavailable.map(|why| text(why.text)),
        is_outdated,
    };
    let mut response = show_checkout(context, checkout).await?;
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Ok(response)
}

/// Why no order can be placed now, though the form is valid: hence no 422.
struct Unavailable {
    status: StatusCode,
    /// The id of a text.
    text: &'static str,
    /// Units: seconds.
    retry_after: u64,
}

/// Why an order was not placed.
enum CheckoutError {
    /// The cart is no longer what the buyer saw.
    Changed(Box<PricedCart>),
    Refused(Vec<FieldError>),
    Unavailable(Unavailable),
    Page(PageError),
}

impl CheckoutError {
    fn unavailable(text: &'static str, retry_after: u64) -> Self {
        Self::Unavailable(Unavailable {
            status: StatusCode::SERVICE_UNAVAILABLE,
            text,
            retry_after,
        })
    }
}

impl From<ProofError> for CheckoutError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Refused(why) => {
                Self::Refused(vec![FieldError { field: "answer", why: why.to_string() }])
            }
            ProofError::Store(error) => Self::Page(error.into()),
        }
    }
}

impl From<PlaceOrderError> for CheckoutError {
    fn from(error: PlaceOrderError) -> Self {
        match error {
            PlaceOrderError::Changed(cart) => Self::Changed(cart),
            PlaceOrderError::Refused(refusals) => {
                Self::Refused(refusals.iter().map(FieldError::new).collect())
            }
            PlaceOrderError::NoRoom => Self::unavailable("checkout-full", 600),
            PlaceOrderError::Closed(closed) => Self::unavailable(closed_text(&closed), 3_600),
            PlaceOrderError::Broken(error) => {
                tracing::error!("no order could be taken: {error:#}");
                Self::unavailable("checkout-broken", 60)
            }
        }
    }
}

/// Returns the cookies that change, besides those of every order. The proof of siege mode is used up only by an order.
async fn place(
    context: &RequestContext,
    draft: Draft,
    cart: &PricedCart,
    form: &CheckoutForm,
) -> Result<Vec<String>, CheckoutError> {
    let RequestContext { request, app, visitor, .. } = context;
    let proof = siege::check_proof(context, form.answer()).await?;
    let permit = match connection_of(request) {
        Some(connection) => connection.take_order_slot(&shares(cart), proof.is_some()),
        None => Ok(None),
    };
    let permit = permit.map_err(|time| {
        CheckoutError::Unavailable(Unavailable {
            status: StatusCode::TOO_MANY_REQUESTS,
            text: "checkout-too-many",
            retry_after: time.as_secs() + 1,
        })
    })?;
    let order = OrderRequest {
        basket: &visitor.basket,
        currency: &cart.currency,
        receipt: write_receipt(&draft.buyer),
        draft,
        // Without circuits, buyers cannot be told apart.
        may_reserve: permit.as_ref().is_none_or(|permit| permit.may_reserve()),
    };
    let fresh = OrderRef::from_random(random_bytes());
    let order_ref = actions::place_order(&app.shop, order, fresh.clone(), now()).await?;
    // A form that was sent twice finds its first order, which is counted already.
    if let Some(permit) = permit.filter(|_| order_ref == fresh) {
        permit.keep();
    }
    Ok(proof.map_or_else(Vec::new, |proof| proof.use_up(app)))
}

/// The unpaid orders of one circuit may reserve one part in this many of a stock, and at least one item.
const CIRCUIT_SHARE: i64 = 10;

/// How much of each stock the cart takes.
fn shares(cart: &PricedCart) -> Vec<StockShare> {
    let mut shares: Vec<StockShare> = Vec::new();
    for line in &cart.lines {
        let (pool, wanted) = (line.offer.pool, line.quantity.get());
        let stock = (pool.product, pool.option);
        match shares.iter_mut().find(|share| share.stock == stock) {
            Some(share) => share.wanted += wanted,
            None => {
                let most = (line.offer.available() / CIRCUIT_SHARE).max(1);
                shares.push(StockShare { stock, wanted, most });
            }
        }
    }
    shares
}

/// Leads to the order's page, opened by its code, and empties the cart. `others`: further cookies.
fn show_placed(context: &RequestContext, others: Vec<String>) -> HttpResponse {
    let RequestContext { app, visitor, .. } = context;
    let cart = visitor.basket.id;
    let order = OpenOrder { code: Code::of_cart(cart), is_code_saved: false, last_seen: 0 };
    let mut cookies = vec![visitor.order_cookie(&app.cookie_key, &order)];
    cookies.extend(visitor.cart_cookie(&app.cookie_key, &Basket::empty(cart)));
    cookies.extend(others);
    see_other("/order", &cookies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_in_whole_hours_if_possible() {
        for (minutes, expected) in [
            (1, "1 minute"),
            (45, "45 minutes"),
            (60, "1 hour"),
            (90, "90 minutes"),
            (120, "2 hours"),
        ] {
            assert_eq!(duration(minutes).to_string(), expected);
        }
    }
}
