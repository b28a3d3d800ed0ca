//! The list of orders.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use crate::domain::orders::{Event, PendingTask, Status};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::order_query::ListedOrder;
use crate::infra::store::unpaid_orders::UnpaidQuery;
use crate::interfaces::desk::error::DeskResult;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::orders::filters::{Faults, Filters, TO_ANSWER};
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::query_field;

/// Units: orders of a page.
const MOST: usize = 50;
/// Units: characters of an order's items.
const MAX_ITEMS: usize = 90;

#[derive(Template)]
#[template(path = "desk/orders/list.html")]
struct OrdersPage<'a> {
    layout: DeskLayout<'a>,
    filters: &'a Filters,
    faults: &'a Faults,
    /// Value and title of each choice, as of `states` and `sorts`.
    tasks: Vec<(&'static str, &'static str)>,
    states: Vec<(&'static str, &'static str)>,
    sorts: [(&'static str, &'static str); 3],
    currencies: Vec<String>,
    orders: Vec<ListedOrder>,
    /// Whether there is a page before this one.
    is_later: bool,
    first_page: String,
    next_page: Option<String>,
    can_ship: bool,
    /// The address where the unpaid orders of this filter are cancelled, if there are any.
    cancel_unpaid: Option<String>,
    /// How many orders were just cancelled.
    n_cancelled: Option<u32>,
}

impl OrdersPage<'_> {
    /// A date field cannot show input that is no day.
    fn type_of(&self, text: &str) -> &'static str {
        if text.is_empty() || Timestamp::parse_day(text).is_ok() { "date" } else { "text" }
    }

    fn export_address(&self, format: &str) -> String {
        self.filters.export_address(format)
    }

    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }

    fn items(&self, listed: &ListedOrder) -> String {
        let mut items: String = listed.items.chars().take(MAX_ITEMS).collect();
        if items.len() < listed.items.len() {
            items.push('…');
        }
        items
    }
}

fn can_ship(listed: &ListedOrder) -> bool {
    listed.order.status.after(Event::SellerShipped).is_ok()
}

pub async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let filters = Filters::of(&request);
    let (query, faults) = filters.read();
    let mut db = desk.shop.db.reader().await?;
    let cursor = filters.cursor();
    let mut found = store::order_query::list(&mut db, &query, cursor.as_ref(), MOST).await?;
    if !faults.is_empty() {
        // Orders of another filter than the one that was meant would mislead.
        (found.orders, found.next) = (Vec::new(), None);
    }
    let mut tasks = PendingTask::ALL.map(|task| (task.as_str(), task.title())).to_vec();
    tasks.insert(2, (TO_ANSWER, "To answer"));
    let unpaid = UnpaidQuery { listed: query, ..UnpaidQuery::default() };
    let may_cancel = filters.is_filtered()
        && faults.is_empty()
        && store::unpaid_orders::is_any(&mut db, &unpaid).await?;
    let template = OrdersPage {
        layout: DeskLayout::new(&seller, "/orders"),
        tasks,
        states: Status::ALL.map(|status| (status.as_str(), status.for_seller())).to_vec(),
        currencies: store::order_query::list_currencies(&mut db).await?,
        sorts: [("", "Newest first"), ("oldest", "Oldest first"), ("amount", "Largest first")],
        is_later: cursor.is_some() && faults.is_empty(),
        first_page: filters.address(""),
        next_page: found.next.map(|next| filters.address(&next.to_string())),
        cancel_unpaid: may_cancel.then(|| filters.address_of("/orders/cancel-unpaid", "")),
        n_cancelled: query_field(&request, "cancelled").parse().ok(),
        can_ship: found.orders.iter().any(can_ship),
        orders: found.orders,
        filters: &filters,
        faults: &faults,
    };
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page(status, &template)
}
