use crate::cli::open;
use crate::cli::say_text;
use crate::config::Settings;
use anyhow::Context;
use clap::Args;
use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct MuttCommand {
    /// The shop's folder as mutt sees it [default: this one]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// How the shop is called from there, where it is not this program: `docker compose exec -T shop shop`
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
}

const TEXT: &str = include_str!("../../templates/mail/muttrc.txt");

/// Where mutt writes what it has opened: in memory, so that nothing that was sealed comes to lie on the disk.
const MEMORY: &str = "/dev/shm";

pub fn run(
    mutt: MuttCommand,
    settings: &Settings,
    flags: &HashMap<&'static str, String>,
) -> anyhow::Result<ExitCode> {
    open::require_shop(settings)?;
    let folder = match mutt.folder {
        Some(folder) => folder,
        None => std::env::current_dir().context("find the shop's folder")?,
    };
    anyhow::ensure!(folder.is_absolute(), "--folder: say it whole, from / on");
    let command = match mutt.command {
        Some(command) => command,
        None => {
            let program = std::env::current_exe().context("find the program itself")?;
            format!("{}{}", for_shell(path_text(&program)?), same_settings(flags))
        }
    };
    let maildir = folder.join(&settings.maildir);
    let run = format!("cd {} && {command}", for_shell(path_text(&folder)?));
    let tmpdir = if Path::new(MEMORY).is_dir() {
        format!("# What mutt opens it keeps in memory, never on the disk.\nset tmpdir = {MEMORY}\n")
    } else {
        String::new()
    };
    let text = TEXT
        .replace("@RUN@", &for_mutt(&run)?)
        .replace("@MAILDIR@", &for_mutt(path_text(&maildir)?)?)
        .replace("@FROM@", &for_mutt(settings.from.as_str())?)
        .replace("@TMPDIR@\n", &tmpdir);
    say_text(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// The settings that this command was given as flags; the others are read anew from `.env`.
fn same_settings(flags: &HashMap<&'static str, String>) -> String {
    let mut same: Vec<String> = flags
        .iter()
        // What is secret does not go into a file that is not.
        .filter(|(name, _)| !matches!(**name, "SECRET" | "TOR_PASSWORD" | "WALLET"))
        .map(|(name, value)| {
            let flag = name.to_ascii_lowercase().replace('_', "-");
            format!(" --{flag} {}", for_shell(value))
        })
        .collect();
    same.sort();
    same.concat()
}

fn path_text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is not UTF-8 cannot stand in a muttrc")
}

/// One word of a shell's line, whatever it holds.
fn for_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// One word of a muttrc. Source: mutt's manual, "Syntax of Initialization Files".
fn for_mutt(text: &str) -> anyhow::Result<String> {
    anyhow::ensure!(
        !text.chars().any(char::is_control),
        "a path with a control character cannot stand in a muttrc"
    );
    let mut word = String::from("\"");
    for c in text.chars() {
        if matches!(c, '\\' | '"' | '$' | '`') {
            word.push('\\');
        }
        word.push(c);
    }
    word.push('"');
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word_for_the_shell_and_for_mutt() {
        assert_eq!(for_shell("/a b/it's"), "'/a b/it'\\''s'");
        assert_eq!(for_mutt("/a \"b\"/$c`d\\").unwrap(), "\"/a \\\"b\\\"/\\$c\\`d\\\\\"");
        assert!(for_mutt("/a\nb").is_err());
    }

    #[test]
    fn every_mark_of_the_text_is_replaced() {
        for mark in ["@RUN@", "@MAILDIR@", "@FROM@", "@TMPDIR@\n"] {
            assert!(TEXT.contains(mark), "{mark}");
        }
    }
}
