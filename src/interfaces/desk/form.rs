//! Reads the desk's forms and verifies their tokens.

use crate::interfaces::desk::memory::COPIES;
use crate::interfaces::desk::memory::FORMS;
use crate::interfaces::desk::memory::HeldMemory;
use crate::interfaces::desk::page::DeskError;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::http::ConnectionState;
use crate::interfaces::http::TokenKey;
use crate::interfaces::http::accept_counted_body;
use crate::interfaces::http::announced_length;
use crate::interfaces::http::begin_to_read;
use crate::interfaces::http::connection_of;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Payload;
use data_encoding::HEXLOWER_PERMISSIVE;
use futures_util::StreamExt;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// What a form of the seller's held, but for secrets and marks of its own.
pub struct Typed(pub Vec<(String, String)>);

/// The fields of a form, as the browser sent them.
pub struct DeskForm {
    fields: Vec<(String, String)>,
    /// Given back when the form's page is made.
    _held: Option<HeldMemory>,
}

/// Units: bytes of a form without pictures: room for a page of 200 KB in any letters.
const MOST_BYTES: usize = 1024 * 1024;
const MOST_FIELDS: usize = 2_000;
/// Units: bytes of a form of somebody who has no session.
const MOST_OF_STRANGER: usize = 16 * 1024;
const BODY_TIME: Duration = Duration::from_secs(120);

/// Fields that are always worth copying; others are where they have more characters than `SHORT`, unless their name holds
/// a part that says that they are a secret, a mark of the form's own or what stood there before.
const LONG: [&str; 4] = ["answer", "description", "text", "notice"];
const SHORT: usize = 40;
const UNSHOWN: [&str; 11] = [
    "token", "once", "password", "new", "again", "code", "key", "xpub", "address", "picture", "was",
];

impl DeskForm {
    /// Reads a form that this seller was given.
    ///
    /// # Errors
    /// A page that says what to do: a form of somebody else's, a body too large, too slow or of another kind.
    pub async fn read(
        request: &HttpRequest,
        seller: &Seller,
        body: Payload,
    ) -> Result<Self, DeskError> {
        let most = announced_length(request).min(MOST_BYTES);
        let held = FORMS.take(COPIES * most).await?;
        let form = Self::read_any(request, body, most).await?;
        form.check(&seller.token)?;
        form.remember_typed(request);
        Ok(form.holding(held))
    }

    /// Beside the request, so that the page for an error that passes can show what was typed.
    pub fn remember_typed(&self, request: &HttpRequest) {
        let is_shown = |(name, value): &&(String, String)| {
            !value.trim().is_empty() && !UNSHOWN.iter().any(|part| name.contains(part))
        };
        let typed = self.fields.iter().filter(is_shown).cloned().collect();
        request.extensions_mut().insert(Typed(typed));
    }

    /// The same of somebody without a session yet: `holder` is what the form was bound to.
    pub async fn read_of(
        request: &HttpRequest,
        key: &TokenKey,
        holder: &str,
        body: Payload,
    ) -> Result<Self, DeskError> {
        // Whoever sends one slowly gives way to others.
        begin_to_read(request);
        let form = Self::read_any(request, body, MOST_OF_STRANGER).await?;
        if let Some(connection) = connection_of(request) {
            connection.set_state(ConnectionState::Working);
        }
        if !key.knows(holder, form.get("token")) {
            return Err(DeskError::ForeignForm);
        }
        Ok(form)
    }

    async fn read_any(
        request: &HttpRequest,
        body: Payload,
        most: usize,
    ) -> Result<Self, DeskError> {
        check_site(request)?;
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            return Err(DeskError::OtherKind);
        }
        let length = announced_length(request);
        if most < length {
            return Err(DeskError::TooLarge);
        }
        accept_counted_body(request);
        let body = tokio::time::timeout(BODY_TIME, read_body(body, length))
            .await
            .map_err(|_| DeskError::TooSlow)??;
        let fields: Vec<(String, String)> = form_urlencoded::parse(&body)
            .take(MOST_FIELDS + 1)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if MOST_FIELDS < fields.len() { Err(DeskError::TooLarge) } else { Ok(Self::of(fields)) }
    }

    /// Fields that were read in another way; the token is checked by [`Self::check`].
    pub fn of(fields: Vec<(String, String)>) -> Self {
        Self { fields, _held: None }
    }

    /// The same form, for which this memory is held.
    pub fn holding(self, held: HeldMemory) -> Self {
        Self { _held: Some(held), ..self }
    }

    /// Whether it was given to the session that sends it; the caller has one.
    ///
    /// # Errors
    /// [`DeskError::StaleForm`] with what was typed: an older session may have been given it.
    pub fn check(&self, token: &str) -> Result<(), DeskError> {
        let is_same = self.get("token").as_bytes().ct_eq(token.as_bytes());
        if bool::from(is_same) && !token.is_empty() {
            Ok(())
        } else {
            Err(DeskError::StaleForm(self.long_texts()))
        }
    }

    /// What would be a pity to type again: no secret, and nothing that the form brings along by itself.
    fn long_texts(&self) -> Vec<(String, String)> {
        let is_long = |name: &str, value: &str| {
            LONG.contains(&name) && !value.trim().is_empty()
                || SHORT < value.chars().count() && !UNSHOWN.iter().any(|part| name.contains(part))
        };
        let long = self.fields.iter().filter(|(name, value)| is_long(name, value));
        long.cloned().collect()
    }

    /// The first field of that name, its line ends as Unix writes them; an absent one is empty.
    pub fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }

    /// Every field of that name, in the order of the form.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// All fields, in the order of the form.
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The form's own name, by which one that is sent twice is known.
    pub fn once(&self) -> Result<[u8; 32], DeskError> {
        let once = HEXLOWER_PERMISSIVE.decode(self.get("once").as_bytes());
        once.ok().and_then(|once| once.try_into().ok()).ok_or(DeskError::OtherKind)
    }

    /// The edition that was shown with the form; 0 where it says none.
    pub fn edition(&self) -> i64 {
        self.get("edition").parse().unwrap_or(0)
    }
}

/// # Errors
/// [`DeskError::ForeignForm`]: the browser says that another site sent it.
pub fn check_site(request: &HttpRequest) -> Result<(), DeskError> {
    let site = request.headers().get("sec-fetch-site").and_then(|site| site.to_str().ok());
    if site.is_some_and(|site| site != "same-origin") {
        Err(DeskError::ForeignForm)
    } else {
        Ok(())
    }
}

/// A field of the address: a filter, a page's number.
pub fn query_field(request: &HttpRequest, name: &str) -> String {
    form_urlencoded::parse(request.query_string().as_bytes())
        .find(|(field, _)| field == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

async fn read_body(mut body: Payload, length: usize) -> Result<Vec<u8>, DeskError> {
    let mut bytes = Vec::with_capacity(length);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| DeskError::TooSlow)?;
        if length < bytes.len() + chunk.len() {
            return Err(DeskError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
