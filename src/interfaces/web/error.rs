//! Why a request gets no page of its own, and what the visitor reads instead.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::actions::ClosedReason;
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::http::FormError;
use crate::interfaces::web::reasons::closed_text;
use crate::interfaces::web::texts::{Text, text};

/// Units: bytes of a form: enough for an encrypted address and a long note.
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
            // Input cannot be encrypted to the seller now.
            Some(closed) => Self::Closed(closed.clone()),
            None => Self::Broken(error),
        }
    }
}

impl PageError {
    /// Whether the disk or another process is the cause, so that the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Store(error) => error.is_temporary(),
            Self::Broken(error) => error.chain().any(store::is_temporary),
            _ => false,
        }
    }

    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Template(_) | Self::Store(_) | Self::Broken(_))
    }

    /// Title and what to do, for the visitor.
    pub fn words(&self) -> (Text<'static>, Text<'static>) {
        let (title, words) = match self {
            Self::NotFound => ("error-not-found-title", "error-not-found"),
            Self::NoCookie => ("error-no-cookie-title", "error-no-cookie"),
            Self::Form(FormError::Foreign) => ("error-foreign-form-title", "error-foreign-form"),
            Self::Form(FormError::ContentType) => {
                ("error-content-type-title", "error-content-type")
            }
            Self::Form(FormError::TooLarge) => {
                let words = text("error-too-large").count("kilobytes", MOST_BYTES / 1024);
                return (text("error-too-large-title"), words);
            }
            Self::Form(FormError::TooSlow) => ("error-too-slow-title", "error-too-slow"),
            Self::Form(FormError::Busy) => ("error-busy-title", "error-busy"),
            Self::NoOrderOpen => ("error-no-order-title", "error-no-order"),
            Self::Closed(closed) => {
                let words = text("error-closed").with("why", text(closed_text(closed)));
                return (text("error-closed-title"), words);
            }
            Self::Store(_) | Self::Broken(_) if self.is_temporary() => {
                ("error-later-title", "error-later")
            }
            Self::Template(_) | Self::Store(_) | Self::Broken(_) => {
                ("error-broken-title", "error-broken")
            }
        };
        (text(title), text(words))
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
