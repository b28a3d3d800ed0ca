//! The name of a file in one of the seller's folders.

/// The name of a file that the seller put into `db/files` or `db/codes`.
///
/// Shape: 1 to 120 letters, digits, spaces and `.`, `-`, `_`, `(`, `)`, `+`; begins with a letter or a digit, has no two
/// dots or spaces in a row, and does not end with one. It names no other folder, and is safe in a header and on a page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "1 to 120 letters, digits, single spaces and . - _ ( ) +, beginning with a letter or a digit"
)]
pub struct NotAFileName;

const MAX: usize = 120;

impl FileName {
    /// # Errors
    /// [`NotAFileName`] for a path, a hidden file, and names with other characters.
    pub fn parse(text: &str) -> Result<Self, NotAFileName> {
        let is_plain = |c: char| c.is_alphanumeric() || " .-_()+".contains(c);
        let is_name = text.chars().count() <= MAX
            && text.len() <= 2 * MAX
            && text.starts_with(char::is_alphanumeric)
            && text.chars().all(is_plain)
            && !text.ends_with([' ', '.'])
            && !text.contains("..")
            && !text.contains("  ");
        if is_name { Ok(Self(text.to_owned())) } else { Err(NotAFileName) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_leaves_no_folder_and_hides_nothing() {
        for name in ["guide.pdf", "Anleitung für Käse (2).epub", "a", "v1.2+src_all-x.tar.gz"] {
            assert_eq!(FileName::parse(name).map(|name| name.to_string()).as_deref(), Ok(name));
        }
        for name in [
            "",
            ".",
            "..",
            ".hidden",
            "../secret",
            "a/b",
            "a\\b",
            "/etc/passwd",
            "a..b",
            "a b ",
            "a  b",
            "name.",
            "a\nb",
            "a\u{202e}fdp.exe",
            "a\0b",
            "a\"b",
            "a;b",
            "-rf",
            "%2e%2e",
            "~root",
            "a:b",
        ] {
            assert_eq!(FileName::parse(name), Err(NotAFileName), "{name:?}");
        }
        assert!(FileName::parse(&"x".repeat(120)).is_ok());
        assert_eq!(FileName::parse(&"x".repeat(121)), Err(NotAFileName));
    }
}
