use crate::actions::Shop;
use crate::orders::OrderRef;
use crate::store;
use crate::values::Moment;
use anyhow::Context;

/// The orders whose days are over.
pub async fn list_forgettable(shop: &Shop, now: Moment) -> anyhow::Result<Vec<OrderRef>> {
    let before = now.plus_days(-shop.terms.keep_days);
    store::orders::list_finished(&shop.db, before).await.context("list what is due to be erased")
}

/// What is old is erased: its messages in the Maildir, its row, and its traces in the journal and in free pages.
/// Returns the orders that are gone.
pub async fn forget_orders(shop: &Shop, now: Moment) -> anyhow::Result<Vec<OrderRef>> {
    let due = list_forgettable(shop, now).await?;
    for order_ref in &due {
        // The messages first: were the row erased first and the shop then stopped, nobody would know of them any more.
        let (maildir, name) = (shop.maildir.clone(), order_ref.as_str().to_owned());
        tokio::task::spawn_blocking(move || maildir.erase(&name))
            .await
            .context("erase the messages")?
            .context("erase the messages in the Maildir")?;
        let mut tx = shop.db.write().await?;
        store::orders::erase(&mut tx, order_ref).await.context("erase the order")?;
        tx.commit().await.context("commit what was erased")?;
    }
    if !due.is_empty() {
        shop.db.settle_journal().await.context("empty the journal")?;
    }
    Ok(due)
}
