//! A PGP message that a buyer pasted.

/// Text that only the seller can decrypt: an armored OpenPGP message that the buyer made.
///
/// Shape: at most 16,000 characters of ASCII, from `-----BEGIN PGP MESSAGE-----` to its end, with LF line ends.
/// Source: RFC 9580, section 6.2.
#[derive(Clone, PartialEq, Eq)]
pub struct PgpBlock(String);

/// Why a PGP message is not passed on to the seller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PGP message for the seller: {self:?}")]
pub enum NotAPgpBlock {
    NoArmor,
    /// It is a key.
    Key,
    Damaged,
    TooLong,
    /// The armor is complete, but its content is damaged.
    DamagedInside,
    NotEncrypted,
    Password,
    HiddenRecipient,
    /// The ID of the key, here and below.
    NotToTheSeller(String),
    RevokedKey(String),
    AlsoToAnother(String),
    /// Encrypted in an old format that does not detect tampering.
    NoIntegrity,
    /// Encrypted in a newer format than the seller's key declares.
    TooNew,
}

const BEGIN: &str = "-----BEGIN PGP MESSAGE-----";
const END: &str = "-----END PGP MESSAGE-----";
const MOST: usize = 16_000;

impl PgpBlock {
    /// # Errors
    /// [`NotAPgpBlock`] says what is wrong. Whether the seller can decrypt it cannot be checked here.
    pub fn parse(text: &str) -> Result<Self, NotAPgpBlock> {
        if MOST < text.len() {
            return Err(NotAPgpBlock::TooLong);
        }
        if text.contains("-----BEGIN PGP PUBLIC KEY") || text.contains("-----BEGIN PGP PRIVATE KEY")
        {
            return Err(NotAPgpBlock::Key);
        }
        let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
        let [first, inner @ .., last] = lines.as_slice() else { return Err(NotAPgpBlock::NoArmor) };
        if *first != BEGIN || *last != END {
            return Err(NotAPgpBlock::NoArmor);
        }
        // Headers such as `Version:`, if any, end with a blank line. They are removed, since they reveal the buyer's program.
        let body = inner
            .iter()
            .position(|line| line.is_empty())
            .map_or(inner, |blank| &inner[blank + 1..]);
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        let is_valid = |line: &&str| line.len() <= 100 && line.bytes().all(is_base64);
        if body.is_empty() || !body.iter().all(is_valid) {
            return Err(NotAPgpBlock::Damaged);
        }
        // No line is wider than a terminal, as gpg writes them.
        let body: Vec<&str> = body
            .iter()
            .flat_map(|line| {
                (0..line.len()).step_by(64).map(move |at| &line[at..line.len().min(at + 64)])
            })
            .collect();
        Ok(Self(format!("{BEGIN}\n\n{}\n{END}\n", body.join("\n"))))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NotAPgpBlock>) {
        assert_eq!(
            PgpBlock::parse(text).map(|block| block.0),
            expected.map(str::to_owned),
            "{text:?}"
        );
    }

    #[test]
    fn a_message_is_kept_without_its_headers() {
        let message = "\r\n-----BEGIN PGP MESSAGE-----\r\nVersion: X 1\r\n\r\nhQEMA+/=\r\n=njUN\r\n-----END PGP MESSAGE-----\r\n";
        check(
            message,
            Ok("-----BEGIN PGP MESSAGE-----\n\nhQEMA+/=\n=njUN\n-----END PGP MESSAGE-----\n"),
        );
    }

    #[test]
    fn long_lines_are_cut_and_nothing_of_them_is_lost() {
        let line = format!("{}/{}", "A".repeat(63), "B".repeat(30));
        let message = format!("{BEGIN}\n\n{line}\n=njUN\n{END}");
        let cut = format!("{BEGIN}\n\n{}/\n{}\n=njUN\n{END}\n", "A".repeat(63), "B".repeat(30));
        check(&message, Ok(&cut));
        check(&cut, Ok(&cut));
    }

    #[test]
    fn what_is_no_message_is_refused_in_words() {
        check("", Err(NotAPgpBlock::NoArmor));
        check("My address is …", Err(NotAPgpBlock::NoArmor));
        check("-----BEGIN PGP MESSAGE-----\n\nhQEMA\n", Err(NotAPgpBlock::NoArmor));
        check(
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDM\n-----END PGP PUBLIC KEY BLOCK-----",
            Err(NotAPgpBlock::Key),
        );
        check(
            "-----BEGIN PGP MESSAGE-----\n\nhQ EMA\u{1b}\n-----END PGP MESSAGE-----",
            Err(NotAPgpBlock::Damaged),
        );
        check("-----BEGIN PGP MESSAGE-----\n-----END PGP MESSAGE-----", Err(NotAPgpBlock::Damaged));
        check(&"A".repeat(16_001), Err(NotAPgpBlock::TooLong));
    }
}
