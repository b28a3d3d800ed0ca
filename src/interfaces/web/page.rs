//! Renders pages for one visitor.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use askama::Template;

use crate::interfaces::http::takes_gzip;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::page_cache::CachedPage;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::visitor::Visitor;

/// A page made for one visitor.
pub fn page(
    request: &HttpRequest,
    app: &AppState,
    visitor: &Visitor,
    status: StatusCode,
    template: &impl Template,
) -> Result<HttpResponse, PageError> {
    let html = template.render()?;
    Ok(send(request, app, visitor, status, &CachedPage::once(&html)).finish_page())
}

/// A page with the visitor's own places filled in, packed where the browser takes it.
pub fn send(
    request: &HttpRequest,
    app: &AppState,
    visitor: &Visitor,
    status: StatusCode,
    ready: &CachedPage,
) -> Sent {
    let token = app.token_key.token(&visitor.visitor);
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"));
    if !visitor.is_known {
        response.append_header((header::SET_COOKIE, visitor.visitor_cookie()));
    }
    let body = if takes_gzip(request) {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
        ready.gzip(visitor, &token)
    } else {
        ready.plain(visitor, &token)
    };
    Sent { response, body }
}

/// A page that may still be given a cookie.
pub struct Sent {
    pub response: HttpResponseBuilder,
    body: actix_web::web::Bytes,
}

impl Sent {
    pub fn finish_page(mut self) -> HttpResponse {
        self.response.body(self.body)
    }
}
