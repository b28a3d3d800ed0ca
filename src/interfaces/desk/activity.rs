//! The activity log at the desk.

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, web};
use askama::Template;

use crate::infra::store;
use crate::infra::store::audit_log::AuditEntry;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::query_field;

/// Units: entries on a page.
const ON_A_PAGE: i64 = 50;

pub fn addresses(config: &mut ServiceConfig) {
    config.route("/deeds", web::get().to(show));
}

#[derive(Template)]
#[template(path = "desk/activity.html")]
struct ActivityPage<'a> {
    layout: DeskLayout<'a>,
    entries: Vec<AuditEntry>,
    /// The id before which the next page begins; `None`: this is the last page.
    below: Option<i64>,
    is_first: bool,
    keep_days: i64,
}

async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let below = query_field(&request, "below");
    let is_first = below.is_empty();
    let below = if is_first { i64::MAX } else { below.parse().map_err(|_| DeskError::NotFound)? };
    let mut entries =
        store::audit_log::list(&mut *desk.shop.db.reader().await?, below, ON_A_PAGE + 1).await?;
    let has_more = usize::try_from(ON_A_PAGE).is_ok_and(|most| most < entries.len());
    if has_more {
        entries.pop();
    }
    let template = ActivityPage {
        layout: DeskLayout::new(&seller, "/deeds"),
        below: entries.last().filter(|_| has_more).map(|entry| entry.id),
        entries,
        is_first,
        keep_days: desk.shop.policy.keep_days,
    };
    page(StatusCode::OK, &template)
}
