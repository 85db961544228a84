//! What every event may carry beside its own facts, and the dates on which acts happened.

use crate::domain::World;
use crate::domain::dates;
use crate::domain::dates::Date;
use crate::domain::dates::Day;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::Cause;
use crate::events::Context;
use crate::events::PartialDate;
use crate::events::cause::By;

pub(super) fn check(context: Option<&Context>) -> Result<(), Rejection> {
    let Some(context) = context else { return Ok(()) };
    shape::date("context.occurred_on", context.occurred_on.as_ref())?;
    shape::date("context.effective_on", context.effective_on.as_ref())?;
    match context.cause {
        Some(Cause { by: None }) => Err(Rejection::new(Rule::CauseEmpty, "context.cause", Detail::Nothing)),
        Some(Cause { by: Some(_) }) | None => Ok(()),
    }
}

pub(super) fn admit(context: Option<&Context>, world: &impl World) -> Result<(), Rejection> {
    let Some(context) = context else { return Ok(()) };
    happened("context.occurred_on", context.occurred_on.as_ref(), world)?;
    match context.cause.and_then(|cause| cause.by) {
        Some(By::Position(position)) if position >= world.next_index() => {
            Err(Rejection::new(Rule::CauseUnknown, "context.cause.position", number(position)))
        }
        Some(By::EventOfRequest(event)) if event == 0 || event > world.number_in_request() => {
            Err(Rejection::new(Rule::CauseNotEarlier, "context.cause.event_of_request", Detail::Number(event.into())))
        }
        Some(By::Position(_) | By::EventOfRequest(_)) | None => Ok(()),
    }
}

/// The date of an act is not later than the day after the entry's.
pub(super) fn happened(field: &str, date: Option<&PartialDate>, world: &dyn World) -> Result<(), Rejection> {
    let Some(date) = date else { return Ok(()) };
    let bound = world.today().next();
    if dates::earliest(date) <= bound {
        return Ok(());
    }
    Err(Rejection::new(Rule::DateInFuture, field, Detail::NotAfter { found: Date::from(date), bound }))
}

/// What follows is not certainly before `bound`, the first day that what it follows may mean.
pub(super) fn not_before(
    rule: Rule,
    (field, date): (&str, Option<&PartialDate>),
    bound: Option<Day>,
) -> Result<(), Rejection> {
    match (date, bound) {
        (Some(date), Some(bound)) if dates::latest(date) < bound => {
            Err(Rejection::new(rule, field, Detail::NotBefore { found: Date::from(date), bound }))
        }
        _ => Ok(()),
    }
}

/// When it happened, with the name of the field.
pub(super) fn occurred_on(context: Option<&Context>) -> (&'static str, Option<&PartialDate>) {
    ("context.occurred_on", context.and_then(|context| context.occurred_on.as_ref()))
}

/// When it takes effect, with the name of the field.
pub(super) fn effective_on(context: Option<&Context>) -> (&'static str, Option<&PartialDate>) {
    ("context.effective_on", context.and_then(|context| context.effective_on.as_ref()))
}

fn number(position: u64) -> Detail {
    Detail::Number(i64::try_from(position).unwrap_or(i64::MAX))
}
