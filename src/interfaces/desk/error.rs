//! Errors of the desk's handlers: status, title and what the seller can do.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::http::FormError;

/// What every handler of the desk returns.
pub type DeskResult = Result<HttpResponse, DeskError>;

/// Why a request was not answered with the page that it asked for.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error("there is no such page")]
    NotFound,
    /// With its own page as HTML.
    #[error("there is no such page")]
    Page(StatusCode, String),
    #[error("the seller is not signed in")]
    SignedOut,
    #[error("the seller is not signed in and sent a form")]
    SignedOutForm,
    #[error(transparent)]
    Form(#[from] FormError),
    /// With the seller's input, which is shown to a session only.
    #[error("the form was not given to this session")]
    StaleForm(Vec<(String, String)>),
    #[error("the browser brought no cookie back")]
    NoCookie,
    #[error("the page: {0}")]
    Template(#[from] askama::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}

impl DeskError {
    /// Whether the database cannot be used at the moment: nothing is wrong with the request.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Store(error) => error.is_temporary(),
            Self::Broken(error) => error.chain().any(store::is_temporary),
            _ => false,
        }
    }

    /// Status, title and what to do.
    pub fn describe(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "Page not found",
                "The address may be mistyped, or the page no longer exists.",
            ),
            Self::Page(status, _) => (*status, "", ""),
            Self::SignedOut => (StatusCode::SEE_OTHER, "Signed out", "Please sign in."),
            Self::SignedOutForm => (
                StatusCode::FORBIDDEN,
                "You were signed out",
                "Nothing was changed, and your input is not lost. Sign in in a new tab with the link below. Then return to this tab and reload it, so that your browser sends the form again: the page then shows your input to copy. Do not use the back button: the form there would be empty.",
            ),
            Self::Form(FormError::Foreign) | Self::StaleForm(_) => (
                StatusCode::FORBIDDEN,
                "This form has expired",
                "It belongs to another session. Nothing was changed. Please go back, reload the page and send it again.",
            ),
            Self::NoCookie => (
                StatusCode::FORBIDDEN,
                "Cookies are blocked",
                "The desk needs one cookie. Allow cookies for this address, and turn off any setting or extension that blocks them. Over plain HTTP, browsers keep the cookie only at 127.0.0.1, localhost and .onion addresses: anywhere else, put the desk behind HTTPS. Then open the sign-in page again.",
            ),
            Self::Form(FormError::ContentType) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Invalid form",
                "Nothing was changed. Please use the forms of the desk.",
            ),
            Self::Form(FormError::TooLarge) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "Request too large",
                "Nothing was changed. Please go back and send less at once.",
            ),
            Self::Form(FormError::TooSlow) => (
                StatusCode::REQUEST_TIMEOUT,
                "Request timed out",
                "The form did not arrive completely. Nothing was changed. Please go back and send it again.",
            ),
            Self::Form(FormError::Busy) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Please wait",
                "The desk is busy. Nothing was changed. Please go back in a few seconds and send it again.",
            ),
            _ if self.is_temporary() => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Please try again later",
                "The shop cannot save at the moment: the disk is full, read-only or failing, or another program has locked the database. The shop's log says which. Reload this page once this is fixed: your browser then sends the form again, with your input.",
            ),
            Self::Template(_) | Self::Store(_) | Self::Broken(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong",
                "See the shop's log. `shop doctor` may tell you more.",
            ),
        }
    }
}
