//! An order's receipt, as plain text.

use actix_web::HttpResponse;
use askama::Template;

use crate::domain::orders::{Buyer, BuyerIdentity, Delivery, Order, Status};
use crate::domain::values::Amount;
use crate::infra::store;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::open_order::{BillLine, PaymentView, bill, find_open};
use crate::interfaces::web::order_texts::title;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::{Text, day, moment, text};

#[derive(Template)]
#[template(path = "orders/receipt.txt", escape = "none")]
struct Receipt<'a> {
    site_name: &'a str,
    order: &'a Order,
    placed: Text<'static>,
    state_title: Text<'static>,
    bill: Vec<BillLine>,
    payment: PaymentView,
    due: Option<Amount>,
    until: Option<Text<'static>>,
    /// `None`: nothing more is to be paid to it, and nothing was.
    address: Option<Text<'static>>,
    receipt: String,
}

impl Receipt<'_> {
    fn text<'a>(&self, id: &'a str) -> Text<'a> {
        text(id)
    }
}

pub async fn show_receipt(context: RequestContext) -> Result<HttpResponse, PageError> {
    let RequestContext { app, visitor, snapshot, .. } = &context;
    let open = visitor.open_order.as_ref().ok_or(PageError::NoOrderOpen)?;
    let order = find_open(&context).await?;
    let key = BuyerIdentity::of_code(&open.code, &app.shop.salt);
    let receipt = read_receipt(app, &key, &order).await?;
    let now = app.trusted_now().await?;
    let status = order.status_at(now);
    let tolerance = app.shop.policy.tolerance;
    let due = order.amount_to_pay(tolerance, now);
    let template = Receipt {
        site_name: &snapshot.site_name,
        order: &order,
        placed: day(order.placed_at),
        state_title: text(title(&order, due.is_some(), now)),
        bill: bill(&order),
        payment: PaymentView::new(&order, status, tolerance),
        due,
        until: due.filter(|_| status == Status::Awaiting).map(|_| moment(order.invoice.until)),
        address: address(&order, status),
        receipt,
    };
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(template.render()?))
}

fn address(order: &Order, status: Status) -> Option<Text<'static>> {
    let id = match status.is_finished() {
        false => "order-receipt-address",
        true if order.has_received() => "order-receipt-paid-to",
        true => return None,
    };
    Some(text(id).with("address", &order.invoice.address))
}

/// What the buyer wrote when ordering; empty if nothing is stored.
pub async fn read_receipt(
    app: &AppState,
    key: &BuyerIdentity,
    order: &Order,
) -> Result<String, PageError> {
    let receipt =
        store::messages::find_receipt(&mut *app.shop.db.reader().await?, &order.order_ref).await?;
    match receipt.and_then(|receipt| receipt.sealed) {
        Some(sealed) => Ok(key.decrypt(&sealed).map_err(anyhow::Error::from)?),
        None => Ok(String::new()),
    }
}

/// What the buyer wrote when ordering, as it is stored for the buyer alone.
pub fn write_receipt(buyer: &Buyer) -> String {
    let mut parts = Vec::new();
    match &buyer.delivery {
        Delivery::None => {}
        Delivery::Plain(address) => parts.push(address.lines().join("\n")),
        Delivery::Encrypted { .. } => parts.push(text("order-kept-encrypted").to_string()),
    }
    if !buyer.email.is_empty() {
        parts.push(text("order-kept-email").with("email", buyer.email.as_str()).to_string());
    }
    if let Some(refund) = &buyer.refund {
        parts.push(text("order-kept-refund").with("address", refund).to_string());
    }
    if !buyer.note.is_empty() {
        parts.push(format!("{}\n{}", text("order-kept-note"), buyer.note.as_str()));
    }
    parts.join("\n\n")
}
