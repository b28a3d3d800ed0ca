//! The files of a backup while it is restored: each under another name, until all of them are verified.

use std::fs;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::infra::backup::layout::{Layout, draft_of};
use crate::infra::backup::space::check_space;
use crate::infra::bounded::open_file;
use crate::infra::erased_file::erase_file;

/// What is written so far. When it is dropped, it is overwritten and removed with the folders that were made for it.
pub struct Drafts {
    layout: Layout,
    /// In the order in which they were made.
    folders: Vec<PathBuf>,
}

impl Drafts {
    /// Removes what an earlier restore left.
    ///
    /// # Errors
    /// The system's.
    pub fn begin(layout: Layout) -> anyhow::Result<Self> {
        let mut drafts = Self { layout, folders: Vec::new() };
        drafts.remove_all()?;
        Ok(drafts)
    }

    /// Writes one file, readable only by its owner.
    ///
    /// # Errors
    /// The system's, and which file.
    pub fn write(&mut self, name: &str, size: u64, content: &mut dyn Read) -> anyhow::Result<()> {
        let path = self.layout.path_of(name);
        let folder = folder_of(&path);
        self.make_folder(&folder)?;
        check_space(&[(folder.as_path(), size)]).with_context(|| format!("restore {name}"))?;
        let wrote = || format!("write a draft of {}", path.display());
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(draft_of(&path))
            .with_context(wrote)?;
        io::copy(content, &mut file).with_context(|| format!("read {name} in it"))?;
        file.sync_all().with_context(wrote)
    }

    /// The draft of the file with this name.
    pub fn path_of(&self, name: &str) -> PathBuf {
        draft_of(&self.layout.path_of(name))
    }

    /// The path of the file with this name, if it is there and has other content than the draft.
    pub fn find_conflict(&self, name: &str) -> Option<PathBuf> {
        let path = self.layout.path_of(name);
        let is_there = fs::symlink_metadata(&path).is_ok();
        (is_there && !have_same_content(&path, &draft_of(&path)).unwrap_or(false)).then_some(path)
    }

    /// Puts a file into its place.
    ///
    /// # Errors
    /// The system's, and which file.
    pub fn keep(&self, name: &str) -> anyhow::Result<()> {
        let path = self.layout.path_of(name);
        fs::rename(draft_of(&path), &path)
            .and_then(|()| File::open(folder_of(&path))?.sync_all())
            .with_context(|| format!("rename the draft of {}", path.display()))
    }

    /// Everything is in its place.
    pub fn finish(mut self) {
        self.folders.clear();
    }

    fn make_folder(&mut self, folder: &Path) -> anyhow::Result<()> {
        if fs::metadata(folder).is_ok_and(|seen| seen.is_dir()) {
            return Ok(());
        }
        if let Some(parent) = folder.parent().filter(|parent| *parent != Path::new("")) {
            self.make_folder(parent)?;
        }
        DirBuilder::new()
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("create the folder {}", folder.display()))?;
        self.folders.push(folder.to_owned());
        Ok(())
    }

    fn remove_all(&mut self) -> anyhow::Result<()> {
        for draft in self.layout.drafts()? {
            erase_file(&draft).with_context(|| format!("remove {}", draft.display()))?;
        }
        // One that holds something else is kept.
        for folder in std::mem::take(&mut self.folders).iter().rev() {
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        let _ = self.remove_all();
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn have_same_content(path: &Path, draft: &Path) -> io::Result<bool> {
    let (mut draft, size) = (File::open(draft)?, fs::metadata(draft)?.len());
    let (mut file, seen) = open_file(path, size)?;
    if seen.len() != size {
        return Ok(false);
    }
    let (mut one, mut other) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let n = file.read(&mut one)?;
        if n == 0 {
            return Ok(true);
        }
        draft.read_exact(&mut other[..n])?;
        if one[..n] != other[..n] {
            return Ok(false);
        }
    }
}

/// Units: bytes that are read at once.
const BLOCK: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_leave_nothing_behind_unless_they_are_kept() {
        let home = tempfile::tempdir().unwrap();
        let layout = Layout {
            database: home.path().join("deep/er/shop.db"),
            seller_key: home.path().join("key.asc"),
        };
        fs::write(home.path().join("key.asc.shop-restore"), "left by a crash").unwrap();
        let mut drafts = Drafts::begin(layout.clone()).unwrap();
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
        for (name, content) in [("db/files/x/a.bin", "a"), ("db/seller.asc", "key")] {
            drafts.write(name, content.len() as u64, &mut content.as_bytes()).unwrap();
        }
        let error = drafts.write("db/files/film", 1 << 60, &mut io::repeat(0)).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("db/files/film") && error.contains("are needed"), "{error}");
        drop(drafts);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);

        let mut drafts = Drafts::begin(layout).unwrap();
        for content in ["longer", "same", "diff"] {
            let (name, path) = ("db/files/a", home.path().join("deep/er/files/a"));
            drafts.write(name, 4, &mut &b"same"[..]).unwrap();
            fs::write(&path, content).unwrap();
            assert_eq!(drafts.find_conflict(name).is_none(), content == "same", "{content}");
            fs::remove_file(path).unwrap();
            fs::remove_file(drafts.path_of(name)).unwrap();
        }
        drafts.write("db/files/a", 4, &mut &b"kept"[..]).unwrap();
        drafts.keep("db/files/a").unwrap();
        drafts.finish();
        let kept = fs::read_to_string(home.path().join("deep/er/files/a")).unwrap();
        assert_eq!(kept, "kept");
    }
}
