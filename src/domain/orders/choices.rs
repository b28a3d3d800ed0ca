//! What a buyer chose at checkout.

use crate::domain::values::{Country, Line};

/// What the price depends on, of all that a buyer entered.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// `None`: nothing is shipped, or only the seller can decrypt the address.
    pub country: Option<Country>,
    /// Empty: the cheapest available.
    pub shipping: Line,
    /// Empty: none. Capital letters.
    pub discount: String,
    pub has_refund_address: bool,
}
