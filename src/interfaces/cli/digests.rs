//! SHA-256 digests of a backup's members.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// The file in a backup that lists the digests of all others. Shape: as written by `sha256sum`, so that
/// `sha256sum --check` verifies a backup that was unpacked by hand.
pub const LIST: &str = "SHA256SUMS";

/// The content of that file.
pub fn list(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    files.iter().map(|(name, bytes)| line(name, bytes)).collect::<String>().into_bytes()
}

/// Removes the list from the files of a backup and compares the others with it. Returns whether there was one: older backups
/// have none.
///
/// # Errors
/// Which file is missing, was added or has changed.
pub fn verify(files: &mut BTreeMap<String, Vec<u8>>) -> anyhow::Result<bool> {
    let Some(list) = files.remove(LIST) else { return Ok(false) };
    let list = String::from_utf8(list).ok().context("its list of files cannot be read")?;
    let mut listed: BTreeSet<&str> = list.split_inclusive('\n').collect();
    let n_lines = list.split_inclusive('\n').count();
    anyhow::ensure!(listed.len() == n_lines, "its list of files names one of them twice");
    for (name, bytes) in files.iter() {
        if !listed.remove(line(name, bytes).as_str()) {
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
    Ok(true)
}

fn line(name: &str, bytes: &[u8]) -> String {
    let mark = if escaped_name(name) == name { "" } else { "\\" };
    format!("{mark}{}  {}\n", HEXLOWER.encode(&Sha256::digest(bytes)), escaped_name(name))
}

/// On one line, as `sha256sum` escapes it.
fn escaped_name(name: &str) -> String {
    name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy() -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::from([
            (".env".to_owned(), Vec::new()),
            ("db/images/a  b.jpg".to_owned(), b"picture".to_vec()),
            ("db/images/c\n\\d.jpg".to_owned(), b"strange".to_vec()),
            ("db/shop.sqlite".to_owned(), b"rows".to_vec()),
        ]);
        let list = list(&files);
        files.insert(LIST.to_owned(), list);
        files
    }

    #[track_caller]
    fn check(change: impl Fn(&mut BTreeMap<String, Vec<u8>>), expected: Result<bool, &str>) {
        let mut files = copy();
        change(&mut files);
        let verified = verify(&mut files).map_err(|error| error.to_string());
        assert_eq!(verified, expected.map_err(str::to_owned));
        assert!(!files.contains_key(LIST), "the list is no file of the shop");
    }

    #[test]
    fn a_backup_matches_its_list() {
        // Source: `printf rows | sha256sum`.
        let list = String::from_utf8(copy().remove(LIST).unwrap()).unwrap();
        let line =
            "bc51e9e65d79e1c90ba544ab2eae1044ccdf8c1af7a559ba375cba4276f7d99e  db/shop.sqlite";
        assert!(list.lines().any(|found| found == line), "{list}");
        check(|_| {}, Ok(true));
        check(|files| drop(files.remove(LIST)), Ok(false));
    }

    #[test]
    fn every_change_of_a_backup_is_named() {
        let flip = |files: &mut BTreeMap<String, Vec<u8>>| {
            files.get_mut("db/shop.sqlite").unwrap()[0] ^= 1;
        };
        check(flip, Err("db/shop.sqlite in it has changed since the backup"));
        check(|files| drop(files.remove(".env")), Err(".env is missing from it"));
        let added = |files: &mut BTreeMap<String, Vec<u8>>| {
            drop(files.insert("db/shop.secret".to_owned(), Vec::new()))
        };
        check(added, Err("db/shop.secret was added to it: its list of files does not include it"));
        let renamed = |files: &mut BTreeMap<String, Vec<u8>>| {
            let bytes = files.remove(".env").unwrap();
            files.insert("db/data.json".to_owned(), bytes);
        };
        check(renamed, Err("db/data.json was added to it: its list of files does not include it"));
        let cut = |files: &mut BTreeMap<String, Vec<u8>>| {
            files.get_mut("db/images/a  b.jpg").unwrap().truncate(3)
        };
        check(cut, Err("db/images/a  b.jpg in it has changed since the backup"));
        let torn = |files: &mut BTreeMap<String, Vec<u8>>| {
            drop(files.insert(LIST.to_owned(), b"torn".to_vec()))
        };
        check(torn, Err(".env was added to it: its list of files does not include it"));
        let twice = |files: &mut BTreeMap<String, Vec<u8>>| {
            let list = files.get_mut(LIST).unwrap();
            list.extend(list.clone());
        };
        check(twice, Err("its list of files names one of them twice"));
    }
}
