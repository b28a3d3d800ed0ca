//! Expires orders that were not paid in time and returns their stock.

use crate::actions::Shop;
use crate::actions::apply_reply::keep_step;
use crate::actions::check_clock::trusted_now;
use crate::actions::notify_seller::queue_message;
use crate::domain::orders::Event;
use crate::domain::orders::Order;
use crate::domain::values::Amount;
use crate::domain::values::Timestamp;
use crate::infra::mail::Told;
use crate::infra::store;
use crate::infra::store::Tx;
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

/// Puts the pieces of an order back on the shelf.
pub(super) async fn give_back(tx: &mut Tx, order: &Order) -> anyhow::Result<()> {
    for line in &order.lines {
        store::stock::give_back(tx, line.pool, line.quantity.get())
            .await
            .context("give the stock back")?;
    }
    Ok(())
}

/// An order that nobody paid for uses its code no more.
pub(super) async fn give_back_use(tx: &mut Tx, order: &Order) -> anyhow::Result<()> {
    if let Some(discount) = &order.discount
        && order.invoice.seen() == Amount::ZERO
    {
        store::discounts::give_back_use(tx, &order.order_ref, &discount.code)
            .await
            .context("give the code back")?;
    }
    Ok(())
}
