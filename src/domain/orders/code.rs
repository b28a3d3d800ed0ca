//! The seven-word code that opens an order.

use hkdf::Hkdf;
use sha2::Sha256;

use crate::domain::cart::CartId;
use crate::domain::orders::word_list::{LIST, find_listed};
use crate::domain::orders::{NotACode, OrderRef, code_text};
use crate::domain::values::Timestamp;

const N_WORDS: u128 = 7776;

/// Seven words that open an order's page. The buyer keeps them; the shop keeps only [`LookupName`].
///
/// Shape: 7 of 7776 words, 90 bits: too many to be guessed, so that no slow hash is needed.
#[derive(Clone, PartialEq, Eq)]
pub struct Code([&'static str; 7]);

/// What an order is found by. No way leads from it back to the code.
///
/// Shape: 32 bytes. Source: HKDF-SHA256 of the code's words (RFC 5869).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LookupName(pub [u8; 32]);

/// By which a checkout form that is sent twice finds its first order.
///
/// Shape: 32 bytes. Source: HKDF-SHA256 of the cart's id (RFC 5869).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CheckoutKey(pub [u8; 32]);

/// What an order's own number is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFor {
    /// Where the search for its amount begins.
    Amount,
    /// By which Monero's wallets tell its payment from others.
    PaymentId,
}

impl Code {
    /// The code of the order that this cart becomes. The same cart always has the same code, so that both answers to a
    /// form that was sent twice can show it; only the buyer's cookie knows the cart's id.
    pub fn of_cart(id: CartId) -> Self {
        let mut derived = [0; 16];
        derive(&id.0, b"shop order code 1", &mut derived);
        Self::from_chance(derived)
    }

    /// Seven words from 128 bits: the remainder of 7776^7 favours no code by more than 2^-37.
    pub fn from_chance(random_bytes: [u8; 16]) -> Self {
        let mut rest = u128::from_le_bytes(random_bytes);
        Self(std::array::from_fn(|_| {
            let word = LIST[usize::try_from(rest % N_WORDS).expect("it is below 7776")];
            rest /= N_WORDS;
            word
        }))
    }

    /// Reads what a person typed or copied: in any letters, numbered, quoted, with anything but letters between the words,
    /// and among other words. Seven words of the list in a row are the code.
    ///
    /// # Errors
    /// [`NotACode`] says which words are not in the list, and how many there are. It depends on the text alone.
    pub fn parse(text: &str) -> Result<Self, NotACode> {
        code_text::parse(text).map(Self)
    }

    /// The text without what looks like a code, which people paste where it does not belong: seven words of the list in
    /// a row. `None`: there is none in it.
    pub fn cut_out(text: &str) -> Option<String> {
        let mut left = String::new();
        let (mut copied, mut row, mut in_a_row) = (0, 0..0, 0);
        for word in text.split(|c: char| !c.is_ascii_alphabetic() && c != '-') {
            // A word of the list may hold a hyphen, and a code may be written with hyphens between its words.
            let is_one = is_listed(word);
            let parts = word.split(move |c| c == '-' && !is_one).filter(|part| !part.is_empty());
            for part in parts {
                // Where it stands in the text.
                let at = part.as_ptr().addr() - text.as_ptr().addr();
                if is_listed(part) {
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
        }
        if 7 <= in_a_row {
            left.push_str(&text[copied..row.start]);
            copied = row.end;
        }
        left.push_str(&text[copied..]);
        if 0 < copied {
            return Some(left);
        }
        // Read with other letters or hyphens than the list's: what is left could not be told from the code.
        Self::parse(text).is_ok().then(String::new)
    }

    /// By which the same words of this buyer on the same day are known again. Nobody without the code can guess at them.
    pub fn mark_of(&self, words: &str, now: Timestamp) -> [u8; 32] {
        let mut mark = [0; 32];
        let purpose = format!("shop question 1 {} {words}", now.day_start().get());
        derive(self.words().as_bytes(), purpose.as_bytes(), &mut mark);
        mark
    }

    pub fn words(&self) -> String {
        self.0.join(" ")
    }

    /// What the order is found by in the shop with this salt: a list of codes made for another shop is of no use in it.
    pub fn lookup_name(&self, salt: &[u8]) -> LookupName {
        let mut name = [0; 32];
        derive_salted(Some(salt), self.words().as_bytes(), b"shop order lookup 1", &mut name);
        LookupName(name)
    }
}

impl LookupName {
    /// The name that belongs to no order: what is looked for where a code cannot be read, so that every wrong code
    /// costs the same.
    pub const NOBODY: Self = Self([0; 32]);
}

impl OrderRef {
    /// A number that belongs to this order alone, for one purpose: nobody who does not know the salt can tell it from
    /// chance, and it says nothing of how many orders there are.
    ///
    /// Source: HKDF-SHA256 of the reference (RFC 5869).
    pub fn number(&self, salt: &[u8], purpose: NumberFor) -> [u8; 8] {
        let mut number = [0; 8];
        let purpose = match purpose {
            NumberFor::Amount => b"shop order amount 1".as_slice(),
            NumberFor::PaymentId => b"shop order payment 1",
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
        .expect("32 bytes are fewer than HKDF can give");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_list_is_the_effs() {
        let words: HashSet<&str> = LIST.iter().copied().collect();
        assert_eq!(u128::try_from(words.len()), Ok(N_WORDS));
        assert_eq!((LIST.first(), LIST.last()), (Some(&"abacus"), Some(&"zoom")));
        assert!(LIST.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn a_code_is_seen_within_other_words_and_cut_out() {
        let code = Code::from_chance([9; 16]).words();
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
            let left = Code::cut_out(&text);
            assert_eq!(left.as_deref(), Some("Mine is, ä: . When will it be 5?"), "{text}");
            assert_eq!(Code::cut_out(&code).as_deref(), Some(""), "{code}");
        }
        let twice = format!("a {code} b {code} c");
        assert_eq!(Code::cut_out(&twice).as_deref(), Some("a  b  c"));
        let six = code.rsplit_once(' ').unwrap().0;
        assert_eq!(Code::cut_out(&format!("{six} and more")), None);
        assert_eq!(Code::cut_out("When will you send the tea? I am away from Monday on."), None);
        assert_eq!(Code::cut_out(""), None);
        let wide = "\u{ff4b}abob abacus abdomen abdominal abide abiding ability";
        assert_eq!(Code::cut_out(wide).as_deref(), Some(""));
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
        let order = |n: u64| OrderRef::from_chance(n.to_le_bytes());
        let number = |n, salt: &[u8]| order(n).number(salt, NumberFor::Amount);
        assert_eq!(number(1, b"salt"), number(1, b"salt"));
        assert_ne!(number(1, b"salt"), number(2, b"salt"));
        assert_ne!(number(1, b"salt"), number(1, b"other"));
        assert_ne!(number(1, b"salt"), order(1).number(b"salt", NumberFor::PaymentId));
    }

    proptest! {
        #[test]
        fn a_code_is_cut_out_of_any_text(before in "\\PC*", after in "\\PC*", random_bytes: [u8; 16]) {
            let code = Code::from_chance(random_bytes).words();
            let left = Code::cut_out(&format!("{before} / {code} / {after}")).unwrap();
            prop_assert!(Code::cut_out(&left).is_none());
            prop_assert!(!left.contains(&code));
        }

        #[test]
        fn what_chance_makes_is_read_again(random_bytes: [u8; 16]) {
            let code = Code::from_chance(random_bytes);
            prop_assert!(Code::parse(&code.words()) == Ok(code));
        }
    }
}
