//! What a buyer wants to order, checked; and why it may be refused.

use crate::domain::orders::{PgpBlock, Refusal, RefusalReason};
use crate::domain::payment::{Address, Coin, TransactionId};
use crate::domain::values::text::without_hidden;
use crate::domain::values::{Country, Line, NotText, Paragraph};

/// The checkout form as it came, every field an outside word.
#[derive(Default)]
pub struct DraftForm<'a> {
    pub recipient: &'a str,
    pub street: &'a str,
    pub city: &'a str,
    pub province: &'a str,
    pub country: &'a str,
    pub postcode: &'a str,
    pub shipping: &'a str,
    pub email: &'a str,
    pub note: &'a str,
    pub refund: &'a str,
    pub transaction: &'a str,
    pub pgp: &'a str,
    pub discount: &'a str,
}

/// Where a parcel goes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StreetAddress {
    pub recipient: Line,
    pub street: Paragraph,
    pub city: Line,
    pub province: Line,
    pub country: Line,
    pub postcode: Line,
}

impl StreetAddress {
    /// As it stands on a parcel.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let rest = [&self.city, &self.province, &self.postcode, &self.country];
        std::iter::once(self.recipient.as_str())
            .chain(self.street.lines())
            .chain(rest.into_iter().map(Line::as_str))
            .filter(|line| !line.is_empty())
    }
}

/// Where a parcel goes, as far as the shop can read it.
#[derive(Clone, PartialEq, Eq)]
pub enum Delivery {
    Plain(StreetAddress),
    /// Only the seller can open it. A country beside it is kept, since the price of sending hangs on it.
    Sealed {
        block: PgpBlock,
        country: Line,
    },
}

/// What says who a buyer is. It goes to the seller, and back to the buyer, sealed to each; the shop keeps none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Buyer {
    pub delivery: Delivery,
    pub email: Line,
    pub note: Paragraph,
    pub refund: Option<Address>,
}

/// What a buyer could order: every field read and found good.
#[derive(Clone, PartialEq, Eq)]
pub struct Draft {
    pub buyer: Buyer,
    /// `None` for one that no list knows, which only a rate for everywhere reaches.
    pub country: Option<Country>,
    /// Empty: the cheapest that fits.
    pub shipping: Line,
    pub transaction: Option<TransactionId>,
    /// Empty: none. Capital letters.
    pub discount: String,
}

impl Draft {
    /// Reads the form for a payment in this coin.
    ///
    /// # Errors
    /// Every [`Refusal`] at once, in the order of the form's fields.
    pub fn parse(form: &DraftForm<'_>, coin: &Coin) -> Result<Self, Vec<Refusal>> {
        let mut reader = Reader::default();
        let sealed = !form.pgp.trim().is_empty();
        let needed = if sealed { Reader::line } else { Reader::needed_line };
        let address = StreetAddress {
            recipient: needed(&mut reader, "recipient", form.recipient, 100),
            street: reader.street(form.street, !sealed),
            city: needed(&mut reader, "city", form.city, 100),
            province: needed(&mut reader, "province", form.province, 100),
            country: needed(&mut reader, "country", form.country, 60),
            postcode: needed(&mut reader, "postcode", form.postcode, 20),
        };
        let country = Country::parse(address.country.as_str()).ok();
        let delivery = if sealed {
            match PgpBlock::parse(form.pgp) {
                Ok(block) => Delivery::Sealed { block, country: address.country },
                Err(refused) => {
                    reader.refuse("pgp", refused);
                    Delivery::Plain(address)
                }
            }
        } else {
            Delivery::Plain(address)
        };
        let shipping = reader.line("shipping", form.shipping, 80);
        let discount = reader.line("discount", form.discount, 40).as_str().to_uppercase();
        let email = reader.email(form.email);
        let note = reader.paragraph("note", form.note, 2_000);
        let refund = reader.optional("refund", form.refund, |text| Address::parse(coin, text));
        let transaction = reader
            .optional("transaction", form.transaction, |text| TransactionId::parse(coin, text));
        let buyer = Buyer { delivery, email, note, refund };
        let draft = Self { buyer, country, shipping, transaction, discount };
        if reader.refusals.is_empty() { Ok(draft) } else { Err(reader.refusals) }
    }
}

/// A sentence from an error's words.
pub(crate) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[derive(Default)]
struct Reader {
    refusals: Vec<Refusal>,
}

impl Reader {
    fn refuse(&mut self, field: &'static str, why: impl Into<RefusalReason>) {
        self.refusals.push(Refusal::new(field, why.into()));
    }

    fn text<T>(&mut self, field: &'static str, read: Result<T, NotText>) -> Option<T> {
        match read {
            Ok(text) => Some(text),
            Err(refused) => {
                self.refuse(field, refused);
                None
            }
        }
    }

    fn line(&mut self, field: &'static str, text: &str, most: usize) -> Line {
        self.text(field, Line::parse(text, most)).unwrap_or_default()
    }

    fn needed_line(&mut self, field: &'static str, text: &str, most: usize) -> Line {
        let Some(line) = self.text(field, Line::parse(text, most)) else { return Line::default() };
        if line.is_empty() {
            self.refuse(field, RefusalReason::Missing);
        }
        line
    }

    /// A street may have two or three lines.
    fn street(&mut self, text: &str, needed: bool) -> Paragraph {
        let Some(street) = self.text("street", Paragraph::parse(text, 200)) else {
            return Paragraph::default();
        };
        if needed && street.is_empty() {
            self.refuse("street", RefusalReason::Missing);
        }
        street
    }

    fn paragraph(&mut self, field: &'static str, text: &str, most: usize) -> Paragraph {
        self.text(field, Paragraph::parse(text, most)).unwrap_or_default()
    }

    /// Only a slip of the pen is caught: whether an address exists, the shop cannot ask.
    fn email(&mut self, text: &str) -> Line {
        let email = self.line("email", text, 120);
        let has_shape = email.as_str().rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
        });
        if !email.is_empty() && (!has_shape || email.as_str().contains([' ', ',', '<', '>'])) {
            self.refuse("email", RefusalReason::Email);
        }
        email
    }

    fn optional<T, E: Into<RefusalReason>>(
        &mut self,
        field: &'static str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = without_hidden(text);
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        match parse(text) {
            Ok(read) => Some(read),
            Err(refused) => {
                self.refuse(field, refused);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: DraftForm<'_> = DraftForm {
        recipient: "Ada Byron",
        street: "12 St James's Square\r\nSecond floor",
        city: "London",
        province: "Greater London",
        country: "United Kingdom",
        postcode: "SW1Y 4JH",
        shipping: "",
        email: "",
        note: "",
        refund: "",
        transaction: "",
        pgp: "",
        discount: "",
    };

    #[track_caller]
    fn check(form: &DraftForm<'_>, refused_fields: &[&str]) {
        let refused = match Draft::parse(form, &Coin::Ether { chain: 1 }) {
            Ok(_) => Vec::new(),
            Err(refusals) => refusals.iter().map(|refusal| refusal.field).collect(),
        };
        assert_eq!(refused, refused_fields);
    }

    #[test]
    fn an_address_is_enough() {
        check(&FULL, &[]);
        let draft = Draft::parse(&FULL, &Coin::Bitcoin).ok().unwrap();
        assert_eq!(draft.country.map(Country::code), Some("GB"));
    }

    #[test]
    fn everything_that_is_missing_is_said_at_once() {
        check(
            &DraftForm::default(),
            &["recipient", "street", "city", "province", "country", "postcode"],
        );
    }

    #[test]
    fn a_sealed_address_stands_in_for_the_fields() {
        let block = "-----BEGIN PGP MESSAGE-----\n\nhQEMA+/=\n=njUN\n-----END PGP MESSAGE-----";
        check(&DraftForm { pgp: block, ..DraftForm::default() }, &[]);
        check(&DraftForm { pgp: "my house", ..DraftForm::default() }, &["pgp"]);
    }

    #[test]
    fn what_is_optional_must_still_be_right() {
        check(&DraftForm { email: "ada", ..FULL }, &["email"]);
        check(&DraftForm { email: "ada@example.org", ..FULL }, &[]);
        check(
            &DraftForm { refund: "0x123abc", transaction: "paid!", ..FULL },
            &["refund", "transaction"],
        );
        check(&DraftForm { note: &"x".repeat(2_001), ..FULL }, &["note"]);
    }

    #[test]
    fn marks_that_were_copied_along_are_left_out() {
        let form = DraftForm {
            recipient: "\u{200e}Ada\u{200f} Byron\u{200b}",
            country: "\u{61c}United Kingdom\u{feff}",
            refund: "\u{200e}0x52908400098527886E0F7030069857D2E4169EE7\u{200e}",
            ..FULL
        };
        check(&form, &[]);
        let draft = Draft::parse(&form, &Coin::Ether { chain: 1 }).ok().unwrap();
        let Delivery::Plain(address) = &draft.buyer.delivery else { panic!() };
        assert_eq!(address.recipient.as_str(), "Ada Byron");
    }

    #[test]
    fn what_shows_nothing_is_missing() {
        let blank = "\u{3164}\u{200b}\u{2800}";
        check(
            &DraftForm { recipient: blank, street: "\u{ad}\n\u{115f}", city: blank, ..FULL },
            &["recipient", "street", "city"],
        );
    }

    #[test]
    fn what_was_hidden_is_named() {
        let form = DraftForm { city: "Lon\u{202e}don", ..FULL };
        let refusals = Draft::parse(&form, &Coin::Bitcoin).err().unwrap();
        assert_eq!(refusals[0].why, RefusalReason::Text(NotText::Invisible('\u{202e}')));
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        check(
            &DraftForm { recipient: "Ada\u{202e}", note: "\u{1b}[31m", ..FULL },
            &["recipient", "note"],
        );
        check(&DraftForm { city: "London\nParis", ..FULL }, &["city"]);
    }
}
