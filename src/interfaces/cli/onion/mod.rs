//! `shop onion`: the onion service's address and state, its key, its clients; and the helper in Tor's container.

mod clients;
mod key_backup;
mod service;
mod sidecar;

pub use clients::{ClientAction, ClientList};
pub use service::{
    TorAccess, address, desk_key_file, desk_onion, folder, fresh_status, key_file, open_control,
    read_or_create_key, served_address, served_desk_address, shop_onion,
};

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::infra::config::Settings;
use crate::infra::tor::{OnionAddress, OnionStatus};
use crate::interfaces::cli::onion::service::no_address;
use crate::interfaces::cli::output::{say, say_json};

#[derive(Args)]
pub struct OnionArgs {
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
        /// Where the shop looks for the desk's onion, if that is not `ONION_FOLDER`
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

pub fn run(onion: OnionArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    match onion.action {
        None => show(&settings, onion.json),
        Some(Action::Client(action)) => ClientList::of_shop(&settings).run(action),
        Some(Action::Backup { file }) => key_backup::back_up(&file, &settings),
        Some(Action::Restore { file, replace }) => key_backup::restore(&file, replace, &settings),
        Some(Action::Health) => health(&settings),
        Some(Action::Sidecar { desk_folder, command }) => {
            sidecar::become_tor(&command, desk_folder.as_deref())
        }
        Some(Action::Tend { desk_folder }) => sidecar::tend(&settings, desk_folder),
    }
}

fn show(settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let address = address(settings);
    let status = fresh_status(settings);
    let clients = ClientList::of_shop(settings).names()?;
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
    let line = |name: &str, text: &str| say(&format!("  {name:<20} {text}"));
    match status {
        None => line("reachable", "unknown: no process manages Tor for the shop at the moment"),
        Some(status) => {
            line("reachable", &status.summary());
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

fn health(settings: &Settings) -> anyhow::Result<ExitCode> {
    open_control(settings)?;
    let status = fresh_status(settings).context("no process manages Tor for the shop")?;
    let is_off = status.trouble == OnionStatus::NETWORK_OFF;
    anyhow::ensure!(status.trouble.is_empty() || is_off, "{}", status.trouble);
    anyhow::ensure!(folder(settings).address().is_some(), "Tor has no onion service for the shop");
    Ok(ExitCode::SUCCESS)
}
