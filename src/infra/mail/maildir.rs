//! Delivers messages to a Maildir: whole, and once.

use crate::domain::values::Timestamp;
use crate::infra::failpoints;
use crate::infra::mail::erased_file::erase_file;
use crate::infra::mail::message_name::MessageName;
use crate::infra::mail::write_trial::try_to_write;
use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::FileTimes;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::UNIX_EPOCH;

/// A folder of messages, one file each, that any mail reader opens.
///
/// Shape: `tmp`, `new` and `cur`. Source: <https://cr.yp.to/proto/maildir.html>, but for the host's name in the file
/// names: a message's name is made of its order, so that delivering it twice finds it there.
#[derive(Clone, Debug)]
pub struct Maildir {
    pub(super) folder: PathBuf,
}

impl Maildir {
    /// Names the folder and makes it, readable by its owner alone, where it can be made.
    pub fn new(folder: PathBuf) -> Self {
        let maildir = Self { folder };
        // Where this fails a delivery will say why; orders are taken all the same.
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

    /// Delivers one message, whole and once: when this returns, it outlives a power cut.
    ///
    /// `name`: letters, digits, `.` and `_`. A message of that name that lies in `new` is not delivered again; whether one
    /// lies in `cur`, read and flagged, whoever delivers again must ask [`crate::infra::mail::Lookup::is_delivered`]: looking through all that the
    /// seller has kept would make each order dearer than the last.
    ///
    /// # Errors
    /// What the disk says; then nothing lies in `new`, and another try is safe.
    pub fn deliver(&self, name: &str, message: &[u8]) -> io::Result<()> {
        self.deliver_into("new", name, name, message)
    }

    /// The same, for what the seller has done and need not be told as news: it lies in `cur`, as read.
    ///
    /// # Errors
    /// As [`Self::deliver`].
    pub fn deliver_read(&self, name: &str, message: &[u8]) -> io::Result<()> {
        self.deliver_into("cur", name, &format!("{name}:2,S"), message)
    }

    fn deliver_into(
        &self,
        part: &str,
        name: &str,
        file_name: &str,
        message: &[u8],
    ) -> io::Result<()> {
        self.make()?;
        // A name of this try's own: another that delivers the same message at the same time has its own draft.
        static TRIES: AtomicU64 = AtomicU64::new(0);
        let n_try = TRIES.fetch_add(1, Ordering::Relaxed);
        let draft = self.folder.join("tmp").join(format!("{name}.{}.{n_try}", std::process::id()));
        // `create_new` follows no link and takes no file that somebody else has put there.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        // The time at which a file was written tells the hour: it is the day's, as in the name.
        let day = name.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
        let day = UNIX_EPOCH + Duration::from_secs(day);
        let place = self.folder.join(part);
        let moved = file
            .write_all(message)
            .and_then(|()| file.set_times(FileTimes::new().set_accessed(day).set_modified(day)))
            .and_then(|()| file.sync_all())
            .and_then(|()| {
                failpoints::at("message-drafted");
                move_in(&draft, &place.join(file_name))
            });
        failpoints::at("message-moved");
        // What was delivered has another name already, and stays as it is.
        let _ = if let Ok(true) = moved { fs::remove_file(&draft) } else { erase_file(&draft) };
        let is_ours = moved?;
        // Without this the file is back in `tmp` after a power cut.
        let kept = File::open(&place).and_then(|folder| folder.sync_all());
        if kept.is_err() && is_ours {
            // A second fsync that succeeds would prove nothing: the next try writes a new file.
            let _ = erase_file(&place.join(file_name));
        }
        kept
    }

    /// Removes what a shop that was stopped left in `tmp`, last touched before this moment: a draft holds what its message
    /// holds. Should one be under way still, its delivery fails and is tried again.
    pub fn clear_drafts(&self, before: Timestamp) -> io::Result<()> {
        let entries = match fs::read_dir(self.folder.join("tmp")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            // The time of writing is the day's; that of the last change is the file system's own.
            let name = entry.file_name();
            let is_ours = MessageName::parse(&name.to_string_lossy()).order_ref().is_some();
            if is_ours && entry.metadata()?.ctime() < before.get() {
                erase_file(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Since when the oldest message lies in `new`, which no mail reader has opened since; unix seconds, as the names of
    /// messages begin with them.
    ///
    /// # Errors
    /// What the disk says; a folder that is not there holds nothing.
    pub fn oldest_unread(&self) -> io::Result<Option<i64>> {
        self.moments("new", |oldest, seconds| oldest.min(seconds))
    }

    /// When the newest message was written, read or unread; in the same way.
    ///
    /// # Errors
    /// As [`Self::oldest_unread`].
    pub fn newest(&self) -> io::Result<Option<i64>> {
        let later = |newest: i64, seconds: i64| newest.max(seconds);
        Ok(self.moments("new", later)?.max(self.moments("cur", later)?))
    }

    fn moments(&self, part: &str, choose: impl Fn(i64, i64) -> i64) -> io::Result<Option<i64>> {
        let entries = match fs::read_dir(self.folder.join(part)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut chosen: Option<i64> = None;
        for entry in entries {
            let name = entry?.file_name();
            let seconds = MessageName::parse(&name.to_string_lossy()).seconds();
            chosen = [chosen, seconds].into_iter().flatten().reduce(&choose);
        }
        Ok(chosen)
    }

    /// Writes, syncs and removes a draft: whether an order could be delivered now.
    pub fn try_to_write(&self) -> io::Result<()> {
        self.make()?;
        try_to_write(&self.folder)
    }
}

/// Moves a draft to its place, and tells whether it was this draft that came there: what lies there already stays.
fn move_in(draft: &Path, place: &Path) -> io::Result<bool> {
    match fs::hard_link(draft, place) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // A disk that knows no links: then the move itself must do.
        Err(_) => fs::rename(draft, place).map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        maildir.deliver("1.AAAAAAAAAA_0.shop", b"one").unwrap();
        maildir.deliver("1.AAAAAAAAAA_0.shop", b"one").unwrap();
        let (new, cur) = (maildir.folder.join("new"), maildir.folder.join("cur"));
        assert_eq!(names(&new), ["1.AAAAAAAAAA_0.shop"]);
        fs::rename(new.join("1.AAAAAAAAAA_0.shop"), cur.join("1.AAAAAAAAAA_0.shop:2,FS")).unwrap();
        assert!(names(&new).is_empty() && names(&maildir.folder.join("tmp")).is_empty());
        maildir.deliver_read("2.AAAAAAAAAA_1.shop", b"two").unwrap();
        maildir.deliver_read("2.AAAAAAAAAA_1.shop", b"two").unwrap();
        let told = fs::metadata(cur.join("2.AAAAAAAAAA_1.shop:2,S")).unwrap().modified().unwrap();
        assert_eq!(told, UNIX_EPOCH + Duration::from_secs(2));
    }

    #[test]
    fn a_message_that_many_deliver_at_once_is_there_once_and_whole() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::new(home.path().to_owned());
        let message = vec![b'm'; 200_000];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| maildir.deliver("1.AAAAAAAAAA_0.shop", &message).unwrap());
            }
        });
        assert_eq!(fs::read(home.path().join("new/1.AAAAAAAAAA_0.shop")).unwrap(), message);
        assert!(names(&home.path().join("tmp")).is_empty());
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
