//! Free space on a disk, asked for before much is written to it.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::values::byte_size;

#[derive(Debug, thiserror::Error)]
#[error(
    "{} has {} free, but {} are needed: free some space there",
    folder.display(),
    byte_size(*free),
    byte_size(*needed)
)]
pub struct NoSpace {
    folder: PathBuf,
    /// Units: bytes, as `needed`.
    free: u64,
    needed: u64,
}

/// Whether so many bytes can be written into each of these folders. Those on one disk need the sum.
///
/// # Errors
/// The system's; [`NoSpace`] as its inner error.
pub fn check_space(needs: &[(&Path, u64)]) -> io::Result<()> {
    for (folder, _) in needs {
        let disk = rustix::fs::stat(*folder)?.st_dev;
        let mut needed = 0_u64;
        for (other, bytes) in needs {
            if rustix::fs::stat(*other)?.st_dev == disk {
                needed = needed.saturating_add(*bytes);
            }
        }
        let stats = rustix::fs::statvfs(*folder)?;
        let free = stats.f_bavail.saturating_mul(stats.f_frsize);
        if free < needed {
            let folder = folder.to_path_buf();
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                NoSpace { folder, free, needed },
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_on_one_disk_need_the_sum() {
        let home = tempfile::tempdir().unwrap();
        let check = |needs: &[u64]| {
            let needs: Vec<(&Path, u64)> = needs.iter().map(|need| (home.path(), *need)).collect();
            check_space(&needs).map_err(|error| error.kind())
        };
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&[1, 1]), Ok(()));
        assert_eq!(check(&[u64::MAX]), Err(io::ErrorKind::StorageFull));
        assert_eq!(check(&[1 << 62, 1]), Err(io::ErrorKind::StorageFull));
        let error = check_space(&[(home.path(), 1 << 62)]).unwrap_err().to_string();
        assert!(error.contains(" free, but 4398046511104 MB are needed"), "{error}");
        assert!(check_space(&[(Path::new("/missing"), 1)]).is_err());
    }
}
