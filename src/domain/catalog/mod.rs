//! What can be bought: products, their options, prices and stock, and the catalog file.

pub mod catalog_file;
mod difference;
pub mod digital;
pub mod discount;
mod discount_record;
pub mod fault;
mod file_writer;
mod form_record;
pub mod json;
mod json_text;
pub mod kind;
pub mod limits;
pub mod markdown;
pub mod offer;
pub mod page;
mod product_record;
mod rate_record;
pub mod record;
pub mod shipping_rate;
pub mod slug;
mod wallet_record;

pub use catalog_file::{CatalogFile, ImageRecord, OptionRecord, ProductRecord};
pub use difference::{Difference, Kind, differences};
pub use digital::DigitalContent;
pub use discount::{Discount, DiscountRefusal, DiscountValue, Prices, Subtotals};
pub use fault::Fault;
pub use form_record::wallet_reference;
pub use json::Json;
pub use kind::{NotAKind, ProductKind};
pub use offer::{IN_WINDOW, Offer, OfferKey, Stock, full_name};
pub use page::{NotAPage, PageSlug, PageText};
pub use product_record::read_category;
pub use shipping_rate::{Parcel, RateStep, ShippingRate, StepLimit, reach};
pub use slug::{NotASlug, Slug};
