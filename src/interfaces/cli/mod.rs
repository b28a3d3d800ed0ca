//! The command line: a file for each command, and what the commands share.

mod address_usage;
mod backup;
mod catalog;
mod clock;
mod completions;
mod confinement;
mod deliver;
mod demo;
mod demo_catalog;
mod desk;
mod doctor;
mod exchange_rate_source;
mod health;
mod help;
mod image_worker;
mod import;
mod init;
mod man;
mod mutt;
mod notify;
mod onion;
mod open_close;
mod order_digest;
mod order_list;
mod orders;
mod output;
mod process_hardening;
mod purge;
mod rate;
mod recurring_error;
mod restore;
mod run_as_owner;
mod seed;
mod serve;
mod shop_context;
mod stoppable;
mod unpaid_orders;
mod wallet;
mod watch;

use std::path::Path;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, value_parser};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

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
    /// Try a demo shop in a temporary folder, deleted at the end
    Demo,
    /// Set up a shop in this folder: name, wallet, key, Tor, web desk
    Init(init::InitArgs),
    /// Print a completion script for your shell
    Completions(completions::CompletionsArgs),
    /// Write the man pages
    // For those who make packages.
    #[command(hide = true)]
    Man(man::ManArgs),
    /// List all settings
    #[command(hide = true)]
    Settings,
    #[command(flatten)]
    InShop(ShopCommand),
}

/// The commands that read the settings first. The others run anywhere: `.env` there may belong to another program.
#[derive(Subcommand)]
enum ShopCommand {
    /// Run the shop
    Serve(serve::ServeArgs),
    /// Import the catalog from a file, all or nothing
    Seed(seed::SeedArgs),
    /// Make a catalog file of a product export of WooCommerce or Shopify
    Import(import::ImportArgs),
    /// Export the catalog, change all prices
    Catalog(catalog::CatalogArgs),
    /// List orders, show one, and change its status
    Orders(orders::OrdersArgs),
    /// Post a message from standard input as your answer on the buyer's page (mutt's `sendmail`)
    Deliver(deliver::DeliverArgs),
    /// Print a muttrc for this shop: `shop mutt > db/muttrc`
    Mutt(mutt::MuttArgs),
    /// Check wallets and addresses
    Wallet(wallet::WalletArgs),
    /// List and set exchange rates, to show prices in your reference currency
    Rate(rate::RateArgs),
    /// Track payments on your own nodes; the only command that uses a network
    Watch(watch::WatchArgs),
    /// Run your own program (NOTIFY_COMMAND) if something has changed since it last ran
    Notify(notify::NotifyArgs),
    /// Show the onion address and its state, manage access, back up its key
    Onion(onion::OnionArgs),
    /// Manage the web desk: password, sessions, 2FA, access
    Desk(desk::DeskArgs),
    /// One picture for the open shop, from standard input
    #[command(hide = true)]
    Develop,
    /// Delete orders and data that are past their retention period
    Purge(purge::PurgeArgs),
    /// Show the clock that orders expire and are deleted by
    Clock(clock::ClockArgs),
    /// Stop accepting orders until `shop open`; products and order pages stay available
    Close,
    /// Accept orders again
    Open,
    /// Back up everything but the onion key to one file; the shop may be running
    Backup(backup::BackupArgs),
    /// Restore a backup where no shop exists
    Restore(restore::RestoreArgs),
    /// Check the installation
    Doctor(doctor::DoctorArgs),
    /// Check whether the running shop can accept an order; exit code 0 or 1, for service managers
    Health,
}

/// The command line. Every setting is a flag of every command; its text is parsed later, together with the environment and
/// `.env`.
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

/// Runs the command line. Exit codes: 0 success, 1 failure, 2 usage.
pub fn run() -> ExitCode {
    if let Err(error) = run_as_owner::give_up_root() {
        say_error(&format!("{error:#}"));
        return ExitCode::FAILURE;
    }
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
    exit_code(match command {
        Command::Demo => demo::run(&flags),
        Command::Init(arguments) => {
            process_hardening::harden();
            start_log();
            actix_web::rt::System::new().block_on(init::run(arguments, flags))
        }
        Command::Completions(completions) => completions::run(&completions, &command_line()),
        Command::Man(man) => man::run(&man, command_line()),
        Command::Settings => {
            say_text(&help::settings());
            Ok(ExitCode::SUCCESS)
        }
        Command::InShop(command) => return run_in_shop(command, &flags),
    })
}

fn run_in_shop(command: ShopCommand, flags: &Flags) -> ExitCode {
    // The helper beside Tor writes files for another user, and starts another program.
    if !matches!(command, ShopCommand::Onion(_)) {
        process_hardening::harden();
    }
    let settings = match Settings::read(flags, Path::new("")) {
        Ok(settings) => settings,
        Err(faults) => {
            say_error(&format!("invalid settings ({}):", plural(faults.len(), "error", "errors")));
            for fault in faults {
                say_error(&format!("  {fault}"));
            }
            return match command {
                ShopCommand::Deliver(_) => ExitCode::from(deliver::NO_SETTINGS),
                _ => ExitCode::FAILURE,
            };
        }
    };
    start_log();
    exit_code(execute(command, settings, flags))
}

fn execute(command: ShopCommand, settings: Settings, flags: &Flags) -> anyhow::Result<ExitCode> {
    // Before the runtime, and with it other threads.
    let opened = match &command {
        ShopCommand::Serve(serve) => Some(serve::open(serve, &settings)?),
        _ => None,
    };
    actix_web::rt::System::new().block_on(async move {
        match command {
            ShopCommand::Serve(_) => {
                serve::run(opened.expect("opened above"), settings, flags).await
            }
            ShopCommand::Seed(seed) => seed::run(seed, settings).await,
            ShopCommand::Import(import) => import::run(&import, &settings),
            ShopCommand::Catalog(command) => catalog::run(command, settings).await,
            ShopCommand::Orders(orders) => orders::run(orders, settings).await,
            ShopCommand::Deliver(deliver) => Ok(deliver::run(deliver, settings).await),
            ShopCommand::Mutt(mutt) => mutt::run(mutt, &settings, flags),
            ShopCommand::Wallet(wallet) => wallet::run(wallet, settings).await,
            ShopCommand::Rate(rate) => rate::run(rate, settings).await,
            ShopCommand::Watch(watch) => watch::run(watch, settings).await,
            ShopCommand::Notify(arguments) => notify::run(arguments, settings).await,
            ShopCommand::Desk(desk) => desk::run(desk, settings).await,
            ShopCommand::Develop => image_worker::run(&settings),
            ShopCommand::Purge(purge) => purge::run(purge, settings).await,
            ShopCommand::Clock(clock) => clock::run(clock, settings).await,
            ShopCommand::Close => open_close::close(settings).await,
            ShopCommand::Open => open_close::open(settings).await,
            ShopCommand::Backup(backup) => backup::run(backup, settings).await,
            ShopCommand::Restore(restore) => restore::run(restore, settings).await,
            ShopCommand::Onion(onion) => onion::run(onion, settings),
            ShopCommand::Doctor(doctor) => doctor::run(doctor, settings).await,
            ShopCommand::Health => health::run(&settings),
        }
    })
}

fn exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        say_error(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// Logs starts, stops and errors; never buyers' texts, codes, order numbers or visitors' addresses.
fn start_log() {
    let only_ours = |metadata: &tracing::Metadata<'_>| {
        metadata.target().starts_with("shop") && *metadata.level() <= tracing::Level::INFO
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| LogLines)
        .with_target(false)
        .with_ansi(false)
        .without_time()
        .with_filter(tracing_subscriber::filter::filter_fn(only_ours));
    // The location is enough to find the bug; the message may contain a buyer's data.
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!("a part of the shop failed at {location}");
    }));
    // In the same process the log may already have been started.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}
