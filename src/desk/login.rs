use crate::desk::form::DeskForm;
use crate::desk::page::DeskError;
use crate::desk::page::DeskFrame;
use crate::desk::page::page;
use crate::desk::page::see_other;
use crate::desk::session;
use crate::desk::session::Seller;
use crate::desk::state::Desk;
use crate::store;
use crate::web::chance;
use crate::web::hex;
use crate::web::now;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use actix_web::web::Data;
use actix_web::web::Payload;
use actix_web::web::ServiceConfig;
use argon2::Argon2;
use askama::Template;

/// The cookie that a form of somebody without a session is bound to.
const BEFORE: &str = "before";

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/login", web::get().to(show))
        .route("/login", web::post().to(submit))
        .route("/logout", web::post().to(leave));
}

#[derive(Template)]
#[template(path = "desk/login.html")]
struct LoginPage<'a> {
    frame: DeskFrame<'a>,
    token: String,
    has_password: bool,
    is_refused: bool,
}

async fn show(request: HttpRequest, desk: Data<Desk>) -> Result<HttpResponse, DeskError> {
    ask(&request, &desk, StatusCode::OK, false).await
}

async fn ask(
    request: &HttpRequest,
    desk: &Desk,
    status: StatusCode,
    is_refused: bool,
) -> Result<HttpResponse, DeskError> {
    let known = session::cookie(request, BEFORE);
    let before = known.clone().unwrap_or_else(|| hex(&chance::<16>()));
    let template = LoginPage {
        frame: DeskFrame::outside(&desk.site.name),
        token: desk.token_key.token(&before),
        has_password: store::desk::find_password(&desk.shop.db).await?.is_some(),
        is_refused,
    };
    let mut response = page(status, &template)?;
    if known.is_none() {
        let cookie = session::session_cookie(request, BEFORE, &before);
        let cookie = header::HeaderValue::from_str(&cookie).map_err(anyhow::Error::from)?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn submit(
    request: HttpRequest,
    desk: Data<Desk>,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    let before = session::cookie(&request, BEFORE).ok_or(DeskError::ForeignForm)?;
    let form = DeskForm::read_of(&request, &desk.token_key, &before, body).await?;
    let kept = store::desk::find_password(&desk.shop.db).await?;
    let given = hash(&desk.shop.salt, form.get("password").to_owned()).await?;
    if kept.is_none_or(|kept| kept != given) {
        return ask(&request, &desk, StatusCode::UNPROCESSABLE_ENTITY, true).await;
    }
    let (id, name) = session::begin();
    let mut tx = desk.shop.db.write().await?;
    store::desk::insert_session(&mut tx, &name, now()).await?;
    tx.commit().await?;
    let cookie = session::session_cookie(&request, session::COOKIE, &id);
    Ok(crate::web::see_other("/", &[cookie]))
}

async fn leave(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    DeskForm::read(&request, &desk, &seller, body).await?;
    let mut tx = desk.shop.db.write().await?;
    store::desk::delete_session(&mut tx, &seller.session).await?;
    tx.commit().await?;
    let mut response = see_other("/login");
    let cleared = header::HeaderValue::from_static("\"cookies\"");
    response.headers_mut().insert(header::HeaderName::from_static("clear-site-data"), cleared);
    Ok(response)
}

async fn hash(salt: &[u8], password: String) -> Result<String, DeskError> {
    let salt = [salt, b"desk"].concat();
    let hashed = web::block(move || {
        let mut bytes = [0; 32];
        Argon2::default()
            .hash_password_into(password.as_bytes(), &salt, &mut bytes)
            .map(|()| hex(&bytes))
    });
    hashed
        .await
        .map_err(anyhow::Error::from)?
        .map_err(|error| anyhow::anyhow!("hash: {error}").into())
}
