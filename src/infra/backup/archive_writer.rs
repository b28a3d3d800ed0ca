//! Writes a backup: an archive that is made while it is read.

use std::fs::File;
use std::io;
use std::io::{Cursor, Read};
use std::vec::IntoIter;

use sha2::{Digest, Sha256};

use crate::infra::backup::archive_reader::LISTED;
use crate::infra::backup::layout::{DATABASE, Layout, Member, max_bytes};
use crate::infra::backup::{PrivateFile, digests};
use crate::infra::bounded::open_file;

/// Units: bytes of the archive's parts, which a file is filled up to.
const BLOCK: u64 = 512;

/// Only the names of its files and their digests are held in memory.
pub struct Archive {
    layout: Layout,
    /// The copy of the database.
    snapshot: PrivateFile,
    members: IntoIter<Member>,
    /// What is next before the rest of `content`: headers, and what fills up a block.
    pending: Cursor<Vec<u8>>,
    content: Option<Content>,
    list: String,
    n_files: usize,
    is_complete: bool,
}

struct Content {
    name: String,
    file: File,
    size: u64,
    left: u64,
    hasher: Sha256,
}

impl Archive {
    /// `members`: without the database, whose copy is `snapshot`.
    pub fn new(layout: Layout, snapshot: PrivateFile, members: Vec<Member>) -> Self {
        let mut members = members;
        members.push(Member { name: DATABASE.to_owned(), size: 0 });
        Self {
            layout,
            snapshot,
            members: members.into_iter(),
            pending: Cursor::default(),
            content: None,
            list: String::new(),
            n_files: 0,
            is_complete: false,
        }
    }

    /// The files that have been written so far.
    pub fn n_files(&self) -> usize {
        self.n_files
    }

    /// At most so many bytes more than the sum of its files. A list of digests is a part of it.
    pub fn overhead(members: &[Member]) -> u64 {
        // Names twice, a digest, headers, and the end of a block; a long name has a block of its own.
        let names = members.iter().map(|member| 2 * member.name.len() as u64 + 5 * BLOCK);
        names.sum::<u64>() + 16 * BLOCK
    }

    /// Prepares the next file, or the list, which comes last: before, nobody knows the digests.
    fn begin_next(&mut self) -> io::Result<()> {
        for Member { name, .. } in self.members.by_ref() {
            let is_database = name == DATABASE;
            let path = self.layout.path_of(&name);
            let path = if is_database { self.snapshot.path() } else { &path };
            let (file, seen) = match open_file(path, max_bytes(&name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !is_database => continue,
                opened => opened.map_err(|error| about(&name, &error))?,
            };
            let size = seen.len();
            self.pending = Cursor::new(header(&name, size)?);
            self.content = Some(Content { name, file, size, left: size, hasher: Sha256::new() });
            return Ok(());
        }
        let list = std::mem::take(&mut self.list).into_bytes();
        let mut end = header(digests::LIST, list.len() as u64)?;
        end.extend(&list);
        end.resize(end.len().next_multiple_of(BLOCK as usize) + 2 * BLOCK as usize, 0);
        self.pending = Cursor::new(end);
        self.is_complete = true;
        Ok(())
    }
}

impl Read for Archive {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            let n = self.pending.read(into)?;
            if 0 < n {
                return Ok(n);
            }
            match &mut self.content {
                Some(content) if 0 < content.left => return content.read(into),
                Some(Content { name, size, hasher, .. }) => {
                    self.list.push_str(&digests::line(name, &hasher.finalize_reset().into()));
                    let padding = size.next_multiple_of(BLOCK) - *size;
                    self.pending = Cursor::new(vec![0; usize::try_from(padding).unwrap_or(0)]);
                    self.n_files += 1;
                    self.content = None;
                }
                None if self.is_complete => return Ok(0),
                None => self.begin_next()?,
            }
        }
    }
}

impl Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let n = self.file.read(&mut into[..most]).map_err(|error| about(&self.name, &error))?;
        if n == 0 {
            let error = io::Error::other("it became shorter while it was read");
            return Err(about(&self.name, &error));
        }
        self.hasher.update(&into[..n]);
        self.left -= n as u64;
        Ok(n)
    }
}

/// The header of a file, with a long name before it.
fn header(name: &str, size: u64) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    // Neither owner nor time: a backup does not reveal who made it, and when.
    header.set_mode(0o600);
    header.set_username(LISTED)?;
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, name, io::empty())?;
    Ok(builder.get_ref().clone())
}

fn about(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn shop(home: &Path) -> (Layout, PrivateFile, Vec<Member>) {
        fs::create_dir_all(home.join("files")).unwrap();
        fs::write(home.join("shop.secret"), [7; 32]).unwrap();
        fs::write(home.join(format!("files/{}.bin", "n".repeat(200))), [1; 1_024]).unwrap();
        fs::write(home.join("files/empty"), []).unwrap();
        fs::write(home.join("files/.upload"), "a part").unwrap();
        let layout = Layout { database: home.join("shop.db"), seller_key: home.join("no-key.asc") };
        let snapshot = PrivateFile::create(&layout.snapshot()).unwrap();
        fs::write(snapshot.path(), vec![3; 70_000]).unwrap();
        let mut members = layout.list(false).unwrap();
        // The folders beside the database, not those of the folder in which the test runs.
        members.retain(|member| layout.path_of(&member.name).starts_with(home));
        (layout, snapshot, members)
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let home = tempfile::tempdir().unwrap();
        let (layout, snapshot, members) = shop(home.path());
        let sizes: u64 = 70_000 + members.iter().map(|member| member.size).sum::<u64>();
        let most = sizes + Archive::overhead(&members);
        let mut archive = Archive::new(layout, snapshot, members);
        let (mut copy, mut part) = (Vec::new(), vec![0; 1_000]);
        // As parts that fit no block.
        loop {
            match archive.read(&mut part).unwrap() {
                0 => break,
                n => copy.extend(&part[..n]),
            }
        }
        assert_eq!(archive.n_files(), 4);
        drop(archive);
        assert!(!home.path().join("shop.db.snapshot").exists());
        assert!(copy.len() as u64 <= most, "{} {most}", copy.len());
        let mut files = Vec::new();
        let unpacked = crate::infra::backup::unpack(copy.as_slice(), |name, size, content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            assert_eq!(bytes.len() as u64, size);
            files.push((name.to_owned(), bytes));
            Ok(())
        });
        assert!(unpacked.unwrap().is_listed);
        let long = format!("db/files/{}.bin", "n".repeat(200));
        let expected: [(&str, Vec<u8>); 4] = [
            ("db/files/empty", Vec::new()),
            (&long, vec![1; 1_024]),
            ("db/shop.secret", vec![7; 32]),
            (DATABASE, vec![3; 70_000]),
        ];
        let expected = expected.map(|(name, bytes)| (name.to_owned(), bytes));
        assert_eq!(files, expected);
        for cut in (1..copy.len() - 1_024).step_by(777) {
            let cut = crate::infra::backup::unpack(&copy[..cut], |_, _, content| {
                Ok(io::copy(content, &mut io::sink()).map(drop)?)
            });
            assert!(cut.is_err());
        }
    }

    #[test]
    fn a_file_that_becomes_shorter_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let (layout, snapshot, members) = shop(home.path());
        let (path, file) = (snapshot.path().to_owned(), members.len());
        let mut archive = Archive::new(layout, snapshot, members);
        let mut part = vec![0; 512];
        while archive.n_files() < file {
            archive.read_exact(&mut part).unwrap();
        }
        // Until the content of the last file has begun.
        while archive.content.as_ref().is_none_or(|content| content.left == content.size) {
            archive.read_exact(&mut part).unwrap();
        }
        File::options().write(true).open(path).unwrap().set_len(600).unwrap();
        let error = io::copy(&mut archive, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("became shorter"), "{error}");
    }
}
