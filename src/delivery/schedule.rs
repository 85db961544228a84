//! When an export is due: a cron expression in a time zone. Knows nothing of what was done.
//!
//! ```
//! use probity::delivery::Schedule;
//!
//! let nightly = Schedule::parse("0 2 * * *", "UTC")?;
//! let due_ms = nightly.next_after(1_767_225_600_000).expect("there is a next night");
//! assert_eq!(probity::delivery::compact(due_ms), "20260101T020000Z");
//! # Ok::<(), String>(())
//! ```

use std::str::FromStr as _;

use croner::Cron;
use jiff::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::domain::dates::Day;

/// Due times.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// Reads an expression of five fields (minute, hour, day of the month, month, day of the week) and the name of a
    /// time zone, as in `Europe/Berlin`.
    ///
    /// # Errors
    ///
    /// One of them is none, or no time fits: in words that begin with the key.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, String> {
        let fields = cron.split_whitespace().count();
        if fields != 5 && !cron.starts_with('@') {
            return Err(format!(
                "cron: five fields (minute, hour, day, month, weekday) or a word like @daily, not {fields}"
            ));
        }
        let cron = Cron::from_str(cron).map_err(|error| format!("cron: {error}"))?;
        let zone = TimeZone::get(zone).map_err(|error| format!("time_zone: {error}"))?;
        let schedule = Self { cron, zone };
        // 2024-01-01: a leap year, so that a 29 February is found at once.
        schedule.next_after(1_704_067_200_000).ok_or_else(|| "cron: no time ever fits it".to_owned())?;
        Ok(schedule)
    }

    /// The first due time after a moment, both Unix time in milliseconds; `None` where there is none any more.
    pub fn next_after(&self, unix_ms: u64) -> Option<u64> {
        let next = self.cron.find_next_occurrence(&self.zoned(unix_ms)?, false).ok()?;
        // Where the clocks are set back, the same hour comes twice; a due time never goes back.
        unix_ms_of(&next).filter(|next| *next > unix_ms)
    }

    /// The last due time at or before a moment.
    pub fn last_upto(&self, unix_ms: u64) -> Option<u64> {
        let last = self.cron.find_previous_occurrence(&self.zoned(unix_ms)?, true).ok()?;
        unix_ms_of(&last).filter(|last| *last <= unix_ms)
    }

    /// The day of a moment in the time zone.
    pub fn day(&self, unix_ms: u64) -> Option<Day> {
        let date = self.zoned(unix_ms)?.date();
        Day::parse(&date.to_string())
    }

    fn zoned(&self, unix_ms: u64) -> Option<Zoned> {
        let moment = Timestamp::from_millisecond(i64::try_from(unix_ms).ok()?).ok()?;
        Some(moment.to_zoned(self.zone.clone()))
    }
}

fn unix_ms_of(moment: &Zoned) -> Option<u64> {
    u64::try_from(moment.timestamp().as_millisecond()).ok()
}

/// A moment to the second as names of folders have it, in UTC: `20260630T020000Z`. In this spelling names sort by time.
pub fn compact(unix_ms: u64) -> String {
    let day = Day::from_unix_ms(unix_ms).to_string().replace('-', "");
    let seconds = unix_ms / 1000 % 86_400;
    format!("{day}T{:02}{:02}{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The moment of a name; `None` where it is in no such spelling.
pub fn parse_compact(name: &str) -> Option<u64> {
    let plain = name.len() == 16 && name.is_ascii() && name.as_bytes()[8] == b'T' && name.ends_with('Z');
    let number = |range: std::ops::Range<usize>| plain.then(|| name[range].parse::<u64>().ok()).flatten();
    let day = Day::new(number(0..4)?.try_into().ok()?, number(4..6)?.try_into().ok()?, number(6..8)?.try_into().ok()?)?;
    let timestamp: Timestamp = format!("{day}T{}:{}:{}Z", &name[9..11], &name[11..13], &name[13..15]).parse().ok()?;
    let unix_ms = u64::try_from(timestamp.as_millisecond()).ok()?;
    (compact(unix_ms) == name).then_some(unix_ms)
}

#[cfg(test)]
mod tests;
