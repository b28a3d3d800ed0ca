//! Merges the statistics of days whose orders were erased into weeks with rounded revenue.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::values::{Currency, Timestamp};
use crate::infra::store;
use crate::infra::store::statistics::DayFigures;

/// Units: weeks, including the current one, over which best sellers are counted and plots are drawn.
const BEST_WEEKS: i64 = 13;
/// Units: weeks that statistics are kept: two years.
const KEPT_WEEKS: i64 = 104;
/// Units: significant digits that are kept of an old week's revenue.
const DIGITS: u32 = 2;

/// The start of the weeks whose best sellers are shown.
pub fn best_since(now: Timestamp) -> Timestamp {
    now.week_start().plus_days(-7 * (BEST_WEEKS - 1))
}

/// Coarsens statistics that outlive their orders, so that they reveal nothing about them. A day with one paid order
/// shows its exact amount, which can be found on a public chain: the amount is what distinguishes payments. So the days
/// of a week are merged into one row once all of them are older than `KEEP_DAYS`, with two significant digits of the
/// revenue: enough for a plot. Rows older than two years are deleted, and `shop purge --figures` erases the rest.
pub async fn coarsen_statistics(shop: &Shop, now: Timestamp) -> anyhow::Result<()> {
    let before = now.plus_days(-shop.policy.keep_days).week_start();
    let forgotten = now.week_start().plus_days(-7 * KEPT_WEEKS);
    let start = Timestamp::new(0).context("build the timestamp 0")?;
    // Checked without the write lock, since usually there is nothing to do.
    let days = store::statistics::list_days(&mut *shop.db.reader().await?, start, before)
        .await
        .context("read the statistics")?;
    let best_since = best_since(now);
    let is_moved = store::statistics::window(&mut *shop.db.reader().await?)
        .await
        .context("read the statistics")?
        != best_since;
    if blurred(&days, forgotten) == days && !is_moved {
        return Ok(());
    }
    let mut tx = shop.db.write().await?;
    let days = store::statistics::list_days(&mut tx, start, before)
        .await
        .context("read the statistics again")?;
    let weeks = blurred(&days, forgotten);
    if weeks != days {
        store::statistics::replace_days(&mut tx, before, &weeks)
            .await
            .context("coarsen the statistics")?;
    }
    if is_moved {
        store::statistics::move_window(&mut tx, best_since, forgotten)
            .await
            .context("recount the best sellers")?;
    }
    tx.commit().await.context("commit the statistics")?;
    Ok(())
}

/// Erases everything that [`coarsen_statistics`] keeps. Returns the number of rows.
pub async fn delete_statistics(shop: &Shop) -> anyhow::Result<i64> {
    let n = store::statistics::count(&mut *shop.db.reader().await?)
        .await
        .context("count the statistics")?;
    let mut tx = shop.db.write().await?;
    store::statistics::forget(&mut tx).await.context("erase the statistics")?;
    tx.commit().await.context("commit the erasure")?;
    Ok(n)
}

/// The weeks of these days, sorted by week and currency as in the table. Idempotent.
fn blurred(days: &[DayFigures], forgotten: Timestamp) -> Vec<DayFigures> {
    let mut weeks: BTreeMap<(Timestamp, Currency), DayFigures> = BTreeMap::new();
    for figures in days {
        let day = figures.day.week_start();
        if day < forgotten {
            continue;
        }
        let week = weeks.entry((day, figures.currency.clone())).or_insert_with(|| DayFigures {
            day,
            currency: figures.currency.clone(),
            orders: 0,
            paid: 0,
            received: 0,
        });
        week.orders += figures.orders;
        week.paid += figures.paid;
        week.received = week.received.saturating_add(figures.received);
    }
    weeks
        .into_values()
        .map(|week| DayFigures { received: with_few_digits(week.received), ..week })
        .collect()
}

/// The nearest number of which only the first digits are not zero.
fn with_few_digits(n: i64) -> i64 {
    let n_digits = n.unsigned_abs().checked_ilog10().map_or(1, |tens| tens + 1);
    let unit = 10_i64.pow(n_digits.saturating_sub(DIGITS));
    n.saturating_add(n.signum() * (unit / 2)) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: &str, orders: i64, paid: i64, received: i64) -> DayFigures {
        DayFigures {
            day: Timestamp::parse_day(day).unwrap(),
            currency: Currency::parse("ETH").unwrap(),
            orders,
            paid,
            received,
        }
    }

    #[test]
    fn two_digits_of_money_are_kept() {
        for (n, stored) in [
            (0, 0),
            (7, 7),
            (-7, -7),
            (42, 42),
            (104, 100),
            (105, 110),
            (91_990_123, 92_000_000),
            (-91_990_123, -92_000_000),
            (995, 1_000),
            (i64::MAX, 9_200_000_000_000_000_000),
        ] {
            assert_eq!(with_few_digits(n), stored, "{n}");
            assert_eq!(with_few_digits(stored), stored, "{n}");
        }
    }

    #[test]
    fn the_days_of_a_week_become_one() {
        let forgotten = Timestamp::parse_day("2026-09-07").unwrap();
        let days = [
            day("2026-09-06", 9, 9, 9),
            day("2026-10-05", 1, 1, 91_990_123),
            day("2026-10-07", 2, 0, 0),
            day("2026-10-11", 0, 1, 5),
            day("2026-10-12", 1, 0, 0),
        ];
        let weeks = [day("2026-10-05", 3, 2, 92_000_000), day("2026-10-12", 1, 0, 0)];
        assert_eq!(blurred(&days, forgotten), weeks);
        assert_eq!(blurred(&weeks, forgotten), weeks);
    }
}
