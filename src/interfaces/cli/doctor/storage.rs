//! Doctor checks of what is stored: database, journal, messages, secrets, file modes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::actions::Shop;
use crate::domain::values::{Timestamp, plural};
use crate::infra::atomic_file::with_suffix;
use crate::infra::config::Settings;
use crate::infra::mail::Maildir;
use crate::infra::store;
use crate::infra::store::{StoreError, update};
use crate::interfaces::cli::doctor::finding::{Finding, bad, note, ok};
use crate::interfaces::cli::{onion, shop_context};

/// Units: bytes. A running shop empties its journal every minute.
const LONG_JOURNAL: u64 = 64 << 20;

/// Of a database that was opened. `is_deep`: [`check_integrity`] comes later.
pub fn check_database(settings: &Settings, is_deep: bool) -> Finding {
    check_journal(settings).unwrap_or_else(|| {
        let path = settings.storage.database.display();
        let n_kilobytes = n_bytes_of_journal(settings) >> 10;
        let mut rest = String::new();
        let copy = update::copy_of(&settings.storage.database);
        if copy.exists() {
            rest += &format!("; {} is a copy from before its update", copy.display());
        }
        if !is_deep {
            rest += "; `shop doctor --deep` reads all of it";
        }
        ok(
            "database",
            format!("{path} is readable and up to date; its journal is {n_kilobytes} KB{rest}"),
        )
    })
}

/// Reads the whole database.
pub async fn check_integrity(shop: &Shop, settings: &Settings) -> Finding {
    const CHECK: &str = "integrity";
    let path = settings.storage.database.display();
    let restore = "stop the shop, move the file away, and restore a backup (`shop restore`)";
    let query = async { store::snapshot::find_damage(&mut *shop.db.reader().await?).await };
    match query.await {
        Ok(None) => ok(CHECK, format!("{path} is intact")),
        Ok(Some(damage)) => bad(CHECK, format!("{path} is damaged: {damage}"), restore),
        Err(error) => bad(CHECK, error.to_string(), restore),
    }
}

/// `None`: it is short enough.
pub fn check_journal(settings: &Settings) -> Option<Finding> {
    let n_bytes = n_bytes_of_journal(settings);
    (LONG_JOURNAL < n_bytes).then(|| {
        note(
            "database",
            format!("its journal is {} MB and may still contain deleted data", n_bytes >> 20),
            "another program is reading the database: stop it, then run `shop purge`",
        )
    })
}

fn n_bytes_of_journal(settings: &Settings) -> u64 {
    let journal = with_suffix(&settings.storage.database, "-wal");
    fs::metadata(journal).map_or(0, |file| file.len())
}

pub async fn check_messages(shop: &Shop) -> Result<Finding, StoreError> {
    const CHECK: &str = "messages";
    let mut db = shop.db.reader().await?;
    let n_undelivered = store::outbox::count_undelivered(&mut db).await?;
    let n_held_back = store::outbox::count_held_back(&mut db).await?;
    Ok(match (n_undelivered, n_held_back) {
        (0, 0) => ok(CHECK, "all messages are in the Maildir"),
        (0, _) => ok(
            CHECK,
            format!(
                "all messages are in the Maildir, except {n_held_back} of orders that nobody has reported or paid"
            ),
        ),
        _ => bad(
            CHECK,
            format!(
                "{} not yet written to the Maildir",
                plural(n_undelivered, "message", "messages")
            ),
            "see the Maildir check; a running shop writes them as soon as possible",
        ),
    })
}

pub fn check_maildir(settings: &Settings) -> Finding {
    const CHECK: &str = "Maildir";
    let folder = settings.mail.maildir.display();
    let maildir = Maildir::new(settings.mail.maildir.clone());
    if let Err(error) = maildir.try_to_write() {
        return bad(
            CHECK,
            format!("{folder} cannot be written ({error})"),
            "give the shop's user write access, and check that the disk is not full",
        );
    }
    let us = rustix::process::geteuid().as_raw();
    let foreign: Vec<String> = ["", "tmp", "new", "cur"]
        .iter()
        .map(|part| settings.mail.maildir.join(part))
        .filter(|path| fs::metadata(path).is_ok_and(|file| file.uid() != us))
        .map(|path| path.display().to_string())
        .collect();
    if !foreign.is_empty() {
        return note(
            CHECK,
            format!("{} belong to another user than this process", foreign.join(", ")),
            "run the shop and mutt as the same user, or `chown` the folder to the shop's user",
        );
    }
    match maildir.oldest_unread() {
        Ok(None) => ok(CHECK, format!("{folder} is writable; no unread messages")),
        Ok(Some(seconds)) => {
            let day = Timestamp::new(seconds)
                .map_or_else(|_| "an unknown date".to_owned(), Timestamp::day);
            ok(CHECK, format!("{folder} is writable; the oldest unread message is from {day}"))
        }
        Err(error) => bad(
            CHECK,
            format!("{folder}: {error}"),
            "give the shop's user read access to the folder",
        ),
    }
}

/// Only the shop's user may read what the shop writes.
pub fn check_modes(settings: &Settings) -> Finding {
    let mut paths = vec![
        PathBuf::from(".env"),
        settings.storage.database.clone(),
        shop_context::secret_file(settings),
        onion::key_file(settings),
        onion::desk_key_file(settings),
    ];
    paths.extend(
        ["-wal", "-shm", ".before-update"]
            .map(|suffix| with_suffix(&settings.storage.database, suffix)),
    );
    paths.extend(["tmp", "new", "cur"].map(|folder| settings.mail.maildir.join(folder)));
    let readable: Vec<String> = paths
        .iter()
        .filter(|path| is_readable_by_others(path))
        .map(|path| path.display().to_string())
        .collect();
    if readable.is_empty() {
        ok(
            "permissions",
            "settings, database, keys and messages are readable only by the shop's user",
        )
    } else {
        bad(
            "permissions",
            format!("other users can read {}", readable.join(", ")),
            format!("chmod go-rwx {}", readable.join(" ")),
        )
    }
}

fn is_readable_by_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

pub fn check_secret(settings: &Settings) -> Finding {
    const CHECK: &str = "secret";
    match &settings.storage.secret {
        Some(secret) if secret.len() < 32 => bad(
            CHECK,
            "SECRET has fewer than 32 characters and could be guessed",
            "remove the setting, and the shop creates one",
        ),
        Some(_) => ok(CHECK, "set in the configuration"),
        None if !shop_context::secret_file(settings).exists() => {
            ok(CHECK, "none yet: created at the first start")
        }
        None => match shop_context::secret(settings) {
            Ok(_) => ok(CHECK, "stored next to the database"),
            Err(error) => bad(CHECK, format!("{error:#}"), ""),
        },
    }
}
