use crate::desk::page::DeskError;
use crate::desk::state::Desk;
use crate::store;
use crate::store::desk::DeskSession;
use crate::values::Moment;
use crate::web::chance;
use crate::web::hex;
use crate::web::now;
use actix_web::FromRequest;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use sha2::Digest;
use sha2::Sha256;
use std::future::Future;
use std::pin::Pin;

/// Whoever has said the password. A handler that takes it is answered with a session alone.
pub struct Seller {
    /// The name under which the session is kept.
    pub session: [u8; 32],
    /// For every form that this seller is given.
    pub token: String,
    /// The shop's name as it is now.
    pub site_name: String,
}

/// Units: minutes.
const IDLE_MINUTES: i64 = 30;
const LONGEST_MINUTES: i64 = 12 * 60;

impl DeskSession {
    fn is_over(self, now: Moment) -> bool {
        self.seen_at.plus_minutes(IDLE_MINUTES) < now
            || self.begun_at.plus_minutes(LONGEST_MINUTES) < now
    }
}

impl FromRequest for Seller {
    type Error = DeskError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, DeskError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Seller::of(&request).await })
    }
}

impl Seller {
    async fn of(request: &HttpRequest) -> Result<Self, DeskError> {
        let desk = request.app_data::<Data<Desk>>().ok_or(DeskError::NotFound)?;
        let id = session_id(request).ok_or(DeskError::SignedOut)?;
        let name = name_of(&id);
        let db = &desk.shop.db;
        let now = now();
        let session = store::desk::find_session(db, &name).await?;
        let session =
            session.filter(|session| !session.is_over(now)).ok_or(DeskError::SignedOut)?;
        if session.seen_at < now.whole_minute() {
            let mut tx = db.write().await?;
            store::desk::mark_seen(&mut tx, &name, now).await?;
            tx.commit().await?;
        }
        let site_name = store::look::find_name(db).await?;
        let site_name = site_name.unwrap_or_else(|| desk.site.name.clone());
        Ok(Self { session: name, token: desk.token_key.token(&id), site_name })
    }
}

/// A session that begins: what the browser holds, and the name under which it is kept.
pub fn begin() -> (String, [u8; 32]) {
    let id = hex(&chance::<32>());
    let name = name_of(&id);
    (id, name)
}

fn name_of(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

/// Whose forms are given to somebody without a session: the browser that holds this.
pub fn session_id(request: &HttpRequest) -> Option<String> {
    cookie(request, COOKIE)
}

pub fn cookie(request: &HttpRequest, wanted: &str) -> Option<String> {
    let lines = request.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    let pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let wanted = pairs.filter(|(name, _)| name.strip_prefix("__Host-").unwrap_or(name) == wanted);
    wanted.map(|(_, value)| value.to_owned()).last()
}

pub const COOKIE: &str = "desk";

pub fn session_cookie(request: &HttpRequest, name: &str, value: &str) -> String {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let on_onion = host.is_some_and(|host| host.ends_with(".onion"));
    let (prefix, secure) = if on_onion { ("__Host-", "; Secure") } else { ("", "") };
    let ends = if value.is_empty() { "; Max-Age=0" } else { "" };
    format!("{prefix}{name}={value}; HttpOnly; SameSite=Strict; Path=/{secure}{ends}")
}
