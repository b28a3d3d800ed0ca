//! Finds misspelt settings and names the nearest known one.

use crate::domain::payment::{BitcoinLike, secret};
use crate::infra::config::fault::{SettingFault, SettingText};
use crate::infra::config::settings::{NAMES, is_known};

/// Names in `.env` that are not for the shop: for the ancestor's containers and for Compose.
const OF_OTHERS: [&str; 4] = ["NODE_ENV", "VIRTUAL_HOST", "LETSENCRYPT_HOST", "LETSENCRYPT_EMAIL"];
const PREFIXES_OF_OTHERS: [&str; 3] = ["SHOP_", "COMPOSE_", "DOCKER_"];

/// Settings of earlier versions that do nothing any more.
const REMOVED: [&str; 2] = ["MOST_UNPAID", "MOST_HELD"];

/// Units: characters. A longer name is not shown: it may be a misplaced secret.
const LONGEST_NAME: usize = 40;
/// Units: characters. A shorter name of a setting is similar to too many other names in the environment.
const SHORTEST_COMPARED: usize = 6;

/// Why a name like those of the nodes' settings is none: the shop cannot follow that coin on a node.
fn missing_node(name: &str) -> Option<String> {
    let currency = name.strip_suffix("_RPC_URL")?;
    let coin = BitcoinLike::of_currency(currency).filter(|coin| coin.chain.is_none())?;
    Some(format!(
        "nothing: the shop cannot follow {} on a node; you confirm these payments yourself (docs/manual/wallets.md)",
        coin.name
    ))
}

/// Every name in `.env` that is no setting, with the nearest one.
pub fn check_env_file(written: &[(String, SettingText)]) -> Vec<SettingFault> {
    let is_of_others = |name: &str| {
        OF_OTHERS.contains(&name)
            || nearest(name).is_none()
                && PREFIXES_OF_OTHERS.iter().any(|prefix| name.starts_with(prefix))
    };
    let fault = |name: &str, origin: &str| {
        let (name, found, expected) = if REMOVED.contains(&name) {
            let expected = "nothing: remove it".to_owned();
            (name.to_owned(), "a setting that is no longer used", expected)
        } else if let Some(expected) = missing_node(name) {
            (name.to_owned(), "a setting that does not exist", expected)
        } else {
            let expected = nearest(name).unwrap_or("a setting listed in `shop help settings`");
            (shown(name), "an unknown setting", expected.to_owned())
        };
        SettingFault { name, origin: origin.to_owned(), found: found.to_owned(), expected }
    };
    written
        .iter()
        .filter(|(name, _)| !is_known(name) && !is_of_others(name))
        .map(|(name, setting)| fault(name, &setting.origin))
        .collect()
}

/// Names in the environment that are almost settings, or nodes that the shop cannot use. It holds very many others, which are not reported.
pub fn check_environment<'a>(names: impl Iterator<Item = &'a str>) -> Vec<SettingFault> {
    let mut faults: Vec<SettingFault> = names
        .filter(|name| !is_known(name))
        .filter_map(|name| {
            if let Some(expected) = missing_node(name) {
                let (name, origin) = (name.to_owned(), "the environment".to_owned());
                let found = "a setting that does not exist".to_owned();
                return Some(SettingFault { name, origin, found, expected });
            }
            let near = nearest(name).filter(|near| SHORTEST_COMPARED <= near.len())?;
            (distance(name, near) <= near.len() / 6).then(|| SettingFault {
                name: shown(name),
                origin: "the environment".to_owned(),
                found: "a name similar to a setting".to_owned(),
                expected: format!("{near}, or a name that is less similar"),
            })
        })
        .collect();
    faults.sort_by(|one, other| one.name.cmp(&other.name));
    faults
}

/// The setting with the most similar name; `None` if none is similar.
fn nearest(name: &str) -> Option<&'static str> {
    let (near, far) = NAMES
        .iter()
        .map(|known| (known.as_str(), distance(name, known)))
        .min_by_key(|(_, far)| *far)?;
    (far <= (near.len() / 3).max(1)).then_some(near)
}

/// Units: letters to change, delete, insert or swap. Case, dashes instead of underscores, and a prefix `SHOP_` do not count.
fn distance(name: &str, known: &str) -> usize {
    let capital = name.to_uppercase().replace(['-', ' ', '.'], "_");
    strsim::osa_distance(capital.strip_prefix("SHOP_").unwrap_or(&capital), known)
}

fn shown(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte));
    if is_plain && !name.is_empty() && name.len() <= LONGEST_NAME && !secret::holds_private(name) {
        name.to_owned()
    } else {
        "a name (not shown)".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(nearest(name), expected, "{name}");
    }

    #[test]
    fn a_typo_finds_its_setting() {
        for (name, setting) in [
            ("SITE_NAM", "SITE_NAME"),
            ("KEEP_DAY", "KEEP_DAYS"),
            ("SITENAME", "SITE_NAME"),
            ("site_name", "SITE_NAME"),
            ("Site-Name", "SITE_NAME"),
            ("SHOP_LISTEN", "LISTEN"),
            ("LISTNE", "LISTEN"),
            ("MAIL_DIR", "MAILDIR"),
            ("\u{feff}LISTEN", "LISTEN"),
            ("PAYMENT_MINS", "PAYMENT_MINUTES"),
        ] {
            check(name, Some(setting));
        }
        for name in ["", "FOO", "PORT", "SHOP_UID", "SHOP_TAG", "NODE_ENV", "HTTP_PROXY"] {
            check(name, None);
        }
    }

    #[test]
    fn common_environment_variables_are_not_reported() {
        let usual = [
            "PATH",
            "HOME",
            "HOST",
            "HOSTNAME",
            "USER",
            "LOGNAME",
            "SHELL",
            "TERM",
            "LANG",
            "LC_ALL",
            "PWD",
            "OLDPWD",
            "SHLVL",
            "MAIL",
            "EDITOR",
            "PAGER",
            "DISPLAY",
            "TMPDIR",
            "TZ",
            "LISTEN_FDS",
            "LISTEN_PID",
            "LISTEN_FDNAMES",
            "NOTIFY_SOCKET",
            "INVOCATION_ID",
            "JOURNAL_STREAM",
            "SHOP_RUN",
            "SHOP_STOP_AT",
            "SHOP_UID",
            "RUST_LOG",
            "TOR_SOCKS_PORT",
            "TOR_CONTROL_PORT",
            "TOR_SKIP_LAUNCH",
            "SSH_CONNECTION",
            "XDG_RUNTIME_DIR",
            "http_proxy",
            "FORM",
            "TORS",
            "DATABASE",
            "SECRET_KEY",
            "SITE",
            "PASSWD",
            "MAILTO",
            "CURRENT",
            "_",
        ];
        assert_eq!(
            check_environment(usual.into_iter().chain(NAMES.iter().map(String::as_str))),
            []
        );
        let slips = ["SITE_NAM", "KEEP_DAY", "LISTE", "DESK_LISTEM", "SHOP_SITE_NAME", "site_name"];
        assert_eq!(check_environment(slips.into_iter()).len(), slips.len());
    }

    #[test]
    fn a_removed_setting_is_reported_as_removed() {
        let setting = SettingText { text: "5".to_owned(), origin: ".env, line 3".to_owned() };
        let written = |name: &str| (name.to_owned(), setting.clone());
        let words = "MOST_UNPAID (.env, line 3): found a setting that is no longer used; expected nothing: remove it";
        let faults = check_env_file(&[written("MOST_UNPAID"), written("SITE_NAME")]);
        assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), [words]);
        // The environment holds many names that mean nothing to the shop.
        assert!(check_environment(["MOST_UNPAID", "MOST_HELD"].into_iter()).is_empty());
    }

    #[test]
    fn a_node_of_a_coin_that_cannot_be_followed_is_refused_with_the_reason() {
        let setting = SettingText {
            text: "http://127.0.0.1:22555".to_owned(),
            origin: ".env, line 3".to_owned(),
        };
        for (name, coin) in [
            ("DOGE_RPC_URL", "Dogecoin"),
            ("BCH_RPC_URL", "Bitcoin Cash"),
            ("ZEC_RPC_URL", "Zcash"),
        ] {
            let written = check_env_file(&[(name.to_owned(), setting.clone())]);
            for fault in written.iter().chain(&check_environment([name].into_iter())) {
                let words = fault.to_string();
                assert!(words.contains(&format!("cannot follow {coin} on a node")), "{words}");
                assert!(words.contains("yourself") && !words.contains("22555"), "{words}");
            }
            assert_eq!(written.len(), 1);
        }
        let usual = ["BTC_RPC_URL", "LTC_RPC_URL", "DASH_RPC_URL"];
        assert!(check_environment(usual.into_iter()).is_empty());
    }

    #[test]
    fn a_possible_secret_is_not_shown_as_a_name() {
        for name in [
            "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
            "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols",
            "a\u{1b}[31m",
            "",
        ] {
            assert_eq!(shown(name), "a name (not shown)", "{name:?}");
        }
        assert_eq!(shown("SITE_NAM"), "SITE_NAM");
    }
}
