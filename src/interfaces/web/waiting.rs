//! The page for buyers who wait instead of reading a picture.

use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::interfaces::http::{NoFields, see_other};
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::VerifiedForm;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::page::page;
use crate::interfaces::web::siege::{find_ticket, is_under_siege, minutes, void_text};
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::{Text, text};
use crate::interfaces::web::ticket::{Ticket, TicketState, WAIT};
use crate::interfaces::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "orders/wait.html")]
struct WaitPage<'a> {
    layout: Layout<'a>,
    title: Text<'static>,
    part: PartView,
}

enum PartView {
    Waiting(Text<'static>),
    Ready(Text<'static>),
    /// It has to begin again, for this reason.
    Void(&'static str),
}

/// Units: seconds between two times that the page loads itself. Often enough that a circuit stays in use, which Tor keeps
/// for ten minutes; no more often, since a screen reader begins to read again each time.
const REFRESH: i64 = 60;

pub async fn show(
    request: HttpRequest,
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    if visitor.basket.is_empty() || !is_under_siege(&app).await? {
        return Ok(see_other("/checkout", &[]));
    }
    let now = app.trusted().await?;
    let Some((_, state)) = find_ticket(&request, &app, &visitor, now) else {
        return Ok(see_other("/checkout", &[]));
    };
    let (title, part) = match state {
        TicketState::Waiting { left } => {
            let title = text("checkout-wait-left").with("time", minutes(left));
            (title, PartView::Waiting(minutes(WAIT)))
        }
        TicketState::Ready { left } => (text("checkout-wait-over"), PartView::Ready(minutes(left))),
        TicketState::Void(why) => (text("checkout-wait-void"), PartView::Void(void_text(why))),
    };
    let (facts, _) = app.facts().await?;
    let currency = app.currency_name(&facts, visitor.currency.as_deref());
    let layout = Layout::new(&app, &facts, currency, "/checkout/wait");
    let template = WaitPage { layout, title, part };
    let mut response = page(&request, &app, &visitor, StatusCode::OK, &template)?;
    if let TicketState::Waiting { left } = state {
        response.headers_mut().insert(header::REFRESH, left.min(REFRESH).into());
    }
    Ok(response)
}

/// Begins to wait; a wait that has begun goes on.
pub async fn start(
    request: HttpRequest,
    app: Data<AppState>,
    posted: VerifiedForm<NoFields>,
) -> Result<HttpResponse, PageError> {
    let visitor = posted.visitor;
    if visitor.basket.is_empty() || !is_under_siege(&app).await? {
        return Ok(see_other("/checkout", &[]));
    }
    let now = app.trusted().await?;
    let state = find_ticket(&request, &app, &visitor, now).map(|(_, state)| state);
    if let Some(TicketState::Waiting { .. } | TicketState::Ready { .. }) = state {
        return Ok(see_other("/checkout/wait", &[]));
    }
    let ticket = Ticket::start(&request, visitor.basket.id, now);
    Ok(see_other("/checkout/wait", &[ticket.cookie(&visitor, &app.cookie_key)]))
}
