use crate::actions::Shop;
use crate::actions::place_order::count_unpaid_since;
use crate::orders::FormToken;
use crate::store;
use crate::values::Moment;
use anyhow::Context;
use std::time::Duration;

/// A writer who is not done by then will not be soon.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the database would keep an order now. Something is written and kept, although it says the same as before: only
/// then does a full disk show. Messages are no part of it, since they are owed until they can be delivered.
///
/// # Errors
/// Why no order could be kept.
pub async fn try_to_work(shop: &Shop, now: Moment) -> anyhow::Result<()> {
    tokio::time::timeout(PATIENCE, keep_the_same(shop, now))
        .await
        .context("the database is busy")?
}

async fn keep_the_same(shop: &Shop, now: Moment) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await.context("the database takes no writer")?;
    // Of no cart: it is asked for what stands before any order.
    let nobody = FormToken([0; 32]);
    let most = shop.terms.most_unpaid;
    let before =
        store::orders::look_beforehand(&mut tx, &nobody, count_unpaid_since(now), most).await?;
    anyhow::ensure!(before.n_unpaid < most, "{most} orders wait for their payment (MOST_UNPAID)");
    store::house::keep_the_same(&mut tx).await.context("the database cannot be written")?;
    tx.commit().await.context("the database cannot be written")
}
