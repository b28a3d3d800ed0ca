use crate::actions::Shop;
use crate::cli::doctor::Finding;
use crate::cli::doctor::ill;
use crate::cli::doctor::note;
use crate::cli::doctor::well;
use crate::cli::onion;
use crate::cli::open;
use crate::config::Settings;
use crate::mail::Maildir;
use crate::store;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

/// Units: bytes. An open shop empties its journal each minute.
const LONG_JOURNAL: u64 = 64 << 20;

pub async fn look_at_database(shop: &Shop, settings: &Settings) -> Finding {
    const CHECK: &str = "database";
    let path = settings.database.display();
    let restore = "stop the shop, move the file away, and bring a copy back (`shop restore`)";
    match store::copy::find_damage(&shop.db).await {
        Ok(None) => {}
        Ok(Some(damage)) => return ill(CHECK, format!("{path} is damaged: {damage}"), restore),
        Err(error) => return ill(CHECK, error.to_string(), restore),
    }
    look_at_journal(settings).unwrap_or_else(|| {
        let n_kilobytes = n_bytes_of_journal(settings) >> 10;
        well(CHECK, format!("{path} is whole and up to date; its journal has {n_kilobytes} KB"))
    })
}

/// `None`: it is as short as it should be.
pub fn look_at_journal(settings: &Settings) -> Option<Finding> {
    let n_bytes = n_bytes_of_journal(settings);
    (LONG_JOURNAL < n_bytes).then(|| {
        note(
            "database",
            format!("its journal has {} MB, and what was erased may lie on in it", n_bytes >> 20),
            "somebody keeps the database open for reading: end that program, then `shop purge`",
        )
    })
}

fn n_bytes_of_journal(settings: &Settings) -> u64 {
    let mut journal = settings.database.as_os_str().to_owned();
    journal.push("-wal");
    fs::metadata(PathBuf::from(journal)).map_or(0, |found| found.len())
}

pub async fn look_at_messages(shop: &Shop) -> Finding {
    const CHECK: &str = "messages";
    match store::owed::count_untold(&shop.db).await {
        Ok(0) => well(CHECK, "every order lies in the Maildir"),
        Ok(untold) => ill(
            CHECK,
            format!("{untold} wait to be written into the Maildir"),
            "see the line of the Maildir; an open shop writes them as soon as it can",
        ),
        Err(error) => ill(CHECK, error.to_string(), ""),
    }
}

pub fn look_at_maildir(settings: &Settings) -> Finding {
    const CHECK: &str = "Maildir";
    let folder = settings.maildir.display();
    let maildir = Maildir::new(settings.maildir.clone());
    if let Err(error) = maildir.try_to_write() {
        return ill(
            CHECK,
            format!("{folder} cannot be written ({error})"),
            "let the shop's user write there; is the disk full?",
        );
    }
    let us = rustix::process::geteuid().as_raw();
    let strange: Vec<String> = ["", "tmp", "new", "cur"]
        .iter()
        .map(|part| settings.maildir.join(part))
        .filter(|path| fs::metadata(path).is_ok_and(|found| found.uid() != us))
        .map(|path| path.display().to_string())
        .collect();
    if !strange.is_empty() {
        return note(
            CHECK,
            format!("{} belong to another user than the one that runs this", strange.join(", ")),
            "run shop and mutt as one user, or `chown` the folder to the shop's",
        );
    }
    match maildir.oldest_unread() {
        Ok(None) => well(CHECK, format!("{folder} can be written; nothing is unread")),
        Ok(Some(seconds)) => {
            let day = crate::values::Moment::new(seconds)
                .map_or_else(|_| "a day unknown".to_owned(), crate::values::Moment::day);
            well(CHECK, format!("{folder} can be written; the oldest unread message is of {day}"))
        }
        Err(error) => {
            ill(CHECK, format!("{folder}: {error}"), "let the shop's user read the folder")
        }
    }
}

/// What the shop writes, its own user alone may read.
pub fn look_at_modes(settings: &Settings) -> Finding {
    let mut paths = vec![
        PathBuf::from(".env"),
        settings.database.clone(),
        open::secret_file(settings),
        onion::key_file(settings),
        onion::desk_key_file(settings),
    ];
    for tail in ["-wal", "-shm"] {
        let mut beside = settings.database.as_os_str().to_owned();
        beside.push(tail);
        paths.push(PathBuf::from(beside));
    }
    for part in ["tmp", "new", "cur"] {
        paths.push(settings.maildir.join(part));
    }
    let bare: Vec<String> = paths
        .iter()
        .filter(|path| is_readable_by_others(path))
        .map(|path| path.display().to_string())
        .collect();
    if bare.is_empty() {
        well("modes", "settings, database, keys and messages are readable by the shop's user alone")
    } else {
        ill(
            "modes",
            format!("others may read {}", bare.join(", ")),
            format!("chmod go-rwx {}", bare.join(" ")),
        )
    }
}

fn is_readable_by_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

pub fn look_at_secret(settings: &Settings) -> Finding {
    const CHECK: &str = "secret";
    match &settings.secret {
        Some(secret) if secret.len() < 32 => ill(
            CHECK,
            "SECRET has fewer than 32 characters and might be guessed",
            "leave it out, and one is made",
        ),
        Some(_) => well(CHECK, "it is given by the settings"),
        None if !open::secret_file(settings).exists() => {
            well(CHECK, "none yet: the first start makes one")
        }
        None => match open::secret(settings) {
            Ok(_) => well(CHECK, "it is kept beside the database"),
            Err(error) => ill(CHECK, format!("{error:#}"), ""),
        },
    }
}
