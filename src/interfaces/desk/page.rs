//! Renders the desk's pages and errors.

use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::desk::assets;
use crate::interfaces::desk::session::Seller;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::http::StatusCode;
use actix_web::http::header;
use askama::Template;

/// Why a request gets no page of its own.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error("there is no such page")]
    NotFound,
    #[error("nobody has said the password")]
    SignedOut,
    #[error("nobody has said the password, and a form came")]
    SignedOutForm,
    #[error("the form was not given to this seller")]
    ForeignForm,
    /// What the seller had typed: to be shown to whoever has a session, and to nobody else.
    #[error("the form was not given to this session")]
    StaleForm(Vec<(String, String)>),
    #[error("the browser brought no cookie back")]
    NoCookie,
    #[error("the form is of another kind")]
    OtherKind,
    #[error("the form is too large")]
    TooLarge,
    #[error("the form took too long")]
    TooSlow,
    #[error("too much is under way")]
    Busy,
    #[error("the page: {0}")]
    Template(#[from] askama::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}

impl DeskError {
    /// Whether the disk, or whoever else uses it, is in the way: nothing is wrong with what was sent.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Store(error) => error.is_temporary(),
            Self::Broken(error) => error.chain().any(store::is_temporary),
            _ => false,
        }
    }

    /// The page for an error that passes, with what was typed.
    pub fn try_later(&self, typed: &[(String, String)]) -> HttpResponse {
        let (title, words) = self.words();
        let template = DeskTroublePage { typed, ..DeskTroublePage::new(title, words) };
        let mut response = template.answer(self.status_code());
        response.headers_mut().insert(header::RETRY_AFTER, TEMPORARY_RETRY.into());
        response
    }

    /// Title and what to do.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotFound => {
                ("Page not found", "The address may be mistyped, or the page no longer exists.")
            }
            Self::SignedOut => ("Signed out", "Please sign in."),
            Self::SignedOutForm => (
                "You were signed out",
                "Nothing was changed, and your input is not lost. Sign in in a new tab with the link below. Then return to this tab and reload it, so that your browser sends the form again: the page then shows your input to copy. Do not use the back button: the form there would be empty.",
            ),
            Self::ForeignForm | Self::StaleForm(_) => (
                "This form has expired",
                "It belongs to another session. Nothing was changed. Please go back, reload the page and send it again.",
            ),
            Self::NoCookie => (
                "Cookies are blocked",
                "The desk needs one cookie. Allow cookies for this address, and turn off any setting or extension that blocks them. Over plain HTTP, browsers keep the cookie only at 127.0.0.1, localhost and .onion addresses: anywhere else, put the desk behind HTTPS. Then open the sign-in page again.",
            ),
            Self::OtherKind => {
                ("Invalid form", "Nothing was changed. Please use the forms of the desk.")
            }
            Self::TooLarge => {
                ("Request too large", "Nothing was changed. Please go back and send less at once.")
            }
            Self::TooSlow => (
                "Request timed out",
                "The form did not arrive completely. Nothing was changed. Please go back and send it again.",
            ),
            Self::Busy => (
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

/// Units: seconds. As long as a full line before the door takes, and a little more.
const BUSY_RETRY: u16 = 3;
const TEMPORARY_RETRY: u16 = 60;

impl ResponseError for DeskError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::SignedOut => StatusCode::SEE_OTHER,
            Self::SignedOutForm | Self::ForeignForm | Self::StaleForm(_) | Self::NoCookie => {
                StatusCode::FORBIDDEN
            }
            Self::OtherKind => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
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
            return crate::interfaces::http::see_other("/login", &[]);
        }
        if self.status_code().is_server_error() && !matches!(self, Self::Busy) {
            tracing::error!("a page of the desk could not be made: {self}");
        }
        let (title, words) = self.words();
        let typed: &[(String, String)] =
            if let Self::StaleForm(typed) = self { typed } else { &[] };
        let template = DeskTroublePage {
            typed,
            signs_in: matches!(self, Self::SignedOutForm),
            ..DeskTroublePage::new(title, words)
        };
        let mut response = template.answer(self.status_code());
        if matches!(self, Self::Busy) {
            response.headers_mut().insert(header::RETRY_AFTER, BUSY_RETRY.into());
        }
        response
    }
}

/// What surrounds every page of the desk.
pub struct DeskLayout<'a> {
    pub site_name: &'a str,
    /// Empty where nobody is signed in.
    pub token: &'a str,
    /// The address of the section that is marked in the menu.
    pub section: &'static str,
    /// What was just done, of a fixed list.
    pub done: Option<&'static str>,
    pub styles: [&'static str; 2],
}

/// The desk's sections: address and name.
const SECTIONS: [(&str, &str); 10] = [
    ("/", "Today"),
    ("/orders", "Orders"),
    ("/products", "Products"),
    ("/discounts", "Discounts"),
    ("/rates", "Shipping"),
    ("/wallets", "Wallets"),
    ("/pages", "Pages"),
    ("/look", "Appearance"),
    ("/deeds", "Activity"),
    ("/account", "Account"),
];

impl<'a> DeskLayout<'a> {
    pub fn new(seller: &'a Seller, section: &'static str) -> Self {
        Self { token: &seller.token, section, ..Self::outside(&seller.site_name) }
    }

    /// For whoever has not said the password.
    pub fn outside(site_name: &'a str) -> Self {
        Self { site_name, token: "", section: "", done: None, styles: assets::styles() }
    }

    /// `words`: what each `?done=` of this page says.
    pub fn told(mut self, request: &HttpRequest, words: &[(&str, &'static str)]) -> Self {
        let done = crate::interfaces::desk::form::query_field(request, "done");
        self.done = words.iter().find(|(name, _)| *name == done).map(|(_, words)| *words);
        self
    }

    pub fn sections(&self) -> &'static [(&'static str, &'static str)] {
        &SECTIONS
    }
}

#[derive(Template)]
#[template(path = "desk/trouble.html")]
struct DeskTroublePage<'a> {
    layout: DeskLayout<'a>,
    title: &'a str,
    words: &'a str,
    /// Fields of a form that was not taken: name and what was typed.
    typed: &'a [(String, String)],
    /// Whether the way on is to sign in beside this page.
    signs_in: bool,
}

impl<'a> DeskTroublePage<'a> {
    fn new(title: &'a str, words: &'a str) -> Self {
        Self { layout: DeskLayout::outside("Desk"), title, words, typed: &[], signs_in: false }
    }

    fn answer(&self, status: StatusCode) -> HttpResponse {
        page(status, self).unwrap_or_else(|_| HttpResponse::build(status).finish())
    }
}

/// A page of the desk.
pub fn page(status: StatusCode, template: &impl Template) -> Result<HttpResponse, DeskError> {
    let html = template.render()?;
    Ok(HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .body(html))
}

/// Where every POST that succeeds ends.
pub fn see_other(address: &str) -> HttpResponse {
    crate::interfaces::http::see_other(address, &[])
}

pub fn trouble_page(status: StatusCode, title: &str, words: &str) -> HttpResponse {
    DeskTroublePage::new(title, words).answer(status)
}

pub async fn unknown_address() -> Result<HttpResponse, DeskError> {
    Err(DeskError::NotFound)
}
