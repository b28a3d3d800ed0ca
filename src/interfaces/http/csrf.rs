//! Tokens against cross-site request forgery.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Creates and verifies the token that binds a form to the visitor who received it.
///
/// A request that another site makes a browser send has neither the visitor's cookie (`SameSite=Strict`) nor this
/// token. The token never passes through the compressor, so it cannot be inferred from the length of a page.
pub struct TokenKey(Hmac<Sha256>);

/// Units: bytes of a token, before hexadecimal encoding.
const N_BYTES: usize = 16;

impl TokenKey {
    pub fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// Shape: 32 hexadecimal digits.
    pub fn token(&self, visitor: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(visitor.as_bytes());
        hex(&mac.finalize().into_bytes()[..N_BYTES])
    }

    /// Whether the token was given to this visitor; compares in constant time.
    pub fn verify(&self, visitor: &str, token: &str) -> bool {
        let Ok(bytes) = HEXLOWER_PERMISSIVE.decode(token.as_bytes()) else { return false };
        // A part of a token would be compared with as much of the right one.
        if bytes.len() != N_BYTES {
            return false;
        }
        let mut mac = self.0.clone();
        mac.update(visitor.as_bytes());
        mac.verify_truncated_left(&bytes).is_ok()
    }
}

pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_visitors_alone() {
        let key = TokenKey::new(b"secret");
        let token = key.token("anna");
        assert!(key.verify("anna", &token));
        assert!(!key.verify("bert", &token) && !TokenKey::new(b"other").verify("anna", &token));
        for wrong in [
            "",
            "x",
            &token[..2],
            &token[..30],
            &token[..31],
            &format!("{token}0"),
            &"0".repeat(32),
            &"é".repeat(16),
        ] {
            assert!(!key.verify("anna", wrong));
        }
    }
}
