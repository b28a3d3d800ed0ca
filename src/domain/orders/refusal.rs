//! Why a field of a buyer's form was refused.

use crate::domain::catalog::DiscountRefusal;
use crate::domain::orders::{NotAPgpBlock, Status};
use crate::domain::payment::{NotATransactionId, NotAnAddress};
use crate::domain::values::{Currency, NotText};

/// Which field of a buyer's form was refused, and why. The page finds the text, in the buyer's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub field: &'static str,
    pub why: RefusalReason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// It must not be empty.
    Missing,
    UnknownCountry,
    Text(NotText),
    Email,
    Pgp(NotAPgpBlock),
    Address(NotAnAddress),
    Transaction(NotATransactionId),
    TransactionTaken,
    /// The order has a status in which none is asked for.
    TransactionNotNeeded(Status),
    TooManyTransactions,
    /// Reported payments that nobody has confirmed take up all the space allowed for them.
    ReportsFull,
    /// The country is encrypted too, so no method can be chosen by it.
    ShippingNotChosen,
    NoShippingFor(Currency),
    NoShippingToCountry,
    /// The items that are not shipped to the country.
    ItemsNotToCountry(Vec<String>),
    /// No method that reaches the country takes an order of this weight or subtotal.
    NoShippingForParcel,
    UnknownShipping,
    /// The name of the chosen method.
    ShippingElsewhere(String),
    UnknownDiscount,
    Discount(DiscountRefusal, Currency),
    TotalTooLarge,
    /// All amounts near this total are taken by other orders.
    TotalTaken,
    CurrencyGone(Currency),
    /// The items are reserved by other unpaid orders, so that a payment may have to be returned.
    RefundNeeded,
    /// The message contains the order's code.
    OrderCode,
    TextAndPgp,
    TooManyMessages(MessageLimit),
    /// The seller has not been notified of the order yet, and this many messages already wait.
    MessagesWait {
        most: i64,
    },
}

/// Which limit was reached. Units: messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageLimit {
    pub a_day: i64,
    pub in_all: i64,
    pub is_for_today: bool,
}

impl Refusal {
    pub fn new(field: &'static str, why: RefusalReason) -> Self {
        Self { field, why }
    }
}

impl From<NotText> for RefusalReason {
    fn from(why: NotText) -> Self {
        Self::Text(why)
    }
}

impl From<NotAPgpBlock> for RefusalReason {
    fn from(why: NotAPgpBlock) -> Self {
        Self::Pgp(why)
    }
}

impl From<NotAnAddress> for RefusalReason {
    fn from(why: NotAnAddress) -> Self {
        Self::Address(why)
    }
}

impl From<NotATransactionId> for RefusalReason {
    fn from(why: NotATransactionId) -> Self {
        Self::Transaction(why)
    }
}
