//! What wraps every request: the host check, admission, pages for errors, and security headers.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpRequest, HttpResponse};

use crate::interfaces::http::hosts::{host_of, is_proxied};
use crate::interfaces::http::{FormError, admit, busy, insert_security_headers};
use crate::interfaces::web::error::{ErrorTexts, PageError};
use crate::interfaces::web::error_page::{error_page, show_error};
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::text;

/// Admits each request in turn, turns errors into pages of the shop, counts every response and adds its security headers.
pub async fn handle_request(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if has_foreign_host(request.request()) {
        let response = ServiceResponse::new(request.into_parts().0, foreign_host_page());
        return Ok(finish(response));
    }
    let _permit = match admit(request.request()).await {
        Ok(permit) => permit,
        Err(refused) => return Ok(finish(request.into_response(refused))),
    };
    let mut response = next.call(request).await?.map_into_boxed_body();
    if response.response().error().is_some() || is_bare_error(&response) {
        let request = response.request().clone();
        let page = match response.response().error() {
            Some(error) => page_for_error(&request, error).await,
            None => page_for_status(&request, response.status()).await,
        };
        response = ServiceResponse::new(request, page);
    }
    if let Some(location) = onion_location(&response) {
        response.headers_mut().insert(HeaderName::from_static("onion-location"), location);
    }
    Ok(finish(response))
}

fn finish(mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if let Some(app) = response.request().app_data::<Data<AppState>>() {
        app.request_counts.add(response.request().path(), response.status());
    }
    insert_security_headers(response.headers_mut());
    response
}

fn has_foreign_host(request: &HttpRequest) -> bool {
    let app = request.app_data::<Data<AppState>>();
    is_proxied(request) || app.is_some_and(|app| app.hosts.is_foreign(host_of(request)))
}

/// It contains nothing of the request, and no link: the proxy in between would handle that too.
fn foreign_host_page() -> HttpResponse {
    HttpResponse::build(StatusCode::MISDIRECTED_REQUEST)
        .content_type("text/html; charset=utf-8")
        .body(include_str!("../../../templates/pages/foreign_host.html"))
}

/// For pages only: the address at which Tor Browser finds the same page without leaving Tor.
fn onion_location(response: &ServiceResponse<BoxBody>) -> Option<HeaderValue> {
    let kind = response.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    if !kind.starts_with("text/html") || !response.status().is_success() {
        return None;
    }
    let request = response.request();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let app = request.app_data::<Data<AppState>>()?;
    HeaderValue::from_str(&app.hosts.onion_location(host_of(request), path)?).ok()
}

/// An error that the server itself generated, without a page.
fn is_bare_error(response: &ServiceResponse<BoxBody>) -> bool {
    response.status().is_client_error() && !response.headers().contains_key(header::CONTENT_TYPE)
}

async fn page_for_error(request: &HttpRequest, error: &Error) -> HttpResponse {
    match error.as_error::<PageError>() {
        // Rendering a page would add to the load.
        Some(PageError::Form(FormError::Busy)) => busy(),
        Some(error) => show_error(request, error).await,
        None => page_for_status(request, error.as_response_error().status_code()).await,
    }
}

async fn page_for_status(request: &HttpRequest, status: StatusCode) -> HttpResponse {
    let texts = ErrorTexts { title: text("error-request-title"), message: text("error-request") };
    error_page(request, status, texts).await
}
