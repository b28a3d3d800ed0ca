//! URLs of nodes.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use percent_encoding::percent_decode_str;

/// The URL of one of the seller's nodes.
///
/// Shape: `http://` or `https://`, optionally `USER:PASSWORD@`, a host, optionally `:PORT` and a path.
/// Only host and port are printed: user, password and path may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeUrl {
    is_tls: bool,
    authority: Authority,
    path: String,
}

/// A proxy that resolves host names itself.
///
/// Shape: `socks5h://HOST:PORT`, optionally with `USER:PASSWORD@`; the host is near ([`Host::is_near`]).
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Authority);

/// The server that a URL names, and the credentials for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    /// User and password.
    pub login: Option<(String, String)>,
    pub host: Host,
    /// Shape: not 0.
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Ip(IpAddr),
    /// Shape: letters, digits, `-`, `_` and `.`, lowercase.
    Name(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("http://HOST:PORT, for example http://127.0.0.1:8545")]
pub struct NotANodeUrl;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "socks5h://HOST:PORT on this host or its own network, for example socks5h://127.0.0.1:9050; with h, since the proxy must resolve the names"
)]
pub struct NotAProxyUrl;

impl NodeUrl {
    /// # Errors
    /// [`NotANodeUrl`]; the error never contains the text.
    pub fn parse(text: &str) -> Result<Self, NotANodeUrl> {
        let text = text.trim();
        let (is_tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => return Err(NotANodeUrl),
        };
        let plain = rest.bytes().all(|byte| {
            byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'#' | b'\\')
        });
        if !plain || 500 < text.len() {
            return Err(NotANodeUrl);
        }
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) if rest[at..].starts_with('/') => rest.split_at(at),
            Some(_) => return Err(NotANodeUrl),
            None => (rest, "/"),
        };
        let default_port = if is_tls { 443 } else { 80 };
        let authority = Authority::parse(authority, Some(default_port)).ok_or(NotANodeUrl)?;
        Ok(Self { is_tls, authority, path: path.to_owned() })
    }

    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Shape: begins with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same node with another path: Bitcoin Core has one for each wallet.
    pub fn at_path(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }
}

impl ProxyUrl {
    /// # Errors
    /// [`NotAProxyUrl`]; the error never contains the text.
    pub fn parse(text: &str) -> Result<Self, NotAProxyUrl> {
        let rest = text.trim().strip_prefix("socks5h://").ok_or(NotAProxyUrl)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) || rest.contains(['/', '?', '#']) {
            return Err(NotAProxyUrl);
        }
        let authority = Authority::parse(rest, None).filter(|authority| authority.host.is_near());
        authority.map(Self).ok_or(NotAProxyUrl)
    }

    pub fn authority(&self) -> &Authority {
        &self.0
    }
}

impl Authority {
    /// `None` for any other shape, and if the text has no port and there is no default.
    fn parse(text: &str, default_port: Option<u16>) -> Option<Self> {
        let (login, server) = match text.rsplit_once('@') {
            Some((login, server)) => {
                let (user, password) = login.split_once(':')?;
                (Some((decode(user)?, decode(password)?)), server)
            }
            None => (None, text),
        };
        let after_brackets = server.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match server[after_brackets..].rfind(':') {
            Some(at) => {
                let (host, port) = server.split_at(after_brackets + at);
                let digits = &port[1..];
                if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                (host, digits.parse().ok().filter(|port| *port != 0)?)
            }
            None => (server, default_port?),
        };
        Some(Self { login, host: Host::parse(host)?, port })
    }
}

impl Host {
    /// Whether it is this host or on a private network: loopback, a private address, or a name without a dot, as
    /// containers have. Such a name is resolved by the system; a name with a dot never is.
    ///
    /// Source: RFC 1918, RFC 3927, RFC 4193, RFC 4291.
    pub fn is_near(&self) -> bool {
        match self {
            Self::Ip(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
            Self::Ip(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
                Some(ip) => Self::Ip(IpAddr::V4(ip)).is_near(),
                None => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
            },
            Self::Name(name) => !name.contains('.'),
        }
    }

    /// Whether it is an onion service, which is found only through Tor and encrypted end to end.
    pub fn is_onion(&self) -> bool {
        matches!(self, Self::Name(name) if name.ends_with(".onion"))
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let ip: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Ip(IpAddr::V6(ip)));
        }
        if let Ok(ip) = text.parse() {
            return Some(Self::Ip(IpAddr::V4(ip)));
        }
        let name = text.to_ascii_lowercase();
        let shape = |part: &str| {
            !part.is_empty()
                && part.len() <= 63
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        // The system would read `127.1` and `0x7f.1` as addresses, this function as names: so they are refused.
        let is_number = name
            .rsplit('.')
            .next()
            .is_some_and(|last| last.starts_with(|first: char| first.is_ascii_digit()));
        (name.len() <= 253 && !is_number && name.split('.').all(shape)).then_some(Self::Name(name))
    }
}

/// Decodes `%` and two digits; refuses a `%` without them.
fn decode(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    let n_escapes = text.matches('%').count();
    let is_whole = text.len() == decoded.len() + 2 * n_escapes;
    (is_whole && !decoded.contains(char::is_control)).then(|| decoded.into_owned())
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Without the credentials.
impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.authority)
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeUrl({self})")
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(bool, &str, &str)>) {
        let url = NodeUrl::parse(text).ok();
        let said = url.as_ref().map(|url| (url.is_tls(), url.to_string()));
        let path = url.as_ref().map(NodeUrl::path);
        assert_eq!(
            said.zip(path).map(|((is_tls, place), path)| (is_tls, place, path.to_owned())),
            expected.map(|(is_tls, place, path)| (is_tls, place.to_owned(), path.to_owned())),
            "{text:?}"
        );
    }

    #[test]
    fn a_node_stands_at_a_host_a_port_and_a_path() {
        check("http://127.0.0.1:8545", Some((false, "127.0.0.1:8545", "/")));
        check(" http://geth:8545/ ", Some((false, "geth:8545", "/")));
        check(
            "http://u:p@127.0.0.1:8332/wallet/shop",
            Some((false, "127.0.0.1:8332", "/wallet/shop")),
        );
        check("https://Node.Example/v3/KEY?x=1", Some((true, "node.example:443", "/v3/KEY?x=1")));
        check("http://[::1]:8545", Some((false, "[::1]:8545", "/")));
        check("http://abc.onion", Some((false, "abc.onion:80", "/")));
        for text in [
            "",
            "127.0.0.1:8545",
            "ftp://a:1",
            "http://",
            "http://:8545",
            "http://a:0",
            "http://a:65536",
            "http://a:+1",
            "http://a b:1",
            "http://user@a:1",
            "http://a:1#x",
            "http://a..b:1",
            "http://127.1:80",
            "http://[::1",
            "http://1.2.3:80",
            "http://a?x=1",
            "http://u:%zz@a:1",
            "http://u:%0a@a:1",
            "http://ä:1",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_password_is_read_and_never_printed() {
        let url = NodeUrl::parse("http://shop:p%40ss:w@127.0.0.1:8332/secret").unwrap();
        assert_eq!(url.authority().login, Some(("shop".into(), "p@ss:w".into())));
        for said in [url.to_string(), format!("{url:?}"), format!("{url:#?}")] {
            assert!(
                !said.contains("ss") && !said.contains("shop") && !said.contains("secret"),
                "{said}"
            );
        }
    }

    #[test]
    fn what_is_near_needs_no_proxy() {
        for (host, is_near) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("192.168.1.1", true),
            ("169.254.1.1", true),
            ("[::1]", true),
            ("[fd00::1]", true),
            ("[fe80::1]", true),
            ("[::ffff:10.0.0.1]", true),
            ("localhost", true),
            ("geth", true),
            ("1.2.3.4", false),
            ("172.32.0.1", false),
            ("0.0.0.0", false),
            ("[2001:db8::1]", false),
            ("[::ffff:1.2.3.4]", false),
            ("node.example", false),
            ("node.local", false),
            ("abc.onion", false),
        ] {
            let url = NodeUrl::parse(&format!("http://{host}:1")).unwrap();
            assert_eq!(url.authority().host.is_near(), is_near, "{host}");
        }
    }

    #[test]
    fn a_proxy_resolves_names_itself() {
        let proxy = ProxyUrl::parse("socks5h://127.0.0.1:9050").unwrap();
        assert_eq!(proxy.to_string(), "127.0.0.1:9050");
        let proxy = ProxyUrl::parse("socks5h://a:b@tor:9050/").unwrap();
        let Authority { login, port, .. } = proxy.authority();
        assert_eq!((login, *port), (&Some(("a".into(), "b".into())), 9050));
        for text in [
            "",
            "socks5://127.0.0.1:9050",
            "http://127.0.0.1:9050",
            "socks5h://tor",
            "socks5h://1.2.3.4:9050",
            "socks5h://proxy.example:9050",
            "socks5h://tor:9050/x",
        ] {
            assert_eq!(ProxyUrl::parse(text), Err(NotAProxyUrl), "{text:?}");
        }
    }
}
