//! The host names that the desk answers to.

use std::net::IpAddr;

use parking_lot::RwLock;

/// The names under which the desk may be called.
///
/// Any site can have its own name lead to 127.0.0.1 and then ask the desk from the seller's browser as if it were that
/// site (DNS rebinding). So a name is answered only where nobody else can have it.
pub struct DeskHosts {
    /// The name in `DESK_LISTEN`, where it is one.
    named: Option<String>,
    /// Whether others than this host reach the desk, as its setting says twice: then by any IP address.
    is_open: bool,
    /// Shape: 56 letters and digits, `.onion`. `None`: the shop makes no service for the desk, and does not know what
    /// Tor's own torrc makes: any onion will do then, since no browser looks such a name up outside of Tor.
    onion: RwLock<Option<String>>,
}

impl DeskHosts {
    /// `listen`: `HOST:PORT`, or empty for a socket.
    pub fn new(listen: &str) -> Self {
        let host = bare(listen).to_ascii_lowercase();
        let ip = parse_ip(&host);
        Self {
            is_open: ip.is_some_and(|ip| !ip.is_loopback()) || ip.is_none() && !is_own_name(&host),
            named: Some(host).filter(|host| !host.is_empty() && ip.is_none()),
            onion: RwLock::new(None),
        }
    }

    /// `onion`: 56 letters and digits, `.onion`.
    pub fn set_onion(&self, onion: String) {
        *self.onion.write() = Some(onion);
    }

    pub fn is_foreign(&self, host: &str) -> bool {
        let host = bare(host).to_ascii_lowercase();
        if is_own_name(&host) || self.named.as_deref() == Some(&host) {
            return false;
        }
        if let Some(ip) = parse_ip(&host) {
            return !ip.is_loopback() && !self.is_open;
        }
        match self.onion.read().as_deref() {
            Some(onion) => host != onion,
            None => !is_onion(&host),
        }
    }
}

/// Without its port.
fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn parse_ip(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// A name of this very host in every browser, and none at all, which no browser sends.
fn is_own_name(host: &str) -> bool {
    host.is_empty() || host == "localhost" || host.ends_with(".localhost")
}

fn is_onion(host: &str) -> bool {
    let name = host.strip_suffix(".onion").unwrap_or_default();
    name.len() == 56 && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONION: &str = "feclorj4bzfwwwiavisd6wg3zm62t5uybnnmopnahujs5y2tu6ff44ad.onion";
    const OTHER: &str = "aeclorj4bzfwwwiavisd6wg3zm62t5uybnnmopnahujs5y2tu6ff44ad.onion";

    #[track_caller]
    fn check(hosts: &DeskHosts, host: &str, is_foreign: bool) {
        assert_eq!(hosts.is_foreign(host), is_foreign, "{host:?}");
    }

    #[test]
    fn no_name_that_a_stranger_can_have_is_answered() {
        for listen in ["127.0.0.1:3001", "[::1]:3001", "localhost:3001", ""] {
            let hosts = DeskHosts::new(listen);
            for ours in
                ["127.0.0.1:3001", "127.0.0.1", "[::1]:3001", "localhost:3001", "LOCALHOST", ""]
            {
                check(&hosts, ours, false);
            }
            for strange in [
                "evil.example",
                "evil.example:3001",
                "shop",
                "127.0.0.1.evil.example",
                "10.0.0.7",
                "x.onion",
            ] {
                check(&hosts, strange, true);
            }
            check(&hosts, ONION, false);
            check(&hosts, &format!("{ONION}.evil.example"), true);
            hosts.set_onion(ONION.to_owned());
            check(&hosts, ONION, false);
            check(&hosts, OTHER, true);
        }
    }

    #[test]
    fn where_the_setting_says_it_twice_addresses_and_the_name_are_answered() {
        let hosts = DeskHosts::new("0.0.0.0:3001");
        check(&hosts, "192.168.1.5:3001", false);
        check(&hosts, "evil.example", true);
        let hosts = DeskHosts::new("desk.example:3001");
        check(&hosts, "desk.example", false);
        check(&hosts, "evil.example", true);
    }
}
