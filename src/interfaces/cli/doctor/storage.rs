//! Doctor checks of what is stored: database, journal, messages, secrets, file modes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::actions::Shop;
use crate::domain::values::plural;
use crate::infra::config::Settings;
use crate::infra::mail::Maildir;
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::cli::doctor::finding::{Finding, ill, note, well};
use crate::interfaces::cli::{onion, open};

/// Units: bytes. An open shop empties its journal each minute.
const LONG_JOURNAL: u64 = 64 << 20;

pub async fn check_database(shop: &Shop, settings: &Settings) -> Finding {
    const CHECK: &str = "database";
    let path = settings.storage.database.display();
    let restore = "stop the shop, move the file away, and restore a backup (`shop restore`)";
    let found = async { store::snapshot::find_damage(&mut *shop.db.reader().await?).await };
    match found.await {
        Ok(None) => {}
        Ok(Some(damage)) => return ill(CHECK, format!("{path} is damaged: {damage}"), restore),
        Err(error) => return ill(CHECK, error.to_string(), restore),
    }
    check_journal(settings).unwrap_or_else(|| {
        let n_kilobytes = n_bytes_of_journal(settings) >> 10;
        well(CHECK, format!("{path} is intact and up to date; its journal has {n_kilobytes} KB"))
    })
}

/// `None`: it is as short as it should be.
pub fn check_journal(settings: &Settings) -> Option<Finding> {
    let n_bytes = n_bytes_of_journal(settings);
    (LONG_JOURNAL < n_bytes).then(|| {
        note(
            "database",
            format!("its journal has {} MB and may still contain deleted data", n_bytes >> 20),
            "another program is reading the database: stop it, then run `shop purge`",
        )
    })
}

fn n_bytes_of_journal(settings: &Settings) -> u64 {
    let journal = open::with_suffix(&settings.storage.database, "-wal");
    fs::metadata(journal).map_or(0, |file| file.len())
}

pub async fn check_messages(shop: &Shop) -> Finding {
    const CHECK: &str = "messages";
    let found = async {
        let mut db = shop.db.reader().await?;
        let n_untold = store::outbox::count_undelivered(&mut db).await?;
        Ok::<_, StoreError>((n_untold, store::outbox::count_held_back(&mut db).await?))
    };
    match found.await {
        Ok((0, 0)) => well(CHECK, "all messages are in the Maildir"),
        Ok((0, n_held_back)) => well(
            CHECK,
            format!(
                "all messages are in the Maildir, except {n_held_back} of orders that nobody has reported or paid"
            ),
        ),
        Ok((untold, _)) => ill(
            CHECK,
            format!("{} not yet written to the Maildir", plural(untold, "message", "messages")),
            "see the Maildir check; a running shop writes them as soon as possible",
        ),
        Err(error) => ill(CHECK, error.to_string(), ""),
    }
}

pub fn check_maildir(settings: &Settings) -> Finding {
    const CHECK: &str = "Maildir";
    let folder = settings.mail.maildir.display();
    let maildir = Maildir::new(settings.mail.maildir.clone());
    if let Err(error) = maildir.try_to_write() {
        return ill(
            CHECK,
            format!("{folder} cannot be written ({error})"),
            "give the shop's user write access, and check that the disk is not full",
        );
    }
    let us = rustix::process::geteuid().as_raw();
    let strange: Vec<String> = ["", "tmp", "new", "cur"]
        .iter()
        .map(|part| settings.mail.maildir.join(part))
        .filter(|path| fs::metadata(path).is_ok_and(|found| found.uid() != us))
        .map(|path| path.display().to_string())
        .collect();
    if !strange.is_empty() {
        return note(
            CHECK,
            format!("{} belong to another user than this process", strange.join(", ")),
            "run the shop and mutt as the same user, or `chown` the folder to the shop's user",
        );
    }
    match maildir.oldest_unread() {
        Ok(None) => well(CHECK, format!("{folder} is writable; no unread messages")),
        Ok(Some(seconds)) => {
            let day = crate::domain::values::Timestamp::new(seconds).map_or_else(
                |_| "an unknown date".to_owned(),
                crate::domain::values::Timestamp::day,
            );
            well(CHECK, format!("{folder} is writable; the oldest unread message is from {day}"))
        }
        Err(error) => ill(
            CHECK,
            format!("{folder}: {error}"),
            "give the shop's user read access to the folder",
        ),
    }
}

/// What the shop writes, its own user alone may read.
pub fn check_modes(settings: &Settings) -> Finding {
    let mut paths = vec![
        PathBuf::from(".env"),
        settings.storage.database.clone(),
        open::secret_file(settings),
        onion::key_file(settings),
        onion::desk_key_file(settings),
    ];
    paths.extend(
        ["-wal", "-shm"].map(|suffix| open::with_suffix(&settings.storage.database, suffix)),
    );
    paths.extend(["tmp", "new", "cur"].map(|folder| settings.mail.maildir.join(folder)));
    let bare: Vec<String> = paths
        .iter()
        .filter(|path| is_readable_by_others(path))
        .map(|path| path.display().to_string())
        .collect();
    if bare.is_empty() {
        well(
            "permissions",
            "settings, database, keys and messages are readable only by the shop's user",
        )
    } else {
        ill(
            "permissions",
            format!("other users can read {}", bare.join(", ")),
            format!("chmod go-rwx {}", bare.join(" ")),
        )
    }
}

fn is_readable_by_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

pub fn check_secret(settings: &Settings) -> Finding {
    const CHECK: &str = "secret";
    match &settings.storage.secret {
        Some(secret) if secret.len() < 32 => ill(
            CHECK,
            "SECRET has fewer than 32 characters and could be guessed",
            "remove the setting, and the shop creates one",
        ),
        Some(_) => well(CHECK, "set in the configuration"),
        None if !open::secret_file(settings).exists() => {
            well(CHECK, "none yet: created at the first start")
        }
        None => match open::secret(settings) {
            Ok(_) => well(CHECK, "stored next to the database"),
            Err(error) => ill(CHECK, format!("{error:#}"), ""),
        },
    }
}
