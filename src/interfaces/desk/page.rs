//! Answers of the desk's handlers.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;

use crate::interfaces::desk::error::DeskError;
use crate::interfaces::http;

/// A page of the desk.
pub fn page(status: StatusCode, template: &impl Template) -> Result<HttpResponse, DeskError> {
    Ok(html_page(status, template.render()?))
}

pub fn html_page(status: StatusCode, html: String) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .body(html)
}

/// Where every POST that succeeds ends.
pub fn see_other(address: &str) -> HttpResponse {
    http::see_other(address, &[])
}

pub async fn unknown_address() -> Result<HttpResponse, DeskError> {
    Err(DeskError::NotFound)
}

/// A word as a part of an address.
pub fn encoded(word: &str) -> String {
    form_urlencoded::byte_serialize(word.as_bytes()).collect()
}
