//! The outbox: messages to the seller until they are in the Maildir. Delivered ones stay as rows without a text, for their numbers.

use parking_lot::Mutex;
use serde_json::json;
use sqlx::FromRow;

use crate::domain::orders::{OrderRef, Status};
use crate::domain::values::Timestamp;
use crate::infra::store::{Connection, Db, StoreError, Tx};

/// One message to the seller, whole, until it is in the Maildir.
#[derive(FromRow)]
pub struct OutboxMessage {
    pub order_ref: OrderRef,
    /// 0: the order itself, then 1, 2 … within the order; with the reference it names the message.
    pub number: i64,
    /// By the mailbox's clock: no two messages that exist have the same. The time of the newest can be given out again after that
    /// was deleted.
    pub at: Timestamp,
    /// Whether it tells what the seller did, and so is no news.
    pub is_read: bool,
    /// Whether it tells that the buyer's data was erased.
    pub is_erasure: bool,
    /// Empty: it could not be sealed then. It is written later, of the state alone or of an erased buyer.
    pub message: Vec<u8>,
}

const NEWS: &str = r#"
    select count(*) from outbox w join orders o on o.id = w.order_id
    where $1 < w.at and w.is_read = 0 and o.notification_hold = 0
    "#;

/// Number and time of the next message of an order.
#[derive(Clone, Copy)]
pub struct NextMessage {
    pub number: i64,
    pub at: Timestamp,
    /// Whether the shop has or had a seller's key.
    pub has_key: bool,
    /// Whether the order's messages wait.
    pub is_held_back: bool,
}

#[derive(FromRow)]
struct NextRow {
    last: Option<Timestamp>,
    number: i64,
    has_key: bool,
    is_held_back: bool,
}

/// The time of the next message by the mailbox's clock: the day, and in its seconds how many came before on that day. So
/// the messages are in their order, and none tells the hour. `last`: of the newest message.
pub fn next_at(last: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let day = now.day_start();
    last.map_or(day, |last| day.max(last.plus_seconds(1)))
}

/// The time of a message that belongs to no order.
pub async fn find_next_at(db: &mut Connection, now: Timestamp) -> Result<Timestamp, StoreError> {
    let last = sqlx::query_scalar("select max(at) from outbox").fetch_one(db).await?;
    Ok(next_at(last, now))
}

/// Number and time of the next message of an order that is there already.
pub async fn find_next(
    db: &mut Connection,
    order_ref: &OrderRef,
    now: Timestamp,
) -> Result<NextMessage, StoreError> {
    let row: NextRow = sqlx::query_as(
        r#"
        select (select max(at) from outbox) as last, coalesce(max(w.number), 0) + 1 as number,
            (select fingerprint is not null from shop_state) as has_key, o.notification_hold <> 0 as is_held_back
        from orders o left join outbox w on w.order_id = o.id
        where o.order_ref = $1
        "#,
    )
    .bind(order_ref)
    .fetch_one(db)
    .await?;
    let NextRow { last, number, has_key, is_held_back } = row;
    Ok(NextMessage { number, at: next_at(last, now), has_key, is_held_back })
}

/// Keeps a message to the seller, in the transaction of what it tells. `None`: it is never sent, and only its number is
/// taken.
pub async fn insert(
    tx: &mut Tx,
    order_ref: &OrderRef,
    next: NextMessage,
    is_read: bool,
    is_erasure: bool,
    message: Option<&[u8]>,
) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        insert into outbox (order_id, number, at, is_read, is_erasure, message)
        select id, $2, $3, $4, $5, $6 from orders where order_ref = $1
        "#,
    )
    .bind(order_ref)
    .bind(next.number)
    .bind(next.at)
    .bind(is_read)
    .bind(is_erasure)
    .bind(message)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A message of an order, delivered or not.
#[derive(FromRow)]
pub struct Sent {
    /// 0: the order itself, then 1, 2 … within the order.
    pub number: i64,
    pub at: Timestamp,
    /// Until it is delivered. Empty: it could not be sealed then.
    #[sqlx(rename = "message")]
    pub waiting: Option<Vec<u8>>,
}

/// The messages of an order with these numbers.
pub async fn list_sent(
    db: &mut Connection,
    order_ref: &OrderRef,
    numbers: &[i64],
) -> Result<Vec<Sent>, StoreError> {
    let sent = sqlx::query_as(
        r#"
        select w.number, w.at, w.message
        from outbox w join orders o on o.id = w.order_id
        where o.order_ref = $1 and w.number in (select value from json_each($2))
        "#,
    );
    Ok(sent.bind(order_ref).bind(json!(numbers).to_string()).fetch_all(db).await?)
}

/// Of messages `w` of orders `o`: it is to be delivered. Those of a held-back order wait.
macro_rules! is_due {
    () => {
        "w.message is not null and o.notification_hold = 0"
    };
}

/// What is still to be delivered after this moment of the mailbox's clock, the oldest first, at most 100 at a time.
pub async fn list_undelivered(
    db: &mut Connection,
    after: Option<Timestamp>,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let messages = sqlx::query_as(concat!(
        "select w.*, o.order_ref from outbox w join orders o on o.id = w.order_id where ",
        is_due!(),
        " and coalesce($1, -1) < w.at order by w.at limit 100"
    ));
    Ok(messages.bind(after).fetch_all(db).await?)
}

/// The same of one order, all of it.
pub async fn list_undelivered_of(
    db: &mut Connection,
    order_ref: &OrderRef,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let messages = sqlx::query_as(concat!(
        "select w.*, o.order_ref from outbox w join orders o on o.id = w.order_id where ",
        is_due!(),
        " and o.order_ref = $1 order by w.at"
    ));
    Ok(messages.bind(order_ref).fetch_all(db).await?)
}

pub async fn is_undelivered(db: &mut Connection, at: Timestamp) -> Result<bool, StoreError> {
    let is_undelivered = sqlx::query_scalar(concat!(
        "select exists (select 1 from outbox w join orders o on o.id = w.order_id where w.at = $1 and ",
        is_due!(),
        ")"
    ));
    Ok(is_undelivered.bind(at).fetch_one(db).await?)
}

pub async fn count_undelivered(db: &mut Connection) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(concat!(
        "select count(*) from outbox w join orders o on o.id = w.order_id where ",
        is_due!()
    ));
    Ok(count.fetch_one(db).await?)
}

/// The time of the oldest message that is to be delivered, by the mailbox's clock.
pub async fn find_oldest_due(db: &mut Connection) -> Result<Option<Timestamp>, StoreError> {
    let oldest = sqlx::query_scalar(concat!(
        "select min(w.at) from outbox w join orders o on o.id = w.order_id where ",
        is_due!()
    ));
    Ok(oldest.fetch_one(db).await?)
}

/// The time of the newest message by the mailbox's clock; 0: there is none.
pub async fn find_newest(db: &mut Connection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select coalesce(max(at), 0) from outbox").fetch_one(db).await?)
}

/// How many messages after that time tell the seller something new.
pub async fn count_news(db: &mut Connection, since: i64) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(NEWS);
    Ok(count.bind(since).fetch_one(db).await?)
}

/// How many messages wait until their orders are reported or paid.
pub async fn count_held_back(db: &mut Connection) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        r#"
        select count(*) from outbox w join orders o on o.id = w.order_id
        where w.message is not null and o.notification_hold <> 0
        "#,
    );
    Ok(count.fetch_one(db).await?)
}

/// The messages that were delivered and are not yet marked so.
#[derive(Default)]
pub struct Delivered {
    waiting: Mutex<Vec<Timestamp>>,
    turn: tokio::sync::Mutex<()>,
}

/// Notes messages that were delivered; the next transaction that forgets messages forgets them. If the shop stops before, they are found in the Maildir by
/// `deliver_outbox`.
pub fn note_delivered(db: &Db, times: &[Timestamp]) {
    db.delivered.waiting.lock().extend(times);
}

/// The messages that were noted, for a transaction that is begun anyway and runs `forget`.
pub fn take_noted(db: &Db) -> Vec<Timestamp> {
    std::mem::take(&mut *db.delivered.waiting.lock())
}

/// Forgets the messages with these times of the mailbox's clock, which were delivered. What fails here is delivered again by
/// `deliver_outbox`, which finds the message in the Maildir.
macro_rules! forget {
    () => {
        "update outbox set message = null where at in (select value from json_each($1))"
    };
}
pub(super) use forget;

pub(super) fn times_json(times: &[Timestamp]) -> String {
    let times: Vec<i64> = times.iter().map(|at| at.get()).collect();
    json!(times).to_string()
}

/// Forgets the messages that were noted, in a transaction of its own. Many that are noted at once are forgotten with one
/// commit, by the first caller.
pub async fn forget_delivered(db: &Db) -> Result<(), StoreError> {
    let _turn = db.delivered.turn.lock().await;
    let delivered = take_noted(db);
    if !delivered.is_empty() {
        sqlx::query(forget!()).bind(times_json(&delivered)).execute(&db.write).await?;
    }
    Ok(())
}

/// Forgets a message that was delivered.
pub async fn mark_delivered(db: &Db, at: Timestamp) -> Result<(), StoreError> {
    note_delivered(db, &[at]);
    forget_delivered(db).await
}

/// Forgets the messages of a held-back order whose buyer has erased their data, once it is over: until then it may be paid, and
/// the seller needs the address. That the buyer is erased is told all the same where the order itself is in the
/// Maildir.
pub async fn drop_erased(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        update outbox set message = null
        where order_id = (
                select id from orders
                where order_ref = $1 and notification_hold <> 0 and recipient is null and status in ($2, $3))
            and message is not null
            and not (is_erasure = 1 and exists (
                select 1 from outbox first
                where first.order_id = outbox.order_id and first.number = 0 and first.message is null))
        "#,
    )
    .bind(order_ref)
    .bind(Status::Expired)
    .bind(Status::Cancelled)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{older_shop, query_plan, with_file, with_shop};

    #[test]
    fn only_messages_after_the_last_notification_are_read() {
        with_shop(async |db| {
            let steps = query_plan(&db, NEWS).await;
            assert!(steps.iter().any(|step| step.contains("(rowid>?)")), "{steps:#?}");
        });
    }

    #[test]
    fn messages_of_an_older_shop_keep_their_times_and_what_waits_is_delivered() {
        with_file(async |file| {
            use sqlx::Connection as _;
            let mut old = older_shop(file, 25).await;
            sqlx::raw_sql(
                r#"
                insert into orders (id, order_ref, checkout_key, lookup_name, placed_at) values
                    (1, 'A000000001', randomblob(32), randomblob(32), 0), (2, 'A000000002', randomblob(32), randomblob(32), 0);
                insert into outbox (id, order_id, number, at, is_read, is_erasure, message) values
                    (3, 1, 0, 86400, 0, 0, null), (5, 2, 0, 86401, 0, 0, x'4142'), (6, 1, 1, 172800, 1, 1, x'43')
                "#,
            )
            .execute(&mut old)
            .await
            .unwrap();
            old.close().await.unwrap();
            let db = Db::open_or_make(file).await.unwrap();
            let mut tx = db.write().await.unwrap();
            let waiting = async |tx: &mut Tx, after: Option<Timestamp>| {
                let messages = list_undelivered(tx, after).await.unwrap();
                let fields = messages.into_iter().map(|waiting| {
                    let OutboxMessage { order_ref, number, at, is_read, is_erasure, message } =
                        waiting;
                    (
                        order_ref.as_str()[9..].to_owned(),
                        number,
                        at.get(),
                        is_read && is_erasure,
                        message,
                    )
                });
                fields.collect::<Vec<_>>()
            };
            let second = ("2".to_owned(), 0, 86_401, false, b"AB".to_vec());
            let third = ("1".to_owned(), 1, 172_800, true, b"C".to_vec());
            assert_eq!(waiting(&mut tx, None).await, [second.clone(), third.clone()]);
            let after = Timestamp::new(86_401).unwrap();
            assert_eq!(waiting(&mut tx, Some(after)).await, [third]);
            assert_eq!(find_newest(&mut tx).await.unwrap(), 172_800);
            // What a new message takes still counts for its order, and two never have the same time.
            let order_ref = OrderRef::parse("A000000002").unwrap();
            let now = Timestamp::new(172_900).unwrap();
            let next = find_next(&mut tx, &order_ref, now).await.unwrap();
            assert_eq!((next.number, next.at.get()), (1, 172_801));
            insert(&mut tx, &order_ref, next, false, false, Some(b"four")).await.unwrap();
            let bytes: Vec<i64> = sqlx::query_scalar("select bytes from orders order by id")
                .fetch_all(&mut *tx)
                .await
                .unwrap();
            assert_eq!(bytes, [1, 6]);
            tx.commit().await.unwrap();
            mark_delivered(&db, after).await.unwrap();
            let mut tx = db.write().await.unwrap();
            assert!(!is_undelivered(&mut tx, after).await.unwrap());
            assert_eq!(waiting(&mut tx, None).await.len(), 2);
            drop(tx);
            db.close().await;
        });
    }

    #[test]
    fn the_mailboxs_clock_tells_the_day_and_the_order_and_no_hour() {
        let day = Timestamp::new(1_795_219_200).unwrap();
        let noon = day.plus_minutes(12 * 60);
        assert_eq!(next_at(None, noon), day);
        assert_eq!(next_at(Some(day), noon), day.plus_seconds(1));
        let eighth = day.plus_seconds(7);
        assert_eq!(next_at(Some(eighth), noon.plus_days(1)), day.plus_days(1));
        // A clock that went back: still in the order in which they were delivered.
        assert_eq!(next_at(Some(eighth), noon.plus_days(-3)), day.plus_seconds(8));
    }
}
