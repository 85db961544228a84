//! Appeals of a respondent against a decision.

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
use crate::events::AppealDecided;
use crate::events::AppealLodged;
use crate::events::Context;
use crate::events::EventType;
use crate::events::FieldCorrection;
use crate::events::PartialDate;

const LODGING: &[EventType] = &[EventType::AppealLodged];
const DECIDING: &[EventType] = &[EventType::AppealDecided];

/// An appeal that was lodged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    at: u64,
    decision: Id,
    respondent: Id,
    /// The first day on which it may have been lodged.
    lodged: Option<Day>,
    /// The body that it was lodged with.
    body: Id,
    due: Option<Day>,
    /// Index of the entry that decided it.
    decided: Option<u64>,
}

impl State {
    fn allowed(&self) -> &'static [EventType] {
        if self.decided.is_some() { &[] } else { DECIDING }
    }

    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Appeal(appeal)) => appeal,
            _ => Self::default(),
        }
    }

    /// The decision that it is against.
    pub(super) const fn decision(&self) -> Id {
        self.decision
    }

    /// By when it is to be decided.
    pub(super) fn duty(&self) -> Option<Duty> {
        Some(Duty { body: self.body, due: self.due?, open: self.decided.is_none() })
    }

    /// Without what the entry at this index brought; none where it was lodged by it.
    pub(super) fn voided(mut self, target: u64) -> Option<Self> {
        self.decided = self.decided.filter(|at| *at != target);
        (self.at != target).then_some(self)
    }

    /// With what the entry at this index should have said.
    pub(super) fn corrected(&mut self, target: u64, field: &FieldCorrection) {
        match field.path.as_str() {
            "lodged_on" if self.at == target => self.lodged = shape::corrected_date(field).map(dates::earliest),
            "due_on" if self.at == target => self.due = shape::corrected_date(field).map(dates::latest),
            _ => {}
        }
    }
}

/// The appeal, where one is named, is recorded and is against this decision.
pub(super) fn against(field: &str, id: &str, decision_id: &str, world: &dyn World) -> Result<(), Rejection> {
    if id.is_empty() {
        return Ok(());
    }
    match world.state("appeal", id).as_deref() {
        Some(domain::State::Appeal(appeal)) if appeal.decision == Id::of(decision_id) => Ok(()),
        Some(domain::State::Appeal(_)) => Err(Rejection::new(Rule::AppealOfAnotherDecision, field, Detail::Nothing)),
        _ => Err(Rejection::new(Rule::StreamUnknown, field, Detail::Nothing)),
    }
}

/// The date of the act: its own field, or else when the event says that it occurred.
fn act<'a>(
    field: &'static str,
    date: Option<&'a PartialDate>,
    context: Option<&'a Context>,
) -> (&'static str, Option<&'a PartialDate>) {
    if date.is_some() { (field, date) } else { context::occurred_on(context) }
}

impl AppealLodged {
    fn lodged(&self) -> (&'static str, Option<&PartialDate>) {
        act("lodged_on", self.lodged_on.as_ref(), self.context.as_ref())
    }
}

impl Fact for AppealLodged {
    fn check(&self) -> Result<(), Rejection> {
        shape::in_order(("lodged_on", self.lodged_on.as_ref()), ("due_on", self.due_on.as_ref()))
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Appeal(appeal)) = world.state("appeal", &self.appeal_id).as_deref() {
            return Err(Rejection::by_state(Rule::AlreadyLodged, "appeal_id", appeal.allowed()));
        }
        let found = world.state("decision", &self.decision_id);
        let Some(domain::State::Decision(decision)) = found.as_deref() else {
            return Err(Rejection::new(Rule::StreamUnknown, "decision_id", Detail::Nothing));
        };
        decision.appealable("decision_id")?;
        decision.about(&self.respondent_id)?;
        context::happened("lodged_on", self.lodged_on.as_ref(), world)?;
        context::not_before(Rule::BeforeTheDecision, self.lodged(), decision.signed())?;
        entity::body("lodged_with_id", &self.lodged_with_id, world)
    }

    fn evolve(&self, _: Option<domain::State>, at: u64) -> domain::State {
        let (_, lodged) = self.lodged();
        domain::State::Appeal(State {
            at,
            decision: Id::of(&self.decision_id),
            respondent: Id::of(&self.respondent_id),
            lodged: lodged.map(dates::earliest),
            body: Id::of(&self.lodged_with_id),
            due: self.due_on.as_ref().map(dates::latest),
            decided: None,
        })
    }
}

impl Fact for AppealDecided {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("decided_on", self.decided_on.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        let found = world.state("appeal", &self.appeal_id);
        let Some(domain::State::Appeal(appeal)) = found.as_deref() else {
            return Err(Rejection::by_state(Rule::StreamUnknown, "appeal_id", LODGING));
        };
        if appeal.decided.is_some() {
            return Err(Rejection::by_state(Rule::AppealAlreadyDecided, "appeal_id", appeal.allowed()));
        }
        if appeal.decision != Id::of(&self.decision_id) {
            return Err(Rejection::new(Rule::AppealOfAnotherDecision, "decision_id", Detail::Nothing));
        }
        if appeal.respondent != Id::of(&self.respondent_id) {
            return Err(Rejection::new(Rule::NotTheRespondent, "respondent_id", Detail::Nothing));
        }
        context::happened("decided_on", self.decided_on.as_ref(), world)?;
        let decided = act("decided_on", self.decided_on.as_ref(), self.context.as_ref());
        context::not_before(Rule::DecidedBeforeLodged, decided, appeal.lodged)?;
        entity::body("decided_by_id", &self.decided_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Appeal(State { decided: Some(at), ..State::of(state) })
    }
}

#[cfg(test)]
mod tests;
