//! Recovery codes that replace a code of the second factor.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

/// Replaces a code of the second factor, once, if the phone is lost.
///
/// Shape: 80 random bits: too many to guess, so that no slow hash is needed. Written as 4 groups of 4 base32
/// characters.
pub struct RecoveryCode([u8; RECOVERY_BYTES]);

/// The stored form of it. Shape: SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryHash(pub [u8; 32]);

/// Units: codes that are issued together.
pub const N_RECOVERY_CODES: usize = 10;
pub const RECOVERY_BYTES: usize = 10;

impl RecoveryCode {
    pub fn from_random(random_bytes: [u8; RECOVERY_BYTES]) -> Self {
        Self(random_bytes)
    }

    /// Reads a typed code: any case, with or without hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        if 64 < text.len() {
            return None;
        }
        let letters: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let bytes = BASE32_NOPAD.decode(letters.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    pub fn text(&self) -> String {
        in_groups(&self.0, "-")
    }

    pub fn hash(&self) -> RecoveryHash {
        let hash = Sha256::new().chain_update(b"shop desk recovery 1").chain_update(self.0);
        RecoveryHash(hash.finalize().into())
    }
}

/// Base32 in groups of four, for copying by hand.
pub fn in_groups(bytes: &[u8], between: &str) -> String {
    let text = BASE32_NOPAD.encode(bytes);
    let groups = text.as_bytes().chunks(4);
    let groups = groups.map(|group| std::str::from_utf8(group).expect("base 32 is ASCII"));
    groups.collect::<Vec<&str>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_comes_back_however_it_was_typed() {
        let code = RecoveryCode::from_random(*b"\x00\x44\x32\x14\xc7\x42\x54\xb6\x35\xcf");
        assert_eq!(code.text(), "ABCD-EFGH-IJKL-MNOP");
        for text in ["ABCD-EFGH-IJKL-MNOP", "abcdefghijklmnop", " abcd efgh ijkl mnop\n"] {
            assert_eq!(
                RecoveryCode::parse(text).map(|code| code.text()),
                Some(code.text()),
                "{text}"
            );
            assert!(RecoveryCode::parse(text).unwrap().hash() == code.hash());
        }
        for text in
            ["", "123456", "ABCD-EFGH-IJKL-MNO", "ABCD-EFGH-IJKL-MNOPQ", "ABCD-EFGH-IJKL-MNO1", "é"]
        {
            assert!(RecoveryCode::parse(text).is_none(), "{text}");
        }
    }
}
