//! Keys of clients that may reach an onion service.

use std::fmt;

use curve25519_dalek::MontgomeryPoint;
use data_encoding::BASE32_NOPAD;

use crate::infra::tor::key::OnionAddress;

/// The seller's name for a client with access.
///
/// Shape: 1 to 32 lowercase letters, digits and `-`; a file with this name is written for Tor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientName(String);

/// A client with access: a name, and the public half of the key in its Tor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub name: ClientName,
    /// Shape: 52 base32 characters: an x25519 public key.
    public: String,
}

/// All clients with access; if the list is empty, everybody has access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clients(Vec<Client>);

/// Both halves of a new client's key. The private one is shown once and stored nowhere.
pub struct ClientKeys {
    private: String,
    public: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAClient {
    #[error("a name has 1 to 32 lowercase letters, digits and `-`, for example alice")]
    Name,
    #[error("line {0}: expected `descriptor:x25519:`, 52 letters and digits, a space and a name")]
    Line(usize),
    #[error("{0} is already on the list; remove it first")]
    Taken(String),
}

impl ClientName {
    /// # Errors
    /// [`NotAClient::Name`].
    pub fn parse(text: &str) -> Result<Self, NotAClient> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=32).contains(&text.len()) && text.bytes().all(fits);
        is_name.then(|| Self(text.to_owned())).ok_or(NotAClient::Name)
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Client {
    /// In the format of `authorized_clients/NAME.auth`. Source: rend-spec-v3, appendix G.
    pub fn auth_line(&self) -> String {
        auth_line(&self.public)
    }

    /// In the format of `ADD_ONION`.
    pub fn public(&self) -> &str {
        &self.public
    }
}

fn auth_line(public: &str) -> String {
    format!("descriptor:x25519:{public}")
}

impl Clients {
    /// Parses the output of [`Clients::file`].
    ///
    /// # Errors
    /// [`NotAClient`] with the number of the line: a partially readable list must not give access by mistake.
    pub fn parse(file: &str) -> Result<Self, NotAClient> {
        let mut clients = Self::default();
        for (at, line) in file.lines().enumerate() {
            let wrong = || NotAClient::Line(at + 1);
            let (key, name) = line.split_once(' ').ok_or_else(wrong)?;
            let public = key.strip_prefix("descriptor:x25519:").ok_or_else(wrong)?;
            let bytes = BASE32_NOPAD.decode(public.as_bytes()).map_err(|_| wrong())?;
            if bytes.len() != 32 {
                return Err(wrong());
            }
            let name = ClientName::parse(name).map_err(|_| wrong())?;
            clients.insert(Client { name, public: public.to_owned() })?;
        }
        Ok(clients)
    }

    pub fn file(&self) -> String {
        self.0.iter().map(|client| format!("{} {}\n", client.auth_line(), client.name)).collect()
    }

    /// # Errors
    /// [`NotAClient::Taken`] if the name is on the list.
    pub fn insert(&mut self, client: Client) -> Result<(), NotAClient> {
        if self.0.iter().any(|known| known.name == client.name) {
            return Err(NotAClient::Taken(client.name.to_string()));
        }
        self.0.push(client);
        self.0.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }

    /// Returns whether there was one with this name.
    pub fn remove(&mut self, name: &ClientName) -> bool {
        let before = self.0.len();
        self.0.retain(|client| client.name != *name);
        self.0.len() < before
    }

    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl ClientKeys {
    /// `random_bytes`: 32 secret random bytes. Source: RFC 7748, section 5.
    pub fn new(random_bytes: [u8; 32]) -> Self {
        let public = MontgomeryPoint::mul_base_clamped(random_bytes);
        Self {
            private: BASE32_NOPAD.encode(&random_bytes),
            public: BASE32_NOPAD.encode(public.as_bytes()),
        }
    }

    pub fn client(&self, name: ClientName) -> Client {
        Client { name, public: self.public.clone() }
    }

    /// The same as [`Client::auth_line`].
    pub fn auth_line(&self) -> String {
        auth_line(&self.public)
    }

    /// The key to enter in Tor Browser.
    pub fn private(&self) -> &str {
        &self.private
    }

    /// The content of a file in Tor's `ClientOnionAuthDir`.
    pub fn auth_private(&self, address: &OnionAddress) -> String {
        format!("{}:descriptor:x25519:{}", address.name(), self.private)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ClientName {
        ClientName::parse(text).unwrap()
    }

    #[test]
    fn the_public_key_matches_the_private_key() {
        // Source: RFC 7748, section 6.1, Bob's keys.
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let private = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        let public = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
        let keys = ClientKeys::new(private.clone().try_into().unwrap());
        assert_eq!(keys.private(), BASE32_NOPAD.encode(&private));
        assert_eq!(keys.client(name("bob")).public(), BASE32_NOPAD.encode(&public));
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let mut clients = Clients::default();
        clients.insert(ClientKeys::new([2; 32]).client(name("bob"))).unwrap();
        clients.insert(ClientKeys::new([1; 32]).client(name("alice"))).unwrap();
        assert_eq!(Clients::parse(&clients.file()).unwrap(), clients);
        assert!(
            clients.file().starts_with("descriptor:x25519:") && clients.file().contains(" alice\n")
        );
        let again = ClientKeys::new([3; 32]).client(name("bob"));
        assert_eq!(clients.insert(again), Err(NotAClient::Taken("bob".to_owned())));
        assert!(clients.remove(&name("bob")) && !clients.remove(&name("bob")));
    }

    #[test]
    fn a_list_that_cannot_be_read_says_where() {
        let good = format!("{} a\n", ClientKeys::new([1; 32]).client(name("a")).auth_line());
        for bad in ["", "nonsense", "descriptor:x25519:AAAA b", "descriptor:x25519:AAAA"] {
            let refused = Clients::parse(&format!("{good}{bad}\n"));
            assert_eq!(refused, Err(NotAClient::Line(2)), "{bad:?}");
        }
        for bad in ["", "Alice", "a/b", "..", "a b", &"x".repeat(33)] {
            assert_eq!(ClientName::parse(bad), Err(NotAClient::Name), "{bad:?}");
        }
    }
}
