//! Sales statistics, which outlive the orders.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::orders::OrderRef;
use crate::domain::payment::Observation;
use crate::domain::values::{Amount, Currency, Timestamp};
use crate::infra::store::{Connection, StoreError, Tx};

/// What one day brought in one currency, or one week once the orders of its days are erased. It names no order and no
/// buyer, and erasing an order leaves it as it is: `migrations/0010_today.sql` counts with triggers as orders come and go.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
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
    pub received: i64,
}

/// A product, and how many items of it were in orders that were paid.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct BestSold {
    pub slug: String,
    pub name: String,
    pub quantity: i64,
}

const DAYS: &str = "select * from daily_sales where $1 <= day and day < $2 order by day, currency";
const BEST: &str = r#"
    select p.slug, p.name, b.quantity
    from best_sold b join products p on p.id = b.product_id
    where 0 < b.quantity
    order by b.quantity desc, b.product_id limit $1
    "#;

/// From one day on, up to another without it.
pub async fn list_days(
    db: &mut Connection,
    since: Timestamp,
    before: Timestamp,
) -> Result<Vec<DayFigures>, StoreError> {
    Ok(sqlx::query_as(DAYS).bind(since).bind(before).fetch_all(db).await?)
}

/// The products that sold best in the weeks since [`move_window`] was told, at most `most`.
pub async fn list_best(db: &mut Connection, most: i64) -> Result<Vec<BestSold>, StoreError> {
    Ok(sqlx::query_as(BEST).bind(most).fetch_all(db).await?)
}

/// Before the invoice itself says so: what the seller adds to what came already.
pub(super) async fn note_received(
    tx: &mut Tx,
    order_ref: &OrderRef,
    received: Amount,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        insert into daily_sales (day, currency, received)
        select $1, i.currency, max($2, coalesce(i.settled, 0)) - max(i.received, coalesce(i.settled, 0))
        from invoices i
        where i.order_id = (select id from orders where order_ref = $3)
            and max($2, coalesce(i.settled, 0)) <> max(i.received, coalesce(i.settled, 0))
        on conflict (day, currency) do update set received = received + excluded.received
        "#,
    )
    .bind(now.day_start())
    .bind(received)
    .bind(order_ref)
    .execute(&mut **tx)
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
        "insert into daily_sales (day, currency, received) \
         select ?1, i.currency, -max(i.received, coalesce(i.settled, 0)) \
         from invoices i where i.order_id = (select id from orders where order_ref = ?2) \
             and max(i.received, coalesce(i.settled, 0)) <> 0 \
         on conflict (day, currency) do update set received = received + excluded.received",
    )
    .bind(now.day_start().get())
    .bind(order_ref.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Before the invoices themselves say so: what these observations add to what came already.
pub(super) async fn note_settled(
    tx: &mut Tx,
    observations: &[(i64, Observation)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows: Vec<_> = observations.iter().map(|(id, seen)| (id, seen.settled.get())).collect();
    sqlx::query(
        r#"
        insert into daily_sales (day, currency, received)
        select $1, i.currency, sum(max(i.received, s.value ->> 1) - max(i.received, coalesce(i.settled, 0))) as more
        from json_each($2) s join invoices i on i.order_id = s.value ->> 0
        group by i.currency having more <> 0
        on conflict (day, currency) do update set received = received + excluded.received
        "#,
    )
    .bind(now.day_start())
    .bind(json!(rows).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Puts these numbers in place of all that were there before this day.
pub async fn replace_days(
    tx: &mut Tx,
    before: Timestamp,
    days: &[DayFigures],
) -> Result<(), StoreError> {
    sqlx::query("delete from daily_sales where day < $1").bind(before).execute(&mut **tx).await?;
    for figures in days {
        sqlx::query(
            "insert into daily_sales (day, currency, orders, paid, received) values ($1, $2, $3, $4, $5)",
        )
        .bind(figures.day)
        .bind(&figures.currency)
        .bind(figures.orders)
        .bind(figures.paid)
        .bind(figures.received)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Since which week the best are counted.
pub async fn window(db: &mut Connection) -> Result<Timestamp, StoreError> {
    Ok(sqlx::query_scalar("select week from best_sold_since").fetch_one(db).await?)
}

/// Counts the best anew since this week, and forgets what was sold before `forgotten`.
pub async fn move_window(
    tx: &mut Tx,
    week: Timestamp,
    forgotten: Timestamp,
) -> Result<(), StoreError> {
    for statement in [
        "delete from weekly_sales where week < $2",
        "update best_sold_since set week = $1",
        "delete from best_sold",
        r#"
        insert into best_sold (product_id, quantity)
        select product_id, sum(quantity) from weekly_sales where $1 <= week group by product_id
        "#,
    ] {
        sqlx::query(statement).bind(week).bind(forgotten).execute(&mut **tx).await?;
    }
    Ok(())
}

/// How many rows [`forget`] would erase.
pub async fn count(db: &mut Connection) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "select (select count(*) from daily_sales) + (select count(*) from weekly_sales)",
    );
    Ok(count.fetch_one(db).await?)
}

/// Erases all numbers of all days. What open orders hold stays: it is no history.
pub async fn forget(tx: &mut Tx) -> Result<(), StoreError> {
    for statement in
        ["delete from daily_sales", "delete from weekly_sales", "delete from best_sold"]
    {
        sqlx::query(statement).execute(&mut **tx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};

    #[test]
    fn the_desks_first_page_is_found_by_indexes() {
        with_shop(async |db| {
            for (query, indexes) in [
                (DAYS, &["SEARCH daily_sales USING PRIMARY KEY (day>? AND day<?)"][..]),
                (BEST, &["best_sold_first (quantity>?)", "SEARCH p USING INTEGER PRIMARY KEY"]),
            ] {
                let steps = query_plan(&db, query).await;
                for index in indexes {
                    assert!(steps.iter().any(|step| step.contains(index)), "{index}: {steps:#?}");
                }
                assert_scans_only(&steps, &[]);
            }
        });
    }
}
