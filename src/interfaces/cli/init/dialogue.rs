//! Questions on the terminal, on standard error, so that standard output contains only results.

use std::io;
use std::io::{BufRead, Read, Write};

use anyhow::Context;

/// Units: bytes of an answer; a descriptor with an extended public key has 200.
const MAX_ANSWER: u64 = 4_096;

/// Asks for a line. An empty answer is the default.
pub fn ask_line(question: &str, default: &str) -> anyhow::Result<String> {
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    write!(io::stderr(), "{question}{shown}: ").context("ask on the terminal")?;
    let mut answer = String::new();
    let n =
        io::stdin().lock().take(MAX_ANSWER).read_line(&mut answer).context("read the answer")?;
    anyhow::ensure!(0 < n, "the terminal was closed; nothing was written");
    let answer = answer.trim();
    Ok(if answer.is_empty() { default } else { answer }.to_owned())
}

/// Asks a yes-or-no question, where an empty answer means no.
pub fn ask_no(question: &str) -> anyhow::Result<bool> {
    Ok(is_yes(&ask_line(&format!("{question} [y/N]"), "")?))
}

/// The same, but an empty answer means yes.
pub fn ask_yes(question: &str) -> anyhow::Result<bool> {
    let answer = ask_line(&format!("{question} [Y/n]"), "")?;
    Ok(answer.is_empty() || is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.to_ascii_lowercase().as_str())
}

/// Asks for what nobody should read on the screen.
pub fn ask_secret(question: &str) -> anyhow::Result<String> {
    rpassword::prompt_password(format!("{question}: ")).context("read the answer")
}

/// Something to read before a question.
pub fn explain(line: &str) {
    let _ = writeln!(io::stderr(), "{}", crate::domain::values::escaped(line));
}
