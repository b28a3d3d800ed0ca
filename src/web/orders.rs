//! An order's pages.

use crate::actions;
use crate::actions::MOST_MESSAGE;
use crate::actions::Question;
use crate::actions::Unasked;
use crate::actions::Unfit;
use crate::actions::Unreported;
use crate::orders::LookupName;
use crate::orders::Order;
use crate::orders::ReaderKey;
use crate::orders::Status;
use crate::payment::Coin;
use crate::payment::Invoice;
use crate::payment::Tolerance;
use crate::payment::qr;
use crate::payment::read_by;
use crate::store;
use crate::values::Gwei;
use crate::values::text::without_hidden;
use crate::web::catalog::currency_name;
use crate::web::clock::now;
use crate::web::code_form;
use crate::web::code_form::Asked;
use crate::web::conversation::Conversation;
use crate::web::fields::Fields;
use crate::web::frame::Frame;
use crate::web::page::PageError;
use crate::web::page::RETRY_SECONDS;
use crate::web::page::see_other;
use crate::web::page::send;
use crate::web::ready::ReadyPage;
use crate::web::receipt::read_receipt;
use crate::web::state::Front;
use crate::web::state::chance;
use crate::web::visit::OpenOrder;
use crate::web::visit::Visit;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::web::Data;
use actix_web::web::Payload;
use askama::Template;

#[derive(Template)]
#[template(path = "orders/order.html")]
struct OrderPage<'a> {
    frame: Frame<'a>,
    order_ref: &'a str,
    /// Until the buyer has noted it.
    code: Option<String>,
    state: &'a str,
    state_title: &'a str,
    what_next: &'a str,
    /// Whether this page may change by itself because of a payment, or by the seller's word alone.
    is_unsettled: bool,
    /// Whether the node cannot be trusted just now.
    in_doubt: bool,
    /// Whether the seller's node looks for the payment.
    is_followed: bool,
    is_waiting: bool,
    amount: Gwei,
    mark: Option<Gwei>,
    seen: Seen,
    due: Gwei,
    currency: &'a str,
    address: &'a str,
    network: String,
    pay: Option<PayView>,
    until: String,
    until_machine: String,
    minutes_left: i64,
    transaction: Option<&'a str>,
    takes_transaction: bool,
    /// Empty: whatever was sent was taken.
    refused: &'a Refused,
    talk: Conversation,
    most_message: usize,
    bill: Vec<(String, String)>,
    total: Gwei,
    placed: String,
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
    read_by: &'static str,
    /// A token's link misleads many wallets, so that its address comes first.
    token_first: bool,
}

/// What has come, by whom it was seen.
pub struct Seen {
    /// By the seller's node.
    pub by_node: Option<Gwei>,
    /// Of it, where it is less.
    pub settled: Option<Gwei>,
    pub confirmations: Option<String>,
    /// By the seller's word, while it is not all.
    pub by_seller: Option<Gwei>,
    pub missing: Option<Gwei>,
    pub excess: Option<Gwei>,
}

impl Seen {
    pub fn of(order: &Order, status: Status, tolerance: Tolerance) -> Self {
        let invoice = &order.invoice;
        let some = |sum: Gwei| Some(sum).filter(|sum| Gwei::ZERO < *sum);
        let (by_node, settled) = match &invoice.sighting {
            Some(sighting) => (
                some(sighting.seen),
                some(sighting.settled).filter(|settled| *settled < sighting.seen),
            ),
            None => (None, None),
        };
        Self {
            by_node,
            settled,
            confirmations: order.confirmations(),
            by_seller: some(invoice.received).filter(|sum| *sum < invoice.amount),
            missing: some(order.due(tolerance))
                .filter(|due| status == Status::Late && *due < invoice.amount),
            excess: some(order.excess()).filter(|_| status == Status::Overpaid),
        }
    }
}

pub async fn show(request: HttpRequest, front: Data<Front>) -> Result<HttpResponse, PageError> {
    let visit = Visit::of(&request, &front);
    match find_open(&front, &visit).await? {
        Some(order) => {
            let refused = Refused::default();
            show_order(&request, &front, visit, &order, StatusCode::OK, &refused).await
        }
        None => {
            let asked = if request.query_string() == ERASED { Asked::Erased } else { Asked::New };
            code_form::ask(&request, &front, &visit, asked).await
        }
    }
}

/// In the address after the buyer has erased everything: it names nobody.
const ERASED: &str = "erased";

pub async fn note_code(
    request: HttpRequest,
    front: Data<Front>,
    body: Payload,
) -> Result<HttpResponse, PageError> {
    let (_, mut visit) = Fields::read(&request, &front, body).await?;
    let mut cookies = Vec::new();
    if let Some(order) = visit.open_order.take() {
        cookies.push(visit.order_cookie(&front, &OpenOrder { is_noted: true, ..order }));
    }
    Ok(see_other("/order", &cookies))
}

pub async fn report(
    request: HttpRequest,
    front: Data<Front>,
    body: Payload,
) -> Result<HttpResponse, PageError> {
    let (fields, visit) = Fields::read(&request, &front, body).await?;
    let Some(open) = &visit.open_order else { return Err(PageError::NoOrderOpen) };
    let field = "transaction";
    let typed = fields.get(field);
    let (status, words) =
        match actions::report_payment(&front.shop, &lookup(&front, open), typed, now()).await {
            Ok(Ok(())) => return Ok(see_other("/order", &[])),
            Ok(Err(Unreported::NoOrder)) => return Err(PageError::NoOrderOpen),
            Ok(Err(Unreported::Refused(words))) => (StatusCode::UNPROCESSABLE_ENTITY, words),
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, why_not_now(error)?),
        };
    let typed = vec![(field, typed.to_owned())];
    refuse(&request, &front, visit, (status, Refused { field, words, typed })).await
}

pub async fn ask(
    request: HttpRequest,
    front: Data<Front>,
    body: Payload,
) -> Result<HttpResponse, PageError> {
    let (fields, visit) = Fields::read(&request, &front, body).await?;
    let Some(open) = &visit.open_order else { return Err(PageError::NoOrderOpen) };
    let (message, pgp) = (fields.get("message"), fields.get("pgp"));
    let once = open.code.mark_of(&format!("{message}\n{pgp}"), now());
    let question = Question { message, pgp, once };
    let (status, unfit) =
        match actions::ask_seller(&front.shop, &lookup(&front, open), &question, now()).await {
            Ok(Ok(())) => return Ok(see_other("/order#messages", &[])),
            Ok(Err(Unasked::NoOrder)) => return Err(PageError::NoOrderOpen),
            Ok(Err(Unasked::Refused(unfit))) => (StatusCode::UNPROCESSABLE_ENTITY, unfit),
            Err(error) => {
                let field = if question.pgp.trim().is_empty() { "message" } else { "pgp" };
                let unfit = Unfit { field, words: why_not_now(error)?, left: None };
                (StatusCode::SERVICE_UNAVAILABLE, unfit)
            }
        };
    let Unfit { field, words, left } = unfit;
    let message = left.unwrap_or_else(|| without_hidden(question.message));
    let typed = vec![("message", message), ("pgp", question.pgp.to_owned())];
    refuse(&request, &front, visit, (status, Refused { field, words, typed })).await
}

/// Words for a buyer where nothing can be kept or sealed to the seller just now: what was typed stays in its form.
fn why_not_now(error: anyhow::Error) -> Result<String, PageError> {
    match PageError::from(error) {
        broken if broken.is_temporary() => {
            tracing::error!("a buyer's form could not be saved: {broken}");
            Ok("The shop cannot save this right now. Send it again in a minute: it counts only once.".to_owned())
        }
        PageError::Closed(_) => Ok("This cannot be encrypted for the seller right now, and the shop does not send it unencrypted. Nothing was sent. Try again later.".to_owned()),
        other => Err(other),
    }
}

pub async fn erase(
    request: HttpRequest,
    front: Data<Front>,
    body: Payload,
) -> Result<HttpResponse, PageError> {
    let (fields, visit) = Fields::read(&request, &front, body).await?;
    let Some(open) = &visit.open_order else { return Err(PageError::NoOrderOpen) };
    if fields.get("confirm").is_empty() {
        let words = "Tick the box to confirm: deleted data cannot be recovered.".to_owned();
        let refused = Refused { field: "confirm", words, typed: Vec::new() };
        return refuse(&request, &front, visit, (StatusCode::UNPROCESSABLE_ENTITY, refused)).await;
    }
    let nobody = LookupName(chance());
    match actions::erase_buyer(&front.shop, &lookup(&front, open), nobody, now()).await {
        Ok(true) => Ok(forget(&visit, &format!("/order?{ERASED}"))),
        Ok(false) => Err(PageError::NoOrderOpen),
        Err(error) => {
            let words = why_not_now(error)?;
            let refused = Refused { field: "confirm", words, typed: Vec::new() };
            refuse(&request, &front, visit, (StatusCode::SERVICE_UNAVAILABLE, refused)).await
        }
    }
}

pub async fn close(
    request: HttpRequest,
    front: Data<Front>,
    body: Payload,
) -> Result<HttpResponse, PageError> {
    let (_, visit) = Fields::read(&request, &front, body).await?;
    Ok(forget(&visit, "/order"))
}

/// The browser forgets the order.
fn forget(visit: &Visit, next: &str) -> HttpResponse {
    let mut response = see_other(next, &visit.no_order_cookies());
    let cleared = HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");
    response.headers_mut().insert(HeaderName::from_static("clear-site-data"), cleared);
    response
}

pub async fn show_link_qr(
    request: HttpRequest,
    front: Data<Front>,
) -> Result<HttpResponse, PageError> {
    let (order, due) = find_payable(&request, &front).await?;
    show_qr(&order.invoice.link(due))
}

pub async fn show_address_qr(
    request: HttpRequest,
    front: Data<Front>,
) -> Result<HttpResponse, PageError> {
    let (order, _) = find_payable(&request, &front).await?;
    show_qr(order.invoice.address.as_str())
}

fn show_qr(text: &str) -> Result<HttpResponse, PageError> {
    let picture = qr::png(text).map_err(anyhow::Error::from)?;
    Ok(HttpResponse::Ok().content_type("image/png").body(picture))
}

pub async fn find_open(front: &Front, visit: &Visit) -> Result<Option<Order>, PageError> {
    match &visit.open_order {
        Some(open) => {
            Ok(store::orders::find_by_lookup(&front.shop.db, &lookup(front, open)).await?)
        }
        None => Ok(None),
    }
}

fn lookup(front: &Front, open: &OpenOrder) -> LookupName {
    open.code.lookup_name(&front.shop.salt)
}

/// The order, and what is to be sent now.
async fn find_payable(request: &HttpRequest, front: &Front) -> Result<(Order, Gwei), PageError> {
    let visit = Visit::of(request, front);
    let order = find_open(front, &visit).await?.ok_or(PageError::NoOrderOpen)?;
    let due = order.asks_for(front.shop.terms.tolerance, front.trusted().await?);
    Ok((order, due.ok_or(PageError::NotFound)?))
}

/// The order's page again, with what was typed and why it was not taken.
async fn refuse(
    request: &HttpRequest,
    front: &Front,
    visit: Visit,
    (status, refused): (StatusCode, Refused),
) -> Result<HttpResponse, PageError> {
    let order = find_open(front, &visit).await?.ok_or(PageError::NoOrderOpen)?;
    let mut response = show_order(request, front, visit, &order, status, &refused).await?;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS.into());
    }
    Ok(response)
}

async fn show_order(
    request: &HttpRequest,
    front: &Front,
    mut visit: Visit,
    order: &Order,
    status_code: StatusCode,
    refused: &Refused,
) -> Result<HttpResponse, PageError> {
    let Some(open) = visit.open_order.take() else { return Err(PageError::NoOrderOpen) };
    let (facts, _) = front.facts().await?;
    let now = front.trusted().await?;
    let status = order.status_at(now);
    let asked = order.asks_for(front.shop.terms.tolerance, now);
    let invoice = &order.invoice;
    let key = ReaderKey::of_code(&open.code, &front.shop.salt);
    let page_number = request.query_string().strip_prefix("page=").and_then(|n| n.parse().ok());
    let talk =
        Conversation::read(front, &order.order_ref, &key, page_number.unwrap_or(1), open.seen)
            .await?;
    let last = talk.last;
    let receipt = read_receipt(front, &key, order).await?;
    let template = OrderPage {
        frame: Frame::new(front, &facts, currency_name(front, &facts, &visit), "/order"),
        order_ref: order.order_ref.as_str(),
        code: (!open.is_noted).then(|| open.code.words()),
        state: status.as_str(),
        state_title: order.title_at(asked.is_some(), now),
        what_next: order.what_next(asked.is_some(), now),
        in_doubt: invoice.in_doubt,
        is_unsettled: matches!(
            status,
            Status::Awaiting
                | Status::Reported
                | Status::Partial
                | Status::Unconfirmed
                | Status::Late
        ),
        is_followed: invoice.sighting.is_some(),
        is_waiting: status == Status::Awaiting && asked.is_some(),
        amount: invoice.amount,
        mark: Some(invoice.mark()).filter(|mark| Gwei::ZERO < *mark),
        seen: Seen::of(order, status, front.shop.terms.tolerance),
        due: asked.unwrap_or(Gwei::ZERO),
        currency: invoice.currency.as_str(),
        address: invoice.address.as_str(),
        network: invoice.coin.name(),
        pay: asked.map(|due| pay_view(invoice, due)).transpose()?,
        until: invoice.until.for_people(),
        until_machine: invoice.until.rfc_3339(),
        minutes_left: (invoice.ends_at().seconds_after(now) / 60).max(1),
        transaction: order.transaction.as_ref().map(|id| id.as_str()),
        takes_transaction: takes_transaction(status),
        refused,
        talk,
        most_message: MOST_MESSAGE,
        bill: bill(order),
        total: invoice.total,
        placed: order.placed_at.day(),
        receipt,
    };
    let n_shown = template.talk.pieces.iter().filter(|piece| piece.is_new).count();
    let has_more_new = i64::try_from(n_shown).unwrap_or(0) < template.talk.n_new;
    let html = template.render()?;
    let mut sent = send(request, front, &visit, status_code, &ReadyPage::once(&html));
    // What is new on an earlier page stays new until that page was looked at.
    if open.seen < last && !has_more_new {
        // Only the browser knows what was seen; the shop keeps no record of a look.
        let cookie = visit.order_cookie(front, &OpenOrder { seen: last, ..open });
        sent.response.append_header((header::SET_COOKIE, cookie));
    }
    Ok(sent.finish_page())
}

fn takes_transaction(status: Status) -> bool {
    status.after(crate::orders::Event::BuyerReported).is_ok()
}

fn pay_view(invoice: &Invoice, due: Gwei) -> Result<PayView, PageError> {
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

/// What was ordered and what it cost, line by line.
pub fn bill(order: &Order) -> Vec<(String, String)> {
    let mut bill = Vec::new();
    for line in &order.lines {
        bill.push((format!("{} × {}", line.quantity, line.full_name()), line.sum.to_string()));
    }
    if let Some(discount) = &order.discount {
        let what = discount
            .percent
            .map_or_else(|| "Discount".to_owned(), |percent| format!("Discount {percent}%"));
        bill.push((what, format!("−{}", discount.less)));
    }
    if let Some(sending) = &order.sending {
        bill.push((format!("Shipping: {}", sending.name), sending.price.to_string()));
    }
    bill
}
