//! Points in time, in seconds.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, Time};

const RFC_3339: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const FOR_PEOPLE: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
const DAY: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:long] [year]");
const MONTH: &[BorrowedFormatItem<'_>] = format_description!("[month repr:short]");
const SHORT_DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
const SHORT_MINUTE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]");
const HTTP: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// A point in time, always passed in by the caller: the domain never reads a clock.
///
/// Shape: an integer from 0 to 253402300799 (the end of the year 9999).
/// Units: Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a moment lies between 1970 and 9999")]
pub struct NotATimestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a date has the form YYYY-MM-DD, for example 2026-11-21")]
pub struct NotADay;

impl Timestamp {
    const LAST: i64 = 253_402_300_799;
    /// The beginning of 1970.
    pub const EPOCH: Self = Self(0);

    /// # Errors
    /// [`NotATimestamp`] before 1970 or after 9999.
    pub fn new(unix_seconds: i64) -> Result<Self, NotATimestamp> {
        if (0..=Self::LAST).contains(&unix_seconds) {
            Ok(Self(unix_seconds))
        } else {
            Err(NotATimestamp)
        }
    }

    pub fn get(self) -> i64 {
        self.0
    }

    pub fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes.saturating_mul(60)).clamp(0, Self::LAST))
    }

    pub fn plus_days(self, days: i64) -> Self {
        self.plus_minutes(days.saturating_mul(24 * 60))
    }

    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds).clamp(0, Self::LAST))
    }

    /// Units: seconds from `earlier` to this time; negative if it was before.
    pub fn seconds_after(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Units: whole minutes from `earlier` to this time, rounded up; 0 if it was before.
    pub fn minutes_after(self, earlier: Self) -> i64 {
        (self.0 - earlier.0).max(0).saturating_add(59) / 60
    }

    /// The same time without its seconds, which is all that the `Date` header of a response reveals.
    pub fn whole_minute(self) -> Self {
        Self(self.0 - self.0 % 60)
    }

    /// This time, rounded up to a multiple of so many minutes.
    pub fn rounded_up(self, minutes: i64) -> Self {
        let grain = minutes.max(1).saturating_mul(60);
        Self(self.0.saturating_add((grain - self.0 % grain) % grain).min(Self::LAST))
    }

    /// The start of its day, for uses that do not need the hour.
    pub fn day_start(self) -> Self {
        Self(self.0 - self.0 % 86_400)
    }

    /// The start of the Monday of its week; in the first week of 1970, the start of 1970.
    pub fn week_start(self) -> Self {
        // The first of January 1970 was a Thursday.
        let days_after_monday = (self.0 / 86_400 + 3) % 7;
        Self((self.day_start().0 - days_after_monday * 86_400).max(0))
    }

    /// `Nov`, for the axis of a plot.
    pub fn month(self) -> String {
        self.written(MONTH)
    }

    /// For the `datetime` of a `time` element. Source: RFC 3339.
    pub fn rfc_3339(self) -> String {
        self.written(RFC_3339)
    }

    /// `21 November 2026, 14:05 UTC`.
    pub fn for_people(self) -> String {
        self.written(FOR_PEOPLE)
    }

    /// `21 November 2026`.
    pub fn day(self) -> String {
        self.written(DAY)
    }

    /// `2026-11-21`, for tables and programs.
    pub fn short_day(self) -> String {
        self.written(SHORT_DAY)
    }

    /// `2026-11-21 14:05`, if the heading says UTC.
    pub fn short_minute(self) -> String {
        self.written(SHORT_MINUTE)
    }

    /// The start of a day in the format of [`Timestamp::short_day`].
    ///
    /// # Errors
    /// [`NotADay`] for any other shape, and for a day that does not exist.
    pub fn parse_day(text: &str) -> Result<Self, NotADay> {
        let part = |text: &str, n_digits: usize| -> Result<i32, NotADay> {
            let digits = text.len() == n_digits && text.bytes().all(|byte| byte.is_ascii_digit());
            if digits { text.parse().map_err(|_| NotADay) } else { Err(NotADay) }
        };
        let [year, month, day] = text.trim().split('-').collect::<Vec<_>>()[..] else {
            return Err(NotADay);
        };
        let month = u8::try_from(part(month, 2)?).map_err(|_| NotADay)?;
        let month = Month::try_from(month).map_err(|_| NotADay)?;
        let day = u8::try_from(part(day, 2)?).map_err(|_| NotADay)?;
        let date = Date::from_calendar_date(part(year, 4)?, month, day).map_err(|_| NotADay)?;
        let instant = OffsetDateTime::new_utc(date, Time::MIDNIGHT);
        Self::new(instant.unix_timestamp()).map_err(|_| NotADay)
    }

    /// For the `Date` header. Source: RFC 9110, section 5.6.7.
    pub fn http(self) -> String {
        self.written(HTTP)
    }

    fn written(self, format: &[BorrowedFormatItem<'_>]) -> String {
        OffsetDateTime::from_unix_timestamp(self.0)
            .ok()
            .and_then(|instant| instant.format(format).ok())
            .expect("a moment up to the year 9999 has every part of a date")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_for_machines_and_people() {
        let moment = Timestamp(1_795_267_507);
        assert_eq!(moment.rfc_3339(), "2026-11-21T13:25:07Z");
        assert_eq!(moment.for_people(), "21 November 2026, 13:25 UTC");
        assert_eq!(moment.day(), "21 November 2026");
        assert_eq!(moment.short_minute(), "2026-11-21 13:25");
        assert_eq!(moment.whole_minute().http(), "Sat, 21 Nov 2026 13:25:00 GMT");
    }

    #[test]
    fn a_day_is_read_as_it_is_written() {
        let day = Timestamp::parse_day(" 2026-11-21 ").unwrap();
        assert_eq!(day, Timestamp(1_795_267_507).day_start());
        assert_eq!(day.short_day(), "2026-11-21");
        assert_eq!(Timestamp::parse_day("2024-02-29").unwrap().short_day(), "2024-02-29");
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "21.11.2026",
            "1969-12-31",
            "2026-11-21T00",
            "+026-11-21",
        ] {
            assert_eq!(Timestamp::parse_day(text), Err(NotADay), "{text:?}");
        }
    }

    #[test]
    fn a_week_begins_with_its_monday() {
        let week = |day: &str| Timestamp::parse_day(day).unwrap().plus_minutes(61).week_start();
        assert_eq!(week("2026-11-21").short_day(), "2026-11-16");
        assert_eq!(week("2026-11-16").short_day(), "2026-11-16");
        assert_eq!(week("2026-11-15").short_day(), "2026-11-09");
        assert_eq!(week("1970-01-04"), Timestamp(0));
        assert_eq!(week("1970-01-05").short_day(), "1970-01-05");
        assert_eq!(week("2026-11-21").month(), "Nov");
    }

    #[test]
    fn minutes_left_are_rounded_up_and_never_below_zero() {
        let now = Timestamp(1_000);
        assert_eq!(now.plus_minutes(120).minutes_after(now), 120);
        assert_eq!(Timestamp(1_001).minutes_after(now), 1);
        assert_eq!(now.minutes_after(Timestamp(2_000)), 0);
    }

    #[test]
    fn a_moment_is_rounded_up_to_minutes_and_never_down() {
        let moment = Timestamp(1_795_267_507);
        assert_eq!(moment.rounded_up(1).rfc_3339(), "2026-11-21T13:26:00Z");
        assert_eq!(moment.rounded_up(15).rfc_3339(), "2026-11-21T13:30:00Z");
        for whole in [1, 15] {
            assert_eq!(moment.rounded_up(whole).rounded_up(whole), moment.rounded_up(whole));
        }
    }

    #[test]
    fn a_moment_ends_with_the_year_9999() {
        assert!(Timestamp::new(Timestamp::LAST).is_ok());
        assert_eq!(Timestamp::new(Timestamp::LAST + 1), Err(NotATimestamp));
        assert_eq!(Timestamp::new(-1), Err(NotATimestamp));
        assert_eq!(Timestamp(5).plus_days(i64::MAX).get(), Timestamp::LAST);
    }
}
