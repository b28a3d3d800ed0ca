use crate::values::Moment;
use crate::web::page::PageError;
use crate::web::page::trouble;
use crate::web::page::trouble_page;
use crate::web::state::now;
use actix_web::Error;
use actix_web::HttpRequest;
use actix_web::body::BoxBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;
use std::sync::Mutex;
use std::sync::PoisonError;

/// What every answer carries, errors included.
///
/// Only what the pages use is allowed: one stylesheet, pictures and forms of the shop itself.
const ALWAYS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    // `no-referrer` would make Tor Browser send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// Turns what went wrong into a page of the shop, and adds the headers to every answer.
pub async fn add_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut response = next.call(request).await?.map_into_boxed_body();
    if response.response().error().is_some() || is_bare_error(&response) {
        let asked = response.request().clone();
        let page = match response.response().error() {
            Some(error) => broken(&asked, error).await,
            None => {
                trouble_page(
                    &asked,
                    response.status(),
                    "This could not be answered",
                    "Please go back to the shop.",
                )
                .await
            }
        };
        response = ServiceResponse::new(asked, page);
    }
    put_into(response.headers_mut());
    Ok(response)
}

/// An error that the server itself answers, without a page.
fn is_bare_error(response: &ServiceResponse<BoxBody>) -> bool {
    response.status().is_client_error() && !response.headers().contains_key(header::CONTENT_TYPE)
}

async fn broken(request: &HttpRequest, error: &Error) -> actix_web::HttpResponse {
    if let Some(error) = error.as_error::<PageError>() {
        return trouble(request, error).await;
    }
    let status = error.as_response_error().status_code();
    trouble_page(request, status, "This could not be answered", "Please go back to the shop.").await
}

pub fn put_into(headers: &mut HeaderMap) {
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(header::DATE, date());
}

/// The time to the minute: to the second it would tell how far this host's clock is off.
fn date() -> HeaderValue {
    static LAST: Mutex<Option<(Moment, HeaderValue)>> = Mutex::new(None);
    let minute = now().whole_minute();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, written)) = last.as_ref().filter(|(moment, _)| *moment == minute) {
        return written.clone();
    }
    let written = HeaderValue::from_str(&minute.http()).expect("a date is ASCII");
    *last = Some((minute, written.clone()));
    written
}
