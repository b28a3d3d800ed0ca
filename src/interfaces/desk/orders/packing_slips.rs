//! Packing slips.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use crate::actions;
use crate::actions::SentMessage;
use crate::domain::orders::Order;
use crate::infra::store;
use crate::interfaces::desk::error::DeskResult;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::orders::shipping::{MAX_AT_ONCE, selected_orders};
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;

#[derive(Template)]
#[template(path = "desk/orders/packing_slips.html")]
struct PackingSlipsPage<'a> {
    layout: DeskLayout<'a>,
    slips: Vec<PackingSlip>,
    /// Orders that do not exist.
    missing: Vec<String>,
}

/// Without prices, since it may be put into the parcel.
struct PackingSlip {
    order: Order,
    n_items: i64,
    address: Vec<String>,
    note: Vec<String>,
    /// Why address and note are not here.
    address_note: &'static str,
}

/// Of the selected orders; if none is selected, of those to be shipped.
pub async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let mut refs = selected_orders(&request, MAX_AT_ONCE);
    if refs.is_empty() {
        refs = store::order_query::list_to_send(&mut *desk.shop.db.reader().await?, MAX_AT_ONCE)
            .await?;
    }
    let (mut slips, mut missing) = (Vec::new(), Vec::new());
    for order_ref in refs {
        let Some(order) =
            store::orders::find(&mut *desk.shop.db.reader().await?, &order_ref).await?
        else {
            missing.push(order_ref.to_string());
            continue;
        };
        let message = actions::load_sent_messages(&desk.shop, &order_ref, &[0]).await?.remove(&0);
        let (plain, address_note) = match message {
            Some(SentMessage::Plain(plain)) if !plain.address.is_empty() => (Some(plain), ""),
            Some(SentMessage::Plain(_) | SentMessage::Sealed(_)) => {
                (None, "in the encrypted message")
            }
            Some(SentMessage::Waiting) => (None, "in a message held back until your key works"),
            Some(SentMessage::Gone) | None => {
                (None, "in a message that is no longer in your mailbox")
            }
        };
        let (address, note) = plain.map(|plain| (plain.address, plain.note)).unwrap_or_default();
        slips.push(PackingSlip {
            n_items: order.lines.iter().map(|line| line.quantity.get()).sum(),
            order,
            address,
            note,
            address_note,
        });
    }
    let layout = DeskLayout::new(&seller, "/orders");
    page(StatusCode::OK, &PackingSlipsPage { layout, slips, missing })
}
