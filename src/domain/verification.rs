//! Verifications: declarations are checked, the person explains, both questions are answered.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Duty;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::World;
use crate::domain::context;
use crate::domain::dates;
use crate::domain::dates::Day;
use crate::domain::declaration;
use crate::domain::entity;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::EventType;
use crate::events::ExplanationReceived;
use crate::events::FieldCorrection;
use crate::events::Truthfulness;
use crate::events::VerificationConcluded;
use crate::events::VerificationOrdered;

const ORDERING: &[EventType] = &[EventType::VerificationOrdered];
const RUNNING: &[EventType] = &[EventType::ExplanationReceived, EventType::VerificationConcluded];

/// A verification that was ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    at: u64,
    person: Id,
    body: Id,
    /// The first day on which it may have been ordered.
    ordered: Option<Day>,
    due: Option<Day>,
    /// Index of the entry that concluded it.
    concluded: Option<u64>,
}

impl State {
    fn allowed(&self) -> &'static [EventType] {
        if self.concluded.is_some() { &[] } else { RUNNING }
    }

    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Verification(verification)) => verification,
            _ => Self::default(),
        }
    }

    /// By when it is to be concluded.
    pub(super) fn duty(&self) -> Option<Duty> {
        Some(Duty { body: self.body, due: self.due?, open: self.concluded.is_none() })
    }

    /// Without what the entry at this index brought; none where it was ordered by it.
    pub(super) fn voided(mut self, target: u64) -> Option<Self> {
        self.concluded = self.concluded.filter(|at| *at != target);
        (self.at != target).then_some(self)
    }

    /// With what the entry at this index should have said.
    pub(super) fn corrected(&mut self, target: u64, field: &FieldCorrection) {
        match field.path.as_str() {
            "ordered_on" if self.at == target => self.ordered = shape::corrected_date(field).map(dates::earliest),
            "due_on" if self.at == target => self.due = shape::corrected_date(field).map(dates::latest),
            _ => {}
        }
    }
}

/// Looks at a verification of this person that runs.
fn running(
    id: &str,
    person_id: &str,
    world: &dyn World,
    rule: impl FnOnce(&State) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let found = world.state("verification", id);
    let Some(domain::State::Verification(verification)) = found.as_deref() else {
        return Err(Rejection::by_state(Rule::StreamUnknown, "verification_id", ORDERING));
    };
    if verification.concluded.is_some() {
        return Err(Rejection::by_state(Rule::AlreadyConcluded, "verification_id", verification.allowed()));
    }
    if verification.person != Id::of(person_id) {
        return Err(Rejection::new(Rule::NotTheVerified, "person_id", Detail::Nothing));
    }
    rule(verification)
}

/// The verification, where one is named, is recorded.
pub(super) fn recorded(field: &str, id: &str, world: &dyn World) -> Result<(), Rejection> {
    match world.state("verification", id).as_deref() {
        _ if id.is_empty() => Ok(()),
        Some(domain::State::Verification(_)) => Ok(()),
        _ => Err(Rejection::new(Rule::StreamUnknown, field, Detail::Nothing)),
    }
}

impl Fact for VerificationOrdered {
    fn check(&self) -> Result<(), Rejection> {
        shape::in_order(("ordered_on", self.ordered_on.as_ref()), ("due_on", self.due_on.as_ref()))?;
        let field = |place| format!("declaration_ids[{place}]");
        shape::each_once(Rule::NumberRepeated, field, &self.declaration_ids)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Verification(found)) = world.state("verification", &self.verification_id).as_deref()
        {
            return Err(Rejection::by_state(Rule::AlreadyOrdered, "verification_id", found.allowed()));
        }
        entity::person("person_id", &self.person_id, world)?;
        for (place, id) in self.declaration_ids.iter().enumerate() {
            declaration::of_person(&format!("declaration_ids[{place}]"), id, &self.person_id, world)?;
        }
        entity::body("ordered_by_id", &self.ordered_by_id, world)?;
        context::happened("ordered_on", self.ordered_on.as_ref(), world)
    }

    fn evolve(&self, _: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Verification(State {
            at,
            person: Id::of(&self.person_id),
            body: Id::of(&self.ordered_by_id),
            ordered: self.ordered_on.as_ref().map(dates::earliest),
            due: self.due_on.as_ref().map(dates::latest),
            concluded: None,
        })
    }
}

impl Fact for ExplanationReceived {
    fn check(&self) -> Result<(), Rejection> {
        let received = ("received_on", self.received_on.as_ref());
        shape::in_order(("requested_on", self.requested_on.as_ref()), received)?;
        shape::document("document", self.document.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        running(&self.verification_id, &self.person_id, world, |_| Ok(()))?;
        context::happened("requested_on", self.requested_on.as_ref(), world)?;
        context::happened("received_on", self.received_on.as_ref(), world)
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        domain::State::Verification(State::of(state))
    }
}

impl Fact for VerificationConcluded {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("concluded_on", self.concluded_on.as_ref())?;
        shape::document("document", self.document.as_ref())?;
        if self.truthfulness() == Truthfulness::Truthful && !self.discrepancies.is_empty() {
            let count = Detail::Count { expected: 0, found: self.discrepancies.len() };
            return Err(Rejection::new(Rule::DiscrepancyInTruth, "discrepancies", count));
        }
        Ok(())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        running(&self.verification_id, &self.person_id, world, |verification| {
            let concluded = ("concluded_on", self.concluded_on.as_ref());
            context::not_before(Rule::ConcludedBeforeOrdered, concluded, verification.ordered)
        })?;
        context::happened("concluded_on", self.concluded_on.as_ref(), world)?;
        entity::body("concluded_by_id", &self.concluded_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Verification(State { concluded: Some(at), ..State::of(state) })
    }
}

#[cfg(test)]
mod tests;
