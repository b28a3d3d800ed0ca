//! The settings, read once, all faults named together. The only room that looks into the environment.

mod desk_listen;
mod dotenv;
mod node_url;
mod unknown;

use crate::domain::payment::Address;
use crate::domain::payment::Coin;
use crate::domain::payment::Confirmations;
use crate::domain::payment::Destination;
use crate::domain::payment::Tolerance;
use crate::domain::payment::Wallet;
use crate::domain::payment::secret;
use crate::domain::values::Currency;
use crate::domain::values::Line;
use crate::domain::values::Mailbox;
use crate::domain::values::NodeUrl;
use crate::domain::values::NotAProxyUrl;
use crate::domain::values::ProxyUrl;
use crate::infra::config::desk_listen::Place;
use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;

/// Every name that may stand in the environment and in `.env`, and on the command line with small letters and dashes.
pub const NAMES: [&str; 36] = [
    "LISTEN",
    "DESK_LISTEN",
    "DATABASE_URL",
    "MAILDIR",
    "SELLER_KEY",
    "SITE_NAME",
    "SITE_URL",
    "CONTACT",
    "PREFERRED_CURRENCY",
    "WALLET",
    "CURRENCY",
    "ONION_URL",
    "ONION_FOLDER",
    "ONION_KEY",
    "TOR_CONTROL",
    "TOR_PASSWORD",
    "SECRET",
    "PAYMENT_MINUTES",
    "KEEP_DAYS",
    "PURGE_MAIL",
    "CLOSE_AFTER_DAYS",
    "READ_MARKS",
    "MOST_UNPAID",
    "MOST_HELD",
    "CIRCUIT_ID",
    "CLOSE_CIRCUITS",
    "ETH_RPC_URL",
    "BTC_RPC_URL",
    "XMR_RPC_URL",
    "TOR_PROXY_URL",
    "WATCH_SECONDS",
    "CONFIRMATIONS",
    "TOLERANCE",
    "FROM",
    "PASSWORD",
    "TOR",
];

/// Units: nodes of chains like Ethereum's.
const MOST_CHAINS: usize = 16;

/// Where buyers come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Shape: `HOST:PORT`.
    Tcp(String),
    Unix(PathBuf),
    /// The socket that systemd opened and hands over.
    Systemd,
}

/// What the seller decided.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: Listen,
    /// Whether the seller has written it twice: others than this host may reach it.
    pub listen_is_confirmed: bool,
    /// Where the seller's desk is; `None`: there is none.
    pub desk_listen: Option<Listen>,
    /// The same for the desk.
    pub desk_listen_is_confirmed: bool,
    pub database: PathBuf,
    pub maildir: PathBuf,
    /// The seller's OpenPGP public key; `None`: `db/seller.asc`, where it exists.
    pub seller_key_file: Option<PathBuf>,
    pub site_name: String,
    pub site_url: String,
    pub contact: String,
    pub preferred_currency: Option<Currency>,
    /// The ancestor's one wallet, for a catalog that names none.
    pub wallet: Option<Wallet>,
    pub onion_url: Option<String>,
    /// What the shop and whoever tends Tor share; `None`: beside the database.
    pub onion_folder: Option<PathBuf>,
    /// The onion service's key; `None`: beside the database.
    pub onion_key: Option<PathBuf>,
    /// Where Tor takes commands; `None`: where Debian's Tor does.
    pub tor_control: Option<Listen>,
    pub tor_password: Option<String>,
    /// `None`: one is made and kept beside the database.
    pub secret: Option<String>,
    pub payment_minutes: i64,
    pub keep_days: i64,
    /// Whether an erased order's messages are taken out of the Maildir too.
    pub purge_mail: bool,
    /// Units: days that new mail may lie unread before the shop closes itself; 0: any number.
    pub close_after_days: i64,
    /// Whether buyers are told that the seller has read what they wrote.
    pub read_marks: bool,
    /// Units: orders that may wait for their payment at the same time.
    pub most_unpaid: i64,
    /// Units: percent of a product's stock that they may hold.
    pub most_held: i64,
    /// Whether tor begins each connection on the socket with the number of its circuit.
    pub reads_circuits: bool,
    /// Whether circuits that go on asking too much are closed through Tor.
    pub closes_circuits: bool,
    pub from: Mailbox,
    /// The seller's own nodes; read by `shop watch` alone.
    /// One for each chain.
    pub eth_rpc_url: Vec<NodeUrl>,
    pub btc_rpc_url: Option<NodeUrl>,
    pub xmr_rpc_url: Option<NodeUrl>,
    /// Through which nodes are reached that are elsewhere.
    pub tor_proxy_url: Option<ProxyUrl>,
    /// Units: seconds from one look at the nodes to the next.
    pub watch_seconds: i64,
    /// How deep payments must lie before they count.
    pub confirmations: Confirmations,
    /// What a payment may be short of its amount, or above it.
    pub tolerance: Tolerance,
}

/// One thing that is wrong in the settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} ({place}): found {found}; expected {expected}")]
pub struct SettingFault {
    pub name: String,
    /// `the command line`, `the environment` or `.env, line 3`.
    pub place: String,
    pub found: String,
    pub expected: String,
}

/// A setting's text and where it stood.
type Found = (String, String);

impl Settings {
    /// Reads the settings: what stands on the command line counts before the environment, and that before `.env`.
    ///
    /// # Errors
    /// Every [`SettingFault`] at once; nothing has been opened yet.
    pub fn read(
        flags: &HashMap<&'static str, String>,
        folder: &Path,
    ) -> Result<Self, Vec<SettingFault>> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        Self::from_sources(flags, &environment, folder)
    }

    fn from_sources(
        flags: &HashMap<&'static str, String>,
        environment: &HashMap<String, String>,
        folder: &Path,
    ) -> Result<Self, Vec<SettingFault>> {
        let mut faults = Vec::new();
        let written = dotenv::read(&folder.join(".env"), &mut faults);
        let mut values: HashMap<&str, Found> = HashMap::new();
        for name in NAMES {
            let found = flags
                .get(name)
                .map(|text| (text.clone(), "the command line".to_owned()))
                .or_else(|| {
                    environment.get(name).map(|text| (text.clone(), "the environment".to_owned()))
                })
                .or_else(|| {
                    let line = written.iter().find(|(known, _)| known == name);
                    line.map(|(_, found)| found.clone())
                });
            // A blank setting is one that was left open.
            if let Some(found) = found.filter(|(text, _)| !is_blank(text)) {
                values.insert(name, found);
            }
        }
        faults.extend(refuse_secrets(&mut values, &written));
        faults.extend(unknown::unknown_in_file(&written));
        let given = environment.iter().filter(|(_, text)| !is_blank(text));
        faults.extend(unknown::almost_in_environment(given.map(|(name, _)| name.as_str())));
        let mut reader = Reader { values, faults, folder };
        let settings = reader.settings();
        if reader.faults.is_empty() { Ok(settings) } else { Err(reader.faults) }
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// A private key or a mnemonic of any coin, in whatever setting: what else is wrong with that setting is not said, and
/// nothing of it is shown.
fn refuse_secrets(
    values: &mut HashMap<&str, Found>,
    written: &[(String, Found)],
) -> Vec<SettingFault> {
    let of_others = written.iter().filter(|(name, _)| !NAMES.contains(&name.as_str()));
    let all = values.iter().map(|(name, found)| (*name, found));
    let all = all.chain(of_others.map(|(name, found)| (name.as_str(), found)));
    let is_secret = |name: &str, text: &str| match name {
        // Chance in hexadecimal digits is what belongs there.
        "SECRET" | "PASSWORD" | "TOR_PASSWORD" => secret::holds_private_beside_digits(text),
        _ if NAMES.contains(&name) => secret::holds_private(text),
        _ => secret::holds_private_beside_digits(text),
    };
    let refused = all.filter(|(name, (text, _))| is_secret(name, text));
    let mut faults: Vec<SettingFault> = refused
        .map(|(name, (_, place))| SettingFault {
            name: name.to_owned(),
            place: place.clone(),
            found: "a secret".to_owned(),
            expected: secret::WARNING.to_owned(),
        })
        .collect();
    faults.sort_by(|one, other| one.name.cmp(&other.name));
    for fault in &faults {
        values.remove(fault.name.as_str());
    }
    faults
}

struct Reader<'a> {
    values: HashMap<&'a str, Found>,
    faults: Vec<SettingFault>,
    folder: &'a Path,
}

impl Reader<'_> {
    fn settings(&mut self) -> Settings {
        let desk = self.place("DESK_LISTEN", desk_listen::read_desk_listen);
        let listen = self.place("LISTEN", desk_listen::read_listen);
        if let (Some(listen), Some(desk)) = (&listen, &desk)
            && desk_listen::is_same_place(&listen.listen, &desk.listen)
        {
            self.refuse("DESK_LISTEN", desk_listen::SAME);
        }
        let database = self.parsed(
            "DATABASE_URL",
            "sqlite://PATH, for example sqlite://db/shop.sqlite",
            parse_database,
        );
        let minutes = self.parsed(
            "PAYMENT_MINUTES",
            "a whole number of minutes from 1 to 43200",
            whole(1, 43_200),
        );
        let days =
            self.parsed("KEEP_DAYS", "a whole number of days from 0 to 3650", whole(0, 3_650));
        let purge_mail = self.parsed("PURGE_MAIL", "yes or no", yes_or_no);
        let away_days = self.parsed(
            "CLOSE_AFTER_DAYS",
            "a whole number of days from 1 to 3650, or 0 for never",
            whole(0, 3_650),
        );
        let read_marks = self.parsed("READ_MARKS", "yes or no", yes_or_no);
        let most_unpaid = self.parsed(
            "MOST_UNPAID",
            "a whole number of orders from 1 to 1000000",
            whole(1, 1_000_000),
        );
        let most_held = self.parsed("MOST_HELD", "a whole percentage from 1 to 100", |text| {
            whole(1, 100)(text.trim_end_matches('%').trim_end())
        });
        let from = self.parsed("FROM", "name@domain, for example root@localhost", |text| {
            Mailbox::parse(text).ok()
        });
        let reads_circuits = self.parsed("CIRCUIT_ID", "haproxy or off", |text| match text {
            "haproxy" => Some(true),
            "off" => Some(false),
            _ => None,
        });
        let is_tcp = matches!(listen, None | Some(Place { listen: Listen::Tcp(_), .. }));
        if reads_circuits == Some(true) && is_tcp {
            let expected = "off, or LISTEN=unix:PATH: other programs than tor can connect to a TCP address and claim any circuit";
            self.refuse("CIRCUIT_ID", expected);
        }
        let closes_circuits = self.parsed("CLOSE_CIRCUITS", "on or off", |text| match text {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        });
        if closes_circuits == Some(true) && reads_circuits != Some(true) {
            let expected = "off, or CIRCUIT_ID=haproxy as well: without it the shop does not know the circuits";
            self.refuse("CLOSE_CIRCUITS", expected);
        }
        let preferred = self.parsed("PREFERRED_CURRENCY", "a currency, for example ETH", |text| {
            Currency::parse(text).ok()
        });
        let site_url =
            self.parsed("SITE_URL", "a URL that starts with http:// or https://, or /", parse_url);
        let onion = self.parsed("ONION_URL", "http://, 56 letters and digits, .onion", parse_onion);
        let tor_control = self.parsed(
            "TOR_CONTROL",
            "HOST:PORT or unix:PATH, for example 127.0.0.1:9051",
            |text| parse_listen(text).filter(|address| *address != Listen::Systemd),
        );
        let site_name =
            self.parsed("SITE_NAME", "1 to 60 visible characters on one line", |text| {
                line(text, 60)
            });
        let contact = self
            .parsed("CONTACT", "1 to 120 visible characters on one line", |text| line(text, 120));
        let secret = self.parsed(
            "SECRET",
            "at least 8 characters; better remove it, and the shop creates one",
            |text| (8 <= text.len()).then(|| text.to_owned()),
        );
        let proxy = self
            .parsed("TOR_PROXY_URL", &NotAProxyUrl.to_string(), |text| ProxyUrl::parse(text).ok());
        let watch_seconds =
            self.parsed("WATCH_SECONDS", "a whole number of seconds from 1 to 600", whole(1, 600));
        let confirmations = self.parsed(
            "CONFIRMATIONS",
            "rules like BTC=1 BTC>0.05=3 XMR=10 ETH=final: a number of blocks from 1 to 1000, or final",
            Confirmations::parse,
        );
        let tolerance = self.parsed(
            "TOLERANCE",
            "a percentage from 0 to 10 with at most three decimals, for example 0.5",
            Tolerance::parse,
        );
        Settings {
            desk_listen_is_confirmed: desk.as_ref().is_some_and(|desk| desk.is_confirmed),
            desk_listen: desk.map(|desk| desk.listen),
            listen_is_confirmed: listen.as_ref().is_some_and(|listen| listen.is_confirmed),
            listen: listen
                .map_or_else(|| Listen::Tcp("127.0.0.1:3000".to_owned()), |place| place.listen),
            database: database.unwrap_or_else(|| PathBuf::from("db/shop.sqlite")),
            maildir: PathBuf::from(self.text("MAILDIR").unwrap_or_else(|| "mailorders".to_owned())),
            seller_key_file: self.seller_key_file(),
            site_name: site_name.unwrap_or_else(|| "Shop".to_owned()),
            site_url: site_url.unwrap_or_else(|| "/".to_owned()),
            contact: contact.unwrap_or_default(),
            preferred_currency: preferred,
            wallet: self.wallet(),
            onion_url: onion,
            onion_folder: self.text("ONION_FOLDER").map(PathBuf::from),
            onion_key: self.text("ONION_KEY").map(PathBuf::from),
            tor_control,
            tor_password: self.text("TOR_PASSWORD"),
            secret,
            payment_minutes: minutes.unwrap_or(120),
            keep_days: days.unwrap_or(30),
            purge_mail: purge_mail.unwrap_or(true),
            close_after_days: away_days.unwrap_or(0),
            read_marks: read_marks.unwrap_or(false),
            most_unpaid: most_unpaid.unwrap_or(5_000),
            most_held: most_held.unwrap_or(100),
            reads_circuits: reads_circuits.unwrap_or(false),
            closes_circuits: closes_circuits.unwrap_or(false),
            eth_rpc_url: self.nodes("ETH_RPC_URL", MOST_CHAINS, proxy.as_ref()),
            btc_rpc_url: self.nodes("BTC_RPC_URL", 1, proxy.as_ref()).pop(),
            xmr_rpc_url: self.nodes("XMR_RPC_URL", 1, proxy.as_ref()).pop(),
            tor_proxy_url: proxy,
            watch_seconds: watch_seconds.unwrap_or(15),
            confirmations: confirmations.unwrap_or_default(),
            tolerance: tolerance.unwrap_or_default(),
            from: from
                .unwrap_or_else(|| Mailbox::parse("root@localhost").expect("it is a mailbox")),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|(text, _)| text.trim().to_owned())
    }

    fn refuse(&mut self, name: &str, expected: &str) {
        let (text, _) = self.values.get(name).cloned().unwrap_or_default();
        // A secret that is wrong is still a secret.
        let found = if matches!(name, "SECRET" | "WALLET" | "TOR_PASSWORD" | "TOR_PROXY_URL") {
            "an invalid value (not shown)".to_owned()
        } else {
            format!("{text:?}")
        };
        self.refuse_found(name, found, expected);
    }

    fn refuse_found(&mut self, name: &str, found: String, expected: &str) {
        let place = self.values.get(name).map(|(_, place)| place.clone()).unwrap_or_default();
        self.faults.push(SettingFault {
            name: name.to_owned(),
            place,
            found,
            expected: expected.to_owned(),
        });
    }

    fn parsed<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.refuse(name, expected);
        }
        parsed
    }

    /// The ancestor's older form: one wallet, in the settings.
    fn wallet(&mut self) -> Option<Wallet> {
        let text = self.text("WALLET")?;
        let name = self.text("CURRENCY").unwrap_or_else(|| "ETH".to_owned());
        let coin = Currency::parse(&name)
            .ok()
            .and_then(|currency| Some((Coin::parse(&currency, None, None, None).ok()?, currency)));
        let Some((coin, currency)) = coin else {
            self.refuse("CURRENCY", "ETH, BTC or XMR; other coins need a Wallet in the catalog");
            return None;
        };
        match Address::parse(&coin, &text) {
            Ok(address) => {
                let name = currency.to_string();
                let receives = Destination::of_address(address);
                Some(Wallet { currency, name, coin, receives })
            }
            Err(refused) => {
                self.refuse("WALLET", &format!("a valid address ({refused})"));
                None
            }
        }
    }

    /// The seller's own nodes of one kind.
    fn nodes(&mut self, name: &str, most: usize, proxy: Option<&ProxyUrl>) -> Vec<NodeUrl> {
        let Some(text) = self.text(name) else { return Vec::new() };
        node_url::read_node_urls(&text, most, proxy).unwrap_or_else(|fault| {
            self.refuse_found(name, fault.found, fault.expected);
            Vec::new()
        })
    }

    /// Where somebody may come in; an address that others can reach has to be written twice.
    fn place(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<Option<Place>, &'static str>,
    ) -> Option<Place> {
        let text = self.text(name)?;
        read(&text).unwrap_or_else(|expected| {
            self.refuse(name, expected);
            None
        })
    }

    /// Whether it is a key is seen when it is used: a faulty one closes the checkout, not the shop.
    fn seller_key_file(&mut self) -> Option<PathBuf> {
        self.text("SELLER_KEY").map(|named| self.folder.join(named))
    }
}

fn parse_listen(text: &str) -> Option<Listen> {
    if text == "systemd" {
        return Some(Listen::Systemd);
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return (!path.is_empty()).then(|| Listen::Unix(PathBuf::from(path)));
    }
    let (host, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    (!host.is_empty() && !host.contains([' ', '/'])).then(|| Listen::Tcp(text.to_owned()))
}

fn parse_database(text: &str) -> Option<PathBuf> {
    let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:"))?;
    let path = path.split('?').next()?;
    (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
}

fn parse_url(text: &str) -> Option<String> {
    let whole = text.starts_with("https://") || text.starts_with("http://") || text == "/";
    let plain =
        text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>'));
    (whole && plain && text.len() <= 300).then(|| text.to_owned())
}

fn parse_onion(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let name = text.strip_prefix("http://")?.strip_suffix(".onion")?;
    let base_32 = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
    (name.len() == 56 && name.bytes().all(base_32)).then(|| text.to_owned())
}

fn whole(least: i64, most: i64) -> impl Fn(&str) -> Option<i64> {
    move |text| text.parse().ok().filter(|n| (least..=most).contains(n))
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn line(text: &str, most: usize) -> Option<String> {
    let line = Line::parse(text, most).ok().filter(|line| !line.is_empty())?;
    Some(line.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Reads `.env` with this text, and nothing else.
    fn read(text: &str) -> Result<Settings, Vec<String>> {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".env"), text).unwrap();
        let settings = Settings::from_sources(&HashMap::new(), &HashMap::new(), home.path());
        settings.map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn without_settings_the_defaults_hold() {
        let settings = read("").unwrap();
        assert_eq!(settings.listen, Listen::Tcp("127.0.0.1:3000".into()));
        assert_eq!(settings.database, Path::new("db/shop.sqlite"));
        assert_eq!((settings.payment_minutes, settings.keep_days), (120, 30));
        assert_eq!((settings.site_name.as_str(), settings.site_url.as_str()), ("Shop", "/"));
    }

    #[test]
    fn the_ancestors_settings_are_read() {
        let text = "#\n# For sessions\nSECRET=whatsthebigsecret\nFROM=your@email.com\nPASSWORD=secret\n\
                    CONTACT=questions@email.com\nPREFERRED_CURRENCY=ETH\nSITE_NAME=The Mining King\nSITE_URL=/\n#TOR=true\n\
                    WALLET=0x52908400098527886E0F7030069857D2E4169EE7\nCURRENCY=ETH\n";
        let settings = read(text).unwrap();
        assert_eq!(settings.site_name, "The Mining King");
        assert_eq!(settings.from.as_str(), "your@email.com");
        assert_eq!(settings.wallet.unwrap().currency.as_str(), "ETH");
    }

    #[test]
    fn all_faults_are_told_together_with_their_lines() {
        let faults =
            read("LISTEN=3000\nPAYMENT_MINUTES=soon\n\nWALLET=0x123abc\nnonsense\n").unwrap_err();
        assert_eq!(faults.len(), 4, "{faults:?}");
        for words in [
            ".env, line 1",
            "LISTEN",
            "\"3000\"",
            "HOST:PORT",
            ".env, line 2",
            ".env, line 4",
            "line 5",
        ] {
            assert!(faults.concat().contains(words), "{words}: {faults:?}");
        }
        assert!(!faults.concat().contains("0x123abc"), "a wallet's text may be a secret");
    }

    #[test]
    fn circuits_are_read_from_a_socket_alone() {
        let settings =
            read("LISTEN=unix:/run/shop/door\nCIRCUIT_ID=haproxy\nCLOSE_CIRCUITS=on\n").unwrap();
        assert!(settings.reads_circuits && settings.closes_circuits);
        assert!(!read("LISTEN=unix:/run/shop/door\nCIRCUIT_ID=off\n").unwrap().reads_circuits);
        for text in [
            "CIRCUIT_ID=haproxy\n",
            "LISTEN=127.0.0.1:3000\nCIRCUIT_ID=haproxy\n",
            "LISTEN=unix:/run/shop/door\nCIRCUIT_ID=yes\n",
            "LISTEN=unix:/run/shop/door\nCLOSE_CIRCUITS=on\n",
            "MOST_UNPAID=0\n",
            "MOST_HELD=101\n",
        ] {
            assert_eq!(read(text).unwrap_err().len(), 1, "{text}");
        }
        let settings = read("MOST_UNPAID=5\nMOST_HELD=40%\n").unwrap();
        assert_eq!((settings.most_unpaid, settings.most_held), (5, 40));
    }

    #[test]
    fn the_command_line_counts_first_then_the_environment() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".env"), "KEEP_DAYS=1\nSITE_NAME=file\nCONTACT=file\n").unwrap();
        let flags = HashMap::from([("KEEP_DAYS", "3".to_owned())]);
        let environment = HashMap::from([
            ("KEEP_DAYS".to_owned(), "2".to_owned()),
            ("SITE_NAME".to_owned(), "environment".to_owned()),
        ]);
        let settings = Settings::from_sources(&flags, &environment, home.path()).unwrap();
        assert_eq!(
            (settings.keep_days, settings.site_name.as_str(), settings.contact.as_str()),
            (3, "environment", "file")
        );
    }
}
