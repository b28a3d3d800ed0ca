//! Stops and resumes taking orders.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::values::Timestamp;
use crate::infra::store;

/// Stops taking orders; products and the pages of existing orders stay available. Returns the time since when it is
/// closed.
pub async fn close_shop(shop: &Shop, now: Timestamp) -> anyhow::Result<Timestamp> {
    let mut tx = shop.db.write().await?;
    let state =
        store::shop_state::find(&mut tx).await.context("read whether the shop is closed")?;
    if let Some(day) = state.closed_on {
        return Ok(day);
    }
    let today = now.day_start();
    store::shop_state::mark_closed(&mut tx, Some(today)).await.context("close the shop")?;
    store::audit_log::record(&mut tx, now, "Closed the shop").await.context("record the action")?;
    store::catalog_state::mark_changed(&mut tx).await?;
    tx.commit().await.context("commit the closing")?;
    Ok(today)
}

/// Takes orders again. `false`: the seller had not closed the shop.
pub async fn open_shop(shop: &Shop, now: Timestamp) -> anyhow::Result<bool> {
    let mut tx = shop.db.write().await?;
    let state =
        store::shop_state::find(&mut tx).await.context("read whether the shop is closed")?;
    if state.closed_on.is_none() {
        return Ok(false);
    }
    store::shop_state::mark_closed(&mut tx, None).await.context("open the shop")?;
    store::audit_log::record(&mut tx, now, "Opened the shop").await.context("record the action")?;
    store::catalog_state::mark_changed(&mut tx).await?;
    tx.commit().await.context("commit the reopening")?;
    Ok(true)
}
