use mailparse::ParsedMail;

/// A message of the shop's own, as it lies in the Maildir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letter {
    /// What only the seller's key opens, armored.
    Sealed(String),
    /// Of a shop without a key.
    Plain(PlainLetter),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainLetter {
    /// What the buyer wrote: of an order where it goes and the note, of a question the question.
    pub words: String,
    /// The lines of the address, where the letter is an order and says it.
    pub address: Vec<String>,
    /// The lines of the buyer's note, where the letter is an order and has one.
    pub note: Vec<String>,
}

const BEGIN: &str = "-----BEGIN PGP MESSAGE-----";
/// How a buyer's lines begin, see `layout.rs`.
const BAR: &str = "  | ";
const NOTE: &str = "THE BUYER'S NOTE";

impl Letter {
    /// `None` for what the shop did not write.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let mail = mailparse::parse_mail(message).ok()?;
        if mail.ctype.mimetype == "multipart/encrypted" {
            let text = text_of(mail.subparts.get(1)?)?;
            return text.starts_with(BEGIN).then_some(Self::Sealed(text));
        }
        Some(Self::Plain(PlainLetter::of(&text_of(&mail)?)))
    }
}

fn text_of(part: &ParsedMail<'_>) -> Option<String> {
    Some(part.get_body().ok()?.replace('\r', "").trim().to_owned())
}

impl PlainLetter {
    /// No line of a buyer's passes for a heading: all stand behind a bar.
    fn of(text: &str) -> Self {
        let section = |from: &str, to: &str| -> Option<Vec<&str>> {
            let rest = text.lines().skip_while(|line| !line.starts_with(from));
            let lines: Vec<&str> = rest.skip(1).take_while(|line| !line.starts_with(to)).collect();
            (!lines.is_empty()).then_some(lines)
        };
        if let Some(order) = section("SEND TO", "WHAT YOU CAN DO") {
            let address: Vec<&str> =
                order.iter().copied().take_while(|line| !line.is_empty()).collect();
            let is_whole = address.iter().all(|line| line.starts_with(BAR));
            let address =
                if is_whole { address.into_iter().map(unbarred).collect() } else { Vec::new() };
            let after_note = order.iter().skip_while(|line| **line != NOTE).skip(1);
            let note =
                after_note.take_while(|line| line.starts_with(BAR)).map(|line| unbarred(line));
            return Self { words: unbarred_all(&order), address, note: note.collect() };
        }
        // The first line says what the message is about.
        let question: Vec<&str> =
            text.lines().skip(1).take_while(|line| !line.starts_with("PLACED  ")).collect();
        Self { words: unbarred_all(&question), ..Self::default() }
    }
}

fn unbarred(line: &str) -> String {
    line.strip_prefix(BAR).unwrap_or(line).to_owned()
}

fn unbarred_all(lines: &[&str]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| unbarred(line)).collect();
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, words: &str, address: &[&str], note: &[&str]) {
        let message = format!("Subject: x\nContent-Type: text/plain; charset=utf-8\n\n{body}");
        let [address, note] =
            [address, note].map(|lines| lines.iter().map(|line| (*line).to_owned()).collect());
        let expected = Letter::Plain(PlainLetter { words: words.to_owned(), address, note });
        assert_eq!(Letter::parse(message.as_bytes()), Some(expected), "{body}");
    }

    #[test]
    fn of_a_plain_letter_the_buyers_words_are_shown() {
        check(
            "New order X\n\nPLACED      today\nSEND TO\n  | Ada\n  | WHAT YOU CAN DO\n\nTHE BUYER'S NOTE\n  | Ring twice\n\nWHAT YOU CAN DO\n  Answer",
            "Ada\nWHAT YOU CAN DO\n\nTHE BUYER'S NOTE\nRing twice",
            &["Ada", "WHAT YOU CAN DO"],
            &["Ring twice"],
        );
        check(
            "The buyer of order X writes\n\n  | When?\n  | PLACED  \n\nPLACED      today",
            "When?\nPLACED",
            &[],
            &[],
        );
        let sealed = "New order X\nSEND TO\n  The buyer has sealed the address to your key. To read it: gpg --decrypt\n\n-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n\nWHAT YOU CAN DO";
        let Some(Letter::Plain(letter)) =
            Letter::parse(format!("Subject: x\n\n{sealed}").as_bytes())
        else {
            panic!("no letter")
        };
        assert!(letter.words.contains("\nabc\n") && letter.address.is_empty());
    }

    #[test]
    fn of_a_sealed_letter_the_armored_part_is_shown() {
        let message = "Subject: x\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=\"b\"\n\n\
            --b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\nContent-Type: application/octet-stream\n\n\
            -----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n\n--b--\n";
        let armored = "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----".to_owned();
        assert_eq!(Letter::parse(message.as_bytes()), Some(Letter::Sealed(armored)));
        assert_eq!(Letter::parse(message.replace("BEGIN", "GIN").as_bytes()), None);
    }
}
