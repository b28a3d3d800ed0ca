//! The page for a request that gets no page of its own.

use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;

use crate::interfaces::web::context::{RequestContext, app_and_visitor};
use crate::interfaces::web::error::{ErrorTexts, PageError};
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::open_order::is_placed;
use crate::interfaces::web::texts::{Text, text};

#[derive(Template)]
#[template(path = "pages/error.html")]
struct ErrorPage<'a> {
    layout: Layout<'a>,
    title: &'a Text<'static>,
    message: &'a Text<'static>,
}

pub async fn unknown_address(request: HttpRequest) -> HttpResponse {
    show_error(&request, &PageError::NotFound).await
}

pub async fn wrong_method(request: &HttpRequest, allowed: &'static str) -> HttpResponse {
    let texts = ErrorTexts { title: text("error-method-title"), message: text("error-method") };
    let mut response = error_page(request, StatusCode::METHOD_NOT_ALLOWED, texts).await;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// The page for an error. An internal error is logged here, once.
pub async fn show_error(request: &HttpRequest, error: &PageError) -> HttpResponse {
    let (mut status, mut texts) = (error.status_code(), error.texts());
    let mut may_retry = error.is_temporary();
    if error.is_internal() {
        tracing::error!("a page could not be made: {error}");
        if request.method() == Method::POST && request.path().starts_with("/checkout") {
            status = StatusCode::SERVICE_UNAVAILABLE;
            texts = checkout_error(request).await;
            may_retry = true;
        }
    }
    let mut response = error_page(request, status, texts).await;
    if may_retry {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS.into());
    }
    response
}

/// For an order that could not be placed: the buyer must know whether there is something to pay.
async fn checkout_error(request: &HttpRequest) -> ErrorTexts {
    let is_placed = match app_and_visitor(request) {
        Ok((app, visitor)) => is_placed(&app, &visitor).await.ok(),
        Err(_) => None,
    };
    let (title, message) = match is_placed {
        Some(false) => ("error-not-ordered-title", "error-not-ordered"),
        // The same form may have been sent before, and its response lost.
        _ => ("error-perhaps-ordered-title", "error-perhaps-ordered"),
    };
    ErrorTexts { title: text(title), message: text(message) }
}

/// Units: seconds.
pub const RETRY_SECONDS: u16 = 60;

pub async fn error_page(
    request: &HttpRequest,
    status: StatusCode,
    ErrorTexts { title, message }: ErrorTexts,
) -> HttpResponse {
    if let Ok(context) = RequestContext::new(request).await {
        let layout = Layout::new(&context, "/");
        let template = ErrorPage { layout, title: &title, message: &message };
        if let Ok(response) = context.render(status, &template) {
            return response;
        }
    }
    HttpResponse::build(status)
        .content_type("text/plain; charset=utf-8")
        .body(format!("{title}\n\n{message}\n"))
}
