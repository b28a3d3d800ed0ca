//! A buyer's cart. It is kept in the buyer's own cookie; the shop stores nothing of it.

pub mod basket;
pub mod priced;
pub mod shipping;

pub use basket::{Basket, CartId, CartLine, NotACart, SeenPrice, TooMany};
pub use priced::{Contested, Notice, PricedCart, PricedLine};
pub use shipping::{OfferedRate, not_shipped_to, offered, offered_to, reachable};
