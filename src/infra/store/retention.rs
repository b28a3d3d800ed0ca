//! What is due to be erased.

use crate::domain::orders::Due;
use crate::domain::orders::OrderRef;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::orders::parse_ref;

/// Which of `orders o join invoices i` are due: `?1` to `?4` are the fields of [`Due`] in their order.
macro_rules! is_due {
    () => {
        "(o.status <> 'expired' and o.finished_at <= ?1 \
             or o.status = 'expired' and o.finished_at <= ?4 and i.until <= case when i.seen is null then ?2 else ?3 end) \
         and not exists (select 1 from owed w where w.order_id = o.id and w.message is not null)"
    };
}

/// What the seller was not told yet is never due.
pub async fn list_due(db: &Db, due: Due) -> Result<Vec<OrderRef>, StoreError> {
    let rows = sqlx::query(concat!(
        "select o.order_ref from orders o join invoices i on i.order_id = o.id \
         where o.finished_at is not null and ",
        is_due!()
    ))
    .bind(due.finished_by.get())
    .bind(due.unpaid_by.get())
    .bind(due.followed_by.get())
    .bind(due.unpaid_seen_by.get())
    .fetch_all(&db.read)
    .await?;
    rows.iter().map(parse_ref).collect()
}

/// Before each statement that asks for them: those of the named orders that are due, as `due`.
macro_rules! of_due {
    ($statement:literal) => {
        concat!(
            "with due as (select o.id from json_each(?5) named join orders o on o.order_ref = named.value \
             join invoices i on i.order_id = o.id where ",
            is_due!(),
            ") ",
            $statement
        )
    };
}

// No order was ever finished in 1970: that day stands for those that are stripped. The invoice goes last, since the
// question whether an order is due asks for it.
const STRIP: [&str; 6] = [
    of_due!("delete from owed where order_id in due"),
    of_due!("delete from words where order_id in due"),
    of_due!("delete from order_lines where order_id in due"),
    of_due!("delete from given_transactions where order_id in due"),
    of_due!(
        "update orders set finished_at = 0, lookup_name = randomblob(32), form_token = randomblob(32), \
            transaction_id = null, reader = null, sending_name = null, sending_price = null, discount_code = null, \
            discount_percent = null, discount_less = null, code_is_back = 0, list_currency = '', list_amount = 0 where id in due"
    ),
    of_due!("delete from invoices where order_id in due"),
];

/// Units: orders that are erased with one commit, so that buyers wait for a short time only.
pub const MOST_AT_ONCE: usize = 500;

/// Erases all of these orders but their references, where they are still due: an order without an invoice is found by
/// nobody any more. The references stay until the messages in the Maildir are gone too, see [`list_stripped`].
pub async fn strip(tx: &mut Tx, order_refs: &[OrderRef], due: Due) -> Result<(), StoreError> {
    let named = names(order_refs);
    for statement in STRIP {
        sqlx::query(statement)
            .bind(due.finished_by.get())
            .bind(due.unpaid_by.get())
            .bind(due.followed_by.get())
            .bind(due.unpaid_seen_by.get())
            .bind(&named)
            .execute(&mut *tx.0)
            .await?;
    }
    // A node's reader leaves out by itself what is no longer there, where one still looks.
    sqlx::query("update watches set memory = null where is_on = 0").execute(&mut *tx.0).await?;
    Ok(())
}

/// The orders of which nothing but the reference is left.
pub async fn list_stripped(db: &Db) -> Result<Vec<OrderRef>, StoreError> {
    let rows = sqlx::query(
        "select order_ref from orders o where finished_at = 0 \
         and not exists (select 1 from invoices i where i.order_id = o.id) order by id",
    )
    .fetch_all(&db.read)
    .await?;
    rows.iter().map(parse_ref).collect()
}

/// Whether nothing but the reference is left of this order.
pub async fn is_stripped(db: &Db, order_ref: &OrderRef) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(
        "select 1 from orders o where order_ref = ? \
         and not exists (select 1 from invoices i where i.order_id = o.id)",
    )
    .bind(order_ref.as_str())
    .fetch_optional(&db.read)
    .await?;
    Ok(found.is_some())
}

/// Erases these references of [`list_stripped`].
pub async fn erase_stripped(tx: &mut Tx, order_refs: &[OrderRef]) -> Result<(), StoreError> {
    sqlx::query(
        "delete from orders where order_ref in (select value from json_each(?)) \
         and not exists (select 1 from invoices i where i.order_id = orders.id)",
    )
    .bind(names(order_refs))
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

fn names(order_refs: &[OrderRef]) -> String {
    let names: Vec<&str> = order_refs.iter().map(OrderRef::as_str).collect();
    serde_json::json!(names).to_string()
}
