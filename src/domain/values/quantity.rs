//! How many of a product.

/// How many units of one product a buyer wants.
///
/// Shape: an integer, 1 to 99. Zero is not a quantity: a cart line without units does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quantity is a whole number from 1 to 99")]
pub struct NotAQuantity;

impl Quantity {
    pub const MOST: Self = Self(99);

    /// # Errors
    /// [`NotAQuantity`] outside 1 to 99.
    pub fn new(n: i64) -> Result<Self, NotAQuantity> {
        match n {
            1..=99 => Ok(Self(n)),
            _ => Err(NotAQuantity),
        }
    }

    /// # Errors
    /// [`NotAQuantity`] for anything but digits for 1 to 99; surrounding space is ignored.
    pub fn parse(text: &str) -> Result<Self, NotAQuantity> {
        let digits = text.trim();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAQuantity);
        }
        Self::new(digits.parse().map_err(|_| NotAQuantity)?)
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<i64, NotAQuantity>) {
        assert_eq!(Quantity::parse(text).map(Quantity::get), expected, "{text:?}");
    }

    #[test]
    fn a_quantity_is_1_to_99() {
        check(" 99 ", Ok(99));
        check("1", Ok(1));
        for text in ["0", "100", "-1", "+1", "1.5", "", "two", "99999999999999999999"] {
            check(text, Err(NotAQuantity));
        }
        assert_eq!(Quantity::new(7).unwrap().to_string(), "7");
    }
}
