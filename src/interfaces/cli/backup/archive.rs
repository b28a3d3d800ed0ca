//! A backup as one tar archive.

use std::collections::BTreeMap;
use std::io;
use std::io::Read;
use std::path::{Component, Path};

use anyhow::Context;

use crate::domain::values::byte_size;
use crate::infra::bounded::Metered;
use crate::interfaces::cli::digests;

/// The database is restored last: if it exists, the restore was complete.
pub const DATABASE: &str = "db/shop.sqlite";
pub const SECRET: &str = "db/shop.secret";
pub const CLIENTS: &str = "db/onion.clients";
pub const DESK_CLIENTS: &str = "db/desk.clients";
pub const KEY: &str = "db/seller.asc";
/// The other contents of a backup: files, then folders.
pub const FILES: [&str; 3] = [".env", "db/data.json", "db/mirrors.txt"];
pub const FOLDERS: [&str; 3] = ["db/pages", "db/images", PICTURES];
pub const PICTURES: &str = "db/pictures";

/// The owner of all files in a backup with a list of digests: if the list was removed, the backup does not pass for an older
/// one.
const LISTED: &str = "listed";

/// Units: bytes of all files of a backup. It is held in memory, also when it is made.
const MAX_BYTES: u64 = 8 << 30;
/// Units: files of a backup.
const MAX_FILES: usize = 1_000_000;
/// Units: bytes of one file, so that a file that is no backup is refused before it fills the memory.
const MAX_OF_DATABASE: u64 = 4 << 30;
pub const MAX_OF_FILE: u64 = 64 << 20;
/// Units: bytes between two files: a long name, and additional headers.
const MAX_BETWEEN: u64 = 64 << 10;

pub fn pack(files: BTreeMap<String, Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut packer = tar::Builder::new(Vec::new());
    // The list comes first: a truncated backup still shows what it contained.
    let list = (digests::LIST.to_owned(), digests::list(&files));
    for (name, bytes) in std::iter::once(list).chain(files) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len().try_into().map_err(io::Error::other)?);
        // Neither owner nor time: a backup does not reveal who made it, and when.
        header.set_mode(0o600);
        header.set_username(LISTED)?;
        packer.append_data(&mut header, name, bytes.as_slice())?;
    }
    packer.into_inner()
}

/// Reads a backup. Every name is known, or a plain name in a known folder, so nothing escapes the shop's folder. A file is
/// refused by its name and size before it is read.
///
/// # Errors
/// What is wrong with the backup.
pub fn unpack(copy: impl Read) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let (mut files, mut is_listed) = (BTreeMap::new(), false);
    let mut n_bytes = 0_u64;
    let (copy, allowed) = Metered::new(copy);
    allowed.set(MAX_BETWEEN);
    let mut archive = tar::Archive::new(copy);
    for entry in archive.entries().context("it is not a backup of a shop")? {
        let mut entry = entry.context("it is not a backup of a shop, or it is damaged")?;
        let path = entry.path().context("a name in it cannot be read")?.into_owned();
        let name = path.to_str().map(str::to_owned).filter(|_| is_ours(&path));
        let kind = entry.header().entry_type();
        let (Some(name), true) = (name, kind.is_file()) else {
            anyhow::bail!("nothing was changed: {path:?} does not belong in a backup of a shop");
        };
        is_listed |= entry.header().username_bytes() == Some(LISTED.as_bytes());
        let size = entry.size();
        let most = if name == DATABASE { MAX_OF_DATABASE } else { MAX_OF_FILE };
        anyhow::ensure!(
            size <= most,
            "nothing was changed: {path:?} has {}, but at most {} can be restored",
            byte_size(size),
            byte_size(most)
        );
        n_bytes += size;
        anyhow::ensure!(
            n_bytes <= MAX_BYTES && files.len() < MAX_FILES,
            "nothing was changed: the backup contains more than {}, or more than {MAX_FILES} files",
            byte_size(MAX_BYTES)
        );
        allowed.set(size);
        let mut content = Vec::new();
        entry.read_to_end(&mut content).with_context(|| format!("read {name} in it"))?;
        allowed.set(MAX_BETWEEN);
        anyhow::ensure!(
            u64::try_from(content.len()).ok() == Some(size),
            "it is cut off within {name}"
        );
        anyhow::ensure!(
            files.insert(name, content).is_none(),
            "nothing was changed: it contains {path:?} twice"
        );
    }
    anyhow::ensure!(
        !is_listed || files.contains_key(digests::LIST),
        "nothing was changed: its list of files is missing"
    );
    Ok(files)
}

fn is_ours(path: &Path) -> bool {
    let Some(name) = path.to_str() else { return false };
    // `components` ignores `.` and a doubled slash, which the names in our backups never contain.
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)))
        && path.components().map(|part| part.as_os_str().len() + 1).sum::<usize>()
            == name.len() + 1;
    let is_known = [DATABASE, SECRET, CLIENTS, DESK_CLIENTS, KEY, digests::LIST].contains(&name)
        || FILES.contains(&name)
        || FOLDERS
            .iter()
            .any(|folder| name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
    is_plain && is_known && !name.contains('\0')
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
        for name in [".env", DATABASE, KEY, "db/pages/about.md", "db/images/a/b.jpg"] {
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
            "db/pages/./x",
            "/db/pages/x",
        ] {
            check(name, false);
        }
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let files = BTreeMap::from([
            (DATABASE.to_owned(), vec![0; 70_000]),
            (format!("db/images/{}.jpg", "n".repeat(300)), b"long".to_vec()),
            (".env".to_owned(), Vec::new()),
        ]);
        let copy = pack(files.clone()).unwrap();
        let mut unpacked = unpack(copy.as_slice()).unwrap();
        assert!(digests::verify(&mut unpacked).unwrap());
        assert_eq!(unpacked, files);
        for cut in [600, 40_000] {
            assert!(unpack(&copy[..cut]).is_err(), "{cut}");
        }
        assert!(unpack(&b"nonsense"[..]).is_err());
    }
}

#[cfg(test)]
mod malformed_tests;
