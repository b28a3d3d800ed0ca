//! Sales statistics, which outlive the orders.

use crate::domain::orders::OrderRef;
use crate::domain::payment::Observation;
use crate::domain::values::Amount;
use crate::domain::values::Currency;
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// What one day brought in one currency, or one week once the orders of its days are erased. It names no order and no
/// buyer, and erasing an order leaves it as it is: `migrations/0010_today.sql` counts with triggers as orders come and go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayFigures {
    pub day: Timestamp,
    pub currency: Currency,
    /// Placed on that day.
    pub orders: i64,
    /// Of them: paid at some time, whatever became of them since.
    pub paid: i64,
    /// Came on that day.
    ///
    /// Units: Gwei. Less what was refunded on that day, and what a network took back; so it may be below zero.
    pub taken: i64,
}

/// A product, and how many pieces of it were in orders that were paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BestSold {
    pub slug: String,
    pub name: String,
    pub pieces: i64,
}

/// A stock of which little is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowStock {
    pub slug: String,
    pub name: String,
    /// Empty: the product's own stock.
    pub option_name: String,
    pub left: i64,
    /// Pieces in orders that are neither finished nor over.
    pub held: i64,
}

const DAYS: &str = "select * from takings where ?1 <= day and day < ?2 order by day, currency";
const BEST: &str = "\
    select p.slug, p.name, b.pieces from best_sold b join products p on p.id = b.product_id \
    where 0 < b.pieces order by b.pieces desc, b.product_id limit ?1";
/// A product whose options all have a stock of their own has none itself.
const LOW: &str = "\
    select slug, name, option_name, stock, coalesce(h.pieces, 0) as held from ( \
        select * from (select p.id, p.slug, p.name, '' as option_name, 0 as pool, p.stock from products p \
            where p.gone = 0 and p.stock <= ?1 \
                and (not exists (select 1 from options o where o.product_id = p.id and o.gone = 0) \
                    or exists (select 1 from options o where o.product_id = p.id and o.gone = 0 and o.stock is null)) \
            order by p.stock, p.id limit ?2) \
        union all \
        select * from (select p.id, p.slug, p.name, o.name, o.id, o.stock from options o \
            join products p on p.id = o.product_id and p.gone = 0 \
            where o.gone = 0 and o.stock is not null and o.stock <= ?1 order by o.stock, o.product_id limit ?2)) as low \
    left join held h on h.product_id = low.id and h.pool_option = low.pool \
    order by stock, name, option_name limit ?2";

/// From one day on, up to another without it.
pub async fn list_days(
    db: &Db,
    since: Timestamp,
    before: Timestamp,
) -> Result<Vec<DayFigures>, StoreError> {
    let rows = sqlx::query(DAYS).bind(since.get()).bind(before.get()).fetch_all(&db.read).await?;
    rows.iter().map(parse_day).collect()
}

/// The products that sold best in the weeks since [`move_window`] was told, at most `most`.
pub async fn list_best(db: &Db, most: i64) -> Result<Vec<BestSold>, StoreError> {
    let rows = sqlx::query(BEST).bind(most).fetch_all(&db.read).await?;
    let parse = |row: &SqliteRow| {
        Ok(BestSold {
            slug: row.try_get("slug")?,
            name: row.try_get("name")?,
            pieces: row.try_get("pieces")?,
        })
    };
    rows.iter().map(parse).collect()
}

/// What has at most `few` pieces left, the fewest first, at most `most`.
pub async fn list_low(db: &Db, few: i64, most: i64) -> Result<Vec<LowStock>, StoreError> {
    let rows = sqlx::query(LOW).bind(few).bind(most).fetch_all(&db.read).await?;
    let parse = |row: &SqliteRow| {
        Ok(LowStock {
            slug: row.try_get("slug")?,
            name: row.try_get("name")?,
            option_name: row.try_get("option_name")?,
            left: row.try_get("stock")?,
            held: row.try_get("held")?,
        })
    };
    rows.iter().map(parse).collect()
}

/// Before the invoice itself says so: what the seller's word adds to what came already.
pub(super) async fn note_received(
    tx: &mut Tx,
    order_ref: &OrderRef,
    received: Amount,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into takings (day, currency, taken) \
         select ?1, i.currency, max(?2, coalesce(i.settled, 0)) - max(i.received, coalesce(i.settled, 0)) \
         from invoices i where i.order_id = (select id from orders where order_ref = ?3) \
             and max(?2, coalesce(i.settled, 0)) <> max(i.received, coalesce(i.settled, 0)) \
         on conflict (day, currency) do update set taken = taken + excluded.taken",
    )
    .bind(now.day_start().get())
    .bind(received.get())
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// What came for an order is deducted on the day on which it is marked as refunded.
pub(super) async fn note_refunded(
    tx: &mut Tx,
    order_ref: &OrderRef,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into takings (day, currency, taken) \
         select ?1, i.currency, -max(i.received, coalesce(i.settled, 0)) \
         from invoices i where i.order_id = (select id from orders where order_ref = ?2) \
             and max(i.received, coalesce(i.settled, 0)) <> 0 \
         on conflict (day, currency) do update set taken = taken + excluded.taken",
    )
    .bind(now.day_start().get())
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Before the invoices themselves say so: what these sightings add to what came already.
pub(super) async fn note_settled(
    tx: &mut Tx,
    observations: &[(i64, Observation)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows: Vec<_> =
        observations.iter().map(|(id, sighting)| (id, sighting.settled.get())).collect();
    sqlx::query(
        "insert into takings (day, currency, taken) \
         select ?1, i.currency, sum(max(i.received, s.value ->> 1) - max(i.received, coalesce(i.settled, 0))) as more \
         from json_each(?2) s join invoices i on i.order_id = s.value ->> 0 group by i.currency having more <> 0 \
         on conflict (day, currency) do update set taken = taken + excluded.taken",
    )
    .bind(now.day_start().get())
    .bind(serde_json::json!(rows).to_string())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// These numbers stand in place of all that were there before this day.
pub async fn replace_days(
    tx: &mut Tx,
    before: Timestamp,
    days: &[DayFigures],
) -> Result<(), StoreError> {
    sqlx::query("delete from takings where day < ?").bind(before.get()).execute(&mut *tx.0).await?;
    for figures in days {
        sqlx::query(
            "insert into takings (day, currency, orders, paid, taken) values (?, ?, ?, ?, ?)",
        )
        .bind(figures.day.get())
        .bind(figures.currency.as_str())
        .bind(figures.orders)
        .bind(figures.paid)
        .bind(figures.taken)
        .execute(&mut *tx.0)
        .await?;
    }
    Ok(())
}

/// The same as [`list_days`] from the beginning on, as it is at this moment of the transaction.
pub async fn list_days_now(tx: &mut Tx, before: Timestamp) -> Result<Vec<DayFigures>, StoreError> {
    let rows = sqlx::query(DAYS).bind(0).bind(before.get()).fetch_all(&mut *tx.0).await?;
    rows.iter().map(parse_day).collect()
}

/// Since which week the best are counted.
pub async fn window(db: &Db) -> Result<Timestamp, StoreError> {
    let week: i64 = sqlx::query_scalar("select week from sold_since").fetch_one(&db.read).await?;
    Timestamp::new(week).map_err(|_| StoreError::Row("week"))
}

/// Counts the best anew since this week, and forgets what was sold before `forgotten`.
pub async fn move_window(
    tx: &mut Tx,
    week: Timestamp,
    forgotten: Timestamp,
) -> Result<(), StoreError> {
    for (statement, week) in [
        ("delete from sold where week < ?", forgotten),
        ("update sold_since set week = ?", week),
        ("delete from best_sold where 0 <= ?", week),
        (
            "insert into best_sold (product_id, pieces) select product_id, sum(pieces) from sold where ? <= week group by product_id",
            week,
        ),
    ] {
        sqlx::query(statement).bind(week.get()).execute(&mut *tx.0).await?;
    }
    Ok(())
}

/// How many rows [`forget`] would erase.
pub async fn count(db: &Db) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select (select count(*) from takings) + (select count(*) from sold)")
        .fetch_one(&db.read)
        .await?)
}

/// Erases all numbers of all days. What open orders hold stays: it is no history.
pub async fn forget(tx: &mut Tx) -> Result<(), StoreError> {
    for statement in ["delete from takings", "delete from sold", "delete from best_sold"] {
        sqlx::query(statement).execute(&mut *tx.0).await?;
    }
    Ok(())
}

fn parse_day(row: &SqliteRow) -> Result<DayFigures, StoreError> {
    Ok(DayFigures {
        day: Timestamp::new(row.try_get("day")?).map_err(|_| StoreError::Row("day"))?,
        currency: Currency::parse(row.try_get("currency")?)
            .map_err(|_| StoreError::Row("currency"))?,
        orders: row.try_get("orders")?,
        paid: row.try_get("paid")?,
        taken: row.try_get("taken")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_desks_first_page_is_found_by_indexes() {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = Db::open_or_make(&home.path().join("shop.sqlite")).await.unwrap();
            for (query, indexes) in [
                (DAYS, &["SEARCH takings USING PRIMARY KEY (day>? AND day<?)"][..]),
                (BEST, &["best_sold_first (pieces>?)", "SEARCH p USING INTEGER PRIMARY KEY"]),
                (
                    LOW,
                    &[
                        "SEARCH p USING INDEX products_by_stock (stock<?)",
                        "INDEX options_by_stock (stock>? AND stock<?)",
                        "SEARCH h USING PRIMARY KEY",
                    ],
                ),
            ] {
                let plan: Vec<(i64, i64, i64, String)> =
                    sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {query}")))
                        .bind(0)
                        .bind(0)
                        .fetch_all(&db.read)
                        .await
                        .unwrap();
                let steps: Vec<&str> = plan.iter().map(|(_, _, _, step)| step.as_str()).collect();
                for index in indexes {
                    assert!(steps.iter().any(|step| step.contains(index)), "{index}: {steps:#?}");
                }
                // What is read from end to end is what was chosen before.
                for step in steps.iter().filter(|step| step.starts_with("SCAN")) {
                    assert!(step.contains("low") || step.contains("subquery"), "{steps:#?}");
                }
            }
            db.close().await;
        });
    }
}
