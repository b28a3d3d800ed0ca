//! Erases a buyer's data on the buyer's request.

use crate::actions::Shop;
use crate::actions::notify_seller;
use crate::actions::notify_seller::queue_message;
use crate::domain::orders::LookupName;
use crate::domain::values::Timestamp;
use crate::infra::mail::Told;
use crate::infra::store;
use anyhow::Context;

/// The buyer wants to be forgotten: what was sealed to them goes at once, and no code opens the order any more. What the
/// seller was told stays with the seller, who is told this too; only where nothing can be sealed to the seller is it said
/// when the seller next answers, since a buyer's wish does not wait for a key. `nobody`: chance, as a name that no code gives.
///
/// Returns whether there was such an order.
pub async fn erase_buyer(
    shop: &Shop,
    name: &LookupName,
    nobody: LookupName,
    now: Timestamp,
) -> anyhow::Result<bool> {
    let mut tx = shop.db.write().await?;
    let Some(order_ref) = store::orders::find_ref(&mut tx, name).await? else { return Ok(false) };
    let order = store::orders::find(&mut tx, &order_ref).await?.context("find the order again")?;
    store::messages::erase(&mut tx, &order_ref)
        .await
        .context("erase what was sealed to the buyer")?;
    store::orders::forget_buyer_key(&mut tx, &order_ref, &nobody).await?;
    let owed = queue_message(shop, &mut tx, &order, Told::Erased, false, now).await?;
    tx.commit().await.context("commit what was erased")?;

    notify_seller(shop, owed, now).await;
    // Where somebody reads the database just now, the sweep empties it within the minute.
    if let Err(error) = super::empty_journal(shop).await {
        tracing::warn!("the journal is emptied later: {error:#}");
    }
    Ok(true)
}
