//! Reads untrusted files and streams completely, but only up to a limit. Nothing here blocks on a pipe or reads a
//! device.

use std::cell::Cell;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::io::{Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::rc::Rc;

use crate::domain::values::{NotFileText, byte_size, file_text};

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// Any I/O error; [`io::ErrorKind::InvalidInput`] for a pipe, a device or a folder; [`io::ErrorKind::FileTooLarge`] for
/// a larger file, without reading it.
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // It may grow while it is read.
    read_stream(open_file(path, most)?.0, most)
}

/// A regular file of at most `most` bytes, and what it is when it is opened.
///
/// # Errors
/// As [`read_file`].
pub fn open_file(path: &Path, most: u64) -> io::Result<(File, Metadata)> {
    // Otherwise, opening a pipe would block until somebody writes into it.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let seen = file.metadata()?;
    if !seen.is_file() {
        let message = "it is not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    if most < seen.len() {
        return Err(too_large(&format!("it has {}", byte_size(seen.len())), most));
    }
    Ok((file, seen))
}

/// The same for a UTF-8 text, without its byte order mark.
///
/// # Errors
/// As [`read_file`]; [`io::ErrorKind::InvalidData`] if it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    Ok(read_text_and_metadata(path, most)?.0)
}

/// The same, and the metadata of that file when it was opened: a change while it is read has a later time.
///
/// # Errors
/// As [`read_text`].
pub fn read_text_and_metadata(path: &Path, most: u64) -> io::Result<(String, Metadata)> {
    let (file, seen) = open_file(path, most)?;
    Ok((read_opened_text(file, most)?, seen))
}

/// The rest of an opened file, as [`read_text`].
///
/// # Errors
/// As [`read_text`].
pub fn read_opened_text(file: File, most: u64) -> io::Result<String> {
    let text = file_text(read_stream(file, most)?);
    text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Opens a regular file of at most `most` bytes of UTF-8 text, to be read from its beginning. Its byte order mark stays.
///
/// # Errors
/// As [`read_text`].
pub fn open_text(path: &Path, most: u64) -> io::Result<File> {
    let (mut file, _) = open_file(path, most)?;
    check_text(&mut file)?;
    file.rewind()?;
    Ok(file)
}

/// # Errors
/// As [`read_text`].
fn check_text(from: &mut impl Read) -> io::Result<()> {
    let refuse = |error| Err(io::Error::new(io::ErrorKind::InvalidData, error));
    let mut buffer = Vec::new();
    from.by_ref().take(2).read_to_end(&mut buffer)?;
    if file_text(buffer.clone()) == Err(NotFileText::Utf16) {
        return refuse(NotFileText::Utf16);
    }
    // Bytes that are not checked yet: of a letter of which the rest is still to come.
    let mut n_kept = buffer.len();
    buffer.resize(64 << 10, 0);
    let mut line = 1;
    loop {
        let n = from.read(&mut buffer[n_kept..])?;
        let bytes = &buffer[..n_kept + n];
        let n_good = match std::str::from_utf8(bytes) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() && n != 0 => error.valid_up_to(),
            Err(error) => {
                line += count_lines(&bytes[..error.valid_up_to()]);
                return refuse(NotFileText::NotUtf8 { line });
            }
        };
        if n == 0 {
            return Ok(());
        }
        line += count_lines(&bytes[..n_good]);
        n_kept = bytes.len() - n_good;
        let n_bytes = n_good + n_kept;
        buffer.copy_within(n_good..n_bytes, 0);
    }
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Reads a stream to its end, which must come within `most` bytes.
///
/// # Errors
/// The stream's; [`io::ErrorKind::FileTooLarge`] if it is longer.
pub fn read_stream(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if usize::try_from(most).is_ok_and(|most| most < bytes.len()) {
        return Err(too_large("it is larger", most));
    }
    Ok(bytes)
}

/// A stream that can be read only up to a limit, which the caller may raise meanwhile.
pub struct Metered<R> {
    from: R,
    /// Units: bytes.
    left: Rc<Cell<u64>>,
}

impl<R: Read> Metered<R> {
    /// Nothing can be read until the limit is set.
    pub fn new(from: R) -> (Self, Rc<Cell<u64>>) {
        let left = Rc::new(Cell::new(0));
        (Self { from, left: Rc::clone(&left) }, left)
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left.get()).unwrap_or(usize::MAX).min(into.len());
        if most == 0 && !into.is_empty() {
            let message = "a part of it is too long";
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let n = self.from.read(&mut into[..most])?;
        self.left.set(self.left.get().saturating_sub(n as u64));
        Ok(n)
    }
}

fn too_large(found: &str, most: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("{found}; at most {} can be read", byte_size(most)),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::domain::values::slow_reader::SlowReader;

    #[track_caller]
    fn check(path: &Path, most: u64, expected: Result<&[u8], io::ErrorKind>) {
        let found = read_file(path, most);
        assert_eq!(found.as_deref().map_err(io::Error::kind), expected, "{}", path.display());
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_neither_a_pipe_nor_a_device() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("five"), b"12345").unwrap();
        symlink(at("five"), at("link")).unwrap();
        symlink("/dev/zero", at("zeros")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        check(&at("five"), 5, Ok(b"12345"));
        check(&at("link"), 5, Ok(b"12345"));
        check(&at("five"), 4, Err(io::ErrorKind::FileTooLarge));
        check(&at("zeros"), 5, Err(io::ErrorKind::InvalidInput));
        check(&at("pipe"), 5, Err(io::ErrorKind::InvalidInput));
        check(home.path(), 5, Err(io::ErrorKind::InvalidInput));
        check(&at("missing"), 5, Err(io::ErrorKind::NotFound));
        // Files in /proc report a size of zero.
        assert!(!read_file(Path::new("/proc/self/status"), 65_536).unwrap().is_empty());
        check(Path::new("/proc/self/status"), 5, Err(io::ErrorKind::FileTooLarge));
    }

    #[test]
    fn a_text_and_its_time_are_of_the_same_file_though_another_takes_its_place() {
        let home = tempfile::tempdir().unwrap();
        let (path, new) = (home.path().join("rates"), home.path().join("new"));
        let write = |path: &Path, text: &str, seconds: u64| {
            fs::write(path, text).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
            time
        };
        let old_time = write(&path, "old", 1_000);
        let (opened, seen) = open_file(&path, 5).unwrap();
        let new_time = write(&new, "new", 2_000);
        fs::rename(&new, &path).unwrap();
        let text = read_opened_text(opened, 5).unwrap();
        assert_eq!((text.as_str(), seen.modified().unwrap()), ("old", old_time));
        let (text, seen) = read_text_and_metadata(&path, 5).unwrap();
        assert_eq!((text.as_str(), seen.modified().unwrap()), ("new", new_time));
    }

    #[test]
    fn a_stream_has_to_end_within_its_limit() {
        assert_eq!(read_stream(&b"12345"[..], 5).unwrap(), b"12345");
        let endless = read_stream(io::repeat(0), 5).unwrap_err();
        assert_eq!(endless.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(endless.to_string(), "it is larger; at most 5 bytes can be read");
    }

    #[test]
    fn a_metered_stream_stops_where_it_is_not_allowed_on() {
        let (mut stream, left) = Metered::new(io::repeat(7));
        let mut bytes = [0; 3];
        assert_eq!(stream.read(&mut bytes).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        left.set(5);
        stream.read_exact(&mut bytes).unwrap();
        assert_eq!((stream.read(&mut bytes).unwrap(), left.get()), (2, 0));
        assert!(stream.read(&mut bytes).is_err());
    }

    #[test]
    fn text_is_checked_wherever_it_is_split() {
        for bytes in [
            &b""[..],
            "é".as_bytes(),
            "\u{feff}a\nß€\u{1f600}".as_bytes(),
            b"one\ntwo\nJ\xf6rg\n",
            b"cut off \xe2\x82",
            b"\xff\xfeA\0",
            b"A\0=\0",
            b"A",
        ] {
            for n_bytes in [1, 2, 3, 100] {
                let found =
                    check_text(&mut SlowReader(bytes, n_bytes)).map_err(|error| error.to_string());
                let expected =
                    file_text(bytes.to_vec()).map(|_| ()).map_err(|error| error.to_string());
                assert_eq!(found, expected, "{bytes:?}, {n_bytes} at a time");
            }
        }
    }
}
