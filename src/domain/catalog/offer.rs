//! Products and shipping methods as the shop offers them now.

use crate::domain::catalog::{ProductKind, Slug};
use crate::domain::values::{Amount, Country};

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
    /// Units: items that nobody reserves.
    pub stock: i64,
    /// Units: items that unpaid orders reserve. They can still be ordered: whoever pays first gets them.
    pub reserved: i64,
    /// Options without their own quantity share the product's: then this is the product with option 0.
    pub pool: OfferKey,
    /// Removed from the catalog; it keeps its name for orders that contain it.
    pub gone: bool,
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

/// The cost of a shipping method, in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    pub name: String,
    /// Empty: everywhere.
    pub countries: Vec<Country>,
    pub price: Amount,
}

impl Rate {
    pub fn reaches_everywhere(&self) -> bool {
        self.countries.is_empty()
    }

    /// Whether it ships to a country; `None` is an unknown country.
    pub fn reaches(&self, country: Option<Country>) -> bool {
        self.reaches_everywhere()
            || country.is_some_and(|country| self.countries.contains(&country))
    }
}

/// Where a shipping method ships to, for the seller; no country: everywhere.
pub fn reach(countries: &[Country]) -> String {
    match countries {
        [] => "worldwide".to_owned(),
        countries if countries.len() <= 4 => {
            countries.iter().map(|country| country.name()).collect::<Vec<_>>().join(", ")
        }
        countries => format!("{} countries", countries.len()),
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

    #[test]
    fn a_rate_without_countries_reaches_even_an_unknown_one() {
        let germany = Country::parse("DE").ok();
        let everywhere = Rate { name: "Parcel".into(), countries: Vec::new(), price: Amount::ZERO };
        assert!(everywhere.reaches(None) && everywhere.reaches(germany));
        let at_home = Rate { countries: germany.into_iter().collect(), ..everywhere };
        assert!(
            at_home.reaches(germany)
                && !at_home.reaches(None)
                && !at_home.reaches(Country::parse("FR").ok())
        );
    }
}
