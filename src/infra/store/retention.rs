//! What is due to be erased.

use serde_json::json;

use crate::domain::orders::{OrderRef, RetentionCutoffs, Status};
use crate::infra::store::{Connection, StoreError, Tx};

/// Which of `orders o join invoices i` are due: `$1` to `$4` are the fields of [`RetentionCutoffs`] in their order, `$5` is the state of an
/// order that nobody paid for in time. Where the fields are null, each order is due that is over and was never
/// reported or seen as paid.
macro_rules! is_due {
    () => {
        concat!(
            "case when $1 is null then ",
            is_over_and_unpaid!(),
            r#"
            else o.status <> $5 and o.finished_at <= $1
                or o.status = $5 and o.finished_at <= $4 and i.until <= case when i.seen is null then $2 else $3 end
            end
            and (o.notification_hold <> 0 or not exists (
                select 1 from outbox w where w.order_id = o.id and w.message is not null))
            "#
        )
    };
}

/// Of `orders o join invoices i`: what the seller cancelled is kept as long as other orders, unless the seller was never notified of it.
macro_rules! is_over_and_unpaid {
    () => {
        r#"
        (o.status = 'expired' or o.status = 'cancelled' and o.notification_hold <> 0)
            and o.transaction_id is null and i.received = 0 and coalesce(i.seen, 0) = 0
        "#
    };
}
pub(super) use is_over_and_unpaid;

/// The orders that are due. An order is never due while a message about it is to be delivered to the seller.
macro_rules! from_due {
    () => {
        concat!(
            r#"
            from orders o join invoices i on i.order_id = o.id
            where o.finished_at is not null and
            "#,
            is_due!()
        )
    };
}

/// At most so many of the orders that are due, the oldest first.
pub async fn list_due(
    db: &mut Connection,
    due: RetentionCutoffs,
    most: i64,
) -> Result<Vec<OrderRef>, StoreError> {
    let refs =
        sqlx::query_scalar(concat!("select o.order_ref", from_due!(), " order by o.id limit $6"));
    Ok(refs
        .bind(due.finished_by)
        .bind(due.unpaid_by)
        .bind(due.followed_by)
        .bind(due.unpaid_seen_by)
        .bind(Status::Expired)
        .bind(most)
        .fetch_all(db)
        .await?)
}

pub async fn count_due(db: &mut Connection, due: RetentionCutoffs) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(concat!("select count(*)", from_due!()))
        .bind(due.finished_by)
        .bind(due.unpaid_by)
        .bind(due.followed_by)
        .bind(due.unpaid_seen_by)
        .bind(Status::Expired)
        .fetch_one(db)
        .await?)
}

/// A statement that asks for those of the named orders that are due, as `due`.
macro_rules! of_due {
    ($statement:literal) => {
        concat!(
            r#"
            with due as (
                select o.id
                from json_each($6) named
                join orders o on o.order_ref = named.value
                join invoices i on i.order_id = o.id
                where "#,
            is_due!(),
            ")",
            $statement
        )
    };
}

// `finished_at = 0` marks orders that are stripped. The invoice goes last, since `is_due!` reads it.
const STRIP: [&str; 7] = [
    of_due!("delete from outbox where order_id in due"),
    of_due!("delete from messages where order_id in due"),
    of_due!("delete from deliveries where order_id in due"),
    of_due!("delete from order_lines where order_id in due"),
    of_due!("delete from used_transactions where order_id in due"),
    of_due!(
        r#"
        update orders
        set finished_at = 0, lookup_name = randomblob(32), checkout_key = randomblob(32), transaction_id = null, recipient = null,
            shipping_name = null, shipping_price = null, discount_code = null, discount_percent = null, discount_amount = null,
            code_is_back = 0, list_currency = '', list_amount = 0, bytes = 0
        where id in due
        "#
    ),
    of_due!("delete from invoices where order_id in due"),
];

/// Units: orders that are erased with one commit, so that buyers wait for a short time only.
pub const MAX_AT_ONCE: usize = 500;

/// Erases all of these orders but their references, where they are still due: an order without an invoice is found by
/// nobody any more. The references stay until the messages in the Maildir are gone too, see [`list_stripped`].
pub async fn strip(
    tx: &mut Tx,
    order_refs: &[OrderRef],
    due: RetentionCutoffs,
) -> Result<(), StoreError> {
    strip_due(tx, order_refs, Some(due)).await
}

/// The same for orders that are over and were never reported or seen as paid, before their time.
pub async fn strip_unpaid(tx: &mut Tx, order_refs: &[OrderRef]) -> Result<(), StoreError> {
    strip_due(tx, order_refs, None).await
}

async fn strip_due(
    tx: &mut Tx,
    order_refs: &[OrderRef],
    due: Option<RetentionCutoffs>,
) -> Result<(), StoreError> {
    let named = refs_json(order_refs);
    for statement in STRIP {
        sqlx::query(statement)
            .bind(due.map(|due| due.finished_by))
            .bind(due.map(|due| due.unpaid_by))
            .bind(due.map(|due| due.followed_by))
            .bind(due.map(|due| due.unpaid_seen_by))
            .bind(Status::Expired)
            .bind(&named)
            .execute(&mut **tx)
            .await?;
    }
    // Where a node still looks, its reader leaves out by itself what is no longer there.
    sqlx::query("update watched_networks set scan_state = null where is_on = 0")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The orders of which nothing but the reference is left.
pub async fn list_stripped(db: &mut Connection) -> Result<Vec<OrderRef>, StoreError> {
    let refs = sqlx::query_scalar(
        r#"
        select order_ref from orders o
        where finished_at = 0 and not exists (select 1 from invoices i where i.order_id = o.id)
        order by id
        "#,
    );
    Ok(refs.fetch_all(db).await?)
}

/// Whether nothing but the reference is left of this order.
pub async fn is_stripped(db: &mut Connection, order_ref: &OrderRef) -> Result<bool, StoreError> {
    let is_stripped = sqlx::query_scalar(
        r#"
        select exists (select 1 from orders o
            where order_ref = $1 and not exists (select 1 from invoices i where i.order_id = o.id))
        "#,
    );
    Ok(is_stripped.bind(order_ref).fetch_one(db).await?)
}

/// Erases these references of [`list_stripped`].
pub async fn erase_stripped(tx: &mut Tx, order_refs: &[OrderRef]) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        delete from orders
        where order_ref in (select value from json_each($1))
            and not exists (select 1 from invoices i where i.order_id = orders.id)
        "#,
    )
    .bind(refs_json(order_refs))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn refs_json(order_refs: &[OrderRef]) -> String {
    let refs: Vec<&str> = order_refs.iter().map(OrderRef::as_str).collect();
    json!(refs).to_string()
}
