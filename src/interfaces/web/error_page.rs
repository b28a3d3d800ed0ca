//! The page for a request that gets no page of its own.

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;

use crate::domain::orders::CheckoutKey;
use crate::infra::store;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::page::page;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::{Text, text};
use crate::interfaces::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "pages/trouble.html")]
struct TroublePage<'a> {
    layout: Layout<'a>,
    title: &'a Text<'static>,
    words: &'a Text<'static>,
}

pub async fn unknown_address(request: HttpRequest) -> HttpResponse {
    trouble(&request, &PageError::NotFound).await
}

pub async fn wrong_method(request: &HttpRequest, allowed: &'static str) -> HttpResponse {
    let words = (text("error-method-title"), text("error-method"));
    let mut response = trouble_page(request, StatusCode::METHOD_NOT_ALLOWED, words).await;
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}

/// The page of the shop for what went wrong. What is our fault is logged here, once.
pub async fn trouble(request: &HttpRequest, error: &PageError) -> HttpResponse {
    if error.is_ours() {
        tracing::error!("a page could not be made: {error}");
        if request.method() == Method::POST && request.path() == "/checkout" {
            return not_ordered(request).await;
        }
    }
    let mut response = trouble_page(request, error.status_code(), error.words()).await;
    if error.is_temporary() {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS.into());
    }
    response
}

/// For an order that could not be taken: the buyer must know whether there is something to pay.
async fn not_ordered(request: &HttpRequest) -> HttpResponse {
    let is_placed = match request.app_data::<Data<AppState>>() {
        Some(app) => {
            let form = CheckoutKey::of_cart(Visitor::of(request, &app.cookie_key).basket.id);
            let found =
                async { store::orders::is_placed(&mut *app.shop.db.reader().await?, &form).await };
            found.await.ok()
        }
        None => None,
    };
    let (title, words) = match is_placed {
        Some(false) => ("error-not-ordered-title", "error-not-ordered"),
        // An earlier sending of the same form may have been heard, and its answer lost.
        _ => ("error-perhaps-ordered-title", "error-perhaps-ordered"),
    };
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut response = trouble_page(request, status, (text(title), text(words))).await;
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS.into());
    response
}

/// Units: seconds.
pub const RETRY_SECONDS: u16 = 60;

pub async fn trouble_page(
    request: &HttpRequest,
    status: StatusCode,
    (title, words): (Text<'static>, Text<'static>),
) -> HttpResponse {
    let plain = || {
        HttpResponse::build(status)
            .content_type("text/plain; charset=utf-8")
            .body(format!("{title}\n\n{words}\n"))
    };
    let Some(app) = request.app_data::<Data<AppState>>() else { return plain() };
    // Where even the facts cannot be read, a plain page must do.
    let Ok((facts, _)) = app.facts().await else { return plain() };
    let visitor = Visitor::of(request, &app.cookie_key);
    let currency = app.currency_name(&facts, visitor.currency.as_deref());
    let layout = Layout::new(app, &facts, currency, "/");
    let template = TroublePage { layout, title: &title, words: &words };
    page(request, app, &visitor, status, &template).unwrap_or_else(|_| plain())
}
