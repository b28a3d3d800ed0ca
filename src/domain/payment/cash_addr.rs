//! Bitcoin Cash's notation of addresses.

use bech32::Fe32;
use bech32::primitives::iter::{ByteIterExt, Fe32IterExt};

use crate::domain::payment::polymod;

/// Source: CashAddr's specification, also for the notation.
const GENERATOR: [u64; 5] =
    [0x98_f2bc_8e61, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470];
/// Units: characters of the checksum.
const N_CHECKSUM: usize = 8;

/// The bytes after the prefix: a byte for type and length, and the hash.
///
/// Shape: `prefix:` in lowercase, and letters and digits of Bech32 in lowercase. `None` if the checksum is wrong.
pub fn decode(prefix: &str, payload: &str) -> Option<Vec<u8>> {
    let values: Vec<Fe32> =
        payload.chars().map(|letter| Fe32::from_char(letter).ok()).collect::<Option<_>>()?;
    if sum(prefix, values.iter().copied()) != 1 {
        return None;
    }
    let data = values.get(..values.len().checked_sub(N_CHECKSUM)?)?;
    let bytes: Vec<u8> = data.iter().copied().fes_to_bytes().collect();
    // Otherwise the last bits, which belong to no byte, are not zero.
    let again = bytes.iter().copied().bytes_to_fes();
    again.eq(data.iter().copied()).then_some(bytes)
}

/// The address with its prefix.
pub fn encode(prefix: &str, bytes: &[u8]) -> String {
    let data: Vec<Fe32> = bytes.iter().copied().bytes_to_fes().collect();
    let zeros = [Fe32::Q; N_CHECKSUM];
    let sum = sum(prefix, data.iter().copied().chain(zeros)) ^ 1;
    let digit = |n: usize| {
        let five_bits = (sum >> (5 * (N_CHECKSUM - 1 - n))) & 31;
        u8::try_from(five_bits).ok().and_then(|bits| Fe32::try_from(bits).ok()).unwrap_or(Fe32::Q)
    };
    let all = data.into_iter().chain((0..N_CHECKSUM).map(digit));
    format!("{prefix}:{}", all.map(Fe32::to_char).collect::<String>())
}

fn sum(prefix: &str, data: impl Iterator<Item = Fe32>) -> u64 {
    let letters = prefix.bytes().map(|letter| u64::from(letter & 31));
    let values = letters.chain([0]).chain(data.map(|value| u64::from(value.to_u8())));
    values.fold(1, |sum, value| polymod::step(&GENERATOR, sum, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        for text in [
            "prefix:x64nx6hz",
            "p:gpf8m4h7",
            "bitcoincash:qpzry9x8gf2tvdw0s3jn54khce6mua7lcw20ayyn",
            "bchtest:testnetaddress4d6njnut",
            "bchreg:555555555555555555555555555555555555555555555udxmlmrz",
        ] {
            let (prefix, payload) = text.split_once(':').unwrap();
            let values = payload.chars().map(|letter| Fe32::from_char(letter).unwrap());
            assert_eq!(sum(prefix, values), 1, "{text}");
        }
    }

    #[test]
    fn addresses_are_those_of_the_specification() {
        // Source: the specification, "Larger Test Vectors"; their type and length are the first byte.
        for (address, first, hash) in [
            (
                "bitcoincash:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2",
                0,
                "f5bf48b397dae70be82b3cca4793f8eb2b6cdac9",
            ),
            (
                "bchtest:pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t",
                8,
                "f5bf48b397dae70be82b3cca4793f8eb2b6cdac9",
            ),
        ] {
            let (prefix, payload) = address.split_once(':').unwrap();
            let bytes = decode(prefix, payload).unwrap();
            let digits: String = bytes[1..].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((bytes[0], digits.as_str()), (first, hash), "{address}");
            assert_eq!(encode(prefix, &bytes), address);
            // Of another network, or mistyped.
            assert_eq!(decode("bchreg", payload), None);
            for n in 0..payload.len() {
                let other = if &payload[n..=n] == "q" { "p" } else { "q" };
                let mistyped = format!("{}{other}{}", &payload[..n], &payload[n + 1..]);
                assert_eq!(decode(prefix, &mistyped), None, "{mistyped}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let text = encode("bitcoincash", &bytes);
            prop_assert_eq!(decode("bitcoincash", text.strip_prefix("bitcoincash:").unwrap()), Some(bytes));
        }

        #[test]
        fn no_text_panics(text in ".*|[02-9ac-hj-np-z]{0,50}") {
            let _ = decode("bitcoincash", &text);
        }
    }
}
