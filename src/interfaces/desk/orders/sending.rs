//! Marks many orders as shipped.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::actions;
use crate::domain::orders::draft::sentence;
use crate::domain::orders::{Event, MOST_ARGUMENT, OrderRef};
use crate::domain::values::Line;
use crate::infra::store;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::{FieldList, Once, fresh_once};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{now, query_field};

/// Units: orders that are marked as sent at once.
pub const MOST_AT_ONCE: usize = 50;

#[derive(Template)]
#[template(path = "desk/orders/send.html")]
struct SendPage<'a> {
    layout: DeskLayout<'a>,
    once: String,
    parcels: Vec<ParcelView>,
    /// Those that may not be sent: reference and where they stand.
    others: Vec<(String, &'static str)>,
    fault: &'static str,
}

struct ParcelView {
    order_ref: String,
    title: &'static str,
    items: String,
    sending: String,
    tracking: String,
    fault: String,
}

/// Every reference that is named, each once.
fn named<'a>(given: impl Iterator<Item = &'a str>) -> Vec<OrderRef> {
    let mut refs: Vec<OrderRef> = Vec::new();
    for order_ref in given.filter_map(|text| OrderRef::parse(text).ok()) {
        if !refs.contains(&order_ref) {
            refs.push(order_ref);
        }
    }
    refs
}

/// The orders that the address names, `most` at most.
pub fn ticked(request: &HttpRequest, most: usize) -> Vec<OrderRef> {
    let fields = form_urlencoded::parse(request.query_string().as_bytes());
    let named_orders: Vec<String> = fields
        .filter(|(name, _)| name == "order")
        .take(most)
        .map(|(_, value)| value.into_owned())
        .collect();
    named(named_orders.iter().map(String::as_str))
}

/// Asks for the tracking numbers of the orders that were ticked.
pub async fn show(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let refs = ticked(&request, MOST_AT_ONCE);
    if refs.is_empty() {
        let refuse = StatusCode::UNPROCESSABLE_ENTITY;
        return show_parcels(&desk, &seller, refuse, Vec::new(), NONE_TICKED).await;
    }
    let parcels = refs.into_iter().map(|order_ref| (order_ref, String::new(), String::new()));
    show_parcels(&desk, &seller, StatusCode::OK, parcels.collect(), "").await
}

/// `parcels`: each order with what was typed for it and what is wrong with that.
async fn show_parcels(
    desk: &Desk,
    seller: &Seller,
    status: StatusCode,
    parcels: Vec<(OrderRef, String, String)>,
    fault: &'static str,
) -> Result<HttpResponse, DeskError> {
    let mut template = SendPage {
        layout: DeskLayout::new(seller, "/orders"),
        once: fresh_once(),
        parcels: Vec::new(),
        others: Vec::new(),
        fault,
    };
    for (order_ref, tracking, fault) in parcels {
        let Some(order) =
            store::orders::find(&mut *desk.shop.db.reader().await?, &order_ref).await?
        else {
            template.others.push((order_ref.to_string(), GONE));
            continue;
        };
        let title = order.status.for_seller();
        if order.status.after(Event::SellerShipped).is_err() {
            template.others.push((order_ref.to_string(), title));
            continue;
        }
        let items: Vec<String> = order
            .lines
            .iter()
            .map(|line| format!("{} x {}", line.quantity, line.full_name()))
            .collect();
        template.parcels.push(ParcelView {
            order_ref: order_ref.to_string(),
            title,
            items: items.join("; "),
            sending: order.sending.map(|sending| sending.name).unwrap_or_default(),
            tracking,
            fault,
        });
    }
    page(status, &template)
}

const NONE_TICKED: &str = "Select the orders you have shipped first.";
const GONE: &str = "Order not found";

pub async fn submit(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<FieldList>,
) -> Result<HttpResponse, DeskError> {
    let once = Once::new(form.get("once")).bytes()?;
    let refs = named(form.all("order"));
    let mut typed = Vec::new();
    let mut parcels = Vec::new();
    for order_ref in refs {
        let tracking = form.get(&format!("tracking-{order_ref}")).to_owned();
        let fault = match Line::parse(&tracking, MOST_ARGUMENT) {
            Ok(line) => {
                parcels.push((order_ref.clone(), line));
                String::new()
            }
            Err(fault) => sentence(&fault.to_string()),
        };
        typed.push((order_ref, tracking, fault));
    }
    let refuse = StatusCode::UNPROCESSABLE_ENTITY;
    if MOST_AT_ONCE < typed.len() {
        typed.truncate(MOST_AT_ONCE);
        let words = "You can mark at most 50 orders as shipped at once. Nothing was changed.";
        return show_parcels(&desk, &seller, refuse, typed, words).await;
    }
    if typed.is_empty() {
        return show_parcels(&desk, &seller, refuse, typed, NONE_TICKED).await;
    }
    if parcels.len() < typed.len() {
        let words = "Nothing was changed. Please fix the marked tracking numbers.";
        return show_parcels(&desk, &seller, refuse, typed, words).await;
    }
    let done = actions::ship_orders(&desk.shop, parcels, &once, now()).await?;
    let (sent, left): (Vec<_>, Vec<_>) = done.iter().partition(|(_, taken)| taken.is_ok());
    let list = |orders: Vec<&(OrderRef, _)>| -> String {
        let refs: Vec<&str> = orders.iter().map(|(order_ref, _)| order_ref.as_str()).collect();
        refs.join(".")
    };
    Ok(see_other(&format!("/orders/sent?sent={}&left={}", list(sent), list(left))))
}

#[derive(Template)]
#[template(path = "desk/orders/sent.html")]
struct SentPage<'a> {
    layout: DeskLayout<'a>,
    sent: Vec<String>,
    /// Those to which nothing was done, and where they stand now.
    left: Vec<(String, &'static str)>,
}

/// What became of the orders that were to be marked as sent.
pub async fn show_sent(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let given = |name| named(query_field(&request, name).split('.').take(MOST_AT_ONCE));
    let mut left = Vec::new();
    for order_ref in given("left") {
        let order = store::orders::find(&mut *desk.shop.db.reader().await?, &order_ref).await?;
        left.push((order_ref.to_string(), order.map_or(GONE, |order| order.status.for_seller())));
    }
    let template = SentPage {
        layout: DeskLayout::new(&seller, "/orders"),
        sent: given("sent").iter().map(ToString::to_string).collect(),
        left,
    };
    page(StatusCode::OK, &template)
}
