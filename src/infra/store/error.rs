//! What can go wrong in the database, and whether another try may help.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("the database's shape: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the database's file: {0}")]
    File(#[from] std::io::Error),
    /// A row holds what no rule of the shop allows: the name of the column.
    #[error("a row that cannot be read: {0}")]
    Row(&'static str),
    #[error("the file is a database, but not of a shop")]
    OfOthers,
    #[error("the file holds no shop")]
    Empty,
    /// The numbers of migrations: the newest in the database, and the newest that this program knows.
    #[error(
        "it was updated by a newer version of shop (to {newest:04}; this one knows up to {known_to:04}). Start the newer \
         version again, or return to the state from before the update: docs/manual/upgrades.md"
    )]
    Newer { newest: i64, known_to: i64 },
    #[error("it has to be updated, and cannot be copied to {} first: {source}. Nothing was changed", copy.display())]
    Copy { copy: PathBuf, source: Box<StoreError> },
    #[error("the path of the database is not UTF-8")]
    Path,
    #[error("no step of the transaction has begun")]
    NoStep,
    /// A catalog import has begun and is not complete.
    #[error("a catalog import is running; try again when it is complete")]
    Importing,
}

// Source: sqlite3.h.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const OUT_OF_MEMORY: i32 = 7;
const READ_ONLY: i32 = 8;
const DISK_ERROR: i32 = 10;
const CORRUPT: i32 = 11;
const DISK_FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const LOCK_PROTOCOL: i32 = 15;

/// Whether the cause of an error is one that passes: see [`StoreError::is_temporary`]. A file beside the database that
/// cannot be written has such a cause too.
pub fn is_temporary(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|cause| {
        cause.is::<std::io::Error>()
            || cause.downcast_ref::<StoreError>().is_some_and(StoreError::is_temporary)
    })
}

impl StoreError {
    /// Whether another try may succeed.
    pub fn is_busy(&self) -> bool {
        self.code() == Some(BUSY) || matches!(self, Self::Sql(sqlx::Error::PoolTimedOut))
    }

    /// Whether the disk or another process is in the way: nothing is wrong with what was asked for, and a later try may
    /// succeed.
    pub fn is_temporary(&self) -> bool {
        const OF_DISK: [i32; 8] = [
            BUSY,
            LOCKED,
            OUT_OF_MEMORY,
            READ_ONLY,
            DISK_ERROR,
            DISK_FULL,
            CANNOT_OPEN,
            LOCK_PROTOCOL,
        ];
        self.code().is_some_and(|code| OF_DISK.contains(&code))
            || matches!(
                self,
                Self::File(_)
                    | Self::Importing
                    | Self::Sql(sqlx::Error::PoolTimedOut | sqlx::Error::Io(_))
            )
    }

    /// Whether the file itself is damaged.
    pub fn is_damage(&self) -> bool {
        self.code() == Some(CORRUPT)
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.code() == Some(READ_ONLY)
    }

    /// SQLite's primary result code: the lowest eight bits of the extended one.
    fn code(&self) -> Option<i32> {
        let Self::Sql(sqlx::Error::Database(error)) = self else { return None };
        error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
    }

    /// Whether a rule of the tables that something is there once was broken, and for which columns.
    pub fn is_taken(&self, column: &str) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(error)) if error.is_unique_violation() && error.message().contains(column))
    }
}
