//! Finds a message again after mail programs have renamed its file.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::infra::mail::Maildir;
use crate::infra::mail::maildir::entries;
use crate::infra::mail::message_name::MessageName;

/// Finds messages by the names that the shop gave them, even after mail programs have renamed their files.
///
/// It first tries each name that mutt can give a message: the cost of that does not grow with the number of messages
/// that the seller keeps. Only if a message is not found are the folders listed, once for all lookups.
pub struct Lookup {
    maildir: Maildir,
    /// Messages that another program has renamed, by their original names.
    renamed: Option<HashMap<String, PathBuf>>,
}

/// The flags of the specification, in the order in which they appear in a name.
const FLAGS: &str = "DFPRST";

/// Units: bytes of a message that are read; the shop writes no longer one.
const MAX_READ: u64 = 1_048_576;

impl Lookup {
    pub fn new(maildir: Maildir) -> Self {
        Self { maildir, renamed: None }
    }

    /// Whether a message is there, read or unread, and will survive a power failure.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn is_delivered(&mut self, name: &str) -> io::Result<bool> {
        let Some(path) = self.find(name)? else { return Ok(false) };
        // The process that moved it there may have been stopped before this.
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(true)
    }

    /// The content of a message, read or unread; `None`: it is gone.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        // A mail program may rename it between finding and opening: then the second attempt succeeds.
        for _ in 0..2 {
            let Some(path) = self.find(name)? else { return Ok(None) };
            match File::open(&path) {
                Ok(file) => {
                    let mut message = Vec::new();
                    file.take(MAX_READ).read_to_end(&mut message)?;
                    return Ok(Some(message));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether a mail program has shown it.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn is_seen(&mut self, name: &str) -> io::Result<bool> {
        let found = self.find(name)?;
        let file_name = found.as_ref().and_then(|path| path.file_name()).unwrap_or_default();
        Ok(MessageName::parse(&file_name.to_string_lossy()).is_seen())
    }

    fn find(&mut self, name: &str) -> io::Result<Option<PathBuf>> {
        // In this order: a mail program moves messages from `new` to `cur` and never back, so none can be missed
        // between the two checks.
        let unread = self.maildir.folder.join("new").join(name);
        for path in std::iter::once(unread).chain(usual_names(&self.maildir.folder, name)) {
            if path.try_exists()? {
                return Ok(Some(path));
            }
        }
        if self.renamed.is_none() {
            self.renamed = Some(list_renamed(&self.maildir.folder)?);
        }
        match self.renamed.as_ref().and_then(|renamed| renamed.get(name)) {
            Some(path) if path.try_exists()? => Ok(Some(path.clone())),
            _ => Ok(None),
        }
    }
}

/// Each name that mutt can give a message in `cur`.
fn usual_names(folder: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    let cur = folder.join("cur");
    let without_flags = cur.join(name);
    let with_flags = (0..1_u32 << FLAGS.len()).map(move |chosen| {
        let chosen_flags = FLAGS.char_indices().filter(|(n, _)| chosen >> n & 1 == 1);
        let flags: String = chosen_flags.map(|(_, flag)| flag).collect();
        cur.join(format!("{name}:2,{flags}"))
    });
    std::iter::once(without_flags).chain(with_flags)
}

fn list_renamed(folder: &Path) -> io::Result<HashMap<String, PathBuf>> {
    let mut renamed = HashMap::new();
    for part in ["new", "cur"] {
        for entry in entries(&folder.join(part))? {
            let entry = entry?;
            let file_name = entry.file_name();
            let file_name = file_name.to_string_lossy();
            let name = MessageName::parse(&file_name);
            let is_usual = file_name == name.base()
                || file_name
                    .strip_prefix(name.base())
                    .and_then(|tail| tail.strip_prefix(":2,"))
                    .is_some_and(|flags| {
                        flags.chars().all(|flag| FLAGS.contains(flag))
                            && flags.as_bytes().is_sorted()
                    });
            if name.order_ref().is_some() && !is_usual {
                renamed.insert(name.base().to_owned(), entry.path());
            }
        }
    }
    Ok(renamed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::infra::mail::NewFile;

    const NAME: &str = "1.AAAAAAAAAA_0.shop";

    #[track_caller]
    fn check(place: &str, is_seen: bool) {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::new(home.path().to_owned());
        fs::write(home.path().join(place), "text").unwrap();
        fs::write(home.path().join("cur/1.AAAAAAAAAA_00.shop,U=1:2,S"), "another").unwrap();
        let mut lookup = Lookup::new(maildir.clone());
        assert!(lookup.is_delivered(NAME).unwrap(), "{place}");
        assert_eq!(lookup.is_seen(NAME).unwrap(), is_seen, "{place}");
        assert_eq!(lookup.read(NAME).unwrap().as_deref(), Some(&b"text"[..]), "{place}");
        for other in ["1.AAAAAAAAAA_1.shop", "2.AAAAAAAAAA_0.shop"] {
            assert!(!lookup.is_delivered(other).unwrap() && !lookup.is_seen(other).unwrap());
            assert_eq!(lookup.read(other).unwrap(), None);
        }
        // Deleted meanwhile.
        fs::remove_file(home.path().join(place)).unwrap();
        assert!(!lookup.is_delivered(NAME).unwrap() && !lookup.is_seen(NAME).unwrap());
        assert_eq!(lookup.read(NAME).unwrap(), None);
    }

    #[test]
    fn a_message_is_found_under_whatever_name_it_has_now() {
        for unseen in ["", ",U=7", ",S=12"] {
            check(&format!("new/{NAME}{unseen}"), false);
        }
        for unseen in ["", ":2,", ":2,F", ",U=7:2,", ",S=12:2,", ":2,a", ":1,", ";2,F"] {
            check(&format!("cur/{NAME}{unseen}"), false);
        }
        for seen in [
            ":2,S",
            ":2,FS",
            ":2,SF",
            ":2,Sa",
            ",U=7:2,S",
            ",S=12:2,S",
            ",S=12,W=13:2,RS",
            ";2,S",
            "!2,S",
        ] {
            check(&format!("cur/{NAME}{seen}"), true);
        }
    }

    #[test]
    fn what_was_renamed_after_the_first_look_is_not_delivered_again() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::new(home.path().to_owned());
        let mut lookup = Lookup::new(maildir.clone());
        assert!(!lookup.is_delivered(NAME).unwrap());
        maildir.deliver(NewFile { name: NAME.to_owned(), message: b"text".to_vec() }).unwrap();
        assert!(lookup.is_delivered(NAME).unwrap());
        maildir
            .deliver_read(NewFile {
                name: "2.AAAAAAAAAA_1.shop".to_owned(),
                message: b"two".to_vec(),
            })
            .unwrap();
        assert!(lookup.is_seen("2.AAAAAAAAAA_1.shop").unwrap());
    }
}
