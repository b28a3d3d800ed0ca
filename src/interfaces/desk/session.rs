//! Who is signed in.

use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use crate::actions;
use crate::actions::AuthError;
use crate::domain::login::{SessionHash, SessionId, TypedPassword};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::{Db, StoreError};
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::password_prompt::Fresh;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{CookieNames, FormError, now, random_bytes};

/// The seller who is signed in. A handler that takes it is called with a session only.
pub struct Seller {
    /// The name under which the session is kept.
    pub session: SessionHash,
    /// For every form that this seller is given.
    pub token: String,
    /// The shop's name as it is now.
    pub site_name: String,
}

impl FromRequest for Seller {
    type Error = DeskError;
    type Future = LocalBoxFuture<'static, Result<Self, DeskError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let seller = Seller::of(&request).await;
            let is_out = matches!(seller, Err(DeskError::SignedOut));
            if is_out && brings_words(&request) { Err(DeskError::SignedOutForm) } else { seller }
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
        let id = session_id(request).ok_or(DeskError::SignedOut)?;
        let session = id.hash();
        let db = &desk.shop.db;
        let now = now();
        let span = store::login::find_session(&mut *db.reader().await?, &session).await?;
        let span = span.filter(|span| !span.is_over(now)).ok_or(DeskError::SignedOut)?;
        if span.is_news(now) {
            match mark_seen(db, &session, now).await {
                // Where nothing can be saved, the seller can still look.
                Err(error) if !error.is_temporary() => return Err(error.into()),
                _ => {}
            }
        }
        let site_name = desk.site_name().await?;
        Ok(Self { session, token: desk.token_key.token(&id.text()), site_name })
    }

    /// Whether the form brings the password once more, before what cannot be undone. `Some`: it does not; nothing is to
    /// be done, and the form is shown again with this, at 422.
    ///
    /// The form includes `desk/fresh.html`, which shows the field of a [`Fresh`].
    pub async fn fresh_password(
        &self,
        desk: &Desk,
        password: &str,
    ) -> Result<Option<Fresh>, DeskError> {
        let password = TypedPassword::of(password);
        let salt = random_bytes();
        let confirmed =
            actions::confirm_password(&desk.shop, &desk.authenticator, password, salt, now());
        Ok(if is_right(confirmed.await).await? { None } else { Some(Fresh::refused()) })
    }
}

/// Whether what was given is right. A wrong answer waits.
pub async fn is_right(given: Result<(), AuthError>) -> Result<bool, DeskError> {
    match given {
        Ok(()) => Ok(true),
        Err(AuthError::Busy) => Err(FormError::Busy.into()),
        Err(AuthError::Broken(error)) => Err(error.into()),
        Err(AuthError::Wrong { wait }) => {
            tokio::time::sleep(wait).await;
            Ok(false)
        }
    }
}

/// Whether something typed would be lost if the answer led elsewhere.
fn brings_words(request: &HttpRequest) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let is_form = kind.starts_with("application/x-www-form-urlencoded")
        || kind.starts_with("multipart/form-data");
    request.method() == Method::POST && is_form && request.path() != "/logout"
}

/// What the browser of a seller who has signed in brings along.
pub fn session_id(request: &HttpRequest) -> Option<SessionId> {
    cookie(request, COOKIE).and_then(|text| SessionId::parse(&text))
}

/// Whether a form's token was given to the session that sends it.
pub fn knows_token(request: &HttpRequest, token: &str) -> bool {
    let desk = request.app_data::<Data<Desk>>();
    let session = desk.zip(session_id(request));
    session.is_some_and(|(desk, id)| desk.token_key.verify(&id.text(), token))
}

/// A cookie of the desk.
pub fn cookie(request: &HttpRequest, wanted: &str) -> Option<String> {
    let mut sent = CookieNames::of_seller(request).sent(request);
    sent.find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
}

/// Whether the request comes from the seller's browser: one that is signed in, or was since it was opened.
pub async fn is_sellers(request: &HttpRequest, desk: &Desk) -> bool {
    if cookie(request, KNOWN).is_some_and(|mark| desk.knows(&mark)) {
        return true;
    }
    let Some(id) = session_id(request) else { return false };
    let found =
        async { store::login::find_session(&mut *desk.shop.db.reader().await?, &id.hash()).await };
    let span = found.await;
    span.is_ok_and(|span| span.is_some_and(|span| !span.is_over(now())))
}

pub const COOKIE: &str = "desk";
/// The cookie of a browser that was let in: a crowd of strangers does not keep it waiting. It opens nothing.
pub const KNOWN: &str = "known";
