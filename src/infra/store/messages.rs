//! The messages of an order, encrypted: receipt, steps, and what buyer and seller write to each other.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::orders::{NotificationHold, OrderRef, Status};
use crate::domain::values::Timestamp;
use crate::infra::store::{Connection, StoreError, Tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(rename_all = "lowercase")]
pub enum MessageKind {
    /// What the buyer ordered, and the address, as the buyer wrote it.
    Receipt,
    /// The order's state changed.
    Step,
    /// The seller's.
    Answer,
    /// The buyer's.
    Question,
}

#[derive(FromRow)]
pub struct SealedMessage {
    pub id: i64,
    pub kind: MessageKind,
    pub day: Timestamp,
    /// Of a step.
    pub status: Option<Status>,
    /// Encrypted to the buyer's key. `None`: a step without a text.
    pub sealed: Option<Vec<u8>>,
    /// Of a question: the seller has opened the mail about it.
    pub is_read: bool,
}

/// What is about to be kept.
pub struct NewMessage<'a> {
    pub kind: MessageKind,
    pub now: Timestamp,
    pub status: Option<Status>,
    pub sealed: Option<&'a [u8]>,
    /// So that a mail of the seller, or a buyer's form, that comes twice is kept once.
    pub idempotency_key: Option<&'a [u8; 32]>,
    /// Of a question: the number of the mail to the seller.
    pub outbox_number: Option<i64>,
}

pub async fn insert(
    tx: &mut Tx,
    order_ref: &OrderRef,
    message: &NewMessage<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        insert into messages (order_id, kind, day, status, sealed, idempotency_key, outbox_number)
        select id, $2, $3, $4, $5, $6, $7 from orders where order_ref = $1
        "#,
    )
    .bind(order_ref)
    .bind(message.kind)
    .bind(message.now.day_start())
    .bind(message.status)
    .bind(message.sealed)
    .bind(message.idempotency_key.map(<[u8; 32]>::as_slice))
    .bind(message.outbox_number)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether this mail of the seller's was applied to this order already.
pub async fn was_applied(
    db: &mut Connection,
    order_ref: &OrderRef,
    idempotency_key: &[u8; 32],
) -> Result<bool, StoreError> {
    let was_applied = sqlx::query_scalar(
        r#"
        select exists (
            select 1 from messages w join orders o on o.id = w.order_id
            where o.order_ref = $1 and w.idempotency_key = $2)
        "#,
    );
    Ok(was_applied.bind(order_ref).bind(idempotency_key.as_slice()).fetch_one(db).await?)
}

/// What the buyer ordered, and the address.
pub async fn find_receipt(
    db: &mut Connection,
    order_ref: &OrderRef,
) -> Result<Option<SealedMessage>, StoreError> {
    let receipt = sqlx::query_as(
        r#"
        select w.* from messages w join orders o on o.id = w.order_id
        where o.order_ref = $1 and w.kind = $2
        "#,
    );
    Ok(receipt.bind(order_ref).bind(MessageKind::Receipt).fetch_optional(db).await?)
}

/// The newest change of the order's status to this one that came with a text.
pub async fn find_step(
    db: &mut Connection,
    order_ref: &OrderRef,
    status: Status,
) -> Result<Option<SealedMessage>, StoreError> {
    let step = sqlx::query_as(
        r#"
        select w.* from messages w join orders o on o.id = w.order_id
        where o.order_ref = $1 and w.kind = $2 and w.status = $3 and w.sealed is not null
        order by w.id desc limit 1
        "#,
    );
    let step = step.bind(order_ref).bind(MessageKind::Step).bind(status);
    Ok(step.fetch_optional(db).await?)
}

/// The index says which ones, so that no other text is read.
const LIST: &str = r#"
    select * from messages
    where id in (
        select w.id from messages w join orders o on o.id = w.order_id
        where o.order_ref = $1 and w.kind <> $2
        order by w.id desc limit $3 + 0 offset $4)
    order by id desc
    "#;

/// All but the receipt, the newest first: `most` of them, after leaving out `skipped`.
pub async fn list(
    db: &mut Connection,
    order_ref: &OrderRef,
    skipped: i64,
    most: i64,
) -> Result<Vec<SealedMessage>, StoreError> {
    Ok(sqlx::query_as(LIST)
        .bind(order_ref)
        .bind(MessageKind::Receipt)
        .bind(most)
        .bind(skipped)
        .fetch_all(db)
        .await?)
}

/// What the shop can tell of them without opening one: what happened on which day.
pub async fn list_steps(
    db: &mut Connection,
    order_ref: &OrderRef,
) -> Result<Vec<SealedMessage>, StoreError> {
    let steps = sqlx::query_as(
        r#"
        select w.id, w.kind, w.day, w.status, w.is_read, null as sealed
        from messages w join orders o on o.id = w.order_id
        where o.order_ref = $1 and w.kind <> $2
        order by w.id
        "#,
    );
    Ok(steps.bind(order_ref).bind(MessageKind::Receipt).fetch_all(db).await?)
}

/// A message as the seller's desk shows it: the shop opens nothing.
#[derive(FromRow)]
pub struct MessageSummary {
    pub kind: MessageKind,
    pub day: Timestamp,
    /// Of a step.
    pub status: Option<Status>,
    /// Whether a text came with it.
    pub has_text: bool,
    /// Of a question: the number of the mail about it.
    pub outbox_number: Option<i64>,
}

/// The newest first, `most` at most.
pub async fn list_summaries(
    db: &mut Connection,
    order_ref: &OrderRef,
    most: i64,
) -> Result<Vec<MessageSummary>, StoreError> {
    let summaries = sqlx::query_as(
        r#"
        select w.kind, w.day, w.status, w.sealed is not null as has_text, w.outbox_number
        from messages w join orders o on o.id = w.order_id
        where o.order_ref = $1 and w.kind <> $2
        order by w.id desc limit $3 + 0
        "#,
    );
    let summaries = summaries.bind(order_ref).bind(MessageKind::Receipt).bind(most);
    Ok(summaries.fetch_all(db).await?)
}

/// How many messages there are, and how many of those that the buyer did not cause came after one.
#[derive(FromRow)]
pub struct MessageCounts {
    pub n_messages: i64,
    pub n_new: i64,
    /// The newest; 0 where there is none.
    pub last: i64,
    /// Whether those of the buyer reach the seller.
    pub notification_hold: NotificationHold,
}

pub async fn measure(
    db: &mut Connection,
    order_ref: &OrderRef,
    seen: i64,
) -> Result<MessageCounts, StoreError> {
    Ok(sqlx::query_as(
        r#"
        select count(*) as n_messages, coalesce(max(w.id), 0) as last,
            coalesce((select notification_hold from orders where order_ref = $1), 0) as notification_hold,
            count(case when w.kind <> $3 and coalesce(w.status, '') <> $4 and $5 < w.id then 1 end) as n_new
        from messages w join orders o on o.id = w.order_id
        where o.order_ref = $1 and w.kind <> $2
        "#,
    )
    .bind(order_ref)
    .bind(MessageKind::Receipt)
    .bind(MessageKind::Question)
    .bind(Status::Reported)
    .bind(seen)
    .fetch_one(db)
    .await?)
}

/// What a buyer wrote about an order. Units: messages.
#[derive(FromRow)]
pub struct QuestionCounts {
    pub n_all: i64,
    pub n_today: i64,
    /// Whether the seller is not notified of the order yet, or the shop is in siege mode.
    pub is_short: bool,
}

pub async fn count_questions(
    db: &mut Connection,
    order_ref: &OrderRef,
    now: Timestamp,
) -> Result<QuestionCounts, StoreError> {
    let counts = sqlx::query_as(
        r#"
        select count(w.id) as n_all, count(case when w.day = $3 then 1 end) as n_today, 
            o.notification_hold in (1, 2) or (select siege_since is not null or reports_full = 1 from shop_state) as is_short
        from orders o left join messages w on w.order_id = o.id and w.kind = $2
        where o.order_ref = $1
        "#,
    );
    let counts = counts.bind(order_ref).bind(MessageKind::Question).bind(now.day_start());
    Ok(counts.fetch_one(db).await?)
}

/// A question that the seller has not opened yet, as far as was seen: its mail's place in the Maildir.
#[derive(FromRow)]
pub struct UnreadQuestion {
    pub id: i64,
    pub order_ref: OrderRef,
    pub number: i64,
    pub at: Timestamp,
}

pub async fn list_unread(db: &mut Connection) -> Result<Vec<UnreadQuestion>, StoreError> {
    let unread = sqlx::query_as(
        r#"
        select w.id, o.order_ref, m.number, m.at
        from messages w
        join orders o on o.id = w.order_id
        join outbox m on m.order_id = w.order_id and m.number = w.outbox_number
        where w.kind = $1 and w.is_read = 0 and m.message is null
        "#,
    );
    Ok(unread.bind(MessageKind::Question).fetch_all(db).await?)
}

/// The seller has opened the mails of these questions.
pub async fn mark_read(tx: &mut Tx, ids: &[i64]) -> Result<(), StoreError> {
    sqlx::query("update messages set is_read = 1 where id in (select value from json_each($1))")
        .bind(json!(ids).to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Erases all that was sealed to the buyer. What happened when stays, without its text.
pub async fn erase(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query(
        "delete from messages where kind <> $2 and order_id = (select id from orders where order_ref = $1)",
    )
    .bind(order_ref)
    .bind(MessageKind::Step)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "update messages set sealed = null where order_id = (select id from orders where order_ref = $1)",
    )
    .bind(order_ref)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{query_plan, with_shop};

    #[test]
    fn a_conversation_is_found_by_its_order_without_reading_texts() {
        with_shop(async |db| {
            let steps = query_plan(&db, LIST).await;
            for found in [
                "SEARCH messages USING INTEGER PRIMARY KEY (rowid=?)",
                "SEARCH w USING COVERING INDEX sqlite_autoindex_messages_1 (order_id=?)",
            ] {
                assert!(steps.iter().any(|step| step == found), "{found}: {steps:#?}");
            }
            assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{steps:#?}");
        });
    }
}
