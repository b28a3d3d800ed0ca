//! Files that the shop and Tor's container share.

use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::infra::atomic_file;
use crate::infra::tor::client::Clients;
use crate::infra::tor::key::OnionAddress;
use crate::infra::tor::status::OnionStatus;

/// A few small files for the exchange between the shop and the process that manages Tor. None of them is secret; the
/// key is never among them.
#[derive(Clone, Debug)]
pub struct SharedDir {
    path: PathBuf,
    /// The prefix of the file names: two services may share one folder.
    prefix: &'static str,
}

/// Units: bytes of any of these files.
const MAX_BYTES: u64 = 64 * 1024;

impl SharedDir {
    /// Units: circuits that the shop may list at once.
    pub const MAX_CIRCUITS: usize = 32;

    pub fn new(path: PathBuf) -> Self {
        Self { path, prefix: "" }
    }

    /// The files of the desk's service in a folder that also has the shop's.
    pub fn of_desk(path: PathBuf) -> Self {
        Self { path, prefix: "desk-" }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `None` while Tor has not created one.
    pub fn address(&self) -> Option<OnionAddress> {
        OnionAddress::parse(self.read("hostname").ok()??.trim_end())
    }

    /// # Errors
    /// The system's.
    pub fn write_address(&self, address: &OnionAddress) -> io::Result<()> {
        self.write("hostname", &format!("{address}\n"))
    }

    /// Removes the address of a key that was replaced. The next start of Tor writes the new one.
    ///
    /// # Errors
    /// The system's.
    pub fn remove_address(&self) -> io::Result<()> {
        match fs::remove_file(self.file("hostname")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// `None` if no process manages Tor yet.
    pub fn status(&self) -> Option<OnionStatus> {
        serde_json::from_str(&self.read("status.json").ok()??).ok()
    }

    /// # Errors
    /// The system's.
    pub fn write_status(&self, status: &OnionStatus) -> io::Result<()> {
        self.write("status.json", &serde_json::to_string(status).map_err(io::Error::from)?)
    }

    /// The list that the shop last wrote; `None` if it wrote none, which changes nothing.
    ///
    /// # Errors
    /// The system's, and an unreadable list.
    pub fn clients(&self) -> io::Result<Option<Clients>> {
        let Some(text) = self.read("clients")? else { return Ok(None) };
        let invalid =
            |error| io::Error::new(io::ErrorKind::InvalidData, format!("clients: {error}"));
        Clients::parse(&text).map(Some).map_err(invalid)
    }

    /// # Errors
    /// The system's.
    pub fn write_clients(&self, clients: &Clients) -> io::Result<()> {
        self.write("clients", &clients.file())
    }

    /// Circuits that the shop wants closed, by the number that Tor gave them.
    pub fn circuits_to_close(&self) -> Vec<u32> {
        let text = self.read("close").ok().flatten().unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).take(Self::MAX_CIRCUITS).collect()
    }

    /// # Errors
    /// The system's.
    pub fn write_circuits_to_close(&self, circuits: &[u32]) -> io::Result<()> {
        let newest = &circuits[circuits.len().saturating_sub(Self::MAX_CIRCUITS)..];
        let lines: String = newest.iter().map(|circuit| format!("{circuit}\n")).collect();
        self.write("close", &lines)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{}{name}", self.prefix))
    }

    fn read(&self, name: &str) -> io::Result<Option<String>> {
        // The other side may have put anything there: this follows no symbolic link and does not block on a pipe.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(self.file(name));
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let unexpected = || {
            io::Error::new(io::ErrorKind::InvalidData, format!("{name} has unexpected contents"))
        };
        if !file.metadata()?.is_file() {
            return Err(unexpected());
        }
        let mut text = String::new();
        file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
        if u64::try_from(text.len()).is_ok_and(|n_bytes| n_bytes <= MAX_BYTES) {
            Ok(Some(text))
        } else {
            Err(unexpected())
        }
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        // Readable for both sides, which are two users.
        atomic_file::write(&self.file(name), text.as_bytes(), 0o644)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::tor::key::OnionKey;

    #[test]
    fn what_one_side_writes_the_other_reads() {
        let home = tempfile::tempdir().unwrap();
        let folder = SharedDir::new(home.path().to_owned());
        assert!(
            folder.address().is_none()
                && folder.status().is_none()
                && folder.circuits_to_close().is_empty()
        );
        assert_eq!(folder.clients().unwrap(), None);
        let address = OnionKey::new([1; 32]).address();
        folder.write_address(&address).unwrap();
        let status = OnionStatus { at: 5, published: 3, ..OnionStatus::default() };
        folder.write_status(&status).unwrap();
        folder.write_clients(&Clients::default()).unwrap();
        folder.write_circuits_to_close(&(0..40).collect::<Vec<u32>>()).unwrap();
        assert_eq!((folder.address(), folder.status()), (Some(address), Some(status)));
        assert_eq!(folder.clients().unwrap(), Some(Clients::default()));
        assert_eq!(folder.circuits_to_close(), (8..40).collect::<Vec<u32>>());
    }

    #[test]
    fn the_desk_and_the_shop_share_a_folder_and_no_file() {
        let home = tempfile::tempdir().unwrap();
        let shop = SharedDir::new(home.path().to_owned());
        let desk = SharedDir::of_desk(home.path().to_owned());
        let [ours, desks] =
            [[1; 32], [2; 32]].map(|random_bytes| OnionKey::new(random_bytes).address());
        shop.write_address(&ours).unwrap();
        desk.write_address(&desks).unwrap();
        desk.write_clients(&Clients::default()).unwrap();
        assert_eq!((shop.address(), desk.address()), (Some(ours), Some(desks.clone())));
        assert_eq!(shop.clients().unwrap(), None);
        shop.remove_address().unwrap();
        shop.remove_address().unwrap();
        assert_eq!((shop.address(), desk.address()), (None, Some(desks)));
    }

    #[test]
    fn a_corrupt_list_does_not_count_as_empty() {
        let home = tempfile::tempdir().unwrap();
        let folder = SharedDir::new(home.path().to_owned());
        fs::write(home.path().join("clients"), "nonsense\n").unwrap();
        assert!(folder.clients().is_err());
    }

    #[test]
    fn only_regular_files_are_read() {
        let home = tempfile::tempdir().unwrap();
        let folder = SharedDir::new(home.path().to_owned());
        fs::write(home.path().join("other"), "7\n").unwrap();
        std::os::unix::fs::symlink(home.path().join("other"), home.path().join("close")).unwrap();
        assert!(folder.circuits_to_close().is_empty(), "a link");
        std::process::Command::new("mkfifo").arg(home.path().join("clients")).status().unwrap();
        assert!(folder.clients().is_err(), "a pipe");
        fs::write(home.path().join("hostname"), "x".repeat(70_000)).unwrap();
        assert!(folder.address().is_none(), "too long");
    }
}
