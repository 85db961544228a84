//! Duties to declare: who must file what by when, and what met them.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Duty;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::World;
use crate::domain::dates;
use crate::domain::dates::Day;
use crate::domain::entity;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::DeclarationSubmitted;
use crate::events::EventType;
use crate::events::FieldCorrection;
use crate::events::ObligationCreated;

/// A duty to file one declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    at: u64,
    person: Id,
    /// The number of a `DeclarationKind`.
    kind: i32,
    body: Id,
    due: Option<Day>,
    /// Indexes of the declarations that name it.
    met: Vec<u64>,
}

impl State {
    /// By when it is to be filed.
    pub(super) fn duty(&self) -> Option<Duty> {
        Some(Duty { body: self.body, due: self.due?, open: self.met.is_empty() })
    }

    /// A declaration that names it was submitted by the entry at this index.
    pub(super) fn meet(&mut self, at: u64) {
        self.met.push(at);
    }

    /// Without what the entry at this index brought; none where it was created by it.
    pub(super) fn voided(mut self, target: u64) -> Option<Self> {
        self.met.retain(|at| *at != target);
        (self.at != target).then_some(self)
    }

    /// With what the entry at this index should have said.
    pub(super) fn corrected(&mut self, target: u64, field: &FieldCorrection) {
        if self.at == target && field.path == "due_on" {
            self.due = shape::corrected_date(field).map(dates::latest);
        }
    }
}

/// The obligation, where one is named, is this person's and wants this kind of declaration.
pub(super) fn met_by(declaration: &DeclarationSubmitted, world: &dyn World) -> Result<(), Rejection> {
    if declaration.obligation_id.is_empty() {
        return Ok(());
    }
    let found = world.state("obligation", &declaration.obligation_id);
    let Some(domain::State::Obligation(obligation)) = found.as_deref() else {
        return Err(Rejection::new(Rule::StreamUnknown, "obligation_id", Detail::Nothing));
    };
    if obligation.person != Id::of(&declaration.person_id) {
        return Err(Rejection::new(Rule::NotTheObliged, "person_id", Detail::Nothing));
    }
    if obligation.kind != declaration.kind {
        return Err(Rejection::new(Rule::KindDiffers, "kind", Detail::Number(declaration.kind.into())));
    }
    Ok(())
}

impl Fact for ObligationCreated {
    fn check(&self) -> Result<(), Rejection> {
        shape::period("period", self.period.as_ref())?;
        shape::date("due_on", self.due_on.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Obligation(_)) = world.state("obligation", &self.obligation_id).as_deref() {
            const NONE: &[EventType] = &[];
            return Err(Rejection::by_state(Rule::AlreadyCreated, "obligation_id", NONE));
        }
        entity::person("person_id", &self.person_id, world)?;
        entity::body("body_id", &self.body_id, world)
    }

    fn evolve(&self, _: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Obligation(State {
            at,
            person: Id::of(&self.person_id),
            kind: self.kind,
            body: Id::of(&self.body_id),
            due: self.due_on.as_ref().map(dates::latest),
            met: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests;
