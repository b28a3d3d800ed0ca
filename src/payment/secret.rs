/// What is said to whoever shows the shop a private key. The key itself is not repeated.
pub const WARNING: &str = "this looks like a PRIVATE key, or the words that make one: never give it to the shop, which needs \
     only what receives; if it stands in a file or was sent anywhere, move the coins to a new wallet now";

/// Source: SLIP-132; BIP-32 for `xprv` and `tprv`.
const PRIVATE_PREFIXES: [&str; 8] =
    ["xprv", "yprv", "zprv", "Yprv", "Zprv", "tprv", "uprv", "vprv"];

/// Whether a text looks like a private key or a mnemonic of any coin, mistyped ones among them.
///
/// Shape: 64 hexadecimal digits (Ethereum, Monero); 51 or 52 characters of Base58 (Bitcoin's wallet import format, BIP-38's
/// 58 after `6P`); an extended private key, alone or inside a descriptor; 10 or more words in a row.
pub fn looks_private(text: &str) -> bool {
    let text = text.trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_hex_key = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());

    let is_alphanumeric = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_wallet_import =
        matches!(text.len(), 51 | 52) && text.starts_with(['5', 'K', 'L', '9', 'c']);
    let is_encrypted_key = text.len() == 58 && text.starts_with("6P");

    let mut pieces = text.split(|c: char| !c.is_alphanumeric());
    let is_extended =
        pieces.any(|piece| PRIVATE_PREFIXES.iter().any(|prefix| piece.starts_with(prefix)));

    // The Japanese, Korean and French lists write marks that are no letters of their own.
    let is_word = |word: &str| word.chars().all(|c| c.is_alphabetic() || !c.is_ascii());
    let words = text.split(|c: char| c.is_whitespace() || c == ',');
    // People number the words: `1. abandon`.
    let bare = words.map(|word| word.trim_matches(|c: char| c.is_ascii() && !c.is_alphabetic()));
    let words: Vec<&str> = bare.filter(|word| !word.is_empty()).collect();
    let is_mnemonic = 10 <= words.len() && words.iter().all(|word| is_word(word));

    is_hex_key
        || is_alphanumeric && (is_wallet_import || is_encrypted_key)
        || is_extended
        || is_mnemonic
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(looks_private(text), expected, "{text:?}");
    }

    #[test]
    fn private_keys_and_mnemonics_are_recognised() {
        // Source: BIP-32, test vector 1; the beginning of BIP-84's account; the wiki's example of the wallet import format;
        // BIP-38's first vector; BIP-39's first; the first account of Hardhat and Foundry.
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

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = looks_private(&text);
        }
    }
}
