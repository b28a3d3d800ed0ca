//! Where the shop and its desk listen.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::infra::config::parsers::InvalidValue;

/// What a listener is opened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// Shape: `HOST:PORT`.
    Tcp(String),
    Unix(PathBuf),
    /// The socket that systemd opened and hands over.
    Systemd,
}

/// The setting of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenSetting {
    pub address: ListenAddress,
    /// Whether it is written twice: the seller knows that other hosts may reach it.
    pub is_confirmed: bool,
}

/// `None`: there is no desk. An alias, since clap would take an `Option` for a setting without a default.
pub type DeskListenSetting = Option<ListenSetting>;

/// What is wrong with `LISTEN`.
const LISTEN_EXPECTED: &str =
    "HOST:PORT on this host, unix:PATH or systemd, for example 127.0.0.1:3000";
const LISTEN_OPEN: &str = "an address on this host, for example 127.0.0.1:3000, or unix:PATH: over plain HTTP, anyone on the \
                           network can read orders and addresses. To allow other hosts anyway, write the same address twice, \
                           separated by a space";

/// What is wrong with `DESK_LISTEN`.
const DESK_EXPECTED: &str =
    "off, systemd, unix:PATH, or HOST:PORT on this host, for example 127.0.0.1:3001";
const DESK_OPEN: &str = "an address on this host, for example 127.0.0.1:3001, or unix:PATH: anyone who can reach the desk can \
                        try passwords, and over plain HTTP anyone on the network can read them. To allow other hosts anyway, \
                        write the same address twice, separated by a space";

pub const DESK_SAME_AS_SHOP: &str =
    "a different address than LISTEN, which is for buyers, for example 127.0.0.1:3001";

/// Whether both listeners would be the same. Port 0 is a different one each time.
pub fn is_same_address(listen: &ListenAddress, desk: &ListenAddress) -> bool {
    match (listen, desk) {
        (ListenAddress::Unix(one), ListenAddress::Unix(other)) => {
            one.components().eq(other.components())
        }
        (ListenAddress::Tcp(one), ListenAddress::Tcp(other)) => {
            one == other && !one.ends_with(":0")
        }
        _ => false,
    }
}

/// Reads `DESK_LISTEN`. An address that other hosts can reach must be written twice.
///
/// # Errors
/// What was expected.
pub fn read_desk_listen(text: &str) -> Result<DeskListenSetting, InvalidValue> {
    if text == "off" {
        return Ok(None);
    }
    read_setting(text, DESK_EXPECTED, DESK_OPEN).map(Some)
}

/// Reads `LISTEN`, by the same rule.
///
/// # Errors
/// What was expected.
pub fn read_listen(text: &str) -> Result<ListenSetting, InvalidValue> {
    read_setting(text, LISTEN_EXPECTED, LISTEN_OPEN)
}

/// Reads `TOR_CONTROL`: any host is accepted, since nothing is opened there.
pub fn read_tor_control(text: &str) -> Result<ListenAddress, InvalidValue> {
    let expected = InvalidValue::from("HOST:PORT or unix:PATH, for example 127.0.0.1:9051");
    if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
        return Ok(ListenAddress::Unix(PathBuf::from(path)));
    }
    match text.rsplit_once(':') {
        Some((host, port))
            if port.parse::<u16>().is_ok() && !host.is_empty() && !host.contains([' ', '/']) =>
        {
            Ok(ListenAddress::Tcp(text.to_owned()))
        }
        _ => Err(expected),
    }
}

/// `expected`, `open`: what was expected instead of a text that is no address, and of an address that others can reach.
fn read_setting(
    text: &str,
    expected: &'static str,
    open: &'static str,
) -> Result<ListenSetting, InvalidValue> {
    if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
        let address = ListenAddress::Unix(PathBuf::from(path));
        return Ok(ListenSetting { address, is_confirmed: false });
    }
    let mut words = text.split_whitespace();
    let (Some(address), second, None) = (words.next(), words.next(), words.next()) else {
        return Err(expected.into());
    };
    let is_confirmed = second.is_some();
    if second.is_some_and(|second| second != address) {
        return Err(expected.into());
    }
    // Whether others can reach systemd's socket is known once it is handed over.
    if address == "systemd" {
        return Ok(ListenSetting { address: ListenAddress::Systemd, is_confirmed });
    }
    let (host, port) = address.rsplit_once(':').ok_or(expected)?;
    port.parse::<u16>().map_err(|_| expected)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_loopback = match bare.parse::<IpAddr>() {
        // 127.0.0.1 may be written as an IPv6 address.
        Ok(ip) => ip.to_canonical().is_loopback(),
        // Another name may resolve elsewhere tomorrow; where this one leads is checked when it is opened.
        Err(_) if host == "localhost" => true,
        Err(_) if host.is_empty() || host.contains(['/', '[', ']', '@']) => {
            return Err(expected.into());
        }
        Err(_) => false,
    };
    if is_loopback || is_confirmed {
        Ok(ListenSetting { address: ListenAddress::Tcp(address.to_owned()), is_confirmed })
    } else {
        Err(open.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<Option<&str>, &str>) {
        let read = read_desk_listen(text).map(|setting| {
            setting.map(|setting| match setting.address {
                ListenAddress::Tcp(address) => address,
                ListenAddress::Unix(path) => format!("unix:{}", path.display()),
                ListenAddress::Systemd => "systemd".to_owned(),
            })
        });
        let expected = expected.map(|listen| listen.map(str::to_owned)).map_err(InvalidValue::from);
        assert_eq!(read, expected, "{text:?}");
    }

    #[test]
    fn the_desk_is_on_this_host_alone() {
        check("off", Ok(None));
        check("systemd", Ok(Some("systemd")));
        check("systemd systemd", Ok(Some("systemd")));
        for text in
            ["127.0.0.1:3001", "127.9.9.9:1", "[::1]:3001", "localhost:3001", "unix:/run/shop/desk"]
        {
            check(text, Ok(Some(text)));
        }
        for text in [
            "",
            "on",
            "3001",
            "127.0.0.1",
            "127.0.0.1:x",
            ":3001",
            "unix:",
            "systemd systemd systemd",
            "systemd:desk",
            "http://127.0.0.1:1",
        ] {
            check(text, Err(DESK_EXPECTED));
        }
    }

    /// `expected`: whether it is confirmed.
    #[track_caller]
    fn check_listen(text: &str, expected: Result<bool, &str>) {
        let read = read_listen(text).map(|setting| setting.is_confirmed);
        assert_eq!(read, expected.map_err(InvalidValue::from), "{text:?}");
    }

    #[test]
    fn other_hosts_can_reach_the_shop_only_if_its_address_is_written_twice() {
        for text in [
            "127.0.0.1:3000",
            "127.255.0.1:0",
            "[::1]:3000",
            "[::ffff:127.0.0.1]:3000",
            "localhost:3000",
            "unix:a b",
            "unix:/run/shop/sock",
            "systemd",
        ] {
            check_listen(text, Ok(false));
        }
        check_listen("127.0.0.1:3000 127.0.0.1:3000", Ok(true));
        check_listen("systemd  systemd", Ok(true));
        for address in [
            "0.0.0.0:3000",
            "[::]:3000",
            "[::ffff:0.0.0.0]:3000",
            "[::ffff:192.168.1.5]:3000",
            "192.168.1.5:3000",
            "10.0.0.1:80",
            "[fe80::1]:3000",
            "0:3000",
            "127.1:3000",
            "shop.example:3000",
            "localhost.example:3000",
        ] {
            check_listen(address, Err(LISTEN_OPEN));
            check_listen(&format!("{address} {address}"), Ok(true));
        }
        for text in [
            "3000",
            "127.0.0.1",
            ":3000",
            "unix:",
            "systemd unix:a",
            "0.0.0.0:1 0.0.0.0:2",
            "a/b:1",
            "off",
        ] {
            check_listen(text, Err(LISTEN_EXPECTED));
        }
    }

    #[test]
    fn the_shop_and_the_desk_need_different_addresses() {
        for (listen, desk, is_same) in [
            ("/run/shop/sock", "/run/shop/sock", true),
            ("/run/shop/sock", "/run/shop//sock", true),
            ("/run/shop/sock", "/run/shop/desk", false),
        ] {
            let (listen, desk) =
                (ListenAddress::Unix(listen.into()), ListenAddress::Unix(desk.into()));
            assert_eq!(is_same_address(&listen, &desk), is_same, "{listen:?} {desk:?}");
        }
        for (address, is_same) in [("127.0.0.1:3000", true), ("127.0.0.1:0", false)] {
            let address = ListenAddress::Tcp(address.to_owned());
            assert_eq!(is_same_address(&address, &address.clone()), is_same, "{address:?}");
        }
        assert!(!is_same_address(
            &ListenAddress::Systemd,
            &ListenAddress::Tcp("127.0.0.1:3000".to_owned())
        ));
        assert!(
            !is_same_address(&ListenAddress::Systemd, &ListenAddress::Systemd),
            "two sockets with two names"
        );
    }

    #[test]
    fn other_hosts_can_reach_the_desk_only_if_its_address_is_written_twice() {
        for address in ["0.0.0.0:3001", "192.168.1.5:3001", "[::]:3001", "desk.example:3001"] {
            check(address, Err(DESK_OPEN));
            check(&format!("{address} {address}"), Ok(Some(address)));
        }
        check("0.0.0.0:3001 0.0.0.0:3002", Err(DESK_EXPECTED));
        check("0.0.0.0:3001 0.0.0.0:3001 0.0.0.0:3001", Err(DESK_EXPECTED));
        check("127.0.0.1:3001 127.0.0.1:3001", Ok(Some("127.0.0.1:3001")));
    }
}
