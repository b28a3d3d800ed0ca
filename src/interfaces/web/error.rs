//! Why a request gets no page of its own, and what its visitor reads instead.

use crate::actions::ClosedReason;
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::http::FormError;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::http::StatusCode;

/// Units: bytes of a form, which is room for a sealed address and a long note.
pub const MOST_BYTES: usize = 64 * 1024;

/// Why a request gets no page of its own. `middleware` turns it into a page of the shop that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("there is no such page")]
    NotFound,
    #[error("the browser did not send the cookie back")]
    NoCookie,
    #[error(transparent)]
    Form(#[from] FormError),
    #[error("the order's code is not in this browser")]
    NoOrderOpen,
    #[error("the shop takes no orders")]
    Closed(ClosedReason),
    #[error("the page: {0}")]
    Template(#[from] askama::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0:#}")]
    Broken(anyhow::Error),
}

impl From<anyhow::Error> for PageError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast_ref::<ClosedReason>() {
            // What a buyer wrote cannot be sealed to the seller just now.
            Some(closed) => Self::Closed(closed.clone()),
            None => Self::Broken(error),
        }
    }
}

impl PageError {
    /// Whether the disk, or whoever else uses it, is in the way: nothing is wrong with what was sent.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Store(error) => error.is_temporary(),
            Self::Broken(error) => error.chain().any(store::is_temporary),
            _ => false,
        }
    }

    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Template(_) | Self::Store(_) | Self::Broken(_))
    }

    /// Title and what to do, for the visitor.
    pub fn words(&self) -> (&'static str, String) {
        match self {
            Self::NotFound => ("Page not found", "Check the address. The product may no longer be available.".to_owned()),
            Self::NoCookie => (
                "Cookies are blocked",
                "Your cart and your order are kept in cookies until you close the browser. Allow cookies for this site, and turn off any setting or extension that blocks them. Then go back, reload the page and try again. Nothing was changed.".to_owned(),
            ),
            Self::Form(FormError::Foreign) => (
                "This form has expired",
                "It was opened in another browser, or your browser was closed since. Go back, reload the page and send it again. Nothing was changed.".to_owned(),
            ),
            Self::Form(FormError::ContentType) => ("Invalid form", "Use the forms of this shop. Nothing was changed.".to_owned()),
            Self::Form(FormError::TooLarge) => (
                "Request too large",
                format!("A form can hold at most {} KB. Go back and shorten your text. Nothing was changed.", MOST_BYTES / 1024),
            ),
            Self::Form(FormError::TooSlow) => ("Request timed out", "The form did not arrive completely. Go back and send it again. Nothing was changed.".to_owned()),
            Self::Form(FormError::Busy) => (
                "The shop is busy",
                "Too many visitors right now. Wait a few seconds, go back and send the form again. Nothing was changed.".to_owned(),
            ),
            Self::NoOrderOpen => ("No order is open in this browser", "Enter your order code under “Track order”.".to_owned()),
            Self::Closed(closed) => (
                "Ordering is paused",
                format!("{} Nothing was ordered, and there is nothing to pay. Existing orders are not affected.", closed.words()),
            ),
            Self::Store(_) | Self::Broken(_) if self.is_temporary() => ("Try again later", TRY_LATER.to_owned()),
            Self::Template(_) | Self::Store(_) | Self::Broken(_) => (
                "Something went wrong",
                "The error is on our side. Try again in a few minutes. If you were placing an order, check “Track order” first: it may have been placed.".to_owned(),
            ),
        }
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoOrderOpen => StatusCode::NOT_FOUND,
            Self::NoCookie | Self::Form(FormError::Foreign) => StatusCode::FORBIDDEN,
            Self::Form(FormError::ContentType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Form(FormError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Form(FormError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Form(FormError::Busy) | Self::Closed(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Broken(_) if self.is_temporary() => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Template(_) | Self::Store(_) | Self::Broken(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

const TRY_LATER: &str = "The shop cannot save anything right now. Reload this page in a minute: your browser sends the form again with your entries. It counts only once.";
