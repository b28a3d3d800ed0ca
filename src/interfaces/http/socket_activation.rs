//! Listening sockets passed by systemd (socket activation).

use std::io;

use listenfd::ListenFd;

use crate::interfaces::http::Listener;

/// The sockets, and the names that systemd gave them. Source: sd_listen_fds(3).
pub struct ActivatedSockets {
    sockets: ListenFd,
    /// One for each socket; empty if no names were passed.
    names: Vec<String>,
}

/// Which listener a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketName {
    Shop,
    Desk,
}

impl ActivatedSockets {
    /// `names`: the value of `LISTEN_FDNAMES`.
    pub fn take(names: Option<&str>) -> Self {
        let names = names.into_iter().flat_map(|names| names.split(':')).map(str::to_owned);
        Self { sockets: ListenFd::from_env(), names: names.collect() }
    }

    /// Whether one of them is for the desk.
    pub fn has_desk(&self) -> bool {
        find(SocketName::Desk, &self.names, self.sockets.len()).is_ok()
    }

    /// # Errors
    /// If it was not passed, or more than once.
    pub fn listener(&mut self, listener: SocketName) -> io::Result<Listener> {
        let at = find(listener, &self.names, self.sockets.len()).map_err(io::Error::other)?;
        if let Ok(Some(listener)) = self.sockets.take_unix_listener(at) {
            return Ok(Listener::Unix(listener, None));
        }
        let listener = self.sockets.take_tcp_listener(at)?;
        listener
            .map(Listener::Tcp)
            .ok_or_else(|| io::Error::other("the socket from systemd takes no connections"))
    }
}

/// The index of the socket among `n`. A name that ends with `desk` is the desk's, any other the shop's; a single socket
/// without a name is the shop's.
fn find(listener: SocketName, names: &[String], n: usize) -> Result<usize, String> {
    let owner = |at: usize| match names.get(at) {
        Some(name) if name.trim_end_matches(".socket").ends_with("desk") => Some(SocketName::Desk),
        Some(_) => Some(SocketName::Shop),
        // Without names, two sockets could be mistaken for each other.
        None => (n == 1).then_some(SocketName::Shop),
    };
    let found: Vec<usize> = (0..n).filter(|at| owner(*at) == Some(listener)).collect();
    let (unit, name) = match listener {
        SocketName::Shop => ("shop.socket", "shop"),
        SocketName::Desk => ("shop-desk.socket", "desk"),
    };
    match found.as_slice() {
        [at] => Ok(*at),
        [] => Err(format!(
            "systemd handed over no socket of {unit} ({n} in all; FileDescriptorName={name} names it): enable and start {unit}"
        )),
        many => {
            Err(format!("systemd handed over {} sockets of {unit}; there must be one", many.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], n: usize, shop: Option<usize>, desk: Option<usize>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(find(SocketName::Shop, &names, n).ok(), shop, "the shop's of {names:?}");
        assert_eq!(find(SocketName::Desk, &names, n).ok(), desk, "the desk's of {names:?}");
    }

    #[test]
    fn a_socket_is_found_by_its_name_in_any_order() {
        check(&["shop", "desk"], 2, Some(0), Some(1));
        check(&["desk", "shop"], 2, Some(1), Some(0));
        check(&["shop-desk.socket", "shop.socket"], 2, Some(1), Some(0));
        check(&["shop.socket"], 1, Some(0), None);
        check(&["desk"], 1, None, Some(0));
        check(&["unknown"], 1, Some(0), None);
        check(&[], 1, Some(0), None);
    }

    #[test]
    fn nothing_is_guessed() {
        check(&[], 0, None, None);
        check(&[], 2, None, None);
        check(&["shop", "shop"], 2, None, None);
        check(&["shop", "desk", "desk"], 3, Some(0), None);
        let message = find(SocketName::Desk, &["shop".to_owned()], 1).unwrap_err();
        assert!(
            message.contains("shop-desk.socket") && message.contains("FileDescriptorName=desk")
        );
    }
}
