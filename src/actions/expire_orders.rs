//! Expires orders that were not paid in time and returns their stock.

use crate::actions::Shop;
use crate::actions::check_clock::trusted_now;
use crate::actions::notify_seller::queue_message;
use crate::actions::order_steps::give_back;
use crate::actions::order_steps::give_back_use;
use crate::actions::order_steps::keep_step;
use crate::domain::orders::Event;
use crate::domain::orders::Order;
use crate::domain::values::Timestamp;
use crate::infra::mail::Told;
use crate::infra::store;
use anyhow::Context;

/// Orders whose time has run out give their stock back. Returns how many.
pub async fn expire_orders(shop: &Shop, now: Timestamp) -> anyhow::Result<usize> {
    let mut n_expired = 0;
    // Asked first without the writer's lock, since mostly there is nothing to do.
    loop {
        // By the time that has passed, wherever the host's clock has jumped to.
        let trusted = super::note_jump(shop).await?.at(&shop.reading()).trusted;
        if !store::expiry::has_run_out(&mut *shop.db.reader().await?, trusted).await? {
            break;
        }
        n_expired += expire_some(shop, now).await?;
    }
    Ok(n_expired)
}

async fn expire_some(shop: &Shop, now: Timestamp) -> anyhow::Result<usize> {
    let mut tx = shop.db.write().await?;
    let trusted = trusted_now(shop, &mut tx).await?;
    let run_out = store::expiry::list_run_out(&mut tx, trusted).await?;
    for order_ref in &run_out {
        let order = store::orders::find(&mut tx, order_ref)
            .await?
            .context("find the order that ran out")?;
        let status = order.status.after(Event::TimeRanOut).context("let the order expire")?;
        give_back(&mut tx, &order).await?;
        give_back_use(&mut tx, &order).await?;
        store::orders::mark_status(&mut tx, order_ref, status, Some(now)).await?;
        keep_step(&mut tx, order_ref, status, "", None, now).await?;
        // Told by the sweep, as something that asks for nothing.
        queue_message(shop, &mut tx, &Order { status, ..order }, Told::Step(""), true, now).await?;
    }
    store::catalog_state::mark_changed(&mut tx).await?;
    tx.commit().await.context("commit what ran out")?;
    Ok(run_out.len())
}
