//! The desk's password, sessions and second factor.

use crate::domain::login::FACTOR_SECRET_BYTES;
use crate::domain::login::FactorSecret;
use crate::domain::login::RecoveryHash;
use crate::domain::login::SecondFactor;
use crate::domain::login::SessionHash;
use crate::domain::login::SessionSpan;
use crate::domain::login::StoredPassword;
use crate::domain::orders::OrderRef;
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::orders::moment;
use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

/// What stands between a visitor and the desk.
pub struct DeskLock {
    /// `None`: none was set, and nobody can come in.
    pub password: Option<StoredPassword>,
    /// `None`: the password is enough.
    pub factor: Option<SecondFactor>,
    /// A secret that counts when a code has shown that it arrived on the seller's phone.
    pub pending_factor: Option<FactorSecret>,
}

const LOCK: &str = "select password, factor, factor_step, pending_factor from desk";
const RECOVERY: &str = "select hash from desk_recovery";

pub async fn find_lock(db: &Db) -> Result<DeskLock, StoreError> {
    let mut connection = db.read.acquire().await?;
    read_lock(&mut connection).await
}

pub async fn find_lock_now(tx: &mut Tx) -> Result<DeskLock, StoreError> {
    read_lock(&mut tx.0).await
}

async fn read_lock(connection: &mut SqliteConnection) -> Result<DeskLock, StoreError> {
    let row = sqlx::query(LOCK).fetch_one(&mut *connection).await?;
    let password: Option<String> = row.try_get("password")?;
    let password = password.map(|text| StoredPassword::parse(&text)).transpose();
    let factor = match secret(&row, "factor")? {
        None => None,
        Some(secret) => {
            let hashes = sqlx::query(RECOVERY).fetch_all(&mut *connection).await?;
            let recovery: Result<Vec<RecoveryHash>, StoreError> =
                hashes.iter().map(|row| blob(row, "hash").map(RecoveryHash)).collect();
            let last_step = row.try_get("factor_step")?;
            Some(SecondFactor { secret, last_step, recovery: recovery? })
        }
    };
    Ok(DeskLock {
        password: password.map_err(|_| StoreError::Row("password"))?,
        factor,
        pending_factor: secret(&row, "pending_factor")?,
    })
}

fn secret(row: &SqliteRow, column: &'static str) -> Result<Option<FactorSecret>, StoreError> {
    let bytes: Option<Vec<u8>> = row.try_get(column)?;
    let bytes: Option<[u8; FACTOR_SECRET_BYTES]> =
        bytes.map(TryInto::try_into).transpose().map_err(|_| StoreError::Row(column))?;
    Ok(bytes.map(FactorSecret::new))
}

fn blob(row: &SqliteRow, column: &'static str) -> Result<[u8; 32], StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|_| StoreError::Row(column))
}

pub async fn mark_password(tx: &mut Tx, password: &StoredPassword) -> Result<(), StoreError> {
    sqlx::query("update desk set password = ?").bind(password.as_str()).execute(&mut *tx.0).await?;
    Ok(())
}

/// `None`: the password is enough. `step`: the last one whose code was used.
pub async fn mark_factor(
    tx: &mut Tx,
    factor: Option<&FactorSecret>,
    step: i64,
) -> Result<(), StoreError> {
    sqlx::query("update desk set factor = ?, factor_step = ?")
        .bind(factor.map(|secret| secret.bytes().as_slice()))
        .bind(step)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

pub async fn mark_pending_factor(
    tx: &mut Tx,
    secret: Option<&FactorSecret>,
) -> Result<(), StoreError> {
    sqlx::query("update desk set pending_factor = ?")
        .bind(secret.map(|secret| secret.bytes().as_slice()))
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// The code of this step is used, and with it those before. `false`: it was already.
pub async fn mark_step(tx: &mut Tx, step: i64) -> Result<bool, StoreError> {
    let done =
        sqlx::query("update desk set factor_step = ? where factor is not null and factor_step < ?")
            .bind(step)
            .bind(step)
            .execute(&mut *tx.0)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// One more code was wrong with which the password was right.
pub async fn note_wrong_code(tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "update desk set wrong_codes = wrong_codes + 1, wrong_codes_since = coalesce(wrong_codes_since, ?)",
    )
    .bind(now.whole_minute().get())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// How many there were, and since when; `None`: none that the seller does not know of.
pub async fn find_wrong_codes(db: &Db) -> Result<Option<(i64, Timestamp)>, StoreError> {
    let row = sqlx::query(
        "select wrong_codes, wrong_codes_since from desk where wrong_codes_since is not null",
    )
    .fetch_optional(&db.read)
    .await?;
    row.map(|row| Ok((row.try_get("wrong_codes")?, moment(&row, "wrong_codes_since")?))).transpose()
}

pub async fn forget_wrong_codes(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update desk set wrong_codes = 0, wrong_codes_since = null")
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// `false`: it was used already.
pub async fn take_recovery(tx: &mut Tx, hash: &RecoveryHash) -> Result<bool, StoreError> {
    let done = sqlx::query("delete from desk_recovery where hash = ?")
        .bind(hash.0.as_slice())
        .execute(&mut *tx.0)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// In the place of those that there were.
pub async fn put_recovery(tx: &mut Tx, hashes: &[RecoveryHash]) -> Result<(), StoreError> {
    sqlx::query("delete from desk_recovery").execute(&mut *tx.0).await?;
    for hash in hashes {
        sqlx::query("insert into desk_recovery (hash) values (?)")
            .bind(hash.0.as_slice())
            .execute(&mut *tx.0)
            .await?;
    }
    Ok(())
}

pub async fn find_session(db: &Db, name: &SessionHash) -> Result<Option<SessionSpan>, StoreError> {
    let row = sqlx::query("select begun_at, seen_at from desk_sessions where name = ?")
        .bind(name.0.as_slice())
        .fetch_optional(&db.read)
        .await?;
    row.map(|row| {
        Ok(SessionSpan { opened: moment(&row, "begun_at")?, seen: moment(&row, "seen_at")? })
    })
    .transpose()
}

/// All that are kept, also those whose time has run out.
pub async fn list_sessions(db: &Db) -> Result<Vec<SessionSpan>, StoreError> {
    let rows =
        sqlx::query("select begun_at, seen_at from desk_sessions").fetch_all(&db.read).await?;
    rows.iter()
        .map(|row| {
            Ok(SessionSpan { opened: moment(row, "begun_at")?, seen: moment(row, "seen_at")? })
        })
        .collect()
}

pub async fn insert_session(
    tx: &mut Tx,
    name: &SessionHash,
    span: SessionSpan,
) -> Result<(), StoreError> {
    sqlx::query("insert into desk_sessions (name, begun_at, seen_at) values (?, ?, ?)")
        .bind(name.0.as_slice())
        .bind(span.opened.get())
        .bind(span.seen.get())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

pub async fn mark_seen(tx: &mut Tx, name: &SessionHash, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("update desk_sessions set seen_at = ? where name = ?")
        .bind(now.whole_minute().get())
        .bind(name.0.as_slice())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// Whether there was such a session.
pub async fn delete_session(tx: &mut Tx, name: &SessionHash) -> Result<bool, StoreError> {
    let done = sqlx::query("delete from desk_sessions where name = ?")
        .bind(name.0.as_slice())
        .execute(&mut *tx.0)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// How many there were.
pub async fn delete_sessions(tx: &mut Tx) -> Result<u64, StoreError> {
    Ok(sqlx::query("delete from desk_sessions").execute(&mut *tx.0).await?.rows_affected())
}

/// Sessions that nobody can use any more leave no row behind.
pub async fn delete_sessions_seen_before(tx: &mut Tx, moment: Timestamp) -> Result<(), StoreError> {
    sqlx::query("delete from desk_sessions where seen_at < ?")
        .bind(moment.get())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// What the seller did, in a few words that name the thing: `Changed the price of Green Tea`.
pub async fn record_action(tx: &mut Tx, now: Timestamp, what: &str) -> Result<(), StoreError> {
    sqlx::query("insert into deeds (at, what) values (?, ?)")
        .bind(now.whole_minute().get())
        .bind(what)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// The same of an order; it is forgotten with the order.
pub async fn record_action_of(
    tx: &mut Tx,
    now: Timestamp,
    order_ref: &OrderRef,
    what: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into deeds (at, what, order_id) select ?, ?, id from orders where order_ref = ?",
    )
    .bind(now.whole_minute().get())
    .bind(what)
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Units: seconds. A form that is sent twice is sent twice within minutes; this is longer than a page stays open.
const FORMS_HEARD_FOR: i64 = 7 * 86_400;

/// What was answered to a form that was heard before. `form`: the name that the page gave it, and what it asks for.
pub async fn find_heard(tx: &mut Tx, form: &str) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("select answer from heard_forms where form = ?")
        .bind(form)
        .fetch_optional(&mut *tx.0)
        .await?)
}

pub async fn keep_heard(
    tx: &mut Tx,
    form: &str,
    answer: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("delete from heard_forms where at < ?")
        .bind(now.get() - FORMS_HEARD_FOR)
        .execute(&mut *tx.0)
        .await?;
    sqlx::query("insert into heard_forms (form, at, answer) values (?, ?, ?)")
        .bind(form)
        .bind(now.get())
        .bind(answer)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// The catalog is no longer what the seller's file says.
pub async fn mark_catalog_changed(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update catalog_state set desk_changes = desk_changes + 1")
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// The seller has said that the file counts, and not the desk.
pub async fn forget_catalog_changes(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update catalog_state set desk_changes = 0").execute(&mut *tx.0).await?;
    Ok(())
}
