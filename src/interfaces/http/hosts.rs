//! The host names that the shop answers to.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header;
use parking_lot::RwLock;

/// The host that a request names; empty if it names none.
pub fn host_of(request: &HttpRequest) -> &str {
    let header = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    header.or_else(|| request.uri().authority().map(|named| named.as_str())).unwrap_or_default()
}

/// Whether a proxy between Tor and the browser says that it is one. It need not say so.
pub fn is_proxied(request: &HttpRequest) -> bool {
    request.headers().contains_key("x-tor2web")
}

/// The host names of the shop.
pub struct Hosts {
    /// Scheme and host of `SITE_URL`, if it names a host.
    site_origin: Option<String>,
    /// The host of `SITE_URL`, if that is a clearnet name.
    clearnet: Option<String>,
    /// Shape: 56 letters and digits, `.onion`; set while the shop runs.
    onion: RwLock<Option<String>>,
}

impl Hosts {
    pub fn new(site_url: &str) -> Self {
        let named = site_url
            .split_once("://")
            .map(|(scheme, rest)| (scheme, rest.split(['/', '?', '#']).next().unwrap_or_default()))
            .filter(|(_, host)| !host.is_empty());
        let host = named.map(|(_, host)| without_port(host).to_ascii_lowercase());
        let is_clearnet = |host: &String| !host.ends_with(".onion");
        Self {
            site_origin: named.map(|(scheme, host)| format!("{scheme}://{host}")),
            clearnet: host.filter(is_clearnet),
            onion: RwLock::new(None),
        }
    }

    /// `onion`: 56 letters and digits, `.onion`.
    pub fn set_onion(&self, onion: String) {
        *self.onion.write() = Some(onion);
    }

    fn onion(&self) -> Option<String> {
        self.onion.read().clone()
    }

    /// Whether the request came through an intermediary that uses a host name which is not ours, as proxies do that
    /// show onion services to browsers without Tor.
    ///
    /// If the shop knows no name of its own, only a name that embeds an onion address is foreign.
    pub fn is_foreign(&self, host: &str) -> bool {
        let host = without_port(host).to_ascii_lowercase();
        if is_local(&host) {
            return false;
        }
        let onion = self.onion();
        let is_under = |ours: &String| {
            let rest = host.strip_suffix(ours.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let is_ours = onion.iter().chain(&self.clearnet).any(is_under);
        // Another onion address is the shop's too, for instance that of a front end for several onion services.
        if is_ours || host.ends_with(".onion") {
            return false;
        }
        onion.is_some() || host.contains(".onion.") || host.split('.').any(is_onion_name)
    }

    /// Where absolute links lead. Shape: scheme and host, without a slash at the end.
    ///
    /// A visitor of the clearnet name stays there; others get the onion address, or `SITE_URL` as long as that is not known.
    /// Only a shop that knows no name of its own takes the one that the request has.
    pub fn origin(&self, host: &str) -> String {
        let host = host.to_ascii_lowercase();
        let is_clearnet = self.clearnet.as_deref() == Some(without_port(&host));
        let onion = self.onion().filter(|_| !is_clearnet).map(|onion| format!("http://{onion}"));
        onion.or_else(|| self.site_origin.clone()).unwrap_or_else(|| {
            let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
            let is_named = !host.is_empty() && host.len() <= 255 && host.bytes().all(is_host);
            format!("http://{}", if is_named { &host } else { "localhost" })
        })
    }

    /// Where Tor Browser may go instead, for a visitor of the clearnet name.
    ///
    /// Source: the Tor Project's `Onion-Location`.
    pub fn onion_location(&self, host: &str, path: &str) -> Option<String> {
        let is_clearnet =
            self.clearnet.as_deref() == Some(&without_port(host).to_ascii_lowercase());
        self.onion().filter(|_| is_clearnet).map(|onion| format!("http://{onion}{path}"))
    }
}

/// The host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// A name of this host itself, which is not reachable from elsewhere.
fn is_local(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.is_empty() || !host.contains('.') || host.ends_with(".localhost") || address.is_ok()
}

fn is_onion_name(label: &str) -> bool {
    label.len() == 56 && label.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "feclorj4bzfwwwiavisd6wg3zm62t5uybnnmopnahujs5y2tu6ff44ad.onion";

    #[track_caller]
    fn check(hosts: &Hosts, host: &str, expected: bool) {
        assert_eq!(hosts.is_foreign(host), expected, "{host:?}");
    }

    #[test]
    fn only_a_name_that_is_not_ours_is_foreign() {
        let hosts = Hosts::new("https://shop.example:8443/start?x");
        for name in
            ["localhost", "localhost:3000", "127.0.0.1:3000", "[::1]:80", "shop", "", "10.0.0.7"]
        {
            check(&hosts, name, false);
        }
        check(&hosts, "shop.example", false);
        check(&hosts, "anything.example", false);
        check(&hosts, &format!("{OURS}.to"), true);
        check(
            &hosts,
            "feclorj4bzfwwwiavisd6wg3zm62t5uybnnmopnahujs5y2tu6ff44ad.tor2web.example",
            true,
        );
        hosts.set_onion(OURS.to_owned());
        check(&hosts, OURS, false);
        check(&hosts, &format!("www.{OURS}:80"), false);
        check(&hosts, &OURS.to_uppercase(), false);
        check(&hosts, "SHOP.example:443", false);
        check(&hosts, "anything.example", true);
        check(&hosts, &format!("{OURS}.ws"), true);
        check(&hosts, &format!("evil{OURS}"), false);
        check(&hosts, "notshop.example", true);
    }

    #[test]
    fn absolute_links_lead_to_a_name_of_the_shop() {
        let hosts = Hosts::new("https://shop.example:8443/start?x");
        for host in ["shop.example", "127.0.0.1:3000", "evil.example", ""] {
            assert_eq!(hosts.origin(host), "https://shop.example:8443", "{host:?}");
        }
        hosts.set_onion(OURS.to_owned());
        assert_eq!(hosts.origin("SHOP.example:8443"), "https://shop.example:8443");
        assert_eq!(hosts.origin(OURS), format!("http://{OURS}"));
        assert_eq!(hosts.origin("127.0.0.1:3000"), format!("http://{OURS}"));
        let alone = Hosts::new("/");
        assert_eq!(alone.origin("127.0.0.1:3000"), "http://127.0.0.1:3000");
        assert_eq!(alone.origin("\"><x"), "http://localhost");
    }

    #[test]
    fn only_the_clearnet_name_gets_an_onion_location() {
        let hosts = Hosts::new("https://shop.example/");
        assert_eq!(hosts.onion_location("shop.example", "/cart"), None);
        hosts.set_onion(OURS.to_owned());
        let expected = Some(format!("http://{OURS}/product?page=2"));
        assert_eq!(hosts.onion_location("shop.example:443", "/product?page=2"), expected);
        assert_eq!(hosts.onion_location(OURS, "/cart"), None);
        let alone = Hosts::new("/");
        alone.set_onion(OURS.to_owned());
        assert_eq!(alone.onion_location("", "/cart"), None);
    }
}
