//! Delivers messages to a Maildir: completely, and once.

use std::fs;
use std::fs::{DirBuilder, DirEntry, File, FileTimes, OpenOptions};
use std::io;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use crate::domain::values::Timestamp;
use crate::infra::erased_file::erase_file;
use crate::infra::failpoints;
use crate::infra::file_sync::sync_new;
use crate::infra::mail::message_name::MessageName;
use crate::infra::mail::write_trial::try_to_write;

/// A folder with one file per message, which any mail reader can open.
///
/// Shape: `tmp`, `new` and `cur`. Source: <https://cr.yp.to/proto/maildir.html>, except that file names do not contain
/// the host's name: a message's name is derived from its order, so that a second delivery finds the first.
#[derive(Clone, Debug)]
pub struct Maildir {
    pub(super) folder: PathBuf,
}

/// A message that is to be delivered.
pub struct NewFile {
    /// Letters, digits, `.` and `_`.
    pub name: String,
    pub message: Vec<u8>,
}

/// A message in `tmp`.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Maildir {
    /// Sets the folder and creates it if possible, readable only by its owner.
    pub fn new(folder: PathBuf) -> Self {
        let maildir = Self { folder };
        // If this fails, the delivery will report why; orders are accepted all the same.
        let _ = maildir.make();
        maildir
    }

    fn make(&self) -> io::Result<()> {
        for part in ["tmp", "new", "cur"] {
            let path = self.folder.join(part);
            if !path.is_dir() {
                DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            }
        }
        Ok(())
    }

    /// Delivers messages completely and once: those for which this returns `Ok` will survive a power failure. Several cost
    /// the disk as much as one.
    ///
    /// If a message with that name is in `new`, it is not delivered again. Whether one is in `cur`, read and flagged, must be
    /// checked by the caller with [`crate::infra::mail::Lookup::is_delivered`]: searching through all messages that the
    /// seller keeps would make each order slower than the last.
    ///
    /// # Errors
    /// Any I/O error, for each message; then it is not in `new`, and another attempt is safe.
    pub fn deliver_all(&self, messages: &[NewFile]) -> Vec<io::Result<()>> {
        self.deliver_into("new", "", messages)
    }

    /// The same for one message.
    ///
    /// # Errors
    /// As [`Self::deliver_all`].
    pub fn deliver(&self, message: NewFile) -> io::Result<()> {
        self.deliver_all(&[message]).into_iter().collect()
    }

    /// The same for the seller's own actions, which are not news: the message goes to `cur`, marked as read.
    ///
    /// # Errors
    /// As [`Self::deliver_all`].
    pub fn deliver_read(&self, message: NewFile) -> io::Result<()> {
        self.deliver_into("cur", ":2,S", &[message]).into_iter().collect()
    }

    fn deliver_into(&self, part: &str, flags: &str, messages: &[NewFile]) -> Vec<io::Result<()>> {
        let folder = self.folder.join(part);
        let made = self.make();
        let drafts: Vec<io::Result<Draft>> = messages
            .iter()
            .map(|message| copy_error(&made).and_then(|()| self.draft(message)))
            .collect();
        let written: Vec<&File> = drafts.iter().flatten().map(|draft| &draft.file).collect();
        let synced = sync_new(&written);
        if synced.is_ok() && !written.is_empty() {
            failpoints::at("message-drafted");
        }
        let mut moved = Vec::with_capacity(messages.len());
        for (message, draft) in messages.iter().zip(drafts) {
            let target = folder.join(format!("{}{flags}", message.name));
            moved.push(draft.and_then(|draft| {
                let is_moved = copy_error(&synced).and_then(|()| move_in(&draft.path, &target));
                failpoints::at("message-moved");
                // A delivered message has another name by now, and is kept.
                let _ = if let Ok(true) = is_moved {
                    fs::remove_file(&draft.path)
                } else {
                    erase_file(&draft.path)
                };
                Ok((target, is_moved?))
            }));
        }
        if moved.iter().all(Result::is_err) {
            return moved.into_iter().map(|moved| moved.map(|_| ())).collect();
        }
        // Without this, the files may be back in `tmp` after a power failure.
        let synced = File::open(&folder).and_then(|folder| folder.sync_all());
        moved
            .into_iter()
            .map(|moved| {
                let (target, is_ours) = moved?;
                if synced.is_err() && is_ours {
                    // A second fsync that succeeds would prove nothing: the next attempt writes a new file.
                    let _ = erase_file(&target);
                }
                copy_error(&synced)
            })
            .collect()
    }

    /// Writes a message into `tmp`.
    fn draft(&self, message: &NewFile) -> io::Result<Draft> {
        let NewFile { name, message } = message;
        // A unique name: a concurrent delivery of the same message has its own draft.
        static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
        let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join("tmp").join(format!("{name}.{}.{attempt}", std::process::id()));
        // `create_new` follows no symbolic link and does not open an existing file.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        // The file's modification time would reveal the hour: it is set to the start of the day, as in the name.
        let day = name.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
        let day = UNIX_EPOCH + Duration::from_secs(day);
        let written = file
            .write_all(message)
            .and_then(|()| file.set_times(FileTimes::new().set_accessed(day).set_modified(day)));
        if let Err(error) = written {
            let _ = erase_file(&path);
            return Err(error);
        }
        Ok(Draft { path, file })
    }

    /// Removes drafts in `tmp` that an interrupted process left, last touched before this moment: a draft has the
    /// content of its message. If one is still being written, its delivery fails and is tried again.
    pub fn clear_drafts(&self, before: Timestamp) -> io::Result<()> {
        for entry in entries(&self.folder.join("tmp"))? {
            let entry = entry?;
            // The modification time is the start of the day; the change time is the file system's own.
            let name = entry.file_name();
            let is_ours = MessageName::parse(&name.to_string_lossy()).order_ref().is_some();
            if is_ours && entry.metadata()?.ctime() < before.get() {
                erase_file(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Since when the oldest message is in `new`, not opened by any mail reader; Unix seconds, taken from the name.
    ///
    /// # Errors
    /// Any I/O error; a missing folder counts as empty.
    pub fn oldest_unread(&self) -> io::Result<Option<i64>> {
        self.pick_time("new", i64::min)
    }

    /// When the newest message was written, read or unread; in the same way.
    ///
    /// # Errors
    /// As [`Self::oldest_unread`].
    pub fn newest(&self) -> io::Result<Option<i64>> {
        Ok(self.pick_time("new", i64::max)?.max(self.pick_time("cur", i64::max)?))
    }

    fn pick_time(&self, part: &str, pick: fn(i64, i64) -> i64) -> io::Result<Option<i64>> {
        let mut picked: Option<i64> = None;
        for entry in entries(&self.folder.join(part))? {
            let name = entry?.file_name();
            let seconds = MessageName::parse(&name.to_string_lossy()).seconds();
            picked = [picked, seconds].into_iter().flatten().reduce(pick);
        }
        Ok(picked)
    }

    /// Writes, syncs and removes a draft, to check whether an order could be delivered now.
    pub fn try_to_write(&self) -> io::Result<()> {
        self.make()?;
        try_to_write(&self.folder)
    }
}

/// The entries of a folder; a missing folder counts as empty.
pub(super) fn entries(
    folder: &Path,
) -> io::Result<impl Iterator<Item = io::Result<DirEntry>> + use<>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        Err(error) => Err(error),
    }
}

/// The same error for every message that it befell.
fn copy_error(done: &io::Result<()>) -> io::Result<()> {
    match done {
        Ok(()) => Ok(()),
        Err(error) => {
            Err(error.raw_os_error().map_or(error.kind().into(), io::Error::from_raw_os_error))
        }
    }
}

/// Moves a draft to its target, and returns whether it was moved: an existing file is not replaced.
fn move_in(draft: &Path, target: &Path) -> io::Result<bool> {
    match fs::hard_link(draft, target) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // For a file system without hard links: then a rename must do.
        Err(_) => fs::rename(draft, target).map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, message: &[u8]) -> NewFile {
        NewFile { name: name.to_owned(), message: message.to_owned() }
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_message_is_delivered_once_even_after_it_was_read() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::new(home.path().join("mail"));
        maildir.deliver(file("1.AAAAAAAAAA_0.shop", b"one")).unwrap();
        maildir.deliver(file("1.AAAAAAAAAA_0.shop", b"one")).unwrap();
        let (new, cur) = (maildir.folder.join("new"), maildir.folder.join("cur"));
        assert_eq!(names(&new), ["1.AAAAAAAAAA_0.shop"]);
        fs::rename(new.join("1.AAAAAAAAAA_0.shop"), cur.join("1.AAAAAAAAAA_0.shop:2,FS")).unwrap();
        assert!(names(&new).is_empty() && names(&maildir.folder.join("tmp")).is_empty());
        maildir.deliver_read(file("2.AAAAAAAAAA_1.shop", b"two")).unwrap();
        maildir.deliver_read(file("2.AAAAAAAAAA_1.shop", b"two")).unwrap();
        let modified_at =
            fs::metadata(cur.join("2.AAAAAAAAAA_1.shop:2,S")).unwrap().modified().unwrap();
        assert_eq!(modified_at, UNIX_EPOCH + Duration::from_secs(2));
    }

    #[test]
    fn a_message_that_many_deliver_at_once_is_there_once_and_whole() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::new(home.path().to_owned());
        let message = vec![b'm'; 200_000];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| maildir.deliver(file("1.AAAAAAAAAA_0.shop", &message)).unwrap());
            }
        });
        assert_eq!(fs::read(home.path().join("new/1.AAAAAAAAAA_0.shop")).unwrap(), message);
        assert!(names(&home.path().join("tmp")).is_empty());
    }

    #[test]
    fn of_several_messages_each_is_delivered_that_can_be() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::new(home.path().to_owned());
        let (new, tmp) = (home.path().join("new"), home.path().join("tmp"));
        let sent =
            ["1.AAAAAAAAAA_0.shop", "no/folder", "2.BBBBBBBBBB_0.shop", "1.AAAAAAAAAA_0.shop"];
        let sent = sent.map(|name| file(name, name.as_bytes()));
        let delivered = maildir.deliver_all(&sent);
        assert_eq!(
            delivered.iter().map(Result::is_ok).collect::<Vec<_>>(),
            [true, false, true, true]
        );
        let mut names_of_new = names(&new);
        names_of_new.sort();
        assert_eq!(names_of_new, ["1.AAAAAAAAAA_0.shop", "2.BBBBBBBBBB_0.shop"]);
        assert_eq!(fs::read(new.join("2.BBBBBBBBBB_0.shop")).unwrap(), b"2.BBBBBBBBBB_0.shop");
        assert!(names(&tmp).is_empty());

        fs::remove_dir_all(&new).unwrap();
        fs::write(&new, "no folder").unwrap();
        assert!(maildir.deliver_all(&sent).iter().all(Result::is_err));
        assert!(names(&tmp).is_empty(), "nothing is left of what could not be delivered");
    }

    #[test]
    fn what_a_stopped_shop_left_half_done_is_cleared_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::new(home.path().to_owned());
        let tmp = home.path().join("tmp");
        for name in ["1.AAAAAAAAAA_0.shop.17.0", "1700000000.M1P2.elsewhere"] {
            fs::write(tmp.join(name), "half").unwrap();
        }
        let changed = fs::metadata(tmp.join("1.AAAAAAAAAA_0.shop.17.0")).unwrap().ctime();
        maildir.clear_drafts(Timestamp::new(changed).unwrap()).unwrap();
        assert_eq!(names(&tmp).len(), 2);
        maildir.clear_drafts(Timestamp::new(changed + 1).unwrap()).unwrap();
        assert_eq!(names(&tmp), ["1700000000.M1P2.elsewhere"]);
    }

    #[test]
    fn the_age_of_mail_is_read_from_its_names() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::new(home.path().to_owned());
        assert_eq!((maildir.oldest_unread().unwrap(), maildir.newest().unwrap()), (None, None));
        for name in
            ["new/3.BBBBBBBBBB_0.shop,U=7", "new/4.M1P2.host", "cur/5.AAAAAAAAAA_0.shop,S=9:2,S"]
        {
            fs::write(home.path().join(name), "text").unwrap();
        }
        assert_eq!(
            (maildir.oldest_unread().unwrap(), maildir.newest().unwrap()),
            (Some(3), Some(5))
        );
    }
}
