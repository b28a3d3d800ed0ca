//! The onion's address and state, its key, and who may come in; and the other half of Tor's container.

mod clients;
mod copies;
mod sidecar;

pub use clients::{
    ClientAction, change_desk_clients, give_out_clients, give_out_desk_clients, has_desk_clients,
};

use crate::infra::bounded;
use crate::infra::config::Listen;
use crate::infra::config::Settings;
use crate::infra::tor;
use crate::infra::tor::ControlAddress;
use crate::infra::tor::ControlClient;
use crate::infra::tor::OnionAddress;
use crate::infra::tor::OnionKey;
use crate::infra::tor::OnionService;
use crate::infra::tor::OnionStatus;
use crate::infra::tor::Service;
use crate::infra::tor::SharedDir;
use crate::infra::tor::TorError;
use crate::interfaces::cli::home_of;
use crate::interfaces::cli::open;
use crate::interfaces::cli::say;
use crate::interfaces::cli::say_json;
use crate::interfaces::http::wall;
use anyhow::Context;
use clap::Args;
use clap::Subcommand;
use std::fs::DirBuilder;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct Onion {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Restrict access to clients with a key from you
    #[command(subcommand)]
    Client(ClientAction),
    /// Back up the onion key, encrypted with a passphrase
    Backup {
        /// A new file, or `-`: standard output
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Restore an encrypted onion key
    Restore {
        /// The encrypted key, or `-`: standard input, after a line with the passphrase
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace an existing key, whose address is lost unless you have a backup
        #[arg(long)]
        replace: bool,
    },
    /// Check whether Tor runs the shop's onion service; exit code 0 or 1, for service managers
    Health,
    /// In Tor's own container: start tor and manage it for the shop
    #[command(hide = true)]
    Sidecar {
        /// Where the shop looks for the desk's onion, where that is not `ONION_FOLDER`
        #[arg(long, value_name = "FOLDER")]
        desk_folder: Option<PathBuf>,
        /// tor and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Manage an already running tor until it ends
    #[command(hide = true)]
    Tend {
        #[arg(long, value_name = "FOLDER")]
        desk_folder: Option<PathBuf>,
    },
}

pub fn run(onion: Onion, settings: Settings) -> anyhow::Result<ExitCode> {
    match onion.action {
        None => show(&settings, onion.json),
        Some(Action::Client(action)) => clients::change_clients(action, &settings),
        Some(Action::Backup { file }) => copies::back_up(&file, &settings),
        Some(Action::Restore { file, replace }) => copies::restore(&file, replace, &settings),
        Some(Action::Health) => health(&settings),
        Some(Action::Sidecar { desk_folder, command }) => {
            sidecar::become_tor(&command, desk_folder.as_deref())
        }
        Some(Action::Tend { desk_folder }) => sidecar::tend(&settings, desk_folder),
    }
}

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

/// The shop's address, from the settings or from whoever tends Tor.
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

fn open_control(settings: &Settings) -> Result<ControlClient, TorError> {
    let password = settings.tor.password.as_deref();
    ControlClient::open(&control_addresses(settings), password, open::random_bytes())
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
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
/// `target`: the shop's door, as Tor writes it.
pub fn keeper(settings: &Settings, target: String) -> anyhow::Result<OnionService> {
    let key = key_made_once(&key_file(settings))?;
    keeper_of(settings, folder(settings), Service::Made { key, target })
}

/// The same for the desk, which has a key, a folder and a list of its own, and is never there for everybody.
pub fn desk_keeper(settings: &Settings, target: String) -> anyhow::Result<OnionService> {
    let key = key_made_once(&desk_key_file(settings))?;
    keeper_of(settings, desk_folder(settings), Service::MadeForClients { key, target })
}

fn keeper_of(
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

/// What the shop and whoever tends the desk's service share.
pub fn desk_folder(settings: &Settings) -> SharedDir {
    match &settings.tor.onion_folder {
        Some(folder) => SharedDir::of_desk(folder.clone()),
        None => SharedDir::new(home_of(&settings.storage.database).join("desk-tor")),
    }
}

pub fn desk_key_file(settings: &Settings) -> PathBuf {
    home_of(&settings.storage.database).join("desk.key")
}

fn key_made_once(path: &Path) -> anyhow::Result<OnionKey> {
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
const MOST_OF_KEY: u64 = 64 << 10;

fn read_key(path: &Path) -> anyhow::Result<Option<OnionKey>> {
    match bounded::read_file(path, MOST_OF_KEY) {
        Ok(bytes) => {
            let key = OnionKey::parse(&bytes);
            key.map(Some).with_context(|| format!("the onion key {}", path.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read the onion key {}", path.display())),
    }
}

fn show(settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let address = address(settings);
    let status = fresh_status(settings);
    let clients = clients::names(settings)?;
    let reachable = status.as_ref().is_some_and(OnionStatus::is_reachable);
    if as_json {
        say_json(&serde_json::json!({
            "address": address.as_ref().map(OnionAddress::url),
            "reachable": status.as_ref().map(|_| reachable),
            "status": status,
            "clients": clients,
        }))?;
        return Ok(if address.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let address = address.with_context(|| no_address(settings))?;
    say(&address.url());
    let line = |name: &str, words: &str| say(&format!("  {name:<20} {words}"));
    match status {
        None => line("reachable", "unknown: no process manages Tor for the shop at the moment"),
        Some(status) => {
            line("reachable", &status.words());
            line("descriptor", &format!("at {} directories", status.published));
            line("introduction points", &status.introduction_points.to_string());
            let effort = match status.effort {
                None => "unknown (set MetricsPort 127.0.0.1:9035 in the torrc)".to_owned(),
                Some(0) => "0: visitors need no proof of work".to_owned(),
                Some(effort) => format!("{effort}: visitors need a proof of work"),
            };
            line("proof-of-work effort", &effort);
            line("circuits open", &status.circuits.to_string());
            line("Tor", &status.tor);
        }
    }
    if clients.is_empty() {
        line("access", "everyone");
    } else {
        line("access", &format!("only {}", clients.join(", ")));
    }
    Ok(ExitCode::SUCCESS)
}

fn no_address(settings: &Settings) -> String {
    format!(
        "no onion address in {} yet: start `shop serve --tor` or docker-compose.tor.yml",
        absolute(folder(settings).path()).display()
    )
}

/// For whoever wonders which folder it is.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// For what is lost where it is not written.
fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("write to standard output")
}

fn health(settings: &Settings) -> anyhow::Result<ExitCode> {
    open_control(settings)?;
    let status = fresh_status(settings).context("no process manages Tor for the shop")?;
    let is_off = status.trouble == OnionStatus::NETWORK_OFF;
    anyhow::ensure!(status.trouble.is_empty() || is_off, "{}", status.trouble);
    anyhow::ensure!(folder(settings).address().is_some(), "Tor has no onion service for the shop");
    Ok(ExitCode::SUCCESS)
}
