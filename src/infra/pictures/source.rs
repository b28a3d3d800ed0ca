//! Reads a picture file without following symbolic links out of its folder.

use std::fs;
use std::fs::{File, Metadata};
use std::io;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::infra::pictures::file::hex;
use crate::infra::pictures::image_header::ImageHeader;
use crate::infra::pictures::refusal::{NotAPicture, PictureFault};

/// Part of every fingerprint: changing it renders all pictures again.
const RENDERING_VERSION: &str = "pictures 2";

const MAX_BYTES: u64 = Source::MAX_BYTES as u64;

/// A picture file of the seller, read once.
pub struct Source {
    name: String,
    bytes: Vec<u8>,
    fingerprint: String,
}

impl Source {
    /// Units: bytes.
    pub const MAX_BYTES: usize = 32 * 1024 * 1024;

    /// Reads `name` in `folder`; `shirts/red.jpg` is a valid name too.
    ///
    /// # Errors
    /// [`NotAPicture`] if the name leaves the folder, passes a symbolic link, or is not a readable file of at most 32
    /// MB.
    pub fn open(folder: &Path, name: &str) -> Result<Self, NotAPicture> {
        let bytes = find(folder, name)
            .and_then(|(path, seen)| read(&path, &seen).map_err(fault_of))
            .map_err(|fault| NotAPicture { name: name.to_owned(), fault })?;
        Self::of(name.to_owned(), bytes)
    }

    /// An uploaded picture. `name`: the file name of the upload, for messages.
    ///
    /// # Errors
    /// [`PictureFault::TooHeavy`] above 32 MB.
    pub fn of(name: String, bytes: Vec<u8>) -> Result<Self, NotAPicture> {
        if Self::MAX_BYTES < bytes.len() {
            return Err(NotAPicture { name, fault: PictureFault::TooHeavy });
        }
        let fingerprint =
            hex(&Sha256::new().chain_update(RENDERING_VERSION).chain_update(&bytes).finalize());
        Ok(Self { name, bytes, fingerprint })
    }

    /// Identifies the same bytes rendered in the same way.
    ///
    /// Shape: 64 lowercase hex digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Its original name.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    pub(super) fn refused(&self, fault: PictureFault) -> NotAPicture {
        NotAPicture { name: self.name(), fault }
    }

    /// The header holds a copy of the bytes; keeping both would take twice the memory.
    pub(super) fn into_header(self) -> Result<ImageHeader, PictureFault> {
        ImageHeader::read_checked(&self.bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Checks each path component, since a symbolic link anywhere could lead out of the folder.
fn find(folder: &Path, name: &str) -> Result<(PathBuf, Metadata), PictureFault> {
    if name.is_empty() || name.contains(char::is_control) {
        return Err(PictureFault::Name);
    }
    let mut steps = Vec::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(step) => steps.push(step),
            Component::CurDir => {}
            _ => return Err(PictureFault::Outside),
        }
    }
    let mut path = folder.to_path_buf();
    let mut found = None;
    for step in steps {
        path.push(step);
        let seen = fs::symlink_metadata(&path).map_err(fault_of)?;
        if seen.is_symlink() {
            return Err(PictureFault::Link);
        }
        found = Some(seen);
    }
    // Opening a pipe would block until somebody writes into it, so the file type is checked first.
    match found {
        Some(seen) if seen.is_file() && seen.len() <= MAX_BYTES => Ok((path, seen)),
        Some(seen) if seen.is_file() => Err(PictureFault::TooHeavy),
        _ => Err(PictureFault::NotAFile),
    }
}

fn fault_of(error: io::Error) -> PictureFault {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    match error.kind() {
        NotFound | NotADirectory | InvalidFilename => PictureFault::Missing,
        _ => PictureFault::Unreadable(error),
    }
}

/// Reads one byte more than allowed, to detect a file that grows meanwhile.
fn read(path: &Path, seen: &Metadata) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let opened = file.metadata()?;
    if !opened.is_file() || (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
        return Err(io::Error::other("it was exchanged while it was being read"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use tempfile::TempDir;

    use super::*;

    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let pictures = folder.path().join("pictures");
        fs::create_dir_all(pictures.join("shirts")).unwrap();
        fs::write(pictures.join("shirts/red.jpg"), "bytes").unwrap();
        fs::write(folder.path().join("outside.jpg"), "secret").unwrap();
        folder
    }

    #[track_caller]
    fn check(folder: &TempDir, name: &str, expected: &str) {
        let refusal = Source::open(&folder.path().join("pictures"), name)
            .err()
            .map(|refusal| refusal.to_string());
        let refusal = refusal.expect("the name is refused");
        assert!(refusal.contains(expected), "{name:?}: {refusal}");
        assert!(
            refusal.contains(&format!("{name:?}")) && !refusal.contains(char::is_control),
            "{refusal:?}"
        );
    }

    #[test]
    fn a_picture_in_a_subfolder_is_read_once() {
        let folder = folder();
        let open = |name| Source::open(&folder.path().join("pictures"), name).ok().unwrap();
        let source = open("shirts/red.jpg");
        assert_eq!(source.bytes(), b"bytes");
        assert_eq!(source.fingerprint(), open("./shirts//red.jpg").fingerprint());
        assert_eq!(source.fingerprint().len(), 64);
        fs::write(folder.path().join("pictures/blue.jpg"), "others").unwrap();
        assert_ne!(source.fingerprint(), open("blue.jpg").fingerprint());
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = folder();
        for name in [
            "../outside.jpg",
            "shirts/../../outside.jpg",
            "shirts/../shirts/red.jpg",
            "..",
            "/etc/passwd",
            "/",
        ] {
            check(&folder, name, "outside the picture folder");
        }
        let pictures = folder.path().join("pictures");
        symlink(folder.path().join("outside.jpg"), pictures.join("link.jpg")).unwrap();
        symlink("shirts/red.jpg", pictures.join("near.jpg")).unwrap();
        symlink(folder.path(), pictures.join("away")).unwrap();
        symlink("nowhere", pictures.join("broken.jpg")).unwrap();
        for name in ["link.jpg", "near.jpg", "away/outside.jpg", "broken.jpg"] {
            check(&folder, name, "is a symbolic link or behind one");
        }
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        let folder = folder();
        for name in ["", "red\0.jpg", "red.jpg\n", "\u{1b}[2Jred.jpg"] {
            check(&folder, name, "is not a valid file name");
        }
        for name in ["blue.jpg", "blue/red.jpg", "shirts/red.jpg/more.jpg"] {
            check(&folder, name, "was not found");
        }
        check(&folder, &"long".repeat(100), "was not found");
    }

    #[test]
    fn only_a_file_is_opened() {
        let folder = folder();
        let pipe = folder.path().join("pictures/pipe.jpg");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for name in ["shirts", "pipe.jpg", "."] {
            check(&folder, name, "is a folder or a device");
        }
    }

    #[test]
    fn a_heavy_file_is_not_even_read() {
        let folder = folder();
        let path = folder.path().join("pictures/heavy.jpg");
        File::create(&path).unwrap().set_len(MAX_BYTES).unwrap();
        assert!(Source::open(&folder.path().join("pictures"), "heavy.jpg").is_ok());
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        check(&folder, "heavy.jpg", "is larger than 32 MB");
    }
}
