//! Reads that were recorded, and what was said of emergency accesses. In a log of their own: the persons that they name are
//! recorded in another, and so are not looked for here.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Duty;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::World;
use crate::domain::dates;
use crate::domain::dates::Day;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::AccessRecorded;
use crate::events::EmergencyReviewed;
use crate::events::EventType;

/// The principal of what the service records by itself.
const SYSTEM: &str = "system";

const RECORDING: &[EventType] = &[EventType::AccessRecorded];
const REVIEWING: &[EventType] = &[EventType::EmergencyReviewed];

/// One call that read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    principal: String,
    /// How many records it has.
    records: u32,
    /// By when it is to be reviewed; none but of an emergency access.
    due: Option<Day>,
    /// Index of the review.
    reviewed: Option<u64>,
}

impl State {
    const fn allowed(&self) -> &'static [EventType] {
        if self.due.is_some() && self.reviewed.is_none() { REVIEWING } else { &[] }
    }

    /// The review of an emergency access.
    pub(super) fn duty(&self) -> Option<Duty> {
        Some(Duty { body: Id::default(), due: self.due?, open: self.reviewed.is_none() })
    }

    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Access(access)) => access,
            _ => Self::default(),
        }
    }
}

fn by_the_service(world: &dyn World) -> Result<(), Rejection> {
    if world.principal() == SYSTEM { Ok(()) } else { Err(Rejection::new(Rule::NotTheService, "", Detail::Nothing)) }
}

impl Fact for AccessRecorded {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("review_due", self.review_due.as_ref())?;
        if self.emergency.is_some() != self.review_due.is_some() {
            return Err(Rejection::new(Rule::ReviewDueMisplaced, "review_due", Detail::Nothing));
        }
        shape::each_once(Rule::SubjectRepeated, |place| format!("person_ids[{place}]"), &self.person_ids)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        by_the_service(world)?;
        let found = world.state("access", &self.access_id);
        let expected = match found.as_deref() {
            Some(domain::State::Access(access)) if access.principal == self.principal => access.records,
            Some(domain::State::Access(access)) => {
                return Err(Rejection::by_state(Rule::AccessOfAnother, "principal", access.allowed()));
            }
            _ => 0,
        };
        if self.number == expected {
            return Ok(());
        }
        Err(Rejection::new(Rule::AccessNotNext, "number", Detail::Number(self.number.into())))
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        let before = State::of(state);
        domain::State::Access(State {
            principal: self.principal.clone(),
            records: before.records.saturating_add(1),
            due: before.due.or_else(|| self.review_due.as_ref().map(dates::latest)),
            reviewed: before.reviewed,
        })
    }
}

impl Fact for EmergencyReviewed {
    fn check(&self) -> Result<(), Rejection> {
        shape::each_once(Rule::SubjectRepeated, |place| format!("person_ids[{place}]"), &self.person_ids)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        by_the_service(world)?;
        let found = world.state("access", &self.access_id);
        let Some(domain::State::Access(access)) = found.as_deref() else {
            return Err(Rejection::by_state(Rule::StreamUnknown, "access_id", RECORDING));
        };
        if access.due.is_none() {
            return Err(Rejection::by_state(Rule::NoEmergency, "access_id", access.allowed()));
        }
        if access.reviewed.is_some() {
            return Err(Rejection::by_state(Rule::AlreadyReviewed, "access_id", access.allowed()));
        }
        if access.principal == self.reviewer {
            return Err(Rejection::new(Rule::ReviewerIsReader, "reviewer", Detail::Nothing));
        }
        Ok(())
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Access(State { reviewed: Some(at), ..State::of(state) })
    }
}

#[cfg(test)]
mod tests;
