//! The result of one check.

use crate::infra::store::StoreError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// Worth knowing, but no fault.
    Note,
    Bad,
}

#[derive(serde::Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub state: State,
    #[serde(rename = "words")]
    pub message: String,
    /// Empty if nothing needs to be done.
    pub to_do: String,
}

pub fn ok(check: &'static str, message: impl Into<String>) -> Finding {
    Finding { check, state: State::Ok, message: message.into(), to_do: String::new() }
}

pub fn note(check: &'static str, message: impl Into<String>, to_do: impl Into<String>) -> Finding {
    Finding { check, state: State::Note, message: message.into(), to_do: to_do.into() }
}

pub fn bad(check: &'static str, message: impl Into<String>, to_do: impl Into<String>) -> Finding {
    Finding { check, state: State::Bad, message: message.into(), to_do: to_do.into() }
}

/// The finding, or the error of the database as one.
pub fn or_bad(check: &'static str, finding: Result<Finding, StoreError>, to_do: &str) -> Finding {
    finding.unwrap_or_else(|error| bad(check, error.to_string(), to_do))
}
