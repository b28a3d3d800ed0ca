//! Renders pages, redirects and errors.

use crate::actions::ClosedReason;
use crate::domain::orders::FormToken;
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::web::fields::MOST_BYTES;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::page_cache::CachedPage;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::visitor::Visitor;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::ResponseError;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Data;
use askama::Template;

/// Why a request gets no page of its own. `headers` turns it into a page of the shop that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("there is no such page")]
    NotFound,
    #[error("the browser did not send the cookie back")]
    NoCookie,
    #[error("the form was not given to this visitor")]
    ForeignForm,
    #[error("the form is of another kind")]
    OtherKind,
    #[error("the form is too large")]
    TooLarge,
    #[error("the form took too long")]
    TooSlow,
    #[error("too many visitors ask at once")]
    Busy,
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

    fn is_ours(&self) -> bool {
        matches!(self, Self::Template(_) | Self::Store(_) | Self::Broken(_))
    }

    /// Title and what to do, for the visitor.
    fn words(&self) -> (&'static str, String) {
        match self {
            Self::NotFound => ("Page not found", "Check the address. The product may no longer be available.".to_owned()),
            Self::NoCookie => (
                "Cookies are blocked",
                "Your cart and your order are kept in cookies until you close the browser. Allow cookies for this site, and turn off any setting or extension that blocks them. Then go back, reload the page and try again. Nothing was changed.".to_owned(),
            ),
            Self::ForeignForm => (
                "This form has expired",
                "It was opened in another browser, or your browser was closed since. Go back, reload the page and send it again. Nothing was changed.".to_owned(),
            ),
            Self::OtherKind => ("Invalid form", "Use the forms of this shop. Nothing was changed.".to_owned()),
            Self::TooLarge => (
                "Request too large",
                format!("A form can hold at most {} KB. Go back and shorten your text. Nothing was changed.", MOST_BYTES / 1024),
            ),
            Self::TooSlow => ("Request timed out", "The form did not arrive completely. Go back and send it again. Nothing was changed.".to_owned()),
            Self::Busy => (
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
            Self::NoCookie | Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::OtherKind => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy | Self::Closed(_) => StatusCode::SERVICE_UNAVAILABLE,
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

#[derive(Template)]
#[template(path = "pages/trouble.html")]
struct TroublePage<'a> {
    layout: Layout<'a>,
    title: &'a str,
    words: &'a str,
}

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

/// Where every POST that succeeds ends. `address`: of this shop, never what a visitor supplied unread.
pub fn see_other(address: &str, cookies: &[String]) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, address));
    for cookie in cookies {
        response.append_header((header::SET_COOKIE, cookie.as_str()));
    }
    response.finish()
}

pub fn takes_gzip(request: &HttpRequest) -> bool {
    let accepted =
        request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        is_gzip && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

pub async fn unknown_address(request: HttpRequest) -> HttpResponse {
    trouble(&request, &PageError::NotFound).await
}

pub async fn wrong_method(request: &HttpRequest, allowed: &'static str) -> HttpResponse {
    let words = "Use the links and forms of this shop.";
    let mut response =
        trouble_page(request, StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", words).await;
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}

/// The page of the shop for what went wrong. What is our fault is logged here, once.
pub async fn trouble(request: &HttpRequest, error: &PageError) -> HttpResponse {
    if error.is_ours() {
        tracing::error!("a page could not be made: {error}");
        if request.method() == Method::POST && request.path() == "/checkout" {
            return not_ordered(request).await;
        }
    }
    let (title, words) = error.words();
    let mut response = trouble_page(request, error.status_code(), title, &words).await;
    if error.is_temporary() {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS.into());
    }
    response
}

/// For an order that could not be taken: whoever reads it must know whether there is something to pay.
async fn not_ordered(request: &HttpRequest) -> HttpResponse {
    let is_placed = match request.app_data::<Data<AppState>>() {
        Some(app) => {
            let form = FormToken::of_cart(Visitor::of(request, app).basket.id);
            let found =
                async { store::orders::is_placed(&mut *app.shop.db.reader().await?, &form).await };
            found.await.ok()
        }
        None => None,
    };
    let (title, words) = match is_placed {
        Some(false) => ("Your order was not placed", NOT_ORDERED),
        // An earlier sending of the same form may have been heard, and its answer lost.
        _ => ("Your order may have been placed", PERHAPS_ORDERED),
    };
    let mut response = trouble_page(request, StatusCode::SERVICE_UNAVAILABLE, title, words).await;
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS.into());
    response
}

const NOT_ORDERED: &str = "Something went wrong on our side, and there is nothing to pay. Go back in a minute and send the form again. Your browser still has your entries.";
const PERHAPS_ORDERED: &str = "Do not pay yet. Something went wrong on our side. Go back in a minute and send the form again: it will not be ordered twice.";
const TRY_LATER: &str = "The shop cannot save anything right now. Reload this page in a minute: your browser sends the form again with your entries. It counts only once.";
/// Units: seconds.
pub const RETRY_SECONDS: u16 = 60;

pub async fn trouble_page(
    request: &HttpRequest,
    status: StatusCode,
    title: &str,
    words: &str,
) -> HttpResponse {
    let plain = || {
        HttpResponse::build(status)
            .content_type("text/plain; charset=utf-8")
            .body(format!("{title}\n\n{words}\n"))
    };
    let Some(app) = request.app_data::<Data<AppState>>() else { return plain() };
    // Where even the facts cannot be read, a plain page must do.
    let Ok((facts, _)) = app.facts().await else { return plain() };
    let visitor = Visitor::of(request, app);
    let currency = app
        .currency(&facts, visitor.currency.as_deref())
        .map_or("", |wallet| wallet.currency.as_str());
    let template = TroublePage { layout: Layout::new(app, &facts, currency, "/"), title, words };
    page(request, app, &visitor, status, &template).unwrap_or_else(|_| plain())
}
