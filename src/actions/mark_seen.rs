//! Marks the messages on an order's page as seen.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::orders::OrderRef;
use crate::infra::store;

/// Called when the buyer returns with the code: returns the newest message that was there the last time, so that the
/// page can mark what is new. The shop has no other way to notify a buyer.
pub async fn mark_seen(shop: &Shop, order_ref: &OrderRef) -> anyhow::Result<i64> {
    let mut tx = shop.db.write().await?;
    let seen = store::orders::mark_seen(&mut tx, order_ref).await?;
    tx.commit().await.context("commit the read position")?;
    Ok(seen)
}
