//! What the seller reads on a terminal or in a log. Whatever comes from outside is escaped here, and nowhere else.

use std::io;
use std::io::Write;

use crate::domain::values::escaped;

/// A line for the seller on standard output. A reader that went away, as `head` does, is no error.
pub fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{}", escaped(line));
}

/// The same for a text of several lines.
pub fn say_text(text: &str) {
    text.lines().for_each(say);
}

pub fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say_text(&serde_json::to_string_pretty(value)?);
    Ok(())
}

pub fn say_error(line: &str) {
    let _ = writeln!(io::stderr(), "shop: {}", escaped(line));
}

/// What is wrong with the command line itself: lines of our own, in which words of the caller may stand.
pub fn say_usage(text: &str) {
    for line in text.lines() {
        let _ = writeln!(io::stderr(), "{}", escaped(line));
    }
}

/// The log, one line for each event, on standard error.
pub struct LogLines;

impl Write for LogLines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = format!("{}\n", escaped(text.strip_suffix('\n').unwrap_or(&text)));
        io::stderr().write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
