//! What buyers of a product get on the order's page: files, codes and a text, read from its record.

use crate::domain::catalog::record::Record;
use crate::domain::catalog::{Json, ProductKind};
use crate::domain::values::{FileName, NotAFileName};

/// What is delivered on the order's page once the order is confirmed. Empty for most products.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DigitalContent {
    /// In `db/files`.
    pub files: Vec<FileName>,
    /// Names the pool of codes: a text file in `db/codes`.
    pub codes: Option<FileName>,
    pub text: String,
    /// How often each file may be downloaded; `None`: no limit.
    pub downloads: Option<i64>,
    /// Units: days after the confirmation; `None`: as long as the order is kept.
    pub download_days: Option<i64>,
}

/// Units: copies in stock of a digital product without a quantity: none is used up.
pub const UNLIMITED: i64 = 1_000_000;
pub const MAX_FILES: usize = 50;
/// Units: characters.
pub const MAX_TEXT: usize = 5_000;

impl DigitalContent {
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.codes.is_none() && self.text.is_empty()
    }
}

/// Reads `kind` and what belongs to it. `has_options`: whether the product has options.
pub(super) fn read(record: &mut Record<'_>, has_options: bool) -> (ProductKind, DigitalContent) {
    let kind = read_kind(record);
    let content = DigitalContent {
        files: files(record),
        codes: codes(record),
        text: record.text("text", MAX_TEXT, "the text that buyers get").unwrap_or_default().into(),
        downloads: record.integer("downloads", 1, 1_000, "how often each file may be downloaded"),
        download_days: record.integer(
            "download_days",
            1,
            3_650,
            "the days for which files can be downloaded",
        ),
    };
    refuse_misplaced(record, kind, &content);
    if content.codes.is_some() && has_options {
        let expected = "no options: make one product for each kind of code";
        record.refuse("codes", "codes of a product with options", expected);
    }
    (kind, content)
}

fn read_kind(record: &mut Record<'_>) -> ProductKind {
    let Some(found) = record.get("kind") else { return ProductKind::default() };
    let kind = match found {
        Json::String(text) => ProductKind::parse(text).ok(),
        _ => None,
    };
    kind.unwrap_or_else(|| {
        record.refuse("kind", found, "one of shipped, digital, pickup, service");
        ProductKind::default()
    })
}

/// Only a digital product has files and codes, and only a shipped one has no text.
fn refuse_misplaced(record: &mut Record<'_>, kind: ProductKind, content: &DigitalContent) {
    let found = format!("a product of kind {}", kind.as_str());
    if kind.is_digital() {
        if content.is_empty() && record.faults.is_empty() {
            let expected = "what buyers get: `files`, `codes` or `text`";
            record.refuse("kind", "digital, with nothing to deliver", expected);
        }
    } else {
        let limits = content.downloads.is_some() || content.download_days.is_some();
        let expected = "kind digital: only such a product is delivered on the order's page";
        for (field, is_given) in [
            ("files", !content.files.is_empty()),
            ("codes", content.codes.is_some()),
            ("downloads", limits),
        ] {
            if is_given {
                record.refuse(field, found.clone(), expected);
            }
        }
        if kind.is_shipped() && !content.text.is_empty() {
            record.refuse("text", found, "kind digital, pickup or service");
        }
    }
}

fn files(record: &mut Record<'_>) -> Vec<FileName> {
    let mut files: Vec<FileName> = Vec::new();
    let list = record.list("files", MAX_FILES, "a list of file names in db/files");
    for (n, item) in list.iter().enumerate() {
        let field = format!("files[{n}]");
        let Some(file) = file_name(record, &field, item, "db/files") else { continue };
        if files.contains(&file) {
            record.refuse(&field, format!("{:?} again", file.as_str()), "each file only once");
            continue;
        }
        files.push(file);
    }
    files
}

fn codes(record: &mut Record<'_>) -> Option<FileName> {
    let found = record.get("codes")?;
    file_name(record, "codes", found, "db/codes")
}

fn file_name(record: &mut Record<'_>, field: &str, found: &Json, folder: &str) -> Option<FileName> {
    let parsed = match found {
        Json::String(text) => FileName::parse(text).ok(),
        _ => None,
    };
    if parsed.is_none() {
        let expected = format!("the name of a file in {folder}: {}", NotAFileName);
        record.refuse(field, found, expected);
    }
    parsed
}
