//! Errors and warnings of a catalog file, each with its record and field.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::domain::catalog::json::Json;
use crate::domain::payment::secret;

/// One error in the seller's catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `products "man-shirt"`; empty if it concerns the whole file.
    pub record: String,
    /// Which option of a product or which step of a shipping method, counted from 0.
    pub part: Option<usize>,
    /// `prices[0].price`; empty if it concerns the whole record.
    pub field: String,
    pub kind: FaultKind,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Another value is expected.
    Unexpected { found: FoundValue, expected: String },
    /// The value cannot be used; `reason` is a sentence about it, such as "this is a private key".
    Unusable { found: FoundValue, reason: String },
    /// A new record has the name of another.
    NameTaken(String),
    /// A new wallet has the currency of another.
    CurrencyTaken(String),
    /// A discount is given in both ways.
    PercentAndLess,
    /// A discount takes nothing off.
    NoDiscount,
    /// A discount ends, on this day, before it begins.
    EndsBeforeStart(String),
}

/// The value found in a field, as messages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundValue {
    Nothing,
    Blank,
    /// A value that looks like a private key or a mnemonic is never shown, on any screen.
    Secret,
    /// Shortened.
    Text(String),
}

impl From<String> for FoundValue {
    fn from(text: String) -> Self {
        if secret::repeats_private(&text) { Self::Secret } else { Self::Text(text) }
    }
}

impl From<&str> for FoundValue {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<&Json> for FoundValue {
    fn from(json: &Json) -> Self {
        match json {
            Json::String(text) if text.is_empty() => Self::Blank,
            json => Self::from(json.shown()),
        }
    }
}

impl From<Option<&Json>> for FoundValue {
    fn from(json: Option<&Json>) -> Self {
        json.map_or(Self::Nothing, Self::from)
    }
}

impl std::fmt::Display for FoundValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing",
            Self::Blank => "\"\"",
            Self::Secret => A_SECRET,
            Self::Text(text) => text,
        })
    }
}

/// Shown in place of a secret.
const A_SECRET: &str = "a secret";

impl Fault {
    pub fn new(
        record: &str,
        field: &str,
        found: impl Into<FoundValue>,
        expected: impl Into<String>,
    ) -> Self {
        let (found, expected) = (found.into(), expected.into());
        Self::of(record, field, FaultKind::Unexpected { found, expected })
    }

    /// An error explained by a sentence.
    pub fn explained(
        record: &str,
        field: &str,
        found: impl Into<FoundValue>,
        reason: impl Into<String>,
    ) -> Self {
        let (found, reason) = (found.into(), reason.into());
        Self::of(record, field, FaultKind::Unusable { found, reason })
    }

    pub fn of(record: &str, field: &str, kind: FaultKind) -> Self {
        let (record, field) = (unless_secret(record), unless_secret(field));
        Self { record, part: None, field, kind }
    }

    /// What was found, and what is expected or why it cannot be used.
    fn found_and_expected(&self) -> (String, &str) {
        match &self.kind {
            FaultKind::Unexpected { found, expected } => (found.to_string(), expected),
            FaultKind::Unusable { found, reason } => (found.to_string(), reason),
            FaultKind::NameTaken(name) => {
                (format!("{name:?}, which already exists"), "another name")
            }
            FaultKind::CurrencyTaken(currency) => {
                (format!("{currency}, which already has a wallet"), "one wallet for each currency")
            }
            FaultKind::PercentAndLess => ("`percent` and `less`".to_owned(), "only one of them"),
            FaultKind::NoDiscount => (
                FoundValue::Nothing.to_string(),
                "the discount: `percent`, a whole number from 1 to 99, or `less`, an amount for each currency",
            ),
            FaultKind::EndsBeforeStart(until) => {
                (until.clone(), "the day of `from` or a later day")
            }
        }
    }
}

/// As `shop seed --check --json` prints it.
impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (found, expected) = self.found_and_expected();
        let mut fields = serializer.serialize_struct("Fault", 4)?;
        fields.serialize_field("record", &self.record)?;
        fields.serialize_field("field", &self.field)?;
        fields.serialize_field("found", &found)?;
        fields.serialize_field("expected", expected)?;
        fields.end()
    }
}

/// Units: errors, and notes, collected from one file. A file with more is not a catalog, and nobody reads them all.
pub const MAX_FAULTS: usize = 1_000;

/// Adds an error unless there are too many.
pub fn add_fault(faults: &mut Vec<Fault>, fault: Fault) {
    if faults.len() < MAX_FAULTS {
        faults.push(fault);
    } else if faults.len() == MAX_FAULTS {
        let found = format!("more than {MAX_FAULTS} errors; only the first are listed");
        faults.push(Fault::new("", "", found, "these to be fixed first"));
    }
}

/// Adds a note unless there are too many.
pub fn add_note(notes: &mut Vec<String>, note: String) {
    if notes.len() < MAX_FAULTS {
        notes.push(note);
    } else if notes.len() == MAX_FAULTS {
        notes.push(format!("more than {MAX_FAULTS} notes; only the first are listed"));
    }
}

fn unless_secret(name: &str) -> String {
    if secret::repeats_private(name) { A_SECRET.to_owned() } else { name.to_owned() }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { record, field, .. } = self;
        match (record.is_empty(), field.is_empty()) {
            (true, true) => {}
            (false, true) => write!(f, "{record}: ")?,
            (true, false) => write!(f, "{field}: ")?,
            (false, false) => write!(f, "{record}, field `{field}`: ")?,
        }
        let is_reason = matches!(self.kind, FaultKind::Unusable { .. });
        let link = if is_reason { ": " } else { "; expected " };
        let (found, expected) = self.found_and_expected();
        write!(f, "found {found}{link}{expected}")
    }
}
