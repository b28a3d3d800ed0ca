//! Stores rendered files.

use std::collections::HashSet;
use std::fs;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::infra::bounded;
use crate::infra::pictures::file::{PictureFile, Rendered};
use crate::infra::pictures::source::Source;

/// The folder of rendered pictures, each named by its content.
#[derive(Clone)]
pub struct Gallery {
    folder: PathBuf,
}

/// The suffix of a picture's name while it is being written: `NAME.0.part`.
const PART: &str = ".part";

impl Gallery {
    /// Creates the folder if it is missing, accessible only to the shop's own user.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder })
    }

    /// Atomic: the file is complete or absent, even after a power failure; an existing one is not changed.
    pub fn keep(&self, rendered: &Rendered) -> io::Result<()> {
        let path = self.path(&rendered.file);
        let kept = fs::symlink_metadata(&path);
        if kept.is_ok_and(|kept| kept.is_file() && kept.len() == rendered.bytes.len() as u64) {
            return Ok(());
        }
        let (part, mut file) = self.new_part(&rendered.file)?;
        let written = file
            .write_all(&rendered.bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&part, &path));
        if let Err(error) = written {
            // The first error is the one to report; `sweep` removes the part later.
            let _ = fs::remove_file(&part);
            return Err(error);
        }
        File::open(&self.folder)?.sync_all()
    }

    /// `None` if there is no such file; a symbolic link or a pipe with its name does not count.
    pub fn read(&self, file: &PictureFile) -> io::Result<Option<Vec<u8>>> {
        match read_regular(&self.path(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            outcome => outcome,
        }
    }

    /// Whether there is a file of this name; a name that the gallery gives to none does not count.
    pub fn has_named(&self, file: &str) -> bool {
        PictureFile::parse(file).is_ok_and(|file| self.has(&file))
    }

    pub fn has(&self, file: &PictureFile) -> bool {
        fs::symlink_metadata(self.path(file)).is_ok_and(|seen| seen.is_file())
    }

    /// Removes the pictures that are not in `keep`, and parts left by a power failure; returns how many files were
    /// removed. A file whose name is not that of a picture is not ours and stays.
    pub fn sweep(&self, keep: &HashSet<String>) -> io::Result<usize> {
        let mut n_removed = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let unused = PictureFile::parse(name).is_ok() && !keep.contains(name);
            if (unused || is_part(name)) && !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
                n_removed += 1;
            }
        }
        Ok(n_removed)
    }

    /// A missing file counts as removed.
    pub fn remove(&self, file: &PictureFile) -> io::Result<()> {
        match fs::remove_file(self.path(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn path(&self, file: &PictureFile) -> PathBuf {
        self.folder.join(file.as_str())
    }

    /// Two threads may write one picture at the same time: each has its own part.
    fn new_part(&self, file: &PictureFile) -> io::Result<(PathBuf, File)> {
        let mut n = 0;
        loop {
            let path = self.folder.join(format!("{}.{n}{PART}", file.as_str()));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && n < 1000 => n += 1,
                outcome => return outcome.map(|file| (path, file)),
            }
        }
    }
}

fn is_part(name: &str) -> bool {
    let picture = name.strip_suffix(PART).and_then(|rest| rest.rsplit_once('.'));
    picture
        .is_some_and(|(picture, n)| PictureFile::parse(picture).is_ok() && n.parse::<u16>().is_ok())
}

fn read_regular(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let seen = fs::symlink_metadata(path)?;
    if !seen.is_file() {
        return Ok(None);
    }
    let file = File::open(path)?;
    let opened = file.metadata()?;
    if (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
        return Ok(None);
    }
    bounded::read_stream(file, Source::MAX_BYTES as u64).map(Some)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::thread;

    use tempfile::TempDir;

    use super::*;
    use crate::infra::pictures::file::Format;

    fn gallery() -> (TempDir, Gallery) {
        let folder = tempfile::tempdir().unwrap();
        let gallery = Gallery::open(folder.path().join("db/pictures")).unwrap();
        (folder, gallery)
    }

    fn rendered(text: &str) -> Rendered {
        Rendered { file: PictureFile::of(text.as_bytes(), Format::WebP), bytes: text.into() }
    }

    fn names(gallery: &Gallery) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&gallery.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_picture_is_kept_for_the_shops_user_alone() {
        let (_folder, gallery) = gallery();
        let picture = rendered("picture");
        assert!(!gallery.has(&picture.file));
        assert_eq!(gallery.read(&picture.file).unwrap(), None);
        gallery.keep(&picture).unwrap();
        assert!(gallery.has(&picture.file));
        assert_eq!(gallery.read(&picture.file).unwrap(), Some(picture.bytes));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&gallery.folder), mode(&gallery.path(&picture.file))), (0o700, 0o600));
        assert_eq!(names(&gallery), [picture.file.as_str()]);
    }

    #[test]
    fn a_picture_that_is_there_is_not_written_again() {
        let (_folder, gallery) = gallery();
        let picture = rendered("picture");
        gallery.keep(&picture).unwrap();
        let before = fs::metadata(gallery.path(&picture.file)).unwrap().ino();
        gallery.keep(&picture).unwrap();
        assert_eq!(fs::metadata(gallery.path(&picture.file)).unwrap().ino(), before);
        fs::write(gallery.path(&picture.file), "cut").unwrap();
        gallery.keep(&picture).unwrap();
        assert_eq!(gallery.read(&picture.file).unwrap(), Some(picture.bytes));
    }

    #[test]
    fn many_threads_keep_one_picture() {
        let (_folder, gallery) = gallery();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    (0..20).for_each(|n| gallery.keep(&rendered(&n.to_string())).unwrap())
                });
            }
        });
        assert_eq!(names(&gallery).len(), 20);
    }

    #[test]
    fn a_link_is_no_picture() {
        let (folder, gallery) = gallery();
        let picture = rendered("picture");
        fs::write(folder.path().join("secret"), "secret!").unwrap();
        symlink(folder.path().join("secret"), gallery.path(&picture.file)).unwrap();
        assert!(!gallery.has(&picture.file));
        assert_eq!(gallery.read(&picture.file).unwrap(), None);
        gallery.keep(&picture).unwrap();
        assert_eq!(gallery.read(&picture.file).unwrap(), Some(picture.bytes));
        assert_eq!(fs::read(folder.path().join("secret")).unwrap(), b"secret!");
    }

    #[test]
    fn only_pictures_that_nothing_uses_are_swept() {
        let (_folder, gallery) = gallery();
        let (used, unused) = (rendered("used"), rendered("unused"));
        gallery.keep(&used).unwrap();
        gallery.keep(&unused).unwrap();
        let (_left, file) = gallery.new_part(&used.file).unwrap();
        drop(file);
        for name in ["notes.txt", "picture.webp", "a.0.part", ".hidden"] {
            fs::write(gallery.folder.join(name), "mine").unwrap();
        }
        let keep = HashSet::from([used.file.as_str().to_owned()]);
        assert_eq!(gallery.sweep(&keep).unwrap(), 2);
        assert_eq!(gallery.sweep(&keep).unwrap(), 0);
        let mut left = vec![".hidden", "a.0.part", "notes.txt", "picture.webp", used.file.as_str()];
        left.sort_unstable();
        assert_eq!(names(&gallery), left);
    }
}
