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

impl Fault {
    pub fn new(
        record: &str,
        field: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            record: record.to_owned(),
            field: field.to_owned(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.record.is_empty(), self.field.is_empty()) {
            (true, true) => {}
            (false, true) => write!(f, "{}: ", self.record)?,
            (true, false) => write!(f, "{}: ", self.field)?,
            (false, false) => write!(f, "{}, field `{}`: ", self.record, self.field)?,
        }
        write!(f, "found {}; expected {}", self.found, self.expected)
    }
}
