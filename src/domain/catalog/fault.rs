//! Errors and warnings of a catalog file, each with its record and field.

use crate::domain::payment::secret;

/// One error in the seller's catalog.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// `products "man-shirt"`; empty if it concerns the whole file.
    pub record: String,
    /// `prices[0].price`; empty if it concerns the whole record.
    pub field: String,
    /// The value in the file, shortened.
    pub found: String,
    pub expected: String,
    /// Whether `expected` is a sentence about the value, such as "this is a private key", instead of what would be
    /// right.
    #[serde(skip)]
    pub is_reason: bool,
}

/// Shown in place of a secret.
pub const A_SECRET: &str = "a secret";

/// `found` if a field is missing.
pub const NOTHING: &str = "nothing";
/// The end of `found` if a new record has the name of another.
pub const ALREADY_EXISTS: &str = ", which already exists";
/// The end of `found` if a new wallet has the currency of another.
pub const HAS_A_WALLET: &str = ", which already has a wallet";
/// `found` if a discount is given in both ways.
pub const PERCENT_AND_LESS: &str = "`percent` and `less`";
/// `expected` if a discount ends before it begins.
pub const NOT_BEFORE_FROM: &str = "the day of `from` or a later day";
/// `expected` if a discount takes nothing off.
pub const A_DISCOUNT: &str =
    "the discount: `percent`, a whole number from 1 to 99, or `less`, an amount for each currency";

impl Fault {
    /// A value that looks like a private key or a mnemonic is never shown, on any screen.
    pub fn new(
        record: &str,
        field: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let found = found.into();
        Self {
            record: unless_secret(record),
            field: unless_secret(field),
            found: if secret::repeats_private(&found) { A_SECRET.to_owned() } else { found },
            expected: expected.into(),
            is_reason: false,
        }
    }

    /// An error explained by a sentence.
    pub fn explained(
        record: &str,
        field: &str,
        found: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self { is_reason: true, ..Self::new(record, field, found, reason) }
    }
}

/// Units: errors, and notes, collected from one file. A file with more is not a catalog, and nobody reads them all.
pub const MOST_FAULTS: usize = 1_000;

/// Adds an error unless there are too many.
pub fn add_fault(faults: &mut Vec<Fault>, fault: Fault) {
    if faults.len() < MOST_FAULTS {
        faults.push(fault);
    } else if faults.len() == MOST_FAULTS {
        faults.push(Fault {
            record: String::new(),
            field: String::new(),
            found: format!("more than {MOST_FAULTS} errors; only the first are listed"),
            expected: "these to be fixed first".to_owned(),
            is_reason: false,
        });
    }
}

/// Adds a note unless there are too many.
pub fn add_note(notes: &mut Vec<String>, note: String) {
    if notes.len() < MOST_FAULTS {
        notes.push(note);
    } else if notes.len() == MOST_FAULTS {
        notes.push(format!("more than {MOST_FAULTS} notes; only the first are listed"));
    }
}

fn unless_secret(name: &str) -> String {
    if secret::repeats_private(name) { A_SECRET.to_owned() } else { name.to_owned() }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.record.is_empty(), self.field.is_empty()) {
            (true, true) => {}
            (false, true) => write!(f, "{}: ", self.record)?,
            (true, false) => write!(f, "{}: ", self.field)?,
            (false, false) => write!(f, "{}, field `{}`: ", self.record, self.field)?,
        }
        let link = if self.is_reason { ": " } else { "; expected " };
        write!(f, "found {}{link}{}", self.found, self.expected)
    }
}
