//! The seller's own folder of pictures.

use std::fs;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::infra::bounded;
use crate::infra::pictures::refusal::{NotAPicture, PictureFault};
use crate::infra::pictures::sanitized::Sanitized;
use crate::infra::pictures::source::Source;

/// The seller's own pictures: `db/images`, where uploads from the desk are stored too, and the predecessor's folder.
#[derive(Clone, Debug)]
pub struct Originals {
    /// The first folder that has a picture wins; new ones go to the first.
    folders: Vec<PathBuf>,
}

/// Units: characters of a name before its number and its extension.
const LONGEST_NAME: usize = 60;
/// Units: pictures with the same name.
const MAX_OF_ONE_NAME: usize = 10_000;

impl Originals {
    /// Shape: `folders` is not empty.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }

    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// # Errors
    /// [`NotAPicture`] if it is in none of the folders, or is not a picture.
    pub fn find(&self, name: &str) -> Result<Source, NotAPicture> {
        for folder in &self.folders {
            match Source::open(folder, name) {
                Err(NotAPicture { fault: PictureFault::Missing, .. }) => {}
                outcome => return outcome,
            }
        }
        Err(NotAPicture { name: name.to_owned(), fault: PictureFault::Missing })
    }

    /// Which of these pictures are here, and with which name. Shape: fingerprint, name.
    pub fn find_fingerprints(&self, wanted: &[String]) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for folder in &self.folders {
            let mut names = Vec::new();
            list(folder, "", DEEPEST, &mut names);
            names.sort();
            for name in names {
                let Ok(source) = Source::open(folder, &name) else { continue };
                let fingerprint = source.fingerprint().to_owned();
                let is_new = !found.iter().any(|(known, _)| *known == fingerprint);
                if is_new && wanted.contains(&fingerprint) {
                    found.push((fingerprint, name));
                }
            }
        }
        found
    }

    /// Stores a picture in the seller's folder with a name made from `wish`, and returns that name. No other picture is
    /// ever overwritten; an identical one with the same name is left as it is.
    pub fn keep(&self, picture: &Sanitized, wish: &str) -> io::Result<String> {
        let folder = self.folders.first().ok_or(io::ErrorKind::NotFound)?;
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let stem = safe_stem(wish);
        for n in 1..=MAX_OF_ONE_NAME {
            let name = match n {
                1 => format!("{stem}.{}", picture.ending),
                n => format!("{stem}-{n}.{}", picture.ending),
            };
            let holds_it = |folder: &PathBuf| holds(&folder.join(&name), &picture.bytes);
            match self.folders.iter().find_map(holds_it) {
                Some(true) => return Ok(name),
                // A name that exists in another folder would be ambiguous.
                Some(false) => {}
                None if put(folder, &name, &picture.bytes)? => return Ok(name),
                None => {}
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// Units: levels of sub-folders that are searched.
const DEEPEST: usize = 4;

/// The files in the folder and its sub-folders, without symbolic links. An unreadable folder counts as empty.
fn list(folder: &Path, above: &str, depth: usize, names: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder.join(above)) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = if above.is_empty() { name } else { format!("{above}/{name}") };
        match entry.file_type() {
            Ok(kind) if kind.is_file() => names.push(name),
            Ok(kind) if kind.is_dir() && 0 < depth => list(folder, &name, depth - 1, names),
            _ => {}
        }
    }
}

/// Whether the file has these bytes; `None` if there is no such file.
fn holds(path: &Path, bytes: &[u8]) -> Option<bool> {
    let seen = fs::symlink_metadata(path).ok()?;
    let same = seen.is_file()
        && seen.len() == bytes.len() as u64
        && bounded::read_file(path, bytes.len() as u64).is_ok_and(|found| found == bytes);
    Some(same)
}

/// `false` if the name has been taken meanwhile.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<bool> {
    let path = folder.join(name);
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = match opened {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        outcome => outcome?,
    };
    if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_all()) {
        // Half a picture would be refused at the next import. The first error is the one to report.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    File::open(folder)?.sync_all()?;
    Ok(true)
}

/// A safe form of an uploaded file's name: lowercase letters, digits and `-`, never a dot or a slash.
///
/// Shape: 1 to 60 of `a-z`, `0-9` and `-`.
fn safe_stem(wish: &str) -> String {
    let file = wish.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let mut safe = String::new();
    for c in stem.chars().map(|c| c.to_ascii_lowercase()) {
        if LONGEST_NAME <= safe.len() {
            break;
        }
        if c.is_ascii_alphanumeric() {
            safe.push(c);
        } else if !safe.is_empty() && !safe.ends_with('-') {
            safe.push('-');
        }
    }
    let safe = safe.trim_end_matches('-');
    if safe.is_empty() { "picture".to_owned() } else { safe.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn cleaned(text: &str) -> Sanitized {
        Sanitized { bytes: text.into(), ending: "jpg" }
    }

    #[test]
    fn a_name_from_outside_becomes_a_plain_one() {
        for (wish, expected) in [
            ("Red Shirt.JPG", "red-shirt"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\me\\IMG 1.jpeg", "img-1"),
            ("..", "picture"),
            (".htaccess", "picture"),
            ("a.php.jpg", "a-php"),
            ("東京.png", "picture"),
            ("x\0\n\u{1b}[2J.jpg", "x-2j"),
            ("", "picture"),
        ] {
            assert_eq!(safe_stem(wish), expected, "{wish:?}");
        }
        assert_eq!(safe_stem(&"long".repeat(100)).len(), LONGEST_NAME);
    }

    #[test]
    fn no_picture_is_written_over() {
        let home = tempfile::tempdir().unwrap();
        let (images, old) = (home.path().join("images"), home.path().join("old"));
        fs::create_dir_all(&old).unwrap();
        fs::write(old.join("tea.jpg"), "the ancestor's").unwrap();
        let originals = Originals::new(vec![images.clone(), old]);
        assert_eq!(originals.keep(&cleaned("one"), "Tea.png").unwrap(), "tea-2.jpg");
        assert_eq!(originals.keep(&cleaned("one"), "Tea.png").unwrap(), "tea-2.jpg");
        assert_eq!(originals.keep(&cleaned("two"), "tea.jpg").unwrap(), "tea-3.jpg");
        symlink(home.path().join("nowhere"), images.join("tea-4.jpg")).unwrap();
        assert_eq!(originals.keep(&cleaned("three"), "tea.jpg").unwrap(), "tea-5.jpg");
        assert_eq!(fs::read(images.join("tea-2.jpg")).unwrap(), b"one");
        let mode = fs::metadata(images.join("tea-3.jpg")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!home.path().join("nowhere").exists());
    }
}
