//! Tokens against cross-site request forgery.

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
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
    pub fn knows(&self, visitor: &str, token: &str) -> bool {
        let Some(bytes) = from_hex(token) else { return false };
        let mut mac = self.0.clone();
        mac.update(visitor.as_bytes());
        mac.verify_truncated_left(&bytes).is_ok()
    }
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn from_hex(text: &str) -> Option<[u8; N_BYTES]> {
    let mut bytes = [0; N_BYTES];
    if text.len() != 2 * N_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_visitors_alone() {
        let key = TokenKey::new(b"secret");
        let token = key.token("anna");
        assert!(key.knows("anna", &token));
        assert!(!key.knows("bert", &token) && !TokenKey::new(b"other").knows("anna", &token));
        for wrong in ["", "x", &token[..31], &format!("{token}0"), &"0".repeat(32), &"é".repeat(16)]
        {
            assert!(!key.knows("anna", wrong));
        }
    }

    #[test]
    fn bytes_are_written_in_hexadecimal_and_read_again() {
        let bytes: [u8; N_BYTES] = std::array::from_fn(|n| u8::try_from(17 * n).unwrap());
        assert_eq!(hex(&bytes), "00112233445566778899aabbccddeeff");
        assert_eq!(hex(&[0x0f, 0xa5]), "0fa5");
        assert_eq!(from_hex("00112233445566778899aabbccddeeff"), Some(bytes));
        for wrong in ["0f", "0011223344556677 899aabbccddeeff", "00112233445566778899aabbccddeefg"]
        {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
