//! Packing slips.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::actions;
use crate::actions::Letter;
use crate::infra::store;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::orders::sending::{MOST_AT_ONCE, ticked};
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;

#[derive(Template)]
#[template(path = "desk/orders/packing.html")]
struct PackingPage<'a> {
    layout: DeskLayout<'a>,
    lists: Vec<PackingList>,
    /// Those that are named and not there.
    missing: Vec<String>,
}

/// What goes into one parcel. It has no prices: it may lie in the parcel.
struct PackingList {
    order_ref: String,
    placed: String,
    sending: Option<String>,
    items: Vec<ItemView>,
    n_pieces: i64,
    address: Vec<String>,
    note: Vec<String>,
    /// Why address and note are not here.
    address_note: &'static str,
}

struct ItemView {
    quantity: i64,
    name: String,
    option_name: String,
}

/// Of the orders that are named; where none is, of those that are to be sent.
pub async fn show(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let mut refs = ticked(&request, MOST_AT_ONCE);
    if refs.is_empty() {
        refs = store::order_query::list_to_send(&mut *desk.shop.db.reader().await?, MOST_AT_ONCE)
            .await?;
    }
    let (mut lists, mut missing) = (Vec::new(), Vec::new());
    for order_ref in refs {
        let Some(order) =
            store::orders::find(&mut *desk.shop.db.reader().await?, &order_ref).await?
        else {
            missing.push(order_ref.to_string());
            continue;
        };
        let letter = actions::read_messages(&desk.shop, &order_ref, &[0]).await?.remove(&0);
        let (address, note, address_note) = words_of(letter);
        lists.push(PackingList {
            order_ref: order_ref.to_string(),
            placed: order.placed_at.day(),
            sending: order.sending.map(|sending| sending.name),
            n_pieces: order.lines.iter().map(|line| line.quantity.get()).sum(),
            items: order
                .lines
                .into_iter()
                .map(|line| ItemView {
                    quantity: line.quantity.get(),
                    name: line.name,
                    option_name: line.option_name,
                })
                .collect(),
            address,
            note,
            address_note,
        });
    }
    let layout = DeskLayout::new(&seller, "/orders");
    page(StatusCode::OK, &PackingPage { layout, lists, missing })
}

/// The address, the note, and why they are not here.
fn words_of(letter: Option<Letter>) -> (Vec<String>, Vec<String>, &'static str) {
    let why = match letter {
        Some(Letter::Plain(plain)) if !plain.address.is_empty() => {
            return (plain.address, plain.note, "");
        }
        Some(Letter::Plain(_) | Letter::Sealed(_)) => "in the encrypted message",
        Some(Letter::Waiting) => "in a message held back until your key works",
        Some(Letter::Gone) | None => "in a message that is no longer in your mailbox",
    };
    (Vec::new(), Vec::new(), why)
}
