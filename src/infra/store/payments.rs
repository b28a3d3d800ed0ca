//! Amounts that orders are asked for, and the transactions that buyers name.

use crate::domain::orders::OrderRef;
use crate::domain::payment::{Address, TransactionId};
use crate::domain::values::{Amount, Timestamp};
use crate::infra::store::{Connection, StoreError, Tx};

/// The amounts from `least` to `most` that orders are asked for at an address: unfinished ones, and those that were
/// finished on `recent` or later, since a late payment must not be taken for a new one.
pub async fn list_amounts(
    db: &mut Connection,
    address: &Address,
    least: Amount,
    most: Amount,
    recent: Timestamp,
) -> Result<Vec<Amount>, StoreError> {
    let amounts = sqlx::query_scalar(
        r#"
        select i.amount
        from invoices i join orders o on o.id = i.order_id
        where i.address = $1 and i.amount between $2 and $3 and (o.finished_at is null or $4 <= o.finished_at)
        "#,
    );
    Ok(amounts
        .bind(address.as_str())
        .bind(least)
        .bind(most)
        .bind(recent.day_start())
        .fetch_all(db)
        .await?)
}

/// How many transaction ids an order was given so far.
pub async fn count_transactions(
    db: &mut Connection,
    order_ref: &OrderRef,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        r#"
        select count(*) from used_transactions
        where order_id = (select id from orders where order_ref = $1)
        "#,
    );
    Ok(count.bind(order_ref).fetch_one(db).await?)
}

/// The buyer says that it was paid. An id that was ever given for another order is refused as taken.
pub async fn mark_transaction(
    tx: &mut Tx,
    order_ref: &OrderRef,
    transaction: &TransactionId,
) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        insert into used_transactions (transaction_id, order_id)
        select $1, o.id from orders o
        where o.order_ref = $2 and not exists (
            select 1 from used_transactions g where g.transaction_id = $1 and g.order_id = o.id)
        "#,
    )
    .bind(transaction.digits())
    .bind(order_ref)
    .execute(&mut **tx)
    .await?;
    sqlx::query("update orders set transaction_id = $1 where order_ref = $2")
        .bind(transaction.as_str())
        .bind(order_ref)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
