//! The onion service's key and address, in Tor's format.

use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::Scalar;
use data_encoding::BASE32_NOPAD;
use data_encoding::BASE64;
use sha2::Digest as _;
use sha2::Sha512;
use std::fmt;

/// The secret of an onion service: who has it is the shop.
///
/// Shape: the expanded ed25519 key, a clamped scalar and 32 bytes more. Source: rend-spec-v3, appendix A.2.
#[derive(Clone, PartialEq, Eq)]
pub struct OnionKey([u8; 64]);

/// What a buyer enters.
///
/// Shape: 56 small letters and digits of base 32, and `.onion`. Source: rend-spec-v3, section 6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnionAddress(String);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not an onion key: expected the 96 bytes of tor's hs_ed25519_secret_key, starting with `== ed25519v1-secret: type0 ==`"
)]
pub struct NotAKey;

/// How tor begins its own key files, so that a key moves between tor's folder and ours as it is.
const HEADER: &[u8; 32] = b"== ed25519v1-secret: type0 ==\0\0\0";

impl OnionKey {
    /// `random_bytes`: 32 bytes that nobody else knows. Source: RFC 8032, section 5.1.5.
    pub fn new(random_bytes: [u8; 32]) -> Self {
        let mut key: [u8; 64] = Sha512::digest(random_bytes).into();
        key[0] &= 248;
        key[31] = key[31] & 63 | 64;
        Self(key)
    }

    /// # Errors
    /// [`NotAKey`] where the bytes are not such a file.
    pub fn parse(file: &[u8]) -> Result<Self, NotAKey> {
        let key: [u8; 64] =
            file.strip_prefix(HEADER).and_then(|key| key.try_into().ok()).ok_or(NotAKey)?;
        let is_clamped = key[0] & 7 == 0 && key[31] & 0b1100_0000 == 0b0100_0000;
        is_clamped.then_some(Self(key)).ok_or(NotAKey)
    }

    /// As [`OnionKey::parse`] reads it.
    pub fn file(&self) -> Vec<u8> {
        [HEADER.as_slice(), &self.0].concat()
    }

    /// As `ADD_ONION` takes it.
    pub fn for_control_port(&self) -> String {
        format!("ED25519-V3:{}", BASE64.encode(&self.0))
    }

    pub fn address(&self) -> OnionAddress {
        let scalar: [u8; 32] = self.0[..32].try_into().expect("half of 64 bytes");
        let public = EdwardsPoint::mul_base(&Scalar::from_bytes_mod_order(scalar)).compress();
        OnionAddress::of(public.as_bytes())
    }
}

/// The key itself is never shown.
impl fmt::Debug for OnionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OnionKey")
    }
}

impl OnionAddress {
    fn of(public: &[u8; 32]) -> Self {
        let sum = checksum(public);
        let whole = [public.as_slice(), &sum, &[3]].concat();
        Self(format!("{}.onion", BASE32_NOPAD.encode(&whole).to_lowercase()))
    }

    /// Reads an address with or without `.onion`; the checksum must hold.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix(".onion").unwrap_or(text);
        let is_small = name.bytes().all(|byte| !byte.is_ascii_uppercase());
        let bytes = BASE32_NOPAD.decode(name.to_ascii_uppercase().as_bytes()).ok()?;
        let whole: [u8; 35] = bytes.try_into().ok()?;
        let public: &[u8; 32] = whole[..32].try_into().ok()?;
        let is_whole = whole[32..34] == checksum(public) && whole[34] == 3;
        (is_small && is_whole).then(|| Self(format!("{name}.onion")))
    }

    /// The 56 letters alone, as Tor's control port calls the service.
    pub fn name(&self) -> &str {
        &self.0[..56]
    }

    /// `http://….onion`.
    pub fn url(&self) -> String {
        format!("http://{}", self.0)
    }
}

impl fmt::Display for OnionAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn checksum(public: &[u8; 32]) -> [u8; 2] {
    use sha3::Digest;
    let sum = sha3::Sha3_256::new()
        .chain_update(b".onion checksum")
        .chain_update(public)
        .chain_update([3]);
    let sum = sum.finalize();
    [sum[0], sum[1]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tor_and_the_shop_make_the_same_address_of_a_key() {
        // Made by tor 0.4.9.11, with ADD_ONION NEW:ED25519-V3.
        let blob = "cF+u6yPTyr2gZIjxWnFCJyh6f2T4hpF6IsTjjDXJxksXZP/Mh2MPi2/YkZHpjYiVuN6H4WFGYSlsdI4OtDGvWg==";
        let file = [HEADER.as_slice(), &BASE64.decode(blob.as_bytes()).unwrap()].concat();
        let key = OnionKey::parse(&file).unwrap();
        assert_eq!(
            key.address().url(),
            "http://feclorj4bzfwwwiavisd6wg3zm62t5uybnnmopnahujs5y2tu6ff44ad.onion"
        );
        assert_eq!(key.for_control_port(), format!("ED25519-V3:{blob}"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let file = OnionKey::new([7; 32]).file();
        assert_eq!(file.len(), 96);
        assert!(OnionKey::parse(&file[..95]).is_err());
        assert!(OnionKey::parse(&[file.clone(), vec![0]].concat()).is_err());
        let mut other = file.clone();
        other[63] = 0xff;
        assert_eq!(OnionKey::parse(&other), Err(NotAKey), "a scalar that is not clamped");
        assert_eq!(format!("{:?}", OnionKey::new([7; 32])), "OnionKey");
    }

    proptest! {
        #[test]
        fn every_key_comes_back_from_its_file(random_bytes: [u8; 32]) {
            let key = OnionKey::new(random_bytes);
            prop_assert_eq!(&OnionKey::parse(&key.file()).unwrap(), &key);
            let address = key.address();
            prop_assert_eq!(OnionAddress::parse(&address.to_string()), Some(address.clone()));
            prop_assert_eq!(OnionAddress::parse(address.name()), Some(address));
        }

        #[test]
        fn one_wrong_letter_is_noticed(random_bytes: [u8; 32], at in 0usize..56, letter in "[a-z2-7]") {
            let address = OnionKey::new(random_bytes).address().to_string();
            let mut wrong = address.clone();
            wrong.replace_range(at..=at, &letter);
            prop_assert_eq!(OnionAddress::parse(&wrong).is_some(), wrong == address);
        }
    }
}
