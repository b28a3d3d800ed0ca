//! The seller's door: one file for each command.

mod backup;
mod catalog;
mod clock;
mod deliver;
mod desk;
mod develop;
mod digests;
mod doctor;
mod health;
mod house;
mod ledger;
mod mutt;
mod onion;
mod open;
mod orders;
mod output;
mod purge;
mod quiet;
mod seed;
mod serve;
mod wallet;
mod watch;

// For `fuzz/targets/backup.rs`.
#[doc(hidden)]
pub use backup::unpack;
#[doc(hidden)]
pub use digests::{list as list_files, verify};

use crate::cli::output::LogLines;
use crate::cli::output::say;
use crate::cli::output::say_error;
use crate::cli::output::say_json;
use crate::cli::output::say_text;
use crate::cli::output::say_usage;
use crate::config::Settings;
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
    /// Open the shop
    Serve(serve::Serve),
    /// Fill the catalog from a file, all or nothing
    Seed(seed::Seed),
    /// The catalog as it is now, what was changed at the desk among it
    Catalog(catalog::CatalogCommand),
    /// List the orders, look at one, and say what became of it
    Orders(orders::Orders),
    /// A message on standard input becomes the seller's answer on the buyer's page: mutt's `sendmail`
    Deliver(deliver::Deliver),
    /// Print a muttrc for this shop: `shop mutt > db/muttrc`
    Mutt(mutt::MuttCommand),
    /// What the shop asks buyers to pay to
    Wallet(wallet::WalletCommand),
    /// Follow payments on your own nodes: the only command that speaks to a network
    Watch(watch::WatchCommand),
    /// The shop's onion address: how it is, who may come in, a copy of its key
    Onion(onion::Onion),
    /// The seller's web desk: its password
    Desk(desk::DeskCommand),
    /// One picture for the open shop, from standard input
    #[command(hide = true)]
    Develop,
    /// Erase what is due
    Purge(purge::Purge),
    /// The clock that orders expire and are erased by
    Clock(clock::Clock),
    /// Take no orders until `shop open`; window and orders' pages stay
    Close,
    /// Take orders again
    Open,
    /// Write a copy of everything but the onion's key to one file, also while the shop is open
    Backup(backup::Backup),
    /// Put such a copy in place of a shop that is not there any more
    Restore(backup::Restore),
    /// Is everything as it should be?
    Doctor(doctor::Doctor),
    /// Could the open shop take an order now? For service managers: exit code 0 or 1
    Health,
}

/// Every setting is a flag, an environment variable and a line in `.env`, in this order of precedence.
#[derive(Args)]
#[command(next_help_heading = "Settings (also in the environment and in .env, in capital letters)")]
struct SettingFlags {
    /// Buyers' door: HOST:PORT, unix:PATH or systemd [default: 127.0.0.1:3000]
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The seller's web desk: HOST:PORT on this host alone, unix:PATH, systemd or off [default: off]
    #[arg(long, global = true, value_name = "ADDRESS")]
    desk_listen: Option<String>,
    /// Where the shop remembers [default: sqlite://db/shop.sqlite]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Where orders are written [default: mailorders]
    #[arg(long, global = true, value_name = "FOLDER")]
    maildir: Option<String>,
    /// The seller's OpenPGP public key [default: db/seller.asc where it exists]
    #[arg(long, global = true, value_name = "FILE")]
    seller_key: Option<String>,
    /// The shop's name [default: Shop]
    #[arg(long, global = true, value_name = "NAME")]
    site_name: Option<String>,
    /// The seller's home page
    #[arg(long, global = true, value_name = "URL")]
    site_url: Option<String>,
    /// Where questions go
    #[arg(long, global = true, value_name = "TEXT")]
    contact: Option<String>,
    /// The currency that a new visitor sees [default: the first wallet]
    #[arg(long, global = true, value_name = "CURRENCY")]
    preferred_currency: Option<String>,
    /// One wallet's address, where the catalog names none
    #[arg(long, global = true, value_name = "ADDRESS")]
    wallet: Option<String>,
    /// Its currency [default: ETH]
    #[arg(long, global = true, value_name = "CURRENCY")]
    currency: Option<String>,
    /// The shop's own http://….onion
    #[arg(long, global = true, value_name = "URL")]
    onion_url: Option<String>,
    /// What the shop and whoever tends Tor share [default: tor, beside the database]
    #[arg(long, global = true, value_name = "FOLDER")]
    onion_folder: Option<String>,
    /// The onion service's key, as tor keeps it [default: onion.key, beside the database]
    #[arg(long, global = true, value_name = "FILE")]
    onion_key: Option<String>,
    /// Tor's control port: HOST:PORT or unix:PATH [default: unix:/run/tor/control, then 127.0.0.1:9051]
    #[arg(long, global = true, value_name = "ADDRESS")]
    tor_control: Option<String>,
    /// The password of Tor's control port, where it takes one; better in .env than here
    #[arg(long, global = true, value_name = "PASSWORD")]
    tor_password: Option<String>,
    /// Signs cookies; made and kept beside the database where it is missing
    #[arg(long, global = true, value_name = "TEXT", hide = true)]
    secret: Option<String>,
    /// How long a quoted amount stands, in minutes [default: 120]
    #[arg(long, global = true, value_name = "MINUTES")]
    payment_minutes: Option<String>,
    /// How long a finished order is kept, in days [default: 30]
    #[arg(long, global = true, value_name = "DAYS")]
    keep_days: Option<String>,
    /// Whether an erased order's messages go too: yes or no [default: yes]
    #[arg(long, global = true, value_name = "YES_NO")]
    purge_mail: Option<String>,
    /// The shop closes itself where new mail has lain unread for so many days; 0 never [default: 0]
    #[arg(long, global = true, value_name = "DAYS")]
    close_after_days: Option<String>,
    /// Whether buyers are told that you have read what they wrote: yes or no [default: no]
    #[arg(long, global = true, value_name = "YES_NO")]
    read_marks: Option<String>,
    /// How many orders may wait for their payment [default: 5000]
    #[arg(long, global = true, value_name = "NUMBER")]
    most_unpaid: Option<String>,
    /// How much of a stock they may hold, in percent [default: 100]
    #[arg(long, global = true, value_name = "PERCENT")]
    most_held: Option<String>,
    /// Whether tor names the circuit of each connection: haproxy or off [default: off]
    #[arg(long, global = true, value_name = "HOW")]
    circuit_id: Option<String>,
    /// Close circuits that go on asking too much: on or off [default: off]
    #[arg(long, global = true, value_name = "ON_OFF")]
    close_circuits: Option<String>,
    /// Your own Ethereum node, for `shop watch`; several chains: their nodes with spaces between
    #[arg(long, global = true, value_name = "URL")]
    eth_rpc_url: Option<String>,
    /// Your own Bitcoin Core: http://USER:PASSWORD@HOST:PORT; better in .env than here
    #[arg(long, global = true, value_name = "URL")]
    btc_rpc_url: Option<String>,
    /// Your own monero-wallet-rpc, view-only
    #[arg(long, global = true, value_name = "URL")]
    xmr_rpc_url: Option<String>,
    /// Tor's SOCKS port, through which a node elsewhere is reached: socks5h://HOST:PORT
    #[arg(long, global = true, value_name = "URL")]
    tor_proxy_url: Option<String>,
    /// How often the nodes are asked, in seconds [default: 15]
    #[arg(long, global = true, value_name = "SECONDS")]
    watch_seconds: Option<String>,
    /// How deep payments must lie, by currency and worth: "BTC=1 BTC>0.05=3" [default: BTC=2 XMR=10 ETH=final]
    #[arg(long, global = true, value_name = "RULES")]
    confirmations: Option<String>,
    /// What a payment may be short or above without a word, in percent [default: 0.5]
    #[arg(long, global = true, value_name = "PERCENT")]
    tolerance: Option<String>,
    /// The mailbox that orders are addressed to (default: `root@localhost`)
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
        quiet::keep_to_ourselves();
    }
    let flags = settings.by_name();
    let settings = match Settings::read(&flags, Path::new("")) {
        Ok(settings) => settings,
        Err(faults) => {
            say_error(&format!("the settings cannot be used ({} to mend):", faults.len()));
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
            Command::Develop => develop::run(&settings),
            Command::Purge(purge) => purge::run(purge, settings).await,
            Command::Clock(clock) => clock::run(clock, settings).await,
            Command::Close => house::close(settings).await,
            Command::Open => house::open(settings).await,
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
