//! The trusted time, and what was recorded while it was in doubt.

use crate::domain::values::ClockDoubt;
use crate::domain::values::Settling;
use crate::domain::values::Timestamp;
use crate::domain::values::TrustedClock;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::orders::moment;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const CLOCK: &str = "select * from clock";

/// `None`: no clock was looked at yet.
pub async fn find(db: &Db) -> Result<Option<TrustedClock>, StoreError> {
    let row = sqlx::query(CLOCK).fetch_optional(&db.read).await?;
    row.as_ref().map(parse).transpose()
}

pub async fn find_now(tx: &mut Tx) -> Result<Option<TrustedClock>, StoreError> {
    let row = sqlx::query(CLOCK).fetch_optional(&mut *tx.0).await?;
    row.as_ref().map(parse).transpose()
}

pub async fn replace(tx: &mut Tx, clock: &TrustedClock) -> Result<(), StoreError> {
    sqlx::query(
        "replace into clock (only, ticks, time, may_step, ahead, stable_for) values (1, ?, ?, ?, ?, ?)",
    )
    .bind(clock.monotonic_now)
    .bind(clock.time.get())
    .bind(clock.may_step)
    .bind(clock.doubt.map(|doubt| doubt.ahead))
    .bind(clock.doubt.map_or(0, |doubt| doubt.stable_for))
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Whether orders were placed or finished while the clock was in doubt, or finished later than now.
pub async fn has_unsettled(db: &Db, now: Timestamp) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "select exists (select 1 from invoices where clock_ahead is not null) \
             or exists (select 1 from orders where finished_in_doubt = 1) \
             or exists (select 1 from orders where ? < finished_at)",
    )
    .bind(now.day_start().get())
    .fetch_one(&db.read)
    .await?)
}

/// What was written down while the clock was in doubt follows the trusted time: what waits for a payment keeps the minutes
/// that it had left, and nothing was finished later than today.
pub async fn settle(tx: &mut Tx, settling: Settling) -> Result<(), StoreError> {
    if settling.moves_all {
        sqlx::query(
            "update invoices set until = (until + ?1 + 59) / 60 * 60 \
             where clock_ahead is null and ?2 < until and order_id in (select id from orders where status \
                 in ('awaiting', 'reported', 'partial', 'unconfirmed', 'expired'))",
        )
        .bind(settling.by)
        .bind(settling.since.get())
        .execute(&mut *tx.0)
        .await?;
    }
    sqlx::query(
        "update invoices set until = (until - clock_ahead + ?1 + 59) / 60 * 60, clock_ahead = null \
         where clock_ahead is not null",
    )
    .bind(settling.by)
    .execute(&mut *tx.0)
    .await?;
    // Where the day was not known, it is this one: that is never too early. 0 stands for what is being erased.
    sqlx::query(
        "update orders set finished_at = ?1, finished_in_doubt = 0 \
         where finished_at > 0 and (finished_in_doubt = 1 or ?1 < finished_at)",
    )
    .bind(settling.now.day_start().get())
    .execute(&mut *tx.0)
    .await?;
    sqlx::query("update orders set finished_in_doubt = 0 where finished_in_doubt = 1")
        .execute(&mut *tx.0)
        .await?;
    // Up to where a chain was followed is its own time, but for a wallet that knows none: nothing is followed beyond now.
    sqlx::query(
        "update watches set time = min(time, ?1 + ahead), looked_at = min(looked_at, ?1) \
         where ?1 + ahead < time or ?1 < looked_at",
    )
    .bind(settling.now.get())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Reads the row, or those columns of a row that holds them beside others.
pub(super) fn parse(row: &SqliteRow) -> Result<TrustedClock, StoreError> {
    let ahead: Option<i64> = row.try_get("ahead")?;
    let stable_for = row.try_get("stable_for")?;
    Ok(TrustedClock {
        monotonic_now: row.try_get("ticks")?,
        time: moment(row, "time")?,
        may_step: row.try_get("may_step")?,
        doubt: ahead.map(|ahead| ClockDoubt { ahead, stable_for }),
    })
}
