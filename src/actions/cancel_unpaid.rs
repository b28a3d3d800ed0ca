//! Cancels orders that nobody has paid for, many at once.

use std::time::Duration;

use anyhow::Context;

use crate::actions::Shop;
use crate::actions::order_steps::{give_back_use, keep_step};
use crate::domain::orders::{Event, Order, OrderRef, Status};
use crate::domain::values::{Line, Timestamp, plural};
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::unpaid_orders::UnpaidQuery;

/// How unpaid orders are cancelled.
pub struct UnpaidCancellation<'a> {
    /// Shown to each buyer, or empty.
    pub reason: &'a Line,
    /// Whether the activity log records it.
    pub is_at_desk: bool,
    pub now: Timestamp,
}

/// Units: orders of one transaction. All buyers wait for as long as the writer is held.
const MAX_AT_ONCE: usize = 50;
/// Between two transactions another process gets its turn: `SQLite` keeps no queue of those that wait for the writer.
const PAUSE: Duration = Duration::from_millis(20);

/// Cancels those of these orders that nobody has paid for or reported meanwhile, and returns their number. If it is
/// interrupted, the others stay as they are.
///
/// The seller gets no message about each of them. An order that was not delivered yet is delivered only if money comes for it.
pub async fn cancel_unpaid(
    shop: &Shop,
    order_refs: &[OrderRef],
    how: &UnpaidCancellation<'_>,
) -> anyhow::Result<usize> {
    let mut n_cancelled = 0;
    for (n, some) in order_refs.chunks(MAX_AT_ONCE).enumerate() {
        if 0 < n {
            tokio::time::sleep(PAUSE).await;
        }
        n_cancelled += cancel_some(shop, some, how).await?;
    }
    Ok(n_cancelled)
}

/// The same from a form of the desk, for all orders that match when it is sent. `once`: the form's idempotency key, so that
/// a resubmission has no effect and gets the same number.
pub async fn cancel_unpaid_at_desk(
    shop: &Shop,
    query: &UnpaidQuery,
    how: &UnpaidCancellation<'_>,
    once: &str,
) -> anyhow::Result<usize> {
    if let Some(answer) = store::handled_forms::find(&mut *shop.db.reader().await?, once).await? {
        return answer.parse().context("read the answer to this form");
    }
    super::expire_orders(shop, how.now).await?;
    let unpaid = store::unpaid_orders::list(&mut *shop.db.reader().await?, query).await?;
    let order_refs: Vec<OrderRef> = unpaid.into_iter().map(|order| order.order_ref).collect();
    let n_cancelled = cancel_unpaid(shop, &order_refs, how).await?;

    let mut tx = shop.db.write().await?;
    // The same form may have been sent again before this one was done.
    if store::handled_forms::find(&mut tx, once).await?.is_none() {
        store::handled_forms::insert(&mut tx, once, &n_cancelled.to_string(), how.now).await?;
    }
    tx.commit().await.context("record the form")?;
    Ok(n_cancelled)
}

async fn cancel_some(
    shop: &Shop,
    order_refs: &[OrderRef],
    how: &UnpaidCancellation<'_>,
) -> anyhow::Result<usize> {
    let mut tx = shop.db.write().await?;
    let mut n_cancelled = 0;
    for order_ref in order_refs {
        n_cancelled += usize::from(cancel(&mut tx, order_ref, how).await?);
    }
    if n_cancelled == 0 {
        return Ok(0);
    }
    if how.is_at_desk {
        let orders = plural(n_cancelled, "unpaid order", "unpaid orders");
        store::audit_log::record(&mut tx, how.now, &format!("Cancelled {orders}")).await?;
    }
    store::catalog_state::mark_changed(&mut tx).await?;
    tx.commit().await.context("commit the cancelled orders")?;
    Ok(n_cancelled)
}

/// `false`: it was paid, reported, cancelled or erased meanwhile.
async fn cancel(
    tx: &mut Tx,
    order_ref: &OrderRef,
    how: &UnpaidCancellation<'_>,
) -> anyhow::Result<bool> {
    let order = store::orders::find(tx, order_ref).await?;
    let is_unpaid = |order: &Order| {
        order.status == Status::Awaiting
            && order.invoice.observation.is_none_or(|seen| !seen.is_moved)
    };
    let Some(order) = order.filter(is_unpaid) else { return Ok(false) };
    let status = order.status.after(Event::SellerCancelled).context("cancel the order")?;
    store::reservations::release(tx, order_ref).await.context("return the stock")?;
    give_back_use(tx, &order).await?;
    store::orders::mark_status(tx, order_ref, status, Some(how.now)).await?;
    keep_step(tx, order_ref, status, how.reason.as_str(), None, how.now).await?;
    store::orders::hold_messages(tx, order_ref).await.context("hold its messages back")?;
    Ok(true)
}
