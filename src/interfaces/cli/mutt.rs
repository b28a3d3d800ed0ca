//! `shop mutt`: writes a muttrc for the shop's mailbox.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::infra::config::{Flags, Settings};
use crate::infra::mail;
use crate::interfaces::cli::output::{say_error, say_text};
use crate::interfaces::cli::shop_context;

#[derive(Args)]
pub struct MuttArgs {
    /// The shop's folder as mutt sees it [default: the current folder]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The command that runs the shop from there, if it is not this program: `docker compose exec -T shop shop`
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
}

const TEXT: &str = include_str!("../../../templates/mail/muttrc.txt");

/// What mutt shows for keys that would copy a message to where no purge finds it.
const NO_COPY: &str =
    "'<enter-command>echo \"Not copied: a copy would remain when the order is deleted.\"<enter>'";

/// What to do if characters show as `??`.
pub const LOCALE_HELP: &str = "mutt would show J??rg instead of Jörg. Start it with LC_ALL=C.UTF-8 or another UTF-8 locale of this host";

/// Why this terminal is not UTF-8; `None`: it is. Source: POSIX, `locale(7)`.
pub fn terminal_charset_fault() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    charset_fault(locale.as_deref())
}

fn charset_fault(locale: Option<&str>) -> Option<String> {
    let Some(locale) = locale else {
        return Some("no locale is set (LC_ALL, LC_CTYPE and LANG)".to_owned());
    };
    let charset =
        locale.split('@').next().and_then(|name| name.split_once('.')).map(|(_, set)| set);
    let is_utf_8 = charset
        .is_some_and(|set| set.eq_ignore_ascii_case("utf-8") || set.eq_ignore_ascii_case("utf8"));
    let shown: String = locale.chars().filter(char::is_ascii_graphic).take(40).collect();
    (!is_utf_8).then(|| format!("the locale {shown} is not UTF-8"))
}

/// Where mutt writes decrypted messages: in memory, never on the disk.
const MEMORY: &str = "/dev/shm";

pub fn run(mutt: MuttArgs, settings: &Settings, flags: &Flags) -> anyhow::Result<ExitCode> {
    shop_context::require_shop(settings)?;
    let folder = match mutt.folder {
        Some(folder) => folder,
        None => std::env::current_dir().context("find the shop's folder")?,
    };
    anyhow::ensure!(folder.is_absolute(), "--folder needs an absolute path");
    let command = match mutt.command {
        Some(command) => command,
        None => {
            let program = std::env::current_exe().context("find the program itself")?;
            format!("{}{}", for_shell(path_text(&program)?), setting_flags(flags))
        }
    };
    let maildir = folder.join(&settings.mail.maildir);
    let run = format!("cd {} && {command}", for_shell(path_text(&folder)?));
    let tmpdir = if Path::new(MEMORY).is_dir() {
        format!(
            "# mutt keeps decrypted messages in memory, never on the disk.\nset tmpdir = {MEMORY}\n"
        )
    } else {
        String::new()
    };
    if let Some(fault) = terminal_charset_fault() {
        say_error(&format!("{fault}: {LOCALE_HELP}"));
    }
    let text = TEXT
        .replace("@MOST@", &mail::MAX_UNPACKED.to_string())
        .replace("@NO_COPY@", NO_COPY)
        .replace("@LOCALE_HELP@", LOCALE_HELP)
        .replace("@RUN@", &for_mutt(&run)?)
        .replace("@MAILDIR@", &for_mutt(path_text(&maildir)?)?)
        .replace("@FROM@", &for_mutt(settings.mail.from.as_str())?)
        .replace("@TMPDIR@\n", &tmpdir);
    say_text(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// The settings that were given as flags; the others are read again from `.env`.
fn setting_flags(flags: &Flags) -> String {
    let mut text: Vec<String> = flags
        .iter()
        // The muttrc is not secret.
        .filter(|(name, _)| !matches!(name.as_str(), "SECRET" | "TOR_PASSWORD" | "WALLET"))
        .map(|(name, value)| {
            let flag = name.to_ascii_lowercase().replace('_', "-");
            format!(" --{flag} {}", for_shell(value))
        })
        .collect();
    text.sort();
    text.concat()
}

fn path_text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is not UTF-8 cannot be used in a muttrc")
}

/// Quoted as one word for a shell.
fn for_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Quoted as one word for a muttrc. Source: mutt's manual, "Syntax of Initialization Files".
fn for_mutt(text: &str) -> anyhow::Result<String> {
    anyhow::ensure!(
        !text.chars().any(char::is_control),
        "a path with a control character cannot be used in a muttrc"
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
        for mark in
            ["@RUN@", "@MAILDIR@", "@FROM@", "@TMPDIR@\n", "@MOST@", "@NO_COPY@", "@LOCALE_HELP@"]
        {
            assert!(TEXT.contains(mark), "{mark}");
        }
    }

    #[test]
    fn a_locale_without_utf_8_is_reported() {
        for well in ["C.UTF-8", "C.utf8", "de_DE.UTF-8", "sr_RS.UTF-8@latin"] {
            assert_eq!(charset_fault(Some(well)), None, "{well}");
        }
        for other in ["C", "POSIX", "de_DE", "de_DE@euro", "de_DE.ISO-8859-15", "ja_JP.eucJP"] {
            assert!(
                charset_fault(Some(other)).is_some_and(|words| words.contains(other)),
                "{other}"
            );
        }
        assert!(charset_fault(None).is_some());
    }
}
