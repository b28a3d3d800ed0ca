//! How large a catalog file may be.

use std::io;
use std::io::{Read, Seek, SeekFrom};

use crate::domain::catalog::Fault;
use crate::domain::catalog::json_splitter::MAX_VALUE;
use crate::domain::values::{JsonShape, ShapeCounter, byte_size};

/// Units: bytes of the seller's file. Enough for a million products of 1,000 bytes.
pub const MAX_BYTES: u64 = 1 << 30;
/// Nested arrays and objects. The deepest valid one is a price of an option: 7.
const MAX_DEPTH: usize = 16;
/// Units: items of one array. The longest valid one names every country.
const MAX_ITEMS: usize = 1_000;
/// Units: bytes of one string, as written. The longest valid one is a description of 20,000 characters.
const MAX_OF_TEXT: usize = 256 << 10;
/// Units: bytes of memory needed to parse one record, as estimated by [`memory_of`]. The largest valid one is a product with a
/// hundred options, each with its prices.
pub(super) const MAX_RECORD_MEMORY: usize = 32 << 20;
/// Units: the same for all wallets, shipping methods and discounts together.
pub(super) const MAX_HELD_MEMORY: usize = 256 << 20;
/// Units: bytes of the name of a collection or a record.
const MAX_NAME: usize = 400;
/// What to do about a file that is too large.
pub const SHORTEN: &str = "Shorten the descriptions, or remove products and add them at the desk";

/// Why a file is refused before it is parsed.
///
/// # Errors
/// The file's.
pub(super) fn check(source: &mut (impl Read + Seek)) -> io::Result<Option<Fault>> {
    let n_bytes = source.seek(SeekFrom::End(0))?;
    if MAX_BYTES < n_bytes {
        let expected = format!("at most {}. {SHORTEN}", byte_size(MAX_BYTES));
        return Ok(Some(Fault::new("", "", byte_size(n_bytes), expected)));
    }
    source.seek(SeekFrom::Start(0))?;
    let mut counter = ShapeCounter::new(MAX_DEPTH);
    let mut buffer = vec![0; 64 << 10];
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(too_much(&counter.shape)),
            n => counter.count(&buffer[..n]),
        }
    }
}

fn too_much(shape: &JsonShape) -> Option<Fault> {
    if MAX_DEPTH < shape.depth {
        let found = format!("lists or records nested more than {MAX_DEPTH} levels deep");
        let expected = format!(
            "at most {MAX_DEPTH} levels; a catalog needs 7. Look for a missing closing bracket"
        );
        return Some(Fault::new("", "", found, expected));
    }
    if MAX_ITEMS < shape.longest_array {
        let found = format!("a list of {} items", shape.longest_array);
        let expected = format!(
            "at most {MAX_ITEMS} in one list. Products belong in a record, each under its own name"
        );
        return Some(Fault::new("", "", found, expected));
    }
    if MAX_OF_TEXT < shape.longest_string {
        let found = format!("a text of {}", size(shape.longest_string));
        let expected = format!("at most {} in one text. {SHORTEN}", size(MAX_OF_TEXT));
        return Some(Fault::new("", "", found, expected));
    }
    None
}

fn size(n_bytes: usize) -> String {
    byte_size(u64::try_from(n_bytes).unwrap_or(u64::MAX))
}

/// A record, or a value in its place, that is too long to be one.
pub(super) fn long_value() -> Fault {
    let found = format!("a record of more than {}", size(MAX_VALUE));
    Fault::new("", "", found, format!("at most {} in one record. {SHORTEN}", size(MAX_VALUE)))
}

/// Values that need too much memory.
pub(super) fn memory_fault(memory: usize, most: usize) -> Fault {
    let found = format!("values that need about {} of memory", size(memory));
    Fault::new("", "", found, format!("at most {}. {SHORTEN}", size(most)))
}

/// The estimated size of a text as [`Json`](crate::domain::catalog::Json): each value, the initial allocation of each array and
/// object, and each string.
pub(super) fn memory_of(text: &str) -> usize {
    let shape = JsonShape::of(text.as_bytes(), MAX_DEPTH);
    text.len()
        .saturating_add(shape.n_values.saturating_mul(48))
        .saturating_add(shape.n_arrays.saturating_mul(128))
        .saturating_add(shape.n_objects.saturating_mul(256))
        .saturating_add(shape.n_strings.saturating_mul(48))
}

/// Messages contain the name of each record and its collection, so these must be short.
#[derive(Default)]
pub(super) struct NameLimits {
    n_collections: usize,
    /// Units: bytes.
    longest: usize,
}

impl NameLimits {
    pub const MAX_COLLECTIONS: usize = 100;

    pub fn add_collection(&mut self, name: &str) {
        self.n_collections += 1;
        self.add(name);
    }

    pub fn add(&mut self, name: &str) {
        self.longest = self.longest.max(name.len());
    }

    pub fn fault(&self) -> Option<Fault> {
        if Self::MAX_COLLECTIONS < self.n_collections {
            let found = format!("{} collections", self.n_collections);
            let most = Self::MAX_COLLECTIONS;
            let expected = format!("at most {most}, for example wallets and products");
            return Some(Fault::new("", "", found, expected));
        }
        (MAX_NAME < self.longest).then(|| {
            let found = format!("a name of {} bytes", self.longest);
            let expected = format!("names of collections and records of at most {MAX_NAME} bytes");
            Fault::new("", "", found, expected)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::io::{Read, Seek, SeekFrom};

    use crate::domain::catalog::CatalogFile;
    use crate::domain::catalog::fault::MAX_FAULTS;

    #[track_caller]
    fn check(text: &str, found: &str) {
        let (_, faults) = CatalogFile::parse(text, None);
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(shown.len() == 1 && shown[0].contains(found), "{shown:?}");
    }

    #[test]
    fn a_file_of_another_kind_is_refused_before_it_is_read() {
        check(&" ".repeat(1_000_000), "invalid JSON at line 1, column 1000000");
        check(&"[".repeat(1_000_000), "more than 16 levels deep");
        check(&"{\"a\":".repeat(1_000_000), "more than 16 levels deep");
        check(&format!("{{\"a\":\"{}\"}}", "\u{7F}".repeat(300_000)), "a text of 293 KB");
        let numbers = format!("{{\"products\": [{}0]}}", "0,".repeat(1_000_000));
        check(&numbers, "a list of 1000001 items");
        check(&format!("{{{}\"b\":0}}", "\"a\":{},".repeat(2_000_000)), "2000001 collections");
        let fields = "\"a\":{},".repeat(200_000);
        check(
            &format!("{{\"a\":{{\"b\":{{{fields}\"c\":0}}}}}}"),
            "found values that need about 78 MB of memory",
        );
        let long = "\"a\":10000000,".repeat(400_000);
        check(&format!("{{\"a\":{{\"b\":{{{long}\"c\":0}}}}}}"), "a record of more than 4 MB");
    }

    #[test]
    fn names_that_every_message_repeats_are_short_and_few() {
        check(&format!("{{{}\"b\":0}}", "\"a\":0,".repeat(100)), "found 101 collections");
        let long = "n".repeat(401);
        check(&format!("{{\"{long}\":{{}}}}"), "a name of 401 bytes");
        check(&format!("{{\"products\":{{\"{long}\":{{}}}}}}"), "a name of 401 bytes");
    }

    #[test]
    fn of_many_faults_and_notes_the_first_are_reported() {
        let records: String = (0..5_000).map(|n| format!(",\"p{n}\":\"=x\"")).collect();
        let text = format!("{{\"products\":{{\"_model\":\"Product\"{records}}}}}");
        let (_, faults) = CatalogFile::parse(&text, None);
        assert_eq!(faults.len(), MAX_FAULTS + 1);
        assert!(faults[MAX_FAULTS].to_string().contains("more than 1000 errors"));

        let fields: String = (0..5_000).map(|n| format!(",\"f{n}\":0")).collect();
        let text = format!(
            "{{\"products\":{{\"_model\":\"Product\",\"tea\":{{\"name\":\"Tea\"{fields}}}}}}}"
        );
        let (file, _) = CatalogFile::parse(&text, None);
        assert_eq!(file.notes.len(), MAX_FAULTS + 1);
    }

    /// A file that says how long it is.
    struct Length(u64);

    impl Read for Length {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }

    impl Seek for Length {
        fn seek(&mut self, _to: SeekFrom) -> io::Result<u64> {
            Ok(self.0)
        }
    }

    #[test]
    fn a_million_products_are_not_too_many() {
        assert_eq!(super::check(&mut Length(1_000 * 1_000_000)).unwrap(), None);
        let fault = super::check(&mut Length((1 << 30) + 1)).unwrap().unwrap();
        assert!(fault.to_string().contains("expected at most 1024 MB. Shorten"), "{fault}");
    }
}
