//! A consistent snapshot of the database, and its verification.

use sqlx::FromRow;

use crate::infra::store::{Connection, StoreError};

/// The whole database as it is at one moment, while others read and write it; never a file.
pub async fn whole(db: &mut Connection) -> Result<Vec<u8>, StoreError> {
    Ok(db.serialize(None).await?.as_ref().to_vec())
}

#[derive(FromRow)]
struct BrokenReference {
    table: String,
    parent: String,
}

/// The first thing that is wrong: a page, an index that differs from its table, or a row that refers to another one that is not
/// there.
pub async fn find_damage(db: &mut Connection) -> Result<Option<String>, StoreError> {
    let found: String = sqlx::query_scalar("pragma integrity_check(1)").fetch_one(&mut *db).await?;
    if found != "ok" {
        return Ok(Some(found));
    }
    let broken: Option<BrokenReference> =
        sqlx::query_as("pragma foreign_key_check").fetch_optional(db).await?;
    Ok(broken.map(|BrokenReference { table, parent }| {
        format!("a row in {table} refers to a missing row in {parent}")
    }))
}
