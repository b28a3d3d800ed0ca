//! Applies status changes from the desk to one order or many, once for each form.

use anyhow::Context;

use crate::actions::change_order::change_now;
use crate::actions::{OrderChange, Shop, Unchanged, notify_seller};
use crate::domain::orders::{OrderRef, Status};
use crate::domain::values::{Line, Timestamp};
use crate::infra::store;

/// Why nothing was changed at the desk.
pub enum ApplyEventError {
    /// It was erased, or never existed.
    NoOrder,
    /// Its status is no longer the one that the seller saw.
    Moved(Status),
    Unchanged(Unchanged),
    Broken(anyhow::Error),
}

broken_from!(ApplyEventError);

/// Changes an order's status as the seller asked at the desk, and records it in the activity log. `seen`: the status
/// shown on the seller's page. `once`: the form's idempotency key, so that a resubmission has no effect.
pub async fn take_step(
    shop: &Shop,
    order_ref: &OrderRef,
    change: &OrderChange,
    seen: Status,
    once: &[u8; 32],
    now: Timestamp,
) -> Result<Status, ApplyEventError> {
    super::expire_orders(shop, now).await?;
    take(shop, order_ref, change, Some(seen), once, now).await
}

/// Marks orders as shipped, each with a tracking number or none. Those that can be shipped are; for the others the
/// reason is returned. Each order has its own transaction, so that buyers do not wait for all of them.
pub async fn send_orders(
    shop: &Shop,
    parcels: Vec<(OrderRef, Line)>,
    once: &[u8; 32],
    now: Timestamp,
) -> anyhow::Result<Vec<(OrderRef, Result<Status, ApplyEventError>)>> {
    super::expire_orders(shop, now).await?;
    let mut sent = Vec::new();
    for (order_ref, tracking) in parcels {
        let change = OrderChange::Shipped(tracking);
        match take(shop, &order_ref, &change, None, once, now).await {
            Err(ApplyEventError::Broken(error)) => return Err(error),
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
) -> Result<Status, ApplyEventError> {
    let mut tx = shop.db.write().await?;
    let Some(order) = store::orders::find(&mut tx, order_ref).await? else {
        return Err(ApplyEventError::NoOrder);
    };
    if store::messages::is_heard(&mut tx, order_ref, once).await? {
        return Ok(order.status);
    }
    if seen.is_some_and(|seen| seen != order.status) {
        return Err(ApplyEventError::Moved(order.status));
    }
    let (status, queued) = match change_now(shop, &mut tx, order_ref, change, Some(once), now).await
    {
        Ok(changed) => changed,
        Err(Unchanged::Broken(error)) => return Err(error.into()),
        Err(unchanged) => return Err(ApplyEventError::Unchanged(unchanged)),
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
