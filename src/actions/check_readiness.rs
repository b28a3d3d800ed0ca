//! Checks whether an order could be placed now.

use std::time::Duration;

use anyhow::Context;

use crate::actions::Shop;
use crate::infra::store;

/// If the write lock is held for longer than this, it will not be free soon.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks whether the database would accept an order now: a write transaction starts, and the disk accepts bytes.
/// Nothing of the check is stored, since a health check must change nothing. Messages are not checked: they are queued
/// until they can be delivered.
///
/// # Errors
/// Why no order could be stored.
pub async fn check_readiness(shop: &Shop) -> anyhow::Result<()> {
    tokio::time::timeout(PATIENCE, try_database(shop)).await.context("the database is busy")??;
    let db = shop.db.clone();
    let tried = tokio::task::spawn_blocking(move || db.try_disk()).await?;
    tried.context("the database cannot be written")
}

async fn try_database(shop: &Shop) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await.context("begin a write transaction")?;
    let state = store::shop_state::find(&mut tx).await?;
    anyhow::ensure!(!state.is_full, "unpaid orders take more than UNPAID_MEGABYTES");
    Ok(())
}
