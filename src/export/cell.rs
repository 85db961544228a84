//! What stands in a cell of a table, and how events become it.

use prost_types::Timestamp;

use crate::domain::dates::Date;
use crate::domain::dates::Day;
use crate::events::Code;
use crate::events::Money;
use crate::events::PartialDate;

/// The value of a cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// Not known, not stated, or erased.
    Absent,
    /// Text, a name, a word of a list, a date or a time.
    Text(String),
    /// A number without a fraction, never negative.
    Whole(u64),
    /// A number with a fraction, written out: `-12.5`.
    Decimal(String),
    /// Yes or no.
    Flag(bool),
    /// Several texts in their order.
    List(Vec<String>),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Any text.
    Text,
    /// `kind/id`.
    Name,
    /// A word of a fixed list.
    Word,
    /// `2026`, `2026-05` or `2026-05-03`, as far as it is known.
    Date,
    /// `2026-05-03T08:30:00.000Z`.
    Time,
    /// A number without a fraction, from 0 to 2^64 − 1.
    Whole,
    /// A number with a fraction.
    Decimal,
    /// Yes or no.
    Flag,
    /// Several texts.
    List,
}

impl Type {
    /// Its name in the dictionary.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Name => "name",
            Self::Word => "word",
            Self::Date => "date",
            Self::Time => "time",
            Self::Whole => "whole number",
            Self::Decimal => "decimal number",
            Self::Flag => "flag",
            Self::List => "list",
        }
    }

    /// Whether a cell can stand in a column of this type.
    pub const fn holds(self, cell: &Cell) -> bool {
        match cell {
            Cell::Absent => true,
            Cell::Text(_) => matches!(self, Self::Text | Self::Name | Self::Word | Self::Date | Self::Time),
            Cell::Whole(_) => matches!(self, Self::Whole),
            Cell::Decimal(_) => matches!(self, Self::Decimal),
            Cell::Flag(_) => matches!(self, Self::Flag),
            Cell::List(_) => matches!(self, Self::List),
        }
    }
}

/// Text; empty is absent.
pub(super) fn text(text: &str) -> Cell {
    if text.is_empty() { Cell::Absent } else { Cell::Text(text.to_owned()) }
}

/// The name of an id of a kind.
pub(super) fn name(kind: &str, id: &str) -> Cell {
    if id.is_empty() { Cell::Absent } else { Cell::Text(format!("{kind}/{id}")) }
}

/// A value of an enum of the protos, without the prefix that its values share; absent where it is not set.
pub(super) fn word(value: &'static str, prefix: &str) -> Cell {
    match value.strip_prefix(prefix) {
        Some("UNSPECIFIED") => Cell::Absent,
        Some(word) => text(word),
        None => text(value),
    }
}

pub(super) fn number(number: impl Into<u64>) -> Cell {
    Cell::Whole(number.into())
}

pub(super) fn count(count: usize) -> Cell {
    Cell::Whole(u64::try_from(count).expect("a count of what is in memory fits"))
}

pub(super) fn optional(number: Option<u64>) -> Cell {
    number.map_or(Cell::Absent, Cell::Whole)
}

pub(super) fn scheme(code: Option<&Code>) -> Cell {
    code.map_or(Cell::Absent, |code| text(&code.scheme))
}

pub(super) fn code(code: Option<&Code>) -> Cell {
    code.map_or(Cell::Absent, |code| text(&code.code))
}

pub(super) fn date(date: Option<&PartialDate>) -> Cell {
    date.map_or(Cell::Absent, |date| Cell::Text(Date::from(date).to_string()))
}

pub(super) fn time(time: Option<&Timestamp>) -> Cell {
    let unix_ms = |time: &Timestamp| {
        let seconds = u64::try_from(time.seconds).ok()?;
        let millis = u64::try_from(time.nanos / 1_000_000).ok()?;
        Some(seconds * 1000 + millis)
    };
    time.and_then(unix_ms).map_or(Cell::Absent, |unix_ms| Cell::Text(written(unix_ms)))
}

/// A moment in UTC, from Unix time in milliseconds.
pub(super) fn written(unix_ms: u64) -> String {
    let day = Day::from_unix_ms(unix_ms);
    let of_day = unix_ms % 86_400_000;
    let (hours, minutes) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (seconds, millis) = (of_day / 1000 % 60, of_day % 1000);
    format!("{day}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
}

/// Units and billionths, without zeros that say nothing.
pub(super) fn decimal(money: Option<&Money>) -> Cell {
    let Some(money) = money else { return Cell::Absent };
    let sign = if money.units < 0 || money.nanos < 0 { "-" } else { "" };
    let fraction = format!("{:09}", money.nanos.unsigned_abs());
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Cell::Decimal(format!("{sign}{}{point}{fraction}", money.units.unsigned_abs()))
}
