//! A consistent snapshot of the database, and its verification.

use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use sqlx::Row;

/// The whole database as it is at one moment, while others read and write it; never a file.
pub async fn whole(db: &Db) -> Result<Vec<u8>, StoreError> {
    let mut connection = db.read.acquire().await?;
    Ok(connection.serialize(None).await?.as_ref().to_vec())
}

/// Whether the file holds what it should: every page, every index beside its table, and every row that another one names.
/// The first complaint, if there is one.
pub async fn find_damage(db: &Db) -> Result<Option<String>, StoreError> {
    let found: String = sqlx::query_scalar("pragma integrity_check(1)").fetch_one(&db.read).await?;
    if found != "ok" {
        return Ok(Some(found));
    }
    let broken = sqlx::query("pragma foreign_key_check").fetch_optional(&db.read).await?;
    let Some(broken) = broken else { return Ok(None) };
    let (table, parent): (String, String) = (broken.try_get("table")?, broken.try_get("parent")?);
    Ok(Some(format!("a row of {table} names one of {parent} that is not there")))
}

/// Lets every account go on so much further on. After a copy was brought back nobody knows how many addresses were given out
/// since it was made; an account that the copy does not know may have been used too, and begins with the gap.
pub async fn leave_gap(tx: &mut Tx, gap: u32) -> Result<(), StoreError> {
    sqlx::query(
        "insert into derivations (xpub, next_index) values ('', 0) on conflict (xpub) do nothing",
    )
    .execute(&mut *tx.0)
    .await?;
    sqlx::query("update derivations set next_index = next_index + ?")
        .bind(gap)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}
