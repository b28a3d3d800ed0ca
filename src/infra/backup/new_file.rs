//! A new file that is written as a stream: it is there completely or not at all.

use std::fs;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::infra::atomic_file::{sync_folder_of, with_suffix};

/// Readable only by its owner. Until it is finished it has another name, always the same: what a crash leaves, the next
/// attempt replaces.
pub struct NewFile {
    path: PathBuf,
    draft: PathBuf,
    file: File,
    is_finished: bool,
}

impl NewFile {
    /// # Errors
    /// The system's; [`io::ErrorKind::AlreadyExists`]: nothing is overwritten; [`io::ErrorKind::WouldBlock`]: another
    /// process is writing it.
    pub fn create(path: &Path) -> io::Result<Self> {
        refuse_existing(path)?;
        let draft = with_suffix(path, ".unfinished");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&draft)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            // Not every file system of a USB stick or a network knows locks.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        file.set_len(0)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        Ok(Self { path: path.to_owned(), draft, file, is_finished: false })
    }

    /// Everything is on the disk when this returns.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        refuse_existing(&self.path)?;
        fs::rename(&self.draft, &self.path)?;
        self.is_finished = true;
        sync_folder_of(&self.path)
    }
}

fn refuse_existing(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = fs::remove_file(&self.draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_finished_and_never_replaces_another() {
        let home = tempfile::tempdir().unwrap();
        let (path, draft) = (home.path().join("copy"), home.path().join("copy.unfinished"));
        let kind = |written: io::Result<()>| written.unwrap_err().kind();
        let n_files = || fs::read_dir(home.path()).unwrap().count();
        fs::write(&draft, "what a crash left, and longer").unwrap();
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"bytes").unwrap();
        let other = NewFile::create(&path).map(drop);
        assert_eq!(kind(other), io::ErrorKind::WouldBlock);
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), n_files()), (&b"bytes"[..], 1));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(kind(NewFile::create(&path).map(drop)), io::ErrorKind::AlreadyExists);

        fs::remove_file(&path).unwrap();
        let file = NewFile::create(&path).unwrap();
        fs::write(&path, "came meanwhile").unwrap();
        assert_eq!(kind(file.finish()), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"came meanwhile");
        assert_eq!(n_files(), 1);
    }
}
