//! Messages to the seller that belong to no order; a row is deleted once it is in the Maildir.

use sqlx::FromRow;

use crate::infra::store::{Connection, Db, StoreError, Tx};

#[derive(FromRow)]
pub struct Notice {
    pub id: i64,
    /// Its file name in the Maildir.
    pub name: String,
    pub message: Vec<u8>,
}

/// Keeps a message, in the transaction of what it tells.
pub async fn insert(tx: &mut Tx, name: &str, message: &[u8]) -> Result<(), StoreError> {
    sqlx::query("insert into notices (name, message) values ($1, $2)")
        .bind(name)
        .bind(message)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The oldest first.
pub async fn list(db: &mut Connection) -> Result<Vec<Notice>, StoreError> {
    Ok(sqlx::query_as("select * from notices order by id").fetch_all(db).await?)
}

/// Forgets a message that was delivered.
pub async fn mark_delivered(db: &Db, id: i64) -> Result<(), StoreError> {
    sqlx::query("delete from notices where id = $1").bind(id).execute(&db.write).await?;
    Ok(())
}
