//! Malformed and malicious backups.

use super::*;

fn names(copy: impl Read) -> anyhow::Result<Vec<String>> {
    Ok(unpack(copy, |_, _, _| Ok(()))?.names)
}

#[track_caller]
fn refused(copy: impl Read, why: &str) {
    let error = format!("{:#}", names(copy).unwrap_err());
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
    // Endless content behind each: reading it would never end.
    for (name, size) in
        [("db/codes/keys", 5 << 30), ("db/images/a.jpg", 65 << 20), (".env", 1 << 40)]
    {
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
    // A file that may be large is refused by the code that takes it.
    let head = member("db/files/film.mkv", EntryType::Regular, 1 << 50);
    let taken = unpack(head.chain(zeros()), |_, size, _| anyhow::bail!("no room for {size}"));
    assert_eq!(taken.unwrap_err().to_string(), format!("no room for {}", 1_u64 << 50));
    assert!(names(zeros()).unwrap().is_empty());
    assert!(names(&b"nonsense"[..]).is_err());
    refused(io::repeat(7), "it is not a backup of a shop");
}
