//! An order, before and after it is stored.

use crate::domain::cart::PricedLine;
use crate::domain::catalog::{OfferKey, ProductKind, full_name};
use crate::domain::orders::{
    AppliedDiscount, Buyer, CheckoutContext, Draft, OrderRef, OrderShipping, PlacementError, Quote,
    Reservation, Status,
};
use crate::domain::payment::{Invoice, Tolerance, TransactionId};
use crate::domain::values::{Amount, Currency, Quantity, Timestamp};

/// Units: days that an order is kept that nobody paid for in time.
pub const UNPAID_DAYS: i64 = 2;

/// The same if a node watches it: for this long it detects late payments.
pub const FOLLOWED_DAYS: i64 = 7;

/// One ordered item, with the name and the price it had then.
#[derive(Clone, PartialEq, Eq)]
pub struct OrderLine {
    pub key: OfferKey,
    /// Whose stock it was taken from.
    pub pool: OfferKey,
    pub kind: ProductKind,
    pub name: String,
    /// Empty if the product has no options.
    pub option_name: String,
    pub quantity: Quantity,
    pub price: Amount,
    pub sum: Amount,
}

impl OrderLine {
    /// With its option, if it has one.
    pub fn full_name(&self) -> String {
        full_name(&self.name, &self.option_name)
    }

    /// `None` if it cannot be bought.
    fn of(line: &PricedLine) -> Option<Self> {
        Some(Self {
            key: line.offer.key,
            pool: line.offer.pool,
            kind: line.offer.kind,
            name: line.offer.name.clone(),
            option_name: line.offer.option_name.clone(),
            quantity: line.quantity,
            price: line.offer.price?,
            sum: line.sum?,
        })
    }
}

/// An order that is about to be stored; it has no address and no amount yet.
pub struct NewOrder {
    pub order_ref: OrderRef,
    pub status: Status,
    pub placed_at: Timestamp,
    pub buyer: Buyer,
    pub transaction: Option<TransactionId>,
    pub currency: Currency,
    pub lines: Vec<OrderLine>,
    pub shipping: Option<OrderShipping>,
    pub discount: Option<AppliedDiscount>,
    /// Units: lines minus discount plus shipping.
    pub total: Amount,
    pub reservation: Reservation,
}

impl NewOrder {
    /// # Errors
    /// [`PlacementError`]: nothing was changed.
    pub fn open(
        draft: Draft,
        context: &CheckoutContext<'_>,
        order_ref: OrderRef,
        now: Timestamp,
    ) -> Result<Self, PlacementError> {
        let Quote { shipping, discount, total } = Quote::new(&draft.choices, context, now)?;
        Ok(Self {
            order_ref,
            status: if draft.transaction.is_some() { Status::Reported } else { Status::Awaiting },
            placed_at: now.day_start(),
            buyer: draft.buyer,
            transaction: draft.transaction,
            currency: context.cart.currency.clone(),
            lines: context.cart.lines.iter().filter_map(OrderLine::of).collect(),
            shipping,
            discount,
            total,
            reservation: match (context.cart.contested.is_empty(), context.may_reserve) {
                (true, true) => Reservation::Held,
                (true, false) => Reservation::Free,
                (false, _) => Reservation::Contested,
            },
        })
    }

    /// The order as it is stored, and the buyer's data, which is not.
    pub fn invoiced(self, invoice: Invoice) -> (Order, Buyer) {
        let order = Order {
            order_ref: self.order_ref,
            status: self.status,
            placed_at: self.placed_at,
            finished_at: None,
            lines: self.lines,
            shipping: self.shipping,
            discount: self.discount,
            invoice,
            transaction: self.transaction,
            reservation: self.reservation,
            delivered: Vec::new(),
            is_delivered: false,
        };
        (order, self.buyer)
    }
}

/// An order as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Order {
    pub order_ref: OrderRef,
    pub status: Status,
    /// To the day.
    pub placed_at: Timestamp,
    /// The day since which nothing more is expected.
    pub finished_at: Option<Timestamp>,
    pub lines: Vec<OrderLine>,
    pub shipping: Option<OrderShipping>,
    pub discount: Option<AppliedDiscount>,
    pub invoice: Invoice,
    pub transaction: Option<TransactionId>,
    pub reservation: Reservation,
    /// The lines that have delivered something on the order's page, counted from 0.
    pub delivered: Vec<usize>,
    /// Whether the buyer has got everything there.
    pub is_delivered: bool,
}

impl Order {
    /// Whether others have paid for its items.
    pub fn is_sold_out(&self) -> bool {
        self.reservation == Reservation::SoldOut
    }

    /// The status at a moment of the trusted time: an overdue order is expired, whether or not that has been recorded.
    /// If a node watches the order, the chain's time decides, and that is always recorded.
    pub fn status_at(&self, trusted: Timestamp) -> Status {
        if self.status == Status::Awaiting
            && self.is_time_over(trusted)
            && self.invoice.observation.is_none()
        {
            Status::Expired
        } else {
            self.status
        }
    }

    /// Whether the time to pay is over by the trusted time.
    pub fn is_time_over(&self, trusted: Timestamp) -> bool {
        self.invoice.ends_at() <= trusted
    }

    /// What is still to be paid, less the payments that are not confirmed yet. An amount within the tolerance, which is
    /// ignored once the payment is confirmed, is not due before either.
    pub fn due(&self, tolerance: Tolerance) -> Amount {
        let due = self.invoice.amount.minus(self.invoice.seen()).unwrap_or(Amount::ZERO);
        match self.status {
            Status::Awaiting | Status::Reported | Status::Partial | Status::Expired => due,
            Status::Late | Status::Oversold | Status::Unconfirmed
                if tolerance.of(self.invoice.amount) < due =>
            {
                due
            }
            _ => Amount::ZERO,
        }
    }

    /// The overpayment.
    pub fn excess(&self) -> Amount {
        self.invoice.arrived().minus(self.invoice.amount).unwrap_or(Amount::ZERO)
    }

    /// Whether money was received for it, by the seller's word or their node's; the buyer's word does not count. An order
    /// that is late without a transaction of the buyer was marked as paid by the seller.
    pub fn has_received(&self) -> bool {
        let is_late_by_seller = self.status == Status::Late && self.transaction.is_none();
        Amount::ZERO < self.invoice.seen() || is_late_by_seller
    }

    /// Units: days that it is kept if nobody pays for it in time.
    pub fn unpaid_days(&self) -> i64 {
        if self.invoice.observation.is_some() { FOLLOWED_DAYS } else { UNPAID_DAYS }
    }

    /// The day from which `purge` erases it, if it is finished.
    pub fn erased_after(&self, keep_days: i64) -> Option<Timestamp> {
        let finished = self.finished_at?;
        if self.status == Status::Expired {
            return Some(self.invoice.until.plus_days(self.unpaid_days()));
        }
        Some(finished.plus_days(keep_days))
    }
}

#[cfg(test)]
mod stored_tests;
