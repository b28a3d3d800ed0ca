//! What precedes an update of the tables: a copy of the database, and the refusal of a database that is newer than the program.

use std::collections::BTreeSet;
use std::fs;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sqlx::SqlitePool;

use crate::domain::values::Timestamp;
use crate::infra::atomic_file::{sync_folder_of, with_suffix};
use crate::infra::erased_file::erase_if_present;
use crate::infra::store::{Db, StoreError, snapshot};

/// How long the copy is kept: see [`Db::remove_old_update_copy`].
pub const COPY_DAYS: u64 = 7;

/// The copy of a database from before its last update: `db/shop.sqlite.before-update`.
pub fn copy_of(database: &Path) -> PathBuf {
    with_suffix(database, ".before-update")
}

/// Brings the tables up to date. `may_copy`: a database that has to be changed for it is copied first; one without tables
/// never is.
pub(super) async fn update_tables(
    write: &SqlitePool,
    database: &Path,
    may_copy: bool,
) -> Result<(), StoreError> {
    let migrator = sqlx::migrate!();
    let known: BTreeSet<i64> = migrator.iter().map(|migration| migration.version).collect();
    let applied = applied_migrations(write).await?;
    if let (Some(newest), Some(known_to)) = (applied.difference(&known).max(), known.last()) {
        return Err(StoreError::Newer { newest: *newest, known_to: *known_to });
    }
    if may_copy && !applied.is_empty() && applied != known {
        let copy = copy_of(database);
        write_copy(write, &copy)
            .await
            .map_err(|source| StoreError::Copy { copy: copy.clone(), source: Box::new(source) })?;
        let (from, to) = (applied.last().unwrap_or(&0), known.last().unwrap_or(&0));
        tracing::info!(
            "the database is updated ({from:04} to {to:04}); {} is a copy from before, deleted after {COPY_DAYS} days, or when an order is deleted",
            copy.display()
        );
    }
    Ok(migrator.run(write).await?)
}

async fn applied_migrations(write: &SqlitePool) -> Result<BTreeSet<i64>, StoreError> {
    let has_table: bool =
        sqlx::query_scalar("select count(*) from sqlite_schema where name = '_sqlx_migrations'")
            .fetch_one(write)
            .await?;
    if !has_table {
        return Ok(BTreeSet::new());
    }
    let versions: Vec<i64> =
        sqlx::query_scalar("select version from _sqlx_migrations where success")
            .fetch_all(write)
            .await?;
    Ok(versions.into_iter().collect())
}

/// The copy appears when it is complete, and on the disk.
async fn write_copy(write: &SqlitePool, copy: &Path) -> Result<(), StoreError> {
    let draft = with_suffix(copy, ".new");
    erase_if_present(&draft)?;
    // Readable by its owner alone, before anything is in it.
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft)?;
    let written = match snapshot::copy(write, &draft).await {
        Ok(()) => keep_copy(&draft, copy).map_err(StoreError::from),
        Err(error) => Err(error),
    };
    if written.is_err() {
        erase_if_present(&draft)?;
    }
    written
}

fn keep_copy(draft: &Path, copy: &Path) -> io::Result<()> {
    File::open(draft)?.sync_all()?;
    erase_if_present(copy)?;
    fs::rename(draft, copy)?;
    sync_folder_of(copy)
}

impl Db {
    /// Overwrites and removes the copy of before the last update: it holds what is now deleted. Blocking.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove_update_copy(&self) -> io::Result<()> {
        erase_if_present(&self.update_copy)
    }

    /// The same, if the copy is older than [`COPY_DAYS`]. Blocking.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove_old_update_copy(&self, now: Timestamp) -> io::Result<()> {
        let written = match fs::metadata(&self.update_copy) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?.modified()?,
        };
        let kept = Duration::from_secs(COPY_DAYS * 24 * 60 * 60);
        let now = UNIX_EPOCH + Duration::from_secs(now.get().unsigned_abs());
        if written + kept < now { self.remove_update_copy() } else { Ok(()) }
    }
}
