//! Responses of the desk's handlers.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;

use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::http;

pub fn page(status: StatusCode, template: &impl Template) -> DeskResult {
    Ok(html_page(status, template.render()?))
}

pub fn html_page(status: StatusCode, html: String) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .body(html)
}

/// The response to every POST that succeeds.
pub fn see_other(address: &str) -> HttpResponse {
    http::see_other(address, &[])
}

pub async fn not_found() -> DeskResult {
    Err(DeskError::NotFound)
}

/// A value in a query.
pub fn encoded(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

/// An address with a query of those fields that are not empty.
pub fn address_with_query(path: &str, fields: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
