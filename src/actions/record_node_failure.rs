//! Records that a node failed or recovered, and tells the seller.

use crate::actions::Shop;
use crate::actions::notify_seller::sealing;
use crate::domain::payment::Coin;
use crate::domain::values::Timestamp;
use crate::infra::mail::NodeMessage;
use crate::infra::store;
use crate::infra::store::watch::Watch;
use anyhow::Context;

/// A node's word cannot be trusted just now: nothing is decided, and where that lasts, the seller is told. `patience`:
/// seconds of doubt that are nobody's business, since nodes start again.
pub async fn record_node_failure(
    shop: &Shop,
    network: &str,
    trouble: &str,
    patience: i64,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    store::watch::mark_trouble(&mut tx, network, trouble, now).await.context("keep the doubt")?;
    tx.commit().await.context("commit the doubt")?;

    let Some(watch) = store::watch::find(&mut *shop.db.reader().await?, network).await? else {
        return Ok(());
    };
    let since = watch.trouble_since.unwrap_or(now);
    if watch.is_delivered || now.get() < since.get() + patience {
        return Ok(());
    }
    tell_of_node(shop, &watch, Some(trouble), now).await.context("tell the seller of the doubt")?;
    let mut tx = shop.db.write().await?;
    store::watch::mark_trouble_told(&mut tx, network).await?;
    tx.commit().await.context("commit that the seller was told")
}

/// All is well again: whoever was told of the doubt is told that too.
pub(super) async fn end_doubt(shop: &Shop, network: &str, now: Timestamp) -> anyhow::Result<()> {
    let Some(watch) = store::watch::find(&mut *shop.db.reader().await?, network).await? else {
        return Ok(());
    };
    if !watch.is_delivered {
        return Ok(());
    }
    tell_of_node(shop, &watch, None, now).await.context("tell the seller that it is over")?;
    let mut tx = shop.db.write().await?;
    store::watch::mark_trouble_over(&mut tx, network).await?;
    tx.commit().await.context("commit that the seller was told")
}

/// Writes to the seller about a node. Done twice it is one message.
async fn tell_of_node(
    shop: &Shop,
    watch: &Watch,
    trouble: Option<&str>,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut db = shop.db.reader().await?;
    let had_key = store::shop_state::find(&mut db).await?.fingerprint.is_some();
    let key = sealing(shop, had_key, now)?;
    let at = store::outbox::find_next_at(&mut db, now).await?;
    let name = shop.name(&mut db).await?;
    drop(db);
    let message = NodeMessage {
        coin: &Coin::name_of_network(&watch.network),
        trouble,
        since: watch.trouble_since.unwrap_or(now),
        at,
        site_name: &name,
        seller: &shop.policy.seller,
    };
    let (name, message) = message.write(key.as_ref(), now).context("write the message")?;
    let maildir = shop.maildir.clone();
    tokio::task::spawn_blocking(move || maildir.deliver(&name, &message)).await??;
    Ok(())
}
