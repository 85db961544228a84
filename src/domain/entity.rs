//! Persons and public bodies, and who holds which post.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::World;
use crate::domain::context;
use crate::domain::dates;
use crate::domain::dates::Day;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::EventType;
use crate::events::FieldCorrection;
use crate::events::OrganisationRegistered;
use crate::events::PersonRegistered;
use crate::events::PositionAssigned;
use crate::events::PositionEnded;

const REGISTRATIONS: &[EventType] = &[EventType::PersonRegistered, EventType::OrganisationRegistered];
const OF_A_PERSON: &[EventType] = &[EventType::PositionAssigned, EventType::PositionEnded];

/// What an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A holder of a public function.
    Person,
    /// A public body.
    Organisation,
}

/// A registered person or body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    kind: Kind,
    /// Index of the registration.
    at: u64,
    /// In the order of their numbers.
    positions: Vec<Position>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    number: u32,
    /// The first day on which it may have been taken.
    taken: Option<Day>,
    /// Index of the entry that assigned it.
    at: u64,
    /// Index of the entry that ended it.
    ended: Option<u64>,
}

impl State {
    const fn new(kind: Kind, at: u64) -> Self {
        Self { kind, at, positions: Vec::new() }
    }

    /// Without what the entry at this index brought; none where it was the registration.
    pub(super) fn voided(mut self, target: u64) -> Option<Self> {
        self.positions.retain(|position| position.at != target);
        for position in &mut self.positions {
            position.ended = position.ended.filter(|at| *at != target);
        }
        (self.at != target).then_some(self)
    }

    /// With what the entry at this index should have said.
    pub(super) fn corrected(&mut self, target: u64, field: &FieldCorrection) {
        for position in self.positions.iter_mut().filter(|position| position.at == target && field.path == "from") {
            position.taken = shape::corrected_date(field).map(dates::earliest);
        }
    }

    /// What it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    fn allowed(&self) -> &'static [EventType] {
        match self.kind {
            Kind::Person => OF_A_PERSON,
            Kind::Organisation => &[],
        }
    }

    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Entity(entity)) => entity,
            _ => Self::new(Kind::Person, 0),
        }
    }

    fn position(&self, number: u32) -> Result<usize, usize> {
        self.positions.binary_search_by_key(&number, |position| position.number)
    }
}

/// The id is that of a registered person or body.
pub(super) fn registered(field: &str, id: &str, world: &dyn World) -> Result<Kind, Rejection> {
    match world.state("entity", id).as_deref() {
        Some(domain::State::Entity(entity)) => Ok(entity.kind),
        _ => Err(Rejection::new(Rule::NotRegistered, field, Detail::Nothing)),
    }
}

/// The id is that of a registered person.
pub(super) fn person(field: &str, id: &str, world: &dyn World) -> Result<(), Rejection> {
    match registered(field, id, world)? {
        Kind::Person => Ok(()),
        Kind::Organisation => Err(Rejection::new(Rule::NotAPerson, field, Detail::Nothing)),
    }
}

/// The id, where there is one, is that of a registered body.
pub(super) fn body(field: &str, id: &str, world: &dyn World) -> Result<(), Rejection> {
    if id.is_empty() {
        return Ok(());
    }
    match registered(field, id, world)? {
        Kind::Organisation => Ok(()),
        Kind::Person => Err(Rejection::new(Rule::NotAnOrganisation, field, Detail::Nothing)),
    }
}

fn not_yet_registered(id: &str, world: &dyn World) -> Result<(), Rejection> {
    match world.state("entity", id).as_deref() {
        Some(domain::State::Entity(entity)) => {
            Err(Rejection::by_state(Rule::AlreadyRegistered, "entity_id", entity.allowed()))
        }
        _ => Ok(()),
    }
}

/// Looks at the holder of a post.
fn holder(id: &str, world: &dyn World, rule: impl FnOnce(&State) -> Result<(), Rejection>) -> Result<(), Rejection> {
    match world.state("entity", id).as_deref() {
        Some(domain::State::Entity(entity)) if entity.kind == Kind::Person => rule(entity),
        Some(domain::State::Entity(body)) => Err(Rejection::by_state(Rule::NotAPerson, "person_id", body.allowed())),
        _ => Err(Rejection::by_state(Rule::NotRegistered, "person_id", REGISTRATIONS)),
    }
}

impl Fact for PersonRegistered {
    fn check(&self) -> Result<(), Rejection> {
        let birth_date = self.identity.as_ref().and_then(|identity| identity.birth_date.as_ref());
        shape::date("identity.birth_date", birth_date).map_err(Rejection::sealed)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        not_yet_registered(&self.entity_id, world)
    }

    fn evolve(&self, _: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Entity(State::new(Kind::Person, at))
    }
}

impl Fact for OrganisationRegistered {
    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        not_yet_registered(&self.entity_id, world)?;
        body("parent_id", &self.parent_id, world)
    }

    fn evolve(&self, _: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Entity(State::new(Kind::Organisation, at))
    }
}

impl Fact for PositionAssigned {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("from", self.from.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        holder(&self.person_id, world, |person| match person.position(self.position_number) {
            Ok(_) => Err(Rejection::new(
                Rule::PositionNumberUsed,
                "position_number",
                Detail::Number(self.position_number.into()),
            )),
            Err(_) => Ok(()),
        })?;
        body("body_id", &self.body_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        let mut person = State::of(state);
        let taken = self.from.as_ref().map(dates::earliest);
        if let Err(place) = person.position(self.position_number) {
            person.positions.insert(place, Position { number: self.position_number, taken, at, ended: None });
        }
        domain::State::Entity(person)
    }
}

impl Fact for PositionEnded {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("to", self.to.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        let refused = |rule| Rejection::new(rule, "position_number", Detail::Number(self.position_number.into()));
        holder(&self.person_id, world, |person| {
            let place = person.position(self.position_number).map_err(|_| refused(Rule::PositionUnknown))?;
            let position = &person.positions[place];
            if position.ended.is_some() {
                return Err(refused(Rule::PositionAlreadyEnded));
            }
            context::not_before(Rule::PositionEndsBeforeItBegan, ("to", self.to.as_ref()), position.taken)
        })
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        let mut person = State::of(state);
        if let Ok(place) = person.position(self.position_number) {
            person.positions[place].ended = Some(at);
        }
        domain::State::Entity(person)
    }
}

#[cfg(test)]
mod tests;
