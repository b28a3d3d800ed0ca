//! PGP parts of a reply.

use data_encoding::BASE64;

const BEGIN: &str = "-----BEGIN PGP MESSAGE-----";
const END: &str = "-----END PGP MESSAGE-----";

/// Whether a text is one armored PGP message and nothing else.
pub fn is_one_message(text: &str) -> bool {
    inner(text).is_some()
}

/// Whether a text is one PGP message that only these keys can decrypt.
/// A hidden recipient (key id 0) may be anybody.
pub fn is_for_nobody_else(text: &str, own_key_ids: &[u64]) -> bool {
    let to = key_ids(text);
    !to.is_empty() && to.iter().all(|id| own_key_ids.contains(id))
}

fn inner(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    Some(inner).filter(|inner| !inner.contains("-----"))
}

/// The ids of the keys to which a message is encrypted.
/// Source: RFC 9580, sections 4.2 and 5.1.
fn key_ids(text: &str) -> Vec<u64> {
    let bytes = unarmored(text).unwrap_or_default();
    let mut ids = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((kind, body, after)) = packet(rest) {
        match kind {
            // A packet of a later version may be for anybody.
            1 => ids.push(key_id(body).unwrap_or(0)),
            // A marker, and padding.
            10 | 21 => {}
            _ => break,
        }
        rest = after;
    }
    ids
}

fn unarmored(text: &str) -> Option<Vec<u8>> {
    let inner = inner(text)?;
    let lines: Vec<&str> = inner.trim_start_matches([' ', '\t']).lines().map(str::trim).collect();
    // Headers, if any, end with a blank line; a checksum of four characters begins with `=`.
    let after_first = lines.get(1..).unwrap_or_default();
    let blank = after_first.iter().position(|line| line.is_empty()).map_or(0, |at| at + 1);
    let data: String =
        after_first[blank..].iter().take_while(|line| !line.starts_with('=')).copied().collect();
    // If the message is truncated after the first packets, they still name their keys.
    let whole = data.len() / 4 * 4;
    BASE64.decode(data.get(..whole)?.as_bytes()).ok()
}

/// The first packet: its tag, its body, and the rest.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let is_new = first & 0xC0 == 0xC0;
    let kind = if is_new { first & 0x3F } else { first >> 2 & 0x0F };
    let number = |n: usize| -> Option<usize> {
        let digits = rest.get(..n)?;
        Some(digits.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let (n_length, length) = match (is_new, first & 0x80) {
        (_, 0) => return None,
        (false, _) => match first & 3 {
            0 => (1, number(1)?),
            1 => (2, number(2)?),
            2 => (4, number(4)?),
            _ => return None,
        },
        (true, _) => match number(1)? {
            n @ 0..192 => (1, n),
            192..224 => (2, number(2)? - (192 << 8) + 192),
            // Partial lengths are used for data, never for a key.
            224..255 => return None,
            _ => (5, number(5)? & 0xFFFF_FFFF),
        },
    };
    let body = rest.get(n_length..)?.get(..length)?;
    Some((kind, body, &rest[n_length + length..]))
}

fn key_id(body: &[u8]) -> Option<u64> {
    let id = match body.split_first()? {
        (3, rest) => rest.get(..8)?,
        (6, rest) => match (rest.first()?, rest.get(1)?) {
            (21, 4) => rest.get(14..22)?,
            (33, 6) => rest.get(2..10)?,
            _ => return None,
        },
        _ => return None,
    };
    Some(u64::from_be_bytes(id.try_into().ok()?))
}
