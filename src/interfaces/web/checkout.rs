//! The checkout: a form, a review of the whole order, and placing it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Deserialize;

use crate::actions;
use crate::actions::{OrderPreview, OrderRequest, PlaceOrderError, PreviewRequest};
use crate::domain::cart::{Basket, PricedCart};
use crate::domain::orders::{Code, Draft, OrderRef, RejectedDraft};
use crate::domain::payment::Wallet;
use crate::domain::values::Amount;
use crate::interfaces::http::{StockShare, connection_of, now, random_bytes, see_other};
use crate::interfaces::web::cart::price_cart;
use crate::interfaces::web::checkout_form::{CheckoutForm, FieldError};
use crate::interfaces::web::checkout_page::{Checkout, Unavailable, show_checkout};
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::VerifiedForm;
use crate::interfaces::web::open_order::is_placed;
use crate::interfaces::web::receipt::write_receipt;
use crate::interfaces::web::refusal_texts::closed_text;
use crate::interfaces::web::review_page::{Review, show_review};
use crate::interfaces::web::sealed_draft::SealedDraft;
use crate::interfaces::web::siege;
use crate::interfaces::web::siege::{Answer, ProofError};
use crate::interfaces::web::visitor::{OpenOrder, Visitor};

/// The form of the review page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PlaceForm {
    /// What was reviewed, encrypted.
    draft: String,
    /// The picture that the buyer saw in siege mode, and what the buyer read in it.
    challenge: String,
    answer: String,
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
    show_checkout(context, Checkout::new(cart)).await
}

/// Shows the order for review, or the form again with all that is wrong with it. Nothing is stored.
pub async fn submit(posted: VerifiedForm<CheckoutForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, context } = posted;
    if let Some(elsewhere) = leave(&context).await? {
        return Ok(elsewhere);
    }
    review(context, form, Reviewed::default()).await
}

/// Shows the form again, from the review.
pub async fn edit(posted: VerifiedForm<PlaceForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, context } = posted;
    if let Some(elsewhere) = leave(&context).await? {
        return Ok(elsewhere);
    }
    let Some(sealed) = SealedDraft::open(&context.app.cookie_key, &form.draft) else {
        return show_again(context, None).await;
    };
    let Some(wallet) = context.wallet() else { return Ok(see_other("/cart", &[])) };
    let cart = price_cart(&context.app, &context.visitor.basket, wallet).await?;
    show_checkout(context, Checkout { form: sealed.form, ..Checkout::new(cart) }).await
}

/// Places the order that was reviewed.
pub async fn place(posted: VerifiedForm<PlaceForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form: sent, context } = posted;
    if context.visitor.basket.is_empty() {
        return Ok(leave_empty(&context.visitor));
    }
    // Whether the cart is an order already is asked below, if it does not become one now.
    let sealed = SealedDraft::open(&context.app.cookie_key, &sent.draft);
    let (Some(wallet), Some(sealed)) = (context.wallet(), sealed) else {
        return match leave(&context).await? {
            Some(elsewhere) => Ok(elsewhere),
            None => show_again(context, Some("checkout-review-invalid")).await,
        };
    };
    let total = sealed.total_for(context.visitor.basket.id, &wallet.currency);
    let cart = price_cart(&context.app, &context.visitor.basket, wallet).await?;
    let mut reviewed = Reviewed { is_placing: true, ..Reviewed::default() };
    match (total, Draft::parse(&sealed.form.draft(), &wallet.coin, cart.is_shipped())) {
        (Some(total), Ok(draft)) => {
            let answer = Answer { challenge: &sent.challenge, typed: &sent.answer };
            match try_to_place(&context, draft, &cart, total, answer).await {
                Ok(cookies) => return Ok(show_placed(&context, cookies)),
                Err(CheckoutError::Changed) => reviewed.is_outdated = true,
                Err(CheckoutError::Refused(fields)) => reviewed.refused = fields,
                Err(CheckoutError::Proof(why)) => reviewed.answer_error = Some(why),
                Err(CheckoutError::Unavailable(why)) => reviewed.unavailable = Some(why),
                Err(CheckoutError::Page(error)) => return Err(error),
            }
        }
        (None, _) => reviewed.is_outdated = true,
        // The review finds the refusals again.
        (_, Err(_)) => {}
    }
    // A form that was sent twice finds its first order, whatever has happened to the stock since.
    if is_placed(&context.app, &context.visitor).await? {
        return Ok(show_placed(&context, Vec::new()));
    }
    (reviewed.challenge, reviewed.answer) = (sent.challenge, sent.answer);
    review(context, sealed.form, reviewed).await
}

/// Where a visitor is led who cannot check out, because the cart is empty or is an order already.
async fn leave(context: &RequestContext) -> Result<Option<HttpResponse>, PageError> {
    let visitor = &context.visitor;
    if visitor.basket.is_empty() {
        return Ok(Some(leave_empty(visitor)));
    }
    if is_placed(&context.app, visitor).await? {
        return Ok(Some(show_placed(context, Vec::new())));
    }
    Ok(None)
}

/// A form may be sent again with the Back button after its order was placed and the cart was emptied.
fn leave_empty(visitor: &Visitor) -> HttpResponse {
    let path = if visitor.open_order.is_some() { "/order" } else { "/cart" };
    see_other(path, &[])
}

/// What came of placing an order that is reviewed again.
#[derive(Default)]
struct Reviewed {
    is_placing: bool,
    /// Whether the buyer reviewed another order than this one.
    is_outdated: bool,
    refused: Vec<FieldError>,
    unavailable: Option<Unavailable>,
    challenge: String,
    answer: String,
    answer_error: Option<String>,
}

/// Shows what the order would be, or the form with everything that is wrong with it.
async fn review(
    context: RequestContext,
    form: CheckoutForm,
    reviewed: Reviewed,
) -> Result<HttpResponse, PageError> {
    let Some(wallet) = context.wallet() else { return Ok(see_other("/cart", &[])) };
    let cart = price_cart(&context.app, &context.visitor.basket, wallet).await?;
    let mut checkout = Checkout {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        notice: reviewed.is_outdated.then_some("checkout-cart-changed"),
        refused: reviewed.refused,
        form,
        ..Checkout::new(cart)
    };
    match check(&context, &checkout.form, &checkout.cart, wallet).await {
        Ok((draft, preview)) if checkout.refused.is_empty() => {
            let review = Review {
                status: match &reviewed.unavailable {
                    Some(why) => why.status,
                    None if reviewed.is_placing => StatusCode::UNPROCESSABLE_ENTITY,
                    None => StatusCode::OK,
                },
                preview,
                draft,
                form: checkout.form,
                is_outdated: reviewed.is_outdated,
                unavailable: reviewed.unavailable,
                challenge: reviewed.challenge,
                answer: reviewed.answer,
                answer_error: reviewed.answer_error,
            };
            return show_review(context, review).await;
        }
        Ok(_) => {}
        Err(PlaceOrderError::Refused(refusals)) => {
            let known: Vec<_> = checkout.refused.iter().map(|refused| refused.field).collect();
            let more = refusals.iter().filter(|refusal| !known.contains(&refusal.field));
            checkout.refused.extend(more.map(FieldError::new));
        }
        Err(error) => {
            if let CheckoutError::Unavailable(why) = error.into() {
                (checkout.status, checkout.unavailable) = (why.status, Some(why));
            }
        }
    }
    show_checkout(context, checkout).await
}

/// Checks the form, and the order that it would become.
///
/// # Errors
/// [`PlaceOrderError`], with every refusal at once.
async fn check(
    context: &RequestContext,
    form: &CheckoutForm,
    cart: &PricedCart,
    wallet: &Wallet,
) -> Result<(Draft, OrderPreview), PlaceOrderError> {
    let parsed = Draft::parse(&form.draft(), &wallet.coin, cart.is_shipped());
    let (choices, block) = match &parsed {
        Ok(draft) => (&draft.choices, draft.buyer.delivery.block()),
        Err(rejected) => (&rejected.choices, None),
    };
    let (basket, currency) = (&context.visitor.basket, &wallet.currency);
    let request = PreviewRequest { basket, currency, choices, block };
    let preview = actions::preview_order(&context.app.shop, request, now()).await;
    match (parsed, preview) {
        (Ok(draft), preview) => preview.map(|preview| (draft, preview)),
        (Err(RejectedDraft { mut refusals, .. }), Err(PlaceOrderError::Refused(more))) => {
            let is_refused = |field| refusals.iter().any(|refusal| refusal.field == field);
            // Without a valid country nothing is known about shipping.
            let is_unknown = |field| field == "shipping" && is_refused("country");
            let more =
                more.into_iter().filter(|new| !is_refused(new.field) && !is_unknown(new.field));
            let more: Vec<_> = more.collect();
            refusals.extend(more);
            Err(PlaceOrderError::Refused(refusals))
        }
        (Err(rejected), Ok(_) | Err(PlaceOrderError::Changed(_))) => {
            Err(PlaceOrderError::Refused(rejected.refusals))
        }
        (Err(_), Err(error)) => Err(error),
    }
}

/// Shows the form with what is in the cart, if nothing is known of what was entered.
async fn show_again(
    context: RequestContext,
    notice: Option<&'static str>,
) -> Result<HttpResponse, PageError> {
    let Some(wallet) = context.wallet() else { return Ok(see_other("/cart", &[])) };
    let cart = price_cart(&context.app, &context.visitor.basket, wallet).await?;
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    show_checkout(context, Checkout { status, notice, ..Checkout::new(cart) }).await
}

/// Why an order was not placed.
enum CheckoutError {
    /// It is no longer what the buyer reviewed.
    Changed,
    Refused(Vec<FieldError>),
    /// In siege mode: what is wrong with the answer.
    Proof(String),
    Unavailable(Unavailable),
    Page(PageError),
}

impl From<ProofError> for CheckoutError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Refused(why) => Self::Proof(why.to_string()),
            ProofError::Store(error) => Self::Page(error.into()),
        }
    }
}

impl From<PlaceOrderError> for CheckoutError {
    fn from(error: PlaceOrderError) -> Self {
        let unavailable = |text, seconds| Self::Unavailable(Unavailable::new(text, seconds));
        match error {
            PlaceOrderError::Changed(_) => Self::Changed,
            PlaceOrderError::Refused(refusals) => {
                Self::Refused(refusals.iter().map(FieldError::new).collect())
            }
            PlaceOrderError::NoRoom => unavailable("checkout-full", 600),
            PlaceOrderError::Closed(closed) => unavailable(closed_text(&closed), 3_600),
            PlaceOrderError::Broken(error) => {
                tracing::error!("no order could be taken: {error:#}");
                unavailable("checkout-broken", 60)
            }
        }
    }
}

/// Returns the cookies that change, besides those of every order. The proof of siege mode is used up only by an order.
async fn try_to_place(
    context: &RequestContext,
    draft: Draft,
    cart: &PricedCart,
    total: Amount,
    answer: Answer<'_>,
) -> Result<Vec<String>, CheckoutError> {
    let RequestContext { request, app, visitor, .. } = context;
    let mut proof = siege::check_proof(context, answer).await?;
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
        basket: visitor.basket.clone(),
        currency: cart.currency.clone(),
        receipt: write_receipt(&draft.buyer),
        draft,
        total,
        // Without circuits, buyers cannot be told apart.
        may_reserve: permit.as_ref().is_none_or(|permit| permit.may_reserve()),
    };
    let fresh = (OrderRef::from_random(random_bytes()), now());
    let cookies = proof.as_mut().map(|proof| std::mem::take(&mut proof.cookies));
    let app = app.clone();
    // A form that was sent twice finds its first order, which is counted already.
    let on_placed = move || {
        if let Some(permit) = permit {
            permit.keep();
        }
        if let Some(proof) = proof {
            proof.use_up(&app);
        }
    };
    actions::place_order(&context.app.shop, order, fresh, on_placed).await?;
    Ok(cookies.unwrap_or_default())
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
