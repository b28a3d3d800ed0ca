//! Parses one of the shop's own messages.

use mailparse::ParsedMail;

use crate::infra::mail::layout;
use crate::infra::mail::layout::BAR;

/// A message of the shop, as stored in the Maildir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredMessage {
    /// Armored, for the seller's key only.
    Encrypted(String),
    /// Of a shop without a key.
    Plain(PlainMessage),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainMessage {
    /// The buyer's text: of an order its address and note, of a message the message.
    pub text: String,
    /// The lines of the address, if the message is an order with an address.
    pub address: Vec<String>,
    /// The lines of the buyer's note, if the message is an order with a note.
    pub note: Vec<String>,
}

const BEGIN: &str = "-----BEGIN PGP MESSAGE-----";
const END: &str = "-----END PGP MESSAGE-----";
/// The headings in an order's message, now and in older versions.
pub(super) const ADDRESS: [&str; 2] = ["SHIP TO", "SEND TO"];
pub(super) const NOTE: [&str; 2] = ["BUYER'S NOTE", "THE BUYER'S NOTE"];
pub(super) const ACTIONS: [&str; 2] = ["ACTIONS", "WHAT YOU CAN DO"];

impl StoredMessage {
    /// `None` for a message that the shop did not write.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let mail = mailparse::parse_mail(message).ok()?;
        if mail.ctype.mimetype == "multipart/encrypted" {
            let text = text_of(mail.subparts.get(1)?)?;
            return text.starts_with(BEGIN).then_some(Self::Encrypted(text));
        }
        Some(Self::Plain(PlainMessage::of(&text_of(&mail)?)))
    }
}

fn text_of(part: &ParsedMail<'_>) -> Option<String> {
    Some(part.get_body().ok()?.replace('\r', "").trim().to_owned())
}

impl PlainMessage {
    /// No line of a buyer can pass for a heading, since all of them have a bar.
    fn of(text: &str) -> Self {
        let rest = text.lines().skip_while(|line| !ADDRESS.contains(line)).skip(1);
        let order: Vec<&str> = rest.take_while(|line| !ACTIONS.contains(line)).collect();
        if !order.is_empty() {
            let address: Vec<&str> =
                order.iter().copied().take_while(|line| !line.is_empty()).collect();
            let is_whole = address.iter().all(|line| line.starts_with(BAR));
            let address = if is_whole { layout::unbarred(address) } else { Vec::new() };
            let after_note = order.iter().copied().skip_while(|line| !NOTE.contains(line)).skip(1);
            let note = layout::unbarred(after_note.take_while(|line| line.starts_with(BAR)));
            return Self { text: typed_text(&order, text), address, note };
        }
        // The first line is the subject of the message.
        let question: Vec<&str> =
            text.lines().skip(1).take_while(|line| !line.starts_with("PLACED  ")).collect();
        Self { text: typed_text(&question, text), ..Self::default() }
    }
}

/// These lines as they were typed, and the buyer's own PGP message, which is among them in older messages and at the end
/// of newer ones.
fn typed_text(lines: &[&str], message: &str) -> String {
    let mut typed = layout::unbarred(lines.iter().copied()).join("\n").trim().to_owned();
    let block = message.lines().skip_while(|line| *line != BEGIN);
    if !lines.contains(&BEGIN) && message.ends_with(END) {
        for line in std::iter::once("").chain(block) {
            typed.push('\n');
            typed.push_str(line);
        }
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, text: &str, address: &[&str], note: &[&str]) {
        let message = format!("Subject: x\nContent-Type: text/plain; charset=utf-8\n\n{body}");
        let [address, note] =
            [address, note].map(|lines| lines.iter().map(|line| (*line).to_owned()).collect());
        let expected = StoredMessage::Plain(PlainMessage { text: text.to_owned(), address, note });
        assert_eq!(StoredMessage::parse(message.as_bytes()), Some(expected), "{body}");
    }

    #[test]
    fn the_buyers_text_of_a_plain_message_is_shown() {
        check(
            "New order X\n\nPLACED      today\nSHIP TO\n  | Ada\n  | ACTIONS\n\nBUYER'S NOTE\n  | Ring twice\n\nACTIONS\n  Answer",
            "Ada\nACTIONS\n\nBUYER'S NOTE\nRing twice",
            &["Ada", "ACTIONS"],
            &["Ring twice"],
        );
        check(
            "New message from the buyer of order X\n\n  | When?\n  | PLACED  \n\nPLACED      today",
            "When?\nPLACED",
            &[],
            &[],
        );
        check(
            "New order X\n\nSEND TO\n  | Ada\n\nTHE BUYER'S NOTE\n  | Ring twice\n\nWHAT YOU CAN DO\n  Answer",
            "Ada\n\nTHE BUYER'S NOTE\nRing twice",
            &["Ada"],
            &["Ring twice"],
        );
        let sealed = "New order X\nSHIP TO\n  The buyer has sealed the address to your key. To read it: gpg --decrypt\n\n-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n\nACTIONS";
        let Some(StoredMessage::Plain(message)) =
            StoredMessage::parse(format!("Subject: x\n\n{sealed}").as_bytes())
        else {
            panic!("no message")
        };
        assert!(message.text.contains("\nabc\n") && message.address.is_empty());
        let block = "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----";
        check(
            &format!(
                "New order X\nSHIP TO\n  It comes last.\n  | Italy\n\nACTIONS\n  Answer\n\n{block}\n"
            ),
            &format!("It comes last.\nItaly\n\n{block}"),
            &[],
            &[],
        );
        check(
            &format!(
                "New message from the buyer of order X\n\n  It comes last.\n\nPLACED      today\n\n{block}\n"
            ),
            &format!("It comes last.\n\n{block}"),
            &[],
            &[],
        );
    }

    #[test]
    fn what_was_broken_to_fit_a_terminal_is_one_line_again() {
        let (street, note) = ("Санкт-Петербург, Невский проспект, дом 28, кв. 3", "長".repeat(90));
        let [address, barred] = [street, &note].map(|text| layout::barred(text).join("\n"));
        let heading = NOTE[0];
        assert!(1 < address.lines().count() && 2 < barred.lines().count());
        check(
            &format!(
                "New order X\n\nSHIP TO\n  | Ada\n{address}\n\n{heading}\n{barred}\n\nACTIONS\n"
            ),
            &format!("Ada\n{street}\n\n{heading}\n{note}"),
            &["Ada", street],
            &[&note],
        );
    }

    #[test]
    fn the_armored_part_of_an_encrypted_message_is_shown() {
        let message = "Subject: x\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=\"b\"\n\n\
            --b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\nContent-Type: application/octet-stream\n\n\
            -----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n\n--b--\n";
        let armored = "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----".to_owned();
        assert_eq!(
            StoredMessage::parse(message.as_bytes()),
            Some(StoredMessage::Encrypted(armored))
        );
        assert_eq!(StoredMessage::parse(message.replace("BEGIN", "GIN").as_bytes()), None);
    }
}
