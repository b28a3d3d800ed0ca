//! The files that `shop init` writes: which of them exist, and all of them or none.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::infra::{atomic_file, bounded};
use crate::interfaces::cli::shop_context::{folder_of, make_folder};

/// A file to write.
pub struct NewFile {
    pub path: PathBuf,
    pub content: Vec<u8>,
}

/// Units: bytes of a file that may be restored.
const MAX_BYTES: u64 = 1 << 30;

/// Whether something has this name, even a link that leads nowhere.
pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Writes all files, or leaves everything as it was.
pub fn write_all(files: &[NewFile]) -> anyhow::Result<()> {
    let mut before = Vec::new();
    for file in files {
        let content = match bounded::read_file(&file.path, MAX_BYTES) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                return Err(error).with_context(|| format!("read {}", file.path.display()));
            }
        };
        before.push((&file.path, content));
    }
    for (n, file) in files.iter().enumerate() {
        if let Err(error) = write(&file.path, &file.content) {
            before.iter().take(n).for_each(|(path, content)| restore(path, content.as_deref()));
            return Err(error.context("nothing was changed"));
        }
    }
    Ok(())
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    make_folder(&folder_of(path))?;
    atomic_file::write(path, content, 0o600).with_context(|| format!("write {}", path.display()))
}

/// As far as possible: the error that led here is the one to report.
fn restore(path: &Path, content: Option<&[u8]>) {
    match content {
        Some(content) => {
            let _ = atomic_file::write(path, content, 0o600);
        }
        None => {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_are_written_or_none() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        let file = |name: &str| NewFile { path: path(name), content: name.as_bytes().to_vec() };
        fs::write(path("old"), "before").unwrap();
        fs::create_dir(path("folder")).unwrap();
        assert!(write_all(&[file("old"), file("new"), file("old/below")]).is_err());
        assert!(write_all(&[file("old"), file("new"), file("folder")]).is_err());
        assert_eq!(fs::read(path("old")).unwrap(), b"before");
        assert!(!path("new").exists());
        write_all(&[file("old"), file("db/new")]).unwrap();
        assert_eq!(fs::read(path("old")).unwrap(), b"old");
        assert_eq!(fs::read(path("db/new")).unwrap(), b"db/new");
    }
}
