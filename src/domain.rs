//! What may be recorded: admission and fold, one file per kind of stream. Knows nothing of bytes, hashes or time of day.
//!
//! Three functions, each over every event there is. [`check`] looks at an event alone, while it still has its
//! personal fields; [`admit`] compares it with what is recorded; [`evolve`] folds it into the state of its stream.
//! Refused is only what cannot be true: a decision taken without a hearing is a fact, an appeal against a decision
//! that does not exist is none. What the options in `proto/` say of single fields (required, format, length) is
//! checked before, from the descriptors, and not again here.

pub mod access;
pub mod appeal;
pub mod case;
mod context;
pub mod dates;
pub mod decision;
pub mod declaration;
pub mod disclosure;
pub mod dispute;
pub mod entity;
pub mod erasure;
pub mod hold;
mod id;
pub mod obligation;
pub mod petition;
pub mod record;
pub mod rejection;
pub mod rights;
mod shape;
pub mod verification;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::domain::dates::Day;
use crate::events::Event;
use crate::events::FieldCorrection;

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
    /// Of `petition/…`.
    Petition(petition::State),
    /// Of `obligation/…`.
    Obligation(obligation::State),
    /// Of `verification/…`.
    Verification(verification::State),
    /// Of `record/…`.
    Record(record::State),
    /// Of `erasure/…`.
    Erasure(erasure::State),
    /// Of `hold/…`.
    Hold(hold::State),
    /// Of `rights/…`.
    Rights(rights::State),
    /// Of `dispute/…`.
    Dispute(dispute::State),
    /// Of `disclosure/…`.
    Disclosure(disclosure::State),
    /// Of `access/…`.
    Access(access::State),
    /// Of a stream whose first entry is void. Whoever points to it is told that nothing is recorded there.
    Void,
    /// Of a stream in which nothing stands but erasures. Admission takes it for one in which nothing is recorded.
    Empty,
}

/// What a body has to do by a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty {
    /// The body; zeros where none is named.
    pub body: Id,
    /// The last day.
    pub due: Day,
    /// Whether it is still to be done.
    pub open: bool,
}

/// An entry that a correction or void is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Recorded {
    /// Its event without what is sealed, uncorrected.
    Event(Box<Event>),
    /// Its open payload was erased.
    Erased,
    /// It is void.
    Void,
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

    /// Who records it.
    fn principal(&self) -> &str;

    /// The entry at an index, where it was durable before the request was planned and is an event.
    fn recorded(&self, index: u64) -> Option<Recorded>;
}

/// What each event knows of itself.
trait Fact {
    /// Shape beyond types; the context is checked elsewhere.
    fn check(&self) -> Result<(), Rejection> {
        Ok(())
    }

    /// The same for an event whose personal fields are sealed.
    fn check_open(&self) -> Result<(), Rejection> {
        self.check()
    }

    /// Rules that need state; the context is admitted elsewhere.
    fn admit(&self, world: &dyn World) -> Result<(), Rejection>;

    /// The state of the stream after this, which stands at index `at`.
    fn evolve(&self, state: Option<State>, at: u64) -> State;
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

/// The same for an event of which a client sealed some personal fields, so that they are not in it. What can be said of
/// those without reading them is checked; the rules that read them are not.
///
/// # Errors
///
/// As [`check`].
pub fn check_partly_sealed(event: &Event) -> Result<(), Rejection> {
    context::check(event.context())?;
    match event {
        Event::DeclarationSubmitted(event) if event.content.is_none() => {
            event.check_open()?;
            declaration::check_sections_of_sealed(&event.sections)
        }
        Event::DeclarationAmended(event) if event.content.is_none() => {
            event.check_open()?;
            declaration::check_sections_of_sealed(&event.sections)
        }
        Event::StatementAttached(event) if event.statement.is_none() => event.check_open(),
        // What is sealed is a correction.
        Event::RecordCorrected(event) => event.check_rest(),
        event => fact(event).check(),
    }
}

/// The same for an event whose personal fields are sealed.
fn check_open(event: &Event) -> Result<(), Rejection> {
    context::check(event.context())?;
    fact(event).check_open()
}

/// Whether the event may be recorded in this world. Reads no sealed field: after sealing they are absent.
///
/// # Errors
///
/// The first rule broken: the context's, then those of the stream's state, then those of what it points to. Where
/// the state does not allow the event, the rejection carries the types of events that it does allow.
pub fn admit(event: &Event, world: &impl World) -> Result<(), Rejection> {
    context::admit(event.context(), world)?;
    if let Some((kind, id)) = event.stream()
        && matches!(world.state(kind, id).as_deref(), Some(State::Void))
    {
        return Err(Rejection::by_state(Rule::StreamVoid, "", &[]));
    }
    fact(event).admit(world)
}

/// The state of the stream after `event`, which stands at index `at`. Never says no, reads no sealed field. Called
/// with admitted events, also in replay; with any others it gives some state.
pub fn evolve(state: Option<State>, event: &Event, at: u64) -> State {
    fact(event).evolve(state, at)
}

/// The body in whose register the stream stands that this event begins; zeros where none is named.
pub fn kept_by(event: &Event) -> Id {
    let id = match event {
        Event::PetitionReceived(event) => &event.received_by_id,
        Event::CaseOpened(event) => &event.opened_by_id,
        Event::SanctionProposed(event) => &event.proposed_by_id,
        Event::DecisionIssued(event) => &event.issued_by_id,
        Event::AppealLodged(event) => &event.lodged_with_id,
        Event::DeclarationSubmitted(event) => &event.received_by_id,
        Event::ObligationCreated(event) => &event.body_id,
        Event::VerificationOrdered(event) => &event.ordered_by_id,
        Event::HoldPlaced(event) => &event.placed_by_id,
        Event::RightsReceived(event) => &event.received_by_id,
        Event::RecordDisclosed(event) => &event.disclosed_by_id,
        _ => return Id::default(),
    };
    if id.is_empty() { Id::default() } else { Id::of(id) }
}

/// The stream whose state an event changes beside its own: kind and id.
pub fn touched(event: &Event) -> Option<(&str, &str)> {
    match event {
        Event::DeclarationSubmitted(event) if !event.obligation_id.is_empty() => {
            Some(("obligation", &event.obligation_id))
        }
        Event::AppealLodged(event) => Some(("decision", &event.decision_id)),
        Event::AppealDecided(event) => Some(("decision", &event.decision_id)),
        Event::RecordCorrected(event) => event.target.split_once('/'),
        Event::RecordVoided(event) => event.target.split_once('/'),
        _ => None,
    }
}

/// The state of a stream after an event at index `at` in another stream touched it.
pub fn touch(state: State, event: &Event, at: u64) -> State {
    match (state, event) {
        (State::Obligation(mut obligation), Event::DeclarationSubmitted(_)) => {
            obligation.meet(at);
            State::Obligation(obligation)
        }
        (State::Decision(mut decision), Event::AppealLodged(event)) => {
            decision.appealed(Id::of(&event.appeal_id), at);
            State::Decision(decision)
        }
        (State::Decision(mut decision), Event::AppealDecided(event)) => {
            decision.appeal_decided(Id::of(&event.appeal_id), at);
            State::Decision(decision)
        }
        (state, Event::RecordVoided(event)) => state.voided(event.target_position),
        (mut state, Event::RecordCorrected(event)) => {
            event.fields.iter().for_each(|field| state.corrected(event.target_position, field));
            state
        }
        (state, _) => state,
    }
}

impl State {
    /// The stream that entries of this one touched, and that is touched again when they are voided.
    pub fn leads_to(&self) -> Option<(&'static str, Id)> {
        match self {
            Self::Declaration(declaration) => declaration.obligation().map(|id| ("obligation", id)),
            Self::Appeal(appeal) => Some(("decision", appeal.decision())),
            _ => None,
        }
    }

    /// What is to be done by a day, where the events say so.
    pub fn duty(&self) -> Option<Duty> {
        match self {
            Self::Petition(petition) => petition.duty(),
            Self::Case(case) => case.duty(),
            Self::Appeal(appeal) => appeal.duty(),
            Self::Obligation(obligation) => obligation.duty(),
            Self::Verification(verification) => verification.duty(),
            Self::Access(access) => access.duty(),
            Self::Rights(rights) => rights.duty(),
            Self::Entity(_)
            | Self::Decision(_)
            | Self::Declaration(_)
            | Self::Record(_)
            | Self::Erasure(_)
            | Self::Hold(_)
            | Self::Dispute(_)
            | Self::Disclosure(_)
            | Self::Void
            | Self::Empty => None,
        }
    }

    fn voided(self, target: u64) -> Self {
        let left = match self {
            Self::Entity(entity) => entity.voided(target).map(Self::Entity),
            Self::Case(case) => case.voided(target).map(Self::Case),
            Self::Decision(decision) => decision.voided(target).map(Self::Decision),
            Self::Appeal(appeal) => appeal.voided(target).map(Self::Appeal),
            Self::Declaration(declaration) => declaration.voided(target).map(Self::Declaration),
            Self::Petition(petition) => petition.voided(target).map(Self::Petition),
            Self::Obligation(obligation) => obligation.voided(target).map(Self::Obligation),
            Self::Verification(verification) => verification.voided(target).map(Self::Verification),
            Self::Rights(rights) => rights.voided(target).map(Self::Rights),
            Self::Disclosure(disclosure) => disclosure.voided(target).map(Self::Disclosure),
            // What the imports saw stays seen; so does who read what; erasures, holds and disputes end in
            // their own ways.
            other @ (Self::Record(_)
            | Self::Erasure(_)
            | Self::Hold(_)
            | Self::Dispute(_)
            | Self::Access(_)
            | Self::Void
            | Self::Empty) => Some(other),
        };
        left.unwrap_or(Self::Void)
    }

    fn corrected(&mut self, target: u64, field: &FieldCorrection) {
        match self {
            Self::Entity(entity) => entity.corrected(target, field),
            Self::Case(case) => case.corrected(target, field),
            Self::Decision(decision) => decision.corrected(target, field),
            Self::Appeal(appeal) => appeal.corrected(target, field),
            Self::Declaration(declaration) => declaration.corrected(target, field),
            Self::Petition(petition) => petition.corrected(target, field),
            Self::Obligation(obligation) => obligation.corrected(target, field),
            Self::Verification(verification) => verification.corrected(target, field),
            Self::Rights(rights) => rights.corrected(target, field),
            Self::Disclosure(disclosure) => disclosure.corrected(target, field),
            Self::Record(_)
            | Self::Access(_)
            | Self::Erasure(_)
            | Self::Hold(_)
            | Self::Dispute(_)
            | Self::Void
            | Self::Empty => {}
        }
    }
}

fn fact(event: &Event) -> &dyn Fact {
    match event {
        Event::PersonRegistered(event) => event,
        Event::OrganisationRegistered(event) => event,
        Event::PositionAssigned(event) => event,
        Event::PositionEnded(event) => event,
        Event::CaseOpened(event) => event,
        Event::AllegationRecorded(event) => event,
        Event::RespondentNotified(event) => event,
        Event::StatementReceived(event) => event,
        Event::HearingHeld(event) => event,
        Event::AllegationFound(event) => event,
        Event::CaseClosed(event) => event,
        Event::CaseReopened(event) => event,
        Event::SanctionProposed(event) => event,
        Event::VoteRecorded(event) => event,
        Event::DecisionIssued(event) => event,
        Event::DecisionAnnounced(event) => event,
        Event::DecisionServed(event) => event,
        Event::DecisionModified(event) => event,
        Event::DecisionAnnulled(event) => event,
        Event::DecisionExpired(event) => event,
        Event::AppealLodged(event) => event,
        Event::AppealDecided(event) => event,
        Event::DeclarationSubmitted(event) => event,
        Event::DeclarationAmended(event) => event,
        Event::DeclarationAccepted(event) => event,
        Event::DeclarationPublished(event) => event,
        Event::PublicationEnded(event) => event,
        Event::ObligationCreated(event) => event,
        Event::PetitionReceived(event) => event,
        Event::PetitionResolved(event) => event,
        Event::VerificationOrdered(event) => event,
        Event::ExplanationReceived(event) => event,
        Event::VerificationConcluded(event) => event,
        Event::LegacyRecordImported(event) => event,
        Event::RecordCorrected(event) => event,
        Event::RecordVoided(event) => event,
        Event::EntryErased(event) => event,
        Event::ErasureRequested(event) => event,
        Event::ErasureApproved(event) => event,
        Event::ErasureWithdrawn(event) => event,
        Event::ErasureCompleted(event) => event,
        Event::HoldPlaced(event) => event,
        Event::HoldReleased(event) => event,
        Event::RightsReceived(event) => event,
        Event::RightsAcknowledged(event) => event,
        Event::RightsExtended(event) => event,
        Event::RightsFulfilled(event) => event,
        Event::RightsRefused(event) => event,
        Event::RecordDisputed(event) => event,
        Event::StatementAttached(event) => event,
        Event::DisputeResolved(event) => event,
        Event::RecordDisclosed(event) => event,
        Event::NoticeSent(event) => event,
        Event::NoticeAcknowledged(event) => event,
        Event::AccessRecorded(event) => event,
        Event::EmergencyReviewed(event) => event,
    }
}
