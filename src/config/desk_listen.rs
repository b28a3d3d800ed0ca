use crate::config::Listen;
use std::net::IpAddr;
use std::path::PathBuf;

/// What is wrong with `DESK_LISTEN`.
pub const EXPECTED: &str =
    "off, unix:PATH, or HOST:PORT of this host alone, for example 127.0.0.1:3001";
pub const OPEN: &str = "an address of this host alone, for example 127.0.0.1:3001, or unix:PATH: whoever reaches the desk may try \
                        passwords, and over plain http whoever carries the line reads them. Whoever wants it all the same writes the \
                        same address twice, with a space between";

pub const SAME: &str =
    "another address than LISTEN, where buyers come in, for example 127.0.0.1:3001";

/// Whether both doors would be one. Port 0 is another one each time.
pub fn is_same_place(listen: &Listen, desk: &Listen) -> bool {
    match (listen, desk) {
        (Listen::Unix(one), Listen::Unix(other)) => one.components().eq(other.components()),
        (Listen::Tcp(one), Listen::Tcp(other)) => one == other && !one.ends_with(":0"),
        _ => false,
    }
}

/// Where the desk is; `None`: nowhere. An address that others can reach has to be written twice.
///
/// # Errors
/// What was expected.
pub fn read_desk_listen(text: &str) -> Result<Option<Listen>, &'static str> {
    if text == "off" {
        return Ok(None);
    }
    if let Some(path) = text.strip_prefix("unix:") {
        let is_path = !path.is_empty();
        return is_path.then(|| Some(Listen::Unix(PathBuf::from(path)))).ok_or(EXPECTED);
    }
    let mut words = text.split_whitespace();
    let (Some(address), second, None) = (words.next(), words.next(), words.next()) else {
        return Err(EXPECTED);
    };
    if second.is_some_and(|second| second != address) {
        return Err(EXPECTED);
    }
    let (host, port) = address.rsplit_once(':').ok_or(EXPECTED)?;
    port.parse::<u16>().map_err(|_| EXPECTED)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_loopback = match bare.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        // A name may lead elsewhere tomorrow; this one is every host's own.
        Err(_) if host == "localhost" => true,
        Err(_) if host.is_empty() || host.contains(['/', '[', ']', '@']) => return Err(EXPECTED),
        Err(_) => false,
    };
    if is_loopback || second.is_some() {
        Ok(Some(Listen::Tcp(address.to_owned())))
    } else {
        Err(OPEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<Option<&str>, &str>) {
        let read = read_desk_listen(text).map(|listen| {
            listen.map(|listen| match listen {
                Listen::Tcp(address) => address,
                Listen::Unix(path) => format!("unix:{}", path.display()),
                Listen::Systemd => "systemd".to_owned(),
            })
        });
        assert_eq!(read, expected.map(|listen| listen.map(str::to_owned)), "{text:?}");
    }

    #[test]
    fn the_desk_is_on_this_host_alone() {
        check("off", Ok(None));
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
            "systemd",
            "http://127.0.0.1:1",
        ] {
            check(text, Err(EXPECTED));
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
