//! Erases an order's messages from the Maildir.

use std::collections::HashSet;
use std::fs::{DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::infra::erased_file::erase_file;
use crate::infra::mail::maildir::entries;
use crate::infra::mail::message_name::MessageName;
use crate::infra::mail::{Maildir, copies};

/// The file system's own folder, unreadable for others. It is there if the Maildir is a separate file system.
const LOST_AND_FOUND: &str = "lost+found";

impl Maildir {
    /// Overwrites and removes every message of these orders, read or unread, in one pass over the Maildir: also the
    /// copies that mail programs have made below it, in sub-folders of any kind and in files of many messages. Symbolic
    /// links are not followed.
    ///
    /// A file in `tmp`, `new` or `cur` belongs to the order in its name, if the shop named it. Any other message
    /// belongs to the order that a line `X-Shop-Order` in its own header names. A message that only quotes or contains
    /// such a message stays.
    ///
    /// # Errors
    /// Any I/O error, or a mail program was active at the same time: then some messages may be left.
    pub fn erase_all(&self, order_refs: &HashSet<&str>) -> io::Result<()> {
        let mut folders: Vec<PathBuf> =
            ["tmp", "new", "cur"].iter().map(|part| self.folder.join(part)).collect();
        for folder in &folders {
            erase_in(folder, true, order_refs, &mut Vec::new())?;
        }
        let mut others = Vec::new();
        erase_in(&self.folder, false, order_refs, &mut others)?;
        others.retain(|folder| !folders.contains(folder));
        folders = others;
        while let Some(folder) = folders.pop() {
            let holds_messages = is_part(&folder);
            erase_in(&folder, holds_messages, order_refs, &mut folders).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
            })?;
        }
        Ok(())
    }
}

/// Whether each file of a folder is one message.
fn is_part(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == "tmp" || name == "new" || name == "cur")
}

/// Erases the messages in one folder, and collects its sub-folders.
fn erase_in(
    folder: &Path,
    is_part: bool,
    order_refs: &HashSet<&str>,
    folders: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let (mut erased, mut missed) = (false, false);
    for entry in entries(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != LOST_AND_FOUND {
            folders.push(entry.path());
        }
        if !kind.is_file() {
            continue;
        }
        match erase_from(&entry, is_part, order_refs) {
            Ok(was_there) => erased |= was_there,
            // A mail program has moved or removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => missed = true,
            Err(error) => return Err(error),
        }
    }
    if erased {
        File::open(folder)?.sync_all()?;
    }
    if missed { Err(io::Error::other("a message was moved at the same time")) } else { Ok(()) }
}

/// Returns whether there was something to erase.
fn erase_from(entry: &DirEntry, is_part: bool, order_refs: &HashSet<&str>) -> io::Result<bool> {
    let (path, name) = (entry.path(), entry.file_name());
    if is_part && let Some(order_ref) = MessageName::parse(&name.to_string_lossy()).order_ref() {
        if !order_refs.contains(order_ref) {
            return Ok(false);
        }
        return erase_file(&path).map(|()| true);
    }
    copies::erase(&path, is_part, order_refs)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(home: &Path, name: &str, text: &str) {
        let path = home.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn of(order_ref: &str) -> String {
        format!("From: order+{order_ref}@shop.invalid\nX-Shop-Order: {order_ref}\n\nAda\n")
    }

    #[test]
    fn only_the_messages_of_the_order_are_erased() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::new(home.path().join("mail"));
        let mail = home.path().join("mail");
        let (gone, stays) = (of("AAAAAAAAAA"), of("BBBBBBBBBB"));
        let quoting =
            "From: me\nSubject: x\n\n> X-Shop-Order: AAAAAAAAAA\nX-Shop-Order: AAAAAAAAAA\n";
        let holding = "From: me\nContent-Type: message/rfc822\n\nX-Shop-Order: AAAAAAAAAA\n\nAda\n";
        let erased = [
            "new/1.AAAAAAAAAA_0.shop",
            "cur/2.AAAAAAAAAA_1.shop:2,FS",
            "cur/3.AAAAAAAAAA_2.shop,U=7:2,S",
            "new/3.AAAAAAAAAA_3.shop,S=12",
            "tmp/1.AAAAAAAAAA_0.shop.17.0",
            "cur/1700000000.M1P2.host,S=12:2,Sa",
            // Copies as made by mutt, Dovecot and mbsync.
            "order+AAAAAAAAAA/cur/1700000000.R1.host:2,S",
            ".Saved/cur/1700000000.M1.host:2,S",
            "a/b/c/new/17.x",
            ".Saved/tmp/17.y",
            "saved-mh/12",
            "single",
        ];
        let kept = [
            ("new/3.BBBBBBBBBB_0.shop", stays.as_str()),
            ("cur/1700000000.M1P3.host:2,S", &stays),
            ("cur/4.M1P2.host:2,S", quoting),
            (".Sent/cur/5.M1.host:2,S", holding),
            ("cur/6.M1.host", "X-Shop-Order"),
            ("cur/7.12345_1.host:2,S", "Subject: AAAAAAAAAA\n\nX-Shop-Order: AAAAAAAAAA\n"),
            ("empty", ""),
            ("notes/AAAAAAAAAA.txt", "X-Shop-Order AAAAAAAAAA\n"),
            ("cur/8.M1.host", "X-Shop-Order: AAAAAAAAAAA\n\n"),
            ("cur/9.M1.host", "X-Shop-Orders: AAAAAAAAAA\n\n"),
            ("dovecot.index", "\u{1}\u{0}binary"),
        ];
        for name in erased {
            written(&mail, name, &gone);
        }
        for (name, text) in kept {
            written(&mail, name, text);
        }
        maildir.erase_all(&HashSet::from(["AAAAAAAAAA", "CCCCCCCCCC"])).unwrap();
        for name in erased {
            assert!(!mail.join(name).exists(), "{name}");
        }
        for (name, text) in kept {
            assert_eq!(fs::read_to_string(mail.join(name)).unwrap(), text, "{name}");
        }
    }

    #[test]
    fn no_link_leads_out_of_the_maildir() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::new(home.path().join("mail"));
        written(home.path(), "elsewhere/cur/1.AAAAAAAAAA_0.shop:2,S", &of("AAAAAAAAAA"));
        written(
            home.path(),
            "elsewhere/box",
            &format!("From x Sat Nov 21 00:00:01 2026\n{}", of("AAAAAAAAAA")),
        );
        for (to, at) in [
            ("elsewhere", ".Linked"),
            ("elsewhere/box", "box"),
            ("elsewhere/box", "cur/1.AAAAAAAAAA_0.shop"),
        ] {
            std::os::unix::fs::symlink(home.path().join(to), home.path().join("mail").join(at))
                .unwrap();
        }
        std::os::unix::fs::symlink(home.path().join("mail"), home.path().join("mail/.loop"))
            .unwrap();
        maildir.erase_all(&HashSet::from(["AAAAAAAAAA"])).unwrap();
        assert!(home.path().join("elsewhere/cur/1.AAAAAAAAAA_0.shop:2,S").exists());
        assert!(fs::read_to_string(home.path().join("elsewhere/box")).unwrap().contains("Ada"));
        assert!(home.path().join("mail/box").is_symlink());
    }
}
