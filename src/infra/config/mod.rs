//! The settings, read once, all faults named together. The only module that reads the environment.

mod dotenv;
mod fault;
mod node_url;
mod parsers;
mod place;
mod settings;
mod unknown;

pub use crate::infra::config::fault::SettingFault;
pub use crate::infra::config::place::Listen;
pub use crate::infra::config::settings::NAMES;
pub use crate::infra::config::settings::Settings;
pub use crate::infra::config::settings::declared;
pub use crate::infra::config::settings::name_of;

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use clap::FromArgMatches;

use crate::domain::payment::secret;
use crate::infra::config::fault::Found;
use crate::infra::config::parsers::Refused;
use crate::infra::config::settings::{Conflict, command, is_known};

/// What the command line says of the settings, by their names.
pub type Flags = HashMap<String, String>;

impl Settings {
    /// Reads the settings: what stands on the command line counts before the environment, and that before `.env`.
    ///
    /// # Errors
    /// Every [`SettingFault`] at once; nothing has been opened yet.
    pub fn read(flags: &Flags, folder: &Path) -> Result<Self, Vec<SettingFault>> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        Self::from_sources(flags, &environment, folder)
    }

    fn from_sources(
        flags: &Flags,
        environment: &HashMap<String, String>,
        folder: &Path,
    ) -> Result<Self, Vec<SettingFault>> {
        let mut faults = Vec::new();
        let written = dotenv::read(&folder.join(".env"), &mut faults);
        let mut values: HashMap<String, Found> = HashMap::new();
        for name in NAMES.iter() {
            let of = |text: &String, place: &str| (text.clone(), place.to_owned());
            let found = flags
                .get(name)
                .map(|text| of(text, "the command line"))
                .or_else(|| environment.get(name).map(|text| of(text, "the environment")))
                .or_else(|| {
                    let line = written.iter().find(|(known, _)| known == name);
                    line.map(|(_, found)| found.clone())
                });
            // A blank setting is one that was left open.
            if let Some(found) = found.filter(|(text, _)| !is_blank(text)) {
                values.insert(name.clone(), found);
            }
        }
        faults.extend(refuse_secrets(&mut values, &written));
        faults.extend(unknown::unknown_in_file(&written));
        let given = environment.iter().filter(|(_, text)| !is_blank(text));
        faults.extend(unknown::almost_in_environment(given.map(|(name, _)| name.as_str())));
        let settings = Self::parse(&values, &mut faults);
        if faults.is_empty() { Ok(settings) } else { Err(faults) }
    }

    /// Clap ends at the first fault. So each value is tried by itself, and those that are accepted are read together.
    fn parse(values: &HashMap<String, Found>, faults: &mut Vec<SettingFault>) -> Self {
        let command = command();
        let mut accepted = Vec::new();
        for setting in command.get_arguments() {
            let name = name_of(setting);
            let Some((text, _)) = values.get(&name) else { continue };
            let flag = format!("--{}={}", setting.get_long().unwrap_or_default(), text.trim());
            match command.clone().try_get_matches_from([&flag]) {
                Ok(_) => accepted.push(flag),
                Err(error) => faults.push(fault(&name, values, refusal(&error))),
            }
        }
        let mut settings = command
            .try_get_matches_from(accepted)
            .and_then(|matches| Self::from_arg_matches(&matches))
            .expect("each value was accepted by itself, and every other setting has a default");
        let conflicts = settings.conflicts();
        faults.extend(conflicts.into_iter().map(|(name, refused)| fault(name, values, refused)));
        settings
    }

    /// What is wrong with settings only beside each other.
    fn conflicts(&mut self) -> Vec<Conflict> {
        let mut conflicts = self.listeners.conflicts();
        conflicts.extend(self.orders.read_wallet().err());
        conflicts.extend(self.nodes.conflicts());
        conflicts
    }
}

/// What one of our own parsers said.
fn refusal(error: &clap::Error) -> Refused {
    let own = error.source().and_then(|source| source.downcast_ref::<Refused>());
    own.cloned().unwrap_or_else(|| Refused::unseen("a value for this setting"))
}

fn fault(name: &str, values: &HashMap<String, Found>, refused: Refused) -> SettingFault {
    let (text, place) = values.get(name).cloned().unwrap_or_default();
    SettingFault {
        name: name.to_owned(),
        place,
        found: refused.found.unwrap_or_else(|| format!("{text:?}")),
        expected: refused.expected,
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// A private key or a mnemonic of any coin, in whatever setting: what else is wrong with that setting is not said, and
/// nothing of it is shown.
fn refuse_secrets(
    values: &mut HashMap<String, Found>,
    written: &[(String, Found)],
) -> Vec<SettingFault> {
    let of_others = written.iter().filter(|(name, _)| !is_known(name));
    let all = values.iter().map(|(name, found)| (name.as_str(), found));
    let all = all.chain(of_others.map(|(name, found)| (name.as_str(), found)));
    let is_secret = |name: &str, text: &str| match name {
        // Chance in hexadecimal digits is what belongs there.
        "SECRET" | "PASSWORD" | "TOR_PASSWORD" => secret::holds_private_beside_digits(text),
        _ if is_known(name) => secret::holds_private(text),
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::domain::values::Notify;

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
        assert_eq!(settings.listeners.shop.at, Listen::Tcp("127.0.0.1:3000".into()));
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
        let settings = Settings::from_sources(&flags, &environment, home.path()).unwrap();
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
