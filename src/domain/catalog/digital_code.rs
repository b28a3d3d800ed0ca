//! Codes that are sold: keys, vouchers and the like, each given to one buyer.

use sha2::{Digest, Sha256};

/// A code of a pool.
///
/// Shape: 1 to 500 characters on one line, without control characters, and without spaces around.
#[derive(Clone, PartialEq, Eq)]
pub struct DigitalCode(String);

/// Which line of a text is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCodes {
    #[error("line {0} is longer than 500 characters or holds control characters")]
    Line(usize),
    #[error("it holds more than 200,000 codes")]
    TooMany,
}

/// Units: characters.
const MAX: usize = 500;
const MAX_CODES: usize = 200_000;

impl DigitalCode {
    /// Reads a text with one code a line; empty lines are left out.
    ///
    /// # Errors
    /// [`NotCodes`] names the first line that is no code. No code is part of the message.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, NotCodes> {
        let mut codes = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            if MAX < line.chars().count() || line.chars().any(char::is_control) {
                return Err(NotCodes::Line(n + 1));
            }
            if MAX_CODES <= codes.len() {
                return Err(NotCodes::TooMany);
            }
            codes.push(Self(line.to_owned()));
        }
        Ok(codes)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Recognises the code after it was given, when the shop no longer has it.
    ///
    /// Shape: 64 hex digits.
    pub fn fingerprint(&self) -> String {
        let hash = Sha256::new().chain_update("shop digital code 1\n").chain_update(&self.0);
        data_encoding::HEXLOWER.encode(&hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_code_a_line() {
        let codes = DigitalCode::parse_list("  AAA-1 \r\n\r\nBBB 2\n\tCCC\n").ok().unwrap();
        let codes: Vec<&str> = codes.iter().map(DigitalCode::as_str).collect();
        assert_eq!(codes, ["AAA-1", "BBB 2", "CCC"]);
        for (text, expected) in [
            (format!("A\n{}", "x".repeat(501)), NotCodes::Line(2)),
            ("A\nB\u{1b}[2J".to_owned(), NotCodes::Line(2)),
            ("A\n".repeat(200_001), NotCodes::TooMany),
        ] {
            assert_eq!(DigitalCode::parse_list(&text).err(), Some(expected));
        }
    }

    #[test]
    fn a_fingerprint_is_of_one_code() {
        let codes = DigitalCode::parse_list("A\nB\nA").ok().unwrap();
        assert_eq!(codes[0].fingerprint(), codes[2].fingerprint());
        assert_ne!(codes[0].fingerprint(), codes[1].fingerprint());
    }
}
