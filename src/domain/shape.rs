//! Shape of the values that events share. Each function names the field inside the value that it was given.

use std::collections::BTreeSet;

use crate::domain::dates;
use crate::domain::dates::Date;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::events::DocumentReference;
use crate::events::FieldCorrection;
use crate::events::Money;
use crate::events::PartialDate;
use crate::events::Period;
use crate::events::Term;
use crate::events::field_correction::Value;

const DIGEST_LEN: usize = 32;
const NANOS: i32 = 1_000_000_000;

/// A date, where there is one, is in the calendar.
pub(super) fn date(field: &str, date: Option<&PartialDate>) -> Result<(), Rejection> {
    match date {
        Some(date) if !dates::exists(date) => {
            Err(Rejection::new(Rule::DateImpossible, field, Detail::Date(date.into())))
        }
        Some(_) | None => Ok(()),
    }
}

/// The date that a correction puts in the place of another.
pub(super) const fn corrected_date(field: &FieldCorrection) -> Option<&PartialDate> {
    match &field.value {
        Some(Value::Date(date)) => Some(date),
        _ => None,
    }
}

/// Documents say when they were issued and have whole digests.
pub(super) fn document(field: &str, document: Option<&DocumentReference>) -> Result<(), Rejection> {
    let Some(document) = document else { return Ok(()) };
    date(&format!("{field}.issued_on"), document.issued_on.as_ref())?;
    if document.sha256.is_empty() { Ok(()) } else { digest(&format!("{field}.sha256"), &document.sha256) }
}

/// Both dates are in the calendar, and the second is not certainly before the first.
pub(super) fn in_order(
    (earlier, first): (&str, Option<&PartialDate>),
    (later, second): (&str, Option<&PartialDate>),
) -> Result<(), Rejection> {
    date(earlier, first)?;
    date(later, second)?;
    match (first, second) {
        (Some(first), Some(second)) if dates::certainly_before(second, first) => Err(Rejection::new(
            Rule::PeriodReversed,
            later,
            Detail::NotBefore { found: Date::from(second), bound: dates::earliest(first) },
        )),
        _ => Ok(()),
    }
}

/// Both dates, where they are there, are in the calendar and in order.
pub(super) fn from_to(from: Option<&PartialDate>, to: Option<&PartialDate>) -> Result<(), Rejection> {
    in_order(("from", from), ("to", to))
}

/// A period, where there is one, is in order.
pub(super) fn period(field: &str, period: Option<&Period>) -> Result<(), Rejection> {
    period.map_or(Ok(()), |period| {
        from_to(period.from.as_ref(), period.to.as_ref()).map_err(|rejection| rejection.within(field))
    })
}

/// A length of time, where there is one, is more than nothing.
pub(super) fn term(field: &str, term: Option<&Term>) -> Result<(), Rejection> {
    match term {
        Some(Term { years: 0, months: 0, days: 0 }) => Err(Rejection::new(Rule::TermEmpty, field, Detail::Number(0))),
        Some(_) | None => Ok(()),
    }
}

/// An amount has a currency, and is written in one way.
pub(super) fn money(money: &Money) -> Result<(), Rejection> {
    if money.currency.is_empty() {
        return Err(Rejection::new(Rule::CurrencyMissing, "currency", Detail::Nothing));
    }
    let nanos = || Detail::Number(money.nanos.into());
    if money.nanos <= -NANOS || money.nanos >= NANOS {
        return Err(Rejection::new(Rule::NanosOutOfRange, "nanos", nanos()));
    }
    if money.units.signum() * i64::from(money.nanos.signum()) < 0 {
        return Err(Rejection::new(Rule::MoneySignsDiffer, "nanos", nanos()));
    }
    Ok(())
}

/// No value stands twice. `rule` says what they are; the field is that of the second.
pub(super) fn each_once<T: Ord>(
    rule: Rule,
    field: impl Fn(usize) -> String,
    values: impl IntoIterator<Item = T>,
) -> Result<(), Rejection> {
    let mut seen = BTreeSet::new();
    match values.into_iter().position(|value| !seen.insert(value)) {
        Some(place) => Err(Rejection::new(rule, field(place), Detail::Nothing)),
        None => Ok(()),
    }
}

/// A digest has its length.
pub(super) fn digest(field: &str, digest: &[u8]) -> Result<(), Rejection> {
    if digest.len() == DIGEST_LEN {
        return Ok(());
    }
    Err(Rejection::new(Rule::DigestLength, field, Detail::Count { expected: DIGEST_LEN, found: digest.len() }))
}
