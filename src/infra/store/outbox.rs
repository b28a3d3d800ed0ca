//! The outbox: messages that are not in the Maildir yet.

use crate::domain::orders::OrderRef;
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::orders::moment;
use crate::infra::store::orders::parse_ref;
use sqlx::Row;
use std::sync::Mutex;
use std::sync::PoisonError;

/// One message that is owed to the seller, whole, until it lies in the Maildir.
pub struct OutboxMessage {
    pub id: i64,
    pub order_ref: OrderRef,
    /// 0: the order itself, then 1, 2 … within the order; with the reference it names the message.
    pub number: i64,
    /// By the mailbox's clock.
    pub at: Timestamp,
    /// Whether it tells the seller's own deed, and so is no news.
    pub is_read: bool,
    /// Whether it tells that the buyer's data was erased.
    pub is_erasure: bool,
    /// Empty: it could not be sealed when it was owed. It is written later, of the state alone or of an erased buyer.
    pub message: Vec<u8>,
}

/// The place of the next message of an order.
#[derive(Clone, Copy)]
pub struct Place {
    pub number: i64,
    pub at: Timestamp,
    /// Whether the shop has or had a seller's key.
    pub has_key: bool,
}

/// The time of the next message by the mailbox's clock: the day, and in its seconds how many came before on that day. So
/// the messages stand in their order, and none tells the hour. `last`: of the newest message, 0 for none.
pub fn next_at(last: i64, now: Timestamp) -> Timestamp {
    let at = now.day_start().get().max(last.saturating_add(1));
    Timestamp::new(at).unwrap_or(now)
}

/// The time of a message that belongs to no order.
pub async fn find_next_at(db: &Db, now: Timestamp) -> Result<Timestamp, StoreError> {
    let last: i64 =
        sqlx::query_scalar("select coalesce(max(at), 0) from owed").fetch_one(&db.read).await?;
    Ok(next_at(last, now))
}

/// The place of the next message of an order that is there already.
pub async fn next_place(
    tx: &mut Tx,
    order_ref: &OrderRef,
    now: Timestamp,
) -> Result<Place, StoreError> {
    let row = sqlx::query(
        "select (select coalesce(max(at), 0) from owed) as last, coalesce(max(w.number), 0) + 1 as number, \
                (select fingerprint is not null from house) as has_key \
         from orders o left join owed w on w.order_id = o.id where o.order_ref = ?",
    )
    .bind(order_ref.as_str())
    .fetch_one(&mut *tx.0)
    .await?;
    Ok(Place {
        number: row.try_get("number")?,
        at: next_at(row.try_get("last")?, now),
        has_key: row.try_get("has_key")?,
    })
}

/// Owes the seller a message, in the transaction of what it tells.
pub async fn insert(
    tx: &mut Tx,
    order_ref: &OrderRef,
    place: Place,
    is_read: bool,
    is_erasure: bool,
    message: &[u8],
) -> Result<i64, StoreError> {
    let done = sqlx::query(
        "insert into owed (order_id, number, at, is_read, is_erasure, message) select id, ?, ?, ?, ?, ? from orders where order_ref = ?",
    )
    .bind(place.number)
    .bind(place.at.get())
    .bind(is_read)
    .bind(is_erasure)
    .bind(message)
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    Ok(done.last_insert_rowid())
}

/// A message of an order, told or not.
pub struct Sent {
    /// 0: the order itself, then 1, 2 … within the order.
    pub number: i64,
    pub at: Timestamp,
    /// While it is owed. Empty: it could not be sealed when it was owed.
    pub waiting: Option<Vec<u8>>,
}

/// The messages of an order with these numbers.
pub async fn list_sent(
    db: &Db,
    order_ref: &OrderRef,
    numbers: &[i64],
) -> Result<Vec<Sent>, StoreError> {
    let rows = sqlx::query(
        "select w.number, w.at, w.message from owed w join orders o on o.id = w.order_id \
         where o.order_ref = ? and w.number in (select value from json_each(?))",
    )
    .bind(order_ref.as_str())
    .bind(serde_json::json!(numbers).to_string())
    .fetch_all(&db.read)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Sent {
                number: row.try_get("number")?,
                at: moment(row, "at")?,
                waiting: row.try_get("message")?,
            })
        })
        .collect()
}

/// What is still to be told after this one, the oldest first, at most 100 at a time.
pub async fn list_undelivered(db: &Db, after: i64) -> Result<Vec<OutboxMessage>, StoreError> {
    let rows = sqlx::query(
        "select w.*, o.order_ref from owed w join orders o on o.id = w.order_id \
         where w.message is not null and ? < w.id order by w.id limit 100",
    )
    .bind(after)
    .fetch_all(&db.read)
    .await?;
    rows.iter().map(parse).collect()
}

pub async fn is_undelivered(db: &Db, id: i64) -> Result<bool, StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar("select 1 from owed where id = ? and message is not null")
            .bind(id)
            .fetch_optional(&db.read)
            .await?;
    Ok(found.is_some())
}

pub async fn count_undelivered(db: &Db) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select count(*) from owed where message is not null")
        .fetch_one(&db.read)
        .await?)
}

/// The messages that were told and are not yet marked so.
#[derive(Default)]
pub struct Delivered {
    waiting: Mutex<Vec<i64>>,
    turn: tokio::sync::Mutex<()>,
}

/// Forgets a message that was told. Many that are told at once are forgotten with one commit, by whoever comes first.
pub async fn mark_delivered(db: &Db, id: i64) -> Result<(), StoreError> {
    db.told.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    let _turn = db.told.turn.lock().await;
    let told = std::mem::take(&mut *db.told.waiting.lock().unwrap_or_else(PoisonError::into_inner));
    if told.is_empty() {
        return Ok(());
    }
    // What fails here is told again by the sweep, which finds the message in the Maildir.
    sqlx::query("update owed set message = null where id in (select value from json_each(?))")
        .bind(serde_json::json!(told).to_string())
        .execute(&db.write)
        .await?;
    Ok(())
}

fn parse(row: &sqlx::sqlite::SqliteRow) -> Result<OutboxMessage, StoreError> {
    Ok(OutboxMessage {
        id: row.try_get("id")?,
        order_ref: parse_ref(row)?,
        number: row.try_get("number")?,
        at: moment(row, "at")?,
        is_read: row.try_get("is_read")?,
        is_erasure: row.try_get("is_erasure")?,
        message: row.try_get("message")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mailboxs_clock_tells_the_day_and_the_order_and_no_hour() {
        let day = Timestamp::new(1_795_219_200).unwrap();
        let noon = day.plus_minutes(12 * 60);
        assert_eq!(next_at(0, noon), day);
        assert_eq!(next_at(day.get(), noon).get(), day.get() + 1);
        assert_eq!(next_at(day.get() + 7, noon.plus_days(1)), day.plus_days(1));
        // A clock that went back: still in the order in which they were told.
        assert_eq!(next_at(day.get() + 7, noon.plus_days(-3)).get(), day.get() + 8);
    }
}
