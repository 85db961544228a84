//! Disputes: a subject of an entry says that it is not right. The entry counts all the same, and is told with it.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::Recorded;
use crate::domain::World;
use crate::domain::context;
use crate::domain::dates;
use crate::domain::dates::Day;
use crate::domain::entity;
use crate::domain::record;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::rights;
use crate::domain::shape;
use crate::events::DisputeOutcome;
use crate::events::DisputeResolved;
use crate::events::Event;
use crate::events::EventType;
use crate::events::RecordDisputed;
use crate::events::StatementAttached;

/// The longest statement, bytes of text. It is told with every answer that shows the entry.
pub const STATEMENT_BYTES_MAX: usize = 8192;

const DISPUTING: &[EventType] = &[EventType::RecordDisputed];
const ATTACHING: &[EventType] = &[EventType::StatementAttached];
const RESOLVING: &[EventType] = &[EventType::DisputeResolved];
const BOTH: &[EventType] = &[EventType::StatementAttached, EventType::DisputeResolved];

/// One dispute of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The entry.
    position: u64,
    /// The name of the stream that it stands in.
    target: String,
    /// Ascending.
    subjects: Vec<Id>,
    /// The first day on which it may have been disputed.
    disputed: Option<Day>,
    /// Whether a statement is attached.
    stated: bool,
    /// Whether it is resolved.
    resolved: bool,
}

impl State {
    const fn allowed(&self) -> &'static [EventType] {
        match (self.stated, self.resolved) {
            (false, false) => BOTH,
            (true, false) => RESOLVING,
            (false, true) => ATTACHING,
            (true, true) => &[],
        }
    }

    /// What follows a dispute speaks of the same entry.
    fn about(&self, position: u64, target: &str, subject_ids: &[String]) -> Result<(), Rejection> {
        if self.position != position {
            let number = Detail::Number(i64::try_from(position).unwrap_or(i64::MAX));
            return Err(Rejection::new(Rule::NotTheDisputed, "target_position", number));
        }
        if self.target != target {
            return Err(Rejection::new(Rule::TargetInAnotherStream, "target", Detail::Nothing));
        }
        if self.subjects != sorted(subject_ids) {
            let count = Detail::Count { expected: self.subjects.len(), found: subject_ids.len() };
            return Err(Rejection::new(Rule::SubjectsDiffer, "subject_ids", count));
        }
        Ok(())
    }
}

fn sorted(ids: &[String]) -> Vec<Id> {
    let mut ids: Vec<Id> = ids.iter().map(|id| Id::of(id)).collect();
    ids.sort_unstable();
    ids
}

fn known(id: &str, world: &dyn World, rule: impl FnOnce(&State) -> Result<(), Rejection>) -> Result<(), Rejection> {
    match world.state("dispute", id).as_deref() {
        Some(domain::State::Dispute(dispute)) => rule(dispute),
        _ => Err(Rejection::by_state(Rule::StreamUnknown, "dispute_id", DISPUTING)),
    }
}

fn evolved(state: Option<domain::State>, change: impl FnOnce(&mut State)) -> domain::State {
    match state {
        Some(domain::State::Dispute(mut dispute)) => {
            change(&mut dispute);
            domain::State::Dispute(dispute)
        }
        other => other.unwrap_or(domain::State::Empty),
    }
}

impl Fact for RecordDisputed {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("disputed_on", self.disputed_on.as_ref())?;
        let field = |place| format!("subject_ids[{place}]");
        shape::each_once(Rule::SubjectRepeated, field, &self.subject_ids)?;
        if self.subject_ids.contains(&self.person_id) {
            return Ok(());
        }
        Err(Rejection::new(Rule::NotASubject, "person_id", Detail::Nothing))
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Dispute(found)) = world.state("dispute", &self.dispute_id).as_deref() {
            return Err(Rejection::by_state(Rule::AlreadyDisputed, "dispute_id", found.allowed()));
        }
        record::entry(self.target_position, &self.target, &self.subject_ids, world)?;
        rights::of_person("rights_id", &self.rights_id, &self.person_id, world)?;
        context::happened("disputed_on", self.disputed_on.as_ref(), world)
    }

    fn evolve(&self, _: Option<domain::State>, _: u64) -> domain::State {
        domain::State::Dispute(State {
            position: self.target_position,
            target: self.target.clone(),
            subjects: sorted(&self.subject_ids),
            disputed: self.disputed_on.as_ref().map(dates::earliest),
            stated: false,
            resolved: false,
        })
    }
}

impl Fact for StatementAttached {
    fn check(&self) -> Result<(), Rejection> {
        self.check_open()?;
        match self.statement.as_ref().map_or(0, |statement| statement.text.len()) {
            0 => Err(Rejection::new(Rule::StatementMissing, "statement", Detail::Nothing)),
            1..=STATEMENT_BYTES_MAX => Ok(()),
            _ => Err(Rejection::new(Rule::StatementTooLong, "statement.text", Detail::Nothing)),
        }
    }

    fn check_open(&self) -> Result<(), Rejection> {
        let field = |place| format!("subject_ids[{place}]");
        shape::each_once(Rule::SubjectRepeated, field, &self.subject_ids)?;
        shape::date("attached_on", self.attached_on.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        known(&self.dispute_id, world, |dispute| {
            if dispute.stated {
                return Err(Rejection::by_state(Rule::StatementAlreadyAttached, "dispute_id", dispute.allowed()));
            }
            dispute.about(self.target_position, &self.target, &self.subject_ids)?;
            context::happened("attached_on", self.attached_on.as_ref(), world)
        })
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        evolved(state, |dispute| dispute.stated = true)
    }
}

impl DisputeResolved {
    /// The entry that is named did what is said.
    fn did(&self, world: &dyn World) -> Result<(), Rejection> {
        let stream = |event: &Event| event.stream().map(|(kind, id)| format!("{kind}/{id}"));
        let done = match (self.outcome(), world.recorded(self.entry_position)) {
            (DisputeOutcome::Upheld | DisputeOutcome::Unspecified, _) => true,
            (_, None | Some(Recorded::Erased | Recorded::Void)) => false,
            (outcome, Some(Recorded::Event(event))) => match *event {
                Event::RecordCorrected(event) => {
                    outcome == DisputeOutcome::Corrected && event.target_position == self.target_position
                }
                // The void of what began the stream is one of the entry, too.
                Event::RecordVoided(event) => outcome == DisputeOutcome::Voided && event.target == self.target,
                event => {
                    outcome == DisputeOutcome::Revised
                        && self.entry_position > self.target_position
                        && stream(&event).as_ref() == Some(&self.target)
                }
            },
        };
        if done {
            return Ok(());
        }
        let number = Detail::Number(i64::try_from(self.entry_position).unwrap_or(i64::MAX));
        Err(Rejection::new(Rule::OutcomeNotRecorded, "entry_position", number))
    }
}

impl Fact for DisputeResolved {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("resolved_on", self.resolved_on.as_ref())?;
        let field = |place| format!("subject_ids[{place}]");
        shape::each_once(Rule::SubjectRepeated, field, &self.subject_ids)?;
        if (self.entry_position == 0) == (self.outcome() == DisputeOutcome::Upheld) {
            return Ok(());
        }
        Err(Rejection::new(Rule::OutcomeWithoutEntry, "entry_position", Detail::Nothing))
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        known(&self.dispute_id, world, |dispute| {
            if dispute.resolved {
                return Err(Rejection::by_state(Rule::AlreadyResolved, "dispute_id", dispute.allowed()));
            }
            dispute.about(self.target_position, &self.target, &self.subject_ids)?;
            self.did(world)?;
            entity::body("resolved_by_id", &self.resolved_by_id, world)?;
            context::happened("resolved_on", self.resolved_on.as_ref(), world)?;
            let resolved = ("resolved_on", self.resolved_on.as_ref());
            context::not_before(Rule::ResolvedBeforeDisputed, resolved, dispute.disputed)
        })
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        evolved(state, |dispute| dispute.resolved = true)
    }
}

#[cfg(test)]
mod tests;
