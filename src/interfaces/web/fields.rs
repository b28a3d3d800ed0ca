//! Reads a form within bounds and verifies its token.

use crate::domain::values::text::without_hidden;
use crate::interfaces::http::accept_body;
use crate::interfaces::http::announced_length;
use crate::interfaces::http::begin_to_read;
use crate::interfaces::http::take_turn;
use crate::interfaces::web::page::PageError;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::visitor::Visitor;
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Payload;
use futures_util::StreamExt;
use std::time::Duration;

/// The fields of a form, as the browser sent them.
pub struct Fields(Vec<(String, String)>);

/// Units: bytes of a form, which is room for a sealed address and a long note.
pub const MOST_BYTES: usize = 64 * 1024;
const MOST_FIELDS: usize = 64;
/// How long a body may take to arrive: a slow circuit carries 64 KB in less.
const BODY_TIME: Duration = Duration::from_secs(60);

impl Fields {
    /// Reads a form that this visitor was given by this shop.
    ///
    /// # Errors
    /// A page that says what to do: no cookie, a form of somebody else's, a body too large, too slow or of another kind.
    pub async fn read(
        request: &HttpRequest,
        app: &AppState,
        body: Payload,
    ) -> Result<(Self, Visitor), PageError> {
        let visitor = Visitor::of(request, app);
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        if header("sec-fetch-site").is_some_and(|site| site != "same-origin") {
            return Err(PageError::ForeignForm);
        }
        let kind = header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            return Err(PageError::OtherKind);
        }
        let length = announced_length(request);
        if MOST_BYTES < length {
            return Err(PageError::TooLarge);
        }
        begin_to_read(request);
        accept_body(request).await.map_err(|_| PageError::Busy)?;
        let body = tokio::time::timeout(BODY_TIME, read_body(body, length))
            .await
            .map_err(|_| PageError::TooSlow)??;
        take_turn(request).await.map_err(|_| PageError::Busy)?;
        let fields = Self::parse(&body).ok_or(PageError::TooLarge)?;
        if !visitor.is_known {
            return Err(PageError::NoCookie);
        }
        if !app.token_key.knows(&visitor.visitor, fields.get("token")) {
            return Err(PageError::ForeignForm);
        }
        Ok((fields, visitor))
    }

    /// Any bytes are read: what is no UTF-8 is replaced. `None` where there are too many fields.
    fn parse(body: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if MOST_FIELDS <= fields.len() {
                return None;
            }
            fields.push((name.into_owned(), without_marks(&value)));
        }
        Some(Self(fields))
    }

    /// The first field of that name; an absent one is empty.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }
}

/// A search's words, or a page's number.
pub fn query_field(request: &HttpRequest, name: &str) -> String {
    let pairs = form_urlencoded::parse(request.query_string().as_bytes());
    pairs
        .into_iter()
        .find(|(field, _)| field == name)
        .map(|(_, value)| without_hidden(&without_marks(&value)))
        .unwrap_or_default()
}

/// The two characters that mark a visitor's own places on a page become another control character, which every rule
/// refuses: so what a visitor typed can be shown again and is never taken for a mark.
fn without_marks(text: &str) -> String {
    text.replace(['\u{1}', '\u{2}'], "\u{3}")
}

async fn read_body(mut body: Payload, length: usize) -> Result<Vec<u8>, PageError> {
    let mut bytes = Vec::with_capacity(length);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| PageError::TooSlow)?;
        if MOST_BYTES < bytes.len() + chunk.len() {
            return Err(PageError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
