//! What a new shop is made of: from flags, completed on the terminal, and checked together.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::domain::login::NewPassword;
use crate::domain::payment::Wallet;
use crate::infra::bounded;
use crate::infra::config::{Flags, Settings};
use crate::interfaces::cli::init::arguments::{InitArgs, Kept};
use crate::interfaces::cli::init::key_answer::CheckedKey;
use crate::interfaces::cli::init::wallet_answer::WalletTexts;
use crate::interfaces::cli::init::{key_answer, wallet_answer};

/// The desk's address if it is turned on without one.
pub const DESK_ADDRESS: &str = "127.0.0.1:3001";

/// Units: bytes of a file with a password or a view key.
const MAX_OF_SECRET: u64 = 4 << 10;

pub enum KeySource {
    File(PathBuf),
    Gpg(String),
}

/// What was given, as it was typed.
pub struct Given {
    /// The settings for `.env`.
    pub flags: Flags,
    pub wallet: Option<WalletTexts>,
    pub key: Option<KeySource>,
    /// Shape: `empty` or `demo`.
    pub catalog: Option<String>,
    pub password: Option<String>,
    /// Why files could not be read.
    faults: Vec<String>,
}

/// The same, checked.
pub struct Answers {
    /// The text of the catalog file.
    pub catalog: String,
    pub wallet: Option<Wallet>,
    pub is_demo: bool,
    pub key: Option<CheckedKey>,
    pub password: Option<NewPassword>,
}

impl Given {
    pub fn of_flags(args: &InitArgs, flags: &Flags) -> Self {
        let mut flags = flags.clone();
        let (currency, address) = (flags.remove("CURRENCY"), flags.remove("WALLET"));
        let key = args.key.clone().map(KeySource::File);
        let mut given = Self {
            flags,
            wallet: None,
            key: key.or_else(|| args.gpg_key.clone().map(KeySource::Gpg)),
            catalog: args.catalog.clone(),
            password: None,
            faults: Vec::new(),
        };
        if args.key.is_some() && args.gpg_key.is_some() {
            given.faults.push("--key, --gpg-key: found both; expected one of them".to_owned());
        }
        let is_stdin = |file: &Option<PathBuf>| file.as_deref() == Some(Path::new("-"));
        if is_stdin(&args.view_key_file) && is_stdin(&args.desk_password_file) {
            let fault = "--view-key-file, --desk-password-file: found standard input twice; expected one of them";
            given.faults.push(fault.to_owned());
            return given;
        }
        let view_key = given.read_secret("--view-key-file", args.view_key_file.as_deref());
        given.password =
            given.read_secret("--desk-password-file", args.desk_password_file.as_deref());
        if given.password.is_some() {
            given.flags.entry("DESK_LISTEN".to_owned()).or_insert(DESK_ADDRESS.to_owned());
        }
        if address.is_some() || args.xpub.is_some() || view_key.is_some() || currency.is_some() {
            let currency = currency.unwrap_or_else(|| "ETH".to_owned()).to_uppercase();
            let xpub = args.xpub.clone();
            given.wallet = Some(WalletTexts { currency, address, xpub, view_key });
        }
        given
    }

    /// The first line of a file, or of standard input.
    fn read_secret(&mut self, flag: &str, file: Option<&Path>) -> Option<String> {
        let file = file?;
        let bytes = if file == Path::new("-") {
            bounded::read_stream(io::stdin().lock(), MAX_OF_SECRET)
        } else {
            // A pipe, as a shell gives it for `<(…)`, is no regular file.
            File::open(file)
                .and_then(|file| bounded::read_stream(file.take(MAX_OF_SECRET + 1), MAX_OF_SECRET))
        };
        match bytes.map(String::from_utf8) {
            Ok(Ok(text)) => Some(text.lines().next().unwrap_or_default().trim().to_owned()),
            Ok(Err(_)) => {
                self.faults.push(format!("{flag}: found no text; expected a line in UTF-8"));
                None
            }
            Err(error) => {
                self.faults.push(format!("{flag}: {} cannot be read ({error})", file.display()));
                None
            }
        }
    }

    /// The settings as they will be.
    ///
    /// # Errors
    /// Every fault.
    pub fn settings(&self, kept: &Kept) -> Result<Settings, Vec<String>> {
        let read = if kept.env {
            Settings::read(&self.flags, Path::new(""))
        } else {
            Settings::read_without_file(&self.flags)
        };
        read.map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    /// # Errors
    /// Every fault.
    pub fn check(&self, kept: &Kept) -> Result<Answers, Vec<String>> {
        let mut faults = self.faults.clone();
        let mut noted = |fault: String| faults.push(fault);
        let of_env = |value: &String| value.contains(char::is_control);
        if let Some((name, _)) = self.flags.iter().find(|(_, value)| of_env(value)) {
            noted(format!("{name}: found several lines; expected a value on one line"));
        }
        let settings =
            self.settings(kept).map_err(|faults| faults.into_iter().for_each(&mut noted));
        let wallet = self.wallet.as_ref().map(WalletTexts::parse).transpose();
        let wallet = wallet.map_err(|faults| faults.into_iter().for_each(&mut noted));
        let catalog = self.check_catalog(wallet.clone(), kept).map_err(&mut noted);
        let key = match &self.key {
            Some(KeySource::File(file)) => Some(key_answer::of_file(file)),
            Some(KeySource::Gpg(name)) => Some(key_answer::of_gpg(name)),
            None => None,
        };
        let key = key.transpose().map_err(|fault| noted(format!("your OpenPGP key: {fault}")));
        let site_name = settings.as_ref().map_or("", |settings| &settings.site.name);
        let password = self.password.as_ref().map(|text| parse_password(text, site_name));
        let password = password.transpose().map_err(&mut noted);
        match (settings, wallet, catalog, key, password) {
            (Ok(_), Ok(wallet), Ok(catalog), Ok(key), Ok(password)) if faults.is_empty() => {
                let is_demo = self.is_demo();
                Ok(Answers { catalog, wallet, is_demo, key, password })
            }
            _ => Err(faults),
        }
    }

    pub fn is_demo(&self) -> bool {
        self.catalog.as_deref() == Some("demo")
    }

    /// The text of the catalog file. A wallet that is invalid has been reported already.
    fn check_catalog(
        &self,
        wallet: Result<Option<Wallet>, ()>,
        kept: &Kept,
    ) -> Result<String, String> {
        match (self.catalog.as_deref(), wallet) {
            (None | Some("empty" | "demo"), Err(())) => Ok(String::new()),
            _ if kept.catalog => Ok(String::new()),
            (Some("demo"), Ok(wallet)) => wallet_answer::demo_catalog(wallet)
                .map_err(|fault| format!("--catalog: {fault}")),
            (None | Some("empty"), Ok(Some(wallet))) => Ok(wallet_answer::empty_catalog(wallet)),
            (None | Some("empty"), Ok(None)) => Err(
                "a wallet: found none; expected --currency with --xpub or --wallet, or --catalog demo to try the shop with \
                 public test wallets"
                    .to_owned(),
            ),
            (Some(text), _) => Err(format!("--catalog: found {text:?}; expected empty or demo")),
        }
    }
}

/// # Errors
/// Why it is too weak.
pub fn parse_password(text: &str, site_name: &str) -> Result<NewPassword, String> {
    NewPassword::parse(text, &[site_name])
        .map_err(|weak| format!("the desk's password is too weak. {weak}"))
}
