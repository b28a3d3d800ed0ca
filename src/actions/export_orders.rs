//! Exports orders for the seller's accounting, a part at a time.

use std::fmt::Write;

use crate::actions::Shop;
use crate::domain::values::escaped;
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::infra::store::order_reports::{Entry, Filter};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// One line per order, UTF-8.
    Csv,
    /// The same after a byte-order mark, by which spreadsheets recognize UTF-8.
    CsvWithMark,
    /// An array with one object per order.
    Json,
}

/// Units: orders that are read at a time.
const PAGE: i64 = 1_000;

const COLUMNS: [&str; 15] = [
    "order",
    "day",
    "state",
    "items",
    "pieces",
    "sending",
    "sending price",
    "discount",
    "discount percent",
    "discount less",
    "total",
    "amount asked",
    "amount received",
    "currency",
    "transaction",
];

/// An export that is written part by part, so that no number of orders fills the memory.
pub struct OrderExport {
    filter: Filter,
    format: ExportFormat,
    last: Option<Entry>,
    state: ExportState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ExportState {
    New,
    /// The first order is written.
    Begun,
    Done,
}

impl OrderExport {
    pub fn new(filter: Filter, format: ExportFormat) -> Self {
        Self { filter, format, last: None, state: ExportState::New }
    }

    /// The next part; `None`: it is complete.
    pub async fn next(&mut self, shop: &Shop) -> Result<Option<Vec<u8>>, StoreError> {
        if self.state == ExportState::Done {
            return Ok(None);
        }
        let mut text = String::new();
        if self.state == ExportState::New {
            text.push_str(match self.format {
                ExportFormat::Csv => "",
                ExportFormat::CsvWithMark => "\u{feff}",
                ExportFormat::Json => "[",
            });
            if self.format != ExportFormat::Json {
                text.push_str(&csv_line(COLUMNS.map(str::to_owned)));
            }
        }
        let mut page = {
            let mut db = shop.db.reader().await?;
            store::order_reports::list_entries(&mut db, &self.filter, self.last.as_ref(), PAGE)
                .await?
        };
        for entry in &page {
            if self.format != ExportFormat::Json {
                text.push_str(&csv_line(record(entry)));
                continue;
            }
            let before = if self.state == ExportState::Begun { ",\n " } else { "\n " };
            self.state = ExportState::Begun;
            let _ = write!(text, "{before}{}", escaped(&entry_json(entry).to_string()));
        }
        self.last = page.pop();
        if self.last.is_none() {
            if self.format == ExportFormat::Json {
                text.push_str(if self.state == ExportState::Begun { "\n]\n" } else { "]\n" });
            }
            self.state = ExportState::Done;
        } else {
            self.state = ExportState::Begun;
        }
        Ok(Some(text.into_bytes()))
    }
}

fn record(entry: &Entry) -> [String; 15] {
    let items: Vec<String> = entry
        .items
        .iter()
        .map(|item| {
            let option = match item.option_name.as_str() {
                "" => String::new(),
                name => format!(" ({name})"),
            };
            format!("{} x {}{option} at {}", item.quantity, item.name, item.price)
        })
        .collect();
    let pieces: i64 = entry.items.iter().map(|item| item.quantity).sum();
    let sending = entry.sending.as_ref();
    let discount = entry.discount.as_ref();
    [
        entry.order_ref.to_string(),
        entry.day.short_day(),
        entry.status.to_string(),
        items.join("; "),
        pieces.to_string(),
        sending.map(|(name, _)| name.clone()).unwrap_or_default(),
        sending.map(|(_, price)| price.to_string()).unwrap_or_default(),
        discount.map(|discount| discount.code.clone()).unwrap_or_default(),
        discount
            .and_then(|discount| discount.percent)
            .map(|percent| percent.to_string())
            .unwrap_or_default(),
        discount.map(|discount| discount.less.to_string()).unwrap_or_default(),
        entry.total.to_string(),
        entry.amount.to_string(),
        entry.received.to_string(),
        entry.currency.clone(),
        entry.transaction.clone().unwrap_or_default(),
    ]
}

/// Source: RFC 4180.
fn csv_line(cells: [String; 15]) -> String {
    format!("{}\r\n", cells.map(|cell| csv_cell(&cell)).join(","))
}

/// A cell that starts like a formula gets an apostrophe before it, so that no spreadsheet evaluates it.
/// Source: RFC 4180; OWASP, "CSV Injection".
fn csv_cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', ';', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

fn entry_json(entry: &Entry) -> serde_json::Value {
    let items = entry.items.iter().map(|item| {
        serde_json::json!({
            "name": item.name, "option": item.option_name, "quantity": item.quantity, "price": item.price.to_string(),
        })
    });
    serde_json::json!({
        "ref": entry.order_ref.as_str(),
        "day": entry.day.short_day(),
        "state": entry.status.as_str(),
        "items": items.collect::<Vec<_>>(),
        "sending": entry.sending.as_ref().map(|(name, price)| serde_json::json!({ "name": name, "price": price.to_string() })),
        "discount": entry.discount.as_ref().map(|discount| serde_json::json!({
            "code": discount.code, "percent": discount.percent, "less": discount.less.to_string(),
        })),
        "total": entry.total.to_string(),
        "amount": entry.amount.to_string(),
        "received": entry.received.to_string(),
        "currency": entry.currency,
        "transaction": entry.transaction,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(csv_cell(text), expected, "{text:?}");
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        check("0.05", "0.05");
        check("", "");
        check("Wool, red", "\"Wool, red\"");
        check("12\" record\nsigned", "\"12\"\" record\nsigned\"");
        check("=1+1", "'=1+1");
        check("@SUM(A1,A2)", "\"'@SUM(A1,A2)\"");
        check("-5", "'-5");
        check("＝1", "'＝1");
    }
}
