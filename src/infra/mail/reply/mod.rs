//! Parses a message from the seller's mail program into what it means for an order. Bytes in, values out.

mod armor;
mod error;
mod lines;
mod parts;
mod quote_stripping;
mod recipients;

pub use error::ReplyError;

use sha2::{Digest, Sha256};

use crate::domain::orders::{Command, NotACommand, OrderRef};
use crate::domain::values::{Paragraph, Timestamp};
use crate::infra::mail::reply::error::{shown, visible};

/// The seller's reply to buyers: a command for their orders, a text, or both.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// Each order once, in the order of the addresses; never empty.
    pub order_refs: Vec<OrderRef>,
    pub message_id: MessageId,
    /// Whether the id is the mail's own `Message-ID`, and not a hash of the whole message.
    pub is_named: bool,
    pub command: Option<Command>,
    /// The seller's own text, without quotes and signature.
    pub text: Option<Paragraph>,
}

/// Identifies a message that is delivered twice.
///
/// Shape: 32 bytes. Source: SHA-256 of the `Message-ID`, so that no header has to be stored; of the whole message if it
/// has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(pub [u8; 32]);

/// Units: bytes of a whole message.
pub const MAX_BYTES: usize = 64 * 1024;
/// Units: characters of the seller's text.
pub const MAX_CHARACTERS: usize = 4_000;
/// Units: characters if the text is a PGP message, which is longer than its plain text.
pub const MAX_PGP_CHARACTERS: usize = 16_000;

impl Reply {
    /// Parses a message. `recipients` are those of the envelope; if there are none, those of the header's `To`, `Cc`
    /// and `Bcc` are used. `own_key_ids` are the seller's own OpenPGP keys, which no buyer has.
    ///
    /// # Errors
    /// [`ReplyError`] says what is wrong and what to do. It is all or nothing.
    pub fn parse(
        message: &[u8],
        recipients: &[String],
        own_key_ids: &[u64],
    ) -> Result<Self, ReplyError> {
        if MAX_BYTES < message.len() {
            return Err(ReplyError::TooBig);
        }
        let prepared = parts::with_header_closed(message);
        let mail = mailparse::parse_mail(&prepared).map_err(|_| ReplyError::NotAMessage)?;
        let order_refs = if recipients.is_empty() {
            recipients::orders(&recipients::of_header(&mail.headers)?)?
        } else {
            recipients::orders(recipients)?
        };
        let mut lines = Vec::new();
        for plain in parts::plain_texts(&mail)? {
            lines.extend(lines::split(&plain));
        }
        let own_text = quote_stripping::quoted_text_removed(&lines)?;
        let (command, rest) = first_command(&own_text)?;
        let text = text_for_buyer(rest, own_key_ids)?;
        if command.is_none() && text.is_empty() {
            return Err(ReplyError::Empty);
        }
        Ok(Self {
            order_refs,
            message_id: MessageId::of(&mail, message),
            is_named: message_id_of(&mail).is_some(),
            command,
            text: Some(text).filter(|text| !text.is_empty()),
        })
    }

    /// A text that the seller typed into a form: plain text, of which every line counts. No mail program has added
    /// anything, so nothing is taken for a quote or a signature. `once`: the form's idempotency key.
    ///
    /// # Errors
    /// As [`Self::parse`]; also if a line is a command, which has a form of its own.
    pub fn typed(
        order_ref: OrderRef,
        text: &str,
        once: [u8; 32],
        own_key_ids: &[u64],
    ) -> Result<Self, ReplyError> {
        if MAX_BYTES < text.len() {
            return Err(ReplyError::TooBig);
        }
        let text = visible(text);
        if let Some(line) = find_command(&text) {
            return Err(ReplyError::TypedCommand(shown(line)));
        }
        let text = text_for_buyer(&text, own_key_ids)?;
        if text.is_empty() {
            return Err(ReplyError::Empty);
        }
        Ok(Self {
            order_refs: vec![order_ref],
            message_id: MessageId(once),
            is_named: true,
            command: None,
            text: Some(text),
        })
    }

    /// The same, handed over on this day: a text without its own id counts as new if it is sent again on another day.
    pub fn handed_over_on(self, day: Timestamp) -> Self {
        let message_id = if self.is_named { self.message_id } else { self.message_id.on_day(day) };
        Self { message_id, ..self }
    }
}

/// The seller's text, unless it is encrypted so that no buyer can read it.
fn text_for_buyer(text: &str, own_key_ids: &[u64]) -> Result<Paragraph, ReplyError> {
    let text = parse_text(text)?;
    if armor::is_for_nobody_else(text.as_str(), own_key_ids) {
        return Err(ReplyError::ToYourself);
    }
    Ok(text)
}

/// The line of a typed text that a buyer should not see: a command, or at the top also a mistyped one.
fn find_command(text: &str) -> Option<&str> {
    let mut lines = text.trim().lines().enumerate();
    let found = lines.find(|(n, line)| match Command::parse(line) {
        None => false,
        Some(Err(NotACommand::Unknown)) => *n == 0,
        Some(_) => true,
    });
    found.map(|(_, line)| line)
}

/// The addresses in `To`, `Cc` and `Bcc`, for a caller that must add them to the envelope's (sendmail's `-t`).
///
/// # Errors
/// [`ReplyError`] if an address header is invalid.
pub fn addressed(message: &[u8]) -> Result<Vec<String>, ReplyError> {
    let prepared = parts::with_header_closed(message);
    let (headers, _) = mailparse::parse_headers(&prepared).map_err(|_| ReplyError::NotAMessage)?;
    recipients::of_header(&headers)
}

/// The seller's text as it may be shown to a buyer, without invisible characters. It may be empty.
///
/// # Errors
/// [`ReplyError`] if it is too long, or no buyer should see it.
pub fn parse_text(text: &str) -> Result<Paragraph, ReplyError> {
    if text.contains("-----BEGIN PGP PRIVATE KEY") {
        return Err(ReplyError::PrivateKey);
    }
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(ReplyError::UnknownLetters);
    }
    let most = if armor::is_one_message(text) { MAX_PGP_CHARACTERS } else { MAX_CHARACTERS };
    // After `visible`, a paragraph can only be refused for its length.
    Paragraph::parse(&visible(text), most).map_err(|_| ReplyError::TooLong { most })
}

impl MessageId {
    /// For a mail without its own id: the same text sent on another day is another mail.
    fn on_day(self, day: Timestamp) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(day.day_start().get().to_be_bytes());
        Self(hash.finalize().into())
    }

    fn of(mail: &mailparse::ParsedMail<'_>, message: &[u8]) -> Self {
        let mut hash = Sha256::new();
        if let Some(named) = message_id_of(mail) {
            hash.update(b"id\n");
            hash.update(named.as_bytes());
        } else {
            hash.update(b"message\n");
            hash.update(message);
        }
        Self(hash.finalize().into())
    }
}

fn message_id_of(mail: &mailparse::ParsedMail<'_>) -> Option<String> {
    use mailparse::MailHeaderMap;
    let named = mail.headers.get_first_value("Message-ID")?;
    Some(named.trim().to_owned()).filter(|named| !named.is_empty())
}

/// The command of the first line, if it is one, and the rest.
fn first_command(text: &str) -> Result<(Option<Command>, &str), NotACommand> {
    let text = text.trim();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    match Command::parse(first) {
        None => Ok((None, text)),
        Some(command) => Ok((Some(command?), rest)),
    }
}

#[cfg(test)]
mod tests;
