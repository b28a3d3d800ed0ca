//! Changes all prices of products by a percentage.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::catalog::reprice::PriceChange;
use crate::domain::catalog::{CatalogFile, Difference, differences};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::Connection;

/// What a change would do, product by product.
pub async fn list_price_changes(
    shop: &Shop,
    change: PriceChange,
) -> anyhow::Result<Vec<Difference>> {
    Ok(changed(&mut *shop.db.reader().await?, change).await?.1)
}

async fn changed(
    db: &mut Connection,
    change: PriceChange,
) -> anyhow::Result<(CatalogFile, Vec<Difference>)> {
    let stored = store::catalog_export::read(db).await.context("read the catalog")?;
    let file = change.apply(&stored.file);
    let found = differences(&stored.file, &file);
    Ok((file, found))
}

/// Changes the prices, all or nothing. `shown`: what the seller has agreed to; if the catalog was changed since, nothing is
/// done and `false` is returned. Open orders keep their amount, and carts report the change.
pub async fn reprice(
    shop: &Shop,
    change: PriceChange,
    shown: &[Difference],
    now: Timestamp,
) -> anyhow::Result<bool> {
    let mut tx = shop.db.write().await?;
    let (file, found) = changed(&mut tx, change).await?;
    if found != shown {
        return Ok(false);
    }
    store::product_prices::replace(&mut tx, &file.products).await.context("save the prices")?;
    store::exchange_rates::convert_all(&mut tx).await.context("convert the prices")?;
    store::catalog_state::mark_changed(&mut tx).await?;
    // Otherwise an import of the old file would undo it without a word.
    store::catalog_state::mark_desk_change(&mut tx).await?;
    let action = format!("Changed all prices by {change}");
    store::audit_log::record(&mut tx, now, &action).await.context("record the action")?;
    tx.commit().await.context("commit the prices")?;
    Ok(true)
}
