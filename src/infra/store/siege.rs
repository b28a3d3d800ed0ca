//! How many orders are placed and not paid, and siege mode.

use sqlx::FromRow;

use crate::domain::orders::{BURST_SECONDS, SIEGE_SECONDS, Status, UnpaidCounts, burst_orders};
use crate::domain::values::Timestamp;
use crate::infra::store::{Connection, StoreError, Tx};

/// How many orders were placed after the moment `$now` less `$seconds` and are not paid; counted up to `$most`. The clock's
/// row is `clock`: while the host's clock is in doubt and ahead, `$now` is ahead of the trusted time by that much.
///
/// The sum in the limit: SQLite prepares a statement again whenever a limit that is a parameter alone is bound.
macro_rules! n_unpaid {
    ($now:literal, $seconds:literal, $most:literal) => {
        concat!(
            r#"
            (select count(*) from (
                select 1 from invoices i cross join orders o on o.id = i.order_id
                where "#,
            $now,
            " - ",
            $seconds,
            r#" - max(coalesce((select ahead from clock), 0), 0) < i.until - coalesce(i.clock_ahead, 0) - i.minutes * 60
                    and o.status in ('awaiting', 'reported', 'expired')
                limit "#,
            $most,
            " + 0))"
        )
    };
}

const N_UNPAID: &str = concat!("select ", n_unpaid!("$1", "$2", "$3"));
const N_RECENT: &str =
    concat!("select ", n_unpaid!("$1", "$2", "$3"), ", ", n_unpaid!("$1", "$4", "$5"));

/// How many orders of the last hour are not paid; counted up to `most`.
pub async fn count_unpaid(
    db: &mut Connection,
    now: Timestamp,
    most: i64,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(N_UNPAID);
    Ok(count.bind(now).bind(SIEGE_SECONDS).bind(most).fetch_one(db).await?)
}

/// The same of the last hour and of the last minute, as far as a siege and a burst begin with. `most`: of a siege.
pub async fn count_recent(
    db: &mut Connection,
    now: Timestamp,
    most: i64,
) -> Result<UnpaidCounts, StoreError> {
    let (in_hour, in_burst) = sqlx::query_as(N_RECENT)
        .bind(now)
        .bind(SIEGE_SECONDS)
        .bind(most)
        .bind(BURST_SECONDS)
        .bind(burst_orders(most))
        .fetch_one(db)
        .await?;
    Ok(UnpaidCounts { in_hour, in_burst })
}

/// Begins siege mode with the next order. Returns the id that it gets.
pub async fn begin(tx: &mut Tx, now: Timestamp) -> Result<i64, StoreError> {
    let first = sqlx::query_scalar(
        r#"
        update shop_state
        set siege_since = $1, siege_orders = 0,
            siege_first = 1 + max((select coalesce(max(id), 0) from orders), last_order)
        returning siege_first
        "#,
    );
    let first = first.bind(now.whole_minute()).fetch_one(&mut **tx).await?;
    // Those that came just before belong to it.
    sqlx::query("update orders set notification_hold = 1 where notification_hold = 3")
        .execute(&mut **tx)
        .await?;
    Ok(first)
}

/// One more order was placed in siege mode.
pub async fn count_order(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update shop_state set siege_orders = siege_orders + 1").execute(&mut **tx).await?;
    Ok(())
}

/// Whether messages wait about orders that came in a burst.
pub async fn has_burst(db: &mut Connection) -> Result<bool, StoreError> {
    let has_burst =
        sqlx::query_scalar("select exists (select 1 from orders where notification_hold = 3)");
    Ok(has_burst.fetch_one(db).await?)
}

/// Releases the messages of the orders that the last check saw, since they did not start siege mode.
pub async fn end_burst(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        update orders set notification_hold = 0 where notification_hold = 3 and id <= (select burst_seen from shop_state);
        update shop_state set burst_seen = coalesce((select max(id) from orders where notification_hold = 3), 0)
        "#,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn end(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update shop_state set siege_since = null").execute(&mut **tx).await?;
    Ok(())
}

/// What became of the orders that were placed in siege mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct SiegeOutcome {
    /// Reported or paid.
    pub n_reported: i64,
    /// Those of which the seller was notified.
    pub n_notified: i64,
}

/// Of the orders from this id on. Those that were erased since are not among them.
pub async fn find_outcome(db: &mut Connection, first: i64) -> Result<SiegeOutcome, StoreError> {
    let outcome = sqlx::query_as(
        r#"
        select coalesce(sum(status not in ($2, $3, $4)), 0) as n_reported, coalesce(sum(notification_hold = 0), 0) as n_notified
        from orders where $1 <= id and coalesce(finished_at, 1) <> 0
        "#,
    );
    Ok(outcome
        .bind(first)
        .bind(Status::Awaiting)
        .bind(Status::Expired)
        .bind(Status::Cancelled)
        .fetch_one(db)
        .await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{query_plan, with_shop};

    #[test]
    fn unpaid_orders_of_the_last_hour_are_counted_from_when_they_were_placed() {
        with_shop(async |db| {
            let steps = query_plan(&db, N_UNPAID).await;
            let by_time =
                steps.iter().any(|step| step.contains("INDEX invoices_by_placement (<expr>>?)"));
            assert!(by_time, "{steps:#?}");
            assert!(
                !steps.iter().any(|step| step.starts_with("SCAN o") || step.starts_with("SCAN i")),
                "{steps:#?}"
            );

            let mut tx = db.write().await.unwrap();
            let now = Timestamp::new(1_795_219_200).unwrap();
            // Status, minutes to pay, and how long ago it was placed.
            for (n, (status, minutes, ago)) in [
                ("awaiting", 120, 3_599),
                ("awaiting", 20, 0),
                ("reported", 43_200, 1_800),
                ("expired", 20, 3_000),
                ("awaiting", 120, 3_600),
                ("expired", 20, 7_200),
                ("confirmed", 120, 60),
                ("cancelled", 120, 60),
            ]
            .into_iter()
            .enumerate()
            {
                let id = i64::try_from(n).unwrap() + 1;
                let statement = r#"
                    insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at)
                    values ($1, printf('%010d', $1), randomblob(32), randomblob(32), $2, 0);
                    insert into invoices (order_id, currency, address, amount, total, minutes, until)
                    values ($1, 'ETH', 'x', 1, 1, $3, $4)
                    "#;
                let query = sqlx::query(statement).bind(id).bind(status).bind(minutes);
                query.bind(now.get() - ago + minutes * 60).execute(&mut *tx).await.unwrap();
            }
            assert_eq!(count_unpaid(&mut tx, now, 100).await.unwrap(), 4);
            assert_eq!(count_unpaid(&mut tx, now, 3).await.unwrap(), 3, "no further than is asked");
            let recent = count_recent(&mut tx, now, 100).await.unwrap();
            assert_eq!(recent, UnpaidCounts { in_hour: 4, in_burst: 1 });

            // A host's clock that is ahead by a day changes nothing, neither do orders that were placed by it.
            sqlx::query("insert into clock (only, ticks, time, allowed_step, ahead, stable_for) values (1, 0, 0, 0, 86400, 0)")
                .execute(&mut *tx)
                .await
                .unwrap();
            let ahead = now.plus_days(1);
            assert_eq!(count_unpaid(&mut tx, ahead, 100).await.unwrap(), 4);
            sqlx::query("update invoices set until = until + 86400, clock_ahead = 86400")
                .execute(&mut *tx)
                .await
                .unwrap();
            assert_eq!(count_unpaid(&mut tx, ahead, 100).await.unwrap(), 4);
        });
    }

    #[test]
    fn a_siege_counts_from_the_next_order() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            let now = Timestamp::new(1_795_219_259).unwrap();
            sqlx::query("update shop_state set last_order = 7, siege_orders = 3")
                .execute(&mut *tx)
                .await
                .unwrap();
            assert_eq!(begin(&mut tx, now).await.unwrap(), 8);
            let state = crate::infra::store::shop_state::find(&mut tx).await.unwrap();
            assert_eq!(state.siege_since.map(Timestamp::get), Some(1_795_219_200));
            assert_eq!((state.siege_orders, state.siege_first), (0, 8));
            for (id, status, notification_hold) in
                [(7, "confirmed", 0), (8, "awaiting", 1), (9, "confirmed", 0), (10, "reported", 2)]
            {
                let statement = r#"
                    insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, notification_hold)
                    values ($1, printf('%010d', $1), randomblob(32), randomblob(32), $2, 0, $3)
                    "#;
                sqlx::query(statement)
                    .bind(id)
                    .bind(status)
                    .bind(notification_hold)
                    .execute(&mut *tx)
                    .await
                    .unwrap();
            }
            let outcome = find_outcome(&mut tx, 8).await.unwrap();
            assert_eq!(outcome, SiegeOutcome { n_reported: 2, n_notified: 1 });
            end(&mut tx).await.unwrap();
            let state = crate::infra::store::shop_state::find(&mut tx).await.unwrap();
            assert_eq!(state.siege_since, None);
        });
    }
}
