//! The key that is made of an order's code, for whom messages are encrypted.

use age::x25519;
use bech32::{Bech32, Hrp};

use crate::domain::orders::Code;
use crate::domain::orders::code::derive_salted;

/// The public key that is derived from an order's code; words are sealed to it. The shop keeps this and not the code, so that it
/// cannot open what it has sealed.
///
/// Shape: `age1…`, 62 characters. Source: <https://age-encryption.org/v1>, X25519 recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuyerRecipient(String);

/// Opens what was sealed to a [`BuyerRecipient`]. It is made from the buyer's code and lives no longer than an answer.
pub struct BuyerIdentity(x25519::Identity);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reader's public key")]
pub struct NotABuyerKey;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsealed {
    #[error("words could not be sealed")]
    Seal,
    #[error("sealed words could not be opened")]
    Open,
}

/// Units: bytes. What is sealed is as long as a multiple of this, so that its length tells little.
const STEP: usize = 256;

impl BuyerIdentity {
    /// The key of an order's code in the shop with this salt.
    pub fn of_code(code: &Code, salt: &[u8]) -> Self {
        let mut secret = [0; 32];
        let words = code.words();
        derive_salted(Some(salt), words.as_bytes(), b"shop order reader 1", &mut secret);
        let written = bech32::encode::<Bech32>(Hrp::parse_unchecked("age-secret-key-"), &secret)
            .expect("32 bytes fit into an age key");
        Self(written.to_uppercase().parse().expect("an age key was written just now"))
    }

    pub fn reader(&self) -> BuyerRecipient {
        BuyerRecipient(self.0.to_public().to_string())
    }

    /// # Errors
    /// [`Unsealed::Open`] for what was sealed to somebody else, or is damaged.
    pub fn open(&self, sealed: &[u8]) -> Result<String, Unsealed> {
        let bytes = age::decrypt(&self.0, sealed).map_err(|_| Unsealed::Open)?;
        let mut words = String::from_utf8(bytes).map_err(|_| Unsealed::Open)?;
        words.truncate(words.trim_end_matches('\0').len());
        Ok(words)
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
    /// [`Unsealed::Seal`], where the host has no chance to give.
    pub fn seal(&self, words: &str) -> Result<Vec<u8>, Unsealed> {
        let recipient: x25519::Recipient = self.0.parse().map_err(|_| Unsealed::Seal)?;
        age::encrypt(&recipient, &padded(words)).map_err(|_| Unsealed::Seal)
    }
}

fn padded(words: &str) -> Vec<u8> {
    let mut padded = words.as_bytes().to_vec();
    padded.resize(words.len().next_multiple_of(STEP), 0);
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8, salt: &[u8]) -> BuyerIdentity {
        BuyerIdentity::of_code(&Code::from_chance([n; 16]), salt)
    }

    #[test]
    fn only_the_code_opens_what_was_sealed_to_it() {
        let mine = key(1, b"salt");
        let sealed = mine.reader().seal("Sent today.\nTracking 5").unwrap();
        assert_eq!(mine.open(&sealed).as_deref(), Ok("Sent today.\nTracking 5"));
        assert_eq!(key(1, b"salt").open(&sealed).as_deref(), Ok("Sent today.\nTracking 5"));
        for other in [key(2, b"salt"), key(1, b"pepper"), key(1, b"")] {
            assert_eq!(other.open(&sealed), Err(Unsealed::Open));
        }
        assert!(!sealed.windows(4).any(|bytes| bytes == b"Sent"));
    }

    #[test]
    fn words_of_different_length_look_alike() {
        // What is around the words is of a length by chance (age, grease), and says nothing.
        assert_eq!(padded("a").len(), padded(&"a".repeat(256)).len());
        assert_eq!(padded(&"ä".repeat(200)).len(), 2 * STEP);
    }

    #[test]
    fn a_reader_is_kept_as_text() {
        let reader = key(7, b"salt").reader();
        assert_eq!(BuyerRecipient::parse(reader.as_str()), Ok(reader));
        assert_eq!(BuyerRecipient::parse("age1nobody"), Err(NotABuyerKey));
    }
}
