//! Holds: what must not be forgotten, as long as somebody wants it.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::World;
use crate::domain::entity;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::EventType;
use crate::events::HoldPlaced;
use crate::events::HoldReleased;

const PLACING: &[EventType] = &[EventType::HoldPlaced];
const RELEASING: &[EventType] = &[EventType::HoldReleased];

/// One hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The name of what stays.
    pub target: String,
    /// Whether it has ended.
    pub released: bool,
}

impl State {
    const fn allowed(&self) -> &'static [EventType] {
        if self.released { &[] } else { RELEASING }
    }
}

impl Fact for HoldPlaced {
    fn check(&self) -> Result<(), Rejection> {
        shape::document("document", self.document.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Hold(found)) = world.state("hold", &self.hold_id).as_deref() {
            return Err(Rejection::by_state(Rule::HoldAlreadyPlaced, "hold_id", found.allowed()));
        }
        let known = self.target.split_once('/').and_then(|(kind, id)| world.state(kind, id));
        if known.is_none() {
            return Err(Rejection::new(Rule::StreamUnknown, "target", Detail::Nothing));
        }
        entity::body("placed_by_id", &self.placed_by_id, world)
    }

    fn evolve(&self, _: Option<domain::State>, _: u64) -> domain::State {
        domain::State::Hold(State { target: self.target.clone(), released: false })
    }
}

impl Fact for HoldReleased {
    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        match world.state("hold", &self.hold_id).as_deref() {
            Some(domain::State::Hold(hold)) if hold.released => {
                Err(Rejection::by_state(Rule::HoldAlreadyReleased, "hold_id", hold.allowed()))
            }
            Some(domain::State::Hold(_)) => entity::body("released_by_id", &self.released_by_id, world),
            _ => Err(Rejection::by_state(Rule::StreamUnknown, "hold_id", PLACING)),
        }
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        match state {
            Some(domain::State::Hold(hold)) => domain::State::Hold(State { released: true, ..hold }),
            other => other.unwrap_or(domain::State::Empty),
        }
    }
}

#[cfg(test)]
mod tests;
