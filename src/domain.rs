//! What may be recorded: admission and fold, one file per kind of stream. Knows nothing of bytes, hashes or time of day.
//!
//! Three functions, each over every event there is. [`check`] looks at an event alone, while it still has its
//! personal fields; [`admit`] compares it with what is recorded; [`evolve`] folds it into the state of its stream.
//! Refused is only what cannot be true: a decision taken without a hearing is a fact, an appeal against a decision
//! that does not exist is none. What the options in `proto/` say of single fields (required, format, length) is
//! checked before, from the descriptors, and not again here.

pub mod appeal;
pub mod case;
mod context;
pub mod dates;
pub mod decision;
pub mod declaration;
pub mod entity;
mod id;
pub mod record;
pub mod rejection;
mod shape;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::domain::dates::Day;
use crate::events::Event;

pub use crate::domain::id::Id;
pub use crate::domain::rejection::Detail;
pub use crate::domain::rejection::Rejection;
pub use crate::domain::rejection::Rule;
pub use crate::domain::rejection::RuleKind;

/// State of one stream, as small as admission needs. A derived value: rebuilt from the log, never hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Of `entity/…`.
    Entity(entity::State),
    /// Of `case/…`.
    Case(case::State),
    /// Of `decision/…`.
    Decision(decision::State),
    /// Of `appeal/…`.
    Appeal(appeal::State),
    /// Of `declaration/…`.
    Declaration(declaration::State),
    /// Of `record/…`.
    Record(record::State),
    /// Of a stream in which nothing stands but erasures. Admission takes it for one in which nothing is recorded.
    Empty,
}

/// What admission may ask of the ledger, as of the event's place.
pub trait World {
    /// State of the stream `kind/id`, or none where nothing is recorded.
    fn state(&self, kind: &str, id: &str) -> Option<Arc<State>>;

    /// Whether the same request registers this entity, before or after this event: `record.imported` comes before
    /// the registrations of its row.
    fn registers(&self, entity_id: &str) -> bool;

    /// Day of the entry, UTC, from its `recorded_at`. What is said to have happened later than on the following
    /// day is refused; the day between is for time zones.
    fn today(&self) -> Day;

    /// Index that the entry will have: positions below exist.
    fn next_index(&self) -> u64;

    /// Number of this event in its request, from 0.
    fn number_in_request(&self) -> u32;
}

/// What each event knows of itself.
trait Fact {
    /// Shape beyond types; the context is checked elsewhere.
    fn check(&self) -> Result<(), Rejection> {
        Ok(())
    }

    /// Rules that need state; the context is admitted elsewhere.
    fn admit(&self, world: &dyn World) -> Result<(), Rejection>;

    /// The state of the stream after this.
    fn evolve(&self, state: Option<State>) -> State;
}

/// Shape beyond types that needs no state: dates that exist, periods in order, numbers each once, sections that say
/// what the content holds. `event` still has its personal fields.
///
/// # Errors
///
/// The first rule broken, the context's before the event's own. Its kind is [`RuleKind::Field`].
pub fn check(event: &Event) -> Result<(), Rejection> {
    context::check(event.context())?;
    fact(event).check()
}

/// Whether the event may be recorded in this world. Reads no sealed field: after sealing they are absent.
///
/// # Errors
///
/// The first rule broken: the context's, then those of the stream's state, then those of what it points to. Where
/// the state does not allow the event, the rejection carries the types of events that it does allow.
pub fn admit(event: &Event, world: &impl World) -> Result<(), Rejection> {
    context::admit(event.context(), world)?;
    fact(event).admit(world)
}

/// The state of the stream after `event`. Never says no, reads no sealed field. Called with admitted events, also in
/// replay; with any others it gives some state.
pub fn evolve(state: Option<State>, event: &Event) -> State {
    fact(event).evolve(state)
}

fn fact(event: &Event) -> &dyn Fact {
    match event {
        Event::PersonRegistered(event) => event,
        Event::OrganisationRegistered(event) => event,
        Event::PositionAssigned(event) => event,
        Event::PositionEnded(event) => event,
        Event::CaseOpened(event) => event,
        Event::AllegationRecorded(event) => event,
        Event::AllegationFound(event) => event,
        Event::CaseClosed(event) => event,
        Event::DecisionIssued(event) => event,
        Event::DecisionModified(event) => event,
        Event::DecisionAnnulled(event) => event,
        Event::AppealLodged(event) => event,
        Event::AppealDecided(event) => event,
        Event::DeclarationSubmitted(event) => event,
        Event::DeclarationAmended(event) => event,
        Event::LegacyRecordImported(event) => event,
        Event::EntryErased(event) => event,
    }
}
