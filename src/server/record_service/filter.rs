//! What lists are asked for, checked: a filter that cannot hold of anything is refused, with its field and rule.

use prost_types::Timestamp;

use crate::domain::dates;
use crate::domain::dates::Day;
use crate::events::Code;
use crate::events::PartialDate;
use crate::events::Period;
use crate::log::Name;
use crate::server::record_service::at;
use crate::server::record_service::errors::Refusal;

/// Days between which a date lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Days {
    pub from: Day,
    pub to: Day,
}

impl Days {
    /// Reads a range; `None` where none is asked for.
    ///
    /// # Errors
    ///
    /// An end is no date, or the first is after the last for certain.
    pub(super) fn parse(field: &'static str, period: Option<&Period>) -> Result<Option<Self>, Refusal> {
        let Some(period) = period else { return Ok(None) };
        let ends = [period.from.as_ref(), period.to.as_ref()];
        if ends.into_iter().flatten().any(|date| !dates::exists(date)) {
            return Err(refused(field, "NOT_A_DATE", "a day, month or year of the calendar"));
        }
        let from = period.from.as_ref().map_or(Day::MIN, dates::earliest);
        let to = period.to.as_ref().map_or(Day::MAX, dates::latest);
        if from > to {
            return Err(refused(field, "REVERSED", "from not after to"));
        }
        Ok(Some(Self { from, to }))
    }

    /// Whether one of the days that a date may mean is among them.
    pub(super) fn hold(self, date: Option<&PartialDate>) -> bool {
        date.is_some_and(|date| dates::earliest(date) <= self.to && dates::latest(date) >= self.from)
    }

    /// Whether a period has one of them; an end that is absent is open.
    pub(super) fn overlap(self, period: Option<&Period>) -> bool {
        period.is_some_and(|period| {
            let from = period.from.as_ref().map_or(Day::MIN, dates::earliest);
            let to = period.to.as_ref().map_or(Day::MAX, dates::latest);
            from <= self.to && to >= self.from
        })
    }
}

/// Whether a date passes a filter.
pub(super) fn passes(days: Option<Days>, date: Option<&PartialDate>) -> bool {
    days.is_none_or(|days| days.hold(date))
}

/// Whether a code passes a filter.
pub(super) fn coded(wanted: Option<&Code>, found: Option<&Code>) -> bool {
    wanted.is_none() || wanted == found
}

/// Whether a number of an enum passes a filter; 0 lets everything pass.
pub(super) const fn valued(wanted: i32, found: i32) -> bool {
    wanted == 0 || wanted == found
}

/// How a body is named.
pub(super) const BODY: &str = "entity, a slash, and an id, 26 characters of Crockford base 32 in upper case";

/// A body; `None` where none is named.
///
/// # Errors
///
/// It is no name of a person or body.
pub(super) fn body(text: &str) -> Result<Option<Name>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let name = Name::parse(text).ok().filter(|name| name.kind() == "entity");
    name.map(Some).ok_or_else(|| refused("body", "NOT_A_NAME", BODY))
}

/// A code that can be somebody's.
///
/// # Errors
///
/// It has no scheme, or no code.
pub(super) fn code(field: &'static str, code: Option<&Code>) -> Result<(), Refusal> {
    match code {
        Some(code) if code.scheme.is_empty() || code.code.is_empty() => {
            Err(refused(field, "REQUIRED", "both a scheme and a code"))
        }
        Some(_) | None => Ok(()),
    }
}

/// A value of an enum.
///
/// # Errors
///
/// There is none of this number.
pub(super) fn value<E: TryFrom<i32>>(field: &'static str, number: i32) -> Result<(), Refusal> {
    E::try_from(number).map(drop).map_err(|_| refused(field, "NOT_A_VALUE", "a value of the enum"))
}

/// A filter that only one of several states lets anything pass through.
///
/// # Errors
///
/// It is set, and another state is asked for.
pub(super) fn fits(
    field: &'static str,
    set: bool,
    state: i32,
    states: &[i32],
    words: &'static str,
) -> Result<(), Refusal> {
    if !set || state == 0 || states.contains(&state) {
        return Ok(());
    }
    Err(refused(field, "NOT_OF_THIS_STATE", words))
}

/// Times between which something was first recorded, in milliseconds since 1970.
///
/// # Errors
///
/// One is no time, or they are reversed.
pub(super) fn recorded(
    from: Option<&Timestamp>,
    to: Option<&Timestamp>,
) -> Result<(Option<u64>, Option<u64>), Refusal> {
    let from = from.map(|time| at::unix_ms("recorded_from", *time)).transpose()?;
    let to = to.map(|time| at::unix_ms("recorded_to", *time)).transpose()?;
    match (from, to) {
        (Some(from), Some(to)) if from > to => {
            Err(refused("recorded_to", "REVERSED", "a time not before recorded_from"))
        }
        _ => Ok((from, to)),
    }
}

pub(super) const fn refused(field: &'static str, rule: &'static str, words: &'static str) -> Refusal {
    Refusal::FieldInvalid { field, rule, words }
}
