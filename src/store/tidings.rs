use crate::orders::OrderRef;
use crate::orders::Status;
use crate::store::Db;
use crate::store::StoreError;
use crate::store::Tx;
use crate::values::Moment;
use sqlx::Row;
use std::sync::Mutex;
use std::sync::PoisonError;

/// What the seller is to be told of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TidingKind {
    /// A new order.
    Order,
    /// The buyer told of a payment.
    Payment,
}

/// One message that is owed to the seller.
pub struct Tiding {
    pub id: i64,
    pub order_ref: OrderRef,
    /// 0: the order itself, then 1, 2 … within the order; with the reference it names the message.
    pub number: i64,
    pub kind: TidingKind,
    /// The order's state when it happened.
    pub status: Status,
    pub at: Moment,
}

/// Owes the seller a message, in the transaction of what it tells.
pub async fn insert(
    tx: &mut Tx,
    order_ref: &OrderRef,
    kind: TidingKind,
    status: Status,
    at: Moment,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into tidings (order_id, number, kind, status, at) \
         select o.id, (select count(*) from tidings t where t.order_id = o.id), ?, ?, ? from orders o where o.order_ref = ?",
    )
    .bind(match kind {
        TidingKind::Order => "order",
        TidingKind::Payment => "payment",
    })
    .bind(status.as_str())
    .bind(at.get())
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// What is still to be told of one order, the oldest first.
pub async fn list_untold_of(db: &Db, order_ref: &OrderRef) -> Result<Vec<Tiding>, StoreError> {
    let rows = sqlx::query(
        "select t.*, o.order_ref from tidings t join orders o on o.id = t.order_id \
         where t.told_at is null and o.order_ref = ? order by t.id",
    )
    .bind(order_ref.as_str())
    .fetch_all(&db.read)
    .await?;
    rows.iter().map(parse).collect()
}

/// What is still to be told, the oldest first, at most 100 at a time.
pub async fn list_untold(db: &Db) -> Result<Vec<Tiding>, StoreError> {
    let rows = sqlx::query(
        "select t.*, o.order_ref from tidings t join orders o on o.id = t.order_id \
         where t.told_at is null order by t.id limit 100",
    )
    .fetch_all(&db.read)
    .await?;
    rows.iter().map(parse).collect()
}

pub async fn count_untold(db: &Db) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select count(*) from tidings where told_at is null")
        .fetch_one(&db.read)
        .await?)
}

/// The messages that were told and are not yet marked so.
#[derive(Default)]
pub struct Told {
    waiting: Mutex<Vec<i64>>,
    turn: tokio::sync::Mutex<()>,
}

/// Notes that a message was told. Many that are told at once are noted with one commit, by whoever comes first.
pub async fn mark_told(db: &Db, tiding: i64, at: Moment) -> Result<(), StoreError> {
    db.told.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(tiding);
    let _turn = db.told.turn.lock().await;
    let told = std::mem::take(&mut *db.told.waiting.lock().unwrap_or_else(PoisonError::into_inner));
    if told.is_empty() {
        return Ok(());
    }
    // What fails here is told again by the sweep, which finds the message in the Maildir.
    sqlx::query("update tidings set told_at = ?1 where id in (select value from json_each(?2))")
        .bind(at.get())
        .bind(serde_json::json!(told).to_string())
        .execute(&db.write)
        .await?;
    Ok(())
}

fn parse(row: &sqlx::sqlite::SqliteRow) -> Result<Tiding, StoreError> {
    let kind: String = row.try_get("kind")?;
    Ok(Tiding {
        id: row.try_get("id")?,
        order_ref: OrderRef::parse(row.try_get("order_ref")?)
            .map_err(|_| StoreError::Row("order_ref"))?,
        number: row.try_get("number")?,
        kind: if kind == "order" { TidingKind::Order } else { TidingKind::Payment },
        status: Status::parse(row.try_get("status")?).map_err(|_| StoreError::Row("status"))?,
        at: Moment::new(row.try_get("at")?).map_err(|_| StoreError::Row("at"))?,
    })
}
