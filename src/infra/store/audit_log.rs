//! The activity log of the desk.

use crate::domain::orders::OrderRef;
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::orders::moment;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A line of the seller's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Where the log goes on below it.
    pub id: i64,
    /// To the minute.
    pub at: Timestamp,
    pub what: String,
    /// Of which order, where it is one's.
    pub order_ref: Option<OrderRef>,
}

const LIST: &str = "\
    select d.id, d.at, d.what, o.order_ref from deeds d left join orders o on o.id = d.order_id \
    where d.id < ?1 order by d.id desc limit ?2";
const COUNT_OLD: &str = "select count(*) from deeds where at < ?1";
const ERASE_OLD: &str = "delete from deeds where at < ?1";

/// The newest first, `most` at most, below one that was listed before.
pub async fn list(db: &Db, below: i64, most: i64) -> Result<Vec<AuditEntry>, StoreError> {
    let rows = sqlx::query(LIST).bind(below).bind(most).fetch_all(&db.read).await?;
    let parse = |row: &SqliteRow| {
        let order_ref: Option<String> = row.try_get("order_ref")?;
        let order_ref = order_ref.map(|text| OrderRef::parse(&text)).transpose();
        Ok(AuditEntry {
            id: row.try_get("id")?,
            at: moment(row, "at")?,
            what: row.try_get("what")?,
            order_ref: order_ref.map_err(|_| StoreError::Row("order_ref"))?,
        })
    };
    rows.iter().map(parse).collect()
}

pub async fn count_old(db: &Db, before: Timestamp) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(COUNT_OLD).bind(before.get()).fetch_one(&db.read).await?)
}

pub async fn erase_old(tx: &mut Tx, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query(ERASE_OLD).bind(before.get()).execute(&mut *tx.0).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_found_by_an_index() {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = Db::open_or_make(&home.path().join("shop.sqlite")).await.unwrap();
            for query in [LIST, COUNT_OLD, ERASE_OLD] {
                let plan: Vec<(i64, i64, i64, String)> =
                    sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {query}")))
                        .bind(0)
                        .bind(0)
                        .fetch_all(&db.read)
                        .await
                        .unwrap();
                let steps: Vec<&str> = plan.iter().map(|(_, _, _, step)| step.as_str()).collect();
                assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{steps:#?}");
            }
            db.close().await;
        });
    }
}
