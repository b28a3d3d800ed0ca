//! What the checkout asks for in siege mode: a picture that is read, or a wait.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::values::Timestamp;
use crate::infra::store::StoreError;
use crate::infra::{captcha, store};
use crate::interfaces::http::query_field;
use crate::interfaces::web::challenge::Challenge;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::{Text, text};
use crate::interfaces::web::ticket::{Ticket, TicketState, WAIT, WhyVoid};
use crate::interfaces::web::visitor::Visitor;

/// What a page of the checkout asks for.
pub enum Ask {
    Picture(PictureView),
    /// Nothing: the buyer has waited.
    Waited(Text<'static>),
}

pub struct PictureView {
    pub token: String,
    /// Whether it is the one that was shown before, and what was typed for it still counts.
    pub is_same: bool,
    pub width: u32,
    pub height: u32,
    pub wait: Text<'static>,
}

/// What a form holds for the picture.
#[derive(Clone, Copy, Default)]
pub struct Answer<'a> {
    /// The challenge that was shown with it, encrypted.
    pub challenge: &'a str,
    pub typed: &'a str,
}

/// What shows that an order is not one of a flood.
pub enum Proof {
    NotAsked,
    Picture { id: [u8; 16], now: Timestamp },
    Wait { id: [u8; 16], now: Timestamp },
}

pub async fn is_under_siege(app: &AppState) -> Result<bool, StoreError> {
    let state = store::shop_state::find(&mut *app.shop.db.reader().await?).await?;
    Ok(state.siege_since.is_some())
}

/// What to ask this visitor for. The challenge of a form that was sent stays if it was answered and the answer may be
/// right; a buyer who typed nothing gets another picture. `None`: the shop is not in siege mode, and asks for nothing.
pub async fn ask(
    request: &HttpRequest,
    app: &AppState,
    visitor: &Visitor,
    Answer { challenge, typed }: Answer<'_>,
) -> Result<Option<Ask>, StoreError> {
    if !is_under_siege(app).await? {
        return Ok(None);
    }
    let (now, cart) = (app.trusted().await?, visitor.basket.id);
    if let Some((_, TicketState::Ready { left })) = find_ticket(request, app, visitor, now) {
        return Ok(Some(Ask::Waited(minutes(left))));
    }
    let challenges = &app.challenges;
    let is_same = !typed.trim().is_empty() && challenges.open_valid(challenge, cart, now).is_some();
    let token = match is_same {
        true => challenge.to_owned(),
        false => challenges.key.seal(&Challenge::new(cart, now)),
    };
    let (width, height) = (captcha::WIDTH, captcha::HEIGHT);
    Ok(Some(Ask::Picture(PictureView { token, is_same, width, height, wait: minutes(WAIT) })))
}

/// Checks what a form proves, when nothing else is wrong with it. It is used up only by [`Proof::use_up`], so that a
/// buyer whose order is refused for another reason need not prove it again.
pub async fn prove(
    request: &HttpRequest,
    app: &AppState,
    visitor: &Visitor,
    Answer { challenge, typed }: Answer<'_>,
) -> Result<Result<Proof, Text<'static>>, StoreError> {
    if !is_under_siege(app).await? {
        return Ok(Ok(Proof::NotAsked));
    }
    let now = app.trusted().await?;
    let ticket = find_ticket(request, app, visitor, now);
    if let Some((id, TicketState::Ready { .. })) = ticket {
        return Ok(Ok(Proof::Wait { id, now }));
    }
    if typed.trim().is_empty() {
        return Ok(Err(match ticket {
            Some((_, TicketState::Waiting { left })) => {
                text("checkout-still-waiting").with("time", minutes(left))
            }
            Some((_, TicketState::Void(why))) => text(void_text(why)),
            _ => text("checkout-no-answer"),
        }));
    }
    let challenges = &app.challenges;
    let Some(challenge) = challenges.open_valid(challenge, visitor.basket.id, now) else {
        return Ok(Err(text("checkout-answer-too-late")));
    };
    if !captcha::is_answer(&challenge.id, typed) {
        challenges.fail(challenge.id, now);
        return Ok(Err(text("checkout-wrong-answer")));
    }
    Ok(Ok(Proof::Picture { id: challenge.id, now }))
}

impl Proof {
    /// Whether the shop is in siege mode.
    pub fn is_asked(&self) -> bool {
        !matches!(self, Self::NotAsked)
    }

    /// The order was placed: it counts for no other. Returns the cookies that change.
    pub fn use_up(self, app: &AppState, visitor: &Visitor) -> Vec<String> {
        match self {
            Self::NotAsked => Vec::new(),
            Self::Picture { id, now } => {
                app.challenges.use_up(id, now);
                Vec::new()
            }
            Self::Wait { id, now } => {
                app.challenges.use_up(id, now);
                Ticket::no_cookies(visitor)
            }
        }
    }
}

/// The visitor's ticket, and what it is worth. `None`: there is none that ever counted for this order.
pub fn find_ticket(
    request: &HttpRequest,
    app: &AppState,
    visitor: &Visitor,
    now: Timestamp,
) -> Option<([u8; 16], TicketState)> {
    let ticket = Ticket::of(request, visitor, &app.cookie_key)?;
    let state = ticket.state(request, visitor.basket.id, now);
    (!app.challenges.is_spent(ticket.id)).then_some((ticket.id, state))
}

/// The id of a text: why a wait counts no more.
pub fn void_text(why: WhyVoid) -> &'static str {
    match why {
        WhyVoid::OtherCart => "checkout-wait-other-cart",
        WhyVoid::OtherCircuit => "checkout-wait-other-circuit",
        WhyVoid::Expired => "checkout-wait-expired",
    }
}

/// Units: seconds in, begun minutes out.
pub fn minutes(seconds: i64) -> Text<'static> {
    text("checkout-minutes").count("n", (seconds + 59) / 60)
}

/// Without the cart's cookie a challenge shows nothing, so that its address tells nobody anything.
pub async fn show_picture(
    request: HttpRequest,
    app: Data<AppState>,
    visitor: Visitor,
) -> Result<HttpResponse, PageError> {
    let challenge = app.challenges.key.open(&query_field(&request, "c"));
    let now = app.trusted().await?;
    let challenge = challenge.filter(|challenge| challenge.is_for(visitor.basket.id, now));
    let challenge = challenge.ok_or(PageError::NotFound)?;
    let picture = captcha::draw(&challenge.id).map_err(anyhow::Error::from)?;
    Ok(HttpResponse::Ok().content_type("image/png").body(picture))
}
