//! Malformed and malicious backups.

use super::*;

#[track_caller]
fn refused(copy: impl Read, why: &str) {
    let error = format!("{:#}", unpack(copy).unwrap_err());
    assert!(error.contains(why), "{error}");
}

fn member(name: &str, kind: tar::EntryType, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o600);
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn a_copy_that_is_none_is_refused_by_its_heads_alone() {
    use tar::EntryType;
    let zeros = || io::repeat(0);
    // Endless content behind each: whoever read it would never come back.
    for (name, size) in [(DATABASE, 5 << 30), ("db/images/a.jpg", 65 << 20), (".env", 1 << 40)] {
        let head = member(name, EntryType::Regular, size);
        refused(head.chain(zeros()), "can be restored");
    }
    for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader] {
        let head = member("name", kind, 1 << 30);
        refused(head.chain(zeros()), "a part of it is too long");
    }
    for kind in [EntryType::Symlink, EntryType::Directory, EntryType::Fifo] {
        let head = member("db/images/a.jpg", kind, 0);
        refused(head.chain(zeros()), "does not belong in a backup of a shop");
    }
    // A file with holes, whatever it says of them.
    refused(
        member("db/images/a.jpg", EntryType::GNUSparse, 0).as_slice().chain(zeros()),
        "not a backup of a shop",
    );
    assert!(unpack(zeros()).unwrap().is_empty());
    refused(io::repeat(7), "it is not a backup of a shop");
}
