//! Reads forms within limits of size and time.

use std::collections::HashSet;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Payload;
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;

/// Why a form was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("the form was not given to this visitor")]
    Foreign,
    #[error("the form is of another content type")]
    ContentType,
    #[error("the form is too large")]
    TooLarge,
    #[error("the form took too long")]
    TooSlow,
    #[error("too many requests at once")]
    Busy,
}

/// The fields of a form in the order of the page: names and values.
pub type FormFields = Vec<(String, String)>;

/// A form without fields of its own.
#[derive(Deserialize)]
pub struct NoFields {}

/// Reads the fields into a type that derives `Deserialize`. If a name occurs twice, the first value counts.
///
/// # Errors
/// [`FormError::ContentType`]: none of our pages sends these fields.
pub fn decode_fields<T: DeserializeOwned>(mut fields: FormFields) -> Result<T, FormError> {
    let mut names = HashSet::new();
    fields.retain(|(name, _)| names.insert(name.clone()));
    let fields = MapDeserializer::<_, serde::de::value::Error>::new(fields.into_iter());
    T::deserialize(fields).map_err(|_| FormError::ContentType)
}

/// Checks the headers of a form; returns its announced length. Units: bytes.
///
/// # Errors
/// Another site sent it, it is not a form, or it is longer than `most`.
pub fn check_head(request: &HttpRequest, most: usize) -> Result<usize, FormError> {
    check_site(request)?;
    let kind = header(request, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Err(FormError::ContentType);
    }
    let length = announced_length(request);
    if most < length { Err(FormError::TooLarge) } else { Ok(length) }
}

/// # Errors
/// [`FormError::Foreign`]: the browser says that another site sent it.
pub fn check_site(request: &HttpRequest) -> Result<(), FormError> {
    match header(request, "sec-fetch-site") {
        Some(site) if site != "same-origin" => Err(FormError::Foreign),
        _ => Ok(()),
    }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The announced length of the request's body. Units: bytes.
pub fn announced_length(request: &HttpRequest) -> usize {
    let length = header(request, header::CONTENT_LENGTH.as_str());
    length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}

/// Reads a body of the announced length, within `time`.
///
/// # Errors
/// It is longer than announced, or does not arrive completely.
pub async fn read_body(
    mut body: Payload,
    length: usize,
    time: Duration,
) -> Result<Vec<u8>, FormError> {
    let read = async {
        let mut bytes = Vec::with_capacity(length);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| FormError::TooSlow)?;
            if length < bytes.len() + chunk.len() {
                return Err(FormError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(time, read).await.map_err(|_| FormError::TooSlow)?
}

/// Accepts any bytes: invalid UTF-8 is replaced.
///
/// # Errors
/// [`FormError::TooLarge`]: more than `most` fields.
pub fn parse_fields(body: &[u8], most: usize) -> Result<FormFields, FormError> {
    let fields: FormFields = form_urlencoded::parse(body).into_owned().take(most + 1).collect();
    if most < fields.len() { Err(FormError::TooLarge) } else { Ok(fields) }
}

/// A field of the query string; empty if absent.
pub fn query_field(request: &HttpRequest, name: &str) -> String {
    form_urlencoded::parse(request.query_string().as_bytes())
        .find(|(field, _)| field == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
