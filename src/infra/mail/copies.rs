//! Finds copies of an order's messages in other folders and mbox files.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::fs::{File, FileTimes, OpenOptions};
use std::io;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::infra::erased_file::{erase_file, remove_if_present, replace_file};

/// The format of a file with many messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// Each message begins with a line `From SENDER TIME`. Source: RFC 4155.
    Mbox,
    /// Each message is between two lines of four bytes 1.
    Mmdf,
}

const MMDF: &[u8] = b"\x01\x01\x01\x01\n";

/// Units: bytes of a line that are read at once.
const LONGEST_LINE: u64 = 8192;

/// Units: bytes of a message's header that are searched.
const LONGEST_HEAD: usize = 262_144;

/// Erases the messages of these orders from a file that the shop did not write, and returns whether there were any. The
/// file is removed if it contains nothing else.
///
/// # Errors
/// Any I/O error; also if a mail program has locked the file, or changed it at the same time.
pub fn erase(path: &Path, is_single: bool, order_refs: &HashSet<&str>) -> io::Result<bool> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let before = file.metadata()?;
    let mut reader = BufReader::new(file);
    let Some(format) = format_of(reader.fill_buf()?).filter(|_| !is_single) else {
        return if head_names_order(&mut reader, order_refs)? {
            erase_file(path).map(|()| true)
        } else {
            Ok(false)
        };
    };
    let ours = find(&mut reader, format, order_refs)?;
    if ours.is_empty() {
        return Ok(false);
    }
    let lock = Lock::take(path)?;
    let draft = beside(path, ".shop-draft");
    let is_all =
        ours.iter().map(|message| message.end - message.start).sum::<u64>() == before.len();
    let written = if is_all { Ok(()) } else { rewrite(&mut reader, &ours, &draft) };
    let now = fs::symlink_metadata(path)?;
    let is_same = (now.ino(), now.len(), now.mtime(), now.mtime_nsec())
        == (before.ino(), before.len(), before.mtime(), before.mtime_nsec());
    let erased = written.and_then(|()| match (is_same, is_all) {
        (false, _) => Err(io::Error::other("a mail program changed the file at the same time")),
        (true, true) => erase_file(path),
        (true, false) => replace_file(&draft, path),
    });
    if erased.is_err() {
        let _ = erase_file(&draft);
    }
    drop(lock);
    erased.map(|()| true)
}

fn format_of(begin: &[u8]) -> Option<Format> {
    match begin {
        _ if begin.starts_with(b"From ") => Some(Format::Mbox),
        _ if begin.starts_with(MMDF) => Some(Format::Mmdf),
        _ => None,
    }
}

fn beside(path: &Path, tail: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(tail);
    PathBuf::from(name)
}

/// The lock file with which mail programs protect a file of many messages: it is in the same folder.
struct Lock(PathBuf);

impl Lock {
    fn take(path: &Path) -> io::Result<Self> {
        let lock = beside(path, ".lock");
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&lock);
        created.map_err(|error| {
            let path = lock.display();
            let message = format!("{path}: a mail program is at work on the file ({error})");
            io::Error::new(error.kind(), message)
        })?;
        Ok(Self(lock))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a file without these parts.
fn rewrite(reader: &mut BufReader<File>, without: &[Range<u64>], draft: &Path) -> io::Result<()> {
    let of_file = reader.get_ref().metadata()?;
    let mode = of_file.permissions().mode() & 0o777;
    // Left by a purge that was interrupted.
    remove_if_present(draft)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(draft)?;
    let mut at = 0;
    let end = of_file.len()..of_file.len();
    for gap in without.iter().chain(std::iter::once(&end)) {
        reader.seek(SeekFrom::Start(at))?;
        io::copy(&mut reader.by_ref().take(gap.start.saturating_sub(at)), &mut file)?;
        at = gap.end;
    }
    let times =
        FileTimes::new().set_accessed(of_file.accessed()?).set_modified(of_file.modified()?);
    file.set_times(times)?;
    file.sync_all()
}

/// Reads a line, or the next part of a very long one, and returns whether this is its beginning. `None`: end of file.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    let is_begin = line.is_empty() || line.ends_with(b"\n");
    line.clear();
    let n_bytes = reader.take(LONGEST_LINE).read_until(b'\n', line)?;
    Ok((0 < n_bytes).then_some(is_begin))
}

/// Whether the header of a single message names one of these orders.
fn head_names_order(reader: &mut impl BufRead, order_refs: &HashSet<&str>) -> io::Result<bool> {
    let (mut line, mut n_bytes) = (Vec::new(), 0);
    while let Some(is_begin) = next_line(reader, &mut line)? {
        n_bytes += line.len();
        if is_blank(&line) || LONGEST_HEAD < n_bytes {
            break;
        }
        if is_begin && names_order(&line, order_refs) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The positions of the messages of these orders.
fn find(
    reader: &mut impl BufRead,
    format: Format,
    order_refs: &HashSet<&str>,
) -> io::Result<Vec<Range<u64>>> {
    let mut found: Vec<Range<u64>> = Vec::new();
    let (mut at, mut start) = (0, 0);
    let (mut is_inside, mut is_ours, mut in_head, mut after_blank) = (false, false, false, true);
    let mut line = Vec::new();
    while let Some(is_begin) = next_line(reader, &mut line)? {
        let end = at + line.len() as u64;
        let is_mark = is_begin
            && match format {
                Format::Mbox => after_blank && begins_message(&line),
                Format::Mmdf => line == MMDF,
            };
        if is_mark {
            if is_inside && is_ours {
                found.push(start..if format == Format::Mmdf { end } else { at });
            }
            // In this format the second separator ends a message, and begins none.
            is_inside = format == Format::Mbox || !is_inside;
            (start, is_ours, in_head) = (at, false, is_inside);
        } else if in_head && is_begin {
            is_ours |= names_order(&line, order_refs);
            in_head = !is_blank(&line);
        }
        after_blank = is_begin && is_blank(&line);
        at = end;
    }
    if is_inside && is_ours {
        found.push(start..at);
    }
    Ok(found)
}

fn is_blank(line: &[u8]) -> bool {
    line == b"\n" || line == b"\r\n"
}

/// Whether it is a line `From SENDER TIME`, and not a sentence that begins with this word.
fn begins_message(line: &[u8]) -> bool {
    let is_time = |word: &[u8]| matches!(word, [h, i, b':', m, n, ..] if [h, i, m, n].iter().all(|c| c.is_ascii_digit()));
    line.starts_with(b"From ") && line.trim_ascii_end().split(|c| *c == b' ').any(is_time)
}

fn names_order(line: &[u8], order_refs: &HashSet<&str>) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    line.split_once(':').is_some_and(|(name, value)| {
        name.eq_ignore_ascii_case("X-Shop-Order") && order_refs.contains(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "From order@shop.invalid Sat Nov 21 00:00:01 2026\n";

    #[track_caller]
    fn check(before: &str, after: Option<&str>) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("saved");
        fs::write(&path, before).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        let erased = erase(&path, false, &HashSet::from(["AAAAAAAAAA"])).unwrap();
        assert_eq!(erased, after != Some(before), "{before:?}");
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), after, "{before:?}");
        if let Ok(now) = fs::metadata(&path) {
            assert_eq!((now.mode() & 0o777, now.modified().unwrap()), (0o640, written));
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), usize::from(after.is_some()));
    }

    #[test]
    fn of_a_file_of_many_messages_those_of_the_order_are_erased() {
        let ours = format!("{BEGIN}X-Shop-Order: AAAAAAAAAA\n\nAda\n>From me\nFrom the sea\n\n");
        let other =
            format!("{BEGIN}Subject: x\nX-Shop-Order: BBBBBBBBBB\n\nX-Shop-Order: AAAAAAAAAA\n\n");
        check(&ours, None);
        check(&other, Some(&other));
        check(&format!("{other}{ours}{other}"), Some(&format!("{other}{other}")));
        check(&format!("{ours}{other}{ours}"), Some(&other));
        check(&format!("{ours}{ours}"), None);
        check(&ours.replace('\n', "\r\n"), None);
        check(&ours.replace("X-Shop-Order: ", &format!("x-shop-order:{}", "\t")), None);
        // A message that only contains such a message is not one itself.
        let holding =
            format!("{BEGIN}Subject: x\n\nFrom a friend:\n\nX-Shop-Order: AAAAAAAAAA\n\n");
        check(&holding, Some(&holding));
        let long =
            format!("{BEGIN}Subject: {}X-Shop-Order: AAAAAAAAAA\n\nx\n", "x".repeat(8192 - 9));
        check(&long, Some(&long));
        let mark = "\u{1}\u{1}\u{1}\u{1}\n";
        let [ours, other] = ["AAAAAAAAAA", "BBBBBBBBBB"]
            .map(|name| format!("{mark}X-Shop-Order: {name}\n\nx\n{mark}"));
        check(&format!("{ours}{other}{ours}"), Some(&other));
        check(&format!("{ours}{ours}"), None);
        check(&other, Some(&other));
    }

    #[test]
    fn a_file_that_is_locked_is_left() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("saved");
        let ours = format!("{BEGIN}X-Shop-Order: AAAAAAAAAA\n\nAda\n");
        fs::write(&path, &ours).unwrap();
        fs::write(home.path().join("saved.lock"), "").unwrap();
        let error = erase(&path, false, &HashSet::from(["AAAAAAAAAA"])).unwrap_err();
        assert!(error.to_string().contains("saved.lock: a mail program is at work"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), ours);
        assert!(home.path().join("saved.lock").exists());
    }
}
