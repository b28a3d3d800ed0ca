//! Explains why a key file does not hold a usable public key.

use pgp::packet::{Packet, PacketParser};

use crate::infra::mail::key_fault::KeyFault;

/// The text of the seller's key file, whatever editor or shell wrote it: UTF-8 or UTF-16, with or without a byte order
/// mark.
///
/// # Errors
/// [`KeyFault`] if the file is not text.
pub fn text_of(bytes: &[u8]) -> Result<String, KeyFault> {
    let utf_16 = |is_big: bool, bytes: &[u8]| {
        let (pairs, _) = bytes.as_chunks::<2>();
        let units = pairs
            .iter()
            .map(|pair| if is_big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) });
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => Ok(utf_16(false, rest)),
        [0xFE, 0xFF, rest @ ..] => Ok(utf_16(true, rest)),
        // The first byte of every OpenPGP packet has this bit set; no ASCII text does.
        [first, ..] if first & 0x80 != 0 && !bytes.starts_with(BYTE_ORDER_MARK) => {
            Err(binary_fault(bytes))
        }
        _ if bytes.get(8..12) == Some(b"KBXf") => {
            Err(KeyFault::Malformed("it is gpg's own key database"))
        }
        _ => Ok(String::from_utf8_lossy(bytes).into_owned()),
    }
}

const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

fn binary_fault(bytes: &[u8]) -> KeyFault {
    let holds_secret = PacketParser::new(bytes)
        .any(|packet| matches!(packet, Ok(Packet::SecretKey(_) | Packet::SecretSubkey(_))));
    match first_tag(bytes) {
        _ if holds_secret => KeyFault::PrivateKey,
        Some(5 | 7) => KeyFault::PrivateKey,
        Some(6 | 14) => KeyFault::Malformed("it is binary, exported without --armor"),
        _ => KeyFault::Malformed("it is binary and not a key"),
    }
}

/// The tag of the first packet. Source: RFC 9580, section 4.2.
fn first_tag(bytes: &[u8]) -> Option<u8> {
    let first = *bytes.first()?;
    Some(if first & 0x40 == 0 { first >> 2 & 0x0F } else { first & 0x3F })
}

/// The version of the key in the first packet. Source: RFC 9580, sections 4.2 and 5.5.2.
pub fn first_version(bytes: &[u8]) -> Option<u8> {
    let [first, length, ..] = bytes else { return None };
    let at = match (first & 0x40 == 0, first & 3, length) {
        (true, 0, _) | (false, _, 0..=191) => 2,
        (true, 1, _) | (false, _, 192..=223) => 3,
        (true, 2, _) => 5,
        (false, _, 255) => 6,
        _ => return None,
    };
    bytes.get(at).copied()
}

/// How files begin that are mistaken for an OpenPGP key, and what they are. Those with a secret key come first.
const MISTAKEN: [(&str, Option<&str>); 16] = [
    ("AGE-SECRET-KEY-", None),
    ("PuTTY-User-Key-File-", None),
    ("-----BEGIN PGP MESSAGE", Some("it is a PGP message, not a key")),
    ("-----BEGIN PGP SIGN", Some("it is a signature or a signed text, not a key")),
    ("-----BEGIN CERTIFICATE", Some("it is a TLS or S/MIME certificate, not an OpenPGP key")),
    ("-----BEGIN SSH2 PUBLIC", Some("it is an SSH key, not an OpenPGP key")),
    ("-----BEGIN RSA PUBLIC KEY", Some("it is a PEM key, not an OpenPGP key")),
    ("-----BEGIN PUBLIC KEY", Some("it is a PEM key, not an OpenPGP key")),
    ("ssh-", Some("it is an SSH key, not an OpenPGP key")),
    ("ecdsa-sha2-", Some("it is an SSH key, not an OpenPGP key")),
    ("sk-", Some("it is an SSH key, not an OpenPGP key")),
    ("age1", Some("it is an age key, not an OpenPGP key")),
    ("untrusted comment:", Some("it is a minisign or signify key, not an OpenPGP key")),
    ("<!doctype", Some("it is a web page: save the key itself")),
    ("<html", Some("it is a web page: save the key itself")),
    ("{", Some("it is JSON, not an OpenPGP key")),
];

/// Why a text without the armor of a public key is refused.
pub fn unarmored_fault(text: &str) -> KeyFault {
    if text.trim().is_empty() {
        return KeyFault::Malformed("the file is empty");
    }
    let begins = |line: &str, with: &str| {
        line.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with))
    };
    for (begin, what) in MISTAKEN {
        // SSH and age files may begin with comments.
        let mut lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
        let is_it = match begin.starts_with("-----") {
            true => lines.any(|line| begins(line, begin)),
            false => lines.find(|line| !line.is_empty()).is_some_and(|line| begins(line, begin)),
        };
        if is_it {
            return what.map_or(KeyFault::PrivateKey, KeyFault::Malformed);
        }
    }
    KeyFault::Malformed("it has no line -----BEGIN PGP PUBLIC KEY BLOCK-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &[u8], expected: &KeyFault) {
        let found = text_of(file).map_or_else(|fault| fault, |text| unarmored_fault(&text));
        assert_eq!(found, *expected, "{}", String::from_utf8_lossy(file));
    }

    #[test]
    fn what_is_no_key_is_called_by_its_name() {
        for (file, what) in [
            ("", "the file is empty"),
            (" \n\n", "the file is empty"),
            ("hello", "it has no line -----BEGIN PGP PUBLIC KEY BLOCK-----"),
            ("<!DOCTYPE html>\n<p>", "it is a web page: save the key itself"),
            ("\n<html>", "it is a web page: save the key itself"),
            ("ssh-ed25519 AAAA me@host", "it is an SSH key, not an OpenPGP key"),
            ("# mine\necdsa-sha2-nistp256 AAAA", "it is an SSH key, not an OpenPGP key"),
            ("---- BEGIN", "it has no line -----BEGIN PGP PUBLIC KEY BLOCK-----"),
            (
                "Bag Attributes\n-----BEGIN CERTIFICATE-----\nMIIB",
                "it is a TLS or S/MIME certificate, not an OpenPGP key",
            ),
            ("-----BEGIN PUBLIC KEY-----\nMIIB", "it is a PEM key, not an OpenPGP key"),
            ("-----BEGIN PGP MESSAGE-----\n", "it is a PGP message, not a key"),
            ("-----BEGIN PGP SIGNATURE-----\n", "it is a signature or a signed text, not a key"),
            (
                "-----BEGIN PGP SIGNED MESSAGE-----\n",
                "it is a signature or a signed text, not a key",
            ),
            ("age1qqqq", "it is an age key, not an OpenPGP key"),
            ("{\"key\": 1}", "it is JSON, not an OpenPGP key"),
        ] {
            check(file.as_bytes(), &KeyFault::Malformed(what));
        }
        for secret in ["# created: today\nAGE-SECRET-KEY-1QQ", "PuTTY-User-Key-File-3: ssh-ed25519"]
        {
            check(secret.as_bytes(), &KeyFault::PrivateKey);
        }
    }

    #[test]
    fn a_binary_file_is_told_by_its_first_byte() {
        for first in [0x94, 0x95, 0xC5, 0xC7, 0x9C, 0x9D] {
            check(&[first, 3, 4, 0, 0], &KeyFault::PrivateKey);
        }
        for first in [0x98, 0x99, 0xC6, 0xCE, 0xB8] {
            check(
                &[first, 3, 4, 0, 0],
                &KeyFault::Malformed("it is binary, exported without --armor"),
            );
        }
        check(b"\x89PNG\r\n\x1a\n", &KeyFault::Malformed("it is binary and not a key"));
        check(
            b"\0\0\0\x20\x01\x01\0\x02KBXf\0",
            &KeyFault::Malformed("it is gpg's own key database"),
        );
    }

    #[test]
    fn a_text_is_read_in_the_encodings_of_editors() {
        let words = "key é";
        let units: Vec<u16> = words.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        assert_eq!(text_of(&[&b"\xFF\xFE"[..], &little].concat()).unwrap(), words);
        assert_eq!(text_of(&[&b"\xFE\xFF"[..], &big].concat()).unwrap(), words);
        assert_eq!(text_of(words.as_bytes()).unwrap(), words);
        assert_eq!(text_of(b"key \xE9").unwrap(), "key \u{FFFD}");
    }

    #[test]
    fn the_version_of_a_key_is_read_from_any_form_of_length() {
        for (bytes, version) in [
            (&[0x98, 9, 4][..], Some(4)),
            (&[0x99, 0, 9, 3], Some(3)),
            (&[0x9A, 0, 0, 0, 9, 5], Some(5)),
            (&[0xC6, 9, 6], Some(6)),
            (&[0xC6, 200, 9, 6], Some(6)),
            (&[0xC6, 255, 0, 0, 0, 9, 6], Some(6)),
            (&[0x9B, 9, 4], None),
            (&[0x98], None),
        ] {
            assert_eq!(first_version(bytes), version, "{bytes:?}");
        }
    }
}
