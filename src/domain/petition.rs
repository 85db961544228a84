//! Petitions: what was received, and how it was resolved. Who petitions is nobody's business here.

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
use crate::domain::entity;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::EventType;
use crate::events::FieldCorrection;
use crate::events::PetitionReceived;
use crate::events::PetitionResolved;

const RECEIVING: &[EventType] = &[EventType::PetitionReceived];
const RESOLVING: &[EventType] = &[EventType::PetitionResolved];

/// A petition that was received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    at: u64,
    /// Ascending.
    respondents: Vec<Id>,
    body: Id,
    /// The first day on which it may have been received.
    received: Option<Day>,
    due: Option<Day>,
    /// Index of the entry that resolved it.
    resolved: Option<u64>,
}

impl State {
    fn allowed(&self) -> &'static [EventType] {
        if self.resolved.is_some() { &[] } else { RESOLVING }
    }

    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Petition(petition)) => petition,
            _ => Self::default(),
        }
    }

    /// By when it is to be resolved.
    pub(super) fn duty(&self) -> Option<Duty> {
        Some(Duty { body: self.body, due: self.due?, open: self.resolved.is_none() })
    }

    /// Without what the entry at this index brought; none where it was received by it.
    pub(super) fn voided(mut self, target: u64) -> Option<Self> {
        self.resolved = self.resolved.filter(|at| *at != target);
        (self.at != target).then_some(self)
    }

    /// With what the entry at this index should have said.
    pub(super) fn corrected(&mut self, target: u64, field: &FieldCorrection) {
        match field.path.as_str() {
            "received_on" if self.at == target => {
                self.received = shape::corrected_date(field).map(dates::earliest);
            }
            "due_on" if self.at == target => self.due = shape::corrected_date(field).map(dates::latest),
            _ => {}
        }
    }
}

fn sorted(ids: &[String]) -> Vec<Id> {
    let mut ids: Vec<Id> = ids.iter().map(|id| Id::of(id)).collect();
    ids.sort_unstable();
    ids
}

impl Fact for PetitionReceived {
    fn check(&self) -> Result<(), Rejection> {
        shape::in_order(("received_on", self.received_on.as_ref()), ("due_on", self.due_on.as_ref()))?;
        let field = |place| format!("respondent_ids[{place}]");
        shape::each_once(Rule::SubjectRepeated, field, &self.respondent_ids)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Petition(petition)) = world.state("petition", &self.petition_id).as_deref() {
            return Err(Rejection::by_state(Rule::PetitionAlreadyReceived, "petition_id", petition.allowed()));
        }
        entity::body("received_by_id", &self.received_by_id, world)?;
        context::happened("received_on", self.received_on.as_ref(), world)?;
        for (place, id) in self.respondent_ids.iter().enumerate() {
            entity::registered(&format!("respondent_ids[{place}]"), id, world)?;
        }
        Ok(())
    }

    fn evolve(&self, _: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Petition(State {
            at,
            respondents: sorted(&self.respondent_ids),
            body: Id::of(&self.received_by_id),
            received: self.received_on.as_ref().map(dates::earliest),
            due: self.due_on.as_ref().map(dates::latest),
            resolved: None,
        })
    }
}

impl Fact for PetitionResolved {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("resolved_on", self.resolved_on.as_ref())?;
        shape::document("document", self.document.as_ref())?;
        let field = |place| format!("respondent_ids[{place}]");
        shape::each_once(Rule::SubjectRepeated, field, &self.respondent_ids)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        let found = world.state("petition", &self.petition_id);
        let Some(domain::State::Petition(petition)) = found.as_deref() else {
            return Err(Rejection::by_state(Rule::StreamUnknown, "petition_id", RECEIVING));
        };
        if petition.resolved.is_some() {
            return Err(Rejection::by_state(Rule::PetitionAlreadyResolved, "petition_id", petition.allowed()));
        }
        if sorted(&self.respondent_ids) != petition.respondents {
            let count = Detail::Count { expected: petition.respondents.len(), found: self.respondent_ids.len() };
            return Err(Rejection::new(Rule::RespondentsDiffer, "respondent_ids", count));
        }
        context::happened("resolved_on", self.resolved_on.as_ref(), world)?;
        let resolved = ("resolved_on", self.resolved_on.as_ref());
        context::not_before(Rule::ResolvedBeforeReceived, resolved, petition.received)?;
        entity::body("resolved_by_id", &self.resolved_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Petition(State { resolved: Some(at), ..State::of(state) })
    }
}

/// The petition, where one is named, is recorded.
pub(super) fn recorded(field: &str, id: &str, world: &dyn World) -> Result<(), Rejection> {
    match world.state("petition", id).as_deref() {
        _ if id.is_empty() => Ok(()),
        Some(domain::State::Petition(_)) => Ok(()),
        _ => Err(Rejection::new(Rule::StreamUnknown, field, Detail::Nothing)),
    }
}

#[cfg(test)]
mod tests;
