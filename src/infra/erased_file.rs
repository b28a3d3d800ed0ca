//! Overwrites a file before it is removed.

use std::fs;
use std::fs::{File, OpenOptions};
use std::io;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Removes a file after overwriting its content on the disk, as far as the file system writes in place: see
/// `docs/THREATS.md`. A symbolic link is removed and its target stays unchanged; so does the content of a file with
/// other hard links.
///
/// # Errors
/// The I/O error of the removal. If only overwriting fails, the file is removed all the same.
pub fn erase_file(path: &Path) -> io::Result<()> {
    if let Ok(Some(file)) = open_own(path) {
        let _ = overwrite(file);
    }
    fs::remove_file(path)
}

/// The same; a missing file counts as erased.
pub fn erase_if_present(path: &Path) -> io::Result<()> {
    if_present(erase_file(path))
}

/// Removes a file; a missing one counts as removed.
pub fn remove_if_present(path: &Path) -> io::Result<()> {
    if_present(fs::remove_file(path))
}

fn if_present(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Replaces a file with a draft, and overwrites the old content in the same way.
///
/// # Errors
/// The I/O error of the move. If only overwriting fails, the file is replaced all the same.
pub fn replace_file(draft: &Path, path: &Path) -> io::Result<()> {
    let replaced = open_own(path);
    fs::rename(draft, path)?;
    if let Ok(Some(file)) = replaced {
        let _ = overwrite(file);
    }
    Ok(())
}

/// `None`: not a regular file, or one with other hard links.
fn open_own(path: &Path) -> io::Result<Option<File>> {
    let seen = fs::symlink_metadata(path)?;
    if !seen.is_file() {
        return Ok(None);
    }
    // Also for reading: a pipe that was put there meanwhile must not block.
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let opened = file.metadata()?;
    // Checks that no symbolic link was put there meanwhile, and that no other hard link shares this content.
    let is_same = (opened.dev(), opened.ino()) == (seen.dev(), seen.ino());
    Ok((is_same && opened.nlink() == 1).then_some(file))
}

fn overwrite(mut file: File) -> io::Result<()> {
    let zeros = [0; 64 * 1024];
    let mut left = file.metadata()?.len();
    while 0 < left {
        let some = left.min(zeros.len() as u64);
        file.write_all(&zeros[..usize::try_from(some).unwrap_or(zeros.len())])?;
        left -= some;
    }
    // Before the blocks are freed: otherwise the zeros might never reach the disk.
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_overwritten_before_it_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("message");
        fs::write(&path, vec![b'm'; 150_000]).unwrap();
        // An open file keeps its content after its name is gone.
        let mut file = fs::File::open(&path).unwrap();
        erase_file(&path).unwrap();
        assert!(!path.exists());
        let mut left = Vec::new();
        file.read_to_end(&mut left).unwrap();
        assert_eq!(left, vec![0; 150_000]);
        assert_eq!(erase_file(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_that_a_draft_replaces_is_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let (path, draft) = (home.path().join("box"), home.path().join("draft"));
        fs::write(&path, "two messages").unwrap();
        fs::write(&draft, "one").unwrap();
        let mut file = fs::File::open(&path).unwrap();
        replace_file(&draft, &path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        let mut left = Vec::new();
        file.read_to_end(&mut left).unwrap();
        assert_eq!(left, [0; 12]);
    }

    #[test]
    fn what_a_link_leads_to_and_what_has_another_name_stays() {
        let home = tempfile::tempdir().unwrap();
        let (kept, link, twin) =
            (home.path().join("kept"), home.path().join("link"), home.path().join("twin"));
        fs::write(&kept, "text").unwrap();
        symlink(&kept, &link).unwrap();
        fs::hard_link(&kept, &twin).unwrap();
        erase_file(&link).unwrap();
        erase_file(&twin).unwrap();
        assert!(!link.exists() && !twin.exists());
        assert_eq!(fs::read_to_string(&kept).unwrap(), "text");
    }
}
