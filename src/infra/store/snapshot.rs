//! A consistent snapshot of the database, and its verification.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{Connection as _, FromRow, SqlitePool};

use crate::infra::store::{Connection, Db, StoreError};

/// Copies the whole database as it is at one moment into an empty file, while others read and write it. Free pages are left
/// out.
pub async fn write(db: &Db, into: &Path) -> Result<(), StoreError> {
    copy(&db.write, into).await
}

pub(super) async fn copy(of: &SqlitePool, into: &Path) -> Result<(), StoreError> {
    let into = std::path::absolute(into)?;
    let into = into.to_str().ok_or(StoreError::Path)?;
    // A connection of its own: the readers may write nowhere, and the writer is needed for orders. The copy is temporary, so
    // nothing waits for the disk.
    let options = of.connect_options();
    let options = options.as_ref().clone().synchronous(SqliteSynchronous::Off);
    let mut connection = Connection::connect_with(&options).await?;
    let written = sqlx::query("vacuum into $1").bind(into).execute(&mut connection).await;
    connection.close().await?;
    written?;
    Ok(())
}

/// What is wrong with a copy: see [`find_damage`].
pub async fn find_damage_of_copy(copy: &Path) -> Result<Option<String>, StoreError> {
    let options = SqliteConnectOptions::new().filename(copy).read_only(true);
    let mut connection = Connection::connect_with(&options).await?;
    let found = find_damage(&mut connection).await;
    connection.close().await?;
    found
}

/// Units: bytes of a copy.
pub async fn size(db: &mut Connection) -> Result<u64, StoreError> {
    let size: i64 = sqlx::query_scalar(
        r#"
        select (page_count - freelist_count) * page_size
        from pragma_page_count, pragma_freelist_count, pragma_page_size
        "#,
    )
    .fetch_one(db)
    .await?;
    Ok(size.unsigned_abs())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::with_file;

    #[test]
    fn a_copy_is_a_database_of_its_own_without_free_pages() {
        with_file(async |file| {
            let db = Db::open_or_make(file).await.unwrap();
            let copy = file.with_file_name("copy");
            let fill = "insert into pages (slug, title, html, position) values ('a', 't', hex(zeroblob(2000000)), 0)";
            sqlx::query(fill).execute(&db.write).await.unwrap();
            sqlx::query("delete from pages").execute(&db.write).await.unwrap();
            // While somebody else is writing.
            let tx = db.write().await.unwrap();
            write(&db, &copy).await.unwrap();
            tx.commit().await.unwrap();
            let length = std::fs::metadata(&copy).unwrap().len();
            let expected = size(&mut db.reader().await.unwrap()).await.unwrap();
            assert!(length <= expected && expected < 4_000_000, "{length} {expected}");
            assert_eq!(find_damage_of_copy(&copy).await.unwrap(), None);
            // Neither over another file nor under a name that means something else.
            assert!(write(&db, &copy).await.is_err());
            write(&db, &file.with_file_name("file:a?b#c%20d")).await.unwrap();
            assert!(file.with_file_name("file:a?b#c%20d").exists());
            db.close().await;
            let copied = Db::open(&copy).await.unwrap();
            copied.close().await;
        });
    }
}
