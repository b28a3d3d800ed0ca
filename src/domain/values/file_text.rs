//! Text of files: UTF-8, without a byte order mark.

/// Why a text file from an editor cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFileText {
    #[error("the file is written in UTF-16: save it as UTF-8")]
    Utf16,
    #[error("line {line} has bytes that are not UTF-8: save the file as UTF-8")]
    NotUtf8 { line: usize },
}

/// The text of a file, in UTF-8. A byte order mark, which some editors put at the beginning, is removed.
///
/// # Errors
/// [`NotFileText`] says how to save the file instead.
pub fn file_text(bytes: Vec<u8>) -> Result<String, NotFileText> {
    // No UTF-8 text begins with a zero byte, or has one after its first letter: this is UTF-16.
    let has_mark = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if has_mark || bytes.iter().take(2).any(|byte| *byte == 0) {
        return Err(NotFileText::Utf16);
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        NotFileText::NotUtf8 { line: good.iter().filter(|byte| **byte == b'\n').count() + 1 }
    })?;
    if text.starts_with('\u{FEFF}') {
        text.remove(0);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<&str, NotFileText>) {
        assert_eq!(file_text(bytes.to_vec()), expected.map(str::to_owned), "{bytes:?}");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        check(b"", Ok(""));
        check(b"A=1\r\n", Ok("A=1\r\n"));
        check(b"\xef\xbb\xbfA=1", Ok("A=1"));
        // Only one mark is removed; a second one is text, for the caller to judge.
        check(b"\xef\xbb\xbf\xef\xbb\xbfA", Ok("\u{feff}A"));
        check("{\"a\": \"é\"}".as_bytes(), Ok("{\"a\": \"é\"}"));
    }

    #[test]
    fn another_encoding_is_named() {
        for bytes in [b"\xff\xfeA\0=\0".as_slice(), b"\xfe\xff\0A\0=", b"A\0=\0", b"\0A\0="] {
            check(bytes, Err(NotFileText::Utf16));
        }
        check(b"one\ntwo\nJ\xf6rg\n", Err(NotFileText::NotUtf8 { line: 3 }));
    }
}
