//! The client list as Tor reads it: one file for each client in `authorized_clients`.

use std::fs;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::infra::tor::client::{ClientKeys, Clients};
use crate::infra::{atomic_file, bounded};

/// Units: bytes of a file with one client's key.
const MAX_OF_LINE: u64 = 4_096;
/// A key that nobody holds, so that a list without clients admits nobody. No client can have this name.
const BLOCKER: &str = "NOBODY.auth";

/// Whether Tor's own client list has any entry.
pub fn has_clients(service: &Path) -> bool {
    let entries = fs::read_dir(service.join("authorized_clients"));
    entries.is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            name != BLOCKER && Path::new(&name).extension().is_some_and(|end| end == "auth")
        })
    })
}

/// Writes Tor's own client list; returns whether anything changed.
///
/// `blocker`: keys to be discarded, if an empty list must admit nobody.
///
/// # Errors
/// The system's.
pub fn write_authorized_clients(
    folder: &Path,
    clients: &Clients,
    blocker: Option<ClientKeys>,
) -> io::Result<bool> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut changed = false;
    let mut wanted: Vec<(String, String)> = clients
        .iter()
        .map(|client| (format!("{}.auth", client.name), format!("{}\n", client.auth_line())))
        .collect();
    if let Some(blocker) = blocker.filter(|_| clients.is_empty()) {
        // An existing one serves as well.
        let line = bounded::read_text(&folder.join(BLOCKER), MAX_OF_LINE);
        wanted.push((BLOCKER.to_owned(), line.unwrap_or_else(|_| blocker.auth_line() + "\n")));
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".auth") && !wanted.iter().any(|(known, _)| *known == name) {
            fs::remove_file(entry.path())?;
            changed = true;
        }
    }
    for (name, line) in wanted {
        let path = folder.join(name);
        if bounded::read_file(&path, MAX_OF_LINE).ok().as_deref() != Some(line.as_bytes()) {
            atomic_file::write(&path, line.as_bytes(), 0o600)?;
            changed = true;
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::tor::client::ClientName;

    #[test]
    fn tors_list_follows_the_shops_and_other_files_stay() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("authorized_clients");
        let mut clients = Clients::default();
        let name = |text: &str| ClientName::parse(text).unwrap();
        clients.insert(ClientKeys::new([1; 32]).client(name("alice"))).unwrap();
        assert!(write_authorized_clients(&folder, &clients, None).unwrap());
        assert!(!write_authorized_clients(&folder, &clients, None).unwrap(), "nothing changed");
        fs::write(folder.join("README"), "the seller's own").unwrap();
        let text = fs::read_to_string(folder.join("alice.auth")).unwrap();
        assert!(text.starts_with("descriptor:x25519:") && text.ends_with('\n'));
        assert!(write_authorized_clients(&folder, &Clients::default(), None).unwrap());
        assert!(!folder.join("alice.auth").exists() && folder.join("README").exists());
    }

    #[test]
    fn a_list_that_must_admit_nobody_is_never_empty() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("authorized_clients");
        let blocker = |n: u8| Some(ClientKeys::new([n; 32]));
        let nobody = Clients::default();
        assert!(!has_clients(home.path()));
        assert!(write_authorized_clients(&folder, &nobody, blocker(7)).unwrap());
        let first = fs::read_to_string(folder.join(BLOCKER)).unwrap();
        assert!(first.starts_with("descriptor:x25519:") && !has_clients(home.path()));
        assert!(!write_authorized_clients(&folder, &nobody, blocker(8)).unwrap(), "it stays");
        let mut clients = Clients::default();
        let me = ClientName::parse("me").unwrap();
        clients.insert(ClientKeys::new([1; 32]).client(me)).unwrap();
        assert!(write_authorized_clients(&folder, &clients, blocker(9)).unwrap());
        assert!(has_clients(home.path()) && !folder.join(BLOCKER).exists());
        assert!(ClientName::parse(BLOCKER.trim_end_matches(".auth")).is_err());
    }
}
