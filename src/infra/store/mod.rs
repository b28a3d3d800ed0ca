//! The database. The only module with SQL.

pub mod address_indexes;
pub mod appearance;
pub mod audit_log;
pub mod catalog_export;
pub mod catalog_import;
pub mod catalog_state;
pub mod categories;
pub mod clock;
pub mod codes;
mod columns;
mod commit_watcher;
pub mod deliveries;
mod derived_tables;
pub mod digital_content;
pub mod discounts;
mod error;
pub mod exchange_rates;
pub mod expiry;
pub mod handled_forms;
pub mod journal;
pub mod listing;
pub mod listing_follow;
pub mod listing_index;
pub mod login;
pub mod messages;
pub mod new_products;
pub mod notices;
pub mod offers;
pub mod order_placement;
pub mod order_query;
pub mod order_reports;
pub mod orders;
pub mod outbox;
pub mod pages;
pub mod payments;
pub mod pending_import;
pub mod pictures;
pub mod product_prices;
pub mod product_writes;
pub mod products;
pub mod reservations;
pub mod retention;
pub mod search;
mod search_index;
pub mod seller_products;
pub mod shipping;
pub mod shop_state;
pub mod siege;
pub mod snapshot;
pub mod sprites;
pub mod statistics;
pub mod stock;
pub mod stored_products;
#[cfg(test)]
mod test_shop;
pub mod unpaid_bytes;
pub mod unpaid_orders;
pub mod update;
pub mod wallets;
pub mod watch;

pub use error::StoreError;
pub use error::is_temporary;

use std::fs::{File, OpenOptions, TryLockError};
use std::future::ready;
use std::io::Write;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, SqlitePool};

use crate::infra::store::commit_watcher::CommitWatcher;
use crate::infra::store::outbox::Delivered;

/// The database: one file, a few readers, one writer at a time.
#[derive(Clone)]
pub struct Db {
    read: SqlitePool,
    write: SqlitePool,
    /// The file in which `SQLite` keeps what is committed until it moves into the database.
    journal: Arc<Path>,
    update_copy: Arc<Path>,
    commits: Arc<CommitWatcher>,
    delivered: Arc<Delivered>,
}

/// As long as somebody has it, no other process imports a catalog.
pub struct ImportLock {
    _file: File,
}

/// Units: bytes of a trial file: more than an order and its message take.
const TRIAL: usize = 16 * 1024;

/// Units: connections that only read. The web server makes fewer pages at once for those who only look.
pub const N_READERS: u32 = 4;

/// A connection to the database. What only reads takes one: from [`Db::reader`], or a [`Tx`] for what must not change before
/// the transaction writes.
pub type Connection = sqlx::SqliteConnection;

/// A transaction that writes. Without [`Tx::commit`] nothing of it is kept.
pub struct Tx {
    tx: sqlx::Transaction<'static, Sqlite>,
    pool: SqlitePool,
    /// Whether there is a step that can be undone. All steps have one name: without this, an earlier one would be undone.
    has_step: bool,
}

impl Db {
    /// Opens the database of a shop, and brings its tables up to date, after a copy of it was made: see [`update`].
    ///
    /// # Errors
    /// [`StoreError`]: also that there is no shop, or that a migration was changed after it had been applied.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        Self::open_file(file, false, true).await
    }

    /// The same, and creates a shop (readable by its owner alone) where the file is missing or empty.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_or_make(file: &Path) -> Result<Self, StoreError> {
        Self::open_file(file, true, true).await
    }

    /// The same as [`Self::open`], for a file that is itself a copy: none is made before its tables are updated.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_copy(file: &Path) -> Result<Self, StoreError> {
        Self::open_file(file, false, false).await
    }

    async fn open_file(file: &Path, may_make: bool, may_copy: bool) -> Result<Self, StoreError> {
        // SQLite gives its journal the mode of the file itself.
        let opened = OpenOptions::new().create(may_make).append(true).mode(0o600).open(file)?;
        let has_bytes = 0 < opened.metadata()?.len();
        // Closed before SQLite opens it: to close a file gives up every lock that the process has on it (fcntl(2)), and
        // another process would take itself for the last one and remove the journal.
        drop(opened);
        let is_empty = !has_bytes || !holds_shop(file).await?;
        if is_empty && !may_make {
            return Err(StoreError::Empty);
        }
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: a committed order survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            // What was erased is overwritten, and does not lie on in free pages.
            .pragma("secure_delete", "ON")
            .pragma("temp_store", "MEMORY");
        let options = sqlx::ConnectOptions::disable_statement_logging(options);
        // One connection: what waits for it waits here and not for the file's lock.
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_secs(30))
            .test_before_acquire(false)
            // Where the disk fails, SQLite ends a transaction by itself; sqlx does not hear of it and would begin no other
            // on this connection.
            .before_acquire(|connection, _| Box::pin(ready(Ok(!connection.is_in_transaction()))))
            .connect_with(options.clone())
            .await?;
        update::update_tables(&write, file, may_copy).await?;
        address_indexes::name_accounts(&write).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(N_READERS)
            // One is always open, so that the journal that `commits` watches stays the same file.
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options.pragma("query_only", "ON"))
            .await?;
        let commits = Arc::new(CommitWatcher::watch(file)?);
        let journal = commit_watcher::journal_of(file).into();
        let update_copy = update::copy_of(file).into();
        let db = Self { read, write, journal, update_copy, commits, delivered: Arc::default() };
        derived_tables::fill(&db).await?;
        Ok(db)
    }

    /// Waits where all readers are in use: hold one only as long as you read with it.
    ///
    /// # Errors
    /// That none came free in time.
    pub async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.read.acquire().await?)
    }

    /// # Errors
    /// What the disk says. A connection that cannot write is not kept: the next try opens the file anew.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        match self.begin().await {
            // Where SQLite could not open the file for writing, it has opened it for reading and said nothing.
            Err(error) if error.is_read_only() => self.begin().await,
            begun => begun,
        }
    }

    /// Whether the disk takes as many bytes as an order needs, in the database's folder. Blocking.
    ///
    /// # Errors
    /// What the disk says. Nothing remains of the trial.
    pub fn try_disk(&self) -> std::io::Result<()> {
        static TRIALS: AtomicU64 = AtomicU64::new(0);
        let n = TRIALS.fetch_add(1, Ordering::Relaxed);
        let path = self.journal.with_file_name(format!(".trial-{}-{n}", std::process::id()));
        // Exclusive: no link that somebody put there is followed.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let written = file.write_all(&[0; TRIAL]).and_then(|()| file.sync_data());
        written.and(std::fs::remove_file(&path))
    }

    /// Waits until no other process imports a catalog. Blocking.
    ///
    /// # Errors
    /// What the disk says.
    pub fn lock_import(&self) -> std::io::Result<ImportLock> {
        let file = self.import_lock()?;
        file.lock()?;
        Ok(ImportLock { _file: file })
    }

    /// The same, or `None` if an import is running.
    ///
    /// # Errors
    /// What the disk says.
    pub fn try_lock_import(&self) -> std::io::Result<Option<ImportLock>> {
        let file = self.import_lock()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(ImportLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn import_lock(&self) -> std::io::Result<File> {
        let path = self.journal.with_file_name("import.lock");
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)
    }

    async fn begin(&self) -> Result<Tx, StoreError> {
        // IMMEDIATE takes the write lock now: what the transaction reads cannot change before it writes.
        // A connection that can only read begins a transaction all the same. It refuses to delete, which changes no page and
        // so costs no access to the disk.
        const BEGIN: &str = "begin immediate; delete from catalog_state where false";
        match self.write.begin_with(BEGIN).await.map_err(StoreError::from) {
            Ok(tx) => Ok(Tx { tx, pool: self.write.clone(), has_step: false }),
            Err(error) => {
                // It may have begun a transaction that sqlx does not know of.
                if !error.is_busy() {
                    self.drop_writer().await?;
                }
                Err(error)
            }
        }
    }

    async fn drop_writer(&self) -> Result<(), StoreError> {
        self.write.acquire().await?.close().await?;
        Ok(())
    }

    /// The last process that closes the database removes its journal. So the journal is emptied first, unless somebody reads
    /// it; then an open shop does so within the minute.
    pub async fn close(&self) {
        let _ = outbox::forget_delivered(self).await;
        let _ = journal::empty_journal(self).await;
        self.read.close().await;
        self.write.close().await;
    }
}

/// Whether the file holds tables, and whether they are a shop's: looked at before anything of it is changed.
async fn holds_shop(file: &Path) -> Result<bool, StoreError> {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = Connection::connect_with(&options).await?;
    let found = sqlx::query_as(
        "select count(*), coalesce(sum(name = '_sqlx_migrations'), 0) from sqlite_schema",
    )
    .fetch_one(&mut connection)
    .await;
    connection.close().await?;
    match found? {
        (0i64, _) => Ok(false),
        (_, 0i64) => Err(StoreError::OfOthers),
        _ => Ok(true),
    }
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.tx
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.tx
    }
}

impl Tx {
    /// From here on, changes can be undone with [`Self::undo_step`], until the next step begins.
    ///
    /// # Errors
    /// As every statement.
    pub async fn begin_step(&mut self) -> Result<(), StoreError> {
        // Those before stay open, since to release each costs a turn of the database's thread; the commit does it.
        self.has_step = false;
        sqlx::query("savepoint step").execute(&mut *self.tx).await?;
        self.has_step = true;
        Ok(())
    }

    /// # Errors
    /// Also that the step has not begun, or that `SQLite` has ended the whole transaction, as it does where the disk fails.
    pub async fn undo_step(&mut self) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.has_step) {
            return Err(StoreError::NoStep);
        }
        sqlx::query("rollback to step").execute(&mut *self.tx).await?;
        Ok(())
    }

    /// # Errors
    /// What the disk says: then nothing of it is kept, and nothing of it comes back.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Self { tx, pool, .. } = self;
        let Err(error) = tx.commit().await else { return Ok(()) };
        // The journal may hold all of it although the disk did not say that it is kept: after a crash it would be found
        // there and be done after all. What is written next takes its place, whether the disk says so or not.
        let _ = sqlx::query("update catalog_state set version = version + 1").execute(&pool).await;
        Err(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::values::Timestamp;
    use crate::infra::store::test_shop::with_shop;

    #[test]
    fn an_undone_step_undoes_itself_and_no_other() {
        with_shop(async |db| {
            let now = Timestamp::new(1_795_219_200).unwrap();
            let mut tx = db.write().await.unwrap();
            for form in ["kept", "undone", "undone too", "kept too"] {
                tx.begin_step().await.unwrap();
                handled_forms::insert(&mut tx, form, "answer", now).await.unwrap();
                if form.starts_with("undone") {
                    tx.undo_step().await.unwrap();
                    assert!(tx.undo_step().await.is_err(), "it would undo an earlier step");
                }
            }
            tx.commit().await.unwrap();
            let mut reader = db.reader().await.unwrap();
            for (form, is_kept) in
                [("kept", true), ("undone", false), ("undone too", false), ("kept too", true)]
            {
                let found = handled_forms::find(&mut reader, form).await.unwrap();
                assert_eq!(found.is_some(), is_kept, "{form}");
            }
        });
    }
}
