//! The order's page: what it shows in each state.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::actions::MAX_MESSAGE;
use crate::domain::orders::{BuyerIdentity, Event, Order, Reservation, Status};
use crate::domain::payment::{Coin, Invoice, qr};
use crate::domain::values::{Amount, Timestamp};
use crate::infra::store;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::conversation::Conversation;
use crate::interfaces::web::downloads::{PurchaseView, list_purchases};
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::open_order::{BillLine, PaymentView, bill};
use crate::interfaces::web::order_texts::{network, title, wallet_hint, what_next};
use crate::interfaces::web::receipt::read_receipt;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::{Text, day, moment, text};
use crate::interfaces::web::visitor::OpenOrder;

#[derive(Template)]
#[template(path = "orders/order.html")]
struct OrderPage<'a> {
    layout: Layout<'a>,
    order: &'a Order,
    /// Until the buyer has saved it.
    code: Option<String>,
    /// The id of a text.
    heading: &'static str,
    state: &'a str,
    state_title: Text<'static>,
    what_next: Text<'static>,
    /// What the seller wrote with the status: a tracking number, a refund's transaction, a reason.
    step: Option<Text<'static>>,
    /// Whether a payment, or the seller's confirmation, may still change the status.
    is_unsettled: bool,
    is_waiting: bool,
    /// Whether the buyer has reported a payment, so that the page does not ask for it again.
    is_reported: bool,
    /// Whether nothing more is expected: then no page shows the address.
    is_finished: bool,
    /// The id of a text: that nothing is reserved for the order.
    reservation_note: Option<&'static str>,
    tag: Option<Amount>,
    payment: PaymentView,
    due: Amount,
    /// Whether it is to be paid, and is the whole amount.
    is_all_due: bool,
    network: String,
    pay: Option<PayView>,
    until: Text<'static>,
    until_machine: String,
    minutes_left: i64,
    report: Option<ReportView>,
    /// The id of the text of the button that orders the same again.
    again: Option<&'static str>,
    /// By default: nothing was refused.
    refused: OrderFormError,
    purchases: Vec<PurchaseView>,
    conversation: Conversation,
    most_message: usize,
    bill: Vec<BillLine>,
    placed: Text<'static>,
    /// As the buyer wrote it; empty if nothing is stored.
    receipt: String,
}

/// A form on the order's page that was refused. By default: none was.
#[derive(Default)]
pub struct OrderFormError {
    pub status: StatusCode,
    field: &'static str,
    why: String,
    /// All fields of the form and their input.
    typed: Vec<(&'static str, String)>,
}

impl OrderFormError {
    pub fn invalid(field: &'static str, why: Text<'static>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self { status, field, why: why.to_string(), typed: Vec::new() }
    }

    /// For input that cannot be stored, or encrypted to the seller, now.
    ///
    /// # Errors
    /// Any other problem.
    pub fn unavailable(field: &'static str, error: anyhow::Error) -> Result<Self, PageError> {
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

    /// `typed`: all fields of the form and their input.
    pub fn with_input(self, typed: Vec<(&'static str, String)>) -> Self {
        Self { typed, ..self }
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
    wallet_hint: String,
    /// For a token: many wallets misread its payment link.
    is_address_first: bool,
}

/// How the buyer reports a payment. Each is the id of a text.
struct ReportView {
    /// What it is folded under; `None`: the buyer is expected to use it.
    summary: Option<&'static str>,
    button: &'static str,
}

/// Shows the order that the browser has open. `refused`: with a form that was not accepted.
pub async fn show_order(
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
    let purchases = list_purchases(&context, order, &key).await?;
    let conversation =
        Conversation::read(app, order, &key, page.unwrap_or(1), open.last_seen).await?;
    let n_shown = conversation.messages.iter().filter(|message| message.is_new).count() as i64;
    // What is new on an older page stays new until that page was shown.
    let has_seen_all = conversation.n_new <= n_shown;
    let last = conversation.last;
    let response_status = refused.status;
    let template = OrderPage {
        layout: Layout::new(&context, "/order"),
        order,
        code: (!open.is_code_saved).then(|| open.code.words()),
        heading: heading(&open, status),
        state: status.as_str(),
        state_title: text(title(order, due.is_some(), now)),
        what_next: text(what_next(order, due.is_some(), now)),
        step: read_step(app, &key, order, status).await?,
        is_unsettled: is_unsettled(order, status),
        is_waiting: status == Status::Awaiting && due.is_some(),
        is_reported: status == Status::Reported,
        is_finished: status.is_finished(),
        reservation_note: due.and_then(|_| reservation_note(order.reservation)),
        tag: Some(invoice.tag()).filter(|tag| Amount::ZERO < *tag),
        payment: PaymentView::new(order, status, tolerance),
        due: due.unwrap_or(Amount::ZERO),
        is_all_due: due == Some(invoice.amount),
        network: network(&invoice.coin),
        pay: due.map(|due| pay_view(invoice, due)).transpose()?,
        until: moment(invoice.until),
        until_machine: invoice.until.rfc_3339(),
        minutes_left: (invoice.ends_at().seconds_after(now) / 60).max(1),
        report: report_view(order, status),
        again: repeat_button(order, status, now),
        refused,
        purchases,
        conversation,
        most_message: MAX_MESSAGE,
        bill: bill(order),
        placed: day(order.placed_at),
        receipt: read_receipt(app, &key, order).await?,
    };
    // Only the browser stores what was seen; the shop records no visit.
    let cookie = (open.last_seen < last && has_seen_all).then(|| {
        let order = OpenOrder { last_seen: last, ..open };
        visitor.order_cookie(&app.cookie_key, &order)
    });
    Ok(context.respond(response_status, &template.render()?, cookie))
}

/// A buyer who has not saved the code yet has just placed the order.
fn heading(open: &OpenOrder, status: Status) -> &'static str {
    match status {
        Status::Awaiting | Status::Reported if !open.is_code_saved => "order-thank-you",
        _ => "order-title",
    }
}

fn is_unsettled(order: &Order, status: Status) -> bool {
    !order.is_sold_out()
        && matches!(
            status,
            Status::Awaiting
                | Status::Reported
                | Status::Partial
                | Status::Unconfirmed
                | Status::Oversold
                | Status::Late
        )
}

fn reservation_note(reservation: Reservation) -> Option<&'static str> {
    match reservation {
        Reservation::Free => Some("order-not-reserved"),
        Reservation::Contested => Some("order-contested"),
        Reservation::Held | Reservation::SoldOut => None,
    }
}

/// The id of a text; `None`: the order cannot be repeated now.
fn repeat_button(order: &Order, status: Status, now: Timestamp) -> Option<&'static str> {
    match status {
        _ if !order.can_be_repeated(now) => None,
        Status::Expired => Some("order-renew"),
        _ => Some("order-again"),
    }
}

/// What the seller wrote when the order got its status.
async fn read_step(
    app: &AppState,
    key: &BuyerIdentity,
    order: &Order,
    status: Status,
) -> Result<Option<Text<'static>>, PageError> {
    let id = match status {
        Status::Shipped => "order-tracking",
        Status::Refunded => "order-refund-transaction",
        Status::Cancelled => "order-cancel-reason",
        _ => return Ok(None),
    };
    let mut db = app.shop.db.reader().await?;
    let step = store::messages::find_step(&mut db, &order.order_ref, status).await?;
    drop(db);
    // A damaged one is reported among the messages.
    let words = step.and_then(|step| step.sealed).and_then(|sealed| key.decrypt(&sealed).ok());
    Ok(words.map(|words| text(id).with("text", words)))
}

fn pay_view(invoice: &Invoice, due: Amount) -> Result<PayView, PageError> {
    let link = invoice.link(due);
    let width = |text: &str| qr::width(text).map_err(anyhow::Error::from);
    Ok(PayView {
        qr_width: width(&link)?,
        address_qr_width: width(invoice.address.as_str())?,
        link,
        wallet_hint: wallet_hint(&invoice.coin).to_string(),
        is_address_first: matches!(invoice.coin, Coin::Token { .. }),
    })
}

/// `None` if a report would change nothing.
fn report_view(order: &Order, status: Status) -> Option<ReportView> {
    status.after(Event::BuyerReported).ok()?;
    if order.transaction.is_some() {
        return Some(ReportView {
            summary: Some("order-correct-transaction"),
            button: "order-update",
        });
    }
    let summary = match order.invoice.observation {
        Some(_) => Some("order-report-anyway"),
        None if status == Status::Expired => Some("order-report-late"),
        None => None,
    };
    Some(ReportView { summary, button: "order-paid" })
}
