//! What a buyer wants to order, checked; and why it may be refused.

use crate::domain::orders::{Choices, PgpBlock, Refusal, RefusalReason};
use crate::domain::payment::{Address, Coin, TransactionId};
use crate::domain::values::text::without_hidden;
use crate::domain::values::{AddressFormat, AddressParts, Country, Line, NotText, Paragraph};

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
#[derive(Clone, PartialEq, Eq)]
pub struct StreetAddress {
    pub recipient: Line,
    pub street: Paragraph,
    pub city: Line,
    pub province: Line,
    pub country: Country,
    pub postcode: Line,
}

impl StreetAddress {
    /// As it is written on a parcel, in the order of its country.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = AddressFormat::of(self.country).lines(AddressParts {
            recipient: self.recipient.as_str(),
            street: self.street.as_str(),
            city: self.city.as_str(),
            state: self.province.as_str(),
            postcode: self.postcode.as_str(),
        });
        lines.push(self.country.name().to_owned());
        lines
    }
}

/// The shipping address, as far as the shop can read it.
#[derive(Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing is shipped.
    None,
    Plain(StreetAddress),
    /// Only the seller can decrypt it. The country may be given in plain text, since the price of shipping depends on it.
    Encrypted {
        block: PgpBlock,
        country: Option<Country>,
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
    pub choices: Choices,
    pub transaction: Option<TransactionId>,
}

/// A checkout form with faults.
pub struct RejectedDraft {
    /// In the order of the form's fields.
    pub refusals: Vec<Refusal>,
    /// Those that are valid, so that they can be checked against the shop in the same round.
    pub choices: Choices,
}

impl Draft {
    /// Parses the form for a payment in this coin. An address is needed only if something is shipped.
    ///
    /// # Errors
    /// [`RejectedDraft`], with every [`Refusal`] at once.
    pub fn parse(
        form: &DraftForm<'_>,
        coin: &Coin,
        is_shipped: bool,
    ) -> Result<Self, RejectedDraft> {
        let mut reader = Reader::default();
        let delivery = if is_shipped { reader.delivery(form) } else { Some(Delivery::None) };
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
        let choices = Choices {
            country: delivery.as_ref().and_then(Delivery::country),
            shipping,
            discount: discount.as_str().to_uppercase(),
            has_refund_address: refund.is_some(),
        };
        match delivery {
            Some(delivery) if reader.refusals.is_empty() => {
                let buyer = Buyer { delivery, email, note, refund };
                Ok(Self { buyer, choices, transaction })
            }
            _ => Err(RejectedDraft { refusals: reader.refusals, choices }),
        }
    }
}

impl Delivery {
    /// The encrypted address.
    pub fn block(&self) -> Option<&PgpBlock> {
        match self {
            Self::Encrypted { block, .. } => Some(block),
            Self::None | Self::Plain(_) => None,
        }
    }

    /// `None` if nothing is shipped, or if it is encrypted.
    pub fn country(&self) -> Option<Country> {
        match self {
            Self::None => None,
            Self::Plain(address) => Some(address.country),
            Self::Encrypted { country, .. } => *country,
        }
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

    /// `None` if the country is missing or unknown. An encrypted address makes the fields of the address optional; which
    /// of them are needed otherwise depends on the country.
    fn delivery(&mut self, form: &DraftForm<'_>) -> Option<Delivery> {
        let is_encrypted = !form.pgp.trim().is_empty();
        let is_needed = !is_encrypted;
        let country = self.country(form.country, is_needed);
        let format = country.map(AddressFormat::of);
        let needs_state = format.is_some_and(|format| format.state.is_required);
        let needs_postcode = format.is_some_and(|format| format.postcode.is_required);
        let recipient = self.address_line("recipient", form.recipient, 100, is_needed);
        let street = self.street(form.street, is_needed);
        let city = self.address_line("city", form.city, 100, is_needed);
        let province = self.address_line("province", form.province, 100, is_needed && needs_state);
        let postcode =
            self.address_line("postcode", form.postcode, 20, is_needed && needs_postcode);
        if is_encrypted {
            let block = self.optional("pgp", form.pgp, PgpBlock::parse)?;
            return Some(Delivery::Encrypted { block, country });
        }
        let country = country?;
        let address = StreetAddress { recipient, street, city, province, country, postcode };
        Some(Delivery::Plain(address))
    }

    fn country(&mut self, text: &str, is_required: bool) -> Option<Country> {
        let text = without_hidden(text);
        if text.trim().is_empty() {
            if is_required {
                self.refuse("country", RefusalReason::Missing);
            }
            return None;
        }
        let country = Country::parse(&text).ok();
        if country.is_none() {
            self.refuse("country", RefusalReason::UnknownCountry);
        }
        country
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
        let refused = match Draft::parse(form, &Coin::Ether { chain: 1 }, true) {
            Ok(_) => Vec::new(),
            Err(rejected) => rejected.refusals.iter().map(|refusal| refusal.field).collect(),
        };
        assert_eq!(refused, refused_fields);
    }

    #[test]
    fn an_address_is_enough() {
        check(&FULL, &[]);
        let draft = Draft::parse(&FULL, &Coin::BITCOIN, true).ok().unwrap();
        assert_eq!(draft.choices.country.map(Country::code), Some("GB"));
    }

    #[test]
    fn everything_that_is_missing_is_reported_at_once() {
        check(&DraftForm::default(), &["country", "recipient", "street", "city"]);
        let nothing = DraftForm { country: "US", ..DraftForm::default() };
        check(&nothing, &["recipient", "street", "city", "province", "postcode"]);
    }

    #[test]
    fn a_state_and_a_postal_code_are_needed_only_where_the_country_has_them() {
        let without = DraftForm { province: "", ..FULL };
        check(&DraftForm { country: "DE", ..without }, &[]);
        check(&DraftForm { country: "US", ..without }, &["province"]);
        let neither = DraftForm { postcode: "", ..without };
        check(&DraftForm { country: "HK", ..neither }, &[]);
        check(&DraftForm { country: "IE", ..neither }, &[]);
        check(&DraftForm { country: "DE", ..neither }, &["postcode"]);
        check(&DraftForm { country: "JP", ..neither }, &["province", "postcode"]);
    }

    #[test]
    fn an_unknown_country_is_refused() {
        check(&DraftForm { country: "Germny", ..FULL }, &["country"]);
    }

    #[test]
    fn nothing_shipped_needs_no_address() {
        let form = DraftForm { note: "thanks", ..DraftForm::default() };
        let draft = Draft::parse(&form, &Coin::BITCOIN, false).ok().unwrap();
        assert!(draft.buyer.delivery == Delivery::None);
    }

    #[test]
    fn what_is_valid_of_a_refused_form_can_still_be_checked() {
        let form = DraftForm { city: "", discount: "spring", ..FULL };
        let rejected = Draft::parse(&form, &Coin::BITCOIN, true).err().unwrap();
        assert_eq!(rejected.choices.country.map(Country::code), Some("GB"));
        assert_eq!(rejected.choices.discount, "SPRING");
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
        let draft = Draft::parse(&form, &Coin::Ether { chain: 1 }, true).ok().unwrap();
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
        let rejected = Draft::parse(&form, &Coin::BITCOIN, true).err().unwrap();
        assert_eq!(rejected.refusals[0].why, RefusalReason::Text(NotText::Invisible('\u{202e}')));
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
