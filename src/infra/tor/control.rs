//! A client of Tor's control port.

use std::fmt;
use std::io;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXUPPER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::infra::bounded;

/// The address of Tor's control port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlAddress {
    /// Shape: `HOST:PORT`.
    Tcp(String),
    Unix(PathBuf),
}

/// Why Tor did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum TorError {
    #[error(
        "Tor does not answer at {0}. Install it (apt install tor), add the lines `ControlPort 9051` and `CookieAuthentication 1` to /etc/tor/torrc and restart it (systemctl restart tor)"
    )]
    Unreachable(String),
    #[error(
        "this user has no access to Tor at {0}: add the user to Tor's group (adduser USER debian-tor) and log in again, or set TOR_CONTROL and TOR_PASSWORD"
    )]
    AccessDenied(String),
    #[error(
        "Tor's cookie {path} cannot be read ({error}): add this user to Tor's group (adduser USER debian-tor) and add `CookieAuthFileGroupReadable 1` to /etc/tor/torrc, or set TOR_PASSWORD"
    )]
    Cookie { path: String, error: io::Error },
    #[error("Tor requires a password: set TOR_PASSWORD to the password of HashedControlPassword")]
    NoPassword,
    #[error("Tor rejected the password: TOR_PASSWORD does not match HashedControlPassword")]
    WrongPassword,
    #[error("the program at {0} does not know Tor's cookie: it is not the Tor that wrote it")]
    Impostor(String),
    #[error("Tor refused {command}: {answer}")]
    Refused { command: String, answer: String },
    #[error("the folder shared by Tor and the shop: {0}")]
    Folder(io::Error),
    #[error("the connection to Tor was lost: {0}")]
    ConnectionLost(#[from] io::Error),
}

impl TorError {
    /// Whether a retry may succeed soon, as while Tor starts.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::ConnectionLost(_)
                | Self::Cookie { .. }
                | Self::Refused { .. }
        )
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection to Tor's control port. Source: Tor's control-spec.
pub struct ControlClient {
    reader: BufReader<Box<dyn Stream>>,
    /// The incomplete line received so far.
    partial_line: Vec<u8>,
    /// Asynchronous events that arrived within replies.
    events: Vec<String>,
    /// As reported by Tor.
    pub version: String,
    pub address: ControlAddress,
    /// The file of Tor's cookie; empty if it has none.
    pub cookie: PathBuf,
}

/// The read timeout.
const READ_TIMEOUT: Duration = Duration::from_secs(1);
/// How many such timeouts a reply may take.
const MAX_TIMEOUTS: usize = 30;
/// Units: bytes of a line.
const LONGEST_LINE: usize = 1 << 20;
/// Units: bytes. Tor's cookie has 32.
const MAX_OF_COOKIE: u64 = 1_024;

impl fmt::Display for ControlAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => formatter.write_str(address),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

fn connect(address: &ControlAddress) -> io::Result<Box<dyn Stream>> {
    match address {
        ControlAddress::Tcp(address) => {
            // Otherwise the name would be resolved: the control port is on this host.
            let address = address.replace("localhost:", "127.0.0.1:");
            let unknown = || io::Error::new(io::ErrorKind::InvalidInput, "no address");
            let address = address.to_socket_addrs()?.next().ok_or_else(unknown)?;
            let stream = TcpStream::connect_timeout(&address, READ_TIMEOUT * 5)?;
            stream.set_read_timeout(Some(READ_TIMEOUT))?;
            stream.set_write_timeout(Some(READ_TIMEOUT * 5))?;
            Ok(Box::new(stream))
        }
        ControlAddress::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(READ_TIMEOUT))?;
            stream.set_write_timeout(Some(READ_TIMEOUT * 5))?;
            Ok(Box::new(stream))
        }
    }
}

impl ControlClient {
    /// Connects to the first of `addresses` at which a Tor answers, and authenticates.
    ///
    /// `random_bytes`: a nonce of 32 bytes.
    ///
    /// # Errors
    /// [`TorError`] with what to do.
    pub fn open(
        addresses: &[ControlAddress],
        password: Option<&str>,
        random_bytes: [u8; 32],
    ) -> Result<Self, TorError> {
        let mut access_denied = None;
        for address in addresses {
            match connect(address) {
                Ok(stream) => {
                    return Self::authenticate(stream, address, password, random_bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    access_denied = Some(TorError::AccessDenied(address.to_string()));
                }
                Err(_) => {}
            }
        }
        let tried: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        Err(access_denied.unwrap_or_else(|| TorError::Unreachable(tried.join(" or "))))
    }

    fn authenticate(
        stream: Box<dyn Stream>,
        address: &ControlAddress,
        password: Option<&str>,
        random_bytes: [u8; 32],
    ) -> Result<Self, TorError> {
        let reader = BufReader::new(stream);
        let mut control = Self {
            reader,
            partial_line: Vec::new(),
            events: Vec::new(),
            version: String::new(),
            address: address.clone(),
            cookie: PathBuf::new(),
        };
        let lines = control.ask("PROTOCOLINFO 1")?;
        let of = |start: &str| lines.iter().find_map(|line| line.strip_prefix(start));
        let auth = of("AUTH METHODS=").unwrap_or_default();
        let (methods, rest) = auth.split_once(' ').unwrap_or((auth, ""));
        let offers = |method: &str| methods.split(',').any(|offered| offered == method);
        let cookie = quoted(rest.strip_prefix("COOKIEFILE=").unwrap_or_default());
        control.cookie = PathBuf::from(&cookie);
        control.version = quoted(of("VERSION Tor=").unwrap_or_default()).chars().take(40).collect();
        match password {
            Some(password) if offers("HASHEDPASSWORD") => {
                let escaped = password.replace('\\', "\\\\").replace('"', "\\\"");
                match control.ask(&format!("AUTHENTICATE \"{escaped}\"")) {
                    Err(TorError::Refused { .. }) => return Err(TorError::WrongPassword),
                    done => done?,
                };
            }
            _ if offers("NULL") => {
                control.ask("AUTHENTICATE")?;
            }
            _ if offers("SAFECOOKIE") => {
                control.authenticate_by_cookie(&cookie, address, random_bytes)?
            }
            _ if offers("HASHEDPASSWORD") => return Err(TorError::NoPassword),
            _ => return Err(TorError::AccessDenied(address.to_string())),
        }
        Ok(control)
    }

    /// Proves that we can read Tor's cookie without sending it. Source: control-spec, section 3.24.
    fn authenticate_by_cookie(
        &mut self,
        path: &str,
        address: &ControlAddress,
        random_bytes: [u8; 32],
    ) -> Result<(), TorError> {
        let cookie = bounded::read_file(Path::new(path), MAX_OF_COOKIE)
            .map_err(|error| TorError::Cookie { path: path.to_owned(), error })?;
        let lines =
            self.ask(&format!("AUTHCHALLENGE SAFECOOKIE {}", HEXUPPER.encode(&random_bytes)))?;
        let line = lines.first().map(String::as_str).unwrap_or_default();
        let word = |start: &str| {
            let text = line.split(' ').find_map(|word| word.strip_prefix(start));
            text.and_then(|text| HEXUPPER.decode(text.as_bytes()).ok()).unwrap_or_default()
        };
        let (hash, nonce) = (word("SERVERHASH="), word("SERVERNONCE="));
        let sign = |key: &[u8]| {
            let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
            mac.chain_update(&cookie).chain_update(random_bytes).chain_update(&nonce)
        };
        sign(b"Tor safe cookie authentication server-to-controller hash")
            .verify_slice(&hash)
            .map_err(|_| TorError::Impostor(address.to_string()))?;
        let ours = sign(b"Tor safe cookie authentication controller-to-server hash");
        self.ask(&format!("AUTHENTICATE {}", HEXUPPER.encode(&ours.finalize().into_bytes())))?;
        Ok(())
    }

    /// Tor's reply to `command`: its lines without their codes, except the last one.
    ///
    /// # Errors
    /// [`TorError::Refused`] and [`TorError::ConnectionLost`].
    pub fn ask(&mut self, command: &str) -> Result<Vec<String>, TorError> {
        debug_assert!(!command.contains(['\r', '\n']), "a command is one line");
        self.reader.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        let mut lines = Vec::new();
        let mut timeouts = 0;
        loop {
            let line = self.reply_line(&mut timeouts)?;
            let (code, text) = line.split_at_checked(4).unwrap_or((&line, ""));
            if code.starts_with("650") {
                self.events.push(text.to_owned());
            } else if code.ends_with('+') {
                lines.push(text.to_owned());
                // Data lines have timeouts of their own.
                let mut timeouts = 0;
                loop {
                    match self.reply_line(&mut timeouts)? {
                        line if line == "." => break,
                        line => lines.push(line),
                    }
                }
            } else if code.ends_with('-') {
                lines.push(text.to_owned());
            } else if code.starts_with("25") {
                if text != "OK" {
                    lines.push(text.to_owned());
                }
                return Ok(lines);
            } else {
                // Only the verb: the rest may contain a key.
                let command = command.split(' ').next().unwrap_or_default().to_owned();
                return Err(TorError::Refused { command, answer: line });
            }
        }
    }

    /// The `HiddenServiceDir` of the torrc's service with the target `target`; `None` if the torrc has no such service.
    ///
    /// # Errors
    /// [`TorError::Refused`] and [`TorError::ConnectionLost`].
    pub fn service_folder(&mut self, target: &str) -> Result<Option<PathBuf>, TorError> {
        Ok(find_service(&self.ask("GETCONF HiddenServiceOptions")?, target))
    }

    /// The address of Tor's own metrics; `None` if it has none.
    ///
    /// # Errors
    /// [`TorError::Refused`] and [`TorError::ConnectionLost`].
    pub fn metrics_port(&mut self) -> Result<Option<String>, TorError> {
        let answer = self.ask("GETCONF MetricsPort")?;
        let port = answer.iter().find_map(|line| line.strip_prefix("MetricsPort="));
        Ok(port.and_then(|line| line.split(' ').next()).map(str::to_owned))
    }

    /// The next line of a reply; `timeouts`: those so far.
    fn reply_line(&mut self, timeouts: &mut usize) -> Result<String, TorError> {
        while *timeouts < MAX_TIMEOUTS {
            match self.line()? {
                Some(line) => return Ok(line),
                None => *timeouts += 1,
            }
        }
        Err(io::Error::from(io::ErrorKind::TimedOut).into())
    }

    /// Asynchronous events, after at most one read timeout of a second.
    ///
    /// # Errors
    /// [`TorError::ConnectionLost`].
    pub fn events(&mut self) -> Result<Vec<String>, TorError> {
        // Bounded: a Tor that sends events without end must not block the caller.
        for _ in 0..200 {
            let Some(line) = self.line()? else { break };
            if let Some(text) = line.strip_prefix("650 ") {
                self.events.push(text.to_owned());
            }
        }
        Ok(std::mem::take(&mut self.events))
    }

    /// The next line; `None` if none arrived before the timeout.
    fn line(&mut self) -> Result<Option<String>, TorError> {
        match self.reader.read_until(b'\n', &mut self.partial_line) {
            Ok(_) if self.partial_line.ends_with(b"\n") => {
                let line = String::from_utf8_lossy(&self.partial_line).trim_end().to_owned();
                self.partial_line.clear();
                Ok(Some(line))
            }
            Ok(_) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                if LONGEST_LINE < self.partial_line.len() {
                    return Err(io::Error::from(io::ErrorKind::InvalidData).into());
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// `lines`: the reply to `GETCONF HiddenServiceOptions`, each service's folder before its ports.
fn find_service(lines: &[String], target: &str) -> Option<PathBuf> {
    let mut folder = None;
    for line in lines {
        match line.split_once('=') {
            Some(("HiddenServiceDir", path)) => folder = Some(PathBuf::from(path)),
            Some(("HiddenServicePort", port)) if port.split_whitespace().nth(1) == Some(target) => {
                return folder;
            }
            _ => {}
        }
    }
    None
}

/// A quoted string in Tor's format.
fn quoted(text: &str) -> String {
    let mut found = String::new();
    let mut letters = text.strip_prefix('"').unwrap_or_default().chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return found,
            '\\' => found.extend(letters.next()),
            _ => found.push(letter),
        }
    }
    String::new()
}

/// A metric of one service from Tor's metrics port; `None` if Tor has no such port or does not report it.
///
/// `port`: the reply to `GETCONF MetricsPort`. Source: the tor manual, MetricsPort.
pub fn read_metric(port: &str, name: &str, service: &str) -> Option<u64> {
    let mut stream = connect(&ControlAddress::Tcp(port.to_owned())).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    // Tor keeps the connection open after its response, so the end of the stream must not be awaited.
    let lines = BufReader::new(stream.take(1 << 20)).lines().map_while(Result::ok);
    let mut found = lines.filter(|line| line.starts_with(name) && line.contains(service));
    found.next()?.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_string_ends_at_its_quote() {
        assert_eq!(quoted(r#""/run/tor/control.authcookie" more"#), "/run/tor/control.authcookie");
        assert_eq!(quoted(r#""a\"b\\c""#), r#"a"b\c"#);
        for bad in ["", "bare", r#""open"#] {
            assert_eq!(quoted(bad), "");
        }
    }

    #[test]
    fn a_service_is_found_by_its_target() {
        let lines = [
            "HiddenServiceDir=/var/lib/tor/shop",
            "HiddenServicePort=80 unix:/run/shop/shop.sock",
            "HiddenServiceMaxStreams=64",
            "HiddenServiceDir=/var/lib/tor/desk",
            "HiddenServiceVersion=3",
            "HiddenServicePort=80 unix:/run/shop/desk.sock",
        ]
        .map(str::to_owned);
        let desk = find_service(&lines, "unix:/run/shop/desk.sock");
        assert_eq!(desk, Some(PathBuf::from("/var/lib/tor/desk")));
        assert_eq!(find_service(&lines, "unix:/run/shop/other.sock"), None);
        assert_eq!(find_service(&["HiddenServiceOptions".to_owned()], "unix:/x"), None);
    }

    #[test]
    fn without_tor_the_error_says_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let address = ControlAddress::Unix(home.path().join("none"));
        let error = ControlClient::open(&[address], None, [0; 32]).err().unwrap().to_string();
        for words in ["apt install tor", "ControlPort 9051", "CookieAuthentication 1", "/none"] {
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}
