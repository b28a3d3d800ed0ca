//! A message to the seller as the desk shows it.

use crate::actions::SentMessage;

pub enum MessageView {
    /// Armored.
    Encrypted(String),
    Plain(String),
    /// Why it is not shown.
    Missing(&'static str),
}

impl MessageView {
    pub fn new(message: Option<SentMessage>) -> Self {
        match message {
            Some(SentMessage::Sealed(armored)) => Self::Encrypted(armored),
            Some(SentMessage::Plain(plain)) => Self::Plain(plain.text),
            Some(SentMessage::Waiting) => Self::Missing(
                "This message is held back until your key works: `shop doctor` says what is wrong with it.",
            ),
            Some(SentMessage::Gone) => {
                Self::Missing("You deleted this message from your mailbox; the shop has no copy.")
            }
            None => Self::Missing("The shop no longer knows which message this is in."),
        }
    }
}
