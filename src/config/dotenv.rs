use crate::bounded;
use crate::config::Found;
use crate::config::SettingFault;
use std::collections::HashMap;
use std::path::Path;

/// Units: bytes. The example in the repository has 5 KB.
const MOST_BYTES: u64 = 256 << 10;

/// Reads `NAME=VALUE` lines; `#` begins a comment line, `export` before a name and quotes around a value are passed over.
///
/// A name that the shop does not know is none of its business: the ancestor's `.env` may hold more.
pub fn read(path: &Path, faults: &mut Vec<SettingFault>) -> HashMap<String, Found> {
    let mut values = HashMap::new();
    let mut refuse = |place: String, found: &str, expected: &str| {
        let (found, expected) = (found.to_owned(), expected.to_owned());
        faults.push(SettingFault { name: ".env".to_owned(), place, found, expected });
    };
    let text = match bounded::read_text(path, MOST_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return values,
        Err(error) => {
            refuse(
                path.display().to_string(),
                &format!("a file that cannot be read ({error})"),
                "a text file",
            );
            return values;
        }
    };
    for (n, line) in text.lines().enumerate() {
        let place = format!(".env, line {}", n + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            // The line may be a secret that lost its name.
            refuse(place, "a line without `=`", "NAME=VALUE, or a comment that begins with #");
            continue;
        };
        let name = name.trim().trim_start_matches("export ").trim();
        values.insert(name.to_owned(), (unquoted(value.trim()).to_owned(), place));
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
