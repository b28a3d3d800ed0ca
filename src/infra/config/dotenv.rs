//! Reads `.env` files.

use std::io::ErrorKind;
use std::path::Path;

use crate::infra::bounded;
use crate::infra::config::fault::{SettingFault, SettingText};
use crate::infra::config::settings::is_known;

/// Units: bytes. The example in the repository has 5 KB.
const MAX_BYTES: u64 = 256 << 10;

/// Reads `NAME=VALUE` lines in their order. `#` begins a comment line; `export` before a name and quotes around a value are
/// ignored. A name that occurs twice is a fault: one of its values would be ignored.
pub fn read(path: &Path, faults: &mut Vec<SettingFault>) -> Vec<(String, SettingText)> {
    let mut refuse = |name: &str, origin: String, found: String, expected: &str| {
        let (name, expected) = (name.to_owned(), expected.to_owned());
        faults.push(SettingFault { name, origin, found, expected });
    };
    let text = match bounded::read_text(path, MAX_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let (found, expected) = match error.kind() {
                ErrorKind::InvalidData => {
                    (format!("a file that is not plain text: {error}"), "a text file in UTF-8")
                }
                _ => (format!("a file that cannot be read ({error})"), "a text file"),
            };
            refuse(".env", path.display().to_string(), found, expected);
            return Vec::new();
        }
    };
    let mut values: Vec<(String, SettingText)> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let origin = format!(".env, line {}", n + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            // The line is not shown: it may be a secret that lost its name.
            let expected = "NAME=VALUE, or a comment that starts with #";
            refuse(".env", origin, "a line without `=`".to_owned(), expected);
            continue;
        };
        // A shell needs `export` before the name.
        let name = name.trim();
        let exported = name.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
        let name = exported.map_or(name, str::trim);
        let earlier = values.iter().find(|(known, _)| known == name);
        if let Some((_, first)) = earlier.filter(|_| is_known(name)) {
            let found = format!("the same setting as in {}", first.origin);
            refuse(name, origin, found, "one line per setting");
            continue;
        }
        let text = unquoted(value.trim()).to_owned();
        values.push((name.to_owned(), SettingText { text, origin }));
    }
    values
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
