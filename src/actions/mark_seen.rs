//! Marks the news on an order's page as seen.

use crate::actions::Shop;
use crate::domain::orders::OrderRef;
use crate::infra::store;
use anyhow::Context;

/// The buyer comes back with the code: returns the newest piece of the conversation that was there the last time, so that
/// the page can say what is new. There is no other notice that could be sent.
pub async fn mark_seen(shop: &Shop, order_ref: &OrderRef) -> anyhow::Result<i64> {
    let mut tx = shop.db.write().await?;
    let seen = store::orders::mark_seen(&mut tx, order_ref).await?;
    tx.commit().await.context("remember what was seen")?;
    Ok(seen)
}
