//! The seven-word code that opens an order.

use hkdf::Hkdf;
use sha2::Sha256;

use crate::domain::cart::CartId;
use crate::domain::orders::word_list::{LIST, find_listed};
use crate::domain::orders::{NotACode, OrderRef, code_text};
use crate::domain::values::Timestamp;

const LIST_LENGTH: u128 = 7776;

/// Seven words that open an order's page. The buyer keeps them; the shop stores only the [`LookupName`].
///
/// Shape: 7 of 7776 words, 90 bits: too many to guess, so that no slow hash is needed.
#[derive(Clone, PartialEq, Eq)]
pub struct Code([&'static str; 7]);

/// The name under which an order is stored. The code cannot be computed from it.
///
/// Shape: 32 bytes. Source: HKDF-SHA256 of the code's words (RFC 5869).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LookupName(pub [u8; 32]);

/// Identifies a checkout form, so that one submitted twice leads to the order of the first submission.
///
/// Shape: 32 bytes. Source: HKDF-SHA256 of the cart's id (RFC 5869).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CheckoutKey(pub [u8; 32]);

/// What a number derived from an order is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberPurpose {
    /// The tag at which the search for its amount begins.
    Amount,
    /// The Monero payment ID that identifies its payment.
    PaymentId,
}

impl Code {
    /// The code of the order that this cart becomes. The same cart always has the same code, so that both responses to a
    /// form that was submitted twice can show it; only the buyer's cookie contains the cart's id.
    pub fn of_cart(id: CartId) -> Self {
        let mut derived = [0; 16];
        derive(&id.0, b"shop order code 1", &mut derived);
        Self::from_random(derived)
    }

    /// Seven words from 128 bits: the remainder of 7776^7 favours no code by more than 2^-37.
    pub fn from_random(random_bytes: [u8; 16]) -> Self {
        let mut rest = u128::from_le_bytes(random_bytes);
        Self(std::array::from_fn(|_| {
            let word = LIST[usize::try_from(rest % LIST_LENGTH).expect("it is below 7776")];
            rest /= LIST_LENGTH;
            word
        }))
    }

    /// Reads a code as people type or copy it: in any case, numbered, quoted, with anything but letters between the words,
    /// or within other text. Seven listed words in a row are the code.
    ///
    /// # Errors
    /// [`NotACode`] says which words are not in the list, and how many there are. It depends only on the text.
    pub fn parse(text: &str) -> Result<Self, NotACode> {
        code_text::parse(text).map(Self)
    }

    /// The text without any order code, which people paste where it does not belong: seven listed words in a row. `None`:
    /// it contains no code.
    pub fn without_code(text: &str) -> Option<String> {
        let mut left = String::new();
        let (mut copied, mut row, mut in_a_row) = (0, 0..0, 0);
        let words = text.split(|c: char| !c.is_ascii_alphabetic() && c != '-');
        let parts = words.flat_map(|word| {
            // A listed word may contain a hyphen, and a code may be written with hyphens between its words.
            let is_one = is_listed(word);
            word.split(move |c| c == '-' && !is_one).filter(|part| !part.is_empty())
        });
        // The empty part ends the last row.
        for part in parts.chain([""]) {
            if is_listed(part) {
                let at = part.as_ptr().addr() - text.as_ptr().addr();
                row = if in_a_row == 0 { at } else { row.start }..at + part.len();
                in_a_row += 1;
                continue;
            }
            if 7 <= in_a_row {
                left.push_str(&text[copied..row.start]);
                copied = row.end;
            }
            in_a_row = 0;
        }
        left.push_str(&text[copied..]);
        if 0 < copied {
            return Some(left);
        }
        // The code is written with other letters or hyphens than the list's, so its position is unknown.
        Self::parse(text).is_ok().then(String::new)
    }

    /// Identifies a message of this buyer that is sent again on the same day. Without the code, its text cannot be guessed
    /// from the hash.
    pub fn message_hash(&self, text: &str, now: Timestamp) -> [u8; 32] {
        let mut hash = [0; 32];
        let purpose = format!("shop question 1 {} {text}", now.day_start().get());
        derive(self.words().as_bytes(), purpose.as_bytes(), &mut hash);
        hash
    }

    pub fn words(&self) -> String {
        self.0.join(" ")
    }

    /// The lookup name in the shop with this salt: a list made from codes for another shop is useless here.
    pub fn lookup_name(&self, salt: &[u8]) -> LookupName {
        let mut name = [0; 32];
        derive_salted(Some(salt), self.words().as_bytes(), b"shop order lookup 1", &mut name);
        LookupName(name)
    }
}

impl LookupName {
    /// The name of no order. It is looked up if a code cannot be parsed, so that every wrong code takes the same time.
    pub const NOBODY: Self = Self([0; 32]);
}

impl OrderRef {
    /// Identifies one version of a file that the order delivers, for downloads that continue.
    ///
    /// Shape: 32 hex digits. They reveal nothing of the version, which holds times of this host, and differ between orders.
    pub fn download_tag(&self, salt: &[u8], position: i64, version: &str) -> String {
        let mut tag = [0; 16];
        let purpose = format!("shop download 1 {position} {version}");
        derive_salted(Some(salt), self.as_str().as_bytes(), purpose.as_bytes(), &mut tag);
        data_encoding::HEXLOWER.encode(&tag)
    }

    /// A number derived from this order, for one purpose. Without the salt it cannot be told from a random one, and it does
    /// not reveal how many orders there are.
    ///
    /// Source: HKDF-SHA256 of the reference (RFC 5869).
    pub fn number(&self, salt: &[u8], purpose: NumberPurpose) -> [u8; 8] {
        let mut number = [0; 8];
        let purpose = match purpose {
            NumberPurpose::Amount => b"shop order amount 1".as_slice(),
            NumberPurpose::PaymentId => b"shop order payment 1",
        };
        derive_salted(Some(salt), self.as_str().as_bytes(), purpose, &mut number);
        number
    }
}

impl CheckoutKey {
    pub fn of_cart(id: CartId) -> Self {
        let mut token = [0; 32];
        derive(&id.0, b"shop checkout form 1", &mut token);
        Self(token)
    }
}

fn is_listed(word: &str) -> bool {
    find_listed(&word.to_ascii_lowercase()).is_some()
}

fn derive(secret: &[u8], purpose: &[u8], into: &mut [u8]) {
    derive_salted(None, secret, purpose, into);
}

pub(super) fn derive_salted(salt: Option<&[u8]>, secret: &[u8], purpose: &[u8], into: &mut [u8]) {
    Hkdf::<Sha256>::new(salt, secret)
        .expand(purpose, into)
        .expect("32 bytes are fewer than HKDF can derive");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_list_is_the_effs() {
        let words: HashSet<&str> = LIST.iter().copied().collect();
        assert_eq!(u128::try_from(words.len()), Ok(LIST_LENGTH));
        assert_eq!((LIST.first(), LIST.last()), (Some(&"abacus"), Some(&"zoom")));
        assert!(LIST.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn a_code_is_seen_within_other_words_and_cut_out() {
        let code = Code::from_random([9; 16]).words();
        for code in [
            code.clone(),
            code.to_uppercase(),
            code.replace(' ', ", "),
            code.replace(' ', "\n"),
            code.replace(' ', "-"),
            code.replace(' ', " - "),
            code.replace(' ', " 2. "),
            format!("{code} {code}"),
        ] {
            let text = format!("Mine is, ä: {code}. When will it be 5?");
            let left = Code::without_code(&text);
            assert_eq!(left.as_deref(), Some("Mine is, ä: . When will it be 5?"), "{text}");
            assert_eq!(Code::without_code(&code).as_deref(), Some(""), "{code}");
        }
        let twice = format!("a {code} b {code} c");
        assert_eq!(Code::without_code(&twice).as_deref(), Some("a  b  c"));
        let six = code.rsplit_once(' ').unwrap().0;
        assert_eq!(Code::without_code(&format!("{six} and more")), None);
        assert_eq!(
            Code::without_code("When will you send the tea? I am away from Monday on."),
            None
        );
        assert_eq!(Code::without_code(""), None);
        let wide = "\u{ff4b}abob abacus abdomen abdominal abide abiding ability";
        assert_eq!(Code::without_code(wide).as_deref(), Some(""));
    }

    #[test]
    fn a_cart_has_one_code_and_one_form_and_neither_tells_the_other() {
        let (one, other) = (CartId([1; 16]), CartId([2; 16]));
        assert!(
            Code::of_cart(one) == Code::of_cart(one) && Code::of_cart(one) != Code::of_cart(other)
        );
        assert!(
            CheckoutKey::of_cart(one) == CheckoutKey::of_cart(one)
                && CheckoutKey::of_cart(one) != CheckoutKey::of_cart(other)
        );
        assert!(Code::of_cart(one).lookup_name(b"salt").0 != CheckoutKey::of_cart(one).0);
        assert!(
            Code::of_cart(one).lookup_name(b"salt") != Code::of_cart(one).lookup_name(b"other")
        );
    }

    #[test]
    fn an_orders_number_is_its_own_and_the_shops_and_for_one_purpose() {
        let order = |n: u64| OrderRef::from_random(n.to_le_bytes());
        let number = |n, salt: &[u8]| order(n).number(salt, NumberPurpose::Amount);
        assert_eq!(number(1, b"salt"), number(1, b"salt"));
        assert_ne!(number(1, b"salt"), number(2, b"salt"));
        assert_ne!(number(1, b"salt"), number(1, b"other"));
        assert_ne!(number(1, b"salt"), order(1).number(b"salt", NumberPurpose::PaymentId));
    }

    proptest! {
        #[test]
        fn a_code_is_cut_out_of_any_text(before in "\\PC*", after in "\\PC*", random_bytes: [u8; 16]) {
            let code = Code::from_random(random_bytes).words();
            let left = Code::without_code(&format!("{before} / {code} / {after}")).unwrap();
            prop_assert!(Code::without_code(&left).is_none());
            prop_assert!(!left.contains(&code));
        }

        #[test]
        fn what_chance_makes_is_read_again(random_bytes: [u8; 16]) {
            let code = Code::from_random(random_bytes);
            prop_assert!(Code::parse(&code.words()) == Ok(code));
        }
    }
}
