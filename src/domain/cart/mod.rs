//! What a buyer has in hand. It lives in the buyer's own cookie; the shop keeps nothing of it.

pub mod basket;
pub mod priced;

pub use basket::{Basket, CartId, CartLine, NotACart, Refused, Seen};
pub use priced::{Contested, Notice, PricedCart, PricedLine};
