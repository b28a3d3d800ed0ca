//! Signing in and out.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev, web};
use askama::Template;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use crate::actions;
use crate::actions::{AuthError, Credentials, LoginQueue};
use crate::domain::login::{SessionId, TypedPassword};
use crate::infra::store;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::extract::{VerifiedForm, read_fields};
use crate::interfaces::desk::form::FromFields;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::session;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http;
use crate::interfaces::http::{
    ConnectionState, CookieNames, FormError, NoFields, begin_to_read, connection_of, hex, now,
    random_bytes,
};

/// The cookie to which the sign-in form is bound.
const SIGN_IN: &str = "before";
/// Units: bytes of the sign-in form.
const MAX_BYTES: usize = 16 * 1024;

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/login", web::get().to(show))
        .route("/login", web::post().to(submit))
        .route("/logout", web::post().to(sign_out));
}

#[derive(Template)]
#[template(path = "desk/login.html")]
struct LoginPage<'a> {
    layout: DeskLayout<'a>,
    token: String,
    has_password: bool,
    has_factor: bool,
    is_refused: bool,
}

async fn show(request: HttpRequest, desk: Data<Desk>) -> DeskResult {
    const NOTICES: [(&str, &str); 3] = [
        ("out", "You have signed out."),
        ("ended", "All sessions have ended, on every browser."),
        ("password", "The password is changed. Please sign in with the new one."),
    ];
    let site_name = desk.site_name().await?;
    let layout = DeskLayout::signed_out(&site_name).with_notice(&request, &NOTICES);
    show_form(&request, &desk, layout, StatusCode::OK).await
}

async fn show_form(
    request: &HttpRequest,
    desk: &Desk,
    layout: DeskLayout<'_>,
    status: StatusCode,
) -> DeskResult {
    let cookie = session::cookie(request, SIGN_IN);
    let visitor = cookie.clone().unwrap_or_else(|| hex(&random_bytes::<16>()));
    let lock = store::login::find_credentials(&mut *desk.shop.db.reader().await?).await?;
    let template = LoginPage {
        layout,
        token: desk.token_key.token(&visitor),
        has_password: lock.password.is_some(),
        has_factor: lock.factor.is_some(),
        is_refused: status != StatusCode::OK,
    };
    let mut response = page(status, &template)?;
    if cookie.is_none() {
        let cookie = CookieNames::of_seller(request).set(SIGN_IN, &visitor);
        let cookie = header::HeaderValue::from_str(&cookie).map_err(anyhow::Error::from)?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SignInForm {
    password: String,
    code: String,
}

/// The sign-in form, whose token belongs to the browser's cookie.
struct VerifiedSignIn(SignInForm);

impl FromRequest for VerifiedSignIn {
    type Error = DeskError;
    type Future = LocalBoxFuture<'static, Result<Self, DeskError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let visitor = session::cookie(&request, SIGN_IN).ok_or(DeskError::NoCookie)?;
            let desk = request.app_data::<Data<Desk>>().ok_or(DeskError::NotFound)?;
            // If the desk is full, the connections of slow senders are closed first.
            begin_to_read(&request);
            let fields = read_fields(&request, &mut payload, MAX_BYTES).await?;
            if let Some(connection) = connection_of(&request) {
                connection.set_state(ConnectionState::Working);
            }
            let token = fields.iter().find(|(name, _)| name == "token");
            if !token.is_some_and(|(_, token)| desk.token_key.verify(&visitor, token)) {
                return Err(FormError::Foreign.into());
            }
            Ok(Self(SignInForm::from_fields(fields)?))
        })
    }
}

async fn submit(
    request: HttpRequest,
    desk: Data<Desk>,
    VerifiedSignIn(form): VerifiedSignIn,
) -> DeskResult {
    let known_browser = session::cookie(&request, session::KNOWN_BROWSER);
    let is_known = known_browser.is_some_and(|token| desk.is_known_browser(&token));
    let credentials = Credentials {
        queue: if is_known { LoginQueue::KnownBrowser } else { LoginQueue::Stranger },
        password: TypedPassword::of(&form.password),
        code: form.code,
    };
    let id = SessionId::from_random(random_bytes());
    let earlier = session::session_id(&request).map(|id| id.hash());
    let session = actions::NewSession { fresh: id.hash(), earlier, salt: random_bytes() };
    match actions::sign_in(&desk.shop, &desk.authenticator, credentials, session, now()).await {
        Ok(()) => {
            let names = CookieNames::of_seller(&request);
            let known_browser = desk.known_browser_token(&hex(&random_bytes::<16>()));
            let cookies = [
                names.set(session::SESSION, &id.text()),
                names.set(session::KNOWN_BROWSER, &known_browser),
            ];
            Ok(http::see_other("/", &cookies))
        }
        Err(AuthError::Broken(error)) => Err(error.into()),
        Err(AuthError::Busy) => Err(FormError::Busy.into()),
        Err(AuthError::Wrong { wait }) => {
            delay(&request, wait).await;
            let site_name = desk.site_name().await?;
            let layout = DeskLayout::signed_out(&site_name);
            show_form(&request, &desk, layout, StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

/// While it waits, a new connection may take this one's place if the desk is full.
async fn delay(request: &HttpRequest, wait: Duration) {
    match connection_of(request) {
        _ if wait == Duration::ZERO => {}
        Some(connection) => connection.wait(wait).await,
        None => tokio::time::sleep(wait).await,
    }
}

async fn sign_out(
    request: HttpRequest,
    desk: Data<Desk>,
    VerifiedForm { seller, .. }: VerifiedForm<NoFields>,
) -> DeskResult {
    actions::sign_out(&desk.shop, &seller.session, now()).await?;
    Ok(signed_out(&request, "/login?done=out"))
}

/// Ends the session in the browser, and clears the browser's cache of the desk.
pub fn signed_out(request: &HttpRequest, address: &str) -> HttpResponse {
    let removed = CookieNames::of_seller(request).remove(session::SESSION);
    let mut response = http::see_other(address, &removed);
    // Not its cookies: on loopback these belong to all ports, including the buyers' listener.
    let cleared = header::HeaderValue::from_static("\"cache\"");
    response.headers_mut().insert(header::HeaderName::from_static("clear-site-data"), cleared);
    response
}
