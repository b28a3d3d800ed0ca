//! The desk's password, second factor and sessions.

use sqlx::FromRow;

use crate::domain::login::{
    FACTOR_SECRET_BYTES, FactorSecret, RecoveryHash, SecondFactor, SessionHash, SessionSpan,
    StoredPassword,
};
use crate::domain::values::Timestamp;
use crate::infra::store::{Connection, StoreError, Tx};

/// What somebody must know to log in at the desk.
pub struct DeskCredentials {
    /// `None`: none was set, and nobody can log in.
    pub password: Option<StoredPassword>,
    /// `None`: the password is enough.
    pub factor: Option<SecondFactor>,
    /// A secret that counts when a code has shown that it arrived on the seller's phone.
    pub pending_factor: Option<FactorSecret>,
}

#[derive(FromRow)]
struct CredentialsRow {
    password: Option<StoredPassword>,
    factor: Option<Vec<u8>>,
    factor_step: i64,
    pending_factor: Option<Vec<u8>>,
}

#[derive(FromRow)]
struct SessionRow {
    begun_at: Timestamp,
    seen_at: Timestamp,
}

pub async fn find_credentials(db: &mut Connection) -> Result<DeskCredentials, StoreError> {
    let row: CredentialsRow =
        sqlx::query_as("select password, factor, factor_step, pending_factor from desk_login")
            .fetch_one(&mut *db)
            .await?;
    let factor = match parse_secret(row.factor)? {
        None => None,
        Some(secret) => {
            let recovery =
                sqlx::query_scalar("select hash from desk_recovery").fetch_all(db).await?;
            Some(SecondFactor { secret, last_step: row.factor_step, recovery })
        }
    };
    let pending_factor = parse_secret(row.pending_factor)?;
    Ok(DeskCredentials { password: row.password, factor, pending_factor })
}

fn parse_secret(bytes: Option<Vec<u8>>) -> Result<Option<FactorSecret>, StoreError> {
    let bytes: Option<[u8; FACTOR_SECRET_BYTES]> =
        bytes.map(TryInto::try_into).transpose().map_err(|_| StoreError::Row("factor"))?;
    Ok(bytes.map(FactorSecret::new))
}

pub async fn mark_password(tx: &mut Tx, password: &StoredPassword) -> Result<(), StoreError> {
    sqlx::query("update desk_login set password = $1").bind(password).execute(&mut **tx).await?;
    Ok(())
}

/// `None`: the password is enough. `step`: the last one whose code was used.
pub async fn mark_factor(
    tx: &mut Tx,
    factor: Option<&FactorSecret>,
    step: i64,
) -> Result<(), StoreError> {
    sqlx::query("update desk_login set factor = $1, factor_step = $2")
        .bind(factor.map(|secret| secret.bytes().as_slice()))
        .bind(step)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn mark_pending_factor(
    tx: &mut Tx,
    secret: Option<&FactorSecret>,
) -> Result<(), StoreError> {
    sqlx::query("update desk_login set pending_factor = $1")
        .bind(secret.map(|secret| secret.bytes().as_slice()))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The code of this step is used, and with it those before. `false`: it was already.
pub async fn mark_step(tx: &mut Tx, step: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update desk_login set factor_step = $1 where factor is not null and factor_step < $1",
    )
    .bind(step)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One more code was wrong with which the password was right.
pub async fn note_wrong_code(tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        update desk_login
        set wrong_codes = wrong_codes + 1, wrong_codes_since = coalesce(wrong_codes_since, $1)
        "#,
    )
    .bind(now.whole_minute())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// How many there were, and since when; `None`: none that the seller does not know of.
pub async fn find_wrong_codes(db: &mut Connection) -> Result<Option<(i64, Timestamp)>, StoreError> {
    let found = sqlx::query_as(
        "select wrong_codes, wrong_codes_since from desk_login where wrong_codes_since is not null",
    );
    Ok(found.fetch_optional(db).await?)
}

pub async fn forget_wrong_codes(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update desk_login set wrong_codes = 0, wrong_codes_since = null")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Uses up a recovery code. `false`: there is no such code, or it was used before.
pub async fn take_recovery(tx: &mut Tx, hash: &RecoveryHash) -> Result<bool, StoreError> {
    let done = sqlx::query("delete from desk_recovery where hash = $1")
        .bind(hash)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces all recovery codes.
pub async fn replace_recovery(tx: &mut Tx, hashes: &[RecoveryHash]) -> Result<(), StoreError> {
    sqlx::query("delete from desk_recovery").execute(&mut **tx).await?;
    for hash in hashes {
        sqlx::query("insert into desk_recovery (hash) values ($1)")
            .bind(hash)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

pub async fn find_session(
    db: &mut Connection,
    name: &SessionHash,
) -> Result<Option<SessionSpan>, StoreError> {
    let row: Option<SessionRow> =
        sqlx::query_as("select begun_at, seen_at from desk_sessions where name = $1")
            .bind(name)
            .fetch_optional(db)
            .await?;
    Ok(row.map(SessionRow::span))
}

/// All that are kept, also those whose time has run out.
pub async fn list_sessions(db: &mut Connection) -> Result<Vec<SessionSpan>, StoreError> {
    let rows: Vec<SessionRow> =
        sqlx::query_as("select begun_at, seen_at from desk_sessions").fetch_all(db).await?;
    Ok(rows.into_iter().map(SessionRow::span).collect())
}

pub async fn insert_session(
    tx: &mut Tx,
    name: &SessionHash,
    span: SessionSpan,
) -> Result<(), StoreError> {
    sqlx::query("insert into desk_sessions (name, begun_at, seen_at) values ($1, $2, $3)")
        .bind(name)
        .bind(span.opened)
        .bind(span.seen)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn mark_seen(tx: &mut Tx, name: &SessionHash, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("update desk_sessions set seen_at = $2 where name = $1")
        .bind(name)
        .bind(now.whole_minute())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whether there was such a session.
pub async fn delete_session(tx: &mut Tx, name: &SessionHash) -> Result<bool, StoreError> {
    let done = sqlx::query("delete from desk_sessions where name = $1")
        .bind(name)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// How many there were.
pub async fn delete_sessions(tx: &mut Tx) -> Result<u64, StoreError> {
    Ok(sqlx::query("delete from desk_sessions").execute(&mut **tx).await?.rows_affected())
}

/// Sessions that nobody can use any more leave no row behind.
pub async fn delete_sessions_seen_before(tx: &mut Tx, moment: Timestamp) -> Result<(), StoreError> {
    sqlx::query("delete from desk_sessions where seen_at < $1")
        .bind(moment)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl SessionRow {
    fn span(self) -> SessionSpan {
        SessionSpan { opened: self.begun_at, seen: self.seen_at }
    }
}
