//! What a catalog file says: the seller's wallets, products, shipping methods and discounts.

use crate::domain::catalog::{DigitalContent, Discount, Prices, ProductKind, ShippingRate, Slug};
use crate::domain::payment::Wallet;
use crate::domain::values::{FiatPrice, Regions};

/// The whole catalog, as in the seller's file.
///
/// Source: the predecessor's `db/data.json` (mongoose-seeder), and this shop's additions.
#[derive(Clone, Debug, Default)]
pub struct CatalogFile {
    pub wallets: Vec<Wallet>,
    pub products: Vec<ProductRecord>,
    pub rates: Vec<ShippingRate>,
    pub discounts: Vec<Discount>,
    /// Notes about ignored parts, in whole sentences.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductRecord {
    /// `products "man-shirt"`, for messages.
    pub place: String,
    /// The record's own name in the file: `man-shirt`.
    pub record: String,
    pub slug: Slug,
    pub name: String,
    pub description: String,
    pub kind: ProductKind,
    pub content: DigitalContent,
    /// Units: units in stock; 0 if they are codes, which are counted in the database.
    pub quantity: i64,
    pub prices: Prices,
    /// In ordinary money, for every currency without a price in `prices`.
    pub fiat: Option<FiatPrice>,
    pub images: Vec<ImageRecord>,
    pub options: Vec<OptionRecord>,
    pub categories: Vec<String>,
    /// Whether it is currently hidden from buyers.
    pub hidden: bool,
    /// Units: grams of one item; `None` if it is not known.
    pub weight: Option<i64>,
    /// Where it is not shipped to.
    pub excluded_countries: Regions,
}

impl ProductRecord {
    /// Whether it or an option has a price in ordinary money.
    pub fn has_fiat_price(&self) -> bool {
        self.fiat.is_some() || self.options.iter().any(|option| option.fiat.is_some())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRecord {
    /// The file's path in the picture folder, not yet checked.
    pub file: String,
    pub alt: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionRecord {
    pub name: String,
    /// `None` if it shares the product's.
    pub quantity: Option<i64>,
    /// Empty if they are the product's.
    pub prices: Prices,
    pub fiat: Option<FiatPrice>,
    /// Units: grams of one item; `None` if it is the product's.
    pub weight: Option<i64>,
}
