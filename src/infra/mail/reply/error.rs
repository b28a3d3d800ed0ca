//! Why a reply is refused, in texts for the seller.

use crate::domain::orders::NotACommand;
use crate::domain::values::text::without_hidden;

/// Each sentence is shown to the seller by their mail program, which keeps the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    #[error("The reply is larger than 64 KB. Send it as plain text, without attachments.")]
    TooBig,
    #[error("The shop cannot read this message. Send it again as plain text.")]
    NotAMessage,
    #[error("A part of the reply is damaged or truncated. Send it again.")]
    Damaged,
    #[error(
        "The reply is not addressed to an order. Press r on a message from the shop, or write to order+REF@shop.invalid."
    )]
    NoOrder,
    #[error(
        "The reply is addressed to more than 500 orders. Send several replies. Nothing was sent."
    )]
    TooManyOrders,
    #[error(
        "{0} is not an order address: an order number has 10 letters and digits. Nothing was sent."
    )]
    NotAnOrder(String),
    #[error(
        "{0} is not an order of this shop, and no mail leaves this host. Remove the address. Nothing was sent."
    )]
    Foreign(String),
    #[error("The To, Cc or Bcc line cannot be read. Nothing was sent.")]
    Addresses,
    #[error(
        "Attachments do not reach the buyer: {0}. Remove it and send text instead. Nothing was sent."
    )]
    Attachment(String),
    #[error("The reply contains only HTML. Send plain text. Nothing was sent.")]
    HtmlOnly,
    #[error(
        "The reply is encrypted, and the shop has no key to read it. Send it unencrypted (in mutt: set crypt_replyencrypt=no, or press p and c before sending)."
    )]
    Encrypted,
    #[error(
        "The reply is encrypted only to your own key, so the buyer could not read it. Send it unencrypted, or encrypted to the buyer's key."
    )]
    ToYourself,
    #[error("The reply contains a private key. Nothing was sent.")]
    PrivateKey,
    #[error(
        "The reply contains the shop's own message with the buyer's text. Quote it with > before each line, or remove it. Nothing was sent."
    )]
    Forwarded,
    #[error("The reply has no text and no command. Nothing was sent.")]
    Empty,
    #[error(
        "Some characters of the reply cannot be read: its character set is not the one it declares. Send it as UTF-8. Nothing was sent."
    )]
    UnknownLetters,
    #[error(
        "The reply is longer than {most} characters. Shorten it or split it. Nothing was sent."
    )]
    TooLong { most: usize },
    #[error(
        "\u{201C}{0}\u{201D} looks like a command. Use the forms under \u{201C}Actions\u{201D} to change the status, and remove the line or its / to send the message. Nothing was sent."
    )]
    TypedCommand(String),
    #[error("{0} Nothing was sent.")]
    Command(#[from] NotACommand),
}

/// Normalises line ends and removes invisible characters: a zero-width character in a pasted word does not remove any
/// of its letters.
pub fn visible(text: &str) -> String {
    let ended = text.replace("\r\n", "\n");
    let as_line_end = |c: char| match c {
        '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        other => other,
    };
    without_hidden(&ended.chars().map(as_line_end).collect::<String>())
}

/// Untrusted text for use inside one of our sentences: on one line, short, and without control characters.
pub fn shown(text: &str) -> String {
    let seen = visible(text).replace(['\n', '\t'], " ");
    let mut short: String = seen.trim().chars().take(80).collect();
    if short.len() < seen.trim().len() {
        short.push('…');
    }
    short
}
