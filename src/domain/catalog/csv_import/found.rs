//! What the rows of an export give: products, faults, and what cannot be taken over.

use crate::domain::catalog::Fault;
use crate::domain::catalog::csv_import::draft::Draft;
use crate::domain::catalog::csv_import::table::Row;
use crate::domain::catalog::csv_import::values::shortened;
use crate::domain::catalog::fault::{FoundValue, add_fault};
use crate::domain::values::FiatCurrency;

/// What the seller says about an export.
#[derive(Clone, Copy, Debug)]
pub struct ImportRules {
    /// Of its prices, which it does not name.
    pub currency: FiatCurrency,
    /// Stock of products whose stock is not counted there.
    pub uncounted: i64,
    /// Whether tags become categories, too.
    pub with_tags: bool,
}

/// What cannot be taken over of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub line: u64,
    pub product: String,
    pub what: Vec<String>,
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, {:?}: {}", self.line, shortened(&self.product), self.what.join("; "))
    }
}

/// What is found while an export is read.
#[derive(Default)]
pub struct Found {
    pub products: Vec<Draft>,
    pub left_out: Vec<LeftOut>,
    pub faults: Vec<Fault>,
}

impl Found {
    pub fn refuse(
        &mut self,
        place: &str,
        column: &str,
        found: impl Into<FoundValue>,
        expected: &str,
    ) {
        add_fault(&mut self.faults, Fault::new(place, column, found, expected));
    }

    /// A product that cannot be taken over at all.
    pub fn leave(&mut self, row: Row<'_>, name: &str, why: impl std::fmt::Display) {
        let what = vec![format!("the whole product: {why}")];
        self.left_out.push(LeftOut { line: row.line(), product: name.to_owned(), what });
    }
}

/// `line 12, "Hoodie"`.
pub fn place(line: u64, name: &str) -> String {
    format!("line {line}, {:?}", shortened(name))
}

/// Which columns are read, and which say nothing: always, or with one of these values.
pub struct Columns {
    pub read: &'static [&'static str],
    pub read_prefixes: &'static [&'static str],
    pub silent: &'static [(&'static str, &'static [&'static str])],
}

impl Columns {
    /// Every other cell, for the list of what cannot be taken over.
    pub fn others(&self, row: Row<'_>) -> Vec<String> {
        let is_other = |(name, cell): &(&str, &str)| {
            let name = name.to_lowercase();
            let is_silent = self.silent.iter().any(|(silent, values)| {
                name == *silent
                    && (values.is_empty() || values.contains(&cell.to_lowercase().as_str()))
            });
            let is_read = self.read.contains(&name.as_str())
                || self.read_prefixes.iter().any(|prefix| name.starts_with(prefix));
            !is_silent && !is_read
        };
        row.cells()
            .filter(is_other)
            .map(|(name, cell)| {
                let shown = FoundValue::from(format!("{:?}", shortened(cell)));
                format!("{} {shown}", shortened(name))
            })
            .collect()
    }
}
