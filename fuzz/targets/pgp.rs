//! A buyer's PGP block, and the seller's key file.
//!
//! The first byte chooses: text as it is; or bytes, which the target wraps in correct armor so that the packets are reached.
#![no_main]

mod printable;

use std::sync::LazyLock;

use data_encoding::BASE64;
use libfuzzer_sys::fuzz_target;
use shop::domain::orders::PgpBlock;
use shop::domain::values::Timestamp;
use shop::infra::mail::SellerKey;

const KEY_FILE: &str = include_str!("../seeds/pgp-key.asc");

fn now() -> Timestamp {
    Timestamp::new(1_800_000_000).expect("it is a moment")
}

static KEY: LazyLock<SellerKey> =
    LazyLock::new(|| SellerKey::parse(KEY_FILE, now()).expect("the key is good"));

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let text = match which % 4 {
        0 | 2 => std::str::from_utf8(rest).map(str::to_owned).unwrap_or_default(),
        1 => armored("MESSAGE", rest),
        _ => armored("PUBLIC KEY BLOCK", rest),
    };
    if which % 4 < 2 {
        check_block(&text);
    } else {
        check_key(&text);
    }
});

fn check_block(text: &str) {
    let Ok(block) = PgpBlock::parse(text) else { return };
    assert!(PgpBlock::parse(block.as_str()) == Ok(block.clone()), "it is another when read again");
    // It is part of a message: no line may end the block early, or be longer than mail allows.
    assert!(block.as_str().lines().all(|line| line.len() < 998 && line.is_ascii()));
    let first = KEY.check_block(&block);
    if let Err(fault) = &first {
        printable::check_message(&fault.to_string());
    }
    assert!(first == KEY.check_block(&block));
}

fn check_key(text: &str) {
    match SellerKey::parse(text, now()) {
        Err(fault) => printable::check_message(&fault.to_string()),
        Ok(key) => {
            let again = SellerKey::parse(key.armored(), now()).expect("it was good a moment ago");
            assert!(again.fingerprint() == key.fingerprint());
            assert!(!key.key_ids().is_empty());
        }
    }
}

/// Source: RFC 9580, section 6; the checksum is optional there.
fn armored(label: &str, bytes: &[u8]) -> String {
    let text = BASE64.encode(bytes);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PGP {label}-----\n\n{}\n-----END PGP {label}-----\n", lines.join("\n"))
}
