//! The onion service's key, encrypted with a passphrase.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64;

use crate::infra::tor::key::OnionKey;

const BEGIN: &str = "-----BEGIN SHOP ONION KEY-----";
const END: &str = "-----END SHOP ONION KEY-----";
/// The version of the format.
const VERSION: u8 = 1;
const SALT: usize = 16;
const NONCE: usize = 12;
/// Random bytes for encryption: the salt of the passphrase, and the nonce of the cipher.
pub const SALT_BYTES: usize = SALT + NONCE;

/// Why an encrypted key was not decrypted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    #[error("this is not an encrypted onion key: expected the lines from `{BEGIN}` to `{END}`")]
    NotSealed,
    #[error("wrong passphrase, or the file was changed")]
    WrongPassphrase,
}

/// The onion key as text lines that are useless without the passphrase.
///
/// Argon2id (64 MiB, 3 iterations) derives a key from the passphrase; AES-256-GCM encrypts with it.
pub fn seal(key: &OnionKey, passphrase: &str, random_bytes: [u8; SALT_BYTES]) -> String {
    let (salt, nonce) = random_bytes.split_at(SALT);
    let head = [&[VERSION], salt, nonce].concat();
    let payload = Payload { msg: &key.file(), aad: &head };
    let sealed = cipher(passphrase, salt)
        .encrypt(nonce.into(), payload)
        .expect("a key is far shorter than what the cipher takes");
    let text = BASE64.encode(&[head, sealed].concat());
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base 64 is ASCII"))
        .collect();
    format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"))
}

/// # Errors
/// [`UnsealError`]; nothing is returned unless it is authenticated completely.
pub fn unseal(text: &str, passphrase: &str) -> Result<OnionKey, UnsealError> {
    let inner = text.trim().strip_prefix(BEGIN).and_then(|text| text.strip_suffix(END));
    let inner: String = inner.ok_or(UnsealError::NotSealed)?.split_whitespace().collect();
    let bytes = BASE64.decode(inner.as_bytes()).map_err(|_| UnsealError::NotSealed)?;
    let (head, sealed) = bytes.split_at_checked(1 + SALT_BYTES).ok_or(UnsealError::NotSealed)?;
    if head[0] != VERSION {
        return Err(UnsealError::NotSealed);
    }
    let (salt, nonce) = head[1..].split_at(SALT);
    let payload = Payload { msg: sealed, aad: head };
    let file = cipher(passphrase, salt)
        .decrypt(nonce.into(), payload)
        .map_err(|_| UnsealError::WrongPassphrase)?;
    OnionKey::parse(&file).map_err(|_| UnsealError::NotSealed)
}

fn cipher(passphrase: &str, salt: &[u8]) -> Aes256Gcm {
    let mut key = [0; 32];
    let params = Params::new(64 * 1024, 3, 1, Some(32)).expect("these are within its limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut key)
        .expect("the salt is long enough");
    Aes256Gcm::new(&key.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_passphrase_opens_an_encrypted_key() {
        let key = OnionKey::new([5; 32]);
        let text = seal(&key, "correct horse battery", [9; SALT_BYTES]);
        assert_eq!(unseal(&text, "correct horse battery").unwrap(), key);
        assert_eq!(unseal(&text.replace('\n', "\r\n"), "correct horse battery").unwrap(), key);
        assert_eq!(unseal(&text, "correct horse batterx"), Err(UnsealError::WrongPassphrase));
        let name = key.address().name().to_owned();
        assert!(!text.contains(&name) && !text.contains("ed25519"));
    }

    #[test]
    fn a_changed_or_truncated_backup_is_refused() {
        let text = seal(&OnionKey::new([5; 32]), "correct horse battery", [9; SALT_BYTES]);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let other = if lines[2].starts_with('A') { "B" } else { "A" };
        lines[2].replace_range(..1, other);
        assert_eq!(
            unseal(&lines.join("\n"), "correct horse battery"),
            Err(UnsealError::WrongPassphrase)
        );
        for bad in ["", "nonsense", &text[..text.len() - 20], &format!("{BEGIN}\nAA==\n{END}")] {
            assert_eq!(
                unseal(bad, "correct horse battery"),
                Err(UnsealError::NotSealed),
                "{bad:?}"
            );
        }
    }
}
