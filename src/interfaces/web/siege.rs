//! What the checkout requires in siege mode: a picture that is read, or a wait.

use actix_web::HttpResponse;

use crate::domain::values::Timestamp;
use crate::infra::store::StoreError;
use crate::infra::{captcha, store};
use crate::interfaces::http::query_field;
use crate::interfaces::web::challenge::Challenge;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::{Text, text};
use crate::interfaces::web::ticket::{Ticket, TicketState, VoidReason, WAIT};

/// What the checkout's page shows in siege mode.
pub enum ProofView {
    Picture(PictureView),
    /// The buyer has waited. With the time that is left to order.
    Waited(Text<'static>),
}

pub struct PictureView {
    pub token: String,
    /// Whether it is the one that was shown before, so that the buyer's answer is shown again.
    pub is_same: bool,
    pub width: u32,
    pub height: u32,
    pub wait: Text<'static>,
}

/// What a form contains for the picture.
#[derive(Clone, Copy, Default)]
pub struct Answer<'a> {
    /// The challenge that was shown with it, encrypted.
    pub challenge: &'a str,
    pub typed: &'a str,
}

/// What shows that an order is not part of a flood. It can be used once.
pub struct Proof {
    /// Of the challenge or the ticket.
    id: [u8; 16],
    now: Timestamp,
    /// The cookies that change when it is used.
    pub cookies: Vec<String>,
}

/// Why an order is not accepted in siege mode.
pub enum ProofError {
    Refused(Text<'static>),
    Store(StoreError),
}

impl From<StoreError> for ProofError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub async fn is_under_siege(app: &AppState) -> Result<bool, StoreError> {
    let state = store::shop_state::find(&mut *app.shop.db.reader().await?).await?;
    Ok(state.siege_since.is_some())
}

/// What to ask this visitor for. A challenge that was sent stays if it was answered and the answer may be right; a buyer
/// who typed nothing gets another picture. `None`: the shop is not in siege mode.
pub async fn proof_view(
    context: &RequestContext,
    answer: Answer<'_>,
) -> Result<Option<ProofView>, StoreError> {
    let RequestContext { app, visitor, .. } = context;
    if !is_under_siege(app).await? {
        return Ok(None);
    }
    let now = app.trusted_now().await?;
    if let Some((_, TicketState::Ready { left })) = find_ticket(context, now) {
        return Ok(Some(ProofView::Waited(minutes(left))));
    }
    let (challenges, cart) = (&app.challenges, visitor.basket.id);
    let is_same = !answer.typed.trim().is_empty()
        && challenges.open_valid(answer.challenge, cart, now).is_some();
    let token = match is_same {
        true => answer.challenge.to_owned(),
        false => challenges.key.seal(&Challenge::new(cart, now)),
    };
    let (width, height) = (captcha::WIDTH, captcha::HEIGHT);
    Ok(Some(ProofView::Picture(PictureView { token, is_same, width, height, wait: minutes(WAIT) })))
}

/// Checks the answer or the ticket, after everything else in the form is valid. It is used up only by
/// [`Proof::use_up`], so that a buyer whose order is refused for another reason can use it again. `None`: the shop is
/// not in siege mode.
pub async fn check_proof(
    context: &RequestContext,
    answer: Answer<'_>,
) -> Result<Option<Proof>, ProofError> {
    let RequestContext { app, visitor, .. } = context;
    if !is_under_siege(app).await? {
        return Ok(None);
    }
    let now = app.trusted_now().await?;
    let ticket = find_ticket(context, now);
    if let Some((id, TicketState::Ready { .. })) = ticket {
        return Ok(Some(Proof { id, now, cookies: Ticket::remove_cookies(visitor) }));
    }
    if answer.typed.trim().is_empty() {
        return Err(ProofError::Refused(match ticket {
            Some((_, TicketState::Waiting { left })) => {
                text("checkout-still-waiting").with("time", minutes(left))
            }
            Some((_, TicketState::Void(why))) => text(void_text(why)),
            _ => text("checkout-no-answer"),
        }));
    }
    let challenge = app.challenges.open_valid(answer.challenge, visitor.basket.id, now);
    let Some(Challenge { id, .. }) = challenge else {
        return Err(ProofError::Refused(text("checkout-answer-too-late")));
    };
    if !captcha::is_answer(&id, answer.typed) {
        app.challenges.fail(id, now);
        return Err(ProofError::Refused(text("checkout-wrong-answer")));
    }
    Ok(Some(Proof { id, now, cookies: Vec::new() }))
}

impl Proof {
    /// The order was placed: the proof is valid for no other.
    pub fn use_up(&self, app: &AppState) {
        app.challenges.use_up(self.id, self.now);
    }
}

/// The visitor's ticket and its state. `None`: there is none, or it was used.
pub fn find_ticket(context: &RequestContext, now: Timestamp) -> Option<([u8; 16], TicketState)> {
    let ticket = Ticket::of(context)?;
    let is_spent = context.app.challenges.is_spent(ticket.id);
    (!is_spent).then(|| (ticket.id, ticket.state(context, now)))
}

/// Why a ticket can no longer be used, as the id of a text.
pub fn void_text(why: VoidReason) -> &'static str {
    match why {
        VoidReason::OtherCart => "checkout-wait-other-cart",
        VoidReason::OtherCircuit => "checkout-wait-other-circuit",
        VoidReason::Expired => "checkout-wait-expired",
    }
}

/// The minutes of these seconds, rounded up.
pub fn minutes(seconds: i64) -> Text<'static> {
    text("checkout-minutes").count("n", (seconds + 59) / 60)
}

/// Without the cart's cookie there is no picture, so that its URL reveals nothing.
pub async fn show_picture(context: RequestContext) -> Result<HttpResponse, PageError> {
    let RequestContext { app, visitor, .. } = &context;
    let now = app.trusted_now().await?;
    let challenge = app.challenges.key.open(&query_field(&context.request, "c"));
    let challenge = challenge.filter(|challenge| challenge.is_for(visitor.basket.id, now));
    let challenge = challenge.ok_or(PageError::NotFound)?;
    let picture = captcha::draw(&challenge.id).map_err(anyhow::Error::from)?;
    Ok(HttpResponse::Ok().content_type("image/png").body(picture))
}
