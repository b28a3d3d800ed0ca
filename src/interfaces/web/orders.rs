//! An order's pages.

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{StatusCode, header};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::{AskSellerError, MAX_MESSAGE, Question, ReportPaymentError, UnfitMessage};
use crate::domain::orders::{
    BuyerIdentity, Event, LookupName, Order, Refusal, Reservation, Status,
};
use crate::domain::payment::{Coin, Invoice, qr};
use crate::domain::values::Amount;
use crate::domain::values::text::without_hidden;
use crate::interfaces::http::{now, random_bytes, see_other};
use crate::interfaces::web::code_form;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::conversation::Conversation;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::error_page::RETRY_SECONDS;
use crate::interfaces::web::extract::{VerifiedForm, VerifiedVisitor};
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::open_order::{BillLine, PaymentView, bill, find_open, lookup_name};
use crate::interfaces::web::order_texts::{network, title, wallet_hint, what_next};
use crate::interfaces::web::receipt::read_receipt;
use crate::interfaces::web::refusal_texts::refusal;
use crate::interfaces::web::texts::{Text, day, moment, text};
use crate::interfaces::web::visitor::{OpenOrder, Visitor};

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct TransactionForm {
    transaction: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct MessageForm {
    message: String,
    pgp: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct EraseForm {
    confirm: String,
}

#[derive(Template)]
#[template(path = "orders/order.html")]
struct OrderPage<'a> {
    layout: Layout<'a>,
    order: &'a Order,
    /// Until the buyer has saved it.
    code: Option<String>,
    state: &'a str,
    state_title: Text<'static>,
    what_next: Text<'static>,
    /// Whether a payment, or the seller's confirmation, may still change the status.
    is_unsettled: bool,
    is_waiting: bool,
    /// The id of a text: that nothing is reserved for the order.
    reservation_note: Option<&'static str>,
    tag: Option<Amount>,
    payment: PaymentView,
    due: Amount,
    network: String,
    pay: Option<PayView>,
    until: Text<'static>,
    until_machine: String,
    minutes_left: i64,
    takes_transaction: bool,
    /// By default: nothing was refused.
    refused: OrderFormError,
    conversation: Conversation,
    most_message: usize,
    bill: Vec<BillLine>,
    placed: Text<'static>,
    /// As the buyer wrote it; empty if nothing is stored.
    receipt: String,
}

/// A form on the order's page that was refused. By default: none was.
#[derive(Default)]
struct OrderFormError {
    status: StatusCode,
    field: &'static str,
    why: String,
    /// All fields of the form and their input.
    typed: Vec<(&'static str, String)>,
}

impl OrderFormError {
    fn invalid(field: &'static str, why: Text<'static>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self { status, field, why: why.to_string(), typed: Vec::new() }
    }

    /// For input that cannot be stored, or encrypted to the seller, now.
    ///
    /// # Errors
    /// Any other problem.
    fn unavailable(field: &'static str, error: anyhow::Error) -> Result<Self, PageError> {
        let why = match PageError::from(error) {
            error if error.is_temporary() => {
                tracing::error!("a buyer's form could not be saved: {error}");
                text("refusal-not-saved")
            }
            PageError::Closed(_) => text("refusal-not-encrypted"),
            other => return Err(other),
        };
        Ok(Self { status: StatusCode::SERVICE_UNAVAILABLE, ..Self::invalid(field, why) })
    }

    fn is(&self, field: &str) -> bool {
        self.field == field
    }

    fn typed(&self, field: &str) -> &str {
        self.typed.iter().find(|(name, _)| *name == field).map_or("", |(_, typed)| typed)
    }
}

/// How to pay, while something is due.
struct PayView {
    link: String,
    qr_width: u32,
    address_qr_width: u32,
    /// The id of a text.
    wallet_hint: &'static str,
    /// For a token: many wallets misread its payment link.
    is_address_first: bool,
}

/// In the URL after the buyer has erased everything: it identifies nobody.
const ERASED: &str = "erased";

pub async fn show(context: RequestContext) -> Result<HttpResponse, PageError> {
    match find_open(&context).await {
        Err(PageError::NoOrderOpen) => {
            code_form::show(&context, context.request.query_string() == ERASED)
        }
        order => show_order(context, &order?, OrderFormError::default()).await,
    }
}

pub async fn mark_code_saved(posted: VerifiedVisitor) -> Result<HttpResponse, PageError> {
    let VerifiedVisitor { app, mut visitor } = posted;
    let mut cookies = Vec::new();
    if let Some(order) = visitor.open_order.take() {
        cookies.push(
            visitor.order_cookie(&app.cookie_key, &OpenOrder { is_code_saved: true, ..order }),
        );
    }
    Ok(see_other("/order", &cookies))
}

pub async fn report(posted: VerifiedForm<TransactionForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, context } = posted;
    let (shop, name) = (&context.app.shop, lookup_name(&context)?);
    let mut refused = match actions::report_payment(shop, &name, &form.transaction, now()).await {
        Ok(()) => return Ok(see_other("/order", &[])),
        Err(ReportPaymentError::NoOrder) => return Err(PageError::NoOrderOpen),
        Err(ReportPaymentError::Refused(why)) => {
            OrderFormError::invalid("transaction", refusal(&Refusal::new("transaction", why)))
        }
        Err(ReportPaymentError::Broken(error)) => {
            OrderFormError::unavailable("transaction", error)?
        }
    };
    refused.typed = vec![("transaction", form.transaction)];
    refuse(context, refused).await
}

pub async fn ask(posted: VerifiedForm<MessageForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form: MessageForm { message, pgp }, context } = posted;
    let open = context.visitor.open_order.as_ref().ok_or(PageError::NoOrderOpen)?;
    let once = open.code.message_hash(&format!("{message}\n{pgp}"), now());
    let pgp_shown = text("order-message-encrypted").to_string();
    let question = Question { message: &message, pgp: &pgp, pgp_shown: &pgp_shown, once };
    let (shop, name) = (&context.app.shop, lookup_name(&context)?);
    let (refused, left) = match actions::ask_seller(shop, &name, &question, now()).await {
        Ok(()) => return Ok(see_other("/order#messages", &[])),
        Err(AskSellerError::NoOrder) => return Err(PageError::NoOrderOpen),
        Err(AskSellerError::Refused(UnfitMessage { refusal: why, left })) => {
            (OrderFormError::invalid(why.field, refusal(&why)), left)
        }
        Err(AskSellerError::Broken(error)) => {
            let field = if pgp.trim().is_empty() { "message" } else { "pgp" };
            (OrderFormError::unavailable(field, error)?, None)
        }
    };
    let message = left.unwrap_or_else(|| without_hidden(&message));
    let typed = vec![("message", message), ("pgp", pgp)];
    refuse(context, OrderFormError { typed, ..refused }).await
}

pub async fn erase(posted: VerifiedForm<EraseForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, context } = posted;
    let (shop, name) = (&context.app.shop, lookup_name(&context)?);
    if form.confirm.is_empty() {
        let refused = OrderFormError::invalid("confirm", text("refusal-erase-unconfirmed"));
        return refuse(context, refused).await;
    }
    match actions::erase_buyer(shop, &name, LookupName(random_bytes()), now()).await {
        Ok(true) => Ok(clear_order(&context.visitor, &format!("/order?{ERASED}"))),
        Ok(false) => Err(PageError::NoOrderOpen),
        Err(error) => refuse(context, OrderFormError::unavailable("confirm", error)?).await,
    }
}

pub async fn close(posted: VerifiedVisitor) -> Result<HttpResponse, PageError> {
    Ok(clear_order(&posted.visitor, "/order"))
}

/// Makes the browser forget the order.
fn clear_order(visitor: &Visitor, next: &str) -> HttpResponse {
    let mut response = see_other(next, &visitor.remove_order_cookies());
    let cleared = HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");
    response.headers_mut().insert(HeaderName::from_static("clear-site-data"), cleared);
    response
}

pub async fn show_link_qr(context: RequestContext) -> Result<HttpResponse, PageError> {
    let (order, due) = find_payable(&context).await?;
    show_qr(&order.invoice.link(due))
}

pub async fn show_address_qr(context: RequestContext) -> Result<HttpResponse, PageError> {
    let (order, _) = find_payable(&context).await?;
    show_qr(order.invoice.address.as_str())
}

fn show_qr(text: &str) -> Result<HttpResponse, PageError> {
    let picture = qr::png(text).map_err(anyhow::Error::from)?;
    Ok(HttpResponse::Ok().content_type("image/png").body(picture))
}

/// The order, and the amount that is due now.
async fn find_payable(context: &RequestContext) -> Result<(Order, Amount), PageError> {
    let order = find_open(context).await?;
    let tolerance = context.app.shop.policy.tolerance;
    let due = order.amount_to_pay(tolerance, context.app.trusted_now().await?);
    Ok((order, due.ok_or(PageError::NotFound)?))
}

/// The order's page again, with the input and why it was refused.
async fn refuse(
    context: RequestContext,
    refused: OrderFormError,
) -> Result<HttpResponse, PageError> {
    let is_temporary = refused.status == StatusCode::SERVICE_UNAVAILABLE;
    let order = find_open(&context).await?;
    let mut response = show_order(context, &order, refused).await?;
    if is_temporary {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS.into());
    }
    Ok(response)
}

async fn show_order(
    mut context: RequestContext,
    order: &Order,
    refused: OrderFormError,
) -> Result<HttpResponse, PageError> {
    let open = context.visitor.open_order.take().ok_or(PageError::NoOrderOpen)?;
    let RequestContext { request, app, visitor, .. } = &context;
    let tolerance = app.shop.policy.tolerance;
    let now = app.trusted_now().await?;
    let status = order.status_at(now);
    let due = order.amount_to_pay(tolerance, now);
    let invoice = &order.invoice;
    let key = BuyerIdentity::of_code(&open.code, &app.shop.salt);
    let page = request.query_string().strip_prefix("page=").and_then(|n| n.parse().ok());
    let conversation =
        Conversation::read(app, order, &key, page.unwrap_or(1), open.last_seen).await?;
    let n_shown = conversation.messages.iter().filter(|message| message.is_new).count() as i64;
    // What is new on an older page stays new until that page was shown.
    let has_seen_all = conversation.n_new <= n_shown;
    let last = conversation.last;
    let response_status = refused.status;
    let receipt = read_receipt(app, &key, order).await?;
    let template = OrderPage {
        layout: Layout::new(&context, "/order"),
        order,
        code: (!open.is_code_saved).then(|| open.code.words()),
        state: status.as_str(),
        state_title: text(title(order, due.is_some(), now)),
        what_next: text(what_next(order, due.is_some(), now)),
        is_unsettled: !order.is_sold_out()
            && matches!(
                status,
                Status::Awaiting
                    | Status::Reported
                    | Status::Partial
                    | Status::Unconfirmed
                    | Status::Oversold
                    | Status::Late
            ),
        is_waiting: status == Status::Awaiting && due.is_some(),
        reservation_note: due.and_then(|_| reservation_note(order.reservation)),
        tag: Some(invoice.tag()).filter(|tag| Amount::ZERO < *tag),
        payment: PaymentView::new(order, status, tolerance),
        due: due.unwrap_or(Amount::ZERO),
        network: network(&invoice.coin),
        pay: due.map(|due| pay_view(invoice, due)).transpose()?,
        until: moment(invoice.until),
        until_machine: invoice.until.rfc_3339(),
        minutes_left: (invoice.ends_at().seconds_after(now) / 60).max(1),
        takes_transaction: status.after(Event::BuyerReported).is_ok(),
        refused,
        conversation,
        most_message: MAX_MESSAGE,
        bill: bill(order),
        placed: day(order.placed_at),
        receipt,
    };
    // Only the browser stores what was seen; the shop records no visit.
    let cookie = (open.last_seen < last && has_seen_all).then(|| {
        let order = OpenOrder { last_seen: last, ..open };
        visitor.order_cookie(&app.cookie_key, &order)
    });
    Ok(context.respond(response_status, &template.render()?, cookie))
}

fn reservation_note(reservation: Reservation) -> Option<&'static str> {
    match reservation {
        Reservation::Free => Some("order-not-reserved"),
        Reservation::Contested => Some("order-contested"),
        Reservation::Held | Reservation::SoldOut => None,
    }
}

fn pay_view(invoice: &Invoice, due: Amount) -> Result<PayView, PageError> {
    let link = invoice.link(due);
    let width = |text: &str| qr::width(text).map_err(anyhow::Error::from);
    Ok(PayView {
        qr_width: width(&link)?,
        address_qr_width: width(invoice.address.as_str())?,
        link,
        wallet_hint: wallet_hint(&invoice.coin),
        is_address_first: matches!(invoice.coin, Coin::Token { .. }),
    })
}
