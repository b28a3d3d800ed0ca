//! When the seller is notified of an order.

/// When the seller is notified of an order: at once, or not before somebody says or sees that it is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    Placed,
    /// When the buyer reports a payment, or a payment is seen.
    Reported,
    Paid,
}

impl Notify {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "placed" => Some(Self::Placed),
            "reported" => Some(Self::Reported),
            "paid" => Some(Self::Paid),
            _ => None,
        }
    }
}
