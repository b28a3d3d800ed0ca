//! Listening sockets, on TCP or in the file system.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::interfaces::http::socket;
use crate::interfaces::http::socket::SocketFile;

/// A bound listener that has not accepted any connection yet.
pub enum Listener {
    Tcp(TcpListener),
    /// With the file that it created; a socket from systemd has none, since that file is not ours.
    Unix(UnixListener, Option<SocketFile>),
}

impl Listener {
    /// # Errors
    /// The system's: the address is in use, or not ours.
    pub fn tcp(address: &str) -> io::Result<Self> {
        TcpListener::bind(address).map(Self::Tcp).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                let message = "the address is in use: another shop or program listens there. End it, or choose another port";
                io::Error::new(io::ErrorKind::AddrInUse, message)
            }
            _ => error,
        })
    }

    /// A socket that any user of the host may connect to, unless a process already listens there.
    ///
    /// # Errors
    /// As `socket::listen`.
    pub fn unix(path: &Path) -> io::Result<Self> {
        socket::listen(path).map(|(listener, file)| Self::Unix(listener, Some(file)))
    }

    /// How Tor on the same host reaches it, as the target of an onion service's port.
    ///
    /// # Errors
    /// The system's, for the socket's address.
    pub fn target(&self) -> io::Result<String> {
        match self {
            Self::Tcp(listener) => {
                let mut address = listener.local_addr()?;
                if address.ip().is_unspecified() {
                    address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
                }
                Ok(address.to_string())
            }
            Self::Unix(listener, _) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().ok_or(io::ErrorKind::AddrNotAvailable)?;
                Ok(format!("unix:{}", fs::canonicalize(path)?.display()))
            }
        }
    }

    pub fn is_tcp(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// Whether other hosts can reach it.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .is_ok_and(|address| !address.ip().to_canonical().is_loopback()),
            Self::Unix(..) => false,
        }
    }

    /// The address for a browser.
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| "http://".to_owned(), |address| format!("http://{address}")),
            Self::Unix(listener, _) => {
                let path = listener
                    .local_addr()
                    .ok()
                    .and_then(|address| address.as_pathname().map(Path::to_owned));
                format!("unix:{}", path.unwrap_or_default().display())
            }
        }
    }
}
