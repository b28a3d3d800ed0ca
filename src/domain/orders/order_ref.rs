//! The order number, and a part of it to search for.

use crate::domain::values::text::without_hidden;

/// The name by which buyer and seller speak of an order. It reveals no count and no time.
///
/// Shape: 10 of Crockford's 32 letters and digits, 50 bits of chance.
/// Source: <https://www.crockford.com/base32.html>.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OrderRef(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order reference is 10 letters and digits, for example K3QF0W2ZD7")]
pub struct NotAnOrderRef;

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Without the reference: it must not come into a log by the way of an error.
impl std::fmt::Debug for OrderRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OrderRef")
    }
}

impl OrderRef {
    /// Makes one from chance that the caller brings; 50 of the 64 bits are used.
    pub fn from_chance(random_bytes: [u8; 8]) -> Self {
        let bits = u64::from_le_bytes(random_bytes);
        let letter =
            |n: u32| char::from(LETTERS[usize::try_from(bits >> (5 * n) & 31).expect("31 fits")]);
        Self((0..10).map(letter).collect())
    }

    /// Reads what a person typed: small letters, and `O`, `I`, `L` for the digits they look like.
    ///
    /// # Errors
    /// [`NotAnOrderRef`] where the shape is another.
    pub fn parse(text: &str) -> Result<Self, NotAnOrderRef> {
        let name: String = without_hidden(text).trim().chars().map(as_meant).collect();
        if name.len() != 10 || !name.bytes().all(|byte| LETTERS.contains(&byte)) {
            return Err(NotAnOrderRef);
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A part of a reference, by which orders are looked for.
///
/// Shape: 1 to 10 of its letters and digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefPart(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a part of a reference is 1 to 10 letters and digits, for example K3QF")]
pub struct NotARefPart;

impl RefPart {
    /// Reads what a person typed, as [`OrderRef::parse`] does.
    ///
    /// # Errors
    /// [`NotARefPart`] where no reference holds it.
    pub fn parse(text: &str) -> Result<Self, NotARefPart> {
        let part: String = without_hidden(text).trim().chars().map(as_meant).collect();
        let fits = part.bytes().all(|byte| LETTERS.contains(&byte));
        if fits && (1..=10).contains(&part.len()) { Ok(Self(part)) } else { Err(NotARefPart) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Small letters are large ones, and letters that look like digits are those.
fn as_meant(c: char) -> char {
    match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    }
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
            let name = OrderRef::from_chance(random_bytes);
            prop_assert!(OrderRef::parse(name.as_str()) == Ok(name));
        }
    }
}
