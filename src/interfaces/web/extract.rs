//! What handlers take as arguments: the visitor, and a form that was given to this visitor.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::web::{Data, Payload};
use actix_web::{FromRequest, HttpRequest, dev};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::domain::values::text::without_hidden;
use crate::interfaces::http;
use crate::interfaces::http::{FormError, FormFields, decode_fields};
use crate::interfaces::web::error::{MOST_BYTES, PageError};
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::visitor::Visitor;

const MOST_FIELDS: usize = 64;
/// How long a body may take to arrive: a slow circuit carries 64 KB in less.
const BODY_TIME: Duration = Duration::from_secs(60);

impl FromRequest for Visitor {
    type Error = PageError;
    type Future = Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(app_of(request).map(|app| Self::of(request, &app.cookie_key)))
    }
}

/// A form that this shop gave to the visitor who sends it. `T` derives `Deserialize` with `serde(default)`: an absent field
/// is empty, and of two with one name the first counts.
pub struct VerifiedForm<T> {
    pub form: T,
    pub visitor: Visitor,
}

impl<T: DeserializeOwned + 'static> FromRequest for VerifiedForm<T> {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    /// # Errors
    /// A page that says what to do: no cookie, somebody else's form, a body too large, too slow or of another kind.
    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let app = app_of(&request)?;
            let body = Payload::from_request(&request, &mut { payload }).await;
            let body = body.map_err(|error| PageError::Broken(anyhow::anyhow!("{error}")))?;
            let mut fields = read_fields(&request, body).await?;
            let visitor = Visitor::of(&request, &app.cookie_key);
            if !visitor.is_known {
                return Err(PageError::NoCookie);
            }
            let token = fields.iter().find(|(name, _)| name == "token");
            if !token.is_some_and(|(_, token)| app.token_key.knows(&visitor.visitor, token)) {
                return Err(FormError::Foreign.into());
            }
            for (_, value) in &mut fields {
                *value = without_marks(value);
            }
            Ok(Self { form: decode_fields(fields)?, visitor })
        })
    }
}

async fn read_fields(request: &HttpRequest, body: Payload) -> Result<FormFields, FormError> {
    let length = http::check_head(request, MOST_BYTES)?;
    http::begin_to_read(request);
    http::accept_body(request).await.map_err(|_| FormError::Busy)?;
    let body = http::read_body(body, length, BODY_TIME).await?;
    http::acquire_permit_for_form(request).await.map_err(|_| FormError::Busy)?;
    http::parse_fields(&body, MOST_FIELDS)
}

fn app_of(request: &HttpRequest) -> Result<Data<AppState>, PageError> {
    let app = request.app_data::<Data<AppState>>().cloned();
    app.ok_or_else(|| PageError::Broken(anyhow::anyhow!("the server has no state")))
}

/// A search's words, or a page's number.
pub fn query_field(request: &HttpRequest, name: &str) -> String {
    without_hidden(&without_marks(&http::query_field(request, name)))
}

/// The two characters that mark a visitor's own places on a page become another control character, which every rule
/// refuses: so what a visitor typed can be shown again and is never taken for a mark.
fn without_marks(text: &str) -> String {
    text.replace(['\u{1}', '\u{2}'], "\u{3}")
}
