//! How many bytes unpaid orders take, and which of them make room.

use sqlx::FromRow;

use crate::domain::orders::OrderRef;
use crate::domain::values::Timestamp;
use crate::infra::store::expiry::deciding_time;
use crate::infra::store::retention::is_over_and_unpaid;
use crate::infra::store::{Connection, StoreError, Tx};

/// An order that can make room.
#[derive(FromRow)]
pub struct Unpaid {
    pub order_ref: OrderRef,
    /// Units: bytes of its receipt and messages.
    pub bytes: i64,
}

const COUNT: &str = r#"
    select coalesce(sum(bytes), 0) from orders
    where (status in ('awaiting', 'expired') or status = 'cancelled' and notification_hold <> 0) and transaction_id is null
    "#;

const COUNT_REPORTED: &str = r#"
    select coalesce(sum(o.bytes), 0) from orders o join invoices i on i.order_id = o.id
    where o.status in ('reported', 'late', 'expired') and o.transaction_id is not null and i.received = 0 and coalesce(i.seen, 0) = 0
    "#;

const COUNT_OVER: &str = concat!(
    "select coalesce(sum(o.bytes), 0) from orders o join invoices i on i.order_id = o.id where i.is_moved = 0 and ",
    is_over_and_unpaid!()
);

const OVER: &str = concat!(
    "select o.order_ref, o.bytes from orders o join invoices i on i.order_id = o.id where ",
    is_over_and_unpaid!(),
    r#"
        and 0 < o.bytes and i.is_moved = 0
        and i.until - coalesce(i.clock_ahead, 0) - coalesce(i.minutes, 0) * 60 <= $1
        and (o.notification_hold <> 0 or not exists (select 1 from outbox w where w.order_id = o.id and w.message is not null))
    order by o.id limit $2
    "#
);

const WAITING: &str = concat!(
    r#"
    select o.order_ref, o.bytes from orders o join invoices i on i.order_id = o.id
    left join watched_networks w on w.network = i.network and w.is_on = 1
    where o.status = 'awaiting' and 0 < o.bytes and i.received = 0 and coalesce(i.seen, 0) = 0 and i.is_moved = 0
        and i.until - (coalesce(i.minutes, 0) - $2) * 60 <= "#,
    deciding_time!(),
    "order by o.id limit $3"
);

/// Units: bytes of the receipts and messages of all orders that nobody has reported or paid for.
pub async fn count_bytes(db: &mut Connection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(COUNT).fetch_one(db).await?)
}

/// The same for those that only their buyers have reported as paid. They cannot make room: the seller may still find the
/// money. Once the seller has cancelled them they do not count: so many reports were decided on.
pub async fn count_reported_bytes(db: &mut Connection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(COUNT_REPORTED).fetch_one(db).await?)
}

/// The same for those that are over and were never reported or seen as paid: they can be deleted.
pub async fn count_over_bytes(db: &mut Connection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(COUNT_OVER).fetch_one(db).await?)
}

/// Orders that are over and were never reported or seen as paid, the oldest first; none that was placed after
/// this moment of the trusted time.
pub async fn list_over(
    db: &mut Connection,
    since: Timestamp,
    most: i64,
) -> Result<Vec<Unpaid>, StoreError> {
    Ok(sqlx::query_as(OVER).bind(since).bind(most).fetch_all(db).await?)
}

/// Orders that wait for a payment for so many minutes, the oldest first. Where a node follows them, by the chain's time.
pub async fn list_waiting(
    db: &mut Connection,
    trusted: Timestamp,
    minutes: i64,
    most: i64,
) -> Result<Vec<Unpaid>, StoreError> {
    Ok(sqlx::query_as(WAITING).bind(trusted).bind(minutes).bind(most).fetch_all(db).await?)
}

/// Whether further orders, and further reports of payments, would take more bytes than unpaid orders may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    pub is_full: bool,
    pub reports_full: bool,
}

pub async fn mark_full(tx: &mut Tx, full: Full) -> Result<(), StoreError> {
    sqlx::query("update shop_state set is_full = $1, reports_full = $2")
        .bind(full.is_full)
        .bind(full.reports_full)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::retention;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};

    async fn refs(found: Result<Vec<Unpaid>, StoreError>) -> Vec<i64> {
        found.unwrap().iter().map(|order| order.order_ref.as_str().parse().unwrap()).collect()
    }

    #[test]
    fn what_makes_room_is_found_by_its_state_and_what_was_ever_paid_is_not_among_it() {
        with_shop(async |db| {
            for query in [COUNT, COUNT_REPORTED, COUNT_OVER, OVER, WAITING] {
                let steps = query_plan(&db, query).await;
                assert_scans_only(&steps, &[]);
            }
            let mut tx = db.write().await.unwrap();
            // Id, status, notification hold, transaction, received, seen; all placed at 1000.
            for (id, status, notification_hold, transaction, received, seen) in [
                (1, "expired", 0, None, 0, None),
                (2, "expired", 1, None, 0, Some(0)),
                (3, "expired", 0, Some("0xab"), 0, None),
                (4, "expired", 0, None, 5, None),
                (5, "expired", 0, None, 0, Some(5)),
                (6, "cancelled", 1, None, 0, None),
                (7, "cancelled", 0, None, 0, None),
                (8, "awaiting", 1, None, 0, None),
                (9, "awaiting", 0, None, 0, Some(5)),
                (10, "reported", 0, Some("0xcd"), 0, None),
                (11, "confirmed", 0, None, 5, None),
            ] {
                let statement = r#"
                    insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, notification_hold, transaction_id,
                        finished_at)
                    values ($1, printf('%010d', $1), randomblob(32), randomblob(32), $2, 0, $3, $4, 86400);
                    insert into invoices (order_id, currency, address, amount, total, minutes, until, received, seen)
                    values ($1, 'ETH', 'x', 5, 5, 20, 2200, $5, $6);
                    insert into messages (order_id, kind, day, sealed) values ($1, 'receipt', 0, zeroblob(100));
                    insert into outbox (order_id, number, at, message) values ($1, 0, $1, zeroblob(10))
                    "#;
                sqlx::query(statement)
                    .bind(id)
                    .bind(status)
                    .bind(notification_hold)
                    .bind(transaction)
                    .bind(received)
                    .bind(seen)
                    .execute(&mut *tx)
                    .await
                    .unwrap();
            }
            // All but the one that was cancelled after the seller was notified of it, the reported ones, one of which has
            // expired, and the one that is paid.
            assert_eq!(count_bytes(&mut tx).await.unwrap(), 7 * 110);
            assert_eq!(count_reported_bytes(&mut tx).await.unwrap(), 2 * 110);
            assert_eq!(count_over_bytes(&mut tx).await.unwrap(), 3 * 110);
            // The first one's message is still to be delivered.
            let at = |seconds| Timestamp::new(seconds).unwrap();
            assert_eq!(refs(list_over(&mut tx, at(1_000), 50).await).await, [2, 6]);
            assert_eq!(refs(list_over(&mut tx, at(999), 50).await).await, [] as [i64; 0]);
            sqlx::query("update outbox set message = null where order_id < 8")
                .execute(&mut *tx)
                .await
                .unwrap();
            assert_eq!(refs(list_over(&mut tx, at(1_000), 50).await).await, [1, 2, 6]);
            assert_eq!(refs(list_over(&mut tx, at(1_000), 2).await).await, [1, 2]);
            let waiting = async |seconds: i64, tx: &mut Tx| {
                refs(list_waiting(tx, at(seconds), 20, 50).await).await
            };
            assert_eq!(waiting(2_199, &mut tx).await, [] as [i64; 0]);
            assert_eq!(waiting(2_200, &mut tx).await, [8]);

            let all: Vec<OrderRef> =
                (1..=11).map(|id| OrderRef::parse(&format!("{id:010}")).unwrap()).collect();
            retention::strip_unpaid(&mut tx, &all).await.unwrap();
            let stripped = retention::list_stripped(&mut tx).await.unwrap();
            assert_eq!(stripped, [all[0].clone(), all[1].clone(), all[5].clone()]);
            assert_eq!(count_bytes(&mut tx).await.unwrap(), 4 * 110);
        });
    }
}
