use crate::actions;
use crate::actions::Unreported;
use crate::orders::Code;
use crate::orders::Delivery;
use crate::orders::LookupName;
use crate::orders::Order;
use crate::orders::Status;
use crate::payment::Coin;
use crate::payment::qr;
use crate::store;
use crate::values::Gwei;
use crate::web::catalog::currency_name;
use crate::web::fields::Fields;
use crate::web::frame::Frame;
use crate::web::page::PageError;
use crate::web::page::page;
use crate::web::page::see_other;
use crate::web::state::Front;
use crate::web::state::now;
use crate::web::visit::OpenOrder;
use crate::web::visit::Visit;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::web::Data;
use actix_web::web::Payload;
use askama::Template;

#[derive(Template)]
#[template(path = "orders/code.html")]
struct CodePage<'a> {
    frame: Frame<'a>,
    refused: bool,
}

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
    nobody_watches: bool,
    is_waiting: bool,
    amount: Gwei,
    mark: Option<Gwei>,
    due: Gwei,
    currency: &'a str,
    network: String,
    pay: Option<PayView>,
    until: String,
    until_machine: String,
    minutes_left: i64,
    transaction: Option<&'a str>,
    takes_transaction: bool,
    typed: &'a str,
    refused: Option<&'a str>,
    word: &'a str,
    bill: Vec<(String, String)>,
    total: Gwei,
    placed: String,
    delivery: Vec<String>,
}

/// How to pay, while something is due.
struct PayView {
    address: String,
    link: String,
    qr_width: u32,
    address_qr_width: u32,
    /// A token's link misleads many wallets, so that its address comes first.
    token_first: bool,
    shows_address_qr: bool,
}

#[derive(Template)]
#[template(path = "orders/receipt.txt", escape = "none")]
struct Receipt<'a> {
    site_name: &'a str,
    order_ref: &'a str,
    placed: String,
    state_title: &'a str,
    bill: Vec<String>,
    amount: Gwei,
    currency: &'a str,
    address: Option<&'a str>,
    until: String,
    transaction: Option<&'a str>,
}

pub async fn show(request: HttpRequest, front: Data<Front>) -> Result<HttpResponse, PageError> {
    let visit = Visit::of(&request, &front);
    match find_open(&front, &visit).await? {
        Some(order) => show_order(&request, &front, &visit, &order, StatusCode::OK, None).await,
        None => show_code_form(&request, &front, &visit, StatusCode::OK, false).await,
    }
}

/// A wrong code and one that cannot be read are answered alike, after the same look.
pub async fn open(
    request: HttpRequest,
    front: Data<Front>,
    body: Payload,
) -> Result<HttpResponse, PageError> {
    let (fields, visit) = Fields::read(&request, &front, body).await?;
    let code = Code::parse(fields.get("code")).ok();
    let name = code.as_ref().map_or(LookupName::NOBODY, Code::lookup_name);
    let order = store::orders::find_by_lookup(&front.shop.db, &name).await?;
    match (code, order) {
        (Some(code), Some(_)) => {
            let cookie = visit.order_cookie(&front, &OpenOrder { code, is_noted: true });
            Ok(see_other("/order", &[cookie]))
        }
        _ => show_code_form(&request, &front, &visit, StatusCode::UNPROCESSABLE_ENTITY, true).await,
    }
}

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
    let typed = fields.get("transaction");
    match actions::report_payment(&front.shop, &open.code.lookup_name(), typed, now()).await? {
        Ok(()) => Ok(see_other("/order", &[])),
        Err(Unreported::NoOrder) => Err(PageError::NoOrderOpen),
        Err(Unreported::Refused(words)) => {
            let order = find_open(&front, &visit).await?.ok_or(PageError::NoOrderOpen)?;
            let refused = Some((typed, words.as_str()));
            show_order(&request, &front, &visit, &order, StatusCode::UNPROCESSABLE_ENTITY, refused)
                .await
        }
    }
}

pub async fn close(
    request: HttpRequest,
    front: Data<Front>,
    body: Payload,
) -> Result<HttpResponse, PageError> {
    let (_, visit) = Fields::read(&request, &front, body).await?;
    let mut response = see_other("/order", &[visit.no_order_cookie()]);
    let cleared = HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");
    response.headers_mut().insert(HeaderName::from_static("clear-site-data"), cleared);
    Ok(response)
}

pub async fn show_link_qr(
    request: HttpRequest,
    front: Data<Front>,
) -> Result<HttpResponse, PageError> {
    let order = find_payable(&request, &front).await?;
    show_qr(&order.invoice.link(order.due()))
}

pub async fn show_address_qr(
    request: HttpRequest,
    front: Data<Front>,
) -> Result<HttpResponse, PageError> {
    let order = find_payable(&request, &front).await?;
    show_qr(order.invoice.address.as_str())
}

fn show_qr(text: &str) -> Result<HttpResponse, PageError> {
    let picture = qr::png(text).map_err(anyhow::Error::from)?;
    Ok(HttpResponse::Ok().content_type("image/png").body(picture))
}

pub async fn show_receipt(
    request: HttpRequest,
    front: Data<Front>,
) -> Result<HttpResponse, PageError> {
    let visit = Visit::of(&request, &front);
    let order = find_open(&front, &visit).await?.ok_or(PageError::NoOrderOpen)?;
    let status = order.status_at(now());
    let bill = bill(&order).into_iter().map(|(what, sum)| format!("  {what}\n      {sum}"));
    let template = Receipt {
        site_name: &front.site.name,
        order_ref: order.order_ref.as_str(),
        placed: order.placed_at.for_people(),
        state_title: status.title(),
        bill: bill.collect(),
        amount: order.invoice.amount,
        currency: order.invoice.currency.as_str(),
        address: is_payable(status).then(|| order.invoice.address.as_str()),
        until: order.invoice.until.for_people(),
        transaction: order.transaction.as_ref().map(|id| id.as_str()),
    };
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(template.render()?))
}

async fn find_open(front: &Front, visit: &Visit) -> Result<Option<Order>, PageError> {
    match &visit.open_order {
        Some(open) => {
            Ok(store::orders::find_by_lookup(&front.shop.db, &open.code.lookup_name()).await?)
        }
        None => Ok(None),
    }
}

async fn find_payable(request: &HttpRequest, front: &Front) -> Result<Order, PageError> {
    let visit = Visit::of(request, front);
    let order = find_open(front, &visit).await?.ok_or(PageError::NoOrderOpen)?;
    if is_payable(order.status_at(now())) { Ok(order) } else { Err(PageError::NotFound) }
}

/// Whether the page still shows where to pay to.
fn is_payable(status: Status) -> bool {
    matches!(status, Status::Awaiting | Status::Reported | Status::Partial)
}

async fn show_code_form(
    request: &HttpRequest,
    front: &Front,
    visit: &Visit,
    status: StatusCode,
    refused: bool,
) -> Result<HttpResponse, PageError> {
    let (facts, _) = front.facts().await?;
    let frame = Frame::new(front, &facts, currency_name(front, &facts, visit), "/order");
    page(request, front, visit, status, &CodePage { frame, refused })
}

/// `refused`: what was typed for the transaction id, and why it was not taken.
async fn show_order(
    request: &HttpRequest,
    front: &Front,
    visit: &Visit,
    order: &Order,
    status_code: StatusCode,
    refused: Option<(&str, &str)>,
) -> Result<HttpResponse, PageError> {
    let (facts, _) = front.facts().await?;
    let now = now();
    let status = order.status_at(now);
    let invoice = &order.invoice;
    let open = visit.open_order.as_ref().filter(|open| !open.is_noted);
    let template = OrderPage {
        frame: Frame::new(front, &facts, currency_name(front, &facts, visit), "/order"),
        order_ref: order.order_ref.as_str(),
        code: open.map(|open| open.code.words()),
        state: status.as_str(),
        state_title: status.title(),
        what_next: status.what_next(),
        nobody_watches: matches!(
            status,
            Status::Awaiting | Status::Reported | Status::Partial | Status::Late
        ),
        is_waiting: status == Status::Awaiting,
        amount: invoice.amount,
        mark: Some(invoice.mark()).filter(|mark| Gwei::ZERO < *mark),
        due: order.due(),
        currency: invoice.currency.as_str(),
        network: invoice.coin.name(),
        pay: if is_payable(status) { Some(pay_view(order)?) } else { None },
        until: invoice.until.for_people(),
        until_machine: invoice.until.rfc_3339(),
        minutes_left: invoice.until.minutes_after(now),
        transaction: order.transaction.as_ref().map(|id| id.as_str()),
        takes_transaction: takes_transaction(status),
        typed: refused.map_or("", |(typed, _)| typed),
        refused: refused.map(|(_, words)| words),
        word: order.word.as_str(),
        bill: bill(order),
        total: invoice.total,
        placed: order.placed_at.for_people(),
        delivery: delivery(&order.delivery),
    };
    page(request, front, visit, status_code, &template)
}

fn takes_transaction(status: Status) -> bool {
    status.after(crate::orders::Event::BuyerReported).is_ok()
}

fn pay_view(order: &Order) -> Result<PayView, PageError> {
    let link = order.invoice.link(order.due());
    let address = order.invoice.address.as_str();
    let width = |text: &str| qr::width(text).map_err(anyhow::Error::from);
    Ok(PayView {
        qr_width: width(&link)?,
        address_qr_width: width(address)?,
        address: address.to_owned(),
        link,
        token_first: matches!(order.invoice.coin, Coin::Token { .. }),
        shows_address_qr: matches!(order.invoice.coin, Coin::Ether { .. }),
    })
}

/// What was ordered and what it cost, line by line.
fn bill(order: &Order) -> Vec<(String, String)> {
    let mut bill = Vec::new();
    for line in &order.lines {
        let option = if line.option_name.is_empty() {
            String::new()
        } else {
            format!(", {}", line.option_name)
        };
        bill.push((format!("{} × {}{option}", line.quantity, line.name), line.sum.to_string()));
    }
    if let Some(discount) = &order.discount {
        bill.push((
            format!("{} % less, with your code", discount.percent),
            format!("−{}", discount.less),
        ));
    }
    if let Some(sending) = &order.sending {
        bill.push((format!("Sending: {}", sending.name), sending.price.to_string()));
    }
    bill
}

fn delivery(delivery: &Delivery) -> Vec<String> {
    match delivery {
        Delivery::Plain(address) => {
            let mut lines = vec![address.recipient.as_str().to_owned()];
            lines.extend(address.street.lines().map(str::to_owned));
            for line in [&address.city, &address.province, &address.postcode, &address.country] {
                lines.push(line.as_str().to_owned());
            }
            lines
        }
        Delivery::Sealed { .. } => {
            vec!["To the address that you have sealed: only the seller can read it.".to_owned()]
        }
    }
}
