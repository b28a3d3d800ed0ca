//! Advances the trusted time and notices when the host's clock has jumped.

use std::fmt;

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::values::{
    ClockChange, Reading, Settling, THIS_VERSION, Timestamp, TrustedClock,
};
use crate::infra::store;
use crate::infra::store::Tx;

/// The host's clock has jumped: if it were believed at once, orders would expire and be erased too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "nothing is deleted: the host's clock is {} the elapsed time. If it is right, run `shop clock accept` \
     (or `shop purge --now`); if not, correct it. After 24 hours without a change the shop accepts it by \
     itself",
    Ahead(*.ahead)
)]
pub struct ClockDoubted {
    /// Units: seconds; negative if it is behind.
    pub ahead: i64,
}

/// Why the host's clock is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptClockError {
    #[error("the host's clock says {}, which is far in the past: correct it first", .0.for_people())]
    FarInThePast(Timestamp),
    #[error(transparent)]
    Broken(anyhow::Error),
}

broken_from!(AcceptClockError);

/// Units: seconds after which the trusted time is stored again.
const WRITE_EVERY: i64 = 600;

/// Reads the host's clocks, and stores what has changed: usually nothing.
pub async fn check_clock(shop: &Shop) -> anyhow::Result<TrustedClock> {
    let reading = shop.reading();
    // Checked without the write lock, since usually there is nothing to do.
    let stored = store::clock::find(&mut *shop.db.reader().await?).await;
    if let Some(stored) = stored.context("read the trusted time")? {
        let (_, change) = stored.check(&reading);
        let is_fresh =
            (0..WRITE_EVERY).contains(&reading.monotonic_now.saturating_sub(stored.monotonic_now));
        let now = stored.at(&reading).now;
        let is_settled = stored.jump.is_some()
            || !store::clock::has_unsettled(&mut *shop.db.reader().await?, now).await?;
        if change == ClockChange::None && is_fresh && is_settled {
            return Ok(stored);
        }
    }
    let mut tx = shop.db.write().await?;
    let clock = match store::clock::find(&mut tx).await.context("read the trusted time again")? {
        Some(stored) => {
            let (clock, change) = stored.check(&reading);
            keep(&mut tx, &clock, change, &reading).await?;
            clock
        }
        None => {
            let clock = TrustedClock::begin(&reading);
            keep(&mut tx, &clock, ClockChange::None, &reading).await?;
            clock
        }
    };
    tx.commit().await.context("commit the trusted time")?;
    Ok(clock)
}

/// The same, but stores nothing except a jump: on a full disk, reading must go on.
pub async fn note_jump(shop: &Shop) -> anyhow::Result<TrustedClock> {
    let stored =
        store::clock::find(&mut *shop.db.reader().await?).await.context("read the trusted time")?;
    match stored.filter(|stored| stored.check(&shop.reading()).1 == ClockChange::None) {
        Some(stored) => Ok(stored),
        None => check_clock(shop).await,
    }
}

/// Why the host's clock is not trusted; changes nothing.
pub async fn doubt_clock(shop: &Shop) -> anyhow::Result<Option<ClockDoubted>> {
    let reading = shop.reading();
    let stored =
        store::clock::find(&mut *shop.db.reader().await?).await.context("read the trusted time")?;
    let clock =
        stored.map_or_else(|| TrustedClock::begin(&reading), |stored| stored.check(&reading).0);
    Ok(ClockDoubted::of(&clock))
}

/// Accepts the host's clock as right, at the seller's request. `None`: it was not in doubt.
///
/// # Errors
/// [`AcceptClockError`]
pub async fn accept_clock(shop: &Shop) -> Result<Option<ClockDoubted>, AcceptClockError> {
    let reading = shop.reading();
    if reading.wall.get() < THIS_VERSION {
        return Err(AcceptClockError::FarInThePast(reading.wall));
    }
    let mut tx = shop.db.write().await?;
    let stored = store::clock::find(&mut tx).await.context("read the trusted time")?;
    let stored = stored.unwrap_or_else(|| TrustedClock::begin(&reading));
    let (looked, change) = stored.check(&reading);
    let doubted = ClockDoubted::of(&looked);
    let (clock, change) =
        if doubted.is_some() { stored.accept(&reading) } else { (looked, change) };
    keep(&mut tx, &clock, change, &reading).await?;
    tx.commit().await.context("commit the trusted time")?;
    Ok(doubted)
}

/// The trusted time within this transaction, which decides what has expired.
pub(super) async fn trusted_now(shop: &Shop, tx: &mut Tx) -> anyhow::Result<Timestamp> {
    let reading = shop.reading();
    let stored = store::clock::find(tx).await.context("read the trusted time")?;
    Ok(stored.unwrap_or_else(|| TrustedClock::begin(&reading)).at(&reading).trusted)
}

impl ClockDoubted {
    pub fn of(clock: &TrustedClock) -> Option<Self> {
        clock.jump.map(|jump| Self { ahead: jump.ahead })
    }
}

async fn keep(
    tx: &mut Tx,
    clock: &TrustedClock,
    change: ClockChange,
    reading: &Reading,
) -> anyhow::Result<()> {
    store::clock::replace(tx, clock).await.context("save the trusted time")?;
    let settling = match change {
        ClockChange::Settled(settling) => settling,
        ClockChange::None | ClockChange::Jumped if clock.jump.is_some() => return Ok(()),
        // For orders placed or finished between two checks, while the clock was wrong.
        ClockChange::None | ClockChange::Jumped => {
            let now = clock.at(reading).now;
            Settling { by: 0, moves_all: false, since: now, now }
        }
    };
    store::clock::settle(tx, settling)
        .await
        .context("correct times recorded while the clock was in doubt")
}

/// Seconds, formatted for people.
struct Ahead(i64);

impl fmt::Display for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.unsigned_abs().saturating_add(30) / 60;
        let parts =
            [(minutes / 1_440, "day"), (minutes / 60 % 24, "hour"), (minutes % 60, "minute")];
        // Two units are precise enough.
        let shown: Vec<String> = parts
            .iter()
            .filter(|(n, _)| 0 < *n)
            .take(2)
            .map(|(n, unit)| format!("{n} {unit}{}", if *n == 1 { "" } else { "s" }))
            .collect();
        let way = if self.0 < 0 { "behind" } else { "ahead of" };
        write!(f, "{} {way}", shown.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_said_in_two_units() {
        for (ahead, words) in [
            (61, "1 minute ahead of"),
            (-3_600, "1 hour behind"),
            (20 * 86_400 + 7_320, "20 days and 2 hours ahead of"),
            (-2 * 86_400 - 300, "2 days and 5 minutes behind"),
        ] {
            let shown = ClockDoubted { ahead }.to_string();
            assert!(shown.contains(&format!("clock is {words} the elapsed time")), "{shown}");
            assert!(shown.contains("`shop clock accept`"), "{shown}");
        }
    }
}
