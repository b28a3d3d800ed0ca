//! Checks which nodes may be contacted, and how.

use crate::domain::values::{Host, NodeUrl, ProxyUrl};
use crate::infra::config::parsers::InvalidValue;

const ONION_WITHOUT_PROXY: &str = "TOR_PROXY_URL as well, for example socks5h://127.0.0.1:9050: onion addresses are reached only through Tor";
const NAME_WITHOUT_PROXY: &str = "TOR_PROXY_URL as well, for example socks5h://127.0.0.1:9050, since only the proxy resolves names; or \
                                  the node's IP address";
const PLAIN_HTTP: &str = "https://, a node on this host or its own network, or an onion address: over plain HTTP, anyone on the \
                    network can read and change the node's answers. To allow it anyway, write the same URL twice, \
                    separated by a space";

/// The seller's own nodes of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeUrls {
    pub urls: Vec<NodeUrl>,
    /// Those that are written twice.
    confirmed: Vec<NodeUrl>,
}

impl NodeUrls {
    /// Reads URLs with spaces between, at most so many different ones. Errors show no user, no password and no path.
    pub fn parse(text: &str, most: usize) -> Result<Self, InvalidValue> {
        let mut read = Self { urls: Vec::new(), confirmed: Vec::new() };
        for word in text.split_whitespace() {
            let url = NodeUrl::parse(word).map_err(|_| {
                InvalidValue::hidden("http://HOST:PORT, for example http://127.0.0.1:8545, optionally with USER:PASSWORD@ before the host")
            })?;
            let list = if read.urls.contains(&url) { &mut read.confirmed } else { &mut read.urls };
            list.push(url);
        }
        if most < read.urls.len() {
            let expected = if most == 1 { "one URL" } else { "fewer URLs" };
            return Err(InvalidValue::found(format!("{} URLs", read.urls.len()), expected));
        }
        Ok(read)
    }

    /// A public node over plain HTTP must be written twice; names are resolved by the proxy.
    ///
    /// # Errors
    /// The first that may not be contacted.
    pub fn check(&self, proxy: Option<&ProxyUrl>) -> Result<(), InvalidValue> {
        for url in &self.urls {
            if let Some(expected) = rejection(url, self.confirmed.contains(url), proxy) {
                let scheme = if url.is_tls() { "https" } else { "http" };
                return Err(InvalidValue::found(format!("{scheme}://{url}"), expected));
            }
        }
        Ok(())
    }
}

fn rejection(url: &NodeUrl, is_confirmed: bool, proxy: Option<&ProxyUrl>) -> Option<&'static str> {
    let host = &url.authority().host;
    let is_name = matches!(host, Host::Name(_));
    match proxy {
        _ if host.is_near() => None,
        None if host.is_onion() => Some(ONION_WITHOUT_PROXY),
        None if is_name => Some(NAME_WITHOUT_PROXY),
        _ if url.is_tls() || host.is_onion() || is_confirmed => None,
        _ => Some(PLAIN_HTTP),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, has_proxy: bool, expected: Result<&[&str], &str>) {
        let proxy = ProxyUrl::parse("socks5h://127.0.0.1:9050").unwrap();
        let read = NodeUrls::parse(text, 3).and_then(|nodes| {
            nodes.check(has_proxy.then_some(&proxy))?;
            Ok(nodes)
        });
        assert!(!format!("{read:?}").contains("hunter2"), "{text:?}");
        let said = match &read {
            Ok(nodes) => Ok(nodes.urls.iter().map(ToString::to_string).collect::<Vec<_>>()),
            Err(error) => Err(error.found.as_deref().unwrap()),
        };
        assert_eq!(
            said,
            expected.map(|urls| urls.iter().map(ToString::to_string).collect()),
            "{text:?}"
        );
    }

    #[test]
    fn a_near_node_is_contacted_directly() {
        for has_proxy in [false, true] {
            check("http://127.0.0.1:8545", has_proxy, Ok(&["127.0.0.1:8545"]));
            check(
                "http://geth:8545 http://10.0.0.2:8545",
                has_proxy,
                Ok(&["geth:8545", "10.0.0.2:8545"]),
            );
            check("http://u:hunter2@bitcoind:8332", has_proxy, Ok(&["bitcoind:8332"]));
        }
    }

    #[test]
    fn a_name_is_resolved_by_the_proxy_or_not_at_all() {
        for text in
            ["http://abc.onion:8545", "https://node.example", "https://u:hunter2@node.example/x"]
        {
            let address = NodeUrl::parse(text).unwrap().to_string();
            let scheme = text.split("://").next().unwrap();
            check(text, false, Err(&format!("{scheme}://{address}")));
            check(text, true, Ok(&[&address]));
        }
        // To say a name twice does not have it resolved here.
        check("http://node.example:1 http://node.example:1", false, Err("http://node.example:1"));
    }

    #[test]
    fn plain_http_through_the_world_is_said_twice() {
        check("https://1.2.3.4", false, Ok(&["1.2.3.4:443"]));
        for has_proxy in [false, true] {
            check("http://u:hunter2@1.2.3.4:8545", has_proxy, Err("http://1.2.3.4:8545"));
            check("http://1.2.3.4:8545 http://1.2.3.4:8545", has_proxy, Ok(&["1.2.3.4:8545"]));
        }
        check("http://node.example:1", true, Err("http://node.example:1"));
        check("http://node.example:1 http://node.example:1", true, Ok(&["node.example:1"]));
    }

    #[test]
    fn what_is_no_url_is_not_repeated() {
        check("u:hunter2@127.0.0.1:8545", false, Err("an invalid value (not shown)"));
        check("http://a:1 http://b:1 http://c:1 http://d:1", false, Err("4 URLs"));
        assert_eq!(NodeUrls::parse("http://a:1 http://b:1", 1).unwrap_err().expected, "one URL");
    }
}
