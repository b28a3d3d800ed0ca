//! Redirects, and whether a browser accepts gzip.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

/// The response to every successful POST. `address`: of this shop, never unchecked input of a visitor.
pub fn see_other(address: &str, cookies: &[String]) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, address));
    for cookie in cookies {
        response.append_header((header::SET_COOKIE, cookie.as_str()));
    }
    response.finish()
}

pub fn takes_gzip(request: &HttpRequest) -> bool {
    let accepted =
        request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        is_gzip && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}
