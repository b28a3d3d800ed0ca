//! SHA-256 digests of a backup's members.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use data_encoding::HEXLOWER;

/// The file in a backup that lists the digests of all others. Shape: as written by `sha256sum`, so that
/// `sha256sum --check` verifies a backup that was unpacked by hand.
pub const LIST: &str = "SHA256SUMS";

/// SHA-256 of a file.
pub type FileDigest = [u8; 32];

/// The content of that file.
pub fn list(files: &BTreeMap<String, FileDigest>) -> String {
    files.iter().map(|(name, digest)| line(name, digest)).collect()
}

/// Compares the files of a backup with its list.
///
/// # Errors
/// Which file is missing, was added or has changed.
pub fn verify(files: &BTreeMap<String, FileDigest>, list: &[u8]) -> anyhow::Result<()> {
    let list = std::str::from_utf8(list).ok().context("its list of files cannot be read")?;
    let mut listed: BTreeSet<&str> = list.split_inclusive('\n').collect();
    let n_lines = list.split_inclusive('\n').count();
    anyhow::ensure!(listed.len() == n_lines, "its list of files names one of them twice");
    for (name, digest) in files {
        if !listed.remove(line(name, digest).as_str()) {
            let tail = format!("  {}\n", escaped_name(name));
            let is_known = listed.iter().any(|line| line.ends_with(&tail));
            anyhow::ensure!(!is_known, "{name} in it has changed since the backup");
            anyhow::bail!("{name} was added to it: its list of files does not include it");
        }
    }
    let missing: Vec<&str> = listed
        .into_iter()
        .map(|line| line.split_once("  ").map_or(line, |(_, name)| name).trim_end())
        .collect();
    anyhow::ensure!(missing.is_empty(), "{} is missing from it", missing.join(", "));
    Ok(())
}

pub fn line(name: &str, digest: &FileDigest) -> String {
    let mark = if escaped_name(name) == name { "" } else { "\\" };
    format!("{mark}{}  {}\n", HEXLOWER.encode(digest), escaped_name(name))
}

/// On one line, as `sha256sum` escapes it.
fn escaped_name(name: &str) -> String {
    name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    type Files = BTreeMap<String, FileDigest>;

    fn digest(content: &[u8]) -> FileDigest {
        Sha256::digest(content).into()
    }

    fn copy() -> Files {
        BTreeMap::from([
            (".env".to_owned(), digest(b"")),
            ("db/images/a  b.jpg".to_owned(), digest(b"picture")),
            ("db/images/c\n\\d.jpg".to_owned(), digest(b"strange")),
            ("db/shop.sqlite".to_owned(), digest(b"rows")),
        ])
    }

    #[track_caller]
    fn check(change: impl Fn(&mut Files, &mut Vec<u8>), expected: Result<(), &str>) {
        let mut files = copy();
        let mut list = list(&files).into_bytes();
        change(&mut files, &mut list);
        let verified = verify(&files, &list).map_err(|error| error.to_string());
        assert_eq!(verified, expected.map_err(str::to_owned));
    }

    #[test]
    fn a_backup_matches_its_list() {
        // Source: `printf rows | sha256sum`.
        let line =
            "bc51e9e65d79e1c90ba544ab2eae1044ccdf8c1af7a559ba375cba4276f7d99e  db/shop.sqlite";
        let list = list(&copy());
        assert!(list.lines().any(|found| found == line), "{list}");
        check(|_, _| {}, Ok(()));
        // In whatever order.
        let reversed = |_: &mut Files, list: &mut Vec<u8>| {
            let text = String::from_utf8(list.clone()).unwrap();
            *list = text.split_inclusive('\n').rev().collect::<String>().into_bytes();
        };
        check(reversed, Ok(()));
    }

    #[test]
    fn every_change_of_a_backup_is_named() {
        let flip = |files: &mut Files, _: &mut Vec<u8>| {
            files.get_mut("db/shop.sqlite").unwrap()[0] ^= 1;
        };
        check(flip, Err("db/shop.sqlite in it has changed since the backup"));
        check(|files, _| assert!(files.remove(".env").is_some()), Err(".env is missing from it"));
        let added = |files: &mut Files, _: &mut Vec<u8>| {
            assert!(files.insert("db/shop.secret".to_owned(), digest(b"")).is_none())
        };
        check(added, Err("db/shop.secret was added to it: its list of files does not include it"));
        let renamed = |files: &mut Files, _: &mut Vec<u8>| {
            let bytes = files.remove(".env").unwrap();
            files.insert("db/data.json".to_owned(), bytes);
        };
        check(renamed, Err("db/data.json was added to it: its list of files does not include it"));
        let torn = |_: &mut Files, list: &mut Vec<u8>| *list = b"torn".to_vec();
        check(torn, Err(".env was added to it: its list of files does not include it"));
        let twice = |_: &mut Files, list: &mut Vec<u8>| list.extend(list.clone());
        check(twice, Err("its list of files names one of them twice"));
    }
}
