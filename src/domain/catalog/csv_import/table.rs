//! A CSV file as rows with named columns and their lines.

use std::collections::HashMap;
use std::io::Read;

use csv::{ByteRecord, ReaderBuilder};

use crate::domain::catalog::Fault;
use crate::domain::catalog::fault::add_fault;
use crate::domain::values::byte_size;

/// Units: bytes of one cell.
const MAX_CELL: usize = 256 << 10;
/// Units: columns. An export with metadata has some hundred.
const MAX_COLUMNS: usize = 2_000;
/// Between cells; the semicolon is that of spreadsheets where the comma is in numbers.
const DELIMITERS: [u8; 3] = *b",;\t";

pub struct Table {
    /// Their names as they are in the file.
    pub columns: Vec<String>,
    /// By their names in lowercase; the first of several with the same name.
    index: HashMap<String, usize>,
    rows: Vec<RowData>,
}

struct RowData {
    line: u64,
    cells: Vec<String>,
}

/// One row of a table.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    data: &'a RowData,
}

impl Table {
    /// Reads a whole file. `is_known`: whether a first row with these columns, in lowercase, is expected.
    ///
    /// # Errors
    /// Every [`Fault`] of the file's form, with its line.
    pub fn parse(
        bytes: &[u8],
        is_known: impl Fn(&[String]) -> bool,
        expected: &str,
    ) -> Result<Self, Vec<Fault>> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
            return Err(vec![Fault::new("", "", "a file in UTF-16", "CSV in UTF-8")]);
        }
        let names = |delimiter: u8| -> Vec<String> {
            let mut record = ByteRecord::new();
            let _ = reader(bytes, delimiter).read_byte_record(&mut record);
            record.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect()
        };
        let lower = |names: &[String]| -> Vec<String> {
            names.iter().map(|name| name.to_lowercase()).collect()
        };
        let found = DELIMITERS
            .into_iter()
            .map(|delimiter| (delimiter, names(delimiter)))
            .find(|(_, names)| is_known(&lower(names)));
        let Some((delimiter, columns)) = found else {
            let found = names(DELIMITERS[0]).join(", ");
            let found: String = found.chars().take(200).collect();
            return Err(vec![Fault::new("line 1", "", format!("the columns {found:?}"), expected)]);
        };
        if MAX_COLUMNS < columns.len() {
            let found = format!("{} columns", columns.len());
            return Err(vec![Fault::new("line 1", "", found, format!("at most {MAX_COLUMNS}"))]);
        }
        let mut index = HashMap::new();
        for (at, name) in columns.iter().enumerate() {
            index.entry(name.to_lowercase()).or_insert(at);
        }
        let rows = rows(bytes, delimiter, &columns)?;
        Ok(Self { columns, index, rows })
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|data| Row { table: self, data })
    }

    pub fn has_column(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }
}

impl<'a> Row<'a> {
    pub fn line(self) -> u64 {
        self.data.line
    }

    /// The cell in the first of these columns that the table has, without surrounding spaces. Names are in lowercase.
    pub fn get(self, names: &[&str]) -> &'a str {
        let at = names.iter().find_map(|name| self.table.index.get(*name));
        at.map_or("", |at| self.data.cells[*at].trim())
    }

    /// Every cell that is not empty, with the name of its column.
    pub fn cells(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let cells = self.data.cells.iter().map(|cell| cell.trim());
        let named = self.table.columns.iter().map(String::as_str).zip(cells);
        named.filter(|(_, cell)| !cell.is_empty())
    }
}

/// A line after the file: without it at the end, a quotation mark is not closed.
const END: &str = "\0end";

fn reader<R: Read>(source: R, delimiter: u8) -> csv::Reader<R> {
    ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(source)
}

fn rows(bytes: &[u8], delimiter: u8, columns: &[String]) -> Result<Vec<RowData>, Vec<Fault>> {
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let end = format!("\n{END}\n");
    let mut reader = reader(bytes.chain(end.as_bytes()), delimiter);
    let mut record = ByteRecord::new();
    let (mut is_header, mut last_line) = (true, 1);
    // Reading from memory does not fail, and with `flexible` no record does.
    while reader.read_byte_record(&mut record).unwrap_or(false) {
        if record.len() == 1 && record[0] == *END.as_bytes() {
            return if faults.is_empty() { Ok(rows) } else { Err(faults) };
        }
        if std::mem::take(&mut is_header) || record.iter().all(<[u8]>::is_empty) {
            continue;
        }
        last_line = line_of(&record, bytes);
        match cells(&record, last_line, columns) {
            Ok(cells) => rows.push(RowData { line: last_line, cells }),
            Err(fault) => add_fault(&mut faults, fault),
        }
    }
    let place = format!("line {last_line}");
    let found = "a quotation mark that is not closed";
    add_fault(&mut faults, Fault::new(&place, "", found, "two of them around a cell"));
    Err(faults)
}

/// The line on which a record begins. The reader's own position is before what is left of the line before.
fn line_of(record: &ByteRecord, bytes: &[u8]) -> u64 {
    let Some(position) = record.position() else { return 0 };
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let before = bytes.get(start..).unwrap_or_default().iter();
    let before = before.take_while(|byte| matches!(byte, b'\r' | b'\n'));
    before.filter(|byte| **byte == b'\n').fold(position.line(), |line, _| line + 1)
}

fn cells(record: &ByteRecord, line: u64, columns: &[String]) -> Result<Vec<String>, Fault> {
    let place = format!("line {line}");
    if record.len() != columns.len() {
        let expected = format!("{}, as in line 1; is a quotation mark missing?", columns.len());
        return Err(Fault::new(&place, "", format!("{} cells", record.len()), expected));
    }
    let mut cells = Vec::with_capacity(record.len());
    for (cell, column) in record.iter().zip(columns) {
        if MAX_CELL < cell.len() {
            let found = byte_size(u64::try_from(cell.len()).unwrap_or(u64::MAX));
            let expected = format!("at most {}", byte_size(MAX_CELL as u64));
            return Err(Fault::new(&place, column, found, expected));
        }
        let Ok(text) = std::str::from_utf8(cell) else {
            let found = format!("{:?}", String::from_utf8_lossy(&cell[..cell.len().min(60)]));
            return Err(Fault::new(&place, column, found, "UTF-8: save the file as CSV in UTF-8"));
        };
        cells.push(text.to_owned());
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Table, Vec<String>> {
        let read = Table::parse(bytes, |names| names.contains(&"name".to_owned()), "a name");
        read.map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn cells_may_have_line_ends_quotation_marks_and_any_delimiter() {
        for (text, cell) in [
            ("\u{feff}Name,Text\r\nTea,\"a \"\"b\"\"\r\nc\"\r\n", "a \"b\"\r\nc"),
            ("Name;Text\nTea;x,y\n", "x,y"),
            ("Name\tText\n\n\nTea\tz", "z"),
        ] {
            let table = parse(text.as_bytes()).unwrap();
            let row = table.rows().next().unwrap();
            assert_eq!((row.get(&["name"]), row.get(&["none", "text"])), ("Tea", cell), "{text:?}");
        }
        let table = parse(b"Name,Text\n\"a\nb\",1\nc,\n").unwrap();
        let rows: Vec<_> = table.rows().map(|row| (row.line(), row.cells().count())).collect();
        assert_eq!(rows, [(2, 2), (4, 1)]);
        let table = parse(b"Name,Text\r\n\r\n\"a\r\nb\",1\r\nc,\r\n").unwrap();
        let rows: Vec<_> = table.rows().map(Row::line).collect();
        assert_eq!(rows, [3, 5]);
    }

    #[test]
    fn a_file_of_another_form_is_refused_with_its_lines() {
        let faults = parse(b"Name,Text\na\nb,\xE4\nc,\"d\ne,f\n").err().unwrap();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].starts_with("line 2: found 1 cells; expected 2"), "{faults:?}");
        assert!(faults[1].starts_with("line 3, field `Text`: found"), "{faults:?}");
        assert!(faults[2].starts_with("line 4: found a quotation mark that is"), "{faults:?}");
        for (bytes, found) in [
            (b"Titel,Preis\n".as_slice(), "the columns \"Titel, Preis\""),
            (b"", "the columns \"\""),
            (b"\xFF\xFEN\0", "UTF-16"),
        ] {
            let faults = parse(bytes).err().unwrap();
            assert!(faults[0].contains(found), "{faults:?}");
        }
        let large = format!("Name,Text\na,{}\n", "x".repeat(MAX_CELL + 1));
        assert!(parse(large.as_bytes()).err().unwrap()[0].contains("at most"));
    }
}
