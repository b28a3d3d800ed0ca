//! Every setting, declared once: its flag, its type, its default, and what it is for.
//!
//! The flag in capital letters, with `_` for `-`, is its name in the environment and in `.env`.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::ArgAction::Set;
use clap::{Arg, Args};

use crate::domain::payment::{
    Address, BitcoinLike, Coin, Confirmations, Destination, Tolerance, Wallet,
};
use crate::domain::values::{Currency, FiatCurrency, Mailbox, NodeUrl, Notify, ProxyUrl};
use crate::infra::config::listen::{DeskListenSetting, ListenAddress, ListenSetting};
use crate::infra::config::node_url::NodeUrls;
use crate::infra::config::notify_command::NotifyCommand;
use crate::infra::config::parsers::{Countries, InvalidValue, expecting, line, one_of, whole};
use crate::infra::config::{listen, parsers};

/// All settings.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    #[command(flatten)]
    pub site: SiteSettings,
    #[command(flatten)]
    pub orders: OrderSettings,
    #[command(flatten)]
    pub rates: RateSettings,
    #[command(flatten)]
    pub retention: RetentionSettings,
    #[command(flatten)]
    pub mail: MailSettings,
    #[command(flatten)]
    pub storage: StorageSettings,
    #[command(flatten)]
    pub listeners: ListenerSettings,
    #[command(flatten)]
    pub tor: TorSettings,
    #[command(flatten)]
    pub nodes: NodeSettings,
    #[command(flatten)]
    pub process: ProcessSettings,
}

/// The settings as clap declares them, in the order of their groups.
pub fn declared() -> Vec<Arg> {
    command().get_arguments().cloned().collect()
}

/// `DESK_LISTEN` of `--desk-listen`.
pub fn name_of(setting: &Arg) -> String {
    setting.get_long().unwrap_or_default().to_uppercase().replace('-', "_")
}

pub fn command() -> clap::Command {
    let command = clap::Command::new("settings").no_binary_name(true).disable_help_flag(true);
    Settings::augment_args(command)
}

/// Names of the ancestor's `.env` that are ignored.
const IGNORED: [&str; 2] = ["PASSWORD", "TOR"];

/// Every name that is allowed in the environment and in `.env`; all but those that are ignored are flags too.
pub static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let ignored = IGNORED.iter().map(|name| (*name).to_owned());
    declared().iter().map(name_of).chain(ignored).collect()
});

pub fn is_known(name: &str) -> bool {
    NAMES.iter().any(|known| known == name)
}

/// Units: nodes of chains like Ethereum's.
const MAX_CHAINS: usize = 16;

/// A setting that is wrong only in combination with another one.
pub struct Conflict {
    pub name: &'static str,
    pub error: InvalidValue,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Shop")]
pub struct SiteSettings {
    /// Shop name
    #[arg(long = "site-name", value_name = "NAME", default_value = "Shop")]
    #[arg(value_parser = line(60, "1 to 60 visible characters on one line"))]
    pub name: String,
    /// Your website
    #[arg(long = "site-url", value_name = "URL", default_value = "/")]
    #[arg(value_parser = parsers::site_url)]
    pub url: String,
    /// Contact shown to buyers
    #[arg(long, value_name = "TEXT")]
    #[arg(value_parser = line(120, "1 to 120 visible characters on one line"))]
    pub contact: Option<String>,
    /// Currency shown to new visitors [default: the first wallet's]
    #[arg(long, value_name = "CURRENCY")]
    #[arg(value_parser = expecting("a currency, for example ETH", Currency::parse))]
    pub preferred_currency: Option<Currency>,
    /// Countries listed first at checkout, separated by commas
    #[arg(long, value_name = "COUNTRIES", default_value = "", hide_default_value = true)]
    #[arg(value_parser = parsers::countries)]
    pub preferred_countries: Countries,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Listeners")]
pub struct ListenerSettings {
    /// Address for buyers: HOST:PORT, unix:PATH or systemd
    #[arg(long = "listen", value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    #[arg(value_parser = listen::read_listen)]
    pub shop: ListenSetting,
    /// Address of the web desk: HOST:PORT on this host, unix:PATH, systemd or off
    #[arg(long = "desk-listen", value_name = "ADDRESS", default_value = "off")]
    #[arg(value_parser = listen::read_desk_listen)]
    pub desk: DeskListenSetting,
    /// Serve metrics for Prometheus at the desk's /metrics, to whoever sends this bearer token; better set in .env
    #[arg(long, value_name = "TOKEN", value_parser = parsers::metrics_token)]
    pub metrics_token: Option<String>,
    /// How tor passes the circuit of each connection: haproxy or off
    #[arg(long = "circuit-id", value_name = "HOW", default_value = "off", action = Set)]
    #[arg(value_parser = one_of("haproxy", "off"))]
    pub reads_circuits: bool,
    /// Close circuits that keep sending too many requests: on or off
    #[arg(long = "close-circuits", value_name = "ON_OFF", default_value = "off", action = Set)]
    #[arg(value_parser = one_of("on", "off"))]
    pub closes_circuits: bool,
}

impl ListenerSettings {
    pub fn desk_address(&self) -> Option<&ListenAddress> {
        self.desk.as_ref().map(|desk| &desk.address)
    }

    pub fn conflicts(&self) -> Vec<Conflict> {
        let is_same = self
            .desk_address()
            .is_some_and(|desk| listen::is_same_address(&self.shop.address, desk));
        let is_tcp = matches!(self.shop.address, ListenAddress::Tcp(_));
        let rules = [
            (is_same, "DESK_LISTEN", listen::DESK_SAME_AS_SHOP),
            (
                self.metrics_token.is_some() && self.desk.is_none(),
                "DESK_LISTEN",
                "an address as well, for example 127.0.0.1:3001: METRICS_TOKEN is for the desk's listener",
            ),
            (
                self.reads_circuits && is_tcp,
                "CIRCUIT_ID",
                "off, or LISTEN=unix:PATH: other programs than tor can connect to a TCP address and claim any circuit",
            ),
            (
                self.closes_circuits && !self.reads_circuits,
                "CLOSE_CIRCUITS",
                "off, or CIRCUIT_ID=haproxy as well: without it the shop does not know the circuits",
            ),
        ];
        let broken = rules.into_iter().filter(|(is_broken, ..)| *is_broken);
        broken.map(|(_, name, expected)| Conflict { name, error: expected.into() }).collect()
    }
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Database")]
pub struct StorageSettings {
    /// Database
    #[arg(long = "database-url", value_name = "URL", default_value = "sqlite://db/shop.sqlite")]
    #[arg(value_parser = parsers::database)]
    pub database: PathBuf,
    /// Encrypts cookies; created next to the database if missing
    #[arg(long, value_name = "TEXT", value_parser = parsers::secret)]
    pub secret: Option<String>,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Mail")]
pub struct MailSettings {
    /// Maildir that orders are written to
    #[arg(long, value_name = "FOLDER", default_value = "mailorders")]
    pub maildir: PathBuf,
    /// Your OpenPGP public key [default: db/seller.asc if it exists]
    // Checked when it is used: an invalid key closes the checkout, not the shop.
    #[arg(long, value_name = "FILE")]
    pub seller_key: Option<PathBuf>,
    /// Mailbox that orders are addressed to
    #[arg(long, value_name = "MAILBOX", default_value = "root@localhost")]
    #[arg(value_parser = expecting("name@domain, for example root@localhost", Mailbox::parse))]
    pub from: Mailbox,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Orders and payment")]
pub struct OrderSettings {
    /// How long buyers have to pay, in minutes
    #[arg(long, value_name = "MINUTES", default_value = "120")]
    #[arg(value_parser = whole(1, 43_200, "a whole number of minutes from 1 to 43200"))]
    pub payment_minutes: i64,
    /// Unpaid orders per hour that start siege mode
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    #[arg(value_parser = whole(1, 1_000_000, "a whole number of orders from 1 to 1000000"))]
    pub siege_orders: i64,
    /// Disk space for unpaid orders and their messages, in megabytes
    #[arg(long, value_name = "MEGABYTES", default_value = "256")]
    #[arg(value_parser = whole(1, 1_000_000, "a whole number of megabytes from 1 to 1000000"))]
    pub unpaid_megabytes: i64,
    /// When you are notified of an order: placed, reported or paid
    #[arg(long, value_name = "WHEN", default_value = "placed", value_parser = parsers::notify)]
    pub notify: Notify,
    /// A program of your own that `shop watch` and `shop notify` run when something has changed
    #[arg(long, value_name = "PROGRAM", value_parser = NotifyCommand::parse)]
    pub notify_command: Option<NotifyCommand>,
    /// Accepted under- or overpayment, in percent
    #[arg(long, value_name = "PERCENT", default_value = "0.5", value_parser = parsers::tolerance)]
    pub tolerance: Tolerance,
    /// Stop accepting orders if new mail stays unread for this many days; 0: never
    #[arg(long, value_name = "DAYS", default_value = "0")]
    #[arg(value_parser = whole(0, 3_650, "a whole number of days from 1 to 3650, or 0 for never"))]
    pub close_after_days: i64,
    /// Show buyers that you have read their messages: yes or no
    #[arg(long, value_name = "YES_NO", default_value = "no", action = Set)]
    #[arg(value_parser = one_of("yes", "no"))]
    pub read_marks: bool,
    /// Address of a single wallet, if the catalog has none
    #[arg(long = "wallet", value_name = "ADDRESS")]
    address: Option<String>,
    /// Currency of that wallet
    #[arg(long, value_name = "CURRENCY", default_value = "ETH")]
    currency: String,
    /// The ancestor's one wallet: `WALLET` and `CURRENCY` together.
    #[arg(skip)]
    pub wallet: Option<Wallet>,
}

impl OrderSettings {
    pub fn read_wallet(&mut self) -> Result<(), Conflict> {
        let Some(address) = &self.address else { return Ok(()) };
        let expected =
            format!("one of {}; other coins need a Wallet in the catalog", Coin::names());
        let unknown = || Conflict { name: "CURRENCY", error: expected.as_str().into() };
        let currency = Currency::parse(&self.currency).map_err(|_| unknown())?;
        let coin = Coin::parse(&currency, None, None, None).map_err(|_| unknown())?;
        let address = Address::parse(&coin, address).map_err(|error| Conflict {
            name: "WALLET",
            error: InvalidValue::hidden(&format!("a valid address ({error})")),
        })?;
        let (name, receives) = (currency.to_string(), Destination::of_address(address));
        self.wallet = Some(Wallet { currency, name, coin, receives });
        Ok(())
    }
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Exchange rates")]
pub struct RateSettings {
    /// Reference currency, in which prices are also shown: an ISO 4217 code, for example EUR
    #[arg(long, value_name = "CODE")]
    #[arg(value_parser = expecting("an ISO 4217 currency code, for example EUR", FiatCurrency::parse))]
    pub price_in: Option<FiatCurrency>,
    /// File of exchange rates that your own job writes, for `shop watch` and `shop rate --file`
    #[arg(id = "rates_file", long = "rates-file", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// URL that `shop watch` fetches exchange rates from; other hosts are reached through TOR_PROXY_URL
    #[arg(id = "rates_url", long = "rates-url", value_name = "URL", value_parser = parsers::rates_url)]
    pub url: Option<NodeUrl>,
    /// How often to fetch RATES_URL, in minutes
    #[arg(
        id = "rates_minutes",
        long = "rates-minutes",
        value_name = "MINUTES",
        default_value = "60"
    )]
    #[arg(value_parser = whole(1, 10_080, "a whole number of minutes from 1 to 10080"))]
    pub minutes: i64,
    /// How long rates from the file or the URL are valid, in hours
    #[arg(id = "rates_hours", long = "rates-hours", value_name = "HOURS", default_value = "24")]
    #[arg(value_parser = whole(1, 720, "a whole number of hours from 1 to 720"))]
    pub hours: i64,
}

impl RateSettings {
    pub fn has_source(&self) -> bool {
        self.file.is_some() || self.url.is_some()
    }

    pub fn conflicts(&self, proxy: Option<&ProxyUrl>) -> Vec<Conflict> {
        let is_far = self.url.as_ref().is_some_and(|url| !url.authority().host.is_near());
        let rules = [
            (
                is_far && proxy.is_none(),
                "RATES_URL",
                "a host of your own network, or TOR_PROXY_URL as well, for example socks5h://127.0.0.1:9050",
            ),
            (
                self.url.is_some() && self.price_in.is_none(),
                "RATES_URL",
                "PRICE_IN as well, for example PRICE_IN=EUR",
            ),
            (
                self.file.is_some() && self.price_in.is_none(),
                "RATES_FILE",
                "PRICE_IN as well, for example PRICE_IN=EUR",
            ),
        ];
        let broken = rules.into_iter().filter(|(is_broken, ..)| *is_broken);
        let hidden =
            |name, expected: &str| Conflict { name, error: InvalidValue::hidden(expected) };
        broken.map(|(_, name, expected)| hidden(name, expected)).collect()
    }
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Retention")]
pub struct RetentionSettings {
    /// How long finished orders are kept, in days
    #[arg(long, value_name = "DAYS", default_value = "30")]
    #[arg(value_parser = whole(0, 3_650, "a whole number of days from 0 to 3650"))]
    pub keep_days: i64,
    /// Delete an order's messages along with the order: yes or no
    #[arg(long, value_name = "YES_NO", default_value = "yes", action = Set)]
    #[arg(value_parser = one_of("yes", "no"))]
    pub purge_mail: bool,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Tor")]
pub struct TorSettings {
    /// Create an onion service through Tor's control port when the shop opens, as `shop serve --tor` does: yes or no
    #[arg(long = "connect-tor", value_name = "YES_NO", default_value = "no", action = Set)]
    #[arg(value_parser = one_of("yes", "no"))]
    pub connects: bool,
    /// The shop's own onion address, http://….onion
    #[arg(long, value_name = "URL", value_parser = parsers::onion_url)]
    pub onion_url: Option<String>,
    /// Folder shared by the shop and the process that manages Tor [default: tor, next to the database]
    #[arg(long, value_name = "FOLDER")]
    pub onion_folder: Option<PathBuf>,
    /// Key of the onion service, in tor's format [default: onion.key, next to the database]
    #[arg(long, value_name = "FILE")]
    pub onion_key: Option<PathBuf>,
    /// Tor's control port: HOST:PORT or unix:PATH [default: unix:/run/tor/control, then 127.0.0.1:9051]
    #[arg(long = "tor-control", value_name = "ADDRESS", value_parser = listen::read_tor_control)]
    pub control: Option<ListenAddress>,
    /// Password of Tor's control port, if it has one; better set in .env
    #[arg(long = "tor-password", value_name = "PASSWORD")]
    pub password: Option<String>,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Process")]
pub struct ProcessSettings {
    /// Whether `shop serve` gives up other files, connections and programs: on or off
    #[arg(long, value_name = "ON_OFF", default_value = "on", action = Set)]
    #[arg(value_parser = one_of("on", "off"))]
    pub confine: bool,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Nodes")]
pub struct NodeSettings {
    /// Your own Ethereum node, for `shop watch`; for several chains, separate their nodes with spaces
    #[arg(long = "eth-rpc-url", value_name = "URL", default_value = "", hide_default_value = true)]
    #[arg(value_parser = |text: &str| NodeUrls::parse(text, MAX_CHAINS))]
    pub eth: NodeUrls,
    /// Your own Bitcoin Core: http://USER:PASSWORD@HOST:PORT; better set in .env
    #[arg(long = "btc-rpc-url", value_name = "URL", default_value = "", hide_default_value = true)]
    #[arg(value_parser = |text: &str| NodeUrls::parse(text, 1))]
    pub btc: NodeUrls,
    /// Your own Litecoin Core: http://USER:PASSWORD@HOST:PORT; better set in .env
    #[arg(long = "ltc-rpc-url", value_name = "URL", default_value = "", hide_default_value = true)]
    #[arg(value_parser = |text: &str| NodeUrls::parse(text, 1))]
    pub ltc: NodeUrls,
    /// Your own monero-wallet-rpc, view-only
    #[arg(long = "xmr-rpc-url", value_name = "URL", default_value = "", hide_default_value = true)]
    #[arg(value_parser = |text: &str| NodeUrls::parse(text, 1))]
    pub xmr: NodeUrls,
    /// Tor's SOCKS port, to reach nodes on other hosts: socks5h://HOST:PORT
    #[arg(long = "tor-proxy-url", value_name = "URL", value_parser = parsers::proxy)]
    pub proxy: Option<ProxyUrl>,
    /// How often to query the nodes, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "15")]
    #[arg(value_parser = whole(1, 600, "a whole number of seconds from 1 to 600"))]
    pub watch_seconds: i64,
    /// Required confirmations, by currency and amount: "BTC=1 BTC>0.05=3"; 0: as soon as the payment is detected [default: BTC=2 LTC=6 XMR=10 ETH=final]
    #[arg(long, value_name = "RULES", default_value = "", hide_default_value = true)]
    #[arg(value_parser = parsers::confirmations)]
    pub confirmations: Confirmations,
}

impl NodeSettings {
    pub fn named(&self) -> [(&'static str, &NodeUrls); 4] {
        [
            ("ETH_RPC_URL", &self.eth),
            ("BTC_RPC_URL", &self.btc),
            ("LTC_RPC_URL", &self.ltc),
            ("XMR_RPC_URL", &self.xmr),
        ]
    }

    /// The nodes of the coins whose chains the shop can follow.
    pub fn of_bitcoin_like(&self) -> impl Iterator<Item = (&'static BitcoinLike, &NodeUrls)> {
        let nodes = [("BTC", &self.btc), ("LTC", &self.ltc)];
        nodes.into_iter().filter_map(|(name, urls)| Some((BitcoinLike::of_currency(name)?, urls)))
    }

    pub fn conflicts(&self) -> Vec<Conflict> {
        let conflict = |(name, nodes): (_, &NodeUrls)| {
            nodes.check(self.proxy.as_ref()).err().map(|error| Conflict { name, error })
        };
        self.named().into_iter().filter_map(conflict).collect()
    }
}
