//! How large a catalog file may be.

use crate::domain::catalog::Fault;
use crate::domain::catalog::json::Json;
use crate::domain::values::{JsonShape, byte_size};

/// Units: bytes of the seller's file. Enough for 100,000 products of 600 bytes.
pub const MAX_BYTES: u64 = 64 << 20;
/// Nested arrays and objects. The deepest valid one is a price of an option: 7.
const MAX_DEPTH: usize = 16;
/// Units: items of one array. The longest valid one names every country.
const MAX_ITEMS: usize = 1_000;
/// Units: bytes of one string, as written. The longest valid one is a description of 20,000 characters.
const MAX_OF_TEXT: usize = 256 << 10;
/// Units: bytes of memory needed to parse the file, as estimated by [`memory`].
const MAX_MEMORY: usize = 640 << 20;
const MAX_COLLECTIONS: usize = 100;
/// Units: bytes of the name of a collection or a record.
const MAX_NAME: usize = 400;

/// What to do about a file that is too large.
pub const SHORTEN: &str = "Shorten the descriptions, or remove products and add them at the desk";

/// Why a file is refused before it is parsed.
pub fn too_much(text: &str) -> Option<Fault> {
    let n_bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
    if MAX_BYTES < n_bytes {
        let expected = format!("at most {}. {SHORTEN}", byte_size(MAX_BYTES));
        return Some(Fault::new("", "", byte_size(n_bytes), expected));
    }
    let shape = JsonShape::of(text.as_bytes(), MAX_DEPTH);
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
    let size = |n: usize| byte_size(u64::try_from(n).unwrap_or(u64::MAX));
    if MAX_OF_TEXT < shape.longest_string {
        let found = format!("a text of {}", size(shape.longest_string));
        let expected = format!("at most {} in one text. {SHORTEN}", size(MAX_OF_TEXT));
        return Some(Fault::new("", "", found, expected));
    }
    let memory = memory(&shape, text.len());
    if MAX_MEMORY < memory {
        let found =
            format!("{} values, which need about {} of memory", shape.n_values, size(memory));
        let expected = format!("at most {}. {SHORTEN}", size(MAX_MEMORY));
        return Some(Fault::new("", "", found, expected));
    }
    None
}

/// The estimated size of the file as [`Json`]: each value, the initial allocation of each array and object, and each
/// string.
fn memory(shape: &JsonShape, n_bytes: usize) -> usize {
    n_bytes
        .saturating_add(shape.n_values.saturating_mul(48))
        .saturating_add(shape.n_arrays.saturating_mul(128))
        .saturating_add(shape.n_objects.saturating_mul(256))
        .saturating_add(shape.n_strings.saturating_mul(48))
}

/// Messages contain the name of each record and its collection, so these must be short.
pub fn too_many_names(collections: &[(String, Json)]) -> Option<Fault> {
    if MAX_COLLECTIONS < collections.len() {
        let found = format!("{} collections", collections.len());
        let expected = format!("at most {MAX_COLLECTIONS}, for example wallets and products");
        return Some(Fault::new("", "", found, expected));
    }
    let of_records = collections.iter().flat_map(|(_, value)| match value {
        Json::Object(records) => records.as_slice(),
        _ => &[],
    });
    let longest = collections.iter().chain(of_records).map(|(name, _)| name.len()).max()?;
    (MAX_NAME < longest).then(|| {
        let found = format!("a name of {longest} bytes");
        let expected = format!("names of collections and records of at most {MAX_NAME} bytes");
        Fault::new("", "", found, expected)
    })
}

#[cfg(test)]
mod tests {
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
        check(&" ".repeat((64 << 20) + 1), "found 65 MB; expected at most 64 MB. Shorten");
        check(&"[".repeat(1_000_000), "more than 16 levels deep");
        check(&"{\"a\":".repeat(1_000_000), "more than 16 levels deep");
        check(&format!("{{\"a\":\"{}\"}}", "\u{7F}".repeat(300_000)), "a text of 293 KB");
        let numbers = format!("{{\"products\": [{}0]}}", "0,".repeat(1_000_000));
        check(&numbers, "a list of 1000001 items");
        check(&format!("{{{}\"b\":0}}", "\"a\":{},".repeat(2_000_000)), "of memory");
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

    #[test]
    fn a_hundred_thousand_products_are_not_too_many() {
        let price = |wallet| format!("{{\"price\": 1000000, \"wallet\": \"->wallets.{wallet}\"}}");
        let prices = ["eth", "btc", "xmr"].map(price).join(", ");
        let description = "words ".repeat(30);
        let product = |n: usize| {
            format!(
                ",\"p{n}\": {{\"name\": \"Thing number {n}\", \"description\": \"{description}\", \"quantity\": 10, \
                 \"prices\": [{prices}], \"images\": [\"a.jpg\", \"b.jpg\"], \"alt\": [\"a\", \"b\"], \"categories\": [\"things\"]}}"
            )
        };
        let products: String = (0..100_000).map(product).collect();
        let text = format!("{{\"products\": {{\"_model\": \"Product\"{products}}}}}");
        assert!((45 << 20) < text.len(), "{}", text.len());
        assert_eq!(super::too_much(&text), None);
    }
}
