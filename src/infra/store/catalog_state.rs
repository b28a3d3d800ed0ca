//! How often the catalog has changed, and whether the desk has changed it since a file was imported.

use sqlx::FromRow;

use crate::infra::store::{Connection, Db, StoreError, Tx};

/// Two numbers that only grow: with every change of what a page of the catalog shows, and with every import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Version {
    #[sqlx(rename = "version")]
    pub catalog: i64,
    pub seeding: i64,
}

/// The numbers as they are now. They are read only where somebody has written to the database since.
pub async fn version(db: &Db) -> Result<Version, StoreError> {
    let count = db.commits.count();
    if let Some(version) = db.commits.remembered(count) {
        return Ok(version);
    }
    let version: Version = sqlx::query_as("select version, seeding from catalog_state")
        .fetch_one(&mut *db.reader().await?)
        .await?;
    db.commits.remember(count, version);
    Ok(version)
}

/// Whether nothing was ever put into the catalog, neither from a file nor at the desk.
pub async fn is_empty(db: &mut Connection) -> Result<bool, StoreError> {
    let is_empty = sqlx::query_scalar(
        r#"
        select not exists (select 1 from products)
           and not exists (select 1 from catalog_state where 0 < desk_changes)
        "#,
    );
    Ok(is_empty.fetch_one(db).await?)
}

/// Pages of the catalog show something else from now on.
pub async fn mark_changed(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update catalog_state set version = version + 1").execute(&mut **tx).await?;
    Ok(())
}

/// Wallets, pages and categories may be others from now on, and so the rest too.
pub async fn mark_seeded(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update catalog_state set version = version + 1, seeding = seeding + 1")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// How often the desk has changed the catalog since a file was imported.
pub async fn count_desk_changes(db: &mut Connection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select desk_changes from catalog_state").fetch_one(db).await?)
}

/// The catalog is no longer what the seller's file says.
pub async fn mark_desk_change(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update catalog_state set desk_changes = desk_changes + 1")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The seller has decided for the file and against the desk.
pub async fn forget_desk_changes(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update catalog_state set desk_changes = 0").execute(&mut **tx).await?;
    Ok(())
}
