//! The page of an error.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{html_page, page, see_other};
use crate::interfaces::http::FormError;

/// Units: seconds. As long as a full queue of requests takes, and a little more.
const BUSY_RETRY: u16 = 3;
const TEMPORARY_RETRY: u16 = 60;

#[derive(Template)]
#[template(path = "desk/trouble.html")]
struct ErrorPage<'a> {
    layout: DeskLayout<'a>,
    title: &'a str,
    words: &'a str,
    /// Fields of a form that was not taken: name and what was typed.
    typed: &'a [(String, String)],
    /// Whether the way on is to sign in beside this page.
    signs_in: bool,
}

impl<'a> ErrorPage<'a> {
    fn new(title: &'a str, words: &'a str) -> Self {
        Self { layout: DeskLayout::outside("Desk"), title, words, typed: &[], signs_in: false }
    }

    fn answer(&self, status: StatusCode) -> HttpResponse {
        page(status, self).unwrap_or_else(|_| HttpResponse::build(status).finish())
    }
}

impl ResponseError for DeskError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Page(status, _) => StatusCode::from_u16(*status).unwrap_or(StatusCode::NOT_FOUND),
            Self::SignedOut => StatusCode::SEE_OTHER,
            Self::SignedOutForm
            | Self::Form(FormError::Foreign)
            | Self::StaleForm(_)
            | Self::NoCookie => StatusCode::FORBIDDEN,
            Self::Form(FormError::ContentType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Form(FormError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Form(FormError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Form(FormError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Broken(_) if self.is_temporary() => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Template(_) | Self::Store(_) | Self::Broken(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        if matches!(self, Self::SignedOut) {
            return see_other("/login");
        }
        if self.status_code().is_server_error() && !matches!(self, Self::Form(FormError::Busy)) {
            tracing::error!("a page of the desk could not be made: {self}");
        }
        if let Self::Page(_, html) = self {
            return html_page(self.status_code(), html.clone());
        }
        let (title, words) = self.text();
        let typed: &[(String, String)] =
            if let Self::StaleForm(typed) = self { typed } else { &[] };
        let template = ErrorPage {
            typed,
            signs_in: matches!(self, Self::SignedOutForm),
            ..ErrorPage::new(title, words)
        };
        let mut response = template.answer(self.status_code());
        if matches!(self, Self::Form(FormError::Busy)) {
            response.headers_mut().insert(header::RETRY_AFTER, BUSY_RETRY.into());
        }
        response
    }
}

/// The page for an error that passes, with what was typed.
pub fn temporary_error_page(error: &DeskError, typed: &[(String, String)]) -> HttpResponse {
    let (title, words) = error.text();
    let template = ErrorPage { typed, ..ErrorPage::new(title, words) };
    let mut response = template.answer(error.status_code());
    response.headers_mut().insert(header::RETRY_AFTER, TEMPORARY_RETRY.into());
    response
}

pub fn error_page(status: StatusCode, title: &str, words: &str) -> HttpResponse {
    ErrorPage::new(title, words).answer(status)
}
