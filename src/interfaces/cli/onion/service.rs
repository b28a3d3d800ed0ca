//! Where the onion's keys and shared folders are, and who makes its service.

use std::fs::DirBuilder;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::infra::config::{Listen, Settings};
use crate::infra::tor::{
    ControlAddress, ControlClient, OnionAddress, OnionKey, OnionService, OnionStatus, Service,
    SharedDir, TorError,
};
use crate::infra::{bounded, tor};
use crate::interfaces::cli::open;
use crate::interfaces::cli::open::home_of;
use crate::interfaces::http::wall;

pub fn folder(settings: &Settings) -> SharedDir {
    let beside = || home_of(&settings.storage.database).join("tor");
    SharedDir::new(settings.tor.onion_folder.clone().unwrap_or_else(beside))
}

pub fn key_file(settings: &Settings) -> PathBuf {
    settings
        .tor
        .onion_key
        .clone()
        .unwrap_or_else(|| home_of(&settings.storage.database).join("onion.key"))
}

/// The shop's address, from the settings or from what configures Tor.
pub fn address(settings: &Settings) -> Option<OnionAddress> {
    let given = settings.tor.onion_url.as_deref().and_then(|url| url.strip_prefix("http://"));
    given.and_then(OnionAddress::parse).or_else(|| folder(settings).address())
}

/// The same, but not one that an earlier shop left behind: where somebody tended Tor, somebody must tend it now.
pub fn served_address(settings: &Settings) -> Option<OnionAddress> {
    let is_left = is_left_behind(&folder(settings));
    address(settings).filter(|_| settings.tor.onion_url.is_some() || !is_left)
}

/// The same for the desk's.
pub fn served_desk_address(settings: &Settings) -> Option<OnionAddress> {
    let folder = desk_folder(settings);
    folder.address().filter(|_| !is_left_behind(&folder))
}

fn is_left_behind(folder: &SharedDir) -> bool {
    folder.status().is_some_and(|status| !status.is_fresh(wall().get()))
}

/// What is known of the service, unless it was written too long ago.
pub fn fresh_status(settings: &Settings) -> Option<OnionStatus> {
    let status = folder(settings).status()?;
    status.is_fresh(wall().get()).then_some(status)
}

fn control_addresses(settings: &Settings) -> Vec<ControlAddress> {
    match &settings.tor.control {
        Some(Listen::Tcp(address)) => vec![ControlAddress::Tcp(address.clone())],
        Some(Listen::Unix(path)) => vec![ControlAddress::Unix(path.clone())],
        // Where Debian's Tor listens, and where Tor's manual says.
        Some(Listen::Systemd) | None => vec![
            ControlAddress::Unix(PathBuf::from("/run/tor/control")),
            ControlAddress::Tcp("127.0.0.1:9051".to_owned()),
        ],
    }
}

pub fn open_control(settings: &Settings) -> Result<ControlClient, TorError> {
    let password = settings.tor.password.as_deref();
    ControlClient::open(&control_addresses(settings), password, open::random_bytes())
}

pub fn make_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("make the folder {}", path.display()))
}

fn clock() -> i64 {
    wall().get()
}

/// Somebody who makes the shop's own service with the key beside the database; the key is made where there is none.
///
/// `target`: the shop's listener, as Tor writes it.
pub fn keeper(settings: &Settings, target: String) -> anyhow::Result<OnionService> {
    let key = key_made_once(&key_file(settings))?;
    keeper_of(settings, folder(settings), Service::Made { key, target })
}

/// The same for the desk, which has a key, a folder and a list of its own, and is never there for everybody.
pub fn desk_keeper(settings: &Settings, target: String) -> anyhow::Result<OnionService> {
    let key = key_made_once(&desk_key_file(settings))?;
    keeper_of(settings, desk_folder(settings), Service::MadeForClients { key, target })
}

pub fn keeper_of(
    settings: &Settings,
    folder: SharedDir,
    service: Service,
) -> anyhow::Result<OnionService> {
    make_folder(folder.path())?;
    Ok(OnionService {
        control: control_addresses(settings),
        password: settings.tor.password.clone(),
        folder,
        service,
        random_bytes: open::random_bytes,
        now: clock,
    })
}

/// What the shop and the keeper of the desk's onion service share.
pub fn desk_folder(settings: &Settings) -> SharedDir {
    match &settings.tor.onion_folder {
        Some(folder) => SharedDir::of_desk(folder.clone()),
        None => SharedDir::new(home_of(&settings.storage.database).join("desk-tor")),
    }
}

pub fn desk_key_file(settings: &Settings) -> PathBuf {
    home_of(&settings.storage.database).join("desk.key")
}

pub fn key_made_once(path: &Path) -> anyhow::Result<OnionKey> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let key = OnionKey::new(open::random_bytes());
    make_folder(path.parent().unwrap_or(Path::new(".")))?;
    tor::write_whole(path, &key.file(), 0o600)
        .with_context(|| format!("keep the onion key {}", path.display()))?;
    Ok(key)
}

/// Units: bytes of the onion's key, sealed or not.
pub const MOST_OF_KEY: u64 = 64 << 10;

pub fn read_key(path: &Path) -> anyhow::Result<Option<OnionKey>> {
    match bounded::read_file(path, MOST_OF_KEY) {
        Ok(bytes) => {
            let key = OnionKey::parse(&bytes);
            key.map(Some).with_context(|| format!("the onion key {}", path.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read the onion key {}", path.display())),
    }
}

/// Shown to people, so that they see which folder it is.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// For what is lost where it is not written.
pub fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("write to standard output")
}

pub fn no_address(settings: &Settings) -> String {
    format!(
        "no onion address in {} yet: start `shop serve --tor` or docker-compose.tor.yml",
        absolute(folder(settings).path()).display()
    )
}
