//! The checkout's pages.

use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::actions;
use crate::actions::{OrderRequest, PlaceOrderError};
use crate::domain::cart::PricedCart;
use crate::domain::catalog::Rate;
use crate::domain::orders::{CheckoutKey, Code, Draft, OrderRef, Refusal};
use crate::domain::payment::Wallet;
use crate::domain::values::{Amount, Country};
use crate::infra::store;
use crate::interfaces::http::{StockShare, connection_of, now, random_bytes, see_other};
use crate::interfaces::web::cart::{LineView, line_view, look_again, remember};
use crate::interfaces::web::checkout_form::{CheckoutForm, FormView, Refused};
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::VerifiedForm;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::page::send;
use crate::interfaces::web::page_cache::CachedPage;
use crate::interfaces::web::reasons::{closed_text, contested, notice};
use crate::interfaces::web::receipt::write_receipt;
use crate::interfaces::web::siege;
use crate::interfaces::web::siege::{Answer, Ask, Proof};
use crate::interfaces::web::state::{AppState, SiteSnapshot};
use crate::interfaces::web::texts::{Text, text};
use crate::interfaces::web::visitor::{OpenOrder, Visitor};

#[derive(Template)]
#[template(path = "orders/checkout.html")]
struct CheckoutPage<'a> {
    layout: Layout<'a>,
    form: &'a FormView,
    refusals: &'a [Refused],
    /// Why no order can be taken just now, though nothing is wrong with this one.
    wait: Option<Text<'static>>,
    notices: Vec<Text<'static>>,
    /// Items that others are paying for.
    contested: Vec<Text<'static>>,
    lines: Vec<LineView>,
    total: Amount,
    /// What the buyer sees now, so that a form that was shown another sum is not taken for consent to this one.
    shown: String,
    asks_for_sending: bool,
    rates: Vec<RateView>,
    has_discounts: bool,
    keep_days: i64,
    /// How long the price is guaranteed.
    payment_time: Text<'static>,
    /// What is asked for in siege mode.
    ask: Option<Ask>,
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

pub async fn show(
    request: HttpRequest,
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let (facts, _) = app.facts().await?;
    let Some(wallet) = app.currency(&facts, visitor.currency.as_deref()) else {
        return Ok(see_other("/cart", &[]));
    };
    let cart = look_again(&app, &visitor.basket, wallet).await?;
    if !cart.can_be_ordered() {
        return Ok(see_other("/cart", &[]));
    }
    // Before anything is typed in vain.
    if let Some(closed) = actions::why_closed(&app.shop, now()).await? {
        return Err(PageError::Closed(closed));
    }
    let form = FormView::new(&CheckoutForm::default(), &[]);
    let again = Again::new(StatusCode::OK, wallet, &form, &cart);
    show_form(&request, &app, visitor, &facts, again).await
}

/// The form as it goes back to the buyer.
struct Again<'a> {
    status: StatusCode,
    wallet: &'a Wallet,
    form: &'a FormView,
    refusals: &'a [Refused],
    wait: Option<Text<'static>>,
    cart: &'a PricedCart,
    answer: Answer<'a>,
    /// Whether it was sent from a page that showed something else.
    other_form: bool,
}

impl<'a> Again<'a> {
    fn new(
        status: StatusCode,
        wallet: &'a Wallet,
        form: &'a FormView,
        cart: &'a PricedCart,
    ) -> Self {
        Self {
            status,
            wallet,
            form,
            refusals: &[],
            wait: None,
            cart,
            answer: Answer::default(),
            other_form: false,
        }
    }
}

async fn show_form(
    request: &HttpRequest,
    app: &AppState,
    mut visitor: Visitor,
    facts: &SiteSnapshot,
    again: Again<'_>,
) -> Result<HttpResponse, PageError> {
    let wallet = again.wallet;
    let mut db = app.shop.db.reader().await?;
    let total = again.cart.total.unwrap_or(Amount::ZERO);
    let rates = store::shipping::list_offered(&mut db, &wallet.currency).await?;
    let asks_for_sending = store::shipping::has_any(&mut db).await?;
    let has_discounts = store::discounts::has_any(&mut db).await?;
    drop(db);
    let ask = siege::ask(request, app, &visitor, again.answer).await?;
    let mut notices: Vec<_> = again.cart.notices.iter().map(notice).collect();
    if again.other_form && notices.is_empty() {
        notices.push(text("checkout-cart-changed"));
    }
    let template = CheckoutPage {
        layout: Layout::new(app, facts, wallet.currency.as_str(), "/checkout"),
        form: again.form,
        refusals: again.refusals,
        wait: again.wait,
        notices,
        contested: again.cart.contested.iter().map(contested).collect(),
        lines: again.cart.lines.iter().map(|line| line_view(line, None)).collect(),
        total,
        shown: sum_shown(again.cart),
        asks_for_sending,
        rates: rates.iter().map(|rate| rate_view(rate, total)).collect(),
        has_discounts,
        keep_days: app.shop.policy.keep_days,
        payment_time: time_of(actions::minutes_to_pay(&app.shop, ask.is_some())),
        ask,
    };
    let html = template.render()?;
    let cookie = remember(app, &mut visitor, again.cart);
    let mut sent = send(request, app, &visitor, again.status, &CachedPage::once(&html));
    if let Some(cookie) = cookie {
        sent.response.append_header((header::SET_COOKIE, cookie));
    }
    Ok(sent.finish_page())
}

/// `2 hours`, or `90 minutes` where it is not whole hours.
fn time_of(minutes: i64) -> Text<'static> {
    match minutes % 60 {
        0 => text("checkout-hours").count("n", minutes / 60),
        _ => text("checkout-minutes").count("n", minutes),
    }
}

/// Where a way of sending leads; no country: everywhere.
fn reach(countries: &[Country]) -> String {
    match countries {
        [] => text("checkout-worldwide").to_string(),
        countries if countries.len() <= 4 => {
            countries.iter().map(|country| country.name()).collect::<Vec<_>>().join(", ")
        }
        countries => text("checkout-countries").count("n", countries.len()).to_string(),
    }
}

fn sum_shown(cart: &PricedCart) -> String {
    format!("{} {}", cart.total.unwrap_or(Amount::ZERO), cart.currency)
}

fn rate_view(rate: &Rate, total: Amount) -> RateView {
    RateView {
        name: rate.name.clone(),
        reach: reach(&rate.countries),
        price: rate.price,
        total: total.plus(rate.price).unwrap_or(total),
    }
}

pub async fn submit(
    request: HttpRequest,
    app: Data<AppState>,
    posted: VerifiedForm<CheckoutForm>,
) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, visitor } = posted;
    if visitor.basket.is_empty() {
        // After Back, a form may be sent whose order is placed and whose cart is gone.
        return Ok(see_other(if visitor.open_order.is_some() { "/order" } else { "/cart" }, &[]));
    }
    let (facts, _) = app.facts().await?;
    let Some(wallet) = app.currency(&facts, visitor.currency.as_deref()) else {
        return Ok(see_other("/cart", &[]));
    };
    let cart = look_again(&app, &visitor.basket, wallet).await?;
    let other_form = !form.shown.is_empty() && form.shown != sum_shown(&cart);
    let answer = Answer { challenge: &form.challenge, typed: &form.answer };
    let (mut refusals, mut unproven, mut wait) = (Vec::new(), None, None);
    match Draft::parse(&form.draft(), &wallet.coin) {
        Err(refused) => refusals = refused,
        Ok(_) if other_form => {}
        Ok(draft) => {
            let placing = OrderRequest {
                basket: &visitor.basket,
                currency: &wallet.currency,
                receipt: write_receipt(&draft.buyer),
                draft,
                // `place` decides.
                may_reserve: false,
            };
            match prove_and_place(&request, &app, &visitor, answer, placing, &cart).await? {
                Ok(cookies) => return Ok(placed(&app, &visitor, cookies)),
                Err(NotPlaced::Changed(cart)) => {
                    let view = FormView::new(&form, &[]);
                    let again = Again {
                        other_form: true,
                        answer,
                        ..Again::new(StatusCode::UNPROCESSABLE_ENTITY, wallet, &view, &cart)
                    };
                    return show_form(&request, &app, visitor, &facts, again).await;
                }
                Err(NotPlaced::Refused(refused)) => refusals = refused,
                Err(NotPlaced::Unproven(why)) => unproven = Some(why),
                Err(NotPlaced::Wait(why)) => wait = Some(why),
            }
        }
    }
    // A form that was sent twice finds its first order, whatever has happened to the stock since.
    if store::orders::is_placed(
        &mut *app.shop.db.reader().await?,
        &CheckoutKey::of_cart(visitor.basket.id),
    )
    .await?
    {
        return Ok(placed(&app, &visitor, Vec::new()));
    }
    let fields = form.fields();
    refusals.sort_by_key(|refusal| fields.iter().position(|(name, ..)| *name == refusal.field));
    let unproven = unproven.map(|why| Refused { field: "answer", words: why.to_string() });
    let refusals: Vec<Refused> = refusals.iter().map(Refused::of).chain(unproven).collect();
    let view = FormView::new(&form, &refusals);
    let again = Again {
        status: wait.as_ref().map_or(StatusCode::UNPROCESSABLE_ENTITY, |wait| wait.status),
        wallet,
        form: &view,
        refusals: &refusals,
        wait: wait.as_ref().map(|wait| text(wait.why)),
        cart: &cart,
        answer,
        other_form,
    };
    let mut response = show_form(&request, &app, visitor, &facts, again).await?;
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, wait.seconds.into());
    }
    Ok(response)
}

/// Why no order is taken just now, though the form is valid: hence no 422.
struct Wait {
    status: StatusCode,
    /// The id of a text.
    why: &'static str,
    /// Units: seconds until another try makes sense.
    seconds: u64,
}

const FULL: Wait =
    Wait { status: StatusCode::SERVICE_UNAVAILABLE, why: "checkout-full", seconds: 600 };
const BROKEN: Wait =
    Wait { status: StatusCode::SERVICE_UNAVAILABLE, why: "checkout-broken", seconds: 60 };
const TOO_MANY: Wait =
    Wait { status: StatusCode::TOO_MANY_REQUESTS, why: "checkout-too-many", seconds: 600 };

/// Why an order was not placed, as the form shows it.
enum NotPlaced {
    Changed(Box<PricedCart>),
    Refused(Vec<Refusal>),
    /// In siege mode: what is wrong with the answer, or with the wait.
    Unproven(Text<'static>),
    Wait(Wait),
}

/// Returns the cookies that change beside those of every order. What is proved is used up only by an order.
async fn prove_and_place(
    request: &HttpRequest,
    app: &AppState,
    visitor: &Visitor,
    answer: Answer<'_>,
    placing: OrderRequest<'_>,
    cart: &PricedCart,
) -> Result<Result<Vec<String>, NotPlaced>, PageError> {
    let proof: Proof = match siege::prove(request, app, visitor, answer).await? {
        Ok(proof) => proof,
        Err(why) => return Ok(Err(NotPlaced::Unproven(why))),
    };
    if let Err(why) = place(request, app, placing, cart, proof.is_asked()).await {
        return Ok(Err(why));
    }
    Ok(Ok(proof.use_up(app, visitor)))
}

async fn place(
    request: &HttpRequest,
    app: &AppState,
    placing: OrderRequest<'_>,
    cart: &PricedCart,
    is_under_siege: bool,
) -> Result<(), NotPlaced> {
    let permit = match connection_of(request) {
        Some(connection) => connection.count_order(&shares(cart), is_under_siege),
        None => Ok(None),
    };
    // After this time the circuit may order again.
    let permit =
        permit.map_err(|time| NotPlaced::Wait(Wait { seconds: time.as_secs() + 1, ..TOO_MANY }))?;
    // Without circuits nobody can be told apart.
    let may_reserve = permit.as_ref().is_none_or(|permit| permit.may_reserve());
    let placing = OrderRequest { may_reserve, ..placing };
    let fresh = OrderRef::from_chance(random_bytes());
    match actions::place_order(&app.shop, placing, fresh.clone(), now()).await {
        // A form that was sent twice finds its first order, which counts already.
        Ok(order_ref) => {
            if let Some(permit) = permit.filter(|_| order_ref == fresh) {
                permit.keep();
            }
            Ok(())
        }
        Err(PlaceOrderError::Changed(cart)) => Err(NotPlaced::Changed(cart)),
        Err(PlaceOrderError::Refused(refusals)) => Err(NotPlaced::Refused(refusals)),
        Err(PlaceOrderError::NoRoom) => Err(NotPlaced::Wait(FULL)),
        Err(PlaceOrderError::Closed(closed)) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Err(NotPlaced::Wait(Wait { status, why: closed_text(&closed), seconds: 3_600 }))
        }
        Err(PlaceOrderError::Broken(error)) => {
            tracing::error!("no order could be taken: {error:#}");
            Err(NotPlaced::Wait(BROKEN))
        }
    }
}

/// Of a stock, one circuit's unpaid orders may reserve one part in so many, and at least one item.
const CIRCUIT_SHARE: i64 = 10;

/// What the cart wants of each stock.
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

/// The order's page, opened by its code, and a cart that is empty again. `others`: further cookies.
fn placed(app: &AppState, visitor: &Visitor, others: Vec<String>) -> HttpResponse {
    let order = OpenOrder { code: Code::of_cart(visitor.basket.id), is_noted: false, seen: 0 };
    let mut cookies = vec![visitor.order_cookie(&app.cookie_key, &order)];
    let empty = crate::domain::cart::Basket::empty(visitor.basket.id);
    cookies.extend(visitor.cart_cookie(&app.cookie_key, &empty));
    cookies.extend(others);
    see_other("/order", &cookies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_whole_hours_where_it_can_be() {
        for (minutes, expected) in [
            (1, "1 minute"),
            (45, "45 minutes"),
            (60, "1 hour"),
            (90, "90 minutes"),
            (120, "2 hours"),
        ] {
            assert_eq!(time_of(minutes).to_string(), expected);
        }
    }
}
