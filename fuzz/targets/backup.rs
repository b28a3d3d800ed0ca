//! A backup for `shop restore`.
//!
//! An input whose first byte is odd is an archive as it is; else the target writes the archive: `NAME\nCONTENT\0…`, with a
//! list of its files where the second bit is set.
#![no_main]

mod printable;

use std::collections::BTreeMap;
use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use shop::interfaces::cli::{list_files, unpack, verify};

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let archive = if which % 2 == 1 { rest.to_vec() } else { packed(rest, *which) };
    let files = match unpack(archive.as_slice()) {
        Ok(files) => files,
        Err(error) => return printable::check_message(&format!("{error:#}")),
    };
    for name in files.keys() {
        let parts = Path::new(name).components();
        assert!(parts.clone().all(|part| matches!(part, Component::Normal(_))), "{name}");
        let is_known = name == ".env" || name == "SHA256SUMS" || name.starts_with("db/");
        assert!(is_known && !name.contains('\0') && !name.ends_with('/'), "{name}");
    }
    let n_bytes: usize = files.values().map(Vec::len).sum();
    assert!(n_bytes <= archive.len(), "more came out than went in");
    check_list(files);
});

/// Every change of a file in the list of digests is detected.
fn check_list(files: BTreeMap<String, Vec<u8>>) {
    let is_whole = |files: &BTreeMap<String, Vec<u8>>| verify(&mut files.clone());
    match is_whole(&files) {
        Err(error) => return printable::check_message(&format!("{error:#}")),
        Ok(false) => return assert!(!files.contains_key("SHA256SUMS")),
        Ok(true) => {}
    }
    for name in files.keys().filter(|name| *name != "SHA256SUMS") {
        let mut changed = files.clone();
        changed.insert(name.clone(), [files[name].as_slice(), b"."].concat());
        assert!(is_whole(&changed).is_err(), "{name} was changed");
        changed.remove(name);
        assert!(is_whole(&changed).is_err(), "{name} was left out");
    }
    let mut changed = files;
    changed.insert("db/pages/added-by-nobody".to_owned(), Vec::new());
    assert!(is_whole(&changed).is_err(), "a file was added");
}

/// An archive of these names, without the checks of the usual program.
fn packed(bytes: &[u8], which: u8) -> Vec<u8> {
    let mut archive = Vec::new();
    let parts = || bytes.split(|byte| *byte == 0).take(8);
    let split = |part: &[u8]| {
        let end = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
        (part[..end].to_vec(), part[end..].to_vec())
    };
    if which / 2 % 2 == 1 {
        let listed = parts().map(split);
        let listed = listed.map(|(name, content)| (String::from_utf8_lossy(&name).into(), content));
        append(&mut archive, b"SHA256SUMS", &list_files(&listed.collect()), b'0');
    }
    for part in parts() {
        let (name, content) = split(part);
        // Regular files, and sometimes links, folders, devices, long names.
        let kind = if which % 8 < 4 { b'0' } else { b"0125LKxgS"[usize::from(which / 8 % 9)] };
        append(&mut archive, &name, &content, kind);
    }
    archive.resize(archive.len() + 1_024, 0);
    archive
}

fn append(archive: &mut Vec<u8>, name: &[u8], content: &[u8], kind: u8) {
    let mut header = [0_u8; 512];
    let n = name.len().min(100);
    header[..n].copy_from_slice(&name[..n]);
    header[100..108].copy_from_slice(b"0000600\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar  \0");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend_from_slice(&header);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
}
