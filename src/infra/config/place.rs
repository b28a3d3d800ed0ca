//! Where the shop and its desk listen.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::infra::config::parsers::Refused;

/// What a listener is opened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Shape: `HOST:PORT`.
    Tcp(String),
    Unix(PathBuf),
    /// The socket that systemd opened and hands over.
    Systemd,
}

/// A listener, as a setting says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub at: Listen,
    /// Whether it is written twice: others than this host may reach it, and the seller knows.
    pub is_confirmed: bool,
}

/// Where the desk is; `None`: there is none. The name keeps clap from taking it for a setting without a default.
pub type DeskPlace = Option<Place>;

/// What is wrong with `LISTEN`.
const LISTEN_EXPECTED: &str =
    "HOST:PORT on this host, unix:PATH or systemd, for example 127.0.0.1:3000";
const LISTEN_OPEN: &str = "an address on this host, for example 127.0.0.1:3000, or unix:PATH: over plain HTTP, anyone on the \
                           network can read orders and addresses. To allow other hosts anyway, write the same address twice, \
                           separated by a space";

/// What is wrong with `DESK_LISTEN`.
const EXPECTED: &str =
    "off, systemd, unix:PATH, or HOST:PORT on this host, for example 127.0.0.1:3001";
const OPEN: &str = "an address on this host, for example 127.0.0.1:3001, or unix:PATH: anyone who can reach the desk can \
                        try passwords, and over plain HTTP anyone on the network can read them. To allow other hosts anyway, \
                        write the same address twice, separated by a space";

pub const SAME: &str =
    "a different address than LISTEN, which is for buyers, for example 127.0.0.1:3001";

/// Whether both listeners would be the same. Port 0 is a different one each time.
pub fn is_same_place(listen: &Listen, desk: &Listen) -> bool {
    match (listen, desk) {
        (Listen::Unix(one), Listen::Unix(other)) => one.components().eq(other.components()),
        (Listen::Tcp(one), Listen::Tcp(other)) => one == other && !one.ends_with(":0"),
        _ => false,
    }
}

/// Where the desk is. An address that others can reach has to be written twice.
///
/// # Errors
/// What was expected.
pub fn read_desk_listen(text: &str) -> Result<DeskPlace, Refused> {
    if text == "off" {
        return Ok(None);
    }
    Ok(Some(read_place(text, EXPECTED, OPEN)?))
}

/// Where buyers come in, by the same rule.
///
/// # Errors
/// What was expected.
pub fn read_listen(text: &str) -> Result<Place, Refused> {
    Ok(read_place(text, LISTEN_EXPECTED, LISTEN_OPEN)?)
}

/// Where Tor takes commands: any host, since nothing is opened there.
pub fn read_tor_control(text: &str) -> Result<Listen, Refused> {
    let expected = Refused::from("HOST:PORT or unix:PATH, for example 127.0.0.1:9051");
    if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
        return Ok(Listen::Unix(PathBuf::from(path)));
    }
    match text.rsplit_once(':') {
        Some((host, port))
            if port.parse::<u16>().is_ok() && !host.is_empty() && !host.contains([' ', '/']) =>
        {
            Ok(Listen::Tcp(text.to_owned()))
        }
        _ => Err(expected),
    }
}

/// `expected`, `open`: what is said of a text that is no address, and of an address that others can reach.
fn read_place(
    text: &str,
    expected: &'static str,
    open: &'static str,
) -> Result<Place, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        let at = Listen::Unix(PathBuf::from(path));
        let is_path = !path.is_empty();
        return is_path.then_some(Place { at, is_confirmed: false }).ok_or(expected);
    }
    let mut words = text.split_whitespace();
    let (Some(address), second, None) = (words.next(), words.next(), words.next()) else {
        return Err(expected);
    };
    let is_confirmed = second.is_some();
    if second.is_some_and(|second| second != address) {
        return Err(expected);
    }
    // What systemd hands over is known when it is there.
    if address == "systemd" {
        return Ok(Place { at: Listen::Systemd, is_confirmed });
    }
    let (host, port) = address.rsplit_once(':').ok_or(expected)?;
    port.parse::<u16>().map_err(|_| expected)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_loopback = match bare.parse::<IpAddr>() {
        // 127.0.0.1 may be written as an address of the sixth version.
        Ok(ip) => ip.to_canonical().is_loopback(),
        // A name may lead elsewhere tomorrow; this one is every host's own, and where it leads is seen when it is opened.
        Err(_) if host == "localhost" => true,
        Err(_) if host.is_empty() || host.contains(['/', '[', ']', '@']) => return Err(expected),
        Err(_) => false,
    };
    if is_loopback || is_confirmed {
        Ok(Place { at: Listen::Tcp(address.to_owned()), is_confirmed })
    } else {
        Err(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<Option<&str>, &str>) {
        let read = read_desk_listen(text).map(|place| {
            place.map(|place| match place.at {
                Listen::Tcp(address) => address,
                Listen::Unix(path) => format!("unix:{}", path.display()),
                Listen::Systemd => "systemd".to_owned(),
            })
        });
        let expected = expected.map(|listen| listen.map(str::to_owned)).map_err(Refused::from);
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
            check(text, Err(EXPECTED));
        }
    }

    /// `expected`: whether it is confirmed.
    #[track_caller]
    fn check_listen(text: &str, expected: Result<bool, &str>) {
        let read = read_listen(text).map(|place| place.is_confirmed);
        assert_eq!(read, expected.map_err(Refused::from), "{text:?}");
    }

    #[test]
    fn buyers_come_in_from_elsewhere_only_where_it_is_said_twice() {
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
    fn one_place_is_not_both_doors() {
        for (listen, desk, is_same) in [
            ("/run/shop/sock", "/run/shop/sock", true),
            ("/run/shop/sock", "/run/shop//sock", true),
            ("/run/shop/sock", "/run/shop/desk", false),
        ] {
            let (listen, desk) = (Listen::Unix(listen.into()), Listen::Unix(desk.into()));
            assert_eq!(is_same_place(&listen, &desk), is_same, "{listen:?} {desk:?}");
        }
        for (address, is_same) in [("127.0.0.1:3000", true), ("127.0.0.1:0", false)] {
            let place = Listen::Tcp(address.to_owned());
            assert_eq!(is_same_place(&place, &place.clone()), is_same, "{address}");
        }
        assert!(!is_same_place(&Listen::Systemd, &Listen::Tcp("127.0.0.1:3000".to_owned())));
        assert!(!is_same_place(&Listen::Systemd, &Listen::Systemd), "two sockets with two names");
    }

    #[test]
    fn an_address_that_others_reach_is_said_twice() {
        for address in ["0.0.0.0:3001", "192.168.1.5:3001", "[::]:3001", "desk.example:3001"] {
            check(address, Err(OPEN));
            check(&format!("{address} {address}"), Ok(Some(address)));
        }
        check("0.0.0.0:3001 0.0.0.0:3002", Err(EXPECTED));
        check("0.0.0.0:3001 0.0.0.0:3001 0.0.0.0:3001", Err(EXPECTED));
        check("127.0.0.1:3001 127.0.0.1:3001", Ok(Some("127.0.0.1:3001")));
    }
}
