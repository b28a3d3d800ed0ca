//! What the tests of the store share.

use std::path::Path;

use crate::infra::store::Db;

/// Runs a test with the database of a new shop.
pub fn with_shop(test: impl AsyncFnOnce(Db)) {
    with_file(async |file| {
        let db = Db::open_or_make(file).await.unwrap();
        test(db.clone()).await;
        db.close().await;
    });
}

/// Runs a test that makes its own database.
pub fn with_file(test: impl AsyncFnOnce(&Path)) {
    let home = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test(&home.path().join("shop.sqlite")));
}

/// The tables of the shop as they were after a migration.
pub async fn older_shop(file: &Path, last_migration: i64) -> sqlx::SqliteConnection {
    use sqlx::Connection;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let mut migrator = sqlx::migrate!();
    migrator.migrations =
        migrator.iter().filter(|migration| migration.version <= last_migration).cloned().collect();
    migrator.run(&mut connection).await.unwrap();
    connection
}

/// The steps by which SQLite would answer a query.
pub async fn query_plan(db: &Db, query: &str) -> Vec<String> {
    let rows: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {query}")))
            .fetch_all(&db.read)
            .await
            .unwrap();
    rows.into_iter().map(|(_, _, _, step)| step).collect()
}

/// That a query reads nothing from end to end but what begins with, or contains, one of these.
#[track_caller]
pub fn assert_scans_only(steps: &[String], may_scan: &[&str]) {
    for step in steps.iter().filter(|step| step.starts_with("SCAN")) {
        assert!(may_scan.iter().any(|may| step.contains(may)), "{step}: {steps:#?}");
    }
}
