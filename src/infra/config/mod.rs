//! Reads the settings once and reports all faults together. The only module that reads the environment.

mod dotenv;
mod fault;
mod listen;
mod node_url;
mod notify_command;
mod parsers;
mod settings;
mod unknown;

pub use crate::infra::config::fault::SettingFault;
pub use crate::infra::config::listen::{ListenAddress, ListenSetting};
pub use crate::infra::config::notify_command::NotifyCommand;
pub use crate::infra::config::settings::NAMES;
pub use crate::infra::config::settings::Settings;
pub use crate::infra::config::settings::declared;
pub use crate::infra::config::settings::name_of;

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use clap::FromArgMatches;

use crate::domain::payment::secret;
use crate::infra::config::fault::SettingText;
use crate::infra::config::parsers::InvalidValue;
use crate::infra::config::settings::{Conflict, command, is_known};

/// The settings given on the command line, by name.
pub type Flags = HashMap<String, String>;

impl Settings {
    /// Reads the settings. The command line takes precedence over the environment, and that over `.env`.
    ///
    /// # Errors
    /// Every [`SettingFault`] at once; nothing has been opened yet.
    pub fn read(flags: &Flags, folder: &Path) -> Result<Self, Vec<SettingFault>> {
        Self::from_sources(flags, &environment(), Some(folder))
    }

    /// The same where `.env` is to be written anew.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_without_file(flags: &Flags) -> Result<Self, Vec<SettingFault>> {
        Self::from_sources(flags, &environment(), None)
    }

    fn from_sources(
        flags: &Flags,
        environment: &HashMap<String, String>,
        folder: Option<&Path>,
    ) -> Result<Self, Vec<SettingFault>> {
        let mut faults = Vec::new();
        let read = |folder: &Path| dotenv::read(&folder.join(".env"), &mut faults);
        let written = folder.map(read).unwrap_or_default();
        let mut values: HashMap<String, SettingText> = HashMap::new();
        for name in NAMES.iter() {
            let given = |text: &String, origin: &str| SettingText {
                text: text.clone(),
                origin: origin.to_owned(),
            };
            let setting = flags
                .get(name)
                .map(|text| given(text, "the command line"))
                .or_else(|| environment.get(name).map(|text| given(text, "the environment")))
                .or_else(|| {
                    let line = written.iter().find(|(known, _)| known == name);
                    line.map(|(_, setting)| setting.clone())
                });
            // A blank setting counts as not set.
            if let Some(setting) = setting.filter(|setting| !is_blank(&setting.text)) {
                values.insert(name.clone(), setting);
            }
        }
        faults.extend(refuse_secrets(&mut values, &written));
        faults.extend(unknown::check_env_file(&written));
        let given = environment.iter().filter(|(_, text)| !is_blank(text));
        faults.extend(unknown::check_environment(given.map(|(name, _)| name.as_str())));
        let settings = Self::parse(&values, &mut faults);
        if faults.is_empty() { Ok(settings) } else { Err(faults) }
    }

    /// Clap stops at the first fault. So each value is tried by itself, and those that are accepted are parsed together.
    fn parse(values: &HashMap<String, SettingText>, faults: &mut Vec<SettingFault>) -> Self {
        let command = command();
        let mut accepted = Vec::new();
        for setting in command.get_arguments() {
            let name = name_of(setting);
            let Some(SettingText { text, .. }) = values.get(&name) else { continue };
            let flag = format!("--{}={}", setting.get_long().unwrap_or_default(), text.trim());
            match command.clone().try_get_matches_from([&flag]) {
                Ok(_) => accepted.push(flag),
                Err(error) => faults.push(fault(&name, values, own_error(&error))),
            }
        }
        let mut settings = command
            .try_get_matches_from(accepted)
            .and_then(|matches| Self::from_arg_matches(&matches))
            .expect("each value was accepted by itself, and every other setting has a default");
        let conflicts = settings.conflicts().into_iter();
        faults.extend(conflicts.map(|conflict| fault(conflict.name, values, conflict.error)));
        settings
    }

    /// Settings that are wrong only in combination.
    fn conflicts(&mut self) -> Vec<Conflict> {
        let mut conflicts = self.listeners.conflicts();
        conflicts.extend(self.orders.read_wallet().err());
        conflicts.extend(self.nodes.conflicts());
        conflicts.extend(self.rates.conflicts(self.nodes.proxy.as_ref()));
        conflicts
    }
}

fn environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        .collect()
}

/// The error of our own parser within clap's.
fn own_error(error: &clap::Error) -> InvalidValue {
    let own = error.source().and_then(|source| source.downcast_ref::<InvalidValue>());
    own.cloned().unwrap_or_else(|| InvalidValue::hidden("a value for this setting"))
}

fn fault(name: &str, values: &HashMap<String, SettingText>, error: InvalidValue) -> SettingFault {
    let SettingText { text, origin } = values.get(name).cloned().unwrap_or_default();
    SettingFault {
        name: name.to_owned(),
        origin,
        found: error.found.unwrap_or_else(|| format!("{text:?}")),
        expected: error.expected,
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Removes private keys and mnemonics of any coin, in whatever setting. No other fault of that setting is reported, and
/// nothing of it is shown.
fn refuse_secrets(
    values: &mut HashMap<String, SettingText>,
    written: &[(String, SettingText)],
) -> Vec<SettingFault> {
    let unknown = written.iter().filter(|(name, _)| !is_known(name));
    let all = values.iter().chain(unknown.map(|(name, setting)| (name, setting)));
    let is_secret = |name: &str, text: &str| match name {
        // Random hexadecimal digits are what belongs there.
        "SECRET" | "PASSWORD" | "TOR_PASSWORD" => secret::holds_private_beside_digits(text),
        _ if is_known(name) => secret::holds_private(text),
        _ => secret::holds_private_beside_digits(text),
    };
    let mut faults: Vec<SettingFault> = all
        .filter(|(name, setting)| is_secret(name, &setting.text))
        .map(|(name, setting)| SettingFault {
            name: name.clone(),
            origin: setting.origin.clone(),
            found: "a secret".to_owned(),
            expected: secret::WARNING.to_owned(),
        })
        .collect();
    faults.sort_by(|one, other| one.name.cmp(&other.name));
    for fault in &faults {
        values.remove(&fault.name);
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::domain::values::Notify;

    /// Reads `.env` with this text, and nothing else.
    fn read(text: &str) -> Result<Settings, Vec<String>> {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".env"), text).unwrap();
        let settings = Settings::from_sources(&HashMap::new(), &HashMap::new(), Some(home.path()));
        settings.map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn without_settings_the_defaults_hold() {
        let settings = read("").unwrap();
        assert_eq!(settings.listeners.shop.address, ListenAddress::Tcp("127.0.0.1:3000".into()));
        assert_eq!(settings.storage.database, Path::new("db/shop.sqlite"));
        assert_eq!((settings.orders.payment_minutes, settings.retention.keep_days), (120, 30));
        assert_eq!((settings.site.name.as_str(), settings.site.url.as_str()), ("Shop", "/"));
    }

    #[test]
    fn the_ancestors_settings_are_read() {
        let text = "#\n# For sessions\nSECRET=whatsthebigsecret\nFROM=your@email.com\nPASSWORD=secret\n\
                    CONTACT=questions@email.com\nPREFERRED_CURRENCY=ETH\nSITE_NAME=The Mining King\nSITE_URL=/\n#TOR=true\n\
                    WALLET=0x52908400098527886E0F7030069857D2E4169EE7\nCURRENCY=ETH\n";
        let settings = read(text).unwrap();
        assert_eq!(settings.site.name, "The Mining King");
        assert_eq!(settings.mail.from.as_str(), "your@email.com");
        assert_eq!(settings.orders.wallet.unwrap().currency.as_str(), "ETH");
    }

    #[test]
    fn all_faults_are_reported_together_with_their_lines() {
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
        assert!(settings.listeners.reads_circuits && settings.listeners.closes_circuits);
        assert!(
            !read("LISTEN=unix:/run/shop/door\nCIRCUIT_ID=off\n").unwrap().listeners.reads_circuits
        );
        for text in [
            "CIRCUIT_ID=haproxy\n",
            "LISTEN=127.0.0.1:3000\nCIRCUIT_ID=haproxy\n",
            "LISTEN=unix:/run/shop/door\nCIRCUIT_ID=yes\n",
            "LISTEN=unix:/run/shop/door\nCLOSE_CIRCUITS=on\n",
            "SIEGE_ORDERS=0\n",
            "UNPAID_MEGABYTES=0\n",
            "NOTIFY=never\n",
            "MOST_UNPAID=5000\n",
            "MOST_HELD=10\n",
        ] {
            assert_eq!(read(text).unwrap_err().len(), 1, "{text}");
        }
        let settings = read("SIEGE_ORDERS=5\nNOTIFY=paid\n").unwrap();
        assert_eq!(settings.orders.siege_orders, 5);
        assert_eq!(settings.orders.notify, Notify::Paid);
    }

    #[test]
    fn the_command_line_counts_first_then_the_environment() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".env"), "KEEP_DAYS=1\nSITE_NAME=file\nCONTACT=file\n").unwrap();
        let flags = HashMap::from([("KEEP_DAYS".to_owned(), "3".to_owned())]);
        let environment = HashMap::from([
            ("KEEP_DAYS".to_owned(), "2".to_owned()),
            ("SITE_NAME".to_owned(), "environment".to_owned()),
        ]);
        let settings = Settings::from_sources(&flags, &environment, Some(home.path())).unwrap();
        assert_eq!(
            (
                settings.retention.keep_days,
                settings.site.name.as_str(),
                settings.site.contact.as_deref()
            ),
            (3, "environment", Some("file"))
        );
    }
}
