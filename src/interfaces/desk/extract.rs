//! Extractors of forms and of query strings.

use std::time::Duration;

use actix_web::web::{Data, Payload};
use actix_web::{FromRequest, HttpRequest, dev};
use futures_util::future::LocalBoxFuture;

use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::form::{FromFields, long_texts, remember_input};
use crate::interfaces::desk::memory::{COPIES, FORMS, HeldMemory};
use crate::interfaces::desk::session::{Seller, session_id};
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http;
use crate::interfaces::http::FormFields;

/// Units: bytes of a form without pictures. A page of 200,000 bytes, the most that a page may have, fits percent-encoded in any
/// script.
const MAX_BYTES: usize = 1024 * 1024;
const MAX_FIELDS: usize = 2_000;
const BODY_TIME: Duration = Duration::from_secs(120);

/// A form whose token belongs to the seller's session.
pub struct VerifiedForm<T> {
    pub form: T,
    pub seller: Seller,
    /// Released when the response is made.
    _held: HeldMemory,
}

impl<T: FromFields + 'static> FromRequest for VerifiedForm<T> {
    type Error = DeskError;
    type Future = LocalBoxFuture<'static, Result<Self, DeskError>>;

    /// # Errors
    /// No session, another session's form, or a body that is too large, too slow or of another content type.
    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let seller = Seller::extract(&request).await?;
            let most = http::announced_length(&request).min(MAX_BYTES);
            let held = FORMS.take(COPIES * most).await?;
            let fields = read_fields(&request, &mut payload, MAX_BYTES).await?;
            check_token(&request, &fields)?;
            remember_input(&request, &fields);
            Ok(Self { form: T::from_fields(fields)?, seller, _held: held })
        })
    }
}

/// The fields of the query string.
pub fn query<T: FromFields + Default>(request: &HttpRequest) -> T {
    let fields = http::parse_fields(request.query_string().as_bytes(), MAX_FIELDS);
    fields.and_then(T::from_fields).unwrap_or_default()
}

/// Reads a form without checking its token.
///
/// # Errors
/// Another site sent it, or it is too large, too slow or of another content type.
pub async fn read_fields(
    request: &HttpRequest,
    payload: &mut dev::Payload,
    most: usize,
) -> Result<FormFields, DeskError> {
    let length = http::check_head(request, most)?;
    http::accept_counted_body(request);
    let body = Payload::from_request(request, payload).await;
    let body = body.map_err(|error| anyhow::anyhow!("{error}"))?;
    let body = http::read_body(body, length, BODY_TIME).await?;
    Ok(http::parse_fields(&body, MAX_FIELDS)?)
}

/// # Errors
/// [`DeskError::StaleForm`] with the seller's input: the form may be of an older session.
pub fn check_token(request: &HttpRequest, fields: &FormFields) -> Result<(), DeskError> {
    let desk = request.app_data::<Data<Desk>>().ok_or(DeskError::NotFound)?;
    let token = fields.iter().find(|(name, _)| name == "token");
    match session_id(request).zip(token) {
        Some((id, (_, token))) if desk.token_key.verify(&id.text(), token) => Ok(()),
        _ => Err(DeskError::StaleForm(long_texts(fields))),
    }
}
