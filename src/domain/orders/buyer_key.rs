//! The key pair derived from an order's code, to which messages are encrypted.

use age::x25519;
use bech32::{Bech32, Hrp};

use crate::domain::orders::Code;
use crate::domain::orders::code::derive_salted;

/// The public key derived from an order's code. The shop stores this and not the code, so it cannot decrypt what it has
/// encrypted.
///
/// Shape: `age1…`, 62 characters. Source: <https://age-encryption.org/v1>, X25519 recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuyerRecipient(String);

/// Decrypts what was encrypted to a [`BuyerRecipient`]. It is derived from the buyer's code and kept only for one
/// response.
pub struct BuyerIdentity(x25519::Identity);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a buyer's public key")]
pub struct NotABuyerKey;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuyerKeyError {
    #[error("the text could not be encrypted")]
    Encrypt,
    #[error("the text could not be decrypted")]
    Decrypt,
}

/// Units: bytes. Texts are padded to a multiple of this, so that their length reveals little.
const PADDING: usize = 256;

impl BuyerIdentity {
    /// The key of an order's code in the shop with this salt.
    pub fn of_code(code: &Code, salt: &[u8]) -> Self {
        let mut secret = [0; 32];
        derive_salted(Some(salt), code.words().as_bytes(), b"shop order reader 1", &mut secret);
        let key = bech32::encode::<Bech32>(Hrp::parse_unchecked("age-secret-key-"), &secret)
            .expect("32 bytes fit into an age key");
        Self(key.to_uppercase().parse().expect("the line above made an age key"))
    }

    pub fn recipient(&self) -> BuyerRecipient {
        BuyerRecipient(self.0.to_public().to_string())
    }

    /// # Errors
    /// [`BuyerKeyError::Decrypt`] if it was encrypted to somebody else, or is damaged.
    pub fn decrypt(&self, encrypted: &[u8]) -> Result<String, BuyerKeyError> {
        let bytes = age::decrypt(&self.0, encrypted).map_err(|_| BuyerKeyError::Decrypt)?;
        let mut text = String::from_utf8(bytes).map_err(|_| BuyerKeyError::Decrypt)?;
        text.truncate(text.trim_end_matches('\0').len());
        Ok(text)
    }
}

impl BuyerRecipient {
    /// # Errors
    /// [`NotABuyerKey`] for anything but an X25519 recipient.
    pub fn parse(text: &str) -> Result<Self, NotABuyerKey> {
        let recipient: x25519::Recipient = text.parse().map_err(|_| NotABuyerKey)?;
        Ok(Self(recipient.to_string()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// # Errors
    /// [`BuyerKeyError::Encrypt`] if the host gives no random bytes.
    pub fn encrypt(&self, text: &str) -> Result<Vec<u8>, BuyerKeyError> {
        let recipient: x25519::Recipient = self.0.parse().map_err(|_| BuyerKeyError::Encrypt)?;
        age::encrypt(&recipient, &padded(text)).map_err(|_| BuyerKeyError::Encrypt)
    }
}

fn padded(text: &str) -> Vec<u8> {
    let mut padded = text.as_bytes().to_vec();
    padded.resize(text.len().next_multiple_of(PADDING), 0);
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8, salt: &[u8]) -> BuyerIdentity {
        BuyerIdentity::of_code(&Code::from_random([n; 16]), salt)
    }

    #[test]
    fn only_the_code_decrypts_what_was_encrypted_to_it() {
        let mine = key(1, b"salt");
        let encrypted = mine.recipient().encrypt("Sent today.\nTracking 5").unwrap();
        assert_eq!(mine.decrypt(&encrypted).as_deref(), Ok("Sent today.\nTracking 5"));
        assert_eq!(key(1, b"salt").decrypt(&encrypted).as_deref(), Ok("Sent today.\nTracking 5"));
        for other in [key(2, b"salt"), key(1, b"pepper"), key(1, b"")] {
            assert_eq!(other.decrypt(&encrypted), Err(BuyerKeyError::Decrypt));
        }
        assert!(!encrypted.windows(4).any(|bytes| bytes == b"Sent"));
    }

    #[test]
    fn texts_of_different_lengths_look_alike() {
        // The age header has a random length (grease), so only the padding can be compared.
        assert_eq!(padded("a").len(), padded(&"a".repeat(256)).len());
        assert_eq!(padded(&"ä".repeat(200)).len(), 2 * PADDING);
    }

    #[test]
    fn a_recipient_is_stored_as_text() {
        let recipient = key(7, b"salt").recipient();
        assert_eq!(BuyerRecipient::parse(recipient.as_str()), Ok(recipient));
        assert_eq!(BuyerRecipient::parse("age1nobody"), Err(NotABuyerKey));
    }
}
