//! Erases a buyer's data on the buyer's request.

use anyhow::Context;

use crate::actions::notify_seller::queue_message;
use crate::actions::purge_orders::remove_update_copy;
use crate::actions::{Shop, notify_seller};
use crate::domain::orders::LookupName;
use crate::domain::values::Timestamp;
use crate::infra::mail::Notification;
use crate::infra::store;

/// Erases a buyer's data: everything encrypted to the buyer is deleted at once, and the code no longer opens the order.
/// Messages already sent to the seller stay with the seller, who is notified of the erasure. If that message cannot be
/// encrypted, it is written when the seller next replies, since the buyer's request does not wait for a key. `nobody`:
/// a random lookup name that no code produces.
///
/// Returns whether the order existed.
pub async fn erase_buyer(
    shop: &Shop,
    name: &LookupName,
    nobody: LookupName,
    now: Timestamp,
) -> anyhow::Result<bool> {
    let mut tx = shop.db.write().await?;
    let Some(order) = store::orders::find_by_lookup(&mut tx, name).await? else {
        return Ok(false);
    };
    store::messages::erase(&mut tx, &order.order_ref)
        .await
        .context("erase the messages encrypted to the buyer")?;
    store::deliveries::erase(&mut tx, &order.order_ref)
        .await
        .context("erase what the order delivered")?;
    store::orders::forget_buyer_key(&mut tx, &order.order_ref, &nobody).await?;
    let queued = queue_message(shop, &mut tx, &order, Notification::DataErased, false, now).await?;
    // What the seller was not notified of yet goes, too, unless it may still be paid.
    store::outbox::drop_erased(&mut tx, &order.order_ref).await?;
    tx.commit().await.context("commit the erasure")?;
    if let Err(error) = remove_update_copy(shop).await {
        tracing::error!("it still contains deleted data: {error:#}");
    }

    notify_seller(shop, queued, now).await;
    // If the database is being read right now, the background job empties the journal within a minute.
    if let Err(error) = super::empty_journal(shop).await {
        tracing::warn!("the journal is emptied later: {error:#}");
    }
    Ok(true)
}
