//! Prints to the terminal and the log. Untrusted text is escaped here, and nowhere else.

use std::io;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::process::ExitCode;

use anyhow::Context;

use crate::domain::values::escaped;

/// Prints a line on standard output. A closed pipe, as after `head`, is no error.
pub fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{}", escaped(line));
}

/// The same for several lines.
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

/// Prints an error of the command line itself, which may quote the arguments.
pub fn say_usage(text: &str) {
    for line in text.lines() {
        let _ = writeln!(io::stderr(), "{}", escaped(line));
    }
}

/// For output that is written by other means than [`say`]: a closed pipe is no error.
pub fn allow_closed_pipe(written: anyhow::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error)
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        written => written,
    }
}

/// Units: bytes of the answer to a question.
const MAX_ANSWER: u64 = 1_024;

/// The exit code where nobody can be asked.
const USAGE: u8 = 2;

/// Asks a yes-or-no question, on standard error, so that standard output contains only the result. `None`: yes. Otherwise the
/// reason is printed, for a no `refused`, and the command ends with this exit code.
pub fn ask(question: &str, refused: &str) -> anyhow::Result<Option<ExitCode>> {
    if !io::stdin().is_terminal() {
        say_error(&format!("{question} Add --yes to confirm without being asked"));
        return Ok(Some(ExitCode::from(USAGE)));
    }
    write!(io::stderr(), "{question} [y/N] ").context("ask on the terminal")?;
    let mut answer = String::new();
    let mut terminal = io::stdin().lock().take(MAX_ANSWER);
    terminal.read_line(&mut answer).context("read the answer")?;
    if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        return Ok(None);
    }
    say_error(refused);
    Ok(Some(ExitCode::FAILURE))
}

/// The log on standard error, one line per event.
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
