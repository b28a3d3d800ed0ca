//! Products as the shop offers them now.

use crate::domain::catalog::{ProductKind, Slug};
use crate::domain::values::{Amount, Regions};

/// Units: products on the front page.
pub const IN_WINDOW: usize = 12;

/// Identifies what is sold: a product, and the chosen option.
///
/// Shape: row ids of the shop's database; `option` is 0 if the product has no options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferKey {
    pub product: i64,
    pub option: i64,
}

/// The current offer for a product or option, in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub key: OfferKey,
    pub slug: Slug,
    pub kind: ProductKind,
    pub name: String,
    /// Empty if the product has no options.
    pub option_name: String,
    /// `None` if it has no price in this currency.
    pub price: Option<Amount>,
    /// It is priced in ordinary money, and there is no valid exchange rate.
    pub needs_rate: bool,
    /// Units: items that nobody reserves.
    pub stock: i64,
    /// Units: items that unpaid orders reserve. They can still be ordered: whoever pays first gets them.
    pub reserved: i64,
    /// Options without their own quantity share the product's: then this is the product with option 0.
    pub pool: OfferKey,
    /// Removed from the catalog; it keeps its name for orders that contain it.
    pub gone: bool,
    /// Units: grams of one item; `None` if it is not known.
    pub weight: Option<i64>,
    /// Where it is not shipped to.
    pub excluded_countries: Regions,
}

impl Offer {
    /// Units: items that can be ordered.
    pub fn available(&self) -> i64 {
        self.stock + self.reserved
    }

    pub fn full_name(&self) -> String {
        full_name(&self.name, &self.option_name)
    }
}

/// `Wool socks, red`; `Wool socks` if the product has no options.
pub fn full_name(name: &str, option_name: &str) -> String {
    if option_name.is_empty() { name.to_owned() } else { format!("{name}, {option_name}") }
}

/// The stock as shown on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stock {
    SoldOut,
    /// Unpaid orders reserve the last ones, so many of them.
    Contested(i64),
    /// So few that the number is shown: 1 to 5.
    Few(i64),
    InStock,
}

impl Stock {
    /// `free`: items that nobody reserves; `reserved`: those that unpaid orders reserve.
    pub fn of(free: i64, reserved: i64) -> Self {
        match (free, reserved) {
            (..=0, ..=0) => Self::SoldOut,
            (..=0, reserved) => Self::Contested(reserved),
            (1..=5, _) => Self::Few(free),
            _ => Self::InStock,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_pieces_are_counted() {
        for (free, reserved, stock) in [
            (-1, 0, Stock::SoldOut),
            (0, 0, Stock::SoldOut),
            (0, 2, Stock::Contested(2)),
            (1, 9, Stock::Few(1)),
            (5, 0, Stock::Few(5)),
            (6, 0, Stock::InStock),
        ] {
            assert_eq!(Stock::of(free, reserved), stock);
        }
    }
}
