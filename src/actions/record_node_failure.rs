//! Records that a node failed or recovered, and notifies the seller.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::payment::Coin;
use crate::domain::values::Timestamp;
use crate::infra::mail::{NewFile, ShopMessage, ShopNews};
use crate::infra::store;
use crate::infra::store::watch::Watch;

/// Records that a node cannot be relied on: no status changes, and if that lasts, the seller is notified. `patience`:
/// seconds of failure before the seller is notified, since nodes restart.
pub async fn record_node_failure(
    shop: &Shop,
    network: &str,
    trouble: &str,
    patience: i64,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    store::watch::mark_problem(&mut tx, network, trouble, now)
        .await
        .context("save the node failure")?;
    tx.commit().await.context("commit the node failure")?;

    let Some(watch) = store::watch::find(&mut *shop.db.reader().await?, network).await? else {
        return Ok(());
    };
    let since = watch.problem_since.unwrap_or(now);
    if watch.is_notified || now.get() < since.get() + patience {
        return Ok(());
    }
    tell_of_node(shop, &watch, Some(trouble), now)
        .await
        .context("notify the seller of the node failure")?;
    let mut tx = shop.db.write().await?;
    store::watch::mark_problem_notified(&mut tx, network).await?;
    tx.commit().await.context("commit that the seller was notified")
}

/// Records that the node has recovered: a seller who was notified of the failure is notified of that too.
pub(super) async fn end_doubt(shop: &Shop, network: &str, now: Timestamp) -> anyhow::Result<()> {
    let Some(watch) = store::watch::find(&mut *shop.db.reader().await?, network).await? else {
        return Ok(());
    };
    if !watch.is_notified {
        return Ok(());
    }
    tell_of_node(shop, &watch, None, now)
        .await
        .context("notify the seller that the node recovered")?;
    let mut tx = shop.db.write().await?;
    store::watch::mark_problem_over(&mut tx, network).await?;
    tx.commit().await.context("commit that the seller was notified")
}

/// Writes to the seller about a node. Idempotent: done twice, it is one message.
async fn tell_of_node(
    shop: &Shop,
    watch: &Watch,
    trouble: Option<&str>,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut db = shop.db.reader().await?;
    let had_key = store::shop_state::find(&mut db).await?.fingerprint.is_some();
    let key = shop.availability.encryption_key_for_message(had_key, now)?;
    let at = store::outbox::find_next_at(&mut db, now).await?;
    let name = shop.name(&mut db).await?;
    drop(db);
    let coin = Coin::name_of_network(&watch.network);
    let message = ShopMessage {
        news: ShopNews::Node { coin: &coin, trouble },
        since: watch.problem_since.unwrap_or(now),
        at,
        site_name: &name,
        seller: &shop.policy.seller,
    };
    let (name, message) = message.write(key.as_ref(), now).context("write the message")?;
    let maildir = shop.maildir.clone();
    tokio::task::spawn_blocking(move || maildir.deliver(NewFile { name, message })).await??;
    Ok(())
}
