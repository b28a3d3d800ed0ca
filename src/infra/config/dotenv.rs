//! Reads `.env` files.

use std::path::Path;

use crate::infra::bounded;
use crate::infra::config::fault::{Found, SettingFault};
use crate::infra::config::settings::is_known;

/// Units: bytes. The example in the repository has 5 KB.
const MOST_BYTES: u64 = 256 << 10;

/// Reads `NAME=VALUE` lines, in the order in which they stand; `#` begins a comment line, `export` before a name and quotes
/// around a value are passed over. A name that stands twice is a fault: one of its values would be ignored.
pub fn read(path: &Path, faults: &mut Vec<SettingFault>) -> Vec<(String, Found)> {
    let mut refuse = |name: &str, place: String, found: String, expected: &str| {
        let (name, expected) = (name.to_owned(), expected.to_owned());
        faults.push(SettingFault { name, place, found, expected });
    };
    let text = match bounded::read_text(path, MOST_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            let found = format!("a file that is not plain text: {error}");
            refuse(".env", path.display().to_string(), found, "a text file in UTF-8");
            return Vec::new();
        }
        Err(error) => {
            let found = format!("a file that cannot be read ({error})");
            refuse(".env", path.display().to_string(), found, "a text file");
            return Vec::new();
        }
    };
    let mut values: Vec<(String, Found)> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let place = format!(".env, line {}", n + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            // The line may be a secret that lost its name.
            let expected = "NAME=VALUE, or a comment that starts with #";
            refuse(".env", place, "a line without `=`".to_owned(), expected);
            continue;
        };
        let name = plain_name(name.trim());
        let earlier = values.iter().find(|(known, _)| known == name);
        if let Some((_, (_, first))) = earlier.filter(|_| is_known(name)) {
            let found = format!("the same setting as in {first}");
            refuse(name, place, found, "one line per setting");
            continue;
        }
        values.push((name.to_owned(), (unquoted(value.trim()).to_owned(), place)));
    }
    values
}

/// Without the `export` that a shell wants before it.
fn plain_name(name: &str) -> &str {
    let exported = name.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
    exported.map_or(name, str::trim)
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    // A comment behind a value, as shells allow it.
    value.split(" #").next().unwrap_or(value).trim_end()
}
