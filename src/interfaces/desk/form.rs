//! The fields of the desk's forms, and which of them error pages show again.

use actix_web::{HttpMessage, HttpRequest};
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::interfaces::http::{FormError, FormFields, decode_fields, hex, random_bytes};

/// A form that is made from its fields.
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

/// The fields of a form in order. Several may have the same name.
#[derive(Default)]
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

/// A form that only confirms an action. `edition`: of the record when the page was loaded.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Confirmation {
    pub password: String,
    #[serde(deserialize_with = "number")]
    pub edition: i64,
}

/// A new idempotency key of a form, so that one that is sent twice has one effect.
///
/// Shape: 64 hexadecimal digits.
pub fn new_idempotency_key() -> String {
    hex(&random_bytes::<32>())
}

/// # Errors
/// [`FormError::ContentType`]: no page of the desk sends this key.
pub fn parse_idempotency_key(key: &str) -> Result<[u8; 32], FormError> {
    let bytes = HEXLOWER_PERMISSIVE.decode(key.as_bytes()).unwrap_or_default();
    bytes.try_into().map_err(|_| FormError::ContentType)
}

/// A whole number; 0 if the field holds none.
pub fn number<'de, D: Deserializer<'de>>(field: D) -> Result<i64, D::Error> {
    Ok(String::deserialize(field)?.parse().unwrap_or(0))
}

/// A checkbox.
pub fn checkbox<'de, D: Deserializer<'de>>(field: D) -> Result<bool, D::Error> {
    String::deserialize(field).map(|text| !text.is_empty())
}

/// The seller's input of a request, kept beside it for the page of a temporary error.
pub struct FormInput(pub FormFields);

/// Fields that are worth copying however short they are.
const LONG_FIELDS: [&str; 4] = ["answer", "description", "text", "notice"];
/// Units: characters. Other fields are worth copying if they are longer.
const SHORT: usize = 40;
/// Parts of the names of fields that hold a secret, a key of the form or a previous value: they are never shown.
const UNSHOWN: [&str; 11] = [
    "token", "once", "password", "new", "again", "code", "key", "xpub", "address", "picture", "was",
];

fn is_shown(name: &str) -> bool {
    !UNSHOWN.iter().any(|part| name.contains(part))
}

pub fn remember_input(request: &HttpRequest, fields: &FormFields) {
    let is_input = |name: &str, value: &str| !value.trim().is_empty() && is_shown(name);
    let input = fields.iter().filter(|(name, value)| is_input(name, value)).cloned().collect();
    request.extensions_mut().insert(FormInput(input));
}

/// The input that would be tedious to type again.
pub fn long_texts(fields: &FormFields) -> FormFields {
    let is_long = |name: &str, value: &str| {
        LONG_FIELDS.contains(&name) && !value.trim().is_empty()
            || SHORT < value.chars().count() && is_shown(name)
    };
    fields.iter().filter(|(name, value)| is_long(name, value)).cloned().collect()
}
