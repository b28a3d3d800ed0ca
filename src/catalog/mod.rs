//! What can be bought: products, their options, prices and stock, and the file the seller writes them in.

pub mod fault;
pub mod file;
pub mod json;
pub mod markdown;
pub mod markdown_back;
pub mod offer;
pub mod page;
mod product_file;
pub mod record;
pub mod slug;
mod wallet_record;

pub use fault::Fault;
pub use file::{
    CatalogFile, Discount, ImageRecord, OptionRecord, Prices, ProductRecord, RateRecord,
};
pub use offer::{IN_WINDOW, Offer, OfferKey, Rate, Stock};
pub use page::{NotAPage, PageSlug, PageText};
pub use product_file::read_category;
pub use slug::{NotASlug, Slug};
