//! Why a request at the desk gets no page of its own, and what the seller is told.

use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::http::FormError;

/// Why a request gets no page of its own.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error("there is no such page")]
    NotFound,
    /// A page of its own says why: status and HTML.
    #[error("there is no such page")]
    Page(u16, String),
    #[error("the seller is not signed in")]
    SignedOut,
    #[error("the seller is not signed in and sent a form")]
    SignedOutForm,
    /// It was not read.
    #[error(transparent)]
    Form(#[from] FormError),
    /// What the seller had typed: only to be shown to a session.
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
    /// Whether the disk, or another program that uses it, is in the way: nothing is wrong with what was sent.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Store(error) => error.is_temporary(),
            Self::Broken(error) => error.chain().any(store::is_temporary),
            _ => false,
        }
    }

    /// Title and what to do.
    pub fn text(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotFound | Self::Page(..) => {
                ("Page not found", "The address may be mistyped, or the page no longer exists.")
            }
            Self::SignedOut => ("Signed out", "Please sign in."),
            Self::SignedOutForm => (
                "You were signed out",
                "Nothing was changed, and your input is not lost. Sign in in a new tab with the link below. Then return to this tab and reload it, so that your browser sends the form again: the page then shows your input to copy. Do not use the back button: the form there would be empty.",
            ),
            Self::Form(FormError::Foreign) | Self::StaleForm(_) => (
                "This form has expired",
                "It belongs to another session. Nothing was changed. Please go back, reload the page and send it again.",
            ),
            Self::NoCookie => (
                "Cookies are blocked",
                "The desk needs one cookie. Allow cookies for this address, and turn off any setting or extension that blocks them. Over plain HTTP, browsers keep the cookie only at 127.0.0.1, localhost and .onion addresses: anywhere else, put the desk behind HTTPS. Then open the sign-in page again.",
            ),
            Self::Form(FormError::ContentType) => {
                ("Invalid form", "Nothing was changed. Please use the forms of the desk.")
            }
            Self::Form(FormError::TooLarge) => {
                ("Request too large", "Nothing was changed. Please go back and send less at once.")
            }
            Self::Form(FormError::TooSlow) => (
                "Request timed out",
                "The form did not arrive completely. Nothing was changed. Please go back and send it again.",
            ),
            Self::Form(FormError::Busy) => (
                "Please wait",
                "The desk is busy. Nothing was changed. Please go back in a few seconds and send it again.",
            ),
            Self::Store(_) | Self::Broken(_) if self.is_temporary() => (
                "Please try again later",
                "The shop cannot save at the moment: the disk is full, read-only or failing, or another program has locked the database. The shop's log says which. Reload this page once this is fixed: your browser then sends the form again, with your input.",
            ),
            Self::Template(_) | Self::Store(_) | Self::Broken(_) => (
                "Something went wrong",
                "The shop's log says what. `shop doctor` may tell you more.",
            ),
        }
    }
}
