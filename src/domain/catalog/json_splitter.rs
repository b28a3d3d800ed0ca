//! Splits a catalog file into its records, one at a time, so that the whole file is never in memory.

use std::io;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

/// Units: bytes of one record or other value, as written. The longest valid one is a product with a hundred options.
pub const MAX_VALUE: usize = 4 << 20;

/// Reads the two outer levels of a file: collections of records.
pub struct JsonSplitter<R> {
    source: BufReader<R>,
    level: Level,
    /// Whether the next item of the level is its first.
    is_first: bool,
    at: Position,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Before,
    File,
    Collection,
    After,
}

/// Units: both from 1, as messages give them; bytes of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// A part of the file.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// A collection begins: its records follow.
    Collection(String),
    /// A value in the place of a collection.
    Value(String, RawValue),
    /// A record of the collection, or another value in its place.
    Record(String, RawValue),
    /// The file is one value that is no record of collections.
    Other(RawValue),
}

/// The text of a value, and where it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct RawValue {
    pub text: String,
    pub at: Position,
}

/// Why a file cannot be split.
#[derive(Debug)]
pub enum SplitError {
    /// It is not JSON. Where and why is found by who parses it.
    Malformed,
    /// A value of more than [`MAX_VALUE`].
    TooLong,
    Io(io::Error),
}

impl From<io::Error> for SplitError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<R: Read> JsonSplitter<R> {
    /// From the beginning of the file.
    pub fn new(source: R) -> Self {
        let source = BufReader::with_capacity(64 << 10, source);
        let at = Position { line: 1, column: 1 };
        Self { source, level: Level::Before, is_first: true, at }
    }

    /// Back to the beginning of the file.
    ///
    /// # Errors
    /// The file's.
    pub fn restart(&mut self) -> io::Result<()>
    where
        R: Seek,
    {
        self.source.seek(SeekFrom::Start(0))?;
        (self.level, self.is_first) = (Level::Before, true);
        self.at = Position { line: 1, column: 1 };
        Ok(())
    }

    /// The rest of the file without a byte order mark, to be read otherwise.
    pub fn source(&mut self) -> impl Read {
        let _ = self.skip_mark();
        &mut self.source
    }

    /// The next part; `None` at the end of the file.
    ///
    /// # Errors
    /// [`SplitError`]; then nothing more can be read.
    pub fn next_part(&mut self) -> Result<Option<Part>, SplitError> {
        loop {
            match self.level {
                Level::Before => {
                    self.skip_mark()?;
                    if self.peek_visible()? != Some(b'{') {
                        self.level = Level::After;
                        return Ok(Some(Part::Other(self.value()?)));
                    }
                    self.skip_byte()?;
                    (self.level, self.is_first) = (Level::File, true);
                }
                Level::File => {
                    let Some(name) = self.next_name()? else {
                        self.level = Level::After;
                        continue;
                    };
                    if self.peek_visible()? == Some(b'{') {
                        self.skip_byte()?;
                        (self.level, self.is_first) = (Level::Collection, true);
                        return Ok(Some(Part::Collection(name)));
                    }
                    return Ok(Some(Part::Value(name, self.value()?)));
                }
                Level::Collection => match self.next_name()? {
                    Some(name) => return Ok(Some(Part::Record(name, self.value()?))),
                    None => (self.level, self.is_first) = (Level::File, false),
                },
                Level::After => {
                    return match self.peek_visible()? {
                        None => Ok(None),
                        Some(_) => Err(SplitError::Malformed),
                    };
                }
            }
        }
    }

    /// The name of the next item of a record, after the colon; `None` after the last one.
    fn next_name(&mut self) -> Result<Option<String>, SplitError> {
        let mut next = self.peek_visible()?;
        if next == Some(b'}') {
            self.skip_byte()?;
            return Ok(None);
        }
        if !std::mem::replace(&mut self.is_first, false) {
            if next != Some(b',') {
                return Err(SplitError::Malformed);
            }
            self.skip_byte()?;
            next = self.peek_visible()?;
        }
        if next != Some(b'"') {
            return Err(SplitError::Malformed);
        }
        let name = self.value()?.text;
        let name = serde_json::from_str(&name).map_err(|_| SplitError::Malformed)?;
        if self.peek_visible()? != Some(b':') {
            return Err(SplitError::Malformed);
        }
        self.skip_byte()?;
        Ok(Some(name))
    }

    /// The text of the next value, whatever is in it.
    fn value(&mut self) -> Result<RawValue, SplitError> {
        self.peek_visible()?;
        let at = self.at;
        let mut text = Vec::new();
        let mut extent = Extent::default();
        loop {
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            let (n, is_end) = extent.measure(bytes);
            if MAX_VALUE < text.len() + n {
                return Err(SplitError::TooLong);
            }
            text.extend_from_slice(&bytes[..n]);
            self.at.follow(&bytes[..n]);
            self.source.consume(n);
            if is_end {
                break;
            }
        }
        let text = String::from_utf8(text).map_err(|_| SplitError::Malformed)?;
        if text.is_empty() || extent.is_open() {
            Err(SplitError::Malformed)
        } else {
            Ok(RawValue { text, at })
        }
    }

    /// The next byte that is no space, which stays.
    fn peek_visible(&mut self) -> Result<Option<u8>, SplitError> {
        loop {
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let n = bytes.iter().position(|byte| !is_space(byte)).unwrap_or(bytes.len());
            let visible = bytes.get(n).copied();
            self.at.follow(&bytes[..n]);
            self.source.consume(n);
            if visible.is_some() {
                return Ok(visible);
            }
        }
    }

    fn skip_byte(&mut self) -> Result<(), SplitError> {
        self.at.follow(&self.source.fill_buf()?[..1]);
        self.source.consume(1);
        Ok(())
    }

    /// A byte order mark is no part of the text; no JSON begins with its first byte.
    fn skip_mark(&mut self) -> io::Result<()> {
        while self.source.fill_buf()?.first() == Some(&0xef) {
            io::copy(&mut self.source.by_ref().take(3), &mut io::sink())?;
        }
        Ok(())
    }
}

impl Position {
    fn follow(&mut self, bytes: &[u8]) {
        let n_lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        if n_lines == 0 {
            self.column += bytes.len();
        } else {
            self.line += n_lines;
            self.column = bytes.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        }
    }
}

/// How far a value goes.
#[derive(Default)]
struct Extent {
    depth: usize,
    is_text: bool,
    is_escaped: bool,
    has_begun: bool,
}

impl Extent {
    /// How many of these bytes belong to the value, and whether it ends with them.
    fn measure(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (n, byte) in bytes.iter().enumerate() {
            if self.is_text {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => {
                        self.is_text = false;
                        if self.depth == 0 {
                            return (n + 1, true);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                // A text or a bracket ends the number or the word before it.
                b'"' | b'[' | b'{' if self.depth == 0 && self.has_begun => return (n, true),
                b'"' => self.is_text = true,
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' if self.depth == 0 => return (n, true),
                b']' | b'}' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (n + 1, true);
                    }
                }
                b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => return (n, true),
                _ => {}
            }
            self.has_begun = true;
        }
        (bytes.len(), false)
    }

    fn is_open(&self) -> bool {
        0 < self.depth || self.is_text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::values::slow_reader::SlowReader;

    /// One line for each part; `!` if it cannot be split further.
    fn split(text: &str, n_bytes: usize) -> String {
        let mut splitter = JsonSplitter::new(SlowReader(text.as_bytes(), n_bytes));
        let mut parts = Vec::new();
        loop {
            let raw = |raw: RawValue| format!("{}@{}.{}", raw.text, raw.at.line, raw.at.column);
            parts.push(match splitter.next_part() {
                Ok(Some(Part::Collection(name))) => format!("{name}:"),
                Ok(Some(Part::Value(name, value))) => format!("{name} {}", raw(value)),
                Ok(Some(Part::Record(name, value))) => format!("- {name} {}", raw(value)),
                Ok(Some(Part::Other(value))) => format!("= {}", raw(value)),
                Ok(None) => break,
                Err(_) => {
                    parts.push("!".to_owned());
                    break;
                }
            });
        }
        parts.join("\n")
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        for n_bytes in [1, 2, 3, 1_000] {
            assert_eq!(split(text, n_bytes), expected.join("\n"), "{text}");
        }
    }

    #[test]
    fn a_file_is_split_into_its_records() {
        check("{}", &[]);
        check(" { \"a\" : { } } ", &["a:"]);
        check(
            "\u{feff}{\"a\": {\"_model\":\"P\\\"}\",\n \"x\": {\"y\": [1, \"]}\"]}}, \"b\\u0041\": 7,\"c\":[{}]}",
            &[
                "a:",
                "- _model \"P\\\"}\"@1.17",
                "- x {\"y\": [1, \"]}\"]}@2.7",
                "bA 7@2.37",
                "c [{}]@2.43",
            ],
        );
        check("[1, {}]\n", &["= [1, {}]@1.1"]);
        check("true", &["= true@1.1"]);
    }

    #[test]
    fn what_is_not_json_ends_with_an_error() {
        check("", &["!"]);
        check("{\"a\": {\"b\": {}", &["a:", "- b {}@1.13", "!"]);
        check("{\"a\": {\"b\": {", &["a:", "!"]);
        check("{\"a\" {}}", &["!"]);
        check("{\"a\": 1 \"b\": 2}", &["a 1@1.7", "!"]);
        check("{\"a\": }", &["!"]);
        check("{} x", &["!"]);
        check("{,}", &["!"]);
        check("{\"a\": 1,}", &["a 1@1.7", "!"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*|[\\[{\"a,:1\\]} \n\\\\]{0,60}", n_bytes in 1_usize..9) {
            prop_assert_eq!(split(&text, n_bytes), split(&text, 1_000));
        }
    }
}
