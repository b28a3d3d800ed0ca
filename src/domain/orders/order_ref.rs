//! The order number, and a part of it to search for.

use crate::domain::values::text::without_hidden;

/// The number by which buyer and seller refer to an order. It reveals neither how many orders there are nor when it was
/// placed.
///
/// Shape: 10 of Crockford's 32 letters and digits, 50 random bits.
/// Source: <https://www.crockford.com/base32.html>.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OrderRef(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order reference is 10 letters and digits, for example K3QF0W2ZD7")]
pub struct NotAnOrderRef;

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Hides the reference, so that no error text brings it into a log.
impl std::fmt::Debug for OrderRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OrderRef")
    }
}

impl OrderRef {
    /// Uses 50 of the 64 random bits.
    pub fn from_random(random_bytes: [u8; 8]) -> Self {
        let bits = u64::from_le_bytes(random_bytes);
        let letter =
            |n: u32| char::from(LETTERS[usize::try_from(bits >> (5 * n) & 31).expect("31 fits")]);
        Self((0..10).map(letter).collect())
    }

    /// Accepts lowercase letters, and `O`, `I`, `L` for the digits they look like.
    ///
    /// # Errors
    /// [`NotAnOrderRef`] for any other shape.
    pub fn parse(text: &str) -> Result<Self, NotAnOrderRef> {
        normalized(text).filter(|letters| letters.len() == 10).map(Self).ok_or(NotAnOrderRef)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A part of a reference, to search for.
///
/// Shape: 1 to 10 of its letters and digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefPart(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a part of a reference is 1 to 10 letters and digits, for example K3QF")]
pub struct NotARefPart;

impl RefPart {
    /// Accepts the same letters as [`OrderRef::parse`].
    ///
    /// # Errors
    /// [`NotARefPart`] if no reference contains it.
    pub fn parse(text: &str) -> Result<Self, NotARefPart> {
        let letters = normalized(text).filter(|letters| (1..=10).contains(&letters.len()));
        letters.map(Self).ok_or(NotARefPart)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Uppercase, with letters that look like digits replaced. `None` if any character is not one of [`LETTERS`].
fn normalized(text: &str) -> Option<String> {
    let letter = |c: char| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let letters: String = without_hidden(text).trim().chars().map(letter).collect();
    letters.bytes().all(|byte| LETTERS.contains(&byte)).then_some(letters)
}

impl std::fmt::Display for OrderRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NotAnOrderRef>) {
        assert_eq!(
            OrderRef::parse(text).map(|name| name.to_string()),
            expected.map(str::to_owned),
            "{text:?}"
        );
    }

    #[test]
    fn a_reference_is_read_as_people_type_it() {
        check("K3QF0W2ZD7", Ok("K3QF0W2ZD7"));
        check(" k3qfow2zd7 ", Ok("K3QF0W2ZD7"));
        check("iLOOOOOOOO", Ok("1100000000"));
        for text in ["", "K3QF0W2ZD", "K3QF0W2ZD77", "K3QF0W2ZDU", "../../../a", "K3QF0W2ZÐ"] {
            check(text, Err(NotAnOrderRef));
        }
    }

    #[test]
    fn a_part_of_a_reference_is_read_in_the_same_way() {
        let part = |text: &str| RefPart::parse(text).map(|part| part.as_str().to_owned());
        assert_eq!(part(" qfo "), Ok("QF0".to_owned()));
        assert_eq!(part("K3QF0W2ZD7"), Ok("K3QF0W2ZD7".to_owned()));
        for text in ["", "K3QF0W2ZD77", "U", "%", "a b"] {
            assert_eq!(part(text), Err(NotARefPart), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_chance_makes_is_read_again(random_bytes: [u8; 8]) {
            let name = OrderRef::from_random(random_bytes);
            prop_assert!(OrderRef::parse(name.as_str()) == Ok(name));
        }
    }
}
