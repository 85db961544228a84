//! Days and partial dates of the Gregorian calendar, also before it was in use, by integers alone. Knows no clock and
//! no time zone but UTC.
//!
//! A partial date is every day that it may mean. Two of them are in order for certain only when no day of the one
//! can be on the wrong side of a day of the other, and only then does admission refuse.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::events::PartialDate;
use crate::events::Period;

const DAY_MS: u64 = 86_400_000;
/// Days from 1970-01-01 to 9999-12-31.
const LAST_UNIX_DAY: u64 = 2_932_896;
/// Days from 0000-03-01 to 1970-01-01. Years that begin in March have their leap day at the end.
const MARCH_TO_UNIX: u64 = 719_468;
const YEAR_MAX: u32 = 9999;

/// One day, from 0001-01-01 to 9999-12-31. Displayed as `2026-05-03`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "a day has a day of the month")]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// The first day that can be written.
    pub const MIN: Self = Self { year: 1, month: 1, day: 1 };
    /// The last day that can be written.
    pub const MAX: Self = Self { year: 9999, month: 12, day: 31 };

    /// The day of this year (1 to 9999), month (1 to 12) and day (from 1); none where the calendar has no such day.
    pub fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let real = (1..=YEAR_MAX).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        real.then(|| Self::clamped(year, month, day))
    }

    /// The day in UTC of a moment in milliseconds since 1970-01-01; moments after the year 9999 are its last day.
    pub fn from_unix_ms(unix_ms: u64) -> Self {
        Self::of_number((unix_ms / DAY_MS).min(LAST_UNIX_DAY) + MARCH_TO_UNIX)
    }

    /// The day so many days after 0000-03-01; those after the year 9999 are its last day.
    fn of_number(number: u64) -> Self {
        // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
        let days = number.min(LAST_UNIX_DAY + MARCH_TO_UNIX);
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = 400 * era + year_of_era + u64::from(month <= 2);
        let small = |number: u64| u32::try_from(number).expect("years up to 9999 and parts of them");
        Self::clamped(small(year), small(month), small(day))
    }

    /// Days since 0000-03-01.
    fn number(self) -> u64 {
        // The same source, days_from_civil.
        let (month, day) = (u64::from(self.month), u64::from(self.day));
        let year = u64::from(self.year) - u64::from(month <= 2);
        let (era, year_of_era) = (year / 400, year % 400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
    }

    /// The day so many days later; at most the last day that can be written.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self::of_number(self.number() + u64::from(days))
    }

    /// The day before; the first day is preceded by itself.
    #[must_use]
    pub fn before(self) -> Self {
        if self == Self::MIN { self } else { Self::of_number(self.number() - 1) }
    }

    /// Whether it is a Saturday or Sunday.
    pub fn is_weekend(self) -> bool {
        // 0000-03-01 was a Wednesday.
        (self.number() + 2) % 7 >= 5
    }

    /// Reads `2026-05-03`: four, two and two digits. None for anything else and for days that do not exist.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 10
            && (0..).zip(bytes).all(|(place, byte)| match place {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !shaped {
            return None;
        }
        Self::new(text[..4].parse().ok()?, text[5..7].parse().ok()?, text[8..].parse().ok()?)
    }

    /// The day after; the last day is followed by itself.
    #[must_use]
    pub fn next(self) -> Self {
        let (year, month, day) = (self.year(), self.month(), self.day());
        Self::new(year, month, day + 1)
            .or_else(|| Self::new(year, month + 1, 1))
            .or_else(|| Self::new(year + 1, 1, 1))
            .unwrap_or(Self::MAX)
    }

    /// 1 to 9999.
    pub fn year(self) -> u32 {
        self.year.into()
    }

    /// 1 to 12.
    pub fn month(self) -> u32 {
        self.month.into()
    }

    /// 1 to 31.
    pub fn day(self) -> u32 {
        self.day.into()
    }

    /// The nearest day that exists, part by part.
    fn clamped(year: u32, month: u32, day: u32) -> Self {
        let year = year.clamp(1, YEAR_MAX);
        let month = month.clamp(1, 12);
        let day = day.clamp(1, days_in_month(year, month));
        let fits = "clamped above";
        Self {
            year: u16::try_from(year).expect(fits),
            month: u8::try_from(month).expect(fits),
            day: u8::try_from(day).expect(fits),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl From<Day> for PartialDate {
    fn from(day: Day) -> Self {
        Self { year: day.year(), month: day.month(), day: day.day() }
    }
}

/// A partial date as state and rejections keep it. Displayed as far as it is known: `2026-05`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Date {
    year: u32,
    month: u32,
    day: u32,
}

impl From<&PartialDate> for Date {
    fn from(date: &PartialDate) -> Self {
        Self { year: date.year, month: date.month, day: date.day }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.year, self.month, self.day) {
            (year, 0, 0) => write!(f, "{year:04}"),
            (year, month, 0) => write!(f, "{year:04}-{month:02}"),
            (year, month, day) => write!(f, "{year:04}-{month:02}-{day:02}"),
        }
    }
}

/// Both ends of a period as state keeps them. A period that is absent is one without ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dates {
    from: Option<Date>,
    to: Option<Date>,
}

impl From<Option<&Period>> for Dates {
    fn from(period: Option<&Period>) -> Self {
        Self {
            from: period.and_then(|period| period.from.as_ref()).map(Date::from),
            to: period.and_then(|period| period.to.as_ref()).map(Date::from),
        }
    }
}

/// Whether the calendar has it: a year from 1 to 9999, a month that is known where the day is, a day of that month.
pub fn exists(date: &PartialDate) -> bool {
    match (date.month, date.day) {
        (0, 0) => Day::new(date.year, 1, 1).is_some(),
        (month, 0) => Day::new(date.year, month, 1).is_some(),
        (month, day) => Day::new(date.year, month, day).is_some(),
    }
}

/// The first day that it may mean. Of a date that does not exist, some day near.
pub fn earliest(date: &PartialDate) -> Day {
    Day::clamped(date.year, date.month, date.day)
}

/// The last day that it may mean. Of a date that does not exist, some day near.
pub fn latest(date: &PartialDate) -> Day {
    match (date.month, date.day) {
        (0, _) => Day::clamped(date.year, 12, 31),
        (month, 0) => Day::clamped(date.year, month, 31),
        (month, day) => Day::clamped(date.year, month, day),
    }
}

/// Whether `a` is before `b` whichever days they mean. False also where they may be the same day or nobody can tell.
pub fn certainly_before(a: &PartialDate, b: &PartialDate) -> bool {
    latest(a) < earliest(b)
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests;
