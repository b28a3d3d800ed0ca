//! The other half of Tor's container: a helper beside tor that does for the shop what only Tor's side can do.

use std::fs;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;

use crate::infra::config::{Listen, Settings};
use crate::infra::tor::{OnionService, Service, SharedDir, TorError};
use crate::interfaces::cli::onion::service;
use crate::interfaces::cli::output::say_error;

/// The seller's own lines for Tor, as the compose file mounts them.
const MORE_LINES: &str = "/etc/tor/torrc.d";

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Tor takes this process over, so that signals and its end are its own. The helper is a child that ends with it, and
/// Tor ends with the helper: then the container ends, and is started again.
pub fn become_tor(command: &[String], desk_folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    check_readable(Path::new(MORE_LINES))?;
    let program = std::env::current_exe().context("find the program itself")?;
    let (helpers_end, tors_end) = UnixStream::pair().context("make a connection to Tor")?;
    let mut helper = Command::new(program);
    // It lives for as long as the helper does, whose standard input nobody reads.
    helper.args(["onion", "tend"]).stdin(OwnedFd::from(helpers_end));
    if let Some(folder) = desk_folder {
        helper.arg("--desk-folder").arg(folder);
    }
    helper.spawn().context("start `shop onion tend`")?;
    let (tor, arguments) = command.split_first().context("give the command that starts tor")?;
    let mut tor_command = Command::new(tor);
    // Tor ends when this connection, its standard input, does. Source: tor(1), __OwningControllerFD.
    tor_command.args(arguments).args(["--__OwningControllerFD", "0"]);
    Err(tor_command.stdin(OwnedFd::from(tors_end)).exec()).with_context(|| format!("start {tor}"))
}

/// Tor passes over a folder that it may not list, and with it over bridges that the seller relies on.
fn check_readable(folder: &Path) -> anyhow::Result<()> {
    let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let advice = "Tor runs as a user of its own: chmod 755 tor.d && chmod 644 tor.d/*.conf";
    let entries = match fs::read_dir(folder) {
        Err(error) if is_missing(&error) => return Ok(()),
        entries => entries.with_context(|| format!("tor.d cannot be read. {advice}"))?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "conf") {
            let name = path.file_name().unwrap_or_default().display();
            File::open(&path).with_context(|| format!("tor.d/{name} cannot be read. {advice}"))?;
        }
    }
    Ok(())
}

/// `desk_folder`: what is shared about the desk, where it is not `ONION_FOLDER`.
pub fn tend(settings: &Settings, desk_folder: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let parent = parent_id();
    let service = service_folder(settings)?;
    let mut desk = None;
    if let Some(Listen::Unix(socket)) = settings.listeners.desk_at() {
        let target = format!("unix:{}", socket.display());
        let folder = desk_folder.map(SharedDir::of_desk);
        let folder = folder.unwrap_or_else(|| service::desk_folder(settings));
        let key = service.with_file_name("desk").join("hs_ed25519_secret_key");
        let settings = settings.clone();
        desk = Some(thread::spawn(move || tend_desk(&settings, &folder, &key, &target)));
    }
    let keeper = service::keeper_of(settings, service::folder(settings), Service::Kept(service))?;
    keeper
        .tend(None, || parent_id() != parent || desk.as_ref().is_some_and(JoinHandle::is_finished));
    if parent_id() == parent {
        say_error("the helper beside Tor has failed, and ends with Tor");
        return Ok(ExitCode::FAILURE);
    }
    say_error("tor has stopped, so this process stops too");
    Ok(ExitCode::SUCCESS)
}

/// The folder of Tor's own that the key lies in, where the torrc names it.
fn service_folder(settings: &Settings) -> anyhow::Result<PathBuf> {
    let key = settings.tor.onion_key.as_ref().and_then(|key| key.parent());
    key.map(Path::to_owned)
        .context("ONION_KEY must name hs_ed25519_secret_key in the HiddenServiceDir of the torrc")
}

/// Tends the desk's onion: the one of the torrc that leads to the desk's socket, or one made here with the key in `key`.
/// What is wrong with it is said and tried again: it must not end the shop's.
fn tend_desk(settings: &Settings, folder: &SharedDir, key: &Path, target: &str) {
    let mut last = String::new();
    loop {
        let kept = keep_trying(|| service::open_control(settings)?.service_folder(target));
        match desk_keeper(settings, folder.clone(), kept, key, target) {
            Ok(keeper) => return keeper.tend(None, || false),
            Err(error) => {
                let words = format!("the desk's onion: {error:#}");
                if words != last {
                    say_error(&words);
                }
                last = words;
                thread::sleep(TRY_AGAIN_AFTER);
            }
        }
    }
}

fn desk_keeper(
    settings: &Settings,
    folder: SharedDir,
    kept: Option<PathBuf>,
    key: &Path,
    target: &str,
) -> anyhow::Result<OnionService> {
    let service = match kept {
        Some(kept) => Service::KeptForClients(kept),
        None => {
            Service::MadeForClients { key: service::key_made_once(key)?, target: target.to_owned() }
        }
    };
    service::keeper_of(settings, folder, service)
}

/// Until Tor, which may be starting, does it. What is wrong for long, the shop's own keeper says.
fn keep_trying<T>(ask: impl Fn() -> Result<T, TorError>) -> T {
    loop {
        match ask() {
            Ok(done) => return done,
            Err(_) => thread::sleep(TRY_AGAIN_AFTER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_tor_must_be_files_that_can_be_opened() {
        let home = tempfile::tempdir().unwrap();
        check_readable(&home.path().join("none")).unwrap();
        fs::write(home.path().join("bridges.conf"), "Bridge x\n").unwrap();
        // Whatever is not read by Tor may be anything.
        std::os::unix::fs::symlink("nowhere", home.path().join("notes.txt")).unwrap();
        check_readable(home.path()).unwrap();
        std::os::unix::fs::symlink("nowhere", home.path().join("desk.conf")).unwrap();
        let error = format!("{:#}", check_readable(home.path()).unwrap_err());
        assert!(error.contains("tor.d/desk.conf") && error.contains("chmod 644"), "{error}");
        fs::write(home.path().join("file"), "").unwrap();
        assert!(check_readable(&home.path().join("file")).is_err());
    }
}
