//! Requests of persons about their own records: received, acknowledged, extended once, and fulfilled or refused. What is
//! asked for is done, or not, by other events.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Duty;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::World;
use crate::domain::context;
use crate::domain::dates;
use crate::domain::dates::Date;
use crate::domain::dates::Day;
use crate::domain::entity;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::EventType;
use crate::events::FieldCorrection;
use crate::events::PartialDate;
use crate::events::RightsAcknowledged;
use crate::events::RightsExtended;
use crate::events::RightsFulfilled;
use crate::events::RightsReceived;
use crate::events::RightsRefused;

const RECEIVING: &[EventType] = &[EventType::RightsReceived];
const OPEN: &[EventType] =
    &[EventType::RightsAcknowledged, EventType::RightsExtended, EventType::RightsFulfilled, EventType::RightsRefused];

/// A request that was received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    at: u64,
    person: Id,
    body: Id,
    /// The first day on which it may have been received.
    received: Option<Day>,
    /// By when it is to be acknowledged.
    ack_due: Option<Day>,
    /// By when it is to be answered, as it was received.
    due: Option<Day>,
    /// Index of the entry that acknowledged it.
    acknowledged: Option<u64>,
    /// Index of the entry that extended it, and the new day.
    extended: Option<(u64, Option<Day>)>,
    /// Index of the entry that fulfilled or refused it.
    ended: Option<u64>,
}

impl State {
    const fn allowed(&self) -> &'static [EventType] {
        if self.ended.is_some() { &[] } else { OPEN }
    }

    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Rights(rights)) => rights,
            _ => Self::default(),
        }
    }

    /// By when it is to be answered now.
    fn answer_due(&self) -> Option<Day> {
        self.extended.map_or(self.due, |(_, due)| due)
    }

    /// What is to be done next: to acknowledge it, or else to answer it.
    pub(super) fn duty(&self) -> Option<Duty> {
        let to_acknowledge = self.acknowledged.is_none() && self.ended.is_none();
        let due = if to_acknowledge { self.ack_due } else { self.answer_due() };
        Some(Duty { body: self.body, due: due?, open: self.ended.is_none() })
    }

    /// Without what the entry at this index brought; none where it was received by it.
    pub(super) fn voided(mut self, target: u64) -> Option<Self> {
        self.acknowledged = self.acknowledged.filter(|at| *at != target);
        self.extended = self.extended.filter(|(at, _)| *at != target);
        self.ended = self.ended.filter(|at| *at != target);
        (self.at != target).then_some(self)
    }

    /// With what the entry at this index should have said.
    pub(super) fn corrected(&mut self, target: u64, field: &FieldCorrection) {
        let date = shape::corrected_date(field);
        match field.path.as_str() {
            "received_on" if self.at == target => self.received = date.map(dates::earliest),
            "ack_due_on" if self.at == target => self.ack_due = date.map(dates::latest),
            "due_on" if self.at == target => self.due = date.map(dates::latest),
            "due_on" => {
                if let Some((_, due)) = self.extended.as_mut().filter(|(at, _)| *at == target) {
                    *due = date.map(dates::latest);
                }
            }
            _ => {}
        }
    }
}

/// Looks at an open request of this person.
fn open(
    (id, person_id): (&str, &str),
    world: &dyn World,
    rule: impl FnOnce(&State) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let found = world.state("rights", id);
    let Some(domain::State::Rights(rights)) = found.as_deref() else {
        return Err(Rejection::by_state(Rule::StreamUnknown, "rights_id", RECEIVING));
    };
    if rights.ended.is_some() {
        return Err(Rejection::by_state(Rule::RequestEnded, "rights_id", rights.allowed()));
    }
    if rights.person != Id::of(person_id) {
        return Err(Rejection::new(Rule::NotTheRequester, "person_id", Detail::Nothing));
    }
    rule(rights)
}

/// The request, where one is named, is recorded and this person's.
pub(super) fn of_person(field: &str, id: &str, person_id: &str, world: &dyn World) -> Result<(), Rejection> {
    match world.state("rights", id).as_deref() {
        _ if id.is_empty() => Ok(()),
        Some(domain::State::Rights(rights)) if rights.person == Id::of(person_id) => Ok(()),
        Some(domain::State::Rights(_)) => Err(Rejection::new(Rule::NotTheRequester, field, Detail::Nothing)),
        _ => Err(Rejection::new(Rule::StreamUnknown, field, Detail::Nothing)),
    }
}

/// What follows a request has happened, and not before it was received.
fn follows(rights: &State, (field, date): (&str, Option<&PartialDate>), world: &dyn World) -> Result<(), Rejection> {
    context::happened(field, date, world)?;
    context::not_before(Rule::BeforeTheRequest, (field, date), rights.received)
}

fn evolved(state: Option<domain::State>, change: impl FnOnce(&mut State)) -> domain::State {
    let mut rights = State::of(state);
    change(&mut rights);
    domain::State::Rights(rights)
}

impl Fact for RightsReceived {
    fn check(&self) -> Result<(), Rejection> {
        let ack_due = ("ack_due_on", self.ack_due_on.as_ref());
        shape::in_order(("received_on", self.received_on.as_ref()), ack_due)?;
        shape::in_order(ack_due, ("due_on", self.due_on.as_ref()))
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Rights(found)) = world.state("rights", &self.rights_id).as_deref() {
            return Err(Rejection::by_state(Rule::RequestAlreadyReceived, "rights_id", found.allowed()));
        }
        entity::person("person_id", &self.person_id, world)?;
        entity::body("received_by_id", &self.received_by_id, world)?;
        context::happened("received_on", self.received_on.as_ref(), world)?;
        let known = self.target.split_once('/').and_then(|(kind, id)| world.state(kind, id));
        if known.is_none() && !self.target.is_empty() {
            return Err(Rejection::new(Rule::StreamUnknown, "target", Detail::Nothing));
        }
        Ok(())
    }

    fn evolve(&self, _: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Rights(State {
            at,
            person: Id::of(&self.person_id),
            body: Id::of(&self.received_by_id),
            received: self.received_on.as_ref().map(dates::earliest),
            ack_due: self.ack_due_on.as_ref().map(dates::latest),
            due: self.due_on.as_ref().map(dates::latest),
            ..State::default()
        })
    }
}

impl Fact for RightsAcknowledged {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("acknowledged_on", self.acknowledged_on.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        open((&self.rights_id, &self.person_id), world, |rights| {
            if rights.acknowledged.is_some() {
                return Err(Rejection::by_state(Rule::RequestAlreadyAcknowledged, "rights_id", &OPEN[1..]));
            }
            follows(rights, ("acknowledged_on", self.acknowledged_on.as_ref()), world)
        })
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        evolved(state, |rights| rights.acknowledged = Some(at))
    }
}

impl Fact for RightsExtended {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("due_on", self.due_on.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        open((&self.rights_id, &self.person_id), world, |rights| {
            if rights.extended.is_some() {
                return Err(Rejection::by_state(Rule::RequestAlreadyExtended, "rights_id", rights.allowed()));
            }
            match (self.due_on.as_ref(), rights.due) {
                (Some(date), Some(due)) if dates::latest(date) <= due => {
                    let detail = Detail::NotBefore { found: Date::from(date), bound: due.next() };
                    Err(Rejection::new(Rule::ExtensionNotLater, "due_on", detail))
                }
                _ => Ok(()),
            }
        })
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        evolved(state, |rights| rights.extended = Some((at, self.due_on.as_ref().map(dates::latest))))
    }
}

impl Fact for RightsFulfilled {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("fulfilled_on", self.fulfilled_on.as_ref())?;
        if self.package_sha256.is_empty() { Ok(()) } else { shape::digest("package_sha256", &self.package_sha256) }
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        open((&self.rights_id, &self.person_id), world, |rights| {
            follows(rights, ("fulfilled_on", self.fulfilled_on.as_ref()), world)
        })
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        evolved(state, |rights| rights.ended = Some(at))
    }
}

impl Fact for RightsRefused {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("refused_on", self.refused_on.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        open((&self.rights_id, &self.person_id), world, |rights| {
            follows(rights, ("refused_on", self.refused_on.as_ref()), world)
        })
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        evolved(state, |rights| rights.ended = Some(at))
    }
}

#[cfg(test)]
mod tests;
