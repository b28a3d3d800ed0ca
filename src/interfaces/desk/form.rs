//! What the fields of the desk's forms are, and which of them are worth keeping for the seller.

use actix_web::{HttpMessage, HttpRequest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::interfaces::http::{FormError, FormFields, decode_fields, hex, random_bytes};

/// A form whose fields were read.
pub trait FromFields: Sized {
    /// # Errors
    /// [`FormError::ContentType`]: no page of the desk sends these fields.
    fn from_fields(fields: FormFields) -> Result<Self, FormError>;
}

/// `T` derives `Deserialize` with `serde(default)`: an absent field is empty, and of two with one name the first counts.
impl<T: DeserializeOwned> FromFields for T {
    fn from_fields(fields: FormFields) -> Result<Self, FormError> {
        decode_fields(fields)
    }
}

/// The fields of a form in their order, where some have the same name.
pub struct FieldList(pub FormFields);

impl FromFields for FieldList {
    fn from_fields(fields: FormFields) -> Result<Self, FormError> {
        Ok(Self(fields))
    }
}

impl FieldList {
    /// The first field of that name; an absent one is empty.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// Every field of that name, in the order of the form.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// A form that only confirms with the password what cannot be undone. `edition`: what the page showed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Confirmation {
    pub password: String,
    #[serde(deserialize_with = "number")]
    pub edition: i64,
}

/// The form's own name, by which one that is sent twice is known.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub struct Once(String);

impl Once {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// # Errors
    /// [`FormError::ContentType`]: it is no such name.
    pub fn bytes(&self) -> Result<[u8; 32], FormError> {
        let text = self.0.as_bytes();
        let mut once = [0; 32];
        if text.len() != 64 {
            return Err(FormError::ContentType);
        }
        for (byte, pair) in once.iter_mut().zip(text.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| FormError::ContentType)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| FormError::ContentType)?;
        }
        Ok(once)
    }
}

/// The name of a form that is shown for the first time.
pub fn fresh_once() -> String {
    hex(&random_bytes::<32>())
}

/// A whole number, such as the edition that was shown with a form; 0 where it says none.
pub fn number<'de, D: Deserializer<'de>>(field: D) -> Result<i64, D::Error> {
    Ok(String::deserialize(field)?.parse().unwrap_or(0))
}

/// A box that was ticked.
pub fn ticked<'de, D: Deserializer<'de>>(field: D) -> Result<bool, D::Error> {
    String::deserialize(field).map(|text| !text.is_empty())
}

/// What a form of the seller's held, but for secrets and marks of its own.
pub struct Typed(pub FormFields);

/// Fields that are always worth copying; others are where they have more characters than `SHORT`, unless their name holds
/// a part that says that they are a secret, a mark of the form's own or what stood there before.
const LONG: [&str; 4] = ["answer", "description", "text", "notice"];
const SHORT: usize = 40;
const UNSHOWN: [&str; 11] = [
    "token", "once", "password", "new", "again", "code", "key", "xpub", "address", "picture", "was",
];

/// Keeps it beside the request, so that the page for an error that passes can show what was typed.
pub fn remember_typed(request: &HttpRequest, fields: &FormFields) {
    let is_shown = |(name, value): &&(String, String)| {
        !value.trim().is_empty() && !UNSHOWN.iter().any(|part| name.contains(part))
    };
    let typed = fields.iter().filter(is_shown).cloned().collect();
    request.extensions_mut().insert(Typed(typed));
}

/// What would be a pity to type again: no secret, and nothing that the form brings along by itself.
pub fn long_texts(fields: &FormFields) -> FormFields {
    let is_long = |name: &str, value: &str| {
        LONG.contains(&name) && !value.trim().is_empty()
            || SHORT < value.chars().count() && !UNSHOWN.iter().any(|part| name.contains(part))
    };
    fields.iter().filter(|(name, value)| is_long(name, value)).cloned().collect()
}
