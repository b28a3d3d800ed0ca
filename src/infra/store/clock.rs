//! The trusted time, and what was recorded while it was in doubt.

use sqlx::FromRow;

use crate::domain::orders::Status;
use crate::domain::values::{ClockJump, Settling, Timestamp, TrustedClock};
use crate::infra::store::columns::states_that;
use crate::infra::store::{Connection, StoreError, Tx};

/// The table's columns, which are all null where it has no row.
#[derive(FromRow)]
pub(super) struct ClockColumns {
    ticks: Option<i64>,
    time: Option<Timestamp>,
    allowed_step: Option<i64>,
    ahead: Option<i64>,
    stable_for: Option<i64>,
}

/// `None`: no clock was looked at yet.
pub async fn find(db: &mut Connection) -> Result<Option<TrustedClock>, StoreError> {
    let row: Option<ClockColumns> =
        sqlx::query_as("select * from clock").fetch_optional(db).await?;
    Ok(row.and_then(ClockColumns::clock))
}

pub async fn replace(tx: &mut Tx, clock: &TrustedClock) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        insert into clock (only, ticks, time, allowed_step, ahead, stable_for) values (1, $1, $2, $3, $4, $5)
        on conflict (only) do update set ticks = excluded.ticks, time = excluded.time, allowed_step = excluded.allowed_step,
            ahead = excluded.ahead, stable_for = excluded.stable_for
        "#,
    )
    .bind(clock.monotonic_now)
    .bind(clock.time)
    .bind(clock.allowed_step)
    .bind(clock.jump.map(|jump| jump.ahead))
    .bind(clock.jump.map_or(0, |jump| jump.stable_for))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether orders were placed or finished while the clock was in doubt, or finished later than now.
pub async fn has_unsettled(db: &mut Connection, now: Timestamp) -> Result<bool, StoreError> {
    let has_unsettled = sqlx::query_scalar(
        r#"
        select exists (select 1 from invoices where clock_ahead is not null)
            or exists (select 1 from orders where finished_in_doubt = 1)
            or exists (select 1 from orders where $1 < finished_at)
        "#,
    );
    Ok(has_unsettled.bind(now.day_start()).fetch_one(db).await?)
}

/// What was written down while the clock was in doubt follows the trusted time: what waits for a payment keeps the minutes
/// that it had left, and nothing was finished later than today.
pub async fn settle(tx: &mut Tx, settling: Settling) -> Result<(), StoreError> {
    if settling.moves_all {
        sqlx::query(
            r#"
            update invoices set until = (until + $1 + 59) / 60 * 60
            where clock_ahead is null and $2 < until
                and order_id in (select id from orders where status in (select value from json_each($3)))
            "#,
        )
        .bind(settling.by)
        .bind(settling.since)
        .bind(states_that(Status::needs_deadline))
        .execute(&mut **tx)
        .await?;
    }
    sqlx::query(
        r#"
        update invoices set until = (until - clock_ahead + $1 + 59) / 60 * 60, clock_ahead = null
        where clock_ahead is not null
        "#,
    )
    .bind(settling.by)
    .execute(&mut **tx)
    .await?;
    // Where the day was not known, it is this one: that is never too early. 0 stands for what is being erased.
    sqlx::query(
        r#"
        update orders set finished_at = $1, finished_in_doubt = 0
        where finished_at > 0 and (finished_in_doubt = 1 or $1 < finished_at)
        "#,
    )
    .bind(settling.now.day_start())
    .execute(&mut **tx)
    .await?;
    sqlx::query("update orders set finished_in_doubt = 0 where finished_in_doubt = 1")
        .execute(&mut **tx)
        .await?;
    // No chain was scanned beyond now, whatever the clock said before.
    sqlx::query(
        r#"
        update watched_networks set time = min(time, $1 + ahead), scanned_at = min(scanned_at, $1)
        where $1 + ahead < time or $1 < scanned_at
        "#,
    )
    .bind(settling.now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl ClockColumns {
    pub fn clock(self) -> Option<TrustedClock> {
        let stable_for = self.stable_for?;
        Some(TrustedClock {
            monotonic_now: self.ticks?,
            time: self.time?,
            allowed_step: self.allowed_step?,
            jump: self.ahead.map(|ahead| ClockJump { ahead, stable_for }),
        })
    }
}
