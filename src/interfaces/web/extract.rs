//! What handlers take as arguments: the request's context, and forms that this shop gave to the visitor.

use std::time::Duration;

use actix_web::web::{Data, Payload};
use actix_web::{FromRequest, HttpRequest, dev};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::domain::values::text::without_hidden;
use crate::interfaces::http;
use crate::interfaces::http::{FormError, FormFields, decode_fields};
use crate::interfaces::web::context::{RequestContext, app_and_visitor};
use crate::interfaces::web::error::{MAX_BYTES, PageError};
use crate::interfaces::web::page_cache::PLACEHOLDERS;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::visitor::Visitor;

const MAX_FIELDS: usize = 64;
/// How long a body may take to arrive: a slow circuit carries 64 KB in less.
const BODY_TIME: Duration = Duration::from_secs(60);

impl FromRequest for RequestContext {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::new(&request).await })
    }
}

/// A form that this shop gave to the visitor who sends it. `T` derives `Deserialize` with `serde(default)`: an absent field
/// is empty, and of two with one name the first counts.
pub struct VerifiedForm<T> {
    pub form: T,
    pub context: RequestContext,
}

impl<T: DeserializeOwned + 'static> FromRequest for VerifiedForm<T> {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    /// # Errors
    /// A page that says what to do: no cookie, somebody else's form, a body too large, too slow or of another kind.
    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let (app, visitor, fields) = verify(&request, payload).await?;
            let form = decode_fields(fields)?;
            Ok(Self { form, context: RequestContext::of(&request, app, visitor).await? })
        })
    }
}

/// Who sent a form that has nothing but the token. Needs no database, so that a buyer can always close an order.
pub struct VerifiedVisitor {
    pub app: Data<AppState>,
    pub visitor: Visitor,
}

impl FromRequest for VerifiedVisitor {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    /// # Errors
    /// As for [`VerifiedForm`].
    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let (app, visitor, _) = verify(&request, payload).await?;
            Ok(Self { app, visitor })
        })
    }
}

/// Reads a form, and checks that this shop gave it to the visitor.
async fn verify(
    request: &HttpRequest,
    mut payload: dev::Payload,
) -> Result<(Data<AppState>, Visitor, FormFields), PageError> {
    let body = Payload::from_request(request, &mut payload).await;
    let body = body.map_err(|error| PageError::Broken(anyhow::anyhow!("{error}")))?;
    let mut fields = read_fields(request, body).await?;
    let (app, visitor) = app_and_visitor(request)?;
    if !visitor.is_known {
        return Err(PageError::NoCookie);
    }
    let token = fields.iter().find(|(name, _)| name == "token");
    if !token.is_some_and(|(_, token)| app.token_key.verify(&visitor.id, token)) {
        return Err(FormError::Foreign.into());
    }
    for (_, value) in &mut fields {
        *value = without_placeholders(value);
    }
    Ok((app, visitor, fields))
}

async fn read_fields(request: &HttpRequest, body: Payload) -> Result<FormFields, FormError> {
    let length = http::check_head(request, MAX_BYTES)?;
    http::begin_to_read(request);
    http::accept_body(request).await.map_err(|_| FormError::Busy)?;
    let body = http::read_body(body, length, BODY_TIME).await?;
    http::acquire_permit_for_form(request).await.map_err(|_| FormError::Busy)?;
    http::parse_fields(&body, MAX_FIELDS)
}

/// A search's words, or a page's number.
pub fn query_field(request: &HttpRequest, name: &str) -> String {
    without_hidden(&without_placeholders(&http::query_field(request, name)))
}

/// Replaces the characters that are placeholders in a rendered page by another control character, which every rule
/// refuses: so the input can be shown again and is never taken for a placeholder.
fn without_placeholders(text: &str) -> String {
    text.replace(PLACEHOLDERS, "\u{3}")
}
