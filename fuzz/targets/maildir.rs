//! File names in a Maildir, from mail programs and others, next to a message of the shop.
//!
//! The first byte chooses the folder; the rest is one file name per line.
#![no_main]

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use shop::infra::mail::{Lookup, Maildir};

const ORDER: &str = "K3QF0W2ZD7";
const NAME: &str = "1799971200.K3QF0W2ZD7_0.shop";
const OTHER: &str = "1799971200.AAAAAAAAAA_0.shop";

/// In memory, since each input creates and removes a folder.
static HOME: LazyLock<PathBuf> = LazyLock::new(|| {
    let home = Path::new("/dev/shm").join(format!("shop-fuzz-maildir-{}", std::process::id()));
    fs::create_dir_all(&home).expect("make a folder in memory");
    home
});

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let folder = HOME.join("mail");
    let _ = fs::remove_dir_all(&folder);
    let maildir = Maildir::new(folder.clone());
    let part = folder.join(["new", "cur", "tmp"][usize::from(which % 3)]);
    let mut names = Vec::new();
    for name in rest.split(|byte| *byte == b'\n').take(8) {
        let is_one = !name.is_empty() && name.len() <= 255 && !name.contains(&b'/');
        if is_one && !name.contains(&0) && name != b"." && name != b".." {
            fs::write(part.join(OsStr::from_bytes(name)), b"found").expect("write a message");
            names.push(name.to_vec());
        }
    }
    check_looks(&maildir, &names, which % 3);

    maildir.deliver(OTHER, b"other").expect("deliver");
    maildir.erase_all(&HashSet::from([ORDER])).expect("erase");
    for name in &names {
        let is_left = part.join(OsStr::from_bytes(name)).exists();
        // Files named like another order's message, or not like the shop's, stay.
        let names_order = name.windows(ORDER.len()).any(|window| window == ORDER.as_bytes());
        assert!(is_left || names_order, "erased {:?}", String::from_utf8_lossy(name));
        // Files named like this order's messages are removed, whatever suffix mail programs add.
        let tail = name.strip_prefix(NAME.as_bytes());
        let is_ours = tail.is_some_and(|tail| tail.first().is_none_or(|c| b".,:;!".contains(c)));
        assert!(!is_left || !is_ours, "kept {:?}", String::from_utf8_lossy(name));
    }
    let left = Lookup::new(maildir).read(OTHER).expect("read");
    assert!(left.as_deref() == Some(b"other") || names.iter().any(|name| name == OTHER.as_bytes()));
});

fn check_looks(maildir: &Maildir, names: &[Vec<u8>], which: u8) {
    let mut lookup = Lookup::new(maildir.clone());
    let told = lookup.is_delivered(NAME).expect("look for a message");
    let seen = lookup.is_seen(NAME).expect("look for a mark");
    let read = lookup.read(NAME).expect("read a message");
    assert!(told == read.is_some(), "a message that lies there can be read");
    assert!(!seen || told, "what is seen lies there");
    // Unrelated files are not taken for the message.
    let is_there = names.iter().any(|name| name.starts_with(NAME.as_bytes()));
    assert!(is_there || !told);
    assert!(maildir.oldest_unread().is_ok() && maildir.newest().is_ok());
    if which == 1 {
        assert!(maildir.oldest_unread().is_ok_and(|oldest| oldest.is_none()));
    }
    // A name by the specification is always recognized.
    let [name] = names else { return };
    let tail = std::str::from_utf8(name).ok().and_then(|name| name.strip_prefix(NAME));
    let Some(flags) = tail.and_then(|tail| tail.strip_prefix(":2,")) else { return };
    if which == 1 && flags.bytes().all(|flag| b"DFPRST".contains(&flag)) {
        assert!(told && seen == flags.contains('S'), "{flags}");
    }
}
