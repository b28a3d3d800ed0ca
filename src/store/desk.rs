use crate::orders::OrderRef;
use crate::store::Db;
use crate::store::StoreError;
use crate::store::Tx;
use crate::store::orders::moment;
use crate::values::Moment;

/// Somebody who has said the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskSession {
    pub begun_at: Moment,
    /// To the minute, so that not each page writes.
    pub seen_at: Moment,
}

/// The seller's password as it is kept; `None`: none was set.
pub async fn find_password(db: &Db) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("select password from desk").fetch_one(&db.read).await?)
}

pub async fn keep_password(tx: &mut Tx, password: &str) -> Result<(), StoreError> {
    sqlx::query("update desk set password = ?, edition = edition + 1")
        .bind(password)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// `name`: the hash of what the browser holds.
pub async fn find_session(db: &Db, name: &[u8; 32]) -> Result<Option<DeskSession>, StoreError> {
    let row = sqlx::query("select begun_at, seen_at from desk_sessions where name = ?")
        .bind(name.as_slice())
        .fetch_optional(&db.read)
        .await?;
    row.map(|row| {
        Ok(DeskSession { begun_at: moment(&row, "begun_at")?, seen_at: moment(&row, "seen_at")? })
    })
    .transpose()
}

pub async fn insert_session(tx: &mut Tx, name: &[u8; 32], now: Moment) -> Result<(), StoreError> {
    sqlx::query("insert into desk_sessions (name, begun_at, seen_at) values (?, ?, ?)")
        .bind(name.as_slice())
        .bind(now.get())
        .bind(now.whole_minute().get())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

pub async fn mark_seen(tx: &mut Tx, name: &[u8; 32], now: Moment) -> Result<(), StoreError> {
    sqlx::query("update desk_sessions set seen_at = ? where name = ?")
        .bind(now.whole_minute().get())
        .bind(name.as_slice())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

pub async fn delete_session(tx: &mut Tx, name: &[u8; 32]) -> Result<(), StoreError> {
    sqlx::query("delete from desk_sessions where name = ?")
        .bind(name.as_slice())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

pub async fn delete_sessions(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("delete from desk_sessions").execute(&mut *tx.0).await?;
    Ok(())
}

/// What the seller did, in a few words that name the thing: `Changed the price of Green Tea`.
pub async fn note_deed(tx: &mut Tx, now: Moment, what: &str) -> Result<(), StoreError> {
    sqlx::query("insert into deeds (at, what) values (?, ?)")
        .bind(now.whole_minute().get())
        .bind(what)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// The same of an order; it is forgotten with the order.
pub async fn note_deed_of(
    tx: &mut Tx,
    now: Moment,
    order_ref: &OrderRef,
    what: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into deeds (at, what, order_id) select ?, ?, id from orders where order_ref = ?",
    )
    .bind(now.whole_minute().get())
    .bind(what)
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// The catalog is no longer what the seller's file says.
pub async fn mark_catalog_changed(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update catalog_state set desk_changes = desk_changes + 1")
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// The catalog is again what the seller's file says.
pub async fn forget_catalog_changes(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update catalog_state set desk_changes = 0").execute(&mut *tx.0).await?;
    Ok(())
}
