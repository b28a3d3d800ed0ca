//! The other half of Tor's container: a helper beside tor that does for the shop what only Tor's side can do.

use std::fs;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;

use crate::infra::config::{ListenAddress, Settings};
use crate::infra::tor::{OnionService, Service, SharedDir};
use crate::interfaces::cli::onion::service;
use crate::interfaces::cli::output::say_error;
use crate::interfaces::cli::shop_context::if_exists;

/// The seller's own lines for Tor, as the compose file mounts them.
const MORE_LINES: &str = "/etc/tor/torrc.d";

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Replaces this process by Tor, so that signals reach Tor and its exit is the container's. The helper is a child that ends
/// with Tor, and Tor ends with the helper: then the container ends, and is started again.
pub fn become_tor(command: &[String], desk_folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    check_readable(Path::new(MORE_LINES))?;
    let program = std::env::current_exe().context("find the program itself")?;
    let (helpers_end, tors_end) = UnixStream::pair().context("make a connection to Tor")?;
    let mut helper = Command::new(program);
    // The connection lasts as long as the helper, which never reads its standard input.
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

/// Tor silently ignores a folder that it may not read, and with it bridges that the seller relies on.
fn check_readable(folder: &Path) -> anyhow::Result<()> {
    let advice = "Tor runs as a user of its own: chmod 755 tor.d && chmod 644 tor.d/*.conf";
    let entries = if_exists(fs::read_dir(folder))
        .with_context(|| format!("tor.d cannot be read. {advice}"))?;
    for entry in entries.into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "conf") {
            let name = path.file_name().unwrap_or_default().display();
            File::open(&path).with_context(|| format!("tor.d/{name} cannot be read. {advice}"))?;
        }
    }
    Ok(())
}

/// `desk_folder`: the shared folder of the desk's onion service, if it is not `ONION_FOLDER`.
pub fn tend(settings: &Settings, desk_folder: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let parent = parent_id();
    let key = settings.tor.onion_key.as_ref().and_then(|key| key.parent());
    let service_folder = key.map(Path::to_owned).context(
        "ONION_KEY must name hs_ed25519_secret_key in the HiddenServiceDir of the torrc",
    )?;
    let mut desk = None;
    if let Some(ListenAddress::Unix(socket)) = settings.listeners.desk_address() {
        let target = format!("unix:{}", socket.display());
        let folder = desk_folder.map(SharedDir::of_desk);
        let folder = folder.unwrap_or_else(|| service::desk_folder(settings));
        let key = service_folder.with_file_name("desk").join("hs_ed25519_secret_key");
        let settings = settings.clone();
        desk = Some(thread::spawn(move || run_desk_onion(&settings, &folder, &key, &target)));
    }
    let shop = Service::Torrc(service_folder);
    service::onion_service(settings, service::folder(settings), shop)?
        .run(None, || parent_id() != parent || desk.as_ref().is_some_and(JoinHandle::is_finished));
    if parent_id() == parent {
        say_error("the helper beside Tor has failed, and ends with Tor");
        return Ok(ExitCode::FAILURE);
    }
    say_error("tor has stopped, so this process stops too");
    Ok(ExitCode::SUCCESS)
}

/// Manages the desk's onion service: the one of the torrc that leads to the desk's socket, or one created with the key in
/// the file `key`. Errors are reported and retried: they must not end the shop's.
fn run_desk_onion(settings: &Settings, folder: &SharedDir, key: &Path, target: &str) {
    let mut last = String::new();
    loop {
        let in_torrc = find_in_torrc(settings, target);
        match desk_onion(settings, folder.clone(), in_torrc, key, target) {
            Ok(onion) => return onion.run(None, || false),
            Err(error) => {
                let message = format!("the desk's onion: {error:#}");
                if message != last {
                    say_error(&message);
                }
                last = message;
                thread::sleep(RETRY_AFTER);
            }
        }
    }
}

/// Waits for Tor, which may be starting. A lasting error is reported by the shop's own onion service.
fn find_in_torrc(settings: &Settings, target: &str) -> Option<PathBuf> {
    loop {
        let control = service::open_control(settings);
        if let Ok(folder) = control.and_then(|mut control| control.service_folder(target)) {
            return folder;
        }
        thread::sleep(RETRY_AFTER);
    }
}

fn desk_onion(
    settings: &Settings,
    folder: SharedDir,
    in_torrc: Option<PathBuf>,
    key: &Path,
    target: &str,
) -> anyhow::Result<OnionService> {
    let service = match in_torrc {
        Some(folder) => Service::Torrc(folder),
        None => {
            let key = service::read_or_create_key(key)?;
            Service::Ephemeral { key, target: target.to_owned() }
        }
    };
    service::only_for_clients(settings, folder, service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_lines_for_tor_must_be_readable() {
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
