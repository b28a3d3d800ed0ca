//! The orders in which a list of products can be shown.

/// What comes first in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// The seller's order; in a search, what fits best.
    #[default]
    Standard,
    /// What was added last.
    Newest,
    /// The lowest price.
    Price,
    /// By the alphabet.
    Name,
}

impl SortOrder {
    pub const ALL: [Self; 4] = [Self::Standard, Self::Newest, Self::Price, Self::Name];

    /// As an address names it; whatever it does not know is the standard order.
    pub fn parse(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|order| order.name() == name);
        found.unwrap_or_default()
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "",
            Self::Newest => "newest",
            Self::Price => "price",
            Self::Name => "name",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_found_by_its_name() {
        for order in SortOrder::ALL {
            assert_eq!(SortOrder::parse(order.name()), order);
        }
        assert_eq!(SortOrder::parse("Price; drop"), SortOrder::Standard);
    }
}
