//! Expires orders that were not paid in time and returns their stock.

use anyhow::Context;

use crate::actions::Shop;
use crate::actions::check_clock::trusted_now;
use crate::actions::notify_seller::queue_message;
use crate::actions::order_steps::{give_back_use, keep_step};
use crate::domain::orders::{Event, Order, OrderRef};
use crate::domain::values::Timestamp;
use crate::infra::mail::Notification;
use crate::infra::store;
use crate::infra::store::Tx;

/// Expires orders whose payment window is over and returns their stock. Returns how many. Orders that only their buyers
/// have reported as paid stay, and return their stock all the same.
pub async fn expire_orders(shop: &Shop, now: Timestamp) -> anyhow::Result<usize> {
    let mut n_expired = 0;
    // Checked first without the write lock, since usually there is nothing to do.
    loop {
        // By the elapsed time, wherever the host's clock has jumped to.
        let trusted = super::note_jump(shop).await?.at(&shop.reading()).trusted;
        let mut db = shop.db.reader().await?;
        let has_run_out = store::expiry::has_run_out(&mut db, trusted).await?;
        if !has_run_out && !store::reservations::has_reported(&mut db, trusted).await? {
            break;
        }
        drop(db);
        n_expired += expire_some(shop, now).await?;
    }
    Ok(n_expired)
}

async fn expire_some(shop: &Shop, now: Timestamp) -> anyhow::Result<usize> {
    let mut tx = shop.db.write().await?;
    let trusted = trusted_now(shop, &mut tx).await?;
    let run_out = store::expiry::list_run_out(&mut tx, trusted).await?;
    for order_ref in store::reservations::release_reported(&mut tx, trusted).await? {
        let order = store::orders::find(&mut tx, &order_ref).await?;
        give_back_use(&mut tx, &order.context("find the reported order")?).await?;
    }
    expire_listed(shop, &mut tx, &run_out, now).await?;
    tx.commit().await.context("commit the expired orders")?;
    Ok(run_out.len())
}

/// Expires these orders and returns their stock.
pub(super) async fn expire_listed(
    shop: &Shop,
    tx: &mut Tx,
    order_refs: &[OrderRef],
    now: Timestamp,
) -> anyhow::Result<()> {
    for order_ref in order_refs {
        let order = store::orders::find(tx, order_ref).await?.context("find the expired order")?;
        let status = order.status.after(Event::TimeRanOut).context("expire the order")?;
        store::reservations::release(tx, order_ref).await?;
        give_back_use(tx, &order).await?;
        store::orders::mark_status(tx, order_ref, status, Some(now)).await?;
        keep_step(tx, order_ref, status, "", None, now).await?;
        // `deliver_outbox` delivers it later, as a message that needs no action.
        queue_message(
            shop,
            tx,
            &Order { status, ..order },
            Notification::StatusChanged(""),
            true,
            now,
        )
        .await?;
    }
    store::catalog_state::mark_changed(tx).await?;
    Ok(())
}
