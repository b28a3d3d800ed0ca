//! How often the catalog has changed, and whether the desk has changed it since a file was imported.

use sqlx::FromRow;

use crate::infra::store::{Connection, Db, StoreError, Tx};

/// What decides whether a page that was rendered before is still right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Version {
    /// Grows with every change of what a page of the catalog shows.
    #[sqlx(rename = "version")]
    pub catalog: i64,
    /// Grows with every import.
    pub seeding: i64,
    /// Whether the seller has closed the shop.
    pub is_closed: bool,
}

/// The version now. It is read only where somebody has written to the database since.
pub async fn version(db: &Db) -> Result<Version, StoreError> {
    let count = db.commits.count();
    if let Some(version) = db.commits.remembered(count) {
        return Ok(version);
    }
    let version: Version = sqlx::query_as(
        r#"
        select version, seeding, (select closed_on is not null from shop_state) as is_closed
        from catalog_state
        "#,
    )
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

/// What an import compares the file with: no other import and no change at the desk has come between as long as it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct ImportBasis {
    pub seeding: i64,
    pub desk_changes: i64,
}

pub async fn import_basis(db: &mut Connection) -> Result<ImportBasis, StoreError> {
    Ok(sqlx::query_as("select seeding, desk_changes from catalog_state").fetch_one(db).await?)
}

/// How often the desk has changed the catalog since a file was imported.
pub async fn count_desk_changes(db: &mut Connection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select desk_changes from catalog_state").fetch_one(db).await?)
}

/// The catalog is no longer what the seller's file says. Every change at the desk of what a file says comes through here.
///
/// # Errors
/// [`StoreError::Importing`]: an import has not written all products yet, and would undo the change.
pub async fn mark_desk_change(tx: &mut Tx) -> Result<(), StoreError> {
    let marked = sqlx::query(
        r#"
        update catalog_state set desk_changes = desk_changes + 1
        where not exists (select 1 from catalog_import)
        "#,
    );
    match marked.execute(&mut **tx).await?.rows_affected() {
        0 => Err(StoreError::Importing),
        _ => Ok(()),
    }
}

/// The seller has decided for the file and against the desk.
pub async fn forget_desk_changes(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update catalog_state set desk_changes = 0").execute(&mut **tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::with_shop;

    #[test]
    fn an_import_that_has_begun_is_not_undone_at_the_desk() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            mark_desk_change(&mut tx).await.unwrap();
            sqlx::query("insert into catalog_import (only, at, count_anew) values (1, 0, 0)")
                .execute(&mut *tx)
                .await
                .unwrap();
            let refused = mark_desk_change(&mut tx).await.unwrap_err();
            assert!(refused.is_temporary(), "{refused}");
            assert_eq!(count_desk_changes(&mut tx).await.unwrap(), 1);
        });
    }
}
