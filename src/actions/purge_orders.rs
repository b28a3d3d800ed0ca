//! Erases orders and messages whose retention period is over.

use std::collections::HashSet;
use std::io;

use anyhow::Context;

use crate::actions::{ClockDoubted, Shop, check_clock};
use crate::domain::orders::{OrderRef, PurgeMode, RetentionCutoffs};
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::{failpoints, store};

/// Why nothing is erased.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    #[error(transparent)]
    ClockDoubted(ClockDoubted),
    #[error(transparent)]
    Broken(anyhow::Error),
}

broken_from!(PurgeError);

/// At most so many of the orders whose retention period is over, the oldest first.
pub async fn list_forgettable(
    shop: &Shop,
    now: Timestamp,
    most: i64,
) -> anyhow::Result<Vec<OrderRef>> {
    let due = RetentionCutoffs::at(now, shop.policy.keep_days, PurgeMode::BySeller);
    store::retention::list_due(&mut *shop.db.reader().await?, due, most)
        .await
        .context("list the orders due for erasure")
}

/// How many they are.
pub async fn count_forgettable(shop: &Shop, now: Timestamp) -> anyhow::Result<i64> {
    let due = RetentionCutoffs::at(now, shop.policy.keep_days, PurgeMode::BySeller);
    store::retention::count_due(&mut *shop.db.reader().await?, due)
        .await
        .context("count the orders due for erasure")
}

/// Erases old orders: first the rows, so that the order cannot be found any more, then their messages in the Maildir (if
/// the seller wants that), then the reference by which those were found. Returns the erased orders.
///
/// If it is interrupted between two of these steps, the next call continues there. Erased data may remain in the
/// journal until [`empty_journal`].
///
/// # Errors
/// [`PurgeError::ClockDoubted`]: the clock is not trusted.
pub async fn purge_orders(shop: &Shop, mode: PurgeMode) -> Result<Vec<OrderRef>, PurgeError> {
    let clock = check_clock(shop).await?;
    if let Some(doubted) = ClockDoubted::of(&clock) {
        return Err(PurgeError::ClockDoubted(doubted));
    }
    let trusted = clock.at(&shop.reading()).trusted;
    change_update_copy(shop, move |db| db.remove_old_update_copy(trusted)).await?;
    let due = RetentionCutoffs::at(trusted, shop.policy.keep_days, mode);
    // Checked without the write lock, since usually there is nothing to do; each order is checked again under it.
    let listed = store::retention::list_due(&mut *shop.db.reader().await?, due, i64::MAX)
        .await
        .context("list the orders due for erasure")?;
    for some in listed.chunks(store::retention::MAX_AT_ONCE) {
        let mut tx = shop.db.write().await?;
        store::retention::strip(&mut tx, some, due).await.context("erase the orders")?;
        tx.commit().await.context("commit the erasure")?;
        failpoints::at("purge-stripped");
    }
    Ok(finish_erasure(shop).await?)
}

/// Erases what is left of orders whose rows are erased: their messages in the Maildir, then their references. Returns them.
pub(super) async fn finish_erasure(shop: &Shop) -> anyhow::Result<Vec<OrderRef>> {
    let stripped = store::retention::list_stripped(&mut *shop.db.reader().await?)
        .await
        .context("list the erased orders")?;
    if stripped.is_empty() {
        return Ok(stripped);
    }
    if shop.policy.purge_mail {
        let (maildir, names) = (shop.maildir.clone(), stripped.clone());
        tokio::task::spawn_blocking(move || {
            maildir.erase_all(&names.iter().map(OrderRef::as_str).collect::<HashSet<_>>())
        })
        .await
        .context("erase the messages")?
        .context("erase the messages in the Maildir")?;
    }
    remove_update_copy(shop).await?;
    failpoints::at("purge-unmailed");
    for some in stripped.chunks(store::retention::MAX_AT_ONCE) {
        let mut tx = shop.db.write().await?;
        store::retention::erase_stripped(&mut tx, some).await.context("erase the references")?;
        tx.commit().await.context("commit the erasure")?;
    }
    failpoints::at("purge-erased");
    Ok(stripped)
}

/// The copy of the database from before its last update holds what has now been deleted.
pub(super) async fn remove_update_copy(shop: &Shop) -> anyhow::Result<()> {
    change_update_copy(shop, Db::remove_update_copy).await
}

/// It is as large as the database, and overwriting it takes time.
async fn change_update_copy(
    shop: &Shop,
    change: impl FnOnce(&Db) -> io::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    let db = shop.db.clone();
    tokio::task::spawn_blocking(move || change(&db))
        .await
        .context("remove the copy")?
        .context("remove the copy from before the update")
}

/// Overwrites and truncates the journal. `false`: the database is being read, so erased data remains there.
pub async fn empty_journal(shop: &Shop) -> anyhow::Result<bool> {
    store::journal::empty_journal(&shop.db).await.context("empty the journal")
}
