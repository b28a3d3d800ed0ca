//! Recognises private keys, to refuse them.

use std::ops::RangeInclusive;

use bip39::{Language, Mnemonic};
use bitcoin::base58;

/// The warning for a user who enters a private key. It does not repeat the key.
pub const WARNING: &str = "this looks like a PRIVATE key or a seed phrase: never give it to the shop, which needs only \
     addresses and public keys; if it is in a file or was sent anywhere, move the coins to a new wallet now";

/// Source: SLIP-132; BIP-32 for `xprv` and `tprv`; Dogecoin Core's `chainparams.cpp` for `dgpv`.
const PRIVATE_PREFIXES: [&str; 11] =
    ["xprv", "yprv", "zprv", "Yprv", "Zprv", "tprv", "uprv", "vprv", "Ltpv", "Mtpv", "dgpv"];

/// Units: bytes of a word of BIP-39's English list, and of the shortest mnemonic of twelve.
const LISTED_WORD: RangeInclusive<usize> = 3..=8;
const MIN_MNEMONIC: usize = 12 * 3 + 11;

/// Whether a text looks like a private key or a mnemonic of any coin, including mistyped ones.
///
/// Shape: 64 hexadecimal digits (Ethereum, Monero); 51 or 52 characters of Base58 (the wallet import format of
/// Bitcoin and coins like it, BIP-38's 58 after `6P`); an extended private key, alone or inside a descriptor; 10 or more words in a row.
pub fn looks_private(text: &str) -> bool {
    let text = text.trim();
    let is_alphanumeric = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_wallet_import =
        matches!(text.len(), 51 | 52) && text.starts_with(['5', 'K', 'L', '9', 'c', '6', 'T', 'Q']);
    let is_encrypted_key = text.len() == 58 && text.starts_with("6P");

    let mut pieces = text.split(|c: char| !c.is_alphanumeric());
    let is_extended =
        pieces.any(|piece| PRIVATE_PREFIXES.iter().any(|prefix| piece.starts_with(prefix)));

    // The Japanese, Korean and French word lists contain combining marks, which are not letters.
    let is_word = |word: &str| word.chars().all(|c| c.is_alphabetic() || !c.is_ascii());
    let words = text.split(|c: char| c.is_whitespace() || c == ',');
    // People number the words: `1. abandon`.
    let bare = words.map(|word| word.trim_matches(|c: char| c.is_ascii() && !c.is_alphabetic()));
    let words: Vec<&str> = bare.filter(|word| !word.is_empty()).collect();
    let is_mnemonic = 10 <= words.len() && words.iter().all(|word| is_word(word));

    is_hex_key(text)
        || is_alphanumeric && (is_wallet_import || is_encrypted_key)
        || is_extended
        || is_mnemonic
}

/// Whether free text, such as a description or a page, contains a private key or a mnemonic beyond doubt: by its
/// checksum, or because it is the whole text.
///
/// Shape: an extended private key, the wallet import format or BIP-38 anywhere in it; 12, 15, 18, 21 or 24 words
/// of BIP-39's English list in a row with a valid checksum; 64 hexadecimal digits alone.
pub fn holds_private(text: &str) -> bool {
    is_hex_key(text.trim()) || holds_private_beside_digits(text)
}

/// The same for texts in which 64 hexadecimal digits may be something else.
pub fn holds_private_beside_digits(text: &str) -> bool {
    // Most texts of a catalog are shorter than any mnemonic, and than any key.
    if text.len() < MIN_MNEMONIC {
        return false;
    }
    let mut pieces = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|p| 50 < p.len());
    if pieces.any(is_certain_key) {
        return true;
    }
    // Ten words in a row that are all on the list are rare in prose: few texts need the checksum test.
    let words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let mut row = Vec::new();
    for word in words {
        let word = LISTED_WORD.contains(&word.len()).then(|| word.to_ascii_lowercase());
        let Some(word) = word.filter(|word| Language::English.find_word(word).is_some()) else {
            row.clear();
            continue;
        };
        row.push(word);
        for n_words in [12, 15, 18, 21, 24] {
            let Some(start) = row.len().checked_sub(n_words) else { break };
            if Mnemonic::parse_in_normalized(Language::English, &row[start..].join(" ")).is_ok() {
                return true;
            }
        }
    }
    false
}

/// Whether a message that is about to be shown repeats a private key, including mistyped ones.
pub fn repeats_private(text: &str) -> bool {
    let mut pieces = text.split(|c: char| !c.is_ascii_alphanumeric());
    holds_private(text) || pieces.any(looks_private)
}

fn is_certain_key(piece: &str) -> bool {
    // Decoding Base58 takes quadratic time.
    if 120 < piece.len() {
        return false;
    }
    let is_extended = PRIVATE_PREFIXES.iter().any(|prefix| piece.starts_with(prefix));
    let is_wallet_import = matches!(piece.len(), 51 | 52 | 58);
    (is_extended && 100 < piece.len())
        || is_wallet_import
            && base58::decode_check(piece).is_ok_and(|bytes| match bytes.as_slice() {
                // The key, and one more byte if its public key is compressed: of Bitcoin, Bitcoin Cash and Zcash, of their
                // test networks, of Litecoin, and of Dogecoin.
                [0x80 | 0xEF | 0xB0 | 0x9E, rest @ ..] => matches!(rest.len(), 32 | 33),
                [0x01, 0x42 | 0x43, ..] => bytes.len() == 39,
                _ => false,
            })
}

fn is_hex_key(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(looks_private(text), expected, "{text:?}");
    }

    #[test]
    fn private_keys_and_mnemonics_are_recognised() {
        // Source: BIP-32, test vector 1; the beginning of BIP-84's account; the wiki's example of the wallet import
        // format; BIP-38's first vector; BIP-39's first; the first account of Hardhat and Foundry.
        check(
            "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
            true,
        );
        check(
            "wpkh([d34db33f/84h/0h/0h]zprvAdG4iTXWBoARxkkzNpNh8r6Qag3irQB8PzEMkAFeTRXxHpbF9z4Qg/0/*)",
            true,
        );
        check("5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ", true);
        check("6PRVWUbkzzsbcVac2qwfssoUJAN1Xhrg6bNk8J7Nzm5H7kxEbn2Nh2ZoGg", true);
        check(&format!("{}about", "abandon ".repeat(11)), true);
        check(&format!("{}about", "abandon,".repeat(11)), true);
        check(&(1..=12).map(|n| format!("{n}. abandon\n")).collect::<String>(), true);
        check(&"あいこくしん　".repeat(12), true);
        check("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80", true);
        check("AC0974BEC39A17E36BA4A6B4D238FF944BACB478CBED5EFCAE784D7BF4F2FF80", true);
    }

    #[test]
    fn what_receives_is_no_secret() {
        check("", false);
        check("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", false);
        check("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", false);
        check("bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr", false);
        check("the address that buyers pay to", false);
    }

    #[track_caller]
    fn check_prose(text: &str, expected: bool) {
        assert_eq!(holds_private(text), expected, "{text:?}");
    }

    #[test]
    fn a_key_within_other_words_is_found_where_it_is_one_beyond_doubt() {
        let words = format!("{}about", "abandon ".repeat(11));
        check_prose(&words, true);
        check_prose(&format!("Keep this: {}", words.to_uppercase().replace(' ', "\n2. ")), true);
        check_prose(&format!("{}junk", "test ".repeat(11)), true);
        // Source: BIP-39, Trezor's vectors.
        check_prose(
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
            true,
        );
        check_prose("Mine is 5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ.", true);
        check_prose("(6PRVWUbkzzsbcVac2qwfssoUJAN1Xhrg6bNk8J7Nzm5H7kxEbn2Nh2ZoGg)", true);
        check_prose(
            "key=xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
            true,
        );
        check_prose("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80", true);

        check_prose("", false);
        check_prose(&"abandon ".repeat(12), false);
        check_prose(
            "Young leaves, picked in April and steamed the same day. The cup is pale and bright, with something of fresh peas and warm hay about it.",
            false,
        );
        check_prose(
            "Paid by 0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80, thank you",
            false,
        );
        check_prose("xprv is the beginning of a private key", false);
        check_prose(
            "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs",
            false,
        );
    }

    #[test]
    fn every_word_of_the_list_may_be_in_a_mnemonic() {
        for word in Language::English.word_list() {
            assert!(LISTED_WORD.contains(&word.len()), "{word}");
        }
        // The shortest mnemonics.
        let words = Language::English.word_list().iter().filter(|word| word.len() == 3);
        let shortest = words.map(|word| format!("{}{word}", "act ".repeat(11)));
        let n_found = shortest.filter(|text| text.len() == MIN_MNEMONIC && holds_private(text));
        assert!(0 < n_found.count());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*|([a-z]{3,8} ){12,30}") {
            let _ = (looks_private(&text), holds_private(&text));
        }
    }
}
