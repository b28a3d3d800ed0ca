//! An order's messages as the desk shows them.

use crate::actions::Letter;

/// What a page shows of a message to the seller.
pub enum LetterView {
    Sealed(String),
    Plain(String),
    /// Why there is nothing to show.
    Missing(&'static str),
}

const GONE: &str = "You deleted this message from your mailbox; the shop has no copy.";
const WAITING: &str =
    "This message is held back until your key works: `shop doctor` says what is wrong with it.";
const UNKNOWN: &str = "The shop no longer knows which message this is in.";

impl LetterView {
    pub fn of(letter: Option<Letter>) -> Self {
        match letter {
            Some(Letter::Sealed(armored)) => Self::Sealed(armored),
            Some(Letter::Plain(plain)) => Self::Plain(plain.words),
            Some(Letter::Waiting) => Self::Missing(WAITING),
            Some(Letter::Gone) => Self::Missing(GONE),
            None => Self::Missing(UNKNOWN),
        }
    }
}
