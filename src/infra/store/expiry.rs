//! Orders whose time to pay is over.

use crate::domain::orders::OrderRef;
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::orders::parse_ref;

/// Orders that wait for a payment whose time has run out at `?1`: by the trusted time, or where a node follows the chain by
/// the chain's own time, up to which it was seen that nothing came. A wallet for Monero knows no other than the trusted
/// time. What the network took back, and what a buyer told of and the node does not see, has a day more.
macro_rules! run_out {
    ($what:literal) => {
        concat!(
            "select ",
            $what,
            " from orders o join invoices i on i.order_id = o.id left join watches w on w.network = i.network and w.is_on = 1 \
             where o.status = 'awaiting' and i.is_moved = 0 \
                 and i.until <= case when w.network is null or i.seen is null then ?1 + coalesce(i.clock_ahead, 0) \
                     when i.network = 'monero' then w.time + coalesce(i.clock_ahead, 0) else w.time - i.ahead end \
             or o.status in ('unconfirmed', 'reported') and i.seen = 0 and i.received = 0 and i.is_moved = 0 \
                 and i.until + 86400 <= case when w.network is null then ?1 + coalesce(i.clock_ahead, 0) \
                     when i.network = 'monero' then w.time + coalesce(i.clock_ahead, 0) else w.time - i.ahead end"
        )
    };
}

/// At most 50 at a time: each is told to the seller, and all buyers wait for as long as the writer is held.
pub async fn list_run_out(tx: &mut Tx, trusted: Timestamp) -> Result<Vec<OrderRef>, StoreError> {
    let rows = sqlx::query(concat!(run_out!("o.order_ref"), " limit 50"))
        .bind(trusted.get())
        .fetch_all(&mut *tx.0)
        .await?;
    rows.iter().map(parse_ref).collect()
}

/// Whether [`list_run_out`] would find any, asked without the writer's lock.
pub async fn has_run_out(db: &Db, trusted: Timestamp) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(concat!(run_out!("1"), " limit 1"))
        .bind(trusted.get())
        .fetch_optional(&db.read)
        .await?;
    Ok(found.is_some())
}
