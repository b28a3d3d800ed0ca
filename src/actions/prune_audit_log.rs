//! Deletes old entries of the desk's activity log.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::values::Timestamp;
use crate::infra::store;

/// How many entries of the activity log are as old as orders that are erased.
pub async fn count_old_actions(shop: &Shop, now: Timestamp) -> anyhow::Result<i64> {
    let before = now.plus_days(-shop.policy.keep_days);
    store::audit_log::count_old(&mut *shop.db.reader().await?, before)
        .await
        .context("count old log entries")
}

/// Erases them. Entries about an order are erased with it, if that is sooner.
pub async fn prune_audit_log(shop: &Shop, now: Timestamp) -> anyhow::Result<i64> {
    // Checked without the write lock, since usually there is nothing to do.
    let n = count_old_actions(shop, now).await?;
    if 0 < n {
        let mut tx = shop.db.write().await?;
        let before = now.plus_days(-shop.policy.keep_days);
        store::audit_log::erase_old(&mut tx, before).await.context("erase old log entries")?;
        tx.commit().await.context("commit the erasure")?;
    }
    Ok(n)
}
