//! The form of a record of the catalog.

use std::collections::HashMap;

use serde::Deserialize;

use crate::domain::catalog::Json;
use crate::interfaces::desk::form::number;

/// The form of a record. What each record has fields for differs, by its currencies too.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RecordForm {
    /// The name of the record that is changed; empty: a new one.
    pub was: String,
    /// As the form showed it.
    #[serde(deserialize_with = "number")]
    pub edition: i64,
    pub password: String,
    /// Where a record moves.
    pub to: String,
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

    /// A text as the seller's file has it, or nothing where the field is blank.
    pub fn text(&self, name: &str) -> Option<(String, Json)> {
        let text = self.get(name).trim();
        (!text.is_empty()).then(|| (name.to_owned(), Json::Text(text.to_owned())))
    }

    /// A whole number, or what stands there as it is, so that the rules refuse it.
    pub fn whole(&self, name: &str) -> Option<(String, Json)> {
        let text = self.get(name).trim();
        let value = text.parse().map_or_else(|_| Json::Text(text.to_owned()), Json::Whole);
        (!text.is_empty()).then(|| (name.to_owned(), value))
    }
}
