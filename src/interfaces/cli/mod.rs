//! The seller's door: one file for each command.

mod availability;
mod backup;
mod catalog;
mod clock;
mod deliver;
mod desk;
mod digests;
mod doctor;
mod health;
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
mod wallet;
mod watch;

// For `fuzz/targets/backup.rs`.
#[doc(hidden)]
pub use backup::unpack;
#[doc(hidden)]
pub use digests::{list as list_files, verify};

use crate::domain::values::plural;
use crate::infra::config::Settings;
use crate::interfaces::cli::output::LogLines;
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::output::say_error;
use crate::interfaces::cli::output::say_json;
use crate::interfaces::cli::output::say_text;
use crate::interfaces::cli::output::say_usage;
use clap::Args;
use clap::Parser;
use clap::Subcommand;
use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

/// A self-hosted web shop, paid in cryptocurrency, reached through Tor.
#[derive(Parser)]
#[command(name = "shop", version, about, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: SettingFlags,
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
}

/// Every setting is a flag, an environment variable and a line in `.env`, in this order of precedence.
#[derive(Args)]
#[command(
    next_help_heading = "Settings (also as environment variables and in .env, in capital letters)"
)]
struct SettingFlags {
    /// Address for buyers: HOST:PORT, unix:PATH or systemd [default: 127.0.0.1:3000]
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Address of the web desk: HOST:PORT on this host, unix:PATH, systemd or off [default: off]
    #[arg(long, global = true, value_name = "ADDRESS")]
    desk_listen: Option<String>,
    /// Database [default: sqlite://db/shop.sqlite]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Maildir that orders are written to [default: mailorders]
    #[arg(long, global = true, value_name = "FOLDER")]
    maildir: Option<String>,
    /// Your OpenPGP public key [default: db/seller.asc if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    seller_key: Option<String>,
    /// Shop name [default: Shop]
    #[arg(long, global = true, value_name = "NAME")]
    site_name: Option<String>,
    /// Your website
    #[arg(long, global = true, value_name = "URL")]
    site_url: Option<String>,
    /// Contact shown to buyers
    #[arg(long, global = true, value_name = "TEXT")]
    contact: Option<String>,
    /// Currency shown to new visitors [default: the first wallet's]
    #[arg(long, global = true, value_name = "CURRENCY")]
    preferred_currency: Option<String>,
    /// Address of a single wallet, if the catalog has none
    #[arg(long, global = true, value_name = "ADDRESS")]
    wallet: Option<String>,
    /// Currency of that wallet [default: ETH]
    #[arg(long, global = true, value_name = "CURRENCY")]
    currency: Option<String>,
    /// The shop's own onion address, http://….onion
    #[arg(long, global = true, value_name = "URL")]
    onion_url: Option<String>,
    /// Folder shared by the shop and the process that manages Tor [default: tor, next to the database]
    #[arg(long, global = true, value_name = "FOLDER")]
    onion_folder: Option<String>,
    /// Key of the onion service, in tor's format [default: onion.key, next to the database]
    #[arg(long, global = true, value_name = "FILE")]
    onion_key: Option<String>,
    /// Tor's control port: HOST:PORT or unix:PATH [default: unix:/run/tor/control, then 127.0.0.1:9051]
    #[arg(long, global = true, value_name = "ADDRESS")]
    tor_control: Option<String>,
    /// Password of Tor's control port, if it has one; better set in .env
    #[arg(long, global = true, value_name = "PASSWORD")]
    tor_password: Option<String>,
    /// Signs cookies; created next to the database if missing
    #[arg(long, global = true, value_name = "TEXT", hide = true)]
    secret: Option<String>,
    /// How long buyers have to pay, in minutes [default: 120]
    #[arg(long, global = true, value_name = "MINUTES")]
    payment_minutes: Option<String>,
    /// How long finished orders are kept, in days [default: 30]
    #[arg(long, global = true, value_name = "DAYS")]
    keep_days: Option<String>,
    /// Delete an order's messages along with the order: yes or no [default: yes]
    #[arg(long, global = true, value_name = "YES_NO")]
    purge_mail: Option<String>,
    /// Stop accepting orders if new mail stays unread for this many days; 0: never [default: 0]
    #[arg(long, global = true, value_name = "DAYS")]
    close_after_days: Option<String>,
    /// Show buyers that you have read their messages: yes or no [default: no]
    #[arg(long, global = true, value_name = "YES_NO")]
    read_marks: Option<String>,
    /// Maximum number of unpaid orders [default: 5000]
    #[arg(long, global = true, value_name = "NUMBER")]
    most_unpaid: Option<String>,
    /// Maximum share of a product's stock that unpaid orders may reserve, in percent [default: 100]
    #[arg(long, global = true, value_name = "PERCENT")]
    most_held: Option<String>,
    /// How tor passes the circuit of each connection: haproxy or off [default: off]
    #[arg(long, global = true, value_name = "HOW")]
    circuit_id: Option<String>,
    /// Close circuits that keep sending too many requests: on or off [default: off]
    #[arg(long, global = true, value_name = "ON_OFF")]
    close_circuits: Option<String>,
    /// Your own Ethereum node, for `shop watch`; for several chains, separate their nodes with spaces
    #[arg(long, global = true, value_name = "URL")]
    eth_rpc_url: Option<String>,
    /// Your own Bitcoin Core: http://USER:PASSWORD@HOST:PORT; better set in .env
    #[arg(long, global = true, value_name = "URL")]
    btc_rpc_url: Option<String>,
    /// Your own monero-wallet-rpc, view-only
    #[arg(long, global = true, value_name = "URL")]
    xmr_rpc_url: Option<String>,
    /// Tor's SOCKS port, to reach nodes on other hosts: socks5h://HOST:PORT
    #[arg(long, global = true, value_name = "URL")]
    tor_proxy_url: Option<String>,
    /// How often to query the nodes, in seconds [default: 15]
    #[arg(long, global = true, value_name = "SECONDS")]
    watch_seconds: Option<String>,
    /// Required confirmations, by currency and amount: "BTC=1 BTC>0.05=3" [default: BTC=2 XMR=10 ETH=final]
    #[arg(long, global = true, value_name = "RULES")]
    confirmations: Option<String>,
    /// Accepted under- or overpayment, in percent [default: 0.5]
    #[arg(long, global = true, value_name = "PERCENT")]
    tolerance: Option<String>,
    /// Mailbox that orders are addressed to (default: `root@localhost`)
    #[arg(long, global = true, value_name = "MAILBOX")]
    from: Option<String>,
}

impl SettingFlags {
    fn by_name(self) -> HashMap<&'static str, String> {
        [
            ("LISTEN", self.listen),
            ("DESK_LISTEN", self.desk_listen),
            ("DATABASE_URL", self.database_url),
            ("MAILDIR", self.maildir),
            ("SELLER_KEY", self.seller_key),
            ("SITE_NAME", self.site_name),
            ("SITE_URL", self.site_url),
            ("CONTACT", self.contact),
            ("PREFERRED_CURRENCY", self.preferred_currency),
            ("WALLET", self.wallet),
            ("CURRENCY", self.currency),
            ("ONION_URL", self.onion_url),
            ("ONION_FOLDER", self.onion_folder),
            ("ONION_KEY", self.onion_key),
            ("TOR_CONTROL", self.tor_control),
            ("TOR_PASSWORD", self.tor_password),
            ("SECRET", self.secret),
            ("PAYMENT_MINUTES", self.payment_minutes),
            ("KEEP_DAYS", self.keep_days),
            ("PURGE_MAIL", self.purge_mail),
            ("CLOSE_AFTER_DAYS", self.close_after_days),
            ("READ_MARKS", self.read_marks),
            ("MOST_UNPAID", self.most_unpaid),
            ("MOST_HELD", self.most_held),
            ("CIRCUIT_ID", self.circuit_id),
            ("CLOSE_CIRCUITS", self.close_circuits),
            ("ETH_RPC_URL", self.eth_rpc_url),
            ("BTC_RPC_URL", self.btc_rpc_url),
            ("XMR_RPC_URL", self.xmr_rpc_url),
            ("TOR_PROXY_URL", self.tor_proxy_url),
            ("WATCH_SECONDS", self.watch_seconds),
            ("CONFIRMATIONS", self.confirmations),
            ("TOLERANCE", self.tolerance),
            ("FROM", self.from),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

/// Runs the command line; what it says is the exit code: 0 done, 1 could not, 2 usage.
pub fn run() -> ExitCode {
    let CommandLine { command, settings } = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => {
            if error.use_stderr() {
                say_usage(&error.render().to_string());
                return ExitCode::from(2);
            }
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    // What tends Tor writes for another user too, and becomes another program.
    if !matches!(command, Command::Onion(_)) {
        process_hardening::keep_to_ourselves();
    }
    let flags = settings.by_name();
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
    // Where it happened is enough to mend it; what it happened with may be a buyer's.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!("a part of the shop failed at {place}");
    }));
    // A second start in one process finds the log started: that is as good.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// The folder in which the database lies, with the secret and the rendered pictures beside it.
fn home_of(database: &Path) -> PathBuf {
    match database.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
