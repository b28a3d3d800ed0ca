//! An order's pages.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::{AskSellerError, MOST_MESSAGE, Question, ReportPaymentError, UnfitMessage};
use crate::domain::orders::{BuyerIdentity, LookupName, Order, Refusal, Reservation, Status};
use crate::domain::payment::{Coin, Invoice, qr};
use crate::domain::values::Amount;
use crate::domain::values::text::without_hidden;
use crate::interfaces::http::{NoFields, now, random_bytes, see_other};
use crate::interfaces::web::code_form;
use crate::interfaces::web::code_form::Asked;
use crate::interfaces::web::conversation::Conversation;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::error_page::RETRY_SECONDS;
use crate::interfaces::web::extract::VerifiedForm;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::open_order::{Seen, bill, find_open, lookup};
use crate::interfaces::web::order_texts::{network, read_by, title, what_next};
use crate::interfaces::web::page::send;
use crate::interfaces::web::page_cache::CachedPage;
use crate::interfaces::web::reasons::refusal;
use crate::interfaces::web::receipt::read_receipt;
use crate::interfaces::web::state::AppState;
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
    order_ref: &'a str,
    /// Until the buyer has noted it.
    code: Option<String>,
    state: &'a str,
    state_title: Text<'static>,
    what_next: Text<'static>,
    /// Whether this page may change by itself because of a payment, or by the seller's word alone.
    is_unsettled: bool,
    /// Whether the node cannot be trusted just now.
    in_doubt: bool,
    /// Whether the seller's node looks for the payment.
    is_followed: bool,
    is_waiting: bool,
    /// The id of a text: that nothing is reserved for the order.
    reservation_note: Option<&'static str>,
    amount: Amount,
    mark: Option<Amount>,
    seen: Seen,
    due: Amount,
    currency: &'a str,
    address: &'a str,
    network: String,
    pay: Option<PayView>,
    until: Text<'static>,
    until_machine: String,
    minutes_left: i64,
    transaction: Option<&'a str>,
    takes_transaction: bool,
    /// Empty: whatever was sent was taken.
    refused: &'a Refused,
    talk: Conversation,
    most_message: usize,
    bill: Vec<(String, String)>,
    total: Amount,
    placed: Text<'static>,
    /// As the buyer wrote it; empty where the shop cannot show it.
    receipt: String,
}

/// What was not taken of a form on the order's page: the field, why, and all that was typed, by its field.
#[derive(Default)]
struct Refused {
    field: &'static str,
    words: String,
    typed: Vec<(&'static str, String)>,
}

impl Refused {
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
    read_by: &'static str,
    /// A token's link misleads many wallets, so that its address comes first.
    token_first: bool,
}

pub async fn show(
    request: HttpRequest,
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    match find_open(&app, &visitor).await? {
        Some(order) => {
            let refused = Refused::default();
            show_order(&request, &app, visitor, &order, StatusCode::OK, &refused).await
        }
        None => {
            let asked = if request.query_string() == ERASED { Asked::Erased } else { Asked::New };
            code_form::ask(&request, &app, &visitor, asked).await
        }
    }
}

/// In the address after the buyer has erased everything: it names nobody.
const ERASED: &str = "erased";

pub async fn note_code(
    app: Data<AppState>,
    posted: VerifiedForm<NoFields>,
) -> Result<HttpResponse, PageError> {
    let mut visitor = posted.visitor;
    let mut cookies = Vec::new();
    if let Some(order) = visitor.open_order.take() {
        cookies.push(visitor.order_cookie(&app.cookie_key, &OpenOrder { is_noted: true, ..order }));
    }
    Ok(see_other("/order", &cookies))
}

pub async fn report(
    request: HttpRequest,
    app: Data<AppState>,
    posted: VerifiedForm<TransactionForm>,
) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, visitor } = posted;
    let Some(open) = &visitor.open_order else { return Err(PageError::NoOrderOpen) };
    let typed = form.transaction.as_str();
    let (status, words) =
        match actions::report_payment(&app.shop, &lookup(&app, open), typed, now()).await {
            Ok(()) => return Ok(see_other("/order", &[])),
            Err(ReportPaymentError::NoOrder) => return Err(PageError::NoOrderOpen),
            Err(ReportPaymentError::Refused(why)) => {
                (StatusCode::UNPROCESSABLE_ENTITY, refusal(&Refusal::new("transaction", why)))
            }
            Err(ReportPaymentError::Broken(error)) => {
                (StatusCode::SERVICE_UNAVAILABLE, why_not_now(error)?)
            }
        };
    let typed = vec![("transaction", typed.to_owned())];
    let refused = Refused { field: "transaction", words: words.to_string(), typed };
    refuse(&request, &app, visitor, status, &refused).await
}

pub async fn ask(
    request: HttpRequest,
    app: Data<AppState>,
    posted: VerifiedForm<MessageForm>,
) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, visitor } = posted;
    let Some(open) = &visitor.open_order else { return Err(PageError::NoOrderOpen) };
    let (message, pgp) = (form.message.as_str(), form.pgp.as_str());
    let once = open.code.mark_of(&format!("{message}\n{pgp}"), now());
    let pgp_shown = text("order-message-encrypted").to_string();
    let question = Question { message, pgp, pgp_shown: &pgp_shown, once };
    let (status, field, words, left) =
        match actions::ask_seller(&app.shop, &lookup(&app, open), &question, now()).await {
            Ok(()) => return Ok(see_other("/order#messages", &[])),
            Err(AskSellerError::NoOrder) => return Err(PageError::NoOrderOpen),
            Err(AskSellerError::Refused(UnfitMessage { refusal: why, left })) => {
                (StatusCode::UNPROCESSABLE_ENTITY, why.field, refusal(&why), left)
            }
            Err(AskSellerError::Broken(error)) => {
                let field = if question.pgp.trim().is_empty() { "message" } else { "pgp" };
                (StatusCode::SERVICE_UNAVAILABLE, field, why_not_now(error)?, None)
            }
        };
    let words = words.to_string();
    let message = left.unwrap_or_else(|| without_hidden(question.message));
    let typed = vec![("message", message), ("pgp", question.pgp.to_owned())];
    refuse(&request, &app, visitor, status, &Refused { field, words, typed }).await
}

/// Words for a buyer where nothing can be kept or sealed to the seller just now: what was typed stays in its form.
fn why_not_now(error: anyhow::Error) -> Result<Text<'static>, PageError> {
    match PageError::from(error) {
        broken if broken.is_temporary() => {
            tracing::error!("a buyer's form could not be saved: {broken}");
            Ok(text("refusal-not-saved"))
        }
        PageError::Closed(_) => Ok(text("refusal-not-encrypted")),
        other => Err(other),
    }
}

pub async fn erase(
    request: HttpRequest,
    app: Data<AppState>,
    posted: VerifiedForm<EraseForm>,
) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, visitor } = posted;
    let Some(open) = &visitor.open_order else { return Err(PageError::NoOrderOpen) };
    if form.confirm.is_empty() {
        let words = text("refusal-erase-unconfirmed").to_string();
        let refused = Refused { field: "confirm", words, typed: Vec::new() };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return refuse(&request, &app, visitor, status, &refused).await;
    }
    let nobody = LookupName(random_bytes());
    match actions::erase_buyer(&app.shop, &lookup(&app, open), nobody, now()).await {
        Ok(true) => Ok(forget(&visitor, &format!("/order?{ERASED}"))),
        Ok(false) => Err(PageError::NoOrderOpen),
        Err(error) => {
            let words = why_not_now(error)?.to_string();
            let refused = Refused { field: "confirm", words, typed: Vec::new() };
            refuse(&request, &app, visitor, StatusCode::SERVICE_UNAVAILABLE, &refused).await
        }
    }
}

pub async fn close(posted: VerifiedForm<NoFields>) -> Result<HttpResponse, PageError> {
    Ok(forget(&posted.visitor, "/order"))
}

/// The browser forgets the order.
fn forget(visitor: &Visitor, next: &str) -> HttpResponse {
    let mut response = see_other(next, &visitor.no_order_cookies());
    let cleared = HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");
    response.headers_mut().insert(HeaderName::from_static("clear-site-data"), cleared);
    response
}

pub async fn show_link_qr(
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let (order, due) = find_payable(&app, &visitor).await?;
    show_qr(&order.invoice.link(due))
}

pub async fn show_address_qr(
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let (order, _) = find_payable(&app, &visitor).await?;
    show_qr(order.invoice.address.as_str())
}

fn show_qr(text: &str) -> Result<HttpResponse, PageError> {
    let picture = qr::png(text).map_err(anyhow::Error::from)?;
    Ok(HttpResponse::Ok().content_type("image/png").body(picture))
}

/// The order, and what is to be sent now.
async fn find_payable(app: &AppState, visitor: &Visitor) -> Result<(Order, Amount), PageError> {
    let order = find_open(app, visitor).await?.ok_or(PageError::NoOrderOpen)?;
    let due = order.asks_for(app.shop.policy.tolerance, app.trusted().await?);
    Ok((order, due.ok_or(PageError::NotFound)?))
}

/// The order's page again, with what was typed and why it was not taken.
async fn refuse(
    request: &HttpRequest,
    app: &AppState,
    visitor: Visitor,
    status: StatusCode,
    refused: &Refused,
) -> Result<HttpResponse, PageError> {
    let order = find_open(app, &visitor).await?.ok_or(PageError::NoOrderOpen)?;
    let mut response = show_order(request, app, visitor, &order, status, refused).await?;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS.into());
    }
    Ok(response)
}

async fn show_order(
    request: &HttpRequest,
    app: &AppState,
    mut visitor: Visitor,
    order: &Order,
    status_code: StatusCode,
    refused: &Refused,
) -> Result<HttpResponse, PageError> {
    let Some(open) = visitor.open_order.take() else { return Err(PageError::NoOrderOpen) };
    let (facts, _) = app.facts().await?;
    let now = app.trusted().await?;
    let status = order.status_at(now);
    let asked = order.asks_for(app.shop.policy.tolerance, now);
    let invoice = &order.invoice;
    let key = BuyerIdentity::of_code(&open.code, &app.shop.salt);
    let page_number = request.query_string().strip_prefix("page=").and_then(|n| n.parse().ok());
    let talk = Conversation::read(app, order, &key, page_number.unwrap_or(1), open.seen).await?;
    let last = talk.last;
    let receipt = read_receipt(app, &key, order).await?;
    let template = OrderPage {
        layout: Layout::new(
            app,
            &facts,
            app.currency_name(&facts, visitor.currency.as_deref()),
            "/order",
        ),
        order_ref: order.order_ref.as_str(),
        code: (!open.is_noted).then(|| open.code.words()),
        state: status.as_str(),
        state_title: text(title(order, asked.is_some(), now)),
        what_next: text(what_next(order, asked.is_some(), now)),
        in_doubt: invoice.in_doubt,
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
        is_followed: invoice.observation.is_some(),
        is_waiting: status == Status::Awaiting && asked.is_some(),
        reservation_note: asked.and_then(|_| reservation_note(order.reservation)),
        amount: invoice.amount,
        mark: Some(invoice.mark()).filter(|mark| Amount::ZERO < *mark),
        seen: Seen::of(order, status, app.shop.policy.tolerance),
        due: asked.unwrap_or(Amount::ZERO),
        currency: invoice.currency.as_str(),
        address: invoice.address.as_str(),
        network: network(&invoice.coin),
        pay: asked.map(|due| pay_view(invoice, due)).transpose()?,
        until: moment(invoice.until),
        until_machine: invoice.until.rfc_3339(),
        minutes_left: (invoice.ends_at().seconds_after(now) / 60).max(1),
        transaction: order.transaction.as_ref().map(|id| id.as_str()),
        takes_transaction: takes_transaction(status),
        refused,
        talk,
        most_message: MOST_MESSAGE,
        bill: bill(order),
        total: invoice.total,
        placed: day(order.placed_at),
        receipt,
    };
    let n_shown = template.talk.pieces.iter().filter(|piece| piece.is_new).count();
    let has_more_new = i64::try_from(n_shown).unwrap_or(0) < template.talk.n_new;
    let html = template.render()?;
    let mut sent = send(request, app, &visitor, status_code, &CachedPage::once(&html));
    // What is new on an earlier page stays new until that page was looked at.
    if open.seen < last && !has_more_new {
        // Only the browser knows what was seen; the shop keeps no record of a look.
        let cookie = visitor.order_cookie(&app.cookie_key, &OpenOrder { seen: last, ..open });
        sent.response.append_header((header::SET_COOKIE, cookie));
    }
    Ok(sent.finish_page())
}

fn reservation_note(reservation: Reservation) -> Option<&'static str> {
    match reservation {
        Reservation::Free => Some("order-not-reserved"),
        Reservation::Contested => Some("order-contested"),
        Reservation::Held | Reservation::SoldOut => None,
    }
}

fn takes_transaction(status: Status) -> bool {
    status.after(crate::domain::orders::Event::BuyerReported).is_ok()
}

fn pay_view(invoice: &Invoice, due: Amount) -> Result<PayView, PageError> {
    let link = invoice.link(due);
    let width = |text: &str| qr::width(text).map_err(anyhow::Error::from);
    Ok(PayView {
        qr_width: width(&link)?,
        address_qr_width: width(invoice.address.as_str())?,
        link,
        read_by: read_by(&invoice.coin),
        token_first: matches!(invoice.coin, Coin::Token { .. }),
    })
}
