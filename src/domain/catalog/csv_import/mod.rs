//! Product exports of other shop programs, read as products of this catalog.

mod draft;
mod export;
mod found;
mod html;
mod html_tag;
mod pictures;
mod shopify;
mod table;
mod values;
mod woocommerce;

pub use export::{Export, NewCatalog};
pub use found::{ImportRules, LeftOut};
pub use pictures::{Picture, curl_list};
