use crate::payment::secret;

/// One thing that is wrong in the seller's catalog.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// `products "man-shirt"`; empty where the file as a whole is meant.
    pub record: String,
    /// `prices[0].price`; empty where the record as a whole is meant.
    pub field: String,
    /// What stood there, shortened.
    pub found: String,
    pub expected: String,
}

/// Stands where a secret stood.
pub const A_SECRET: &str = "a secret";

impl Fault {
    /// What looks like a private key or a mnemonic is shown nowhere again, on whatever screen this is read.
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
        }
    }
}

/// Units: faults, and notes, that are gathered from one file. A file with more is another kind of file, and nobody reads on.
pub const MOST_FAULTS: usize = 1_000;

/// Gathers a fault, as long as there are not too many.
pub fn add_fault(faults: &mut Vec<Fault>, fault: Fault) {
    if faults.len() < MOST_FAULTS {
        faults.push(fault);
    } else if faults.len() == MOST_FAULTS {
        faults.push(Fault {
            record: String::new(),
            field: String::new(),
            found: format!("more than {MOST_FAULTS} faults; only the first are listed"),
            expected: "these to be fixed first".to_owned(),
        });
    }
}

/// Gathers a note, as long as there are not too many.
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
        // Some of what is expected is said by what is wrong.
        let says_wrong =
            ["this ", "the checksum"].iter().any(|begin| self.expected.starts_with(begin));
        let link = if says_wrong { ": " } else { "; expected " };
        write!(f, "found {}{link}{}", self.found, self.expected)
    }
}
