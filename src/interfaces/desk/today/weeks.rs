//! Revenue and orders by week.

use crate::domain::values::{Amount, Currency, Timestamp};
use crate::infra::store::statistics::DayFigures;

/// Units: weeks in the plots, including the current one.
const N_WEEKS: i64 = 26;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekFigures {
    pub monday: Timestamp,
    /// Placed in this week, in all currencies.
    pub orders: i64,
    /// Of those orders.
    pub paid: i64,
    /// Received in this week, in one currency.
    ///
    /// Units: Gwei. Negative if more was refunded or reversed than received.
    pub received: i64,
}

/// The revenue in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoneyIn {
    pub currency: Currency,
    /// Units of both: coins.
    pub this_week: String,
    pub last_30_days: String,
}

impl WeekFigures {
    pub fn received_coins(&self) -> String {
        coins(self.received)
    }
}

pub fn first_week(now: Timestamp) -> Timestamp {
    now.week_start().plus_days(-7 * (N_WEEKS - 1))
}

/// The last weeks, the oldest first, including those without orders.
pub fn by_week(
    days: &[DayFigures],
    currency: Option<&Currency>,
    now: Timestamp,
) -> Vec<WeekFigures> {
    let first = first_week(now);
    let week = |n: i64| {
        let monday = first.plus_days(7 * n);
        let of_week = days.iter().filter(|figures| figures.day.week_start() == monday);
        let mut week = WeekFigures { monday, orders: 0, paid: 0, received: 0 };
        for figures in of_week {
            week.orders += figures.orders;
            week.paid += figures.paid;
            if Some(&figures.currency) == currency {
                week.received = week.received.saturating_add(figures.received);
            }
        }
        week
    };
    (0..N_WEEKS).map(week).collect()
}

/// The revenue in each of the currencies.
pub fn money_in(days: &[DayFigures], currencies: &[Currency], now: Timestamp) -> Vec<MoneyIn> {
    let sum = |currency: &Currency, since: Timestamp| {
        let of_currency =
            days.iter().filter(|figures| figures.currency == *currency && since <= figures.day);
        coins(of_currency.fold(0, |sum, figures| sum.saturating_add(figures.received)))
    };
    currencies
        .iter()
        .map(|currency| MoneyIn {
            currency: currency.clone(),
            this_week: sum(currency, now.week_start()),
            last_30_days: sum(currency, now.day_start().plus_days(-29)),
        })
        .collect()
}

/// Gwei as decimal coins, with a sign if negative.
pub fn coins(gwei: i64) -> String {
    let coins = Amount::new(gwei.saturating_abs()).unwrap_or(Amount::ZERO);
    if gwei < 0 { format!("-{coins}") } else { coins.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: &str, currency: &str, orders: i64, paid: i64, received: i64) -> DayFigures {
        DayFigures {
            day: Timestamp::parse_day(day).unwrap(),
            currency: Currency::parse(currency).unwrap(),
            orders,
            paid,
            received,
        }
    }

    #[test]
    fn days_become_weeks_and_sums() {
        let now = Timestamp::parse_day("2026-11-21").unwrap().plus_minutes(600);
        let days = [
            day("2026-05-24", "ETH", 9, 9, 9),
            day("2026-05-25", "ETH", 1, 1, 500_000_000),
            day("2026-10-23", "BTC", 2, 0, 30),
            day("2026-11-16", "ETH", 3, 2, 250_000_000),
            day("2026-11-21", "BTC", 1, 1, -40),
        ];
        let [eth, btc] = ["ETH", "BTC"].map(|name| Currency::parse(name).unwrap());
        let weeks = by_week(&days, Some(&eth), now);
        assert_eq!(weeks.len(), 26);
        let week = |monday: &str, orders, paid, received| WeekFigures {
            monday: Timestamp::parse_day(monday).unwrap(),
            orders,
            paid,
            received,
        };
        assert_eq!(weeks[0], week("2026-05-25", 1, 1, 500_000_000));
        assert_eq!(weeks[1], week("2026-06-01", 0, 0, 0));
        assert_eq!(weeks[25], week("2026-11-16", 4, 3, 250_000_000));

        let money = money_in(&days, &[eth.clone(), btc.clone()], now);
        let said = |currency, this_week: &str, last_30_days: &str| MoneyIn {
            currency,
            this_week: this_week.to_owned(),
            last_30_days: last_30_days.to_owned(),
        };
        assert_eq!(money, [said(eth, "0.25", "0.25"), said(btc, "-0.00000004", "-0.00000001")]);
    }
}
