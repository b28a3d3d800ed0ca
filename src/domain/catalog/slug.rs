//! A product's name in its address.

/// A product's name in its URL: `/product/mens-mining-t`.
///
/// Shape: 1 to 120 of `a-z`, `0-9`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a slug of 1 to 120 lowercase letters a-z, digits, `-` and `_`, for example mens-mining-t")]
pub struct NotASlug;

impl Slug {
    /// # Errors
    /// [`NotASlug`] for any other shape.
    pub fn parse(text: &str) -> Result<Self, NotASlug> {
        let fits = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        };
        if !(1..=120).contains(&text.len()) || !text.bytes().all(fits) {
            return Err(NotASlug);
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug that the predecessor made from a product's name: white space becomes `-`, everything but ASCII word
    /// characters is removed, and letters become lowercase.
    ///
    /// # Errors
    /// [`NotASlug`] if no valid character is left.
    pub fn of_name(name: &str) -> Result<Self, NotASlug> {
        let slug: String = name
            .trim()
            .chars()
            .map(|c| if c.is_whitespace() { '-' } else { c.to_ascii_lowercase() })
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_')
            .take(110)
            .collect();
        Self::parse(&slug)
    }

    /// The same with `-2`, `-3` …, for the second and third product of one name, as the predecessor counted them.
    pub fn numbered(&self, n: usize) -> Self {
        Self(format!("{}-{n}", self.0))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Slug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Result<&str, NotASlug>) {
        assert_eq!(
            Slug::of_name(name).as_ref().map(Slug::as_str),
            expected.as_ref().map(|slug| *slug),
            "{name:?}"
        );
    }

    #[test]
    fn a_slug_is_made_as_the_ancestor_made_it() {
        check("Men's Mining T", Ok("mens-mining-t"));
        check("  Tea & Biscuits ", Ok("tea--biscuits"));
        check("Café crème", Ok("caf-crme"));
        check("snake_case 2.0", Ok("snake_case-20"));
        check("東京", Err(NotASlug));
    }

    proptest! {
        #[test]
        fn what_is_made_of_a_name_is_read_in_an_address(name in "\\PC{0,300}") {
            if let Ok(slug) = Slug::of_name(&name) {
                prop_assert_eq!(Slug::parse(slug.numbered(12).as_str()).map(|_| ()), Ok(()));
            }
        }
    }
}
