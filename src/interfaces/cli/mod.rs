//! The command line: one file for each command.

mod addresses_used;
mod availability;
mod backup;
mod catalog;
mod clock;
mod deliver;
mod desk;
mod digests;
mod doctor;
mod health;
mod help;
mod image_worker;
mod mutt;
mod onion;
mod open;
mod order_list;
mod orders;
mod output;
mod process_hardening;
mod purge;
mod seed;
mod serve;
mod unpaid_orders;
mod wallet;
mod watch;

// For `fuzz/targets/backup.rs`.
#[doc(hidden)]
pub use backup::unpack;
#[doc(hidden)]
pub use digests::{list as list_files, verify};

use std::path::Path;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, value_parser};

use crate::domain::values::plural;
use crate::infra::config;
use crate::infra::config::{Flags, Settings};
use crate::interfaces::cli::output::{LogLines, say_error, say_text, say_usage};

/// A self-hosted web shop, paid in cryptocurrency, reached through Tor.
#[derive(Parser)]
#[command(name = "shop", version, about, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the shop
    Serve(serve::Serve),
    /// Import the catalog from a file, all or nothing
    Seed(seed::Seed),
    /// Export the catalog
    Catalog(catalog::CatalogCommand),
    /// List orders, show one, and change its status
    Orders(orders::Orders),
    /// Post a message from standard input as your answer on the buyer's page (mutt's `sendmail`)
    Deliver(deliver::Deliver),
    /// Print a muttrc for this shop: `shop mutt > db/muttrc`
    Mutt(mutt::MuttCommand),
    /// Check wallets and addresses
    Wallet(wallet::WalletCommand),
    /// Track payments on your own nodes; the only command that uses a network
    Watch(watch::WatchCommand),
    /// Show the onion address and its state, manage access, back up its key
    Onion(onion::Onion),
    /// Manage the web desk: password, sessions, 2FA, access
    Desk(desk::DeskCommand),
    /// One picture for the open shop, from standard input
    #[command(hide = true)]
    Develop,
    /// Delete orders and data that are past their retention period
    Purge(purge::Purge),
    /// Show the clock that orders expire and are deleted by
    Clock(clock::Clock),
    /// Stop accepting orders until `shop open`; products and order pages stay available
    Close,
    /// Accept orders again
    Open,
    /// Back up everything but the onion key to one file; the shop may be running
    Backup(backup::Backup),
    /// Restore a backup where no shop exists
    Restore(backup::Restore),
    /// Check the installation
    Doctor(doctor::Doctor),
    /// Check whether the running shop can accept an order; exit code 0 or 1, for service managers
    Health,
    /// List all settings
    #[command(hide = true)]
    Settings,
}

/// The command line, where every setting is a flag of every command. What a setting holds is judged together with the
/// environment and `.env`: here it is text.
fn command_line() -> clap::Command {
    let as_text = |setting: Arg| {
        setting
            .value_parser(value_parser!(String))
            .default_value(None::<&str>)
            .global(true)
            .hide(true)
    };
    help::describe(CommandLine::command()).args(config::declared().into_iter().map(as_text))
}

fn setting_flags(matches: &ArgMatches) -> Flags {
    let flag = |setting: &Arg| {
        let text = matches.get_one::<String>(setting.get_id().as_str())?;
        Some((config::name_of(setting), text.clone()))
    };
    config::declared().iter().filter_map(flag).collect()
}

/// Runs the command line; what it says is the exit code: 0 done, 1 could not, 2 usage.
pub fn run() -> ExitCode {
    let parsed = command_line().try_get_matches().and_then(|matches| {
        Ok((CommandLine::from_arg_matches(&matches)?.command, setting_flags(&matches)))
    });
    let (command, flags) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            if error.use_stderr() {
                say_usage(&error.render().to_string());
                return ExitCode::from(2);
            }
            say_text(&error.render().to_string());
            return ExitCode::SUCCESS;
        }
    };
    // What tends Tor writes for another user too, and becomes another program.
    if !matches!(command, Command::Onion(_)) {
        process_hardening::keep_to_ourselves();
    }
    let settings = match Settings::read(&flags, Path::new("")) {
        Ok(settings) => settings,
        Err(faults) => {
            say_error(&format!("invalid settings ({}):", plural(faults.len(), "error", "errors")));
            for fault in faults {
                say_error(&format!("  {fault}"));
            }
            return match command {
                Command::Deliver(_) => ExitCode::from(deliver::NO_SETTINGS),
                _ => ExitCode::FAILURE,
            };
        }
    };
    start_log();
    let runtime = actix_web::rt::System::new();
    let done = runtime.block_on(async move {
        match command {
            Command::Serve(serve) => serve::run(serve, settings, &flags).await,
            Command::Seed(seed) => seed::run(seed, settings).await,
            Command::Catalog(command) => catalog::run(command, settings).await,
            Command::Orders(orders) => orders::run(orders, settings).await,
            Command::Deliver(deliver) => Ok(deliver::run(deliver, settings).await),
            Command::Mutt(mutt) => mutt::run(mutt, &settings, &flags),
            Command::Wallet(wallet) => wallet::run(wallet, settings).await,
            Command::Watch(watch) => watch::run(watch, settings).await,
            Command::Desk(desk) => desk::run(desk, settings).await,
            Command::Develop => image_worker::run(&settings),
            Command::Purge(purge) => purge::run(purge, settings).await,
            Command::Clock(clock) => clock::run(clock, settings).await,
            Command::Close => availability::close(settings).await,
            Command::Open => availability::open(settings).await,
            Command::Backup(backup) => backup::back_up(backup, settings).await,
            Command::Restore(restore) => backup::restore(restore, settings).await,
            Command::Onion(onion) => onion::run(onion, settings),
            Command::Doctor(doctor) => doctor::run(doctor, settings).await,
            Command::Health => health::run(&settings),
            Command::Settings => {
                say_text(&help::settings());
                Ok(ExitCode::SUCCESS)
            }
        }
    });
    match done {
        Ok(code) => code,
        Err(error) => {
            say_error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Start, stop and errors; never a buyer's word, a code, a reference or a visitor's address.
fn start_log() {
    let only_ours = |metadata: &tracing::Metadata<'_>| {
        metadata.target().starts_with("shop") && *metadata.level() <= tracing::Level::INFO
    };
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| LogLines)
        .with_target(false)
        .with_ansi(false)
        .without_time()
        .with_filter(tracing_subscriber::filter::filter_fn(only_ours));
    // The place is enough to find the bug; the message may hold a buyer's data.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!("a part of the shop failed at {place}");
    }));
    // A second start in one process finds the log started: that is as good.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}
