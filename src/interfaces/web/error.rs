//! Why a request gets no page of its own, and what the visitor reads instead.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::actions::ClosedReason;
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::http::FormError;
use crate::interfaces::web::refusal_texts::closed_text;
use crate::interfaces::web::texts::{Text, text};

/// Units: bytes of a form: enough for an encrypted address and a long note.
pub const MAX_BYTES: usize = 64 * 1024;

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
    #[error("the file was downloaded as often, or as long, as the seller allows")]
    DownloadOver,
    #[error("the file is not there")]
    DownloadMissing,
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

    /// The title, and what the visitor can do.
    pub fn texts(&self) -> ErrorTexts {
        let (_, title, message) = self.parts();
        let message = text(message);
        let message = match self {
            Self::Form(FormError::TooLarge) => message.count("kilobytes", MAX_BYTES / 1024),
            Self::Closed(closed) => message.with("why", text(closed_text(closed))),
            _ => message,
        };
        ErrorTexts { title: text(title), message }
    }

    /// The status, and the ids of the texts.
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as Status;
        match self {
            Self::NotFound => (Status::NOT_FOUND, "error-not-found-title", "error-not-found"),
            Self::NoCookie => (Status::FORBIDDEN, "error-no-cookie-title", "error-no-cookie"),
            Self::Form(FormError::Foreign) => {
                (Status::FORBIDDEN, "error-foreign-form-title", "error-foreign-form")
            }
            Self::Form(FormError::ContentType) => {
                (Status::UNSUPPORTED_MEDIA_TYPE, "error-content-type-title", "error-content-type")
            }
            Self::Form(FormError::TooLarge) => {
                (Status::PAYLOAD_TOO_LARGE, "error-too-large-title", "error-too-large")
            }
            Self::Form(FormError::TooSlow) => {
                (Status::REQUEST_TIMEOUT, "error-too-slow-title", "error-too-slow")
            }
            Self::Form(FormError::Busy) => {
                (Status::SERVICE_UNAVAILABLE, "error-busy-title", "error-busy")
            }
            Self::NoOrderOpen => (Status::NOT_FOUND, "error-no-order-title", "error-no-order"),
            Self::DownloadOver => {
                (Status::GONE, "error-download-over-title", "error-download-over")
            }
            Self::DownloadMissing => {
                (Status::NOT_FOUND, "error-download-missing-title", "error-download-missing")
            }
            Self::Closed(_) => (Status::SERVICE_UNAVAILABLE, "error-closed-title", "error-closed"),
            Self::Store(_) | Self::Broken(_) if self.is_temporary() => {
                (Status::SERVICE_UNAVAILABLE, "error-later-title", "error-later")
            }
            Self::Template(_) | Self::Store(_) | Self::Broken(_) => {
                (Status::INTERNAL_SERVER_ERROR, "error-broken-title", "error-broken")
            }
        }
    }
}

/// What an error page says.
pub struct ErrorTexts {
    pub title: Text<'static>,
    pub message: Text<'static>,
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        self.parts().0
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
