//! The list of orders.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::domain::orders::{Event, PendingTask, Status};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::order_query::ListedOrder;
use crate::infra::store::unpaid_orders::UnpaidQuery;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::orders::filters::{Faults, Filters, TO_ANSWER};
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::query_field;

/// Units: orders of a page.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "desk/orders/list.html")]
struct OrdersPage<'a> {
    layout: DeskLayout<'a>,
    filters: &'a Filters,
    faults: &'a Faults,
    waits: Vec<Choice>,
    states: Vec<Choice>,
    currencies: Vec<String>,
    sorts: [(&'static str, &'static str); 3],
    orders: Vec<OrderView>,
    /// Whether there is a page before this one.
    is_later: bool,
    first_page: String,
    next_page: Option<String>,
    can_send: bool,
    /// Where the unpaid orders of this filter are cancelled, if there are any.
    cancel_unpaid: Option<String>,
    /// How many were just cancelled.
    n_cancelled: Option<u32>,
}

struct Choice {
    value: &'static str,
    title: &'static str,
}

/// A line of the list.
pub struct OrderView {
    pub order_ref: String,
    pub state: &'static str,
    pub title: &'static str,
    pub day: String,
    pub items: String,
    pub amount: String,
    pub is_unanswered: bool,
    pub can_send: bool,
}

impl OrdersPage<'_> {
    /// A day's own field takes no word that is no day, and what the seller wrote is to be seen again.
    fn is_day(&self, text: &str) -> bool {
        Timestamp::parse_day(text).is_ok()
    }

    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|(name, _)| *name == field).map(|(_, words)| words.as_str())
    }
}

/// Units: characters of what was ordered, in a list.
const MOST_ITEMS: usize = 90;

impl OrderView {
    fn of(listed: ListedOrder) -> Self {
        let order = listed.order;
        let mut items: String = listed.items.chars().take(MOST_ITEMS).collect();
        if items.len() < listed.items.len() {
            items.push('…');
        }
        Self {
            state: order.status.as_str(),
            title: order.status.for_seller(),
            day: order.placed_at.short_day(),
            items,
            amount: format!("{} {}", order.amount, order.currency),
            is_unanswered: listed.is_unanswered,
            can_send: order.status.after(Event::SellerShipped).is_ok(),
            order_ref: order.order_ref.to_string(),
        }
    }
}

pub async fn show(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let filters = Filters::of(&request);
    let (wanted, faults) = filters.read();
    let mut db = desk.shop.db.reader().await?;
    let place = filters.place();
    let mut found = store::order_query::list(&mut db, &wanted, place.as_ref(), MOST).await?;
    if !faults.is_empty() {
        // Other orders than those that were meant would only mislead.
        (found.orders, found.next) = (Vec::new(), None);
    }
    let orders: Vec<OrderView> = found.orders.into_iter().map(OrderView::of).collect();
    let mut waits: Vec<Choice> = PendingTask::ALL
        .into_iter()
        .map(|duty| Choice { value: duty.as_str(), title: duty.title() })
        .collect();
    waits.insert(2, Choice { value: TO_ANSWER, title: "To answer" });
    let states = Status::ALL
        .into_iter()
        .map(|status| Choice { value: status.as_str(), title: status.for_seller() })
        .collect();
    let unpaid = UnpaidQuery { listed: wanted, ..UnpaidQuery::default() };
    let may_cancel = filters.is_narrow()
        && faults.is_empty()
        && store::unpaid_orders::is_any(&mut db, &unpaid).await?;
    let template = OrdersPage {
        layout: DeskLayout::new(&seller, "/orders"),
        waits,
        states,
        currencies: store::order_query::list_currencies(&mut db).await?,
        sorts: [("", "Newest first"), ("oldest", "Oldest first"), ("amount", "Largest first")],
        is_later: place.is_some() && faults.is_empty(),
        first_page: filters.address(""),
        next_page: found.next.map(|next| filters.address(&next.to_string())),
        cancel_unpaid: may_cancel.then(|| filters.address_of("/orders/cancel-unpaid", "")),
        n_cancelled: query_field(&request, "cancelled").parse().ok(),
        can_send: orders.iter().any(|order| order.can_send),
        orders,
        filters: &filters,
        faults: &faults,
    };
    let is_meant = faults.is_empty();
    page(if is_meant { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }, &template)
}
