//! What the shop remembers about itself: salt, key, whether it is closed.

use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// What the shop remembers of itself.
#[derive(Clone, Debug)]
pub struct House {
    /// Goes into what is made from buyers' codes.
    pub salt: Vec<u8>,
    /// Of the seller's key that was last used. Shape: 40 hexadecimal capitals. `None`: the shop never had one.
    pub fingerprint: Option<String>,
    /// The day on which the seller closed the shop.
    pub closed_on: Option<Timestamp>,
}

const HOUSE: &str = "select * from house";

pub async fn find(db: &Db) -> Result<House, StoreError> {
    parse(&sqlx::query(HOUSE).fetch_one(&db.read).await?)
}

pub async fn find_now(tx: &mut Tx) -> Result<House, StoreError> {
    parse(&sqlx::query(HOUSE).fetch_one(&mut *tx.0).await?)
}

pub async fn mark_fingerprint(tx: &mut Tx, fingerprint: &str) -> Result<(), StoreError> {
    sqlx::query("update house set fingerprint = ?").bind(fingerprint).execute(&mut *tx.0).await?;
    Ok(())
}

/// `None`: the shop is open again.
pub async fn mark_closed(tx: &mut Tx, day: Option<Timestamp>) -> Result<(), StoreError> {
    sqlx::query("update house set closed_on = ?")
        .bind(day.map(|day| day.day_start().get()))
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

fn parse(row: &SqliteRow) -> Result<House, StoreError> {
    let day = |column: &'static str| -> Result<Option<Timestamp>, StoreError> {
        let seconds: Option<i64> = row.try_get(column)?;
        seconds.map(Timestamp::new).transpose().map_err(|_| StoreError::Row(column))
    };
    Ok(House {
        salt: row.try_get("salt")?,
        fingerprint: row.try_get("fingerprint")?,
        closed_on: day("closed_on")?,
    })
}
