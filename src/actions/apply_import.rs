//! Does what an import has written down, in small transactions between which orders are placed.

use std::time::Duration;

use anyhow::Context;

use crate::actions::build_sprites::follow_windows;
use crate::actions::import_pictures::sweep_pictures;
use crate::actions::{Shop, failpoints};
use crate::infra::store;
use crate::infra::store::ImportLock;
use crate::infra::store::listing_follow::{Progress, UnlistedRows};
use crate::infra::store::pending_import::CHUNK;

/// Between two transactions: longer than `SQLite` lets an order wait between two tries for the write lock, so that one try falls
/// into the pause.
/// Source: `sqliteDefaultBusyCallback` in sqlite3.c: at most 25 ms in the first tenth of a second.
const PAUSE: Duration = Duration::from_millis(26);

/// Completes an import whose process ended early, unless another process does so.
pub async fn complete_import(shop: &Shop) -> anyhow::Result<()> {
    if store::pending_import::find(&mut *shop.db.reader().await?).await?.is_none() {
        return Ok(());
    }
    let Some(_lock) = shop.db.try_lock_import()? else { return Ok(()) };
    tracing::info!("completing a catalog import that ended early");
    apply(shop, &|_, _, _| {}).await
}

/// Waits for an import that is being applied, before the whole catalog is read.
pub async fn await_import(shop: &Shop) -> anyhow::Result<()> {
    if store::pending_import::find(&mut *shop.db.reader().await?).await?.is_none() {
        return Ok(());
    }
    let _lock = lock(shop).await?;
    apply(shop, &|_, _, _| {}).await
}

/// Waits until no other import is running.
pub(super) async fn lock(shop: &Shop) -> anyhow::Result<ImportLock> {
    let db = shop.db.clone();
    let locked = tokio::task::spawn_blocking(move || db.lock_import()).await?;
    locked.context("lock the import")
}

/// The caller has the lock for imports. `progress` hears how many of how many products are done.
pub(super) async fn apply(
    shop: &Shop,
    progress: &(impl Fn(&str, usize, usize) + Sync),
) -> anyhow::Result<()> {
    let Some(import) = store::pending_import::find(&mut *shop.db.reader().await?).await? else {
        return Ok(());
    };
    let n_all = store::pending_import::count(&mut *shop.db.reader().await?).await?;
    let mut n_done = 0;
    loop {
        let mut tx = shop.db.write().await?;
        let applied = store::pending_import::apply_some(&mut tx, &import)
            .await
            .context("save the products")?;
        if applied.n == 0 {
            break;
        }
        store::catalog_state::mark_changed(&mut tx).await?;
        tx.commit().await.context("commit the products")?;
        failpoints::at("import-applied-some");
        for slug in applied.refused {
            tracing::error!("the import leaves out {slug}: this version of the shop refuses it");
        }
        n_done += applied.n;
        progress("products", n_done, n_all);
        pause_after(applied.n).await;
    }
    failpoints::at("import-applied");
    follow_lists(shop).await.context("update the lists")?;
    failpoints::at("import-listed");
    let mut tx = shop.db.write().await?;
    store::codes::recount(&mut tx).await.context("count the codes")?;
    store::pending_import::end(&mut tx).await?;
    store::catalog_state::mark_seeded(&mut tx).await?;
    tx.commit().await.context("complete the import")?;
    // The pages are correct without these.
    if let Err(error) = follow_windows(shop).await {
        tracing::warn!("the shop window's pictures will follow later: {error:#}");
    }
    if let Err(error) = sweep_pictures(shop).await {
        tracing::warn!("old pictures stay on the disk: {error:#}");
    }
    Ok(())
}

/// What is small is over before anybody waits for it.
pub(super) async fn pause_after(n_rows: usize) {
    if CHUNK <= n_rows {
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow_lists(shop: &Shop) -> anyhow::Result<()> {
    let mut progress = Progress::default();
    while let Some(moved) = progress.next(&mut *shop.db.reader().await?).await? {
        if moved.is_empty() {
            continue;
        }
        let mut tx = shop.db.write().await?;
        moved.put(&mut tx).await?;
        store::catalog_state::mark_changed(&mut tx).await?;
        tx.commit().await?;
        pause_after(moved.len()).await;
    }
    let mut tx = shop.db.write().await?;
    progress.close(&mut tx).await?;
    while progress.trim(&mut tx).await? {
        store::catalog_state::mark_changed(&mut tx).await?;
        tx.commit().await?;
        pause_after(CHUNK).await;
        tx = shop.db.write().await?;
    }
    store::catalog_state::mark_changed(&mut tx).await?;
    tx.commit().await?;
    if !progress.has_unlisted(&mut *shop.db.reader().await?).await? {
        return Ok(());
    }
    let mut unlisted = UnlistedRows::default();
    while unlisted.next(&mut *shop.db.reader().await?).await? {
        if unlisted.is_empty() {
            continue;
        }
        let mut tx = shop.db.write().await?;
        unlisted.remove(&mut tx).await?;
        store::catalog_state::mark_changed(&mut tx).await?;
        tx.commit().await?;
        pause_after(CHUNK).await;
    }
    Ok(())
}
