//! Sessions: who is signed in, and the password before what cannot be undone.

use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use crate::actions;
use crate::actions::{AuthError, Credentials, LoginQueue};
use crate::domain::login::{SessionHash, SessionId, SessionSpan, TypedPassword};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::{Db, StoreError};
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{CookieNames, FormError, now, random_bytes};

/// The cookie of a session.
pub const SESSION: &str = "desk";
/// The cookie of a browser that has signed in before: see [`Desk::known_browser_token`].
pub const KNOWN_BROWSER: &str = "known";

/// The seller who is signed in. A handler that takes it is only called with a session.
pub struct Seller {
    pub session: SessionHash,
    /// For every form that this seller gets.
    pub token: String,
    /// The current name of the shop.
    pub site_name: String,
}

impl FromRequest for Seller {
    type Error = DeskError;
    type Future = LocalBoxFuture<'static, Result<Self, DeskError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match Seller::of(&request).await {
                Err(DeskError::SignedOut) if has_input(&request) => Err(DeskError::SignedOutForm),
                seller => seller,
            }
        })
    }
}

async fn mark_seen(db: &Db, session: &SessionHash, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.write().await?;
    store::login::mark_seen(&mut tx, session, now).await?;
    tx.commit().await
}

impl Seller {
    async fn of(request: &HttpRequest) -> Result<Self, DeskError> {
        let desk = request.app_data::<Data<Desk>>().ok_or(DeskError::NotFound)?;
        let now = now();
        let (id, span) = find_open(request, desk, now).await?.ok_or(DeskError::SignedOut)?;
        let session = id.hash();
        if span.is_news(now) {
            match mark_seen(&desk.shop.db, &session, now).await {
                // If nothing can be saved, the seller can still read.
                Err(error) if !error.is_temporary() => return Err(error.into()),
                _ => {}
            }
        }
        let site_name = desk.site_name().await?;
        Ok(Self { session, token: desk.token_key.token(&id.text()), site_name })
    }
}

/// Whether the password is right: forms ask for it before what cannot be undone. A wrong one is answered late.
pub async fn confirms_password(desk: &Desk, password: &str) -> Result<bool, DeskError> {
    let password = TypedPassword::of(password);
    let salt = random_bytes();
    let checked = actions::confirm_password(&desk.shop, &desk.authenticator, password, salt, now());
    is_right(checked.await).await
}

/// The same with a code of the second factor, if one is set.
pub async fn confirms_password_and_code(
    desk: &Desk,
    password: &str,
    code: &str,
) -> Result<bool, DeskError> {
    let credentials = Credentials {
        queue: LoginQueue::KnownBrowser,
        password: TypedPassword::of(password),
        code: code.to_owned(),
    };
    let (shop, salt) = (&desk.shop, random_bytes());
    let checked =
        actions::confirm_seller(shop, &desk.authenticator, credentials, salt, now()).await;
    is_right(checked).await
}

pub const WRONG_PASSWORD_OR_CODE: &str =
    "Wrong password or code. Nothing was changed. Each code works once: wait for the next one.";

/// Whether the credentials were right. Waits if not.
pub async fn is_right(checked: Result<(), AuthError>) -> Result<bool, DeskError> {
    match checked {
        Ok(()) => Ok(true),
        Err(AuthError::Busy) => Err(FormError::Busy.into()),
        Err(AuthError::Broken(error)) => Err(error.into()),
        Err(AuthError::Wrong { wait }) => {
            tokio::time::sleep(wait).await;
            Ok(false)
        }
    }
}

/// Whether a redirect would lose the seller's input.
fn has_input(request: &HttpRequest) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let is_form = kind.starts_with("application/x-www-form-urlencoded")
        || kind.starts_with("multipart/form-data");
    request.method() == Method::POST && is_form && request.path() != "/logout"
}

pub fn session_id(request: &HttpRequest) -> Option<SessionId> {
    cookie(request, SESSION).and_then(|text| SessionId::parse(&text))
}

/// The browser's session, unless it is over.
async fn find_open(
    request: &HttpRequest,
    desk: &Desk,
    now: Timestamp,
) -> Result<Option<(SessionId, SessionSpan)>, StoreError> {
    let Some(id) = session_id(request) else { return Ok(None) };
    let mut db = desk.shop.db.reader().await?;
    let span = store::login::find_session(&mut db, &id.hash()).await?;
    Ok(span.filter(|span| !span.is_over(now)).map(|span| (id, span)))
}

/// A cookie of the desk.
pub fn cookie(request: &HttpRequest, wanted: &str) -> Option<String> {
    let mut cookies = CookieNames::of_seller(request).sent(request);
    cookies.find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
}

/// Whether the browser is signed in, or was since it was opened.
pub async fn is_sellers(request: &HttpRequest, desk: &Desk) -> bool {
    if cookie(request, KNOWN_BROWSER).is_some_and(|token| desk.is_known_browser(&token)) {
        return true;
    }
    find_open(request, desk, now()).await.is_ok_and(|session| session.is_some())
}
