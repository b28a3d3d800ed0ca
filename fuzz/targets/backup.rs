//! A backup for `shop restore`.
//!
//! An input whose first byte is odd is an archive as it is; else the target writes the archive: `NAME\nCONTENT\0…`, with a
//! list of its files where the second bit is set.
#![no_main]

mod printable;

use std::collections::BTreeMap;
use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use shop::infra::backup::{list_files, unpack, verify};

type Digests = BTreeMap<String, [u8; 32]>;

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let archive = if which % 2 == 1 { rest.to_vec() } else { packed(rest, *which) };
    let (mut files, mut n_bytes) = (Digests::new(), 0);
    let unpacked = unpack(archive.as_slice(), |name, size, content| {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        assert!(bytes.len() as u64 <= size, "more came out than was announced");
        n_bytes += bytes.len();
        assert!(files.insert(name.to_owned(), digest(&bytes)).is_none(), "{name} came twice");
        Ok(())
    });
    let unpacked = match unpacked {
        Ok(unpacked) => unpacked,
        Err(error) => return printable::check_message(&format!("{error:#}")),
    };
    assert!(unpacked.names.iter().eq(files.keys()));
    for name in files.keys() {
        let parts = Path::new(name).components();
        assert!(parts.clone().all(|part| matches!(part, Component::Normal(_))), "{name}");
        let is_known = name == ".env" || name.starts_with("db/");
        assert!(is_known && !name.contains('\0') && !name.ends_with('/'), "{name}");
    }
    assert!(n_bytes <= archive.len(), "more came out than went in");
    check_list(&files);
});

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Every change of a file in the list of digests is detected.
fn check_list(files: &Digests) {
    let list = list_files(files);
    verify(files, list.as_bytes()).unwrap();
    for name in files.keys() {
        let mut changed = files.clone();
        changed.get_mut(name).unwrap()[0] ^= 1;
        assert!(verify(&changed, list.as_bytes()).is_err(), "{name} was changed");
        changed.remove(name);
        assert!(verify(&changed, list.as_bytes()).is_err(), "{name} was left out");
    }
    let mut changed = files.clone();
    changed.insert("db/pages/added-by-nobody".to_owned(), [0; 32]);
    assert!(verify(&changed, list.as_bytes()).is_err(), "a file was added");
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
        let listed =
            listed.map(|(name, content)| (String::from_utf8_lossy(&name).into(), digest(&content)));
        append(&mut archive, b"SHA256SUMS", list_files(&listed.collect()).as_bytes(), b'0');
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
