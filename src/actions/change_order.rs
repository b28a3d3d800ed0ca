//! Applies the seller's decisions about an order (paid, shipped, cancelled, …) and updates the stock.

use anyhow::Context;

use crate::actions::deliver_digital::deliver_digital;
use crate::actions::notify_seller::queue_message;
use crate::actions::order_steps::{give_back_use, keep_step, take_use_again};
use crate::actions::{Shop, notify_seller};
use crate::domain::orders::{
    Event, InvalidTransition, Order, OrderRef, Refund, Status, StockDemand,
};
use crate::domain::values::{Amount, Line, Timestamp};
use crate::infra::mail::Notification;
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::outbox::OutboxMessage;

/// What the seller decides about an order.
pub enum OrderChange {
    Paid,
    /// The total received so far: less than was due, or more.
    Partial(Amount),
    /// With a tracking number, or empty.
    Shipped(Line),
    /// With a reason, or empty.
    Cancelled(Line),
    Refunded(Refund),
}

/// Why nothing was changed, in a text for the seller.
#[derive(Debug, thiserror::Error)]
pub enum ChangeOrderError {
    #[error("order not found")]
    NoOrder,
    #[error(transparent)]
    InvalidTransition(#[from] InvalidTransition),
    #[error("{name}: {wanted} needed, but only {left} in stock. Add stock or refund the order")]
    TooFew { name: String, wanted: i64, left: i64 },
    #[error("{0} is the full amount: mark the order as paid")]
    NotPartial(Amount),
    #[error("the order is already paid: only more than {0} can be recorded")]
    NotMore(Amount),
    #[error("a partial payment must be more than 0")]
    NoPart,
    #[error(
        "the shop has seen no payment for this order, and the buyer would read that a refund was sent. If you did send one, \
         use `refunded--anyway`"
    )]
    NothingReceived,
    #[error(transparent)]
    Broken(anyhow::Error),
}
broken_from!(ChangeOrderError);

/// Changes an order as the seller decided, and updates the stock if needed.
pub async fn change_order(
    shop: &Shop,
    order_ref: &OrderRef,
    change: OrderChange,
    now: Timestamp,
) -> Result<Status, ChangeOrderError> {
    super::expire_orders(shop, now).await?;
    let mut tx = shop.db.write().await?;
    let Some(order) = store::orders::find(&mut tx, order_ref).await? else {
        return Err(ChangeOrderError::NoOrder);
    };
    let (status, queued) = change_order_in_tx(shop, &mut tx, order, &change, None, now).await?;
    tx.commit().await.context("commit the change")?;

    notify_seller(shop, queued, now).await;
    Ok(status)
}

/// The same, within a larger transaction. `message_id`: of the mail in which the seller asked for it.
pub(super) async fn change_order_in_tx(
    shop: &Shop,
    tx: &mut Tx,
    order: Order,
    change: &OrderChange,
    message_id: Option<&[u8; 32]>,
    now: Timestamp,
) -> Result<(Status, OutboxMessage), ChangeOrderError> {
    let order_ref = &order.order_ref;
    let (event, word) = match change {
        // The amount recorded as received does not change.
        OrderChange::Paid if order.invoice.amount < order.invoice.received => {
            (Event::SellerConfirmedMore, "")
        }
        OrderChange::Paid => (Event::SellerConfirmedFull, ""),
        OrderChange::Partial(sum) if order.invoice.amount == *sum => {
            return Err(ChangeOrderError::NotPartial(*sum));
        }
        OrderChange::Partial(Amount::ZERO) => return Err(ChangeOrderError::NoPart),
        OrderChange::Partial(sum) if order.invoice.amount < *sum => {
            (Event::SellerConfirmedMore, "")
        }
        OrderChange::Partial(_) if matches!(order.status, Status::Confirmed | Status::Overpaid) => {
            return Err(ChangeOrderError::NotMore(order.invoice.amount));
        }
        OrderChange::Partial(_) => (Event::SellerConfirmedPart, ""),
        OrderChange::Shipped(word) => (Event::SellerShipped, word.as_str()),
        OrderChange::Cancelled(word) => (Event::SellerCancelled, word.as_str()),
        OrderChange::Refunded(refund) => (Event::SellerRefunded, refund.txid.as_str()),
    };
    let mut status = order.status.after(event)?;
    // Otherwise the buyer would read that money was sent back.
    if matches!(change, OrderChange::Refunded(refund) if !refund.anyway && !order.has_received()) {
        return Err(ChangeOrderError::NothingReceived);
    }
    let is_paid = matches!(status, Status::Confirmed | Status::Overpaid);
    if is_paid && let Some(short) = store::reservations::claim(tx, &order).await? {
        if !order.status.holds_stock() {
            return Err(too_few(&order, short));
        }
        // The money is there, the items are not: the seller decides.
        status = order.status.after(Event::ItemsRanOut)?;
    }
    if status == Status::Partial {
        store::reservations::confirm(tx, order_ref).await?;
    }
    if !status.holds_stock() {
        store::reservations::release(tx, order_ref).await?;
    }
    // A discount code stays used if the order was paid and then refunded.
    if status == Status::Cancelled && order.status.holds_stock() {
        give_back_use(tx, &order).await?;
    }
    if is_paid {
        take_use_again(tx, &order).await?;
    }
    let received = match change {
        OrderChange::Paid if matches!(status, Status::Confirmed | Status::Oversold) => {
            Some(order.invoice.amount)
        }
        OrderChange::Partial(sum) => Some(*sum),
        _ => None,
    };
    if let Some(received) = received {
        store::orders::mark_received(tx, order_ref, received, now).await?;
        store::address_indexes::mark_paid(tx, order_ref).await?;
        store::orders::release_messages(tx, order_ref).await?;
    }
    store::orders::mark_status(tx, order_ref, status, status.is_finished().then_some(now)).await?;
    store::catalog_state::mark_changed(tx).await?;
    keep_step(tx, order_ref, status, word, message_id, now).await?;
    let mut order = deliver_digital(tx, Order { status, ..order }, now).await?;
    order.invoice.received = received.unwrap_or(order.invoice.received);
    // The seller's own doing is no news; that nothing is left is.
    let is_read = status != Status::Oversold;
    let queued =
        queue_message(shop, tx, &order, Notification::StatusChanged(word), is_read, now).await?;
    Ok((status, queued))
}

fn too_few(order: &Order, short: StockDemand) -> ChangeOrderError {
    let line = order.lines.iter().find(|line| line.pool == short.pool);
    ChangeOrderError::TooFew {
        name: line.map(|line| line.name.clone()).unwrap_or_default(),
        wanted: short.quantity,
        left: short.stock + short.reserved,
    }
}
