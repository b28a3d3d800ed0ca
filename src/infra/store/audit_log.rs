//! The activity log of the desk.

use sqlx::FromRow;

use crate::domain::orders::OrderRef;
use crate::domain::values::Timestamp;
use crate::infra::store::{Connection, StoreError, Tx};

/// A line of the seller's log.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct AuditEntry {
    /// Where the log goes on below it.
    pub id: i64,
    /// To the minute.
    pub at: Timestamp,
    pub what: String,
    /// Of which order, where it is one's.
    pub order_ref: Option<OrderRef>,
}

const LIST: &str = r#"
    select d.id, d.at, d.what, o.order_ref
    from audit_log d left join orders o on o.id = d.order_id
    where d.id < $1
    order by d.id desc limit $2
    "#;
const COUNT_OLD: &str = "select count(*) from audit_log where at < $1";
const ERASE_OLD: &str = "delete from audit_log where at < $1";

/// What the seller did, in a few words: `Changed the price of Green Tea`.
pub async fn record(tx: &mut Tx, now: Timestamp, what: &str) -> Result<(), StoreError> {
    sqlx::query("insert into audit_log (at, what) values ($1, $2)")
        .bind(now.whole_minute())
        .bind(what)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The same of an order; it is forgotten with the order.
pub async fn record_of_order(
    tx: &mut Tx,
    now: Timestamp,
    order_ref: &OrderRef,
    what: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into audit_log (at, what, order_id) select $1, $2, id from orders where order_ref = $3",
    )
    .bind(now.whole_minute())
    .bind(what)
    .bind(order_ref)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The newest first, `most` at most, below one that was listed before.
pub async fn list(
    db: &mut Connection,
    below: i64,
    most: i64,
) -> Result<Vec<AuditEntry>, StoreError> {
    Ok(sqlx::query_as(LIST).bind(below).bind(most).fetch_all(db).await?)
}

pub async fn count_old(db: &mut Connection, before: Timestamp) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(COUNT_OLD).bind(before).fetch_one(db).await?)
}

pub async fn erase_old(tx: &mut Tx, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query(ERASE_OLD).bind(before).execute(&mut **tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{query_plan, with_shop};

    #[test]
    fn the_log_is_found_by_an_index() {
        with_shop(async |db| {
            for query in [LIST, COUNT_OLD, ERASE_OLD] {
                let steps = query_plan(&db, query).await;
                assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{steps:#?}");
            }
        });
    }
}
