//! ASCII armor of OpenPGP.

use data_encoding::BASE64;

/// The content of an ASCII armor.
pub struct Armored {
    pub bytes: Vec<u8>,
    /// The same armor without its headers (`Version:`, `Comment:`) and without any text around it.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotArmor {
    Missing,
    Several,
    Damaged,
}

/// Reads the only armor with this label in a text. `label`: `MESSAGE`, `PUBLIC KEY BLOCK`.
///
/// Source: RFC 9580, section 6.2.
///
/// # Errors
/// [`NotArmor`] if there is none or more than one, or if it is damaged.
pub fn open(text: &str, label: &str) -> Result<Armored, NotArmor> {
    let begin = format!("-----BEGIN PGP {label}-----");
    let end = format!("-----END PGP {label}-----");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let first = lines.iter().position(|line| *line == begin).ok_or(NotArmor::Missing)?;
    let last = lines.iter().position(|line| *line == end).ok_or(NotArmor::Damaged)?;
    if lines.iter().filter(|line| line.starts_with("-----BEGIN PGP ")).count() != 1 {
        return Err(NotArmor::Several);
    }
    let inner = lines.get(first + 1..last).ok_or(NotArmor::Damaged)?;
    let blank = inner.iter().position(|line| line.is_empty()).ok_or(NotArmor::Damaged)?;
    let mut body: Vec<&str> =
        inner[blank + 1..].iter().copied().filter(|line| !line.is_empty()).collect();
    let check = match body.last() {
        Some(line) if line.len() == 5 && line.starts_with('=') => body.pop(),
        _ => None,
    };
    let bytes = BASE64.decode(body.concat().as_bytes()).map_err(|_| NotArmor::Damaged)?;
    if let Some(check) = check {
        let sum = BASE64.decode(&check.as_bytes()[1..]).map_err(|_| NotArmor::Damaged)?;
        if sum != crc24(&bytes).to_be_bytes()[1..] {
            return Err(NotArmor::Damaged);
        }
    }
    let sum = check.map_or(String::new(), |check| format!("{check}\n"));
    let text = format!("{begin}\n\n{}\n{sum}{end}\n", body.join("\n"));
    Ok(Armored { bytes, text })
}

/// Source: RFC 9580, section 6.1.1.
fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x00B7_04CE, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 16), |crc, _| {
            let next = crc << 1;
            if next & 0x0100_0000 == 0 { next } else { next ^ 0x0186_4CFB }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "-----BEGIN PGP MESSAGE-----\nComment: x\n\nyDgBO22WxBHv7O8X7O/jygAEzol56iUKiXmV+XmpCtmpqQUKiQrFqclFqUDBovzS\nvBSFjNSiVHsuAA==\n=njUN\n-----END PGP MESSAGE-----\n";

    #[track_caller]
    fn check(text: &str, expected: Result<usize, NotArmor>) {
        assert_eq!(open(text, "MESSAGE").map(|armored| armored.bytes.len()), expected, "{text}");
    }

    #[test]
    fn an_armor_is_read_and_its_sum_is_checked() {
        check(SMALL, Ok(58));
        check(&format!("Hello,\r\n{}\r\nbye", SMALL.replace('\n', "\r\n")), Ok(58));
        check(&SMALL.replace("yDgB", "yDgC"), Err(NotArmor::Damaged));
        check(&SMALL.replace("=njUN\n", ""), Ok(58));
        check(&SMALL.replace("ygAE", "yg!E"), Err(NotArmor::Damaged));
        check(&format!("{SMALL}{SMALL}"), Err(NotArmor::Several));
        check(&SMALL.replace("-----END", "----END"), Err(NotArmor::Damaged));
        check("", Err(NotArmor::Missing));
        assert!(!open(SMALL, "MESSAGE").unwrap().text.contains("Comment"));
    }
}
