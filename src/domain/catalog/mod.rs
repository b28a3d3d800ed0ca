//! What can be bought: products, their options, prices and stock, and the catalog file.

mod difference;
pub mod discount;
mod discount_record;
pub mod fault;
pub mod file;
mod file_writer;
pub mod json;
pub mod limits;
pub mod markdown;
pub mod offer;
pub mod page;
mod product_file;
mod rate_record;
pub mod record;
mod single;
pub mod slug;
mod wallet_record;

pub use difference::{Difference, Kind, differences};
pub use discount::{Discount, DiscountRefusal, DiscountValue, Prices, Subtotals};
pub use fault::Fault;
pub use file::{CatalogFile, ImageRecord, OptionRecord, ProductRecord, RateRecord};
pub use json::Json;
pub use offer::{IN_WINDOW, Offer, OfferKey, Rate, Stock, full_name, reach};
pub use page::{NotAPage, PageSlug, PageText};
pub use product_file::read_category;
pub use single::wallet_reference;
pub use slug::{NotASlug, Slug};
