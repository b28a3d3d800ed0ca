use std::fs;
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
    let _ = overwrite(path);
    fs::remove_file(path)
}

fn overwrite(path: &Path) -> io::Result<()> {
    let seen = fs::symlink_metadata(path)?;
    if !seen.is_file() {
        return Ok(());
    }
    // Also for reading: so a pipe that was put there meanwhile does not keep us waiting.
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let opened = file.metadata()?;
    // Nobody has put a link there in between, and no copy of the seller's shares this content.
    let is_same = (opened.dev(), opened.ino()) == (seen.dev(), seen.ino());
    if !is_same || opened.nlink() != 1 {
        return Ok(());
    }
    let zeros = [0; 64 * 1024];
    let mut left = opened.len();
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
