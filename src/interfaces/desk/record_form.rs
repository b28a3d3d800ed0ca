//! The form of a record of the catalog.

use std::collections::HashMap;

use serde::Deserialize;

use crate::domain::catalog::Json;
use crate::interfaces::desk::form::number;

/// The form of a record. Its other fields depend on the kind of record and on the shop's currencies.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RecordForm {
    /// The key of the record when the form was loaded; empty: a new one.
    #[serde(rename = "was")]
    pub key: String,
    /// Of the record when the form was loaded.
    #[serde(deserialize_with = "number")]
    pub edition: i64,
    pub password: String,
    /// `up` or `down`.
    #[serde(rename = "to")]
    pub direction: String,
    #[serde(flatten)]
    fields: HashMap<String, String>,
}

impl RecordForm {
    /// An absent field is empty.
    pub fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A text as in the seller's file; `None` if the field is blank.
    pub fn text(&self, name: &str) -> Option<(String, Json)> {
        let text = self.get(name).trim();
        (!text.is_empty()).then(|| (name.to_owned(), Json::String(text.to_owned())))
    }

    /// A whole number as in the seller's file. Other input is passed on as text, which the record's rules refuse.
    pub fn whole(&self, name: &str) -> Option<(String, Json)> {
        let text = self.get(name).trim();
        let value = text.parse().map_or_else(|_| Json::String(text.to_owned()), Json::Integer);
        (!text.is_empty()).then(|| (name.to_owned(), value))
    }
}
