//! The seller's folders of digital goods, `db/files` and `db/codes`: never served as they are.

mod content_type;

use std::fs;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

use crate::domain::values::{FileName, Timestamp};
use crate::infra::bounded;

/// Where the seller puts what digital products deliver.
#[derive(Clone, Debug)]
pub struct DigitalFolders {
    files: PathBuf,
    codes: PathBuf,
}

/// Units: bytes of a text file of codes.
const MAX_OF_CODES: u64 = 32 << 20;

/// A file that is about to be sent, or a part of it.
#[derive(Clone)]
pub struct OpenFile {
    file: Arc<File>,
    /// Units: bytes.
    pub size: u64,
    /// Differs once the file is replaced or changed. It holds times and numbers of this host, so it is never sent.
    pub version: String,
    pub content_type: &'static str,
}

/// What the names of incomplete files begin with; no [`FileName`] does.
const DRAFT: &str = ".new-";

/// A file that arrives: complete under its name, or gone without a trace.
pub struct NewFile {
    draft: NamedTempFile,
    folder: PathBuf,
}

impl DigitalFolders {
    /// `home`: the folder of the database, or of the catalog file.
    pub fn new(home: &Path) -> Self {
        Self { files: home.join("files"), codes: home.join("codes") }
    }

    pub fn files(&self) -> &Path {
        &self.files
    }

    pub fn codes(&self) -> &Path {
        &self.codes
    }

    /// Opens a file for sending.
    ///
    /// # Errors
    /// Any I/O error; [`io::ErrorKind::InvalidInput`] for a symbolic link, a folder, a pipe or a device.
    pub fn open(&self, name: &FileName) -> io::Result<OpenFile> {
        let (mut file, seen) = open_regular(&self.files.join(name.as_str()))?;
        let mut begin = Vec::new();
        Read::by_ref(&mut file).take(content_type::NEEDED).read_to_end(&mut begin)?;
        Ok(OpenFile {
            file: Arc::new(file),
            size: seen.len(),
            version: format!(
                "{} {} {} {}.{}",
                seen.dev(),
                seen.ino(),
                seen.len(),
                seen.mtime(),
                seen.mtime_nsec()
            ),
            content_type: content_type::of(&begin),
        })
    }

    /// Units: bytes.
    ///
    /// # Errors
    /// As [`DigitalFolders::open`].
    pub fn size(&self, name: &FileName) -> io::Result<u64> {
        Ok(open_regular(&self.files.join(name.as_str()))?.1.len())
    }

    /// The names of the files that can be delivered, sorted. An unreadable folder counts as empty.
    pub fn list(&self) -> Vec<FileName> {
        let Ok(entries) = fs::read_dir(&self.files) else { return Vec::new() };
        let mut names: Vec<FileName> = entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .filter_map(|entry| FileName::parse(entry.file_name().to_str()?).ok())
            .collect();
        names.sort();
        names
    }

    /// Begins a file, readable by the shop's user alone.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn create(&self) -> io::Result<NewFile> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.files)?;
        let draft = tempfile::Builder::new().prefix(DRAFT).tempfile_in(&self.files)?;
        Ok(NewFile { draft, folder: self.files.clone() })
    }

    /// # Errors
    /// Any I/O error; [`io::ErrorKind::NotFound`] if it is not there.
    pub fn remove(&self, name: &FileName) -> io::Result<()> {
        fs::remove_file(self.files.join(name.as_str()))?;
        File::open(&self.files)?.sync_all()
    }

    /// Removes incomplete files that an interrupted process left, last written before this moment.
    ///
    /// # Errors
    /// Any I/O error; a missing folder counts as empty.
    pub fn clear_drafts(&self, before: Timestamp) -> io::Result<()> {
        let entries = match fs::read_dir(&self.files) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let is_draft = entry.file_name().to_string_lossy().starts_with(DRAFT);
            if is_draft && entry.metadata()?.mtime() < before.get() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The text of a file of codes.
    ///
    /// # Errors
    /// As [`DigitalFolders::open`]; [`io::ErrorKind::FileTooLarge`] above 32 MB; [`io::ErrorKind::InvalidData`] if it is
    /// not UTF-8.
    pub fn read_codes(&self, name: &FileName) -> io::Result<String> {
        let (file, _) = open_regular(&self.codes.join(name.as_str()))?;
        bounded::read_opened_text(file, MAX_OF_CODES)
    }
}

/// Neither follows a symbolic link nor blocks on a pipe.
fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    let refused = |message| io::Error::new(io::ErrorKind::InvalidInput, message);
    if fs::symlink_metadata(path)?.is_symlink() {
        return Err(refused("it is a symbolic link"));
    }
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let seen = file.metadata()?;
    if seen.is_file() { Ok((file, seen)) } else { Err(refused("it is not a regular file")) }
}

impl OpenFile {
    /// So many bytes from this position. Blocks.
    ///
    /// # Errors
    /// Any I/O error; [`io::ErrorKind::UnexpectedEof`] if the file has become shorter.
    pub fn read_at(&self, position: u64, n_bytes: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; n_bytes];
        self.file.read_exact_at(&mut bytes, position)?;
        Ok(bytes)
    }
}

impl NewFile {
    /// Blocks.
    ///
    /// # Errors
    /// Any I/O error; [`io::ErrorKind::StorageFull`] if the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.draft.write_all(bytes)
    }

    /// Gives the file its name, durably. `replaces`: even if there is a file of that name. Blocks.
    ///
    /// # Errors
    /// As [`NewFile::write`]; [`io::ErrorKind::AlreadyExists`].
    pub fn keep(self, name: &FileName, replaces: bool) -> io::Result<()> {
        self.draft.as_file().sync_all()?;
        let path = self.folder.join(name.as_str());
        if replaces {
            self.draft.persist(path)?;
        } else {
            self.draft.persist_noclobber(path)?;
        }
        File::open(&self.folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn name(text: &str) -> FileName {
        FileName::parse(text).unwrap()
    }

    #[test]
    fn only_regular_files_of_the_folder_are_opened() {
        let home = tempfile::tempdir().unwrap();
        let folders = DigitalFolders::new(home.path());
        assert!(folders.list().is_empty());
        fs::create_dir_all(home.path().join("files/folder")).unwrap();
        fs::write(home.path().join("secret"), "secret").unwrap();
        fs::write(home.path().join("files/guide.pdf"), "%PDF-1.7 text").unwrap();
        fs::write(home.path().join("files/.hidden"), "x").unwrap();
        symlink(home.path().join("secret"), home.path().join("files/link")).unwrap();
        let pipe = home.path().join("files/pipe");
        assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
        for (file, expected) in [
            ("guide.pdf", None),
            ("missing", Some(io::ErrorKind::NotFound)),
            ("link", Some(io::ErrorKind::InvalidInput)),
            ("folder", Some(io::ErrorKind::InvalidInput)),
            ("pipe", Some(io::ErrorKind::InvalidInput)),
        ] {
            assert_eq!(
                folders.open(&name(file)).err().map(|error| error.kind()),
                expected,
                "{file}"
            );
            assert_eq!(
                folders.size(&name(file)).err().map(|error| error.kind()),
                expected,
                "{file}"
            );
        }
        assert_eq!(folders.list(), [name("guide.pdf")]);
        let file = folders.open(&name("guide.pdf")).unwrap();
        assert_eq!((file.size, file.content_type), (13, "application/pdf"));
        assert_eq!(file.read_at(9, 4).unwrap(), b"text");
        assert_eq!(file.read_at(9, 5).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let version = file.version.clone();
        fs::write(home.path().join("files/guide.pdf"), "%PDF-1.7 another").unwrap();
        assert_ne!(folders.open(&name("guide.pdf")).unwrap().version, version);
    }

    #[test]
    fn a_new_file_is_complete_or_not_there() {
        let home = tempfile::tempdir().unwrap();
        let folders = DigitalFolders::new(home.path());
        let new_file = |bytes: &[u8]| {
            let mut file = folders.create().unwrap();
            file.write(bytes).unwrap();
            file
        };
        let n_entries = || fs::read_dir(folders.files()).unwrap().count();
        let guide = name("guide.pdf");
        let draft = new_file(b"first");
        assert!(folders.list().is_empty() && n_entries() == 1);
        draft.keep(&guide, false).unwrap();
        drop(new_file(b"interrupted"));
        let refused = new_file(b"second").keep(&guide, false).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(folders.files().join("guide.pdf")).unwrap(), b"first");
        new_file(b"second").keep(&guide, true).unwrap();
        assert_eq!(fs::read(folders.files().join("guide.pdf")).unwrap(), b"second");
        assert_eq!(n_entries(), 1);
        folders.remove(&guide).unwrap();
        assert_eq!(folders.remove(&guide).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let folders = DigitalFolders::new(home.path());
        folders.clear_drafts(Timestamp::new(i64::from(u32::MAX)).unwrap()).unwrap();
        let (_, left) = folders.create().unwrap().draft.keep().unwrap();
        fs::write(folders.files().join("guide.pdf"), "text").unwrap();
        let written = fs::metadata(&left).unwrap().mtime();
        folders.clear_drafts(Timestamp::new(written).unwrap()).unwrap();
        assert!(left.exists());
        folders.clear_drafts(Timestamp::new(written + 100).unwrap()).unwrap();
        assert!(!left.exists() && folders.list() == [name("guide.pdf")]);
    }

    #[test]
    fn codes_are_read_from_a_text_file_alone() {
        let home = tempfile::tempdir().unwrap();
        let folders = DigitalFolders::new(home.path());
        fs::create_dir_all(home.path().join("codes")).unwrap();
        fs::write(home.path().join("codes/keys.txt"), "\u{feff}A\nB\n").unwrap();
        fs::write(home.path().join("codes/bytes"), b"\xff\xfe").unwrap();
        symlink("/etc/passwd", home.path().join("codes/link")).unwrap();
        assert_eq!(folders.read_codes(&name("keys.txt")).unwrap(), "A\nB\n");
        for (file, expected) in [
            ("bytes", io::ErrorKind::InvalidData),
            ("link", io::ErrorKind::InvalidInput),
            ("missing", io::ErrorKind::NotFound),
        ] {
            assert_eq!(folders.read_codes(&name(file)).unwrap_err().kind(), expected, "{file}");
        }
    }
}
