//! Opens and removes Unix sockets.

use std::fs;
use std::fs::{File, Permissions};
use std::io;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};

/// Opens a socket that any user of the host may connect to. A stale socket of an earlier process is removed; one that a
/// process listens on is not.
///
/// # Errors
/// If a process listens there, if the file is not a socket, and the system's own.
pub fn listen(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    // Follows a symbolic link to the socket.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let _lock = lock_folder(&path)?;
    match fs::symlink_metadata(&path) {
        Ok(found) if found.file_type().is_socket() => remove_stale(&path)?,
        Ok(_) => {
            let message = "a file lies there that is no socket: remove it, or name another path";
            return Err(io::Error::new(ErrorKind::AlreadyExists, message));
        }
        // `bind` reports any other problem.
        Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    // Tor runs as its own user; the folder's permissions decide who may reach the socket.
    fs::set_permissions(&path, Permissions::from_mode(0o666))?;
    let identity = identity_of(&path)?;
    Ok((listener, SocketFile { path, identity }))
}

/// While this is held, no other shop opens or removes a socket in the same folder: if two start at the same time, the
/// second one checks after the first one listens.
fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = File::open(folder)?;
    folder.lock()?;
    Ok(folder)
}

/// Removes a socket that no process listens on.
///
/// Nothing is sent and no connection is made: the kernel refuses a datagram to a listener because the socket type is
/// wrong, and to a stale socket because nothing listens.
fn remove_stale(path: &Path) -> io::Result<()> {
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let message = "the socket belongs to another user, and may be in use: remove it, or name another path";
            Err(io::Error::new(ErrorKind::PermissionDenied, message))
        }
        _ => {
            let message = "the socket is in use: another shop or program listens there. End it, or name another path";
            Err(io::Error::new(ErrorKind::AddrInUse, message))
        }
    }
}

/// The file of an open socket, removed when the socket is closed.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Device, inode, and the inode's change time: an inode number is soon reused.
type Identity = (u64, u64, i64, i64);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Unless another socket has replaced it.
        if let Ok(_lock) = lock_folder(&self.path)
            && identity_of(&self.path).is_ok_and(|found| found == self.identity)
        {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity_of(path: &Path) -> io::Result<Identity> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino(), found.ctime(), found.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixStream;
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_socket_that_somebody_listens_on_stays_theirs() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("sock");
        let (first, _file) = listen(&path).unwrap();
        symlink(&path, home.path().join("link")).unwrap();
        symlink(home.path(), home.path().join("folder")).unwrap();
        for name in ["sock", "link", "folder/sock", "folder/link", "./sock"] {
            let refused = listen(&home.path().join(name)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::AddrInUse, "{name}: {refused}");
            assert!(refused.to_string().contains("in use"), "{refused}");
        }
        UnixStream::connect(&path).unwrap();
        first.accept().unwrap();
        first.set_nonblocking(true).unwrap();
        assert_eq!(first.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody else came");
    }

    #[test]
    fn a_socket_of_a_program_that_is_gone_is_taken_over_also_through_a_link() {
        let home = tempfile::tempdir().unwrap();
        let (path, link) = (home.path().join("sock"), home.path().join("link"));
        drop(UnixListener::bind(&path).unwrap());
        assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let first = listen(&path).unwrap();
        drop(first);
        assert!(!path.exists(), "nothing is left behind");
        drop(UnixListener::bind(&path).unwrap());
        symlink(&path, &link).unwrap();
        let _second = listen(&link).unwrap();
        UnixStream::connect(&path).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn other_files_and_other_kinds_of_sockets_are_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("file");
        fs::write(&path, "words").unwrap();
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "words");
        let path = home.path().join("datagrams");
        let _theirs = UnixDatagram::bind(&path).unwrap();
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn of_many_started_at_once_one_listens() {
        for is_stale in [true, false] {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("sock");
            if is_stale {
                drop(UnixListener::bind(&path).unwrap());
            }
            let together = Barrier::new(8);
            let opened: Vec<io::Result<(UnixListener, SocketFile)>> = std::thread::scope(|scope| {
                let start = || {
                    together.wait();
                    listen(&path)
                };
                let all: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(opened.iter().filter(|one| one.is_ok()).count(), 1, "{opened:?}");
            UnixStream::connect(&path).unwrap();
        }
    }

    #[test]
    fn only_the_own_file_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("sock");
        let (first, file) = listen(&path).unwrap();
        drop(first);
        // It may get the inode of the first.
        let (_second, its_file) = listen(&path).unwrap();
        drop(file);
        UnixStream::connect(&path).unwrap();
        drop(its_file);
        assert!(!path.exists());
    }
}
