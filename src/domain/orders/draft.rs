//! What a buyer wants to order, checked; and why it may be refused.

use crate::domain::orders::{PgpBlock, Refusal, RefusalReason};
use crate::domain::payment::{Address, Coin, TransactionId};
use crate::domain::values::text::without_hidden;
use crate::domain::values::{Country, Line, NotText, Paragraph};

/// The checkout form as submitted, with nothing checked.
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

/// The address of a parcel.
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
    /// As it is written on a parcel.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let rest = [&self.city, &self.province, &self.postcode, &self.country];
        std::iter::once(self.recipient.as_str())
            .chain(self.street.lines())
            .chain(rest.into_iter().map(Line::as_str))
            .filter(|line| !line.is_empty())
    }
}

/// The shipping address, as far as the shop can read it.
#[derive(Clone, PartialEq, Eq)]
pub enum Delivery {
    Plain(StreetAddress),
    /// Only the seller can decrypt it. The country may be given in plain text, since the price of shipping depends on it.
    Encrypted {
        block: PgpBlock,
        country: Line,
    },
}

/// What identifies a buyer. It is encrypted to the seller and to the buyer; the shop keeps none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Buyer {
    pub delivery: Delivery,
    pub email: Line,
    pub note: Paragraph,
    pub refund: Option<Address>,
}

/// The checkout form, with every field parsed.
#[derive(Clone, PartialEq, Eq)]
pub struct Draft {
    pub buyer: Buyer,
    /// `None`: an unknown country, which only a worldwide rate reaches.
    pub country: Option<Country>,
    /// Empty: the cheapest available.
    pub shipping: Line,
    pub transaction: Option<TransactionId>,
    /// Empty: none. Capital letters.
    pub discount: String,
}

impl Draft {
    /// Parses the form for a payment in this coin.
    ///
    /// # Errors
    /// Every [`Refusal`] at once, in the order of the form's fields.
    pub fn parse(form: &DraftForm<'_>, coin: &Coin) -> Result<Self, Vec<Refusal>> {
        let mut reader = Reader::default();
        // An encrypted address makes the fields of the address optional.
        let is_required = form.pgp.trim().is_empty();
        let address = StreetAddress {
            recipient: reader.address_line("recipient", form.recipient, 100, is_required),
            street: reader.street(form.street, is_required),
            city: reader.address_line("city", form.city, 100, is_required),
            province: reader.address_line("province", form.province, 100, is_required),
            country: reader.address_line("country", form.country, 60, is_required),
            postcode: reader.address_line("postcode", form.postcode, 20, is_required),
        };
        let country = Country::parse(address.country.as_str()).ok();
        let delivery = match reader.optional("pgp", form.pgp, PgpBlock::parse) {
            Some(block) => Delivery::Encrypted { block, country: address.country },
            None => Delivery::Plain(address),
        };
        let shipping = reader.text("shipping", Line::parse(form.shipping, 80));
        let discount = reader.text("discount", Line::parse(form.discount, 40));
        let email = reader.email(form.email);
        let note = reader.text("note", Paragraph::parse(form.note, 2_000));
        let refund = reader
            .optional("refund", &without_hidden(form.refund), |text| Address::parse(coin, text));
        let transaction =
            reader.optional("transaction", &without_hidden(form.transaction), |text| {
                TransactionId::parse(coin, text)
            });
        let buyer = Buyer { delivery, email, note, refund };
        let discount = discount.as_str().to_uppercase();
        let draft = Self { buyer, country, shipping, transaction, discount };
        if reader.refusals.is_empty() { Ok(draft) } else { Err(reader.refusals) }
    }
}

#[derive(Default)]
struct Reader {
    refusals: Vec<Refusal>,
}

impl Reader {
    fn refuse(&mut self, field: &'static str, why: impl Into<RefusalReason>) {
        self.refusals.push(Refusal::new(field, why.into()));
    }

    /// Empty if it is refused.
    fn text<T: Default>(&mut self, field: &'static str, parsed: Result<T, NotText>) -> T {
        parsed.map_err(|refused| self.refuse(field, refused)).unwrap_or_default()
    }

    fn address_line(
        &mut self,
        field: &'static str,
        text: &str,
        most: usize,
        is_required: bool,
    ) -> Line {
        let parsed = Line::parse(text, most);
        if is_required && parsed.as_ref().is_ok_and(Line::is_empty) {
            self.refuse(field, RefusalReason::Missing);
        }
        self.text(field, parsed)
    }

    /// A street may have two or three lines.
    fn street(&mut self, text: &str, is_required: bool) -> Paragraph {
        let parsed = Paragraph::parse(text, 200);
        if is_required && parsed.as_ref().is_ok_and(Paragraph::is_empty) {
            self.refuse("street", RefusalReason::Missing);
        }
        self.text("street", parsed)
    }

    /// Catches typos only: the shop cannot check whether an address exists.
    fn email(&mut self, text: &str) -> Line {
        let email = self.text("email", Line::parse(text, 120));
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
        if text.trim().is_empty() {
            return None;
        }
        parse(text).map_err(|refused| self.refuse(field, refused)).ok()
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
    fn everything_that_is_missing_is_reported_at_once() {
        check(
            &DraftForm::default(),
            &["recipient", "street", "city", "province", "country", "postcode"],
        );
    }

    #[test]
    fn an_encrypted_address_replaces_the_fields() {
        let block = "-----BEGIN PGP MESSAGE-----\n\nhQEMA+/=\n=njUN\n-----END PGP MESSAGE-----";
        check(&DraftForm { pgp: block, ..DraftForm::default() }, &[]);
        check(&DraftForm { pgp: "my house", ..DraftForm::default() }, &["pgp"]);
    }

    #[test]
    fn optional_fields_are_checked_too() {
        check(&DraftForm { email: "ada", ..FULL }, &["email"]);
        check(&DraftForm { email: "ada@example.org", ..FULL }, &[]);
        check(
            &DraftForm { refund: "0x123abc", transaction: "paid!", ..FULL },
            &["refund", "transaction"],
        );
        check(&DraftForm { note: &"x".repeat(2_001), ..FULL }, &["note"]);
    }

    #[test]
    fn invisible_characters_that_were_copied_along_are_removed() {
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
    fn a_field_without_visible_characters_is_missing() {
        let blank = "\u{3164}\u{200b}\u{2800}";
        check(
            &DraftForm { recipient: blank, street: "\u{ad}\n\u{115f}", city: blank, ..FULL },
            &["recipient", "street", "city"],
        );
    }

    #[test]
    fn a_hidden_character_is_named() {
        let form = DraftForm { city: "Lon\u{202e}don", ..FULL };
        let refusals = Draft::parse(&form, &Coin::Bitcoin).err().unwrap();
        assert_eq!(refusals[0].why, RefusalReason::Text(NotText::Invisible('\u{202e}')));
    }

    #[test]
    fn control_characters_are_refused() {
        check(
            &DraftForm { recipient: "Ada\u{202e}", note: "\u{1b}[31m", ..FULL },
            &["recipient", "note"],
        );
        check(&DraftForm { city: "London\nParis", ..FULL }, &["city"]);
    }
}
