//! The host names that the desk answers to.

use std::net::IpAddr;

use parking_lot::RwLock;

/// The host names that the desk accepts.
///
/// Any site can make its own name resolve to 127.0.0.1, and then send requests to the desk from the seller's browser as
/// if the desk were that site (DNS rebinding). So only names are accepted that nobody else can have.
pub struct DeskHosts {
    /// The name in `DESK_LISTEN`; `None` if that is an IP address.
    named: Option<String>,
    /// Whether the desk listens beyond this host: then any IP address is accepted.
    is_public: bool,
    /// Shape: 56 letters and digits, `.onion`. `None`: the shop creates no onion service for the desk and does not know
    /// those of `torrc`. Any onion address is accepted then, since no browser resolves such names outside Tor.
    onion: RwLock<Option<String>>,
}

impl DeskHosts {
    /// `listen`: `HOST:PORT`, or empty for a socket.
    pub fn new(listen: &str) -> Self {
        let host = without_port(listen).to_ascii_lowercase();
        let ip = parse_ip(&host);
        Self {
            is_public: ip.is_some_and(|ip| !ip.is_loopback())
                || ip.is_none() && !is_local_name(&host),
            named: Some(host).filter(|host| !host.is_empty() && ip.is_none()),
            onion: RwLock::new(None),
        }
    }

    /// `onion`: 56 letters and digits, `.onion`.
    pub fn set_onion(&self, onion: String) {
        *self.onion.write() = Some(onion);
    }

    pub fn is_foreign(&self, host: &str) -> bool {
        let host = without_port(host).to_ascii_lowercase();
        if is_local_name(&host) || self.named.as_deref() == Some(&host) {
            return false;
        }
        if let Some(ip) = parse_ip(&host) {
            return !ip.is_loopback() && !self.is_public;
        }
        match self.onion.read().as_deref() {
            Some(onion) => host != onion,
            None => !is_onion(&host),
        }
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn parse_ip(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Names that every browser resolves to this host. An empty one is sent by no browser.
fn is_local_name(host: &str) -> bool {
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
    fn names_that_others_can_have_are_refused() {
        for listen in ["127.0.0.1:3001", "[::1]:3001", "localhost:3001", ""] {
            let hosts = DeskHosts::new(listen);
            for ours in
                ["127.0.0.1:3001", "127.0.0.1", "[::1]:3001", "localhost:3001", "LOCALHOST", ""]
            {
                check(&hosts, ours, false);
            }
            for foreign in [
                "evil.example",
                "evil.example:3001",
                "shop",
                "127.0.0.1.evil.example",
                "10.0.0.7",
                "x.onion",
            ] {
                check(&hosts, foreign, true);
            }
            check(&hosts, ONION, false);
            check(&hosts, &format!("{ONION}.evil.example"), true);
            hosts.set_onion(ONION.to_owned());
            check(&hosts, ONION, false);
            check(&hosts, OTHER, true);
        }
    }

    #[test]
    fn a_public_desk_accepts_ip_addresses_and_its_name() {
        let hosts = DeskHosts::new("0.0.0.0:3001");
        check(&hosts, "192.168.1.5:3001", false);
        check(&hosts, "evil.example", true);
        let hosts = DeskHosts::new("desk.example:3001");
        check(&hosts, "desk.example", false);
        check(&hosts, "evil.example", true);
    }
}
