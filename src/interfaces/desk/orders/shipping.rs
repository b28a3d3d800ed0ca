//! Marks many orders as shipped.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use crate::actions;
use crate::domain::orders::{Event, MAX_ARGUMENT, Order, OrderLine, OrderRef};
use crate::domain::values::Line;
use crate::domain::values::text::sentence;
use crate::infra::store;
use crate::interfaces::desk::error::DeskResult;
use crate::interfaces::desk::extract::{VerifiedForm, query};
use crate::interfaces::desk::form::{FieldList, new_idempotency_key, parse_idempotency_key};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{now, query_field};

/// Units: orders that are marked as shipped at once.
pub const MAX_AT_ONCE: usize = 50;
const NONE_SELECTED: &str = "Select the orders you have shipped first.";
const NOT_FOUND: &str = "Order not found";

#[derive(Template)]
#[template(path = "desk/orders/ship.html")]
struct ShipPage<'a> {
    layout: DeskLayout<'a>,
    idempotency_key: String,
    parcels: Vec<ParcelView>,
    /// Orders that cannot be shipped: number and status.
    others: Vec<(String, &'static str)>,
    fault: &'static str,
}

struct ParcelView {
    order: Order,
    items: String,
    tracking: String,
    fault: String,
}

/// A selected order as the form has it.
struct Parcel {
    order_ref: OrderRef,
    tracking: String,
    /// What is wrong with the tracking number.
    fault: String,
}

/// Each order number once; other texts are left out.
fn parse_refs<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<OrderRef> {
    let mut refs: Vec<OrderRef> = Vec::new();
    for order_ref in texts.filter_map(|text| OrderRef::parse(text).ok()) {
        if !refs.contains(&order_ref) {
            refs.push(order_ref);
        }
    }
    refs
}

/// The orders in the query string, `most` at most.
pub fn selected_orders(request: &HttpRequest, most: usize) -> Vec<OrderRef> {
    let fields = query::<FieldList>(request);
    parse_refs(fields.all("order").take(most))
}

/// Asks for the tracking numbers of the selected orders.
pub async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let refs = selected_orders(&request, MAX_AT_ONCE);
    if refs.is_empty() {
        return refuse(&desk, &seller, Vec::new(), NONE_SELECTED).await;
    }
    let parcel = |order_ref| Parcel { order_ref, tracking: String::new(), fault: String::new() };
    let parcels = refs.into_iter().map(parcel).collect();
    show_parcels(&desk, &seller, StatusCode::OK, parcels, "").await
}

async fn show_parcels(
    desk: &Desk,
    seller: &Seller,
    status: StatusCode,
    parcels: Vec<Parcel>,
    fault: &'static str,
) -> DeskResult {
    let mut template = ShipPage {
        layout: DeskLayout::new(seller, "/orders"),
        idempotency_key: new_idempotency_key(),
        parcels: Vec::new(),
        others: Vec::new(),
        fault,
    };
    for Parcel { order_ref, tracking, fault } in parcels {
        let order = store::orders::find(&mut *desk.shop.db.reader().await?, &order_ref).await?;
        let title = order.as_ref().map_or(NOT_FOUND, |order| order.status.for_seller());
        let order = order.filter(|order| order.status.after(Event::SellerShipped).is_ok());
        let Some(order) = order else {
            template.others.push((order_ref.to_string(), title));
            continue;
        };
        let item = |line: &OrderLine| format!("{} x {}", line.quantity, line.full_name());
        let items = order.lines.iter().map(item).collect::<Vec<_>>().join("; ");
        template.parcels.push(ParcelView { order, items, tracking, fault });
    }
    page(status, &template)
}

async fn refuse(
    desk: &Desk,
    seller: &Seller,
    parcels: Vec<Parcel>,
    fault: &'static str,
) -> DeskResult {
    show_parcels(desk, seller, StatusCode::UNPROCESSABLE_ENTITY, parcels, fault).await
}

pub async fn submit(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<FieldList>,
) -> DeskResult {
    let key = parse_idempotency_key(form.get("once"))?;
    let mut parcels = Vec::new();
    let mut shipped = Vec::new();
    for order_ref in parse_refs(form.all("order")) {
        let tracking = form.get(&format!("tracking-{order_ref}")).to_owned();
        let fault = match Line::parse(&tracking, MAX_ARGUMENT) {
            Ok(line) => {
                shipped.push((order_ref.clone(), line));
                String::new()
            }
            Err(fault) => sentence(&fault.to_string()),
        };
        parcels.push(Parcel { order_ref, tracking, fault });
    }
    if MAX_AT_ONCE < parcels.len() {
        parcels.truncate(MAX_AT_ONCE);
        let text = "You can mark at most 50 orders as shipped at once. Nothing was changed.";
        return refuse(&desk, &seller, parcels, text).await;
    }
    if parcels.is_empty() {
        return refuse(&desk, &seller, parcels, NONE_SELECTED).await;
    }
    if shipped.len() < parcels.len() {
        let text = "Nothing was changed. Please fix the marked tracking numbers.";
        return refuse(&desk, &seller, parcels, text).await;
    }
    let results = actions::ship_orders(&desk.shop, shipped, &key, now()).await?;
    let (sent, left): (Vec<_>, Vec<_>) = results.iter().partition(|(_, result)| result.is_ok());
    let list = |orders: Vec<&(OrderRef, _)>| -> String {
        let refs: Vec<&str> = orders.iter().map(|(order_ref, _)| order_ref.as_str()).collect();
        refs.join(".")
    };
    Ok(see_other(&format!("/orders/sent?sent={}&left={}", list(sent), list(left))))
}

#[derive(Template)]
#[template(path = "desk/orders/shipped.html")]
struct ShippedPage<'a> {
    layout: DeskLayout<'a>,
    shipped: Vec<String>,
    /// Orders that were not changed: number and status.
    unchanged: Vec<(String, &'static str)>,
}

/// The result of [`submit`].
pub async fn show_shipped(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let refs = |field| parse_refs(query_field(&request, field).split('.').take(MAX_AT_ONCE));
    let mut unchanged = Vec::new();
    for order_ref in refs("left") {
        let order = store::orders::find(&mut *desk.shop.db.reader().await?, &order_ref).await?;
        let title = order.map_or(NOT_FOUND, |order| order.status.for_seller());
        unchanged.push((order_ref.to_string(), title));
    }
    let template = ShippedPage {
        layout: DeskLayout::new(&seller, "/orders"),
        shipped: refs("sent").iter().map(ToString::to_string).collect(),
        unchanged,
    };
    page(StatusCode::OK, &template)
}
