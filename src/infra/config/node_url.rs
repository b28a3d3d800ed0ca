//! Which nodes may be asked, and how.

use crate::domain::values::Host;
use crate::domain::values::NodeUrl;
use crate::domain::values::ProxyUrl;

/// What is wrong with the setting of a node. `found` shows no user, no password and no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeUrlFault {
    pub found: String,
    pub expected: &'static str,
}

const ONION_WITHOUT_PROXY: &str = "TOR_PROXY_URL as well, for example socks5h://127.0.0.1:9050: onion addresses are reached only through Tor";
const NAME_WITHOUT_PROXY: &str = "TOR_PROXY_URL as well, for example socks5h://127.0.0.1:9050, since only the proxy resolves names; or \
                                  the node's IP address";
const OPEN: &str = "https://, a node on this host or its own network, or an onion address: over plain HTTP, anyone on the \
                    network can read and change the node's answers. To allow it anyway, write the same URL twice, \
                    separated by a space";

/// Reads the URLs of nodes, with spaces between. A public one over plain http has to be written twice.
///
/// # Errors
/// [`NodeUrlFault`] for the first that is wrong.
pub fn read_node_urls(
    text: &str,
    most: usize,
    proxy: Option<&ProxyUrl>,
) -> Result<Vec<NodeUrl>, NodeUrlFault> {
    let mut urls: Vec<(NodeUrl, usize)> = Vec::new();
    for word in text.split_whitespace() {
        let url = NodeUrl::parse(word).map_err(|_| NodeUrlFault {
            found: "an invalid value (not shown)".to_owned(),
            expected: "http://HOST:PORT, for example http://127.0.0.1:8545, optionally with USER:PASSWORD@ before the host",
        })?;
        match urls.iter_mut().find(|(known, _)| *known == url) {
            Some((_, n_times)) => *n_times += 1,
            None => urls.push((url, 1)),
        }
    }
    if most < urls.len() {
        let expected = if most == 1 { "one URL" } else { "fewer URLs" };
        return Err(NodeUrlFault { found: format!("{} URLs", urls.len()), expected });
    }
    for (url, n_times) in &urls {
        if let Some(expected) = why_not(url, 1 < *n_times, proxy) {
            let scheme = if url.is_tls() { "https" } else { "http" };
            return Err(NodeUrlFault { found: format!("{scheme}://{url}"), expected });
        }
    }
    Ok(urls.into_iter().map(|(url, _)| url).collect())
}

fn why_not(url: &NodeUrl, is_said_twice: bool, proxy: Option<&ProxyUrl>) -> Option<&'static str> {
    let host = url.host();
    let is_name = matches!(host, Host::Name(_));
    match proxy {
        _ if host.is_near() => None,
        None if host.is_onion() => Some(ONION_WITHOUT_PROXY),
        None if is_name => Some(NAME_WITHOUT_PROXY),
        _ if url.is_tls() || host.is_onion() || is_said_twice => None,
        _ => Some(OPEN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, has_proxy: bool, expected: Result<&[&str], &str>) {
        let proxy = ProxyUrl::parse("socks5h://127.0.0.1:9050").unwrap();
        let read = read_node_urls(text, 3, has_proxy.then_some(&proxy));
        assert!(!format!("{read:?}").contains("hunter2"), "{text:?}");
        let said = match &read {
            Ok(urls) => Ok(urls.iter().map(ToString::to_string).collect::<Vec<_>>()),
            Err(fault) => Err(fault.found.as_str()),
        };
        assert_eq!(
            said,
            expected.map(|urls| urls.iter().map(ToString::to_string).collect()),
            "{text:?}"
        );
    }

    #[test]
    fn what_is_near_is_asked_directly() {
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
            let place = NodeUrl::parse(text).unwrap().to_string();
            let scheme = text.split("://").next().unwrap();
            check(text, false, Err(&format!("{scheme}://{place}")));
            check(text, true, Ok(&[&place]));
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
        assert_eq!(
            read_node_urls("http://a:1 http://b:1", 1, None).unwrap_err().expected,
            "one URL"
        );
    }
}
