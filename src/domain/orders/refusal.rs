//! Why a field of a buyer's form was refused.

use crate::domain::catalog::NotUsable;
use crate::domain::orders::{NotAPgpBlock, Status};
use crate::domain::payment::{NotATransactionId, NotAnAddress};
use crate::domain::values::{Currency, NotText};

/// Which field of a buyer's form was refused, and why. The page finds the words, in the buyer's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub field: &'static str,
    pub why: RefusalReason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// It must not be empty.
    Missing,
    Text(NotText),
    Email,
    Pgp(NotAPgpBlock),
    Address(NotAnAddress),
    Transaction(NotATransactionId),
    TransactionTaken,
    /// The order has a state in which nobody asks for one.
    TransactionNotNeeded(Status),
    TooManyTransactions,
    /// Reported payments that nobody has seen take all the space that they may.
    ReportsFull,
    /// The country is encrypted too, so that no method can be chosen by it.
    ShippingNotChosen,
    NoShippingFor(Currency),
    NoShippingToCountry,
    UnknownShipping,
    /// The method that was chosen, by its name.
    ShippingElsewhere(String),
    UnknownDiscount,
    Discount(NotUsable, Currency),
    TotalTooLarge,
    /// No amount near this total can be told from those that others were asked for.
    TotalTaken,
    CurrencyGone(Currency),
    /// Other unpaid orders reserve what was ordered.
    RefundNeeded,
    /// The message holds the order's code.
    OrderCode,
    TextAndPgp,
    TooManyMessages(MessageLimit),
    /// The seller is not notified of the order yet, and so many messages wait already.
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
