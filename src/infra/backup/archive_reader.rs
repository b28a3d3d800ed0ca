//! Reads a backup, which may be damaged, malicious or something else.

use std::collections::BTreeMap;
use std::io;
use std::io::Read;

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::domain::values::byte_size;
use crate::infra::backup::digests;
use crate::infra::backup::digests::FileDigest;
use crate::infra::backup::layout::{is_ours, max_bytes};
use crate::infra::bounded::Metered;

/// The owner of all files in a backup with a list of digests: if the list was removed, the backup does not pass for an older
/// one.
pub(super) const LISTED: &str = "listed";

/// Units: files of a backup. Their names are held in memory.
const MAX_FILES: usize = 1_000_000;
/// Units: bytes between two files: a long name, and additional headers.
const MAX_BETWEEN: u64 = 64 << 10;

/// What was in a backup.
#[derive(Debug)]
pub struct Unpacked {
    /// Sorted, without the list itself.
    pub names: Vec<String>,
    /// Whether the list of digests was there; older backups have none.
    pub is_listed: bool,
}

/// Reads a backup to its end and verifies it. `take` gets each file: its name, its size in bytes and its content; all of it is to
/// be undone if this fails. A file is refused by its name and size before it is read.
///
/// # Errors
/// What is wrong with the backup; those of `take`.
pub fn unpack(
    copy: impl Read,
    mut take: impl FnMut(&str, u64, &mut dyn Read) -> anyhow::Result<()>,
) -> anyhow::Result<Unpacked> {
    let (mut files, mut list) = (BTreeMap::new(), None);
    let mut has_mark = false;
    let (copy, allowed) = Metered::new(copy);
    allowed.set(MAX_BETWEEN);
    let mut archive = tar::Archive::new(copy);
    for entry in archive.entries().context("it is not a backup of a shop")? {
        let mut entry = entry.context("it is not a backup of a shop, or it is damaged")?;
        let path = entry.path().context("a name in it cannot be read")?.into_owned();
        let name = path.to_str().map(str::to_owned).filter(|_| is_ours(&path));
        let kind = entry.header().entry_type();
        let (Some(name), true) = (name, kind.is_file()) else {
            anyhow::bail!("nothing was changed: {path:?} does not belong in a backup of a shop");
        };
        has_mark |= entry.header().username_bytes() == Some(LISTED.as_bytes());
        let (size, most) = (entry.size(), max_bytes(&name));
        anyhow::ensure!(
            size <= most,
            "nothing was changed: {path:?} has {}, but at most {} can be restored",
            byte_size(size),
            byte_size(most)
        );
        anyhow::ensure!(
            files.len() < MAX_FILES,
            "nothing was changed: the backup contains more than {MAX_FILES} files"
        );
        let is_list = name == digests::LIST;
        anyhow::ensure!(
            !(files.contains_key(&name) || is_list && list.is_some()),
            "nothing was changed: it contains {path:?} twice"
        );
        allowed.set(size);
        if is_list {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).with_context(|| format!("read {name} in it"))?;
            list = Some(content);
        } else {
            let digest = take_file(&mut entry, &name, size, &mut take)?;
            files.insert(name, digest);
        }
        allowed.set(MAX_BETWEEN);
    }
    anyhow::ensure!(
        !has_mark || list.is_some(),
        "nothing was changed: its list of files is missing"
    );
    if let Some(list) = &list {
        digests::verify(&files, list).context("nothing was changed: the backup is damaged")?;
    }
    Ok(Unpacked { names: files.into_keys().collect(), is_listed: list.is_some() })
}

fn take_file(
    entry: &mut impl Read,
    name: &str,
    size: u64,
    take: &mut impl FnMut(&str, u64, &mut dyn Read) -> anyhow::Result<()>,
) -> anyhow::Result<FileDigest> {
    let mut content = Hashed { from: entry, hasher: Sha256::new(), n_bytes: 0 };
    take(name, size, &mut content)?;
    io::copy(&mut content, &mut io::sink()).with_context(|| format!("read {name} in it"))?;
    anyhow::ensure!(content.n_bytes == size, "it is cut off within {name}");
    Ok(content.hasher.finalize().into())
}

struct Hashed<R> {
    from: R,
    hasher: Sha256,
    n_bytes: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(into)?;
        self.hasher.update(&into[..n]);
        self.n_bytes += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod malformed_tests;
