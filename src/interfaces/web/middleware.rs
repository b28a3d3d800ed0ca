//! Security headers, and pages for errors.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpRequest, HttpResponse};

use crate::interfaces::http::hosts::{host_of, is_proxied};
use crate::interfaces::http::{FormError, admit, busy, insert_security_headers};
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::error_page::{trouble, trouble_page};
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::text;

/// Lets each request in when it is its turn, turns what went wrong into a page of the shop, and adds the headers to
/// every answer.
pub async fn add_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if has_foreign_host(request.request()) {
        let response = ServiceResponse::new(request.into_parts().0, stranger_page());
        return Ok(with_headers(response));
    }
    let _pass = match admit(request.request()).await {
        Ok(pass) => pass,
        Err(refused) => return Ok(with_headers(request.into_response(refused))),
    };
    let mut response = next.call(request).await?.map_into_boxed_body();
    if response.response().error().is_some() || is_bare_error(&response) {
        let asked = response.request().clone();
        let page = match response.response().error() {
            Some(error) => broken(&asked, error).await,
            None => request_failed(&asked, response.status()).await,
        };
        response = ServiceResponse::new(asked, page);
    }
    if let Some(location) = onion_location(&response) {
        response.headers_mut().insert(HeaderName::from_static("onion-location"), location);
    }
    Ok(with_headers(response))
}

fn with_headers(mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    insert_security_headers(response.headers_mut());
    response
}

fn has_foreign_host(request: &HttpRequest) -> bool {
    let app = request.app_data::<Data<AppState>>();
    is_proxied(request) || app.is_some_and(|app| app.hosts.is_foreign(host_of(request)))
}

/// It holds nothing of the request, and no link: the proxy in between would answer that too.
fn stranger_page() -> HttpResponse {
    HttpResponse::build(StatusCode::MISDIRECTED_REQUEST)
        .content_type("text/html; charset=utf-8")
        .body(include_str!("../../../templates/pages/strange_host.html"))
}

/// For pages alone: where Tor Browser finds the same page without leaving Tor.
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

/// An error that the server itself answers, without a page.
fn is_bare_error(response: &ServiceResponse<BoxBody>) -> bool {
    response.status().is_client_error() && !response.headers().contains_key(header::CONTENT_TYPE)
}

async fn broken(request: &HttpRequest, error: &Error) -> HttpResponse {
    if let Some(PageError::Form(FormError::Busy)) = error.as_error::<PageError>() {
        // A page of its own would be more work for a shop that has too much.
        return busy();
    }
    if let Some(error) = error.as_error::<PageError>() {
        return trouble(request, error).await;
    }
    let status = error.as_response_error().status_code();
    request_failed(request, status).await
}

async fn request_failed(request: &HttpRequest, status: StatusCode) -> HttpResponse {
    trouble_page(request, status, (text("error-request-title"), text("error-request"))).await
}
