//! Answers errors with a page.

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
#[template(path = "desk/error.html")]
struct ErrorPage<'a> {
    layout: DeskLayout<'a>,
    title: &'a str,
    text: &'a str,
    /// The fields of a refused form, to copy: name and input.
    input: &'a [(String, String)],
    /// Whether the page links to the sign-in page, in a new tab.
    links_to_login: bool,
}

impl<'a> ErrorPage<'a> {
    fn new(title: &'a str, text: &'a str) -> Self {
        Self {
            layout: DeskLayout::signed_out("Desk"),
            title,
            text,
            input: &[],
            links_to_login: false,
        }
    }

    fn answer(&self, status: StatusCode) -> HttpResponse {
        page(status, self).unwrap_or_else(|_| HttpResponse::build(status).finish())
    }
}

impl ResponseError for DeskError {
    fn status_code(&self) -> StatusCode {
        self.describe().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, title, text) = self.describe();
        let is_busy = matches!(self, Self::Form(FormError::Busy));
        if status.is_server_error() && !is_busy {
            tracing::error!("a page of the desk could not be made: {self}");
        }
        let input: &[(String, String)] = match self {
            Self::SignedOut => return see_other("/login"),
            Self::Page(status, html) => return html_page(*status, html.clone()),
            Self::StaleForm(input) => input,
            _ => &[],
        };
        let links_to_login = matches!(self, Self::SignedOutForm);
        let template = ErrorPage { input, links_to_login, ..ErrorPage::new(title, text) };
        let mut response = template.answer(status);
        if is_busy {
            response.headers_mut().insert(header::RETRY_AFTER, BUSY_RETRY.into());
        }
        response
    }
}

/// The page of a temporary error, with the seller's input.
pub fn temporary_error_page(error: &DeskError, input: &[(String, String)]) -> HttpResponse {
    let (status, title, text) = error.describe();
    let mut response = ErrorPage { input, ..ErrorPage::new(title, text) }.answer(status);
    response.headers_mut().insert(header::RETRY_AFTER, TEMPORARY_RETRY.into());
    response
}

pub fn error_page(status: StatusCode, title: &str, text: &str) -> HttpResponse {
    ErrorPage::new(title, text).answer(status)
}
