//! Orders whose time to pay is over.

use crate::domain::orders::{OrderRef, Status};
use crate::domain::values::Timestamp;
use crate::infra::store::{Connection, StoreError};

/// The time that decides for an order's invoice `i`, where `w` is the watch of its chain and the trusted time is `$1`.
macro_rules! deciding_time {
    () => {
        r#"
        case
            when w.network is null or i.seen is null then $1 + coalesce(i.clock_ahead, 0)
            when i.network = 'monero' then w.time + coalesce(i.clock_ahead, 0)
            else w.time - i.ahead end
        "#
    };
}
pub(super) use deciding_time;

/// Orders that wait for a payment and whose time is over when the trusted time is `$1`. Where a node follows the chain, it is
/// over by the chain's own time, up to which nothing was seen to come; a wallet for Monero knows no other than the trusted
/// time. What the network took back, and what a buyer has reported and the node does not see, has a day more.
const RUN_OUT: &str = concat!(
    r#"
    select o.order_ref
    from orders o
    join invoices i on i.order_id = o.id
    left join watched_networks w on w.network = i.network and w.is_on = 1
    where (o.status = $3 or o.status in ($4, $5) and i.seen = 0 and i.received = 0)
        and i.is_moved = 0
        and i.until + case when o.status = $3 then 0 else 86400 end <= "#,
    deciding_time!(),
    "limit $2"
);

async fn list(
    db: &mut Connection,
    trusted: Timestamp,
    most: i64,
) -> Result<Vec<OrderRef>, StoreError> {
    Ok(sqlx::query_scalar(RUN_OUT)
        .bind(trusted)
        .bind(most)
        .bind(Status::Awaiting)
        .bind(Status::Unconfirmed)
        .bind(Status::Reported)
        .fetch_all(db)
        .await?)
}

/// At most 50 at a time: the seller is told of each, and all buyers wait for as long as the writer is held.
pub async fn list_run_out(
    db: &mut Connection,
    trusted: Timestamp,
) -> Result<Vec<OrderRef>, StoreError> {
    list(db, trusted, 50).await
}

/// Whether [`list_run_out`] would find any.
pub async fn has_run_out(db: &mut Connection, trusted: Timestamp) -> Result<bool, StoreError> {
    Ok(!list(db, trusted, 1).await?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{query_plan, with_shop};

    #[test]
    fn orders_whose_time_is_over_are_found_by_their_state() {
        with_shop(async |db| {
            let steps = query_plan(&db, RUN_OUT).await;
            let by_state =
                steps.iter().filter(|step| step.contains("INDEX orders_by_status (status=?)"));
            assert_eq!(by_state.count(), 2, "{steps:#?}");
        });
    }
}
