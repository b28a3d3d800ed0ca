//! Orders that nobody has paid for and that no buyer has reported as paid.

use sqlx::FromRow;

use crate::domain::catalog::Slug;
use crate::domain::orders::{OrderRef, Status};
use crate::domain::values::Timestamp;
use crate::infra::store::order_query::OrderQuery;
use crate::infra::store::{Connection, StoreError};

/// Which of the unpaid orders are meant. By default all.
#[derive(Default)]
pub struct UnpaidQuery {
    /// Those that this lists too, in whatever order.
    pub listed: OrderQuery,
    /// Placed at this moment or before, by the trusted time.
    pub placed_by: Option<Timestamp>,
    /// With at least one of this product.
    pub product: Option<Slug>,
    /// Not those that came after this one: the [`UnpaidOrder::id`] of the last that the seller was told of.
    pub last: Option<i64>,
}

#[derive(FromRow)]
pub struct UnpaidOrder {
    /// Grows from order to order.
    pub id: i64,
    pub order_ref: OrderRef,
}

/// Where funds have left the address, somebody has paid. The moment of placing is kept nowhere: it is as long before the
/// deadline as the price is valid.
const LIST: &str = r#"
    select o.id, o.order_ref
    from orders o join invoices i on i.order_id = o.id
    where o.status = $1 and i.is_moved = 0
        and $2 <= o.placed_at and o.placed_at < $3
        and ($4 is null or instr(o.order_ref, $4)) and ($5 is null or o.list_currency = $5)
        and (not $6 or o.notification_hold = 0 and exists (select 1 from unanswered u where u.order_id = o.id))
        and ($7 is null or i.until - coalesce(i.minutes, 120) * 60 <= $7 + coalesce(i.clock_ahead, 0))
        and ($8 is null or exists (
            select 1 from order_lines l join products p on p.id = l.product_id
            where l.order_id = o.id and p.slug = $8))
        and ($9 is null or o.id <= $9)
    order by o.placed_at, o.id limit $10
    "#;

/// All of them, the oldest first.
pub async fn list(
    db: &mut Connection,
    query: &UnpaidQuery,
) -> Result<Vec<UnpaidOrder>, StoreError> {
    // To SQLite a negative limit is none.
    list_some(db, query, -1).await
}

/// Whether [`list`] would find any.
pub async fn is_any(db: &mut Connection, query: &UnpaidQuery) -> Result<bool, StoreError> {
    Ok(!list_some(db, query, 1).await?.is_empty())
}

async fn list_some(
    db: &mut Connection,
    query: &UnpaidQuery,
    most: i64,
) -> Result<Vec<UnpaidOrder>, StoreError> {
    let listed = &query.listed;
    if !listed.filter.states().contains(&Status::Awaiting) {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(LIST)
        .bind(Status::Awaiting)
        .bind(listed.filter.first())
        .bind(listed.filter.end())
        .bind(listed.part())
        .bind(listed.filter.currency.as_ref())
        .bind(listed.is_unanswered)
        .bind(query.placed_by)
        .bind(query.product.as_ref())
        .bind(query.last)
        .bind(most)
        .fetch_all(db)
        .await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{query_plan, with_shop};

    #[test]
    fn unpaid_orders_are_found_by_their_state_without_sorting() {
        with_shop(async |db| {
            let steps = query_plan(&db, LIST).await;
            let by_state = "SEARCH o USING INDEX orders_by_status (status=?";
            assert!(steps.iter().any(|step| step.starts_with(by_state)), "{steps:#?}");
            let is_slow = |step: &&String| step.contains("B-TREE") || step.starts_with("SCAN");
            assert!(!steps.iter().any(|step| is_slow(&step)), "{steps:#?}");
        });
    }
}
