//! Keys, shared folders and addresses of the onion services.

use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::infra::config::{ListenAddress, Settings};
use crate::infra::confinement::Outgoing;
use crate::infra::tor::{
    ControlAddress, ControlClient, OnionAddress, OnionKey, OnionService, OnionStatus, Service,
    SharedDir, TorError,
};
use crate::infra::{atomic_file, bounded};
use crate::interfaces::cli::shop_context;
use crate::interfaces::cli::shop_context::{home, if_exists, make_folder};
use crate::interfaces::http::wall;

pub fn folder(settings: &Settings) -> SharedDir {
    let default = || home(settings).join("tor");
    SharedDir::new(settings.tor.onion_folder.clone().unwrap_or_else(default))
}

pub fn key_file(settings: &Settings) -> PathBuf {
    settings.tor.onion_key.clone().unwrap_or_else(|| home(settings).join("onion.key"))
}

/// The shop's address, from the settings or from the process that manages Tor.
pub fn address(settings: &Settings) -> Option<OnionAddress> {
    let url = settings.tor.onion_url.as_deref().and_then(|url| url.strip_prefix("http://"));
    url.and_then(OnionAddress::parse).or_else(|| folder(settings).address())
}

/// The same, but not an old one: if a process once managed Tor, it must do so now.
pub fn served_address(settings: &Settings) -> Option<OnionAddress> {
    let is_old = is_outdated(&folder(settings));
    address(settings).filter(|_| settings.tor.onion_url.is_some() || !is_old)
}

/// The same for the desk's.
pub fn served_desk_address(settings: &Settings) -> Option<OnionAddress> {
    let folder = desk_folder(settings);
    folder.address().filter(|_| !is_outdated(&folder))
}

fn is_outdated(folder: &SharedDir) -> bool {
    folder.status().is_some_and(|status| !status.is_fresh(wall().get()))
}

/// The status of the service, unless it is outdated.
pub fn fresh_status(settings: &Settings) -> Option<OnionStatus> {
    folder(settings).status().filter(|status| status.is_fresh(wall().get()))
}

fn control_addresses(settings: &Settings) -> Vec<ControlAddress> {
    match &settings.tor.control {
        Some(ListenAddress::Tcp(address)) => vec![ControlAddress::Tcp(address.clone())],
        Some(ListenAddress::Unix(path)) => vec![ControlAddress::Unix(path.clone())],
        // The defaults of Debian, and of Tor's manual.
        Some(ListenAddress::Systemd) | None => vec![
            ControlAddress::Unix(PathBuf::from("/run/tor/control")),
            ControlAddress::Tcp("127.0.0.1:9051".to_owned()),
        ],
    }
}

/// What the process needs in order to reach Tor's control port, also after Tor has restarted.
#[derive(Clone, Debug)]
pub struct TorAccess {
    pub control: ControlAddress,
    /// `None` if Tor has no cookie.
    pub cookie: Option<PathBuf>,
    /// Shape: `HOST:PORT`.
    pub metrics_port: Option<String>,
}

impl TorAccess {
    /// Asks Tor.
    ///
    /// # Errors
    /// [`TorError`] with what to do.
    pub fn find(settings: &Settings) -> Result<Self, TorError> {
        let mut control = open_control(settings)?;
        let metrics_port = control.metrics_port()?;
        let cookie = Some(control.cookie).filter(|cookie| *cookie != PathBuf::new());
        Ok(Self { control: control.address, cookie, metrics_port })
    }

    /// The kinds of connections that it needs.
    pub fn outgoing(&self) -> Outgoing {
        let is_unix = matches!(self.control, ControlAddress::Unix(_));
        Outgoing { unix: is_unix, tcp: !is_unix || self.metrics_port.is_some() }
    }
}

pub fn open_control(settings: &Settings) -> Result<ControlClient, TorError> {
    let password = settings.tor.password.as_deref();
    ControlClient::open(&control_addresses(settings), password, shop_context::random_bytes())
}

/// The shop's onion service, with the key next to the database, which is created if it is missing.
///
/// `target`: the shop's listener, as Tor writes it.
pub fn shop_onion(settings: &Settings, target: String) -> anyhow::Result<OnionService> {
    let key = read_or_create_key(&key_file(settings))?;
    onion_service(settings, folder(settings), Service::Ephemeral { key, target })
}

/// The desk's onion service, with its own key, folder and client list.
pub fn desk_onion(settings: &Settings, target: String) -> anyhow::Result<OnionService> {
    let key = read_or_create_key(&desk_key_file(settings))?;
    only_for_clients(settings, desk_folder(settings), Service::Ephemeral { key, target })
}

/// A service to which an empty client list admits nobody.
pub fn only_for_clients(
    settings: &Settings,
    folder: SharedDir,
    service: Service,
) -> anyhow::Result<OnionService> {
    Ok(OnionService { only_clients: true, ..onion_service(settings, folder, service)? })
}

pub fn onion_service(
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
        only_clients: false,
        random_bytes: shop_context::random_bytes,
        now: || wall().get(),
    })
}

/// What the shop and the process that manages the desk's onion service share.
pub fn desk_folder(settings: &Settings) -> SharedDir {
    match &settings.tor.onion_folder {
        Some(folder) => SharedDir::of_desk(folder.clone()),
        None => SharedDir::new(home(settings).join("desk-tor")),
    }
}

pub fn desk_key_file(settings: &Settings) -> PathBuf {
    home(settings).join("desk.key")
}

pub fn read_or_create_key(path: &Path) -> anyhow::Result<OnionKey> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let key = OnionKey::new(shop_context::random_bytes());
    make_folder(path.parent().unwrap_or(Path::new(".")))?;
    atomic_file::write(path, &key.file(), 0o600)
        .with_context(|| format!("store the onion key {}", path.display()))?;
    Ok(key)
}

/// Units: bytes of the onion's key, sealed or not.
pub const MAX_OF_KEY: u64 = 64 << 10;

pub fn read_key(path: &Path) -> anyhow::Result<Option<OnionKey>> {
    let bytes = if_exists(bounded::read_file(path, MAX_OF_KEY))
        .with_context(|| format!("read the onion key {}", path.display()))?;
    let key = bytes.map(|bytes| OnionKey::parse(&bytes)).transpose();
    key.with_context(|| format!("the onion key {}", path.display()))
}

/// Unlike [`say`], it fails if the text cannot be written.
///
/// [`say`]: crate::interfaces::cli::output::say
pub fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("write to standard output")
}

pub fn no_address(settings: &Settings) -> String {
    format!(
        "no onion address in {} yet: start `shop serve --tor` or docker-compose.tor.yml",
        shop_context::absolute(folder(settings).path()).display()
    )
}
