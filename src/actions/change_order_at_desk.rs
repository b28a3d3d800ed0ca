//! Applies status changes from the desk to one order or many, once for each form.

use anyhow::Context;

use crate::actions::change_order::change_order_in_tx;
use crate::actions::{ChangeOrderError, OrderChange, Shop, notify_seller};
use crate::domain::orders::{OrderRef, Status};
use crate::domain::values::{Line, Timestamp};
use crate::infra::store;

/// Why nothing was changed at the desk.
pub enum ChangeAtDeskError {
    /// It was erased, or never existed.
    NoOrder,
    /// Its status is no longer the one that the seller saw.
    Moved(Status),
    Unchanged(ChangeOrderError),
    Broken(anyhow::Error),
}

broken_from!(ChangeAtDeskError);

/// Changes an order's status as the seller asked at the desk, and records it in the activity log. `seen`: the status
/// shown on the seller's page. `once`: the form's idempotency key, so that a resubmission has no effect.
pub async fn change_order_at_desk(
    shop: &Shop,
    order_ref: &OrderRef,
    change: &OrderChange,
    seen: Status,
    once: &[u8; 32],
    now: Timestamp,
) -> Result<Status, ChangeAtDeskError> {
    super::expire_orders(shop, now).await?;
    take(shop, order_ref, change, Some(seen), once, now).await
}

/// Marks orders as shipped, each with a tracking number or none. Those that can be shipped are; for the others the
/// reason is returned. Each order has its own transaction, so that buyers do not wait for all of them.
pub async fn ship_orders(
    shop: &Shop,
    parcels: Vec<(OrderRef, Line)>,
    once: &[u8; 32],
    now: Timestamp,
) -> anyhow::Result<Vec<(OrderRef, Result<Status, ChangeAtDeskError>)>> {
    super::expire_orders(shop, now).await?;
    let mut sent = Vec::new();
    for (order_ref, tracking) in parcels {
        let change = OrderChange::Shipped(tracking);
        match take(shop, &order_ref, &change, None, once, now).await {
            Err(ChangeAtDeskError::Broken(error)) => return Err(error),
            taken => sent.push((order_ref, taken)),
        }
    }
    Ok(sent)
}

async fn take(
    shop: &Shop,
    order_ref: &OrderRef,
    change: &OrderChange,
    seen: Option<Status>,
    once: &[u8; 32],
    now: Timestamp,
) -> Result<Status, ChangeAtDeskError> {
    let mut tx = shop.db.write().await?;
    let Some(order) = store::orders::find(&mut tx, order_ref).await? else {
        return Err(ChangeAtDeskError::NoOrder);
    };
    if store::messages::was_applied(&mut tx, order_ref, once).await? {
        return Ok(order.status);
    }
    if seen.is_some_and(|seen| seen != order.status) {
        return Err(ChangeAtDeskError::Moved(order.status));
    }
    let (status, queued) =
        match change_order_in_tx(shop, &mut tx, order, change, Some(once), now).await {
            Ok(changed) => changed,
            Err(ChangeOrderError::Broken(error)) => return Err(error.into()),
            Err(unchanged) => return Err(ChangeAtDeskError::Unchanged(unchanged)),
        };
    store::audit_log::record_of_order(&mut tx, now, order_ref, action(change)).await?;
    tx.commit().await.context("commit the step")?;

    notify_seller(shop, queued, now).await;
    Ok(status)
}

/// The text for the activity log, which never holds message contents.
fn action(change: &OrderChange) -> &'static str {
    match change {
        OrderChange::Paid => "Marked as paid",
        OrderChange::Partial(_) => "Recorded a received amount",
        OrderChange::Shipped(_) => "Marked as shipped",
        OrderChange::Cancelled(_) => "Cancelled",
        OrderChange::Refunded(_) => "Marked as refunded",
    }
}
