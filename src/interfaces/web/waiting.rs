//! The page for buyers who wait instead of reading a picture.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;

use crate::interfaces::http::{NoFields, see_other};
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::VerifiedForm;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::siege::{find_ticket, is_under_siege, minutes, void_text};
use crate::interfaces::web::texts::{Text, text};
use crate::interfaces::web::ticket::{Ticket, TicketState, WAIT};

#[derive(Template)]
#[template(path = "orders/wait.html")]
struct WaitPage<'a> {
    layout: Layout<'a>,
    title: Text<'static>,
    state_view: StateView,
}

enum StateView {
    Waiting(Text<'static>),
    Ready(Text<'static>),
    /// The wait has to start again. The id of a text: why.
    Void(&'static str),
}

/// Units: seconds after which the page reloads itself. Often enough to keep the circuit in use: Tor closes an idle one
/// after ten minutes. Not more often, because a screen reader starts again each time.
const REFRESH: i64 = 60;

pub async fn show(context: RequestContext) -> Result<HttpResponse, PageError> {
    let (app, basket) = (&context.app, &context.visitor.basket);
    if basket.is_empty() || !is_under_siege(app).await? {
        return Ok(see_other("/checkout", &[]));
    }
    let Some((_, state)) = find_ticket(&context, app.trusted_now().await?) else {
        return Ok(see_other("/checkout", &[]));
    };
    let (title, state_view) = match state {
        TicketState::Waiting { left } => {
            let title = text("checkout-wait-left").with("time", minutes(left));
            (title, StateView::Waiting(minutes(WAIT)))
        }
        TicketState::Ready { left } => {
            (text("checkout-wait-over"), StateView::Ready(minutes(left)))
        }
        TicketState::Void(why) => (text("checkout-wait-void"), StateView::Void(void_text(why))),
    };
    let template = WaitPage { layout: Layout::new(&context, "/checkout/wait"), title, state_view };
    let mut response = context.render(StatusCode::OK, &template)?;
    if let TicketState::Waiting { left } = state {
        response.headers_mut().insert(header::REFRESH, left.min(REFRESH).into());
    }
    Ok(response)
}

/// Starts to wait, unless the visitor waits already.
pub async fn start(posted: VerifiedForm<NoFields>) -> Result<HttpResponse, PageError> {
    let context = posted.context;
    let (app, basket) = (&context.app, &context.visitor.basket);
    if basket.is_empty() || !is_under_siege(app).await? {
        return Ok(see_other("/checkout", &[]));
    }
    let now = app.trusted_now().await?;
    match find_ticket(&context, now) {
        Some((_, TicketState::Waiting { .. } | TicketState::Ready { .. })) => {
            Ok(see_other("/checkout/wait", &[]))
        }
        _ => {
            let ticket = Ticket::start(&context, now);
            Ok(see_other("/checkout/wait", &[ticket.cookie(&context)]))
        }
    }
}
