//! A temporary file with what only the shop's user may read.

use std::fs;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::infra::erased_file::erase_file;

/// An empty file, readable only by its owner and in use by one process at a time. When it is dropped, its content is
/// overwritten and it is removed. After a crash the next process that asks for it does so.
pub struct PrivateFile {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl PrivateFile {
    /// # Errors
    /// The system's; [`io::ErrorKind::WouldBlock`]: another process has it.
    pub fn create(path: &Path) -> io::Result<Self> {
        loop {
            let file = open(path, true)?;
            lock(&file)?;
            // The one before may have removed it between the two.
            if !is_same_file(&file, path) {
                continue;
            }
            if file.metadata()?.len() == 0 {
                return Ok(Self { path: path.to_owned(), _file: file });
            }
            erase_file(path)?;
        }
    }

    /// Removes what a crash left; leaves a file that is in use.
    ///
    /// # Errors
    /// The system's.
    pub fn remove_leftover(path: &Path) -> io::Result<()> {
        let file = match open(path, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        match lock(&file) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            locked => {
                locked?;
                if is_same_file(&file, path) { erase_file(path) } else { Ok(()) }
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        let _ = erase_file(&self.path);
    }
}

fn open(path: &Path, may_create: bool) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(may_create)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let seen = file.metadata()?;
    if seen.is_file() && seen.nlink() <= 1 {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file of its own"))
}

fn is_same_file(file: &File, path: &Path) -> bool {
    let places = file.metadata().and_then(|file| Ok((file, fs::symlink_metadata(path)?)));
    places.is_ok_and(|(file, seen)| (file.dev(), file.ino()) == (seen.dev(), seen.ino()))
}

fn lock(file: &File) -> io::Result<()> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
        TryLockError::Error(error) => error,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_private_file_is_overwritten_when_it_is_dropped_and_after_a_crash() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("copy");
        let overwritten = |mut opened: File, length: usize| {
            let mut left = Vec::new();
            opened.read_to_end(&mut left).unwrap();
            assert_eq!(left, vec![0; length]);
        };
        let file = PrivateFile::create(&path).unwrap();
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(file.path(), b"rows").unwrap();
        let opened = File::open(&path).unwrap();
        assert_eq!(PrivateFile::create(&path).err().unwrap().kind(), io::ErrorKind::WouldBlock);
        PrivateFile::remove_leftover(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"rows", "it is in use");
        drop(file);
        assert!(!path.exists());
        overwritten(opened, 4);
        PrivateFile::remove_leftover(&path).unwrap();

        for is_used_again in [false, true] {
            fs::write(&path, b"left by a crash").unwrap();
            let opened = File::open(&path).unwrap();
            if is_used_again {
                let file = PrivateFile::create(&path).unwrap();
                assert_eq!(fs::read(file.path()).unwrap(), b"");
            } else {
                PrivateFile::remove_leftover(&path).unwrap();
            }
            assert!(!path.exists());
            overwritten(opened, 15);
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let (path, target) = (home.path().join("copy"), home.path().join("target"));
        fs::write(&target, "kept").unwrap();
        symlink(&target, &path).unwrap();
        assert!(PrivateFile::create(&path).is_err());
        fs::remove_file(&path).unwrap();
        fs::hard_link(&target, &path).unwrap();
        assert!(PrivateFile::create(&path).is_err());
        assert_eq!(fs::read(&target).unwrap(), b"kept");
    }
}
