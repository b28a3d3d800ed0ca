//! Signing in and out.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev, web};
use askama::Template;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use crate::actions;
use crate::actions::{AuthError, Credentials, Line};
use crate::domain::login::{SessionId, TypedPassword};
use crate::infra::store;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::{VerifiedForm, read_fields};
use crate::interfaces::desk::form::FromFields;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::session;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{
    ConnectionState, CookieNames, FormError, NoFields, begin_to_read, connection_of, hex, now,
    random_bytes,
};

/// The cookie that a form of somebody without a session is bound to.
const BEFORE: &str = "before";
/// Units: bytes of the form of somebody who has no session.
const MOST_BYTES: usize = 16 * 1024;

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/login", web::get().to(show))
        .route("/login", web::post().to(submit))
        .route("/logout", web::post().to(leave));
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

async fn show(request: HttpRequest, desk: Data<Desk>) -> Result<HttpResponse, DeskError> {
    const DONE: [(&str, &str); 3] = [
        ("out", "You have signed out."),
        ("ended", "All sessions have ended, on every browser."),
        ("password", "The password is changed. Please sign in with the new one."),
    ];
    let site_name = desk.site_name().await?;
    let layout = DeskLayout::outside(&site_name).told(&request, &DONE);
    ask(&request, &desk, layout, StatusCode::OK, false).await
}

async fn ask(
    request: &HttpRequest,
    desk: &Desk,
    layout: DeskLayout<'_>,
    status: StatusCode,
    is_refused: bool,
) -> Result<HttpResponse, DeskError> {
    let known = session::cookie(request, BEFORE);
    let before = known.clone().unwrap_or_else(|| hex(&random_bytes::<16>()));
    let lock = store::login::find_lock(&mut *desk.shop.db.reader().await?).await?;
    let template = LoginPage {
        layout,
        token: desk.token_key.token(&before),
        has_password: lock.password.is_some(),
        has_factor: lock.factor.is_some(),
        is_refused,
    };
    let mut response = page(status, &template)?;
    if known.is_none() {
        let cookie = CookieNames::of_seller(request).set(BEFORE, &before);
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

/// The sign-in form of a browser without a session, bound to a cookie that it was given with the form.
struct VerifiedSignIn(SignInForm);

impl FromRequest for VerifiedSignIn {
    type Error = DeskError;
    type Future = LocalBoxFuture<'static, Result<Self, DeskError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let before = session::cookie(&request, BEFORE).ok_or(DeskError::NoCookie)?;
            let desk = request.app_data::<Data<Desk>>().ok_or(DeskError::NotFound)?;
            // A slow sender gives way to others.
            begin_to_read(&request);
            let fields = read_fields(&request, &mut payload, MOST_BYTES).await?;
            if let Some(connection) = connection_of(&request) {
                connection.set_state(ConnectionState::Working);
            }
            let token = fields.iter().find(|(name, _)| name == "token");
            if !token.is_some_and(|(_, token)| desk.token_key.verify(&before, token)) {
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
) -> Result<HttpResponse, DeskError> {
    let is_known = session::cookie(&request, session::KNOWN).is_some_and(|mark| desk.knows(&mark));
    let given = Credentials {
        line: if is_known { Line::Known } else { Line::Stranger },
        password: TypedPassword::of(&form.password),
        code: form.code,
    };
    let id = SessionId::from_chance(random_bytes());
    let earlier = session::session_id(&request).map(|id| id.hash());
    let signing = actions::Signing { fresh: id.hash(), earlier, salt: random_bytes() };
    match actions::sign_in(&desk.shop, &desk.authenticator, given, signing, now()).await {
        Ok(()) => {
            let names = CookieNames::of_seller(&request);
            let mark = desk.mark_of_known(&hex(&random_bytes::<16>()));
            let cookies =
                [names.set(session::COOKIE, &id.text()), names.set(session::KNOWN, &mark)];
            Ok(crate::interfaces::http::see_other("/", &cookies))
        }
        Err(AuthError::Broken(error)) => Err(error.into()),
        Err(AuthError::Busy) => Err(FormError::Busy.into()),
        Err(AuthError::Wrong { wait }) => {
            hold(&request, wait).await;
            let site_name = desk.site_name().await?;
            let layout = DeskLayout::outside(&site_name);
            ask(&request, &desk, layout, StatusCode::UNPROCESSABLE_ENTITY, true).await
        }
    }
}

/// A wrong answer waits, and gives way to newcomers where the desk is full.
async fn hold(request: &HttpRequest, wait: Duration) {
    match connection_of(request) {
        _ if wait == Duration::ZERO => {}
        Some(connection) => connection.wait(wait).await,
        None => tokio::time::sleep(wait).await,
    }
}

async fn leave(
    request: HttpRequest,
    desk: Data<Desk>,
    VerifiedForm { seller, .. }: VerifiedForm<NoFields>,
) -> Result<HttpResponse, DeskError> {
    actions::sign_out(&desk.shop, &seller.session, now()).await?;
    Ok(signed_out(&request, "/login?done=out"))
}

/// What leads out of the desk leaves nothing of it in the browser.
pub fn signed_out(request: &HttpRequest, address: &str) -> HttpResponse {
    let removed = CookieNames::of_seller(request).remove(session::COOKIE);
    let mut response = crate::interfaces::http::see_other(address, &removed);
    // Not its cookies: on loopback they are those of every port, the buyers' listener among them.
    let cleared = header::HeaderValue::from_static("\"cache\"");
    response.headers_mut().insert(header::HeaderName::from_static("clear-site-data"), cleared);
    response
}
