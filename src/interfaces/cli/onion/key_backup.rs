//! `shop onion backup` and `shop onion restore`.

use std::fs;
use std::io;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::infra::config::Settings;
use crate::infra::{atomic_file, bounded, tor};
use crate::interfaces::cli::onion::service::{MAX_OF_KEY, folder, key_file, read_key, write_out};
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::shop_context;
use crate::interfaces::cli::shop_context::make_folder;

/// Units: characters. Argon2 makes guessing slow, not impossible.
const SHORTEST_PASSPHRASE: usize = 12;

fn ask_new_passphrase() -> anyhow::Result<String> {
    let passphrase = ask_passphrase()?;
    // A typo would make the backup unusable.
    anyhow::ensure!(
        !io::stdin().is_terminal() || passphrase == prompt("Confirm passphrase: ")?,
        "the passphrases do not match; nothing was changed"
    );
    Ok(passphrase)
}

fn ask_passphrase() -> anyhow::Result<String> {
    let passphrase = if io::stdin().is_terminal() {
        prompt("Passphrase: ")?
    } else {
        // Byte by byte, so that what follows the line is left for the next reader.
        let mut line = Vec::new();
        for byte in io::stdin().lock().bytes() {
            match byte.context("read the passphrase")? {
                b'\n' => break,
                byte if line.len() < 4_096 => line.push(byte),
                _ => anyhow::bail!("the first line of standard input is not a passphrase"),
            }
        }
        let line = String::from_utf8(line).context("the passphrase is not UTF-8")?;
        line.trim_end_matches('\r').to_owned()
    };
    anyhow::ensure!(
        SHORTEST_PASSPHRASE <= passphrase.chars().count(),
        "the passphrase needs at least {SHORTEST_PASSPHRASE} characters; use five random words"
    );
    Ok(passphrase)
}

fn prompt(text: &str) -> anyhow::Result<String> {
    rpassword::prompt_password(text).context("read the passphrase")
}

pub fn back_up(file: &Path, settings: &Settings) -> anyhow::Result<ExitCode> {
    let path = key_file(settings);
    let key = read_key(&path)?.with_context(|| {
        format!("there is no onion key at {} yet", shop_context::absolute(&path).display())
    })?;
    anyhow::ensure!(
        file == Path::new("-") || !file.exists(),
        "{} already exists: choose another file",
        file.display()
    );
    let passphrase = ask_new_passphrase()?;
    let text = tor::seal(&key, &passphrase, shop_context::random_bytes::<{ tor::SALT_BYTES }>());
    if file == Path::new("-") {
        write_out(&text)?;
    } else {
        atomic_file::write(file, text.as_bytes(), 0o600)
            .with_context(|| format!("write {}", file.display()))?;
        say(&format!("The key of {} is encrypted in {}", key.address().url(), file.display()));
    }
    Ok(ExitCode::SUCCESS)
}

pub fn restore(file: &Path, replace: bool, settings: &Settings) -> anyhow::Result<ExitCode> {
    let path = key_file(settings);
    let passphrase = ask_passphrase()?;
    let text = if file == Path::new("-") {
        let bytes = bounded::read_stream(io::stdin().lock(), MAX_OF_KEY)
            .context("read the encrypted key from standard input")?;
        String::from_utf8(bytes).context("standard input is not an encrypted onion key")?
    } else {
        bounded::read_text(file, MAX_OF_KEY).with_context(|| format!("read {}", file.display()))?
    };
    let key = tor::unseal(&text, &passphrase)?;
    match read_key(&path) {
        _ if replace => {}
        Ok(Some(old)) if old != key => anyhow::bail!(
            "{} has the key of {}: back it up (`shop onion backup`), then use --replace",
            path.display(),
            old.address().url()
        ),
        Ok(_) => {}
        Err(error) => return Err(error.context("use --replace if it is no longer needed")),
    }
    let home = path.parent().unwrap_or(Path::new(""));
    make_folder(home)?;
    // Tor derived these from the old key, and creates both again.
    if path.file_name().is_some_and(|name| name == "hs_ed25519_secret_key") {
        for name in ["hostname", "hs_ed25519_public_key"] {
            match fs::remove_file(home.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("remove the old {name}"));
                }
                _ => {}
            }
        }
    }
    atomic_file::write(&path, &key.file(), 0o600)
        .with_context(|| format!("store the onion key {}", path.display()))?;
    // A shop that starts before Tor does must not use the discarded address.
    let shared = folder(settings);
    if shared.address().is_some_and(|old| old != key.address()) {
        shared.remove_address().context("remove the old address")?;
    }
    say(&format!("{} is restored; restart the shop or Tor's container", key.address().url()));
    Ok(ExitCode::SUCCESS)
}
