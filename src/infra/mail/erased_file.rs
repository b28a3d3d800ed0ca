//! Overwrites a file before it is removed.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Removes a file after its content was overwritten on the disk, as far as the file system writes in place: see
/// `docs/THREATS.md`. A link is removed and what it leads to stays as it is; so does a file that has another name elsewhere.
///
/// # Errors
/// What the disk says of the removal. Where only overwriting fails, the file is removed all the same.
pub fn erase_file(path: &Path) -> io::Result<()> {
    if let Ok(Some(file)) = open_own(path) {
        let _ = overwrite(file);
    }
    fs::remove_file(path)
}

/// Moves a draft to the place of a file, whose content is then overwritten in the same way.
///
/// # Errors
/// What the disk says of the move. Where only overwriting fails, the file is replaced all the same.
pub fn replace_file(draft: &Path, path: &Path) -> io::Result<()> {
    let replaced = open_own(path);
    fs::rename(draft, path)?;
    if let Ok(Some(file)) = replaced {
        let _ = overwrite(file);
    }
    Ok(())
}

/// `None`: not a file, or one whose content somebody else has too.
fn open_own(path: &Path) -> io::Result<Option<File>> {
    let seen = fs::symlink_metadata(path)?;
    if !seen.is_file() {
        return Ok(None);
    }
    // Also for reading: so a pipe that was put there meanwhile does not keep us waiting.
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let opened = file.metadata()?;
    // Nobody has put a link there in between, and no copy of the seller's shares this content.
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
    // Before the blocks are given back: else the disk may never hear of the zeros.
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_overwritten_before_it_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("message");
        fs::write(&path, vec![b'm'; 150_000]).unwrap();
        // What the file holds outlives its name.
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
