//! The files of a shop: their names in a backup, and their paths.

use std::fs;
use std::fs::Metadata;
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;

use crate::infra::backup::digests;

/// The database is restored last: if it exists, the restore was complete.
pub const DATABASE: &str = "db/shop.sqlite";
const SECRET: &str = "db/shop.secret";
const CLIENTS: &str = "db/onion.clients";
const DESK_CLIENTS: &str = "db/desk.clients";
const KEY: &str = "db/seller.asc";
/// The other contents of a backup: files, then folders.
const FILES: [&str; 3] = [".env", "db/data.json", "db/mirrors.txt"];
const FOLDERS: [&str; 5] = ["db/pages", IMAGES, PICTURES, GOODS, CODES];
/// The seller's own pictures.
const IMAGES: &str = "db/images";
/// The rendered ones.
const PICTURES: &str = "db/pictures";
/// What digital products deliver.
const GOODS: &str = "db/files";
const CODES: &str = "db/codes";

/// Units: bytes of a file that is not stored here as a stream, so that an archive that is no backup is refused early.
const MAX_OF_FILE: u64 = 64 << 20;

/// While it is restored a file has another name, next to its own, so that it is on the same disk. No file of a backup has such
/// a name, and what a crash left is found by it.
const DRAFT: &str = ".shop-restore";

/// Where the files of this shop are.
#[derive(Clone, Debug)]
pub struct Layout {
    pub database: PathBuf,
    pub seller_key: PathBuf,
}

/// A file of the shop.
pub struct Member {
    pub name: String,
    /// Units: bytes.
    pub size: u64,
}

impl Layout {
    /// The folder of the database.
    pub fn home(&self) -> PathBuf {
        match self.database.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        }
    }

    /// Where the file or folder with this name in a backup belongs.
    pub fn path_of(&self, name: &str) -> PathBuf {
        let is_beside_database = [SECRET, CLIENTS, DESK_CLIENTS].contains(&name)
            || [PICTURES, GOODS, CODES].iter().any(|folder| is_of_folder(name, folder));
        match name {
            DATABASE => self.database.clone(),
            KEY => self.seller_key.clone(),
            _ if is_beside_database => self.home().join(name.trim_start_matches("db/")),
            _ => PathBuf::from(name),
        }
    }

    /// The copy of the database while a backup is made.
    pub fn snapshot(&self) -> PathBuf {
        let mut path = self.database.as_os_str().to_owned();
        path.push(".snapshot");
        PathBuf::from(path)
    }

    /// All files that belong in a backup, sorted, without the database. Links in folders are not followed: they may lead
    /// anywhere.
    ///
    /// # Errors
    /// The system's, and which folder.
    pub fn list(&self, without_images: bool) -> anyhow::Result<Vec<Member>> {
        let mut members = Vec::new();
        for name in [SECRET, CLIENTS, DESK_CLIENTS, KEY].into_iter().chain(FILES) {
            let path = self.path_of(name);
            match fs::metadata(&path) {
                Ok(seen) => members.push(Member { name: name.to_owned(), size: seen.len() }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).context(format!("read {}", path.display())),
            }
        }
        for name in FOLDERS.into_iter().filter(|name| !(without_images && *name == IMAGES)) {
            walk(&self.path_of(name), name, &mut |_, name, seen| {
                // A hidden file is no digital good, but one that is being uploaded.
                let is_upload = name.starts_with(GOODS) && name.contains("/.");
                if !name.ends_with(DRAFT) && !is_upload {
                    members.push(Member { name, size: seen.len() });
                }
                Ok(())
            })?;
        }
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(members)
    }

    /// Every place that a restore may have left a draft in: the files that are not in a folder, and the folders' files.
    pub(super) fn drafts(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut drafts = Vec::new();
        for name in [SECRET, CLIENTS, DESK_CLIENTS, KEY, DATABASE].into_iter().chain(FILES) {
            drafts.push(draft_of(&self.path_of(name)));
        }
        for suffix in ["-wal", "-shm", "-journal"] {
            let mut path = draft_of(&self.database).into_os_string();
            path.push(suffix);
            drafts.push(path.into());
        }
        drafts.retain(|draft| fs::symlink_metadata(draft).is_ok());
        for name in FOLDERS {
            walk(&self.path_of(name), name, &mut |path, name, _| {
                if name.ends_with(DRAFT) {
                    drafts.push(path.to_owned());
                }
                Ok(())
            })?;
        }
        Ok(drafts)
    }
}

/// Calls `take` with each regular file below a folder: its path, its name in a backup, and what it is.
fn walk(
    folder: &Path,
    name: &str,
    take: &mut impl FnMut(&Path, String, &Metadata) -> io::Result<()>,
) -> anyhow::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("read the folder {}", folder.display()))?,
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("read the folder {}", folder.display()))?;
        let Ok(own) = entry.file_name().into_string() else { continue };
        let (path, name) = (entry.path(), format!("{name}/{own}"));
        let kind = entry.file_type().with_context(|| format!("read {}", path.display()))?;
        if kind.is_dir() {
            walk(&path, &name, take)?;
        } else if kind.is_file()
            && let Ok(seen) = entry.metadata()
        {
            take(&path, name, &seen)?;
        }
    }
    Ok(())
}

/// The most that a file with this name may have. Units: bytes.
pub(super) fn max_bytes(name: &str) -> u64 {
    // Limited by the disk alone: they go there without being held in memory.
    if name == DATABASE || is_of_folder(name, GOODS) { u64::MAX } else { MAX_OF_FILE }
}

pub(super) fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(DRAFT);
    PathBuf::from(name)
}

fn is_of_folder(name: &str, folder: &str) -> bool {
    name.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a backup may contain a file with this name: it is known, or a plain name in a known folder, so nothing escapes the
/// shop's folder.
pub(super) fn is_ours(path: &Path) -> bool {
    let Some(name) = path.to_str() else { return false };
    // `components` ignores `.` and a doubled slash, which the names in our backups never contain.
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)))
        && path.components().map(|part| part.as_os_str().len() + 1).sum::<usize>()
            == name.len() + 1;
    let is_known = [DATABASE, SECRET, CLIENTS, DESK_CLIENTS, KEY, digests::LIST].contains(&name)
        || FILES.contains(&name)
        || FOLDERS.iter().any(|folder| name != *folder && is_of_folder(name, folder));
    is_plain && is_known && !name.contains('\0') && !name.ends_with(DRAFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, is_good: bool) {
        assert_eq!(is_ours(Path::new(name)), is_good, "{name}");
    }

    #[test]
    fn a_copy_holds_what_belongs_to_a_shop_and_nothing_else() {
        for name in [
            ".env",
            DATABASE,
            KEY,
            "db/pages/about.md",
            "db/images/a/b.jpg",
            "db/files/guide.pdf",
            "db/codes/keys.txt",
        ] {
            check(name, true);
        }
        for name in [
            "",
            "/etc/passwd",
            "../.env",
            "db/../.env",
            "db/pages/../../x",
            "./.env",
            "db//data.json",
            "db/pages/",
            "db/pages",
            "db/onion.key",
            ".ssh/authorized_keys",
            "db/shop.sqlite-wal",
            "db/shop.sqlite.snapshot",
            "db/pages/./x",
            "/db/pages/x",
            "db/filesystem/x",
            "db/files/guide.pdf.shop-restore",
        ] {
            check(name, false);
        }
    }

    #[test]
    fn what_belongs_to_the_database_is_beside_it_wherever_it_is() {
        let layout = Layout { database: "/srv/shop.db".into(), seller_key: "/etc/key.asc".into() };
        for (name, path) in [
            (DATABASE, "/srv/shop.db"),
            (KEY, "/etc/key.asc"),
            ("db/shop.secret", "/srv/shop.secret"),
            ("db/pictures/a/b.webp", "/srv/pictures/a/b.webp"),
            ("db/files", "/srv/files"),
            ("db/codes/keys.txt", "/srv/codes/keys.txt"),
            ("db/images/a.jpg", "db/images/a.jpg"),
            (".env", ".env"),
        ] {
            assert_eq!(layout.path_of(name), Path::new(path));
        }
        let bare = Layout { database: "shop.db".into(), seller_key: KEY.into() };
        assert_eq!(bare.path_of("db/shop.secret"), Path::new("./shop.secret"));
    }
}
