use crate::bounded;
use crate::cli::home_of;
use crate::cli::open;
use crate::cli::say;
use crate::cli::say_error;
use crate::cli::say_json;
use crate::config::Listen;
use crate::config::Settings;
use crate::tor;
use crate::tor::ClientKeys;
use crate::tor::ClientName;
use crate::tor::Clients;
use crate::tor::Control;
use crate::tor::ControlAddress;
use crate::tor::Keeper;
use crate::tor::OnionAddress;
use crate::tor::OnionFolder;
use crate::tor::OnionKey;
use crate::tor::OnionStatus;
use crate::tor::Service;
use crate::values::plural;
use crate::web::wall;
use anyhow::Context;
use clap::Args;
use clap::Subcommand;
use std::fs;
use std::fs::DirBuilder;
use std::io;
use std::io::IsTerminal;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::os::unix::process::parent_id;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;

#[derive(Args)]
pub struct Onion {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    deed: Option<Deed>,
}

#[derive(Subcommand)]
enum Deed {
    /// Restrict access to clients with a key from you
    #[command(subcommand)]
    Client(ClientDeed),
    /// Write the onion key, encrypted with a passphrase, to FILE (`-`: standard output)
    Backup {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Restore an encrypted onion key from FILE (`-`: standard input, after a line with the passphrase)
    Restore {
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
        /// tor and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Manage an already running tor until it ends
    #[command(hide = true)]
    Tend,
}

#[derive(Subcommand)]
pub enum ClientDeed {
    /// Create a key for a client; from then on only clients on the list have access
    Add { name: String },
    /// Remove a client from the list
    Remove { name: String },
    /// Show the list
    List,
}

pub fn run(onion: Onion, settings: Settings) -> anyhow::Result<ExitCode> {
    match onion.deed {
        None => show(&settings, onion.json),
        Some(Deed::Client(deed)) => change_clients(deed, &settings),
        Some(Deed::Backup { file }) => back_up(&file, &settings),
        Some(Deed::Restore { file, replace }) => restore(&file, replace, &settings),
        Some(Deed::Health) => health(&settings),
        Some(Deed::Sidecar { command }) => be_sidecar(&command),
        Some(Deed::Tend) => tend(&settings),
    }
}

pub fn folder(settings: &Settings) -> OnionFolder {
    let beside = || home_of(&settings.database).join("tor");
    OnionFolder::new(settings.onion_folder.clone().unwrap_or_else(beside))
}

pub fn key_file(settings: &Settings) -> PathBuf {
    settings.onion_key.clone().unwrap_or_else(|| home_of(&settings.database).join("onion.key"))
}

/// The shop's address, from the settings or from whoever tends Tor.
pub fn address(settings: &Settings) -> Option<OnionAddress> {
    let given = settings.onion_url.as_deref().and_then(|url| url.strip_prefix("http://"));
    given.and_then(OnionAddress::parse).or_else(|| folder(settings).address())
}

/// The same, but not one that an earlier shop left behind: where somebody tended Tor, somebody must tend it now.
pub fn served_address(settings: &Settings) -> Option<OnionAddress> {
    let is_left = folder(settings).status().is_some() && fresh_status(settings).is_none();
    address(settings).filter(|_| settings.onion_url.is_some() || !is_left)
}

/// What is known of the service, unless it was written too long ago.
pub fn fresh_status(settings: &Settings) -> Option<OnionStatus> {
    let status = folder(settings).status()?;
    status.is_fresh(wall().get()).then_some(status)
}

fn control(settings: &Settings) -> Vec<ControlAddress> {
    match &settings.tor_control {
        Some(Listen::Tcp(address)) => vec![ControlAddress::Tcp(address.clone())],
        Some(Listen::Unix(path)) => vec![ControlAddress::Unix(path.clone())],
        // Where Debian's Tor listens, and where Tor's manual says.
        Some(Listen::Systemd) | None => vec![
            ControlAddress::Unix(PathBuf::from("/run/tor/control")),
            ControlAddress::Tcp("127.0.0.1:9051".to_owned()),
        ],
    }
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
pub fn keeper(settings: &Settings, target: String) -> anyhow::Result<Keeper> {
    let key = key_made_once(&key_file(settings))?;
    keeper_of(settings, folder(settings), Service::Made { key, target })
}

/// The same for the desk, which has a key, a folder and a list of its own, and is never there for everybody.
pub fn desk_keeper(settings: &Settings, target: String) -> anyhow::Result<Keeper> {
    let key = key_made_once(&desk_key_file(settings))?;
    keeper_of(settings, desk_folder(settings), Service::MadeForClients { key, target })
}

fn keeper_of(settings: &Settings, folder: OnionFolder, service: Service) -> anyhow::Result<Keeper> {
    make_folder(folder.path())?;
    Ok(Keeper {
        control: control(settings),
        password: settings.tor_password.clone(),
        folder,
        service,
        chance: open::chance,
        now: clock,
    })
}

pub fn desk_folder(settings: &Settings) -> OnionFolder {
    OnionFolder::new(home_of(&settings.database).join("desk-tor"))
}

pub fn desk_key_file(settings: &Settings) -> PathBuf {
    home_of(&settings.database).join("desk.key")
}

fn desk_clients_file(settings: &Settings) -> PathBuf {
    home_of(&settings.database).join("desk.clients")
}

fn key_made_once(path: &Path) -> anyhow::Result<OnionKey> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let key = OnionKey::new(open::chance());
    make_folder(path.parent().unwrap_or(Path::new(".")))?;
    tor::write_whole(path, &key.file(), 0o600)
        .with_context(|| format!("keep the onion key {}", path.display()))?;
    Ok(key)
}

/// Units: bytes of the onion's key, sealed or not, and of the list of who may come in.
const MOST_OF_KEY: u64 = 64 << 10;
const MOST_OF_CLIENTS: u64 = 1 << 20;

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
    let clients = known_clients(&clients_file(settings))?;
    let reachable = status.as_ref().is_some_and(OnionStatus::is_reachable);
    if as_json {
        say_json(&serde_json::json!({
            "address": address.as_ref().map(OnionAddress::url),
            "reachable": status.as_ref().map(|_| reachable),
            "status": status,
            "clients": clients.iter().map(|client| client.name.to_string()).collect::<Vec<_>>(),
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
            line(
                "descriptor",
                &format!("at {}", plural(status.published, "directory", "directories")),
            );
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
        let names: Vec<String> = clients.iter().map(|client| client.name.to_string()).collect();
        line("access", &format!("only {}", names.join(", ")));
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

/// The list is kept beside the database; a copy is given to whoever tends Tor.
fn clients_file(settings: &Settings) -> PathBuf {
    home_of(&settings.database).join("onion.clients")
}

fn known_clients(path: &Path) -> anyhow::Result<Clients> {
    match bounded::read_text(path, MOST_OF_CLIENTS) {
        Ok(text) => Clients::parse(&text).with_context(|| format!("the list {}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Clients::default()),
        Err(error) => Err(error).with_context(|| format!("read the list {}", path.display())),
    }
}

/// Gives the list to whoever tends Tor. A shop that never had a list gives none, so that a list which the seller keeps
/// in tor's own folder stays as it is.
pub fn give_out_clients(settings: &Settings) -> anyhow::Result<()> {
    if !clients_file(settings).exists() {
        return Ok(());
    }
    let clients = known_clients(&clients_file(settings))?;
    let folder = folder(settings);
    make_folder(folder.path())?;
    folder
        .write_clients(&clients)
        .with_context(|| format!("write into the folder {}", folder.path().display()))
}

/// Gives the desk's list to the shop's own part that tends Tor. An empty one keeps the desk's service away.
pub fn give_out_desk_clients(settings: &Settings) -> anyhow::Result<()> {
    let clients = known_clients(&desk_clients_file(settings))?;
    let folder = desk_folder(settings);
    make_folder(folder.path())?;
    folder
        .write_clients(&clients)
        .with_context(|| format!("write into the folder {}", folder.path().display()))
}

pub fn has_desk_clients(settings: &Settings) -> anyhow::Result<bool> {
    Ok(!known_clients(&desk_clients_file(settings))?.is_empty())
}

/// Who may come to the desk's onion.
pub fn change_desk_clients(deed: ClientDeed, settings: &Settings) -> anyhow::Result<ExitCode> {
    let path = desk_clients_file(settings);
    let mut clients = known_clients(&path)?;
    let keep = |clients: &Clients| {
        tor::write_whole(&path, clients.file().as_bytes(), 0o600)
            .with_context(|| format!("keep the list {}", path.display()))
    };
    match deed {
        ClientDeed::List => {
            for client in clients.iter() {
                say(&client.name.to_string());
            }
        }
        ClientDeed::Add { name } => {
            let name = ClientName::parse(&name)?;
            let keys = ClientKeys::new(open::chance());
            let client = keys.client(name.clone());
            let line = client.auth_line();
            clients.insert(client)?;
            let address = key_made_once(&desk_key_file(settings))?.address();
            keep(&clients)?;
            tell_keys(&keys, &name, &address)?;
            give_out_desk_clients(settings)?;
            say("");
            say(&format!(
                "The desk is at {}, only for clients on the list, if `shop serve --tor`",
                address.url()
            ));
            say(
                "runs with DESK_LISTEN. If Tor's own torrc creates the service, put this line into",
            );
            say(&format!("HiddenServiceDir/authorized_clients/{name}.auth; its address differs:"));
            say("");
            say(&format!("  {line}"));
        }
        ClientDeed::Remove { name } => {
            let name = ClientName::parse(&name)?;
            anyhow::ensure!(
                clients.remove(&name),
                "{name} is not on the list: see `shop desk client list`"
            );
            keep(&clients)?;
            give_out_desk_clients(settings)?;
            say(&format!("{name} can no longer reach the desk's onion."));
            if clients.is_empty() {
                say("The list is empty: the desk has no onion address until you add a client.");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn change_clients(deed: ClientDeed, settings: &Settings) -> anyhow::Result<ExitCode> {
    let adds = matches!(deed, ClientDeed::Add { .. });
    if !adds && !clients_file(settings).exists() && address(settings).is_none() {
        open::require_shop(settings)?;
    }
    let mut clients = known_clients(&clients_file(settings))?;
    let keep = |clients: &Clients| {
        let path = clients_file(settings);
        make_folder(&home_of(&settings.database))?;
        tor::write_whole(&path, clients.file().as_bytes(), 0o600)
            .with_context(|| format!("keep the list {}", path.display()))
    };
    let when =
        if fresh_status(settings).is_some() { "from now on" } else { "from the next start on" };
    match deed {
        ClientDeed::List => {
            for client in clients.iter() {
                say(&client.name.to_string());
            }
        }
        ClientDeed::Add { name } => {
            let address = address(settings).with_context(|| no_address(settings))?;
            let name = ClientName::parse(&name)?;
            let keys = ClientKeys::new(open::chance());
            let client = keys.client(name.clone());
            if is_tended(settings) {
                clients.insert(client)?;
                keep(&clients)?;
                tell_keys(&keys, &name, &address)?;
                give_out_clients(settings)?;
                say("");
                say(&format!("Only clients on the list can reach {} {when}.", address.url()));
            } else {
                tell_keys(&keys, &name, &address)?;
                say("");
                say(
                    "Tor's own torrc creates this service, and the shop cannot reach Tor. To restrict access,",
                );
                say(&format!(
                    "put this line into HiddenServiceDir/authorized_clients/{name}.auth and reload Tor:"
                ));
                say("");
                say(&format!("  {}", client.auth_line()));
            }
        }
        ClientDeed::Remove { name } => {
            let name = ClientName::parse(&name)?;
            anyhow::ensure!(
                clients.remove(&name),
                "{name} is not on the list: see `shop onion client list`"
            );
            keep(&clients)?;
            give_out_clients(settings)?;
            say(&format!("{name} no longer has access {when}."));
            if clients.is_empty() {
                say("The list is empty: everyone can reach the shop again.");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether there is somebody who would give Tor the list: a Tor that the seller's own torrc set up has nobody.
fn is_tended(settings: &Settings) -> bool {
    folder(settings).status().is_some() || key_file(settings).exists()
}

fn tell_keys(keys: &ClientKeys, name: &ClientName, address: &OnionAddress) -> anyhow::Result<()> {
    write_out(&format!(
        "Give this key only to {name}; the shop does not store it:\n\n  {}\n\n\
         Tor Browser asks for it when the address is opened. For tor without a browser, put\n\
         this line into ClientOnionAuthDir/{name}.auth_private:\n\n  {}\n",
        keys.private(),
        keys.auth_private(address)
    ))
}

/// For what is lost where it is not written.
fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("write to standard output")
}

/// Units: characters. Argon2 makes guessing slow, not impossible.
const SHORTEST_PASSPHRASE: usize = 12;

/// `twice`: where a slip would lock the copy for ever.
fn ask_passphrase(twice: bool) -> anyhow::Result<String> {
    let given = if io::stdin().is_terminal() {
        let first = rpassword::prompt_password("Passphrase: ").context("read the passphrase")?;
        if twice {
            let second = rpassword::prompt_password("Confirm passphrase: ")
                .context("read the passphrase")?;
            anyhow::ensure!(first == second, "the passphrases do not match; nothing was changed");
        }
        first
    } else {
        // Byte for byte, so that what follows the line is left for whoever reads on.
        let mut line = Vec::new();
        for byte in io::stdin().lock().bytes() {
            match byte.context("read the passphrase")? {
                b'\n' => break,
                byte if line.len() < 4_096 => line.push(byte),
                _ => anyhow::bail!("the first line of standard input is not a passphrase"),
            }
        }
        let line = String::from_utf8(line).context("the passphrase is not UTF-8")?;
        line.trim_end_matches('\r').to_owned()
    };
    anyhow::ensure!(
        SHORTEST_PASSPHRASE <= given.chars().count(),
        "the passphrase needs at least {SHORTEST_PASSPHRASE} characters; use five random words"
    );
    Ok(given)
}

fn back_up(file: &Path, settings: &Settings) -> anyhow::Result<ExitCode> {
    let path = key_file(settings);
    let key = read_key(&path)?
        .with_context(|| format!("there is no onion key at {} yet", absolute(&path).display()))?;
    anyhow::ensure!(
        file == Path::new("-") || !file.exists(),
        "{} already exists: choose another file",
        file.display()
    );
    let passphrase = ask_passphrase(true)?;
    let text = tor::seal(&key, &passphrase, open::chance::<{ tor::SALT_BYTES }>());
    if file == Path::new("-") {
        write_out(&text)?;
    } else {
        tor::write_whole(file, text.as_bytes(), 0o600)
            .with_context(|| format!("write {}", file.display()))?;
        say(&format!("The key of {} is encrypted in {}", key.address().url(), file.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn restore(file: &Path, replace: bool, settings: &Settings) -> anyhow::Result<ExitCode> {
    let path = key_file(settings);
    let passphrase = ask_passphrase(false)?;
    let text = if file == Path::new("-") {
        let bytes = bounded::read_stream(io::stdin().lock(), MOST_OF_KEY)
            .context("read the encrypted key from standard input")?;
        String::from_utf8(bytes).context("standard input is not an encrypted onion key")?
    } else {
        bounded::read_text(file, MOST_OF_KEY).with_context(|| format!("read {}", file.display()))?
    };
    let key = tor::unseal(&text, &passphrase)?;
    match read_key(&path) {
        _ if replace => {}
        Ok(Some(old)) if old != key => anyhow::bail!(
            "{} has the key of {}: back it up (`shop onion backup`), then use --replace",
            path.display(),
            old.address().url()
        ),
        Ok(_) => {}
        Err(error) => return Err(error.context("use --replace if it is no longer needed")),
    }
    let home = path.parent().unwrap_or(Path::new(""));
    make_folder(home)?;
    // What tor made of the old key; it makes both anew.
    if path.file_name().is_some_and(|name| name == "hs_ed25519_secret_key") {
        for name in ["hostname", "hs_ed25519_public_key"] {
            match fs::remove_file(home.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("remove the old {name}"));
                }
                _ => {}
            }
        }
    }
    tor::write_whole(&path, &key.file(), 0o600)
        .with_context(|| format!("keep the onion key {}", path.display()))?;
    say(&format!("{} is restored; restart the shop or Tor's container", key.address().url()));
    Ok(ExitCode::SUCCESS)
}

/// The folder of Tor's own that the key lies in, where the torrc names it.
fn service_folder(settings: &Settings) -> anyhow::Result<PathBuf> {
    let key = settings.onion_key.as_ref().and_then(|key| key.parent());
    key.map(Path::to_owned)
        .context("ONION_KEY must name hs_ed25519_secret_key in the HiddenServiceDir of the torrc")
}

fn health(settings: &Settings) -> anyhow::Result<ExitCode> {
    Control::open(&control(settings), settings.tor_password.as_deref(), open::chance())?;
    let status = fresh_status(settings).context("no process manages Tor for the shop")?;
    let is_off = status.trouble == OnionStatus::NETWORK_OFF;
    anyhow::ensure!(status.trouble.is_empty() || is_off, "{}", status.trouble);
    anyhow::ensure!(folder(settings).address().is_some(), "Tor has no onion service for the shop");
    Ok(ExitCode::SUCCESS)
}

/// Tor takes this process over, so that signals and its end are its own; the shop's part of the work is a child that
/// ends with it.
fn be_sidecar(command: &[String]) -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe().context("find the program itself")?;
    Command::new(program).args(["onion", "tend"]).spawn().context("start `shop onion tend`")?;
    let (tor, arguments) = command.split_first().context("give the command that starts tor")?;
    Err(Command::new(tor).args(arguments).exec()).with_context(|| format!("start {tor}"))
}

fn tend(settings: &Settings) -> anyhow::Result<ExitCode> {
    let keeper = Keeper {
        control: control(settings),
        password: settings.tor_password.clone(),
        folder: folder(settings),
        service: Service::Kept(service_folder(settings)?),
        chance: open::chance,
        now: clock,
    };
    let parent = parent_id();
    keeper.tend(None, || parent_id() != parent);
    say_error("tor has stopped, so this process stops too");
    Ok(ExitCode::SUCCESS)
}
