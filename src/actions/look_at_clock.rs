use crate::actions::Shop;
use crate::store;
use crate::values::Moment;
use anyhow::Context;

/// The clock stands further ahead than orders are kept: were it believed, everything would be erased at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "nothing is erased: the clock says {}, and the shop last looked at it on {}. If the clock is right, say `shop purge --now`",
    now.day(), looked_on.day()
)]
pub struct ClockJumped {
    pub now: Moment,
    pub looked_on: Moment,
}

/// Units: unix seconds of a day before this was written; no right clock stands before it.
pub const THIS_VERSION: i64 = 1_767_225_600;

/// Units: days that a shop may be closed, however short its orders are kept.
const LEAST_JUMP: i64 = 2;

/// Compares the clock with the last day that the shop saw, and remembers today.
///
/// # Errors
/// [`ClockJumped`]; then the day is not remembered, so that tomorrow says the same.
pub async fn look_at_clock(shop: &Shop, now: Moment) -> anyhow::Result<Result<(), ClockJumped>> {
    let house = store::house::find(&shop.db).await.context("read the last day")?;
    let today = now.day_start();
    // A host without a clock of its own begins in 1970, and knows better later.
    if today.get() < THIS_VERSION {
        return Ok(Ok(()));
    }
    if let Some(looked_on) = house.looked_on {
        if let Err(jumped) = check(looked_on, now, shop.terms.keep_days) {
            return Ok(Err(jumped));
        }
        if looked_on == today {
            return Ok(Ok(()));
        }
    }
    trust_clock(shop, now).await?;
    Ok(Ok(()))
}

/// The same without changing anything.
pub async fn doubt_clock(shop: &Shop, now: Moment) -> anyhow::Result<Option<ClockJumped>> {
    let house = store::house::find(&shop.db).await.context("read the last day")?;
    let keep_days = shop.terms.keep_days;
    Ok(house.looked_on.and_then(|looked_on| check(looked_on, now, keep_days).err()))
}

/// The seller says that the clock is right.
pub async fn trust_clock(shop: &Shop, now: Moment) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    store::house::mark_looked(&mut tx, now).await.context("remember the day")?;
    tx.commit().await.context("commit the day")
}

fn check(looked_on: Moment, now: Moment, keep_days: i64) -> Result<(), ClockJumped> {
    let most = keep_days.max(LEAST_JUMP);
    if looked_on.plus_days(most) < now.day_start() {
        Err(ClockJumped { now, looked_on })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_day(day: i64) -> Moment {
        Moment::new(day * 86_400 + 5_000).unwrap()
    }

    #[test]
    fn a_clock_may_go_on_by_the_days_that_orders_are_kept_and_back_as_it_likes() {
        let looked_on = on_day(1_000).day_start();
        for (keep_days, day, is_believed) in [
            (30, 1_000, true),
            (30, 1_030, true),
            (30, 1_031, false),
            (30, 999, true),
            (30, 1, true),
            (0, 1_002, true),
            (0, 1_003, false),
            (3_650, 4_650, true),
        ] {
            let found = check(looked_on, on_day(day), keep_days);
            assert_eq!(found.is_ok(), is_believed, "{keep_days} {day}");
        }
        let words = check(looked_on, on_day(2_000), 30).unwrap_err().to_string();
        assert!(words.contains("24 June 1975") && words.contains("shop purge --now"), "{words}");
    }
}
