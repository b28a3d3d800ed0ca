//! Overwrites and empties the write-ahead log.

use std::fs::File;
use std::io;
use std::io::Read;
use std::time::Duration;

use sqlx::sqlite::SqliteSynchronous;
use sqlx::{Connection, SqliteConnection};

use crate::infra::store::{Db, StoreError};

/// How long buyers wait at most while a reader keeps the journal from being emptied.
const PATIENCE: Duration = Duration::from_millis(300);

/// Units: bytes before the first page in the journal, and before each page. Source: <https://www.sqlite.org/walformat.html>.
const HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// Units: commits in one statement.
const AT_ONCE: u64 = 500;

/// What a checkpoint says: how many frames the journal has, all of them in the file too, or that somebody is reading.
enum Moved {
    Frames(u64),
    SomebodyReads,
}

/// Moves what is committed from the journal into the file, overwrites the journal on the disk, and cuts it off: so nothing
/// erased lies on in it, nor in the blocks that the file system gets back. `false`: somebody is reading; try again later.
///
/// The journal is overwritten by `SQLite` itself, with commits that change nothing: after a checkpoint that waits for all
/// readers the next commit begins at the start of the file. So it is safe while others read or write, in this
/// process or in another, and a power cut at any moment finds a journal that `SQLite` can read.
pub async fn empty_journal(db: &Db) -> Result<bool, StoreError> {
    // Held to the end: no other commit of this process begins anywhere in between.
    let mut writer = db.write.acquire().await?;
    let before: i64 = sqlx::query_scalar("pragma busy_timeout").fetch_one(&mut *writer).await?;
    wait_at_most(&mut writer, i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX)).await?;
    let emptied = overwrite_and_cut(db, &mut writer).await;
    wait_at_most(&mut writer, before).await?;
    match emptied {
        Err(error) if error.is_busy() => Ok(false),
        emptied => emptied,
    }
}

async fn overwrite_and_cut(db: &Db, writer: &mut SqliteConnection) -> Result<bool, StoreError> {
    let length = match std::fs::metadata(&*db.journal) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        found => found?.len(),
    };
    if 0 < length {
        let page: i64 = sqlx::query_scalar("pragma page_size").fetch_one(&mut *writer).await?;
        let n_frames = length.saturating_sub(HEADER).div_ceil(page.unsigned_abs() + FRAME_HEADER);
        if let Moved::SomebodyReads = checkpoint(writer, "pragma wal_checkpoint(restart)").await? {
            return Ok(false);
        }
        let old = read_header(db)?;
        fill(db, n_frames).await?;
        // This also has the disk keep what was written, before the blocks are given back.
        let moved = checkpoint(writer, "pragma wal_checkpoint(passive)").await?;
        // A reader who came in between lets the commits go behind the old frames instead of over them.
        let is_overwritten = read_header(db)? != old;
        match moved {
            Moved::Frames(n) if is_overwritten && n_frames <= n => {}
            _ => return Ok(false),
        }
    }
    let cut = checkpoint(writer, "pragma wal_checkpoint(truncate)").await?;
    Ok(matches!(cut, Moved::Frames(_)))
}

async fn checkpoint(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<Moved, StoreError> {
    let (is_busy, n_frames, _): (i64, i64, i64) =
        sqlx::query_as(statement).fetch_one(connection).await?;
    if is_busy == 0 { Ok(Moved::Frames(n_frames.unsigned_abs())) } else { Ok(Moved::SomebodyReads) }
}

/// Commits so often that the journal has at least so many frames more, and changes nothing.
async fn fill(db: &Db, n_frames: u64) -> Result<(), StoreError> {
    // A connection of its own, which does not wait for the disk at each commit: nothing of these needs to be kept. None of
    // it stays behind in the writer's, whatever happens here.
    let options = db.write.connect_options();
    let options = options
        .as_ref()
        .clone()
        .synchronous(SqliteSynchronous::Off)
        .busy_timeout(PATIENCE)
        .pragma("wal_autocheckpoint", "0");
    let mut filler = SqliteConnection::connect_with(&options).await?;
    let mut left = n_frames;
    while 0 < left {
        let some = left.min(AT_ONCE);
        let statements = SAME_AGAIN.repeat(usize::try_from(some).unwrap_or_default());
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut filler).await?;
        left -= some;
    }
    filler.close().await?;
    Ok(())
}

/// Writes the first page, and what stands there already: a row would not be written again where nothing of it changes. The
/// shop uses no version of this kind.
const SAME_AGAIN: &str = "pragma user_version = 0;";

/// It changes whenever the journal begins anew.
fn read_header(db: &Db) -> io::Result<Vec<u8>> {
    let mut header = Vec::new();
    File::open(&*db.journal)?.take(HEADER).read_to_end(&mut header)?;
    Ok(header)
}

async fn wait_at_most(
    connection: &mut SqliteConnection,
    milliseconds: i64,
) -> Result<(), StoreError> {
    let statement = format!("pragma busy_timeout = {milliseconds}");
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn new_shop(home: &std::path::Path) -> Db {
        Db::open_or_make(&home.join("shop.sqlite")).await.unwrap()
    }

    async fn writes(db: &Db, marks: u64) {
        for n in 0..marks {
            let text = format!("<p>a mark that is looked for: {n} {}</p>", "x".repeat(3_000));
            sqlx::query("insert into pages (slug, title, html, position) values (?, 't', ?, 0) on conflict do update set html = excluded.html")
                .bind(format!("p{}", n % 7))
                .bind(text)
                .execute(&db.write)
                .await
                .unwrap();
        }
    }

    fn has_marks(bytes: &[u8]) -> bool {
        bytes.windows(26).any(|part| part == b"a mark that is looked for:")
    }

    #[actix_web::test]
    async fn what_was_in_the_journal_is_overwritten_before_it_is_cut_off() {
        let home = tempfile::tempdir().unwrap();
        let db = new_shop(home.path()).await;
        let journal = home.path().join("shop.sqlite-wal");
        writes(&db, 300).await;
        sqlx::query("delete from pages").execute(&db.write).await.unwrap();
        let length = fs::metadata(&journal).unwrap().len();
        assert!(has_marks(&fs::read(&journal).unwrap()));

        // Stopped between the two: the file has its length still, and nothing of it is left.
        let mut writer = db.write.acquire().await.unwrap();
        let page: u64 = 4096;
        checkpoint(&mut writer, "pragma wal_checkpoint(restart)").await.unwrap();
        fill(&db, (length - HEADER).div_ceil(page + FRAME_HEADER)).await.unwrap();
        drop(writer);
        let overwritten = fs::read(&journal).unwrap();
        assert!(length <= overwritten.len() as u64 && !has_marks(&overwritten));

        assert!(empty_journal(&db).await.unwrap());
        assert_eq!(fs::metadata(&journal).unwrap().len(), 0);
        assert!(!has_marks(&fs::read(home.path().join("shop.sqlite")).unwrap()));
        // Nothing is left to do, and nothing is done.
        assert!(empty_journal(&db).await.unwrap());
        db.close().await;
    }

    #[actix_web::test]
    async fn whoever_reads_meanwhile_reads_on_and_the_journal_is_emptied_afterwards() {
        let home = tempfile::tempdir().unwrap();
        let db = new_shop(home.path()).await;
        let journal = home.path().join("shop.sqlite-wal");
        writes(&db, 20).await;
        let mut reader = db.read.begin().await.unwrap();
        let count = "select count(*) from pages";
        let before: i64 = sqlx::query_scalar(count).fetch_one(&mut *reader).await.unwrap();
        sqlx::query("delete from pages").execute(&db.write).await.unwrap();
        assert!(!empty_journal(&db).await.unwrap());
        assert!(has_marks(&fs::read(&journal).unwrap()));
        let after: i64 = sqlx::query_scalar(count).fetch_one(&mut *reader).await.unwrap();
        assert_eq!((before, after), (7, 7));
        drop(reader);
        assert!(empty_journal(&db).await.unwrap());
        assert_eq!(fs::metadata(&journal).unwrap().len(), 0);
        let left: i64 = sqlx::query_scalar(count).fetch_one(&db.read).await.unwrap();
        assert_eq!(left, 0);
        db.close().await;
    }

    #[actix_web::test]
    async fn others_write_and_read_while_the_journal_is_emptied_again_and_again() {
        let home = tempfile::tempdir().unwrap();
        let db = new_shop(home.path()).await;
        let other = Db::open(&home.path().join("shop.sqlite")).await.unwrap();
        let emptied = std::rc::Rc::new(std::cell::Cell::new(false));
        let was_emptied = emptied.clone();
        // The other goes on until the journal was emptied between two of its writes.
        let busy = actix_web::rt::spawn(async move {
            let mut rounds = 0;
            while rounds < 40 || !was_emptied.get() {
                writes(&other, 5).await;
                let count: i64 = sqlx::query_scalar("select count(*) from pages")
                    .fetch_one(&other.read)
                    .await
                    .unwrap();
                assert!(5 <= count, "{rounds}");
                rounds += 1;
            }
            other.close().await;
        });
        while !busy.is_finished() {
            if empty_journal(&db).await.unwrap() {
                emptied.set(true);
            }
        }
        busy.await.unwrap();
        let sound: String =
            sqlx::query_scalar("pragma integrity_check").fetch_one(&db.read).await.unwrap();
        assert_eq!(sound, "ok");
        let newest: String = sqlx::query_scalar("select html from pages where slug = 'p4'")
            .fetch_one(&db.read)
            .await
            .unwrap();
        assert!(newest.contains("looked for: 4 "));
        db.close().await;
    }

    #[actix_web::test]
    async fn a_shop_that_is_closed_leaves_no_journal_behind_that_was_not_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let db = new_shop(home.path()).await;
        let journal = home.path().join("shop.sqlite-wal");
        writes(&db, 20).await;
        // What the file holds outlives its name.
        let file = fs::File::open(&journal).unwrap();
        db.close().await;
        assert!(!journal.exists());
        let mut left = Vec::new();
        (&file).read_to_end(&mut left).unwrap();
        assert!(!has_marks(&left));
    }
}
