//! Checks whether a message could be delivered now.

use std::collections::hash_map::RandomState;
use std::fs;
use std::fs::OpenOptions;
use std::hash::BuildHasher;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::infra::erased_file::remove_if_present;

/// How often a trial is repeated because a concurrent one has removed its file.
const TRIES: usize = 3;

/// Writes a file as a message is delivered, and removes it, to check whether a message could be delivered now. Files
/// that an earlier trial could not remove are removed too.
///
/// # Errors
/// Any I/O error.
pub fn try_to_write(maildir: &Path) -> io::Result<()> {
    for _ in 1..TRIES {
        match try_once(maildir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            tried => return tried,
        }
    }
    try_once(maildir)
}

fn try_once(maildir: &Path) -> io::Result<()> {
    // The name cannot be guessed, so nobody can put a link there; mail readers ignore names that begin with a dot.
    let name = format!("{PREFIX}{:016x}{SUFFIX}", RandomState::new().hash_one(maildir));
    let (draft, moved) = (maildir.join("tmp").join(&name), maildir.join("new").join(&name));
    // `create_new` follows no symbolic link.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = file
        .write_all(b"trial\n")
        .and_then(|()| file.sync_all())
        // The folder to which messages are moved must be writable too.
        .and_then(|()| fs::rename(&draft, &moved))
        .and_then(|()| fs::remove_file(&moved));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
        let _ = fs::remove_file(&moved);
        return written;
    }
    remove_left(&maildir.join("tmp"))?;
    remove_left(&maildir.join("new"))
}

const PREFIX: &str = ".trial.";
const SUFFIX: &str = ".shop";
/// The name in `tmp` of earlier versions; in `new` it began with a dot.
const OLD_NAME: &str = "trial.shop";

fn remove_left(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_trial = name.starts_with(PREFIX) && name.ends_with(SUFFIX) || name == OLD_NAME;
        if is_trial && !entry.file_type()?.is_dir() {
            // A concurrent trial may have removed it.
            remove_if_present(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn maildir() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for part in ["tmp", "new", "cur"] {
            fs::create_dir(home.path().join(part)).unwrap();
        }
        home
    }

    fn names(home: &Path) -> Vec<String> {
        ["tmp", "new"]
            .iter()
            .flat_map(|part| fs::read_dir(home.join(part)).unwrap())
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_trial_writes_through_no_link_and_leaves_nothing() {
        let home = maildir();
        let kept = home.path().join("kept");
        fs::write(&kept, "the seller's").unwrap();
        for link in ["tmp/trial.shop", "new/.trial.shop", "tmp/.trial.0.shop"] {
            symlink(&kept, home.path().join(link)).unwrap();
        }
        fs::write(home.path().join("new/1.AAAAAAAAAA_0.shop"), "a message").unwrap();
        try_to_write(home.path()).unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), "the seller's");
        assert_eq!(names(home.path()), ["1.AAAAAAAAAA_0.shop"]);
    }

    #[test]
    fn a_folder_that_takes_no_message_fails_the_trial() {
        let home = maildir();
        fs::remove_dir(home.path().join("new")).unwrap();
        assert!(try_to_write(home.path()).is_err());
        fs::write(home.path().join("new"), "no folder").unwrap();
        assert!(try_to_write(home.path()).is_err());
        assert!(fs::read_dir(home.path().join("tmp")).unwrap().next().is_none());
    }

    #[test]
    fn trials_at_the_same_time_do_not_disturb_each_other() {
        let home = maildir();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| try_to_write(home.path()).unwrap());
            }
        });
        assert!(names(home.path()).is_empty());
    }
}
