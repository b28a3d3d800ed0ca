//! Which orders have their items taken out of the stock, and which get them if more are wanted than there are.
//!
//! An unpaid order reserves its items while there are enough. A paid one keeps or takes them: from what nobody reserves, then from
//! unpaid orders, the newest first. Triggers (migration 0016) count in `held_stock` what orders have.

use sqlx::FromRow;

use crate::domain::catalog::OfferKey;
use crate::domain::orders::{Order, OrderRef, Reservation, Status, StockDemand};
use crate::domain::values::Timestamp;
use crate::infra::store::columns::states_json;
use crate::infra::store::expiry::deciding_time;
use crate::infra::store::stock::{has_no_codes_yet, move_items, of_pool};
use crate::infra::store::{Connection, StoreError, Tx, codes};

const TAKE: &str =
    concat!("update orders set reserves = 2 where order_ref = $1;", move_items!("-"));
const GIVE_BACK: &str =
    concat!(move_items!("+"), "update orders set reserves = 0 where order_ref = $1");

#[derive(FromRow)]
struct DemandRow {
    product_id: i64,
    pool_option: i64,
    quantity: i64,
    stock: i64,
    reserved: i64,
}

/// What an order that reserves nothing wants of each stock, beside what is there.
async fn list_demand(
    db: &mut Connection,
    order_ref: &OrderRef,
) -> Result<Vec<StockDemand>, StoreError> {
    let rows: Vec<DemandRow> = sqlx::query_as(concat!(
        "select l.product_id, l.pool_option, sum(l.quantity) as quantity, coalesce(",
        of_pool!("l.product_id", "l.pool_option"),
        r#", 0) as stock, coalesce(h.unpaid, 0) as reserved
        from orders o join order_lines l on l.order_id = o.id
        left join held_stock h on h.product_id = l.product_id and h.pool_option = l.pool_option
        where o.order_ref = $1"#,
        has_no_codes_yet!(),
        " group by l.product_id, l.pool_option"
    ))
    .bind(order_ref)
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StockDemand {
            pool: OfferKey { product: row.product_id, option: row.pool_option },
            quantity: row.quantity,
            stock: row.stock,
            reserved: row.reserved,
        })
        .collect())
}

/// What an order that reserves nothing could still get.
pub(super) async fn find(
    db: &mut Connection,
    order_ref: &OrderRef,
) -> Result<Reservation, StoreError> {
    Ok(Reservation::of(&list_demand(db, order_ref).await?))
}

/// Takes the items of an order that is paid for, where it has none yet: from unpaid orders where nothing else is left.
/// If there is too little of an item, takes nothing and returns which.
pub async fn claim(tx: &mut Tx, order: &Order) -> Result<Option<StockDemand>, StoreError> {
    if order.reservation.is_held() {
        confirm(tx, &order.order_ref).await?;
        return Ok(None);
    }
    let wanted = list_demand(tx, &order.order_ref).await?;
    if let Some(short) = wanted.iter().find(|wanted| !wanted.is_available()) {
        return Ok(Some(*short));
    }
    if wanted.iter().any(|wanted| wanted.stock < wanted.quantity) {
        for StockDemand { pool, quantity, stock, .. } in wanted {
            release_unpaid(tx, pool, quantity - stock).await?;
        }
        // A pool may hold fewer codes than orders reserve.
        let wanted = list_demand(tx, &order.order_ref).await?;
        if let Some(short) = wanted.iter().find(|wanted| wanted.stock < wanted.quantity) {
            return Ok(Some(*short));
        }
    }
    sqlx::query(TAKE).bind(&order.order_ref).execute(&mut **tx).await?;
    Ok(None)
}

/// What the order reserves is its own from now on.
pub async fn confirm(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query("update orders set reserves = 2 where order_ref = $1 and reserves = 1")
        .bind(order_ref)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Its payment is gone: what it has is reserved as before the payment, until somebody pays. Codes that its buyer has seen
/// stay its own.
pub async fn revert(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        update orders set reserves = 1
        where order_ref = $1 and reserves = 2
            and not exists (select 1 from deliveries d where d.order_id = orders.id and d.kind = 'codes')
        "#,
    )
        .bind(order_ref)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Puts an order's items back into the stock, if it has any. Codes that it has got do not come back.
pub async fn release(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query(GIVE_BACK).bind(order_ref).execute(&mut **tx).await?;
    codes::recount_ordered(tx, order_ref).await
}

/// Ends reservations of unpaid orders, the newest first, until open orders hold so many items of a stock at most.
pub(super) async fn release_beyond(
    tx: &mut Tx,
    pool: OfferKey,
    most: i64,
) -> Result<(), StoreError> {
    let held: Option<i64> = sqlx::query_scalar(
        "select quantity from held_stock where product_id = $1 and pool_option = $2",
    )
    .bind(pool.product)
    .bind(pool.option)
    .fetch_optional(&mut **tx)
    .await?;
    release_unpaid(tx, pool, held.unwrap_or(0) - most).await
}

/// Ends reservations of unpaid orders, the newest first, until so many items of a stock came back.
async fn release_unpaid(tx: &mut Tx, pool: OfferKey, n_items: i64) -> Result<(), StoreError> {
    if n_items <= 0 {
        return Ok(());
    }
    let mut released = 0;
    let unpaid: Vec<(OrderRef, i64)> = sqlx::query_as(
        r#"
        select o.order_ref, sum(l.quantity)
        from orders o join order_lines l on l.order_id = o.id
        where o.status in (select value from json_each($1)) and o.reserves = 1
            and l.product_id = $2 and l.pool_option = $3
        group by o.id order by o.id desc limit $4
        "#,
    )
    .bind(states_json(&UNPAID))
    .bind(pool.product)
    .bind(pool.option)
    .bind(n_items)
    .fetch_all(&mut **tx)
    .await?;
    for (order_ref, quantity) in unpaid {
        if n_items <= released {
            break;
        }
        release(tx, &order_ref).await?;
        released += quantity;
    }
    Ok(())
}

/// The states in which an order may hold items that are not its own yet.
const UNPAID: [Status; 4] =
    [Status::Awaiting, Status::Reported, Status::Partial, Status::Unconfirmed];

/// Ends the reservations of orders that only their buyers have reported as paid, once their time to pay is over: an invented
/// transaction reserves no longer than none. Returns them, at most 50 at a time.
pub async fn release_reported(
    tx: &mut Tx,
    trusted: Timestamp,
) -> Result<Vec<OrderRef>, StoreError> {
    let over = list_reported(tx, trusted, 50).await?;
    for order_ref in &over {
        release(tx, order_ref).await?;
    }
    Ok(over)
}

/// Whether [`release_reported`] would find any.
pub async fn has_reported(db: &mut Connection, trusted: Timestamp) -> Result<bool, StoreError> {
    Ok(!list_reported(db, trusted, 1).await?.is_empty())
}

const REPORTED: &str = concat!(
    r#"
    select o.order_ref
    from orders o join invoices i on i.order_id = o.id
    left join watched_networks w on w.network = i.network and w.is_on = 1
    where o.status = $2 and o.reserves = 1 and i.is_moved = 0 and i.until <= "#,
    deciding_time!(),
    "limit $3"
);

async fn list_reported(
    db: &mut Connection,
    trusted: Timestamp,
    most: i64,
) -> Result<Vec<OrderRef>, StoreError> {
    let over = sqlx::query_scalar(REPORTED).bind(trusted).bind(Status::Reported).bind(most);
    Ok(over.fetch_all(db).await?)
}

#[cfg(test)]
mod tests;
