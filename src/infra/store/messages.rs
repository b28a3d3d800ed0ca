//! The conversation between buyer and seller, encrypted.

use crate::domain::orders::OrderRef;
use crate::domain::orders::Status;
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::orders::moment;
use crate::infra::store::orders::parse_ref;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Whose words, and what about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordsKind {
    /// What the buyer ordered and where it goes, as the buyer wrote it.
    Receipt,
    /// The order's state changed.
    Step,
    /// The seller's.
    Answer,
    /// The buyer's.
    Question,
}

impl WordsKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Step => "step",
            Self::Answer => "answer",
            Self::Question => "question",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Receipt, Self::Step, Self::Answer, Self::Question]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// One piece of an order's conversation, as the shop keeps it.
pub struct SealedWords {
    pub id: i64,
    pub kind: WordsKind,
    pub day: Timestamp,
    /// Of a step.
    pub status: Option<Status>,
    /// To the order's reader. `None`: a step without words.
    pub sealed: Option<Vec<u8>>,
    /// Of a question: the seller has opened the message that told it.
    pub is_read: bool,
}

/// What is about to be kept.
pub struct NewWords<'a> {
    pub kind: WordsKind,
    pub now: Timestamp,
    pub status: Option<Status>,
    pub sealed: Option<&'a [u8]>,
    /// The hash of the seller's mail, where the words came in one.
    pub message_id: Option<&'a [u8; 32]>,
    /// Of a question: the number of the message to the seller.
    pub told: Option<i64>,
}

pub async fn insert(
    tx: &mut Tx,
    order_ref: &OrderRef,
    words: &NewWords<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into words (order_id, kind, day, status, sealed, message_id, told) \
         select id, ?, ?, ?, ?, ?, ? from orders where order_ref = ?",
    )
    .bind(words.kind.as_str())
    .bind(words.now.day_start().get())
    .bind(words.status.map(Status::as_str))
    .bind(words.sealed)
    .bind(words.message_id.map(<[u8; 32]>::as_slice))
    .bind(words.told)
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Whether this mail of the seller's was heard for this order already.
pub async fn is_heard(
    tx: &mut Tx,
    order_ref: &OrderRef,
    message_id: &[u8; 32],
) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(
        "select 1 from words w join orders o on o.id = w.order_id where o.order_ref = ? and w.message_id = ?",
    )
    .bind(order_ref.as_str())
    .bind(message_id.as_slice())
    .fetch_optional(&mut *tx.0)
    .await?;
    Ok(found.is_some())
}

/// What the buyer ordered and where it goes.
pub async fn find_receipt(
    db: &Db,
    order_ref: &OrderRef,
) -> Result<Option<SealedWords>, StoreError> {
    let row = sqlx::query(
        "select w.* from words w join orders o on o.id = w.order_id where o.order_ref = ? and w.kind = 'receipt'",
    )
    .bind(order_ref.as_str())
    .fetch_optional(&db.read)
    .await?;
    row.as_ref().map(parse).transpose()
}

/// The conversation, the newest first: so many of it, after leaving out so many.
pub async fn list(
    db: &Db,
    order_ref: &OrderRef,
    skipped: i64,
    most: i64,
) -> Result<Vec<SealedWords>, StoreError> {
    let rows = sqlx::query(
        "select w.* from words w join orders o on o.id = w.order_id \
         where o.order_ref = ? and w.kind <> 'receipt' order by w.id desc limit ? offset ?",
    )
    .bind(order_ref.as_str())
    .bind(most)
    .bind(skipped)
    .fetch_all(&db.read)
    .await?;
    rows.iter().map(parse).collect()
}

/// All of the conversation that the shop can say without opening anything: what happened on which day.
pub async fn list_steps(db: &Db, order_ref: &OrderRef) -> Result<Vec<SealedWords>, StoreError> {
    let rows = sqlx::query(
        "select w.id, w.kind, w.day, w.status, w.is_read, null as sealed from words w join orders o on o.id = w.order_id \
         where o.order_ref = ? and w.kind <> 'receipt' order by w.id",
    )
    .bind(order_ref.as_str())
    .fetch_all(&db.read)
    .await?;
    rows.iter().map(parse).collect()
}

/// A piece of the conversation as the seller's desk shows it: the shop opens nothing.
pub struct Spoken {
    pub kind: WordsKind,
    pub day: Timestamp,
    /// Of a step.
    pub status: Option<Status>,
    /// Whether words came with it.
    pub has_words: bool,
    /// Of a question: the number of the message in which the seller was told it.
    pub told: Option<i64>,
}

/// The newest of it first, `most` at most.
pub async fn list_spoken(
    db: &Db,
    order_ref: &OrderRef,
    most: i64,
) -> Result<Vec<Spoken>, StoreError> {
    let rows = sqlx::query(
        "select w.kind, w.day, w.status, w.sealed is not null as has_words, w.told from words w join orders o on o.id = w.order_id \
         where o.order_ref = ? and w.kind <> 'receipt' order by w.id desc limit ?",
    )
    .bind(order_ref.as_str())
    .bind(most)
    .fetch_all(&db.read)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Spoken {
                kind: parse_kind(row)?,
                day: moment(row, "day")?,
                status: parse_step(row)?,
                has_words: row.try_get("has_words")?,
                told: row.try_get("told")?,
            })
        })
        .collect()
}

/// How much of it there is, and how much of what is not the buyer's own words or deed came after `seen`.
pub struct Extent {
    pub n_words: i64,
    pub n_new: i64,
    /// The newest; 0 where there is none.
    pub last: i64,
}

pub async fn measure(db: &Db, order_ref: &OrderRef, seen: i64) -> Result<Extent, StoreError> {
    let row = sqlx::query(
        "select count(*) as n_words, coalesce(sum(w.kind <> 'question' and coalesce(w.status, '') <> 'reported' and ?1 < w.id), 0) as n_new, coalesce(max(w.id), 0) as last \
         from words w join orders o on o.id = w.order_id where o.order_ref = ?2 and w.kind <> 'receipt'",
    )
    .bind(seen)
    .bind(order_ref.as_str())
    .fetch_one(&db.read)
    .await?;
    Ok(Extent {
        n_words: row.try_get("n_words")?,
        n_new: row.try_get("n_new")?,
        last: row.try_get("last")?,
    })
}

/// How many of the buyer's own there are in all, and on this day.
pub async fn count_questions(
    tx: &mut Tx,
    order_ref: &OrderRef,
    now: Timestamp,
) -> Result<(i64, i64), StoreError> {
    let row = sqlx::query(
        "select count(*) as n_all, coalesce(sum(w.day = ?1), 0) as n_today \
         from words w join orders o on o.id = w.order_id where o.order_ref = ?2 and w.kind = 'question'",
    )
    .bind(now.day_start().get())
    .bind(order_ref.as_str())
    .fetch_one(&mut *tx.0)
    .await?;
    Ok((row.try_get("n_all")?, row.try_get("n_today")?))
}

/// A question that the seller has not opened yet, as far as was seen: its message's place in the Maildir.
pub struct ReadMessagesError {
    pub id: i64,
    pub order_ref: OrderRef,
    pub number: i64,
    pub at: Timestamp,
}

pub async fn list_unread(db: &Db) -> Result<Vec<ReadMessagesError>, StoreError> {
    let rows = sqlx::query(
        "select w.id, o.order_ref, m.number, m.at from words w join orders o on o.id = w.order_id \
         join owed m on m.order_id = w.order_id and m.number = w.told \
         where w.kind = 'question' and w.is_read = 0 and m.message is null",
    )
    .fetch_all(&db.read)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(ReadMessagesError {
                id: row.try_get("id")?,
                order_ref: parse_ref(row)?,
                number: row.try_get("number")?,
                at: moment(row, "at")?,
            })
        })
        .collect()
}

/// The seller has opened the messages of these questions.
pub async fn mark_read(tx: &mut Tx, ids: &[i64]) -> Result<(), StoreError> {
    sqlx::query("update words set is_read = 1 where id in (select value from json_each(?))")
        .bind(serde_json::json!(ids).to_string())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// Erases all that was sealed to the buyer. What happened when stays, without its words.
pub async fn erase(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query(
        "delete from words where kind <> 'step' and order_id = (select id from orders where order_ref = ?)",
    )
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    sqlx::query(
        "update words set sealed = null where order_id = (select id from orders where order_ref = ?)",
    )
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

fn parse(row: &SqliteRow) -> Result<SealedWords, StoreError> {
    Ok(SealedWords {
        id: row.try_get("id")?,
        kind: parse_kind(row)?,
        day: moment(row, "day")?,
        status: parse_step(row)?,
        sealed: row.try_get("sealed")?,
        is_read: row.try_get("is_read")?,
    })
}

fn parse_kind(row: &SqliteRow) -> Result<WordsKind, StoreError> {
    WordsKind::parse(row.try_get("kind")?).ok_or(StoreError::Row("kind"))
}

fn parse_step(row: &SqliteRow) -> Result<Option<Status>, StoreError> {
    let status: Option<String> = row.try_get("status")?;
    status.map(|text| Status::parse(&text)).transpose().map_err(|_| StoreError::Row("status"))
}
