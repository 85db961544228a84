//! Where records came from, and what was taken out of the ledger.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::Recorded;
use crate::domain::World;
use crate::domain::context;
use crate::domain::entity;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events;
use crate::events::EntryErased;
use crate::events::Event;
use crate::events::EventType;
use crate::events::LegacyRecordImported;
use crate::events::Observation;
use crate::events::RecordCorrected;
use crate::events::RecordVoided;
use crate::events::correction::CorrectionFault;

const IMPORTING: &[EventType] = &[EventType::LegacyRecordImported];
const APPROVERS_MIN: usize = 2;

/// What a stream of this kind holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// A row of another system's register, as the imports saw it.
    Row {
        /// Whether it is no longer there.
        gone: bool,
    },
    /// One correction or void.
    Amendment,
}

impl State {
    fn allowed(&self) -> &'static [EventType] {
        match self {
            Self::Row { .. } => IMPORTING,
            Self::Amendment => &[],
        }
    }
}

fn admit_observation(observation: Observation, state: Option<&domain::State>) -> Result<(), Rejection> {
    let refused = |rule| Err(Rejection::by_state(rule, "observation", IMPORTING));
    let gone = match state {
        Some(domain::State::Record(State::Row { gone })) => Some(*gone),
        Some(domain::State::Record(amendment @ State::Amendment)) => {
            return Err(Rejection::by_state(Rule::AlreadyRecorded, "record_id", amendment.allowed()));
        }
        _ => None,
    };
    match (observation, gone) {
        (Observation::FirstSeen, Some(false)) => refused(Rule::AlreadySeen),
        (Observation::Changed | Observation::Gone, Some(true)) => refused(Rule::RowGone),
        (Observation::Changed | Observation::Gone, None) => refused(Rule::StreamUnknown),
        (Observation::FirstSeen, Some(true) | None)
        | (Observation::Changed | Observation::Gone, Some(false))
        // Not set: refused before, since the field is required.
        | (Observation::Unspecified, _) => Ok(()),
    }
}

/// What a correction or void says of its target.
struct Target<'a> {
    record_id: &'a str,
    position: u64,
    stream: &'a str,
    subject_ids: &'a [String],
    approver: &'a str,
}

impl Target<'_> {
    fn check(&self) -> Result<(), Rejection> {
        shape::each_once(Rule::SubjectRepeated, |place| format!("subject_ids[{place}]"), self.subject_ids)
    }

    /// The entry that is meant, as it was recorded.
    fn admit(&self, world: &dyn World) -> Result<Box<Event>, Rejection> {
        if let Some(domain::State::Record(found)) = world.state("record", self.record_id).as_deref() {
            return Err(Rejection::by_state(Rule::AlreadyRecorded, "record_id", found.allowed()));
        }
        if self.approver == world.principal() {
            return Err(Rejection::new(Rule::ApproverIsActor, "approver", Detail::Nothing));
        }
        entry(self.position, self.stream, self.subject_ids, world)
    }
}

/// The entry of which something is said, as it was recorded: it stands in this stream and is about exactly these.
pub(super) fn entry(
    position: u64,
    stream: &str,
    subject_ids: &[String],
    world: &dyn World,
) -> Result<Box<Event>, Rejection> {
    let number = Detail::Number(i64::try_from(position).unwrap_or(i64::MAX));
    let refused = |rule| Rejection::new(rule, "target_position", number);
    let event = match world.recorded(position) {
        None => return Err(refused(Rule::TargetUnknown)),
        Some(Recorded::Erased) => return Err(refused(Rule::TargetErased)),
        Some(Recorded::Void) => return Err(refused(Rule::TargetVoid)),
        Some(Recorded::Event(event)) => event,
    };
    if !is_fact(&event) {
        return Err(refused(Rule::TargetNotAFact));
    }
    if event.stream().is_none_or(|(kind, id)| stream.split_once('/') != Some((kind, id))) {
        return Err(Rejection::new(Rule::TargetInAnotherStream, "target", Detail::Nothing));
    }
    let expected = subjects(&event);
    let mut found: Vec<String> = subject_ids.to_vec();
    found.sort_unstable();
    if expected != found {
        let count = Detail::Count { expected: expected.len(), found: found.len() };
        return Err(Rejection::new(Rule::SubjectsDiffer, "subject_ids", count));
    }
    Ok(event)
}

/// Whether an event says something of the world, and not of other entries.
const fn is_fact(event: &Event) -> bool {
    !matches!(
        event,
        Event::RecordCorrected(_)
            | Event::RecordVoided(_)
            | Event::EntryErased(_)
            | Event::ErasureRequested(_)
            | Event::ErasureApproved(_)
            | Event::ErasureWithdrawn(_)
            | Event::ErasureCompleted(_)
            | Event::HoldPlaced(_)
            | Event::HoldReleased(_)
            | Event::RecordDisputed(_)
            | Event::StatementAttached(_)
            | Event::DisputeResolved(_)
    )
}

/// Ids of the subjects of an event, ascending, each once.
pub(super) fn subjects(event: &Event) -> Vec<String> {
    let open = event.encode();
    let names = events::shape::read_open(event.event_type(), &open).map(|names| names.subjects).unwrap_or_default();
    let mut ids: Vec<String> = names.into_iter().map(|(_, id)| id.to_owned()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn misfit(fault: &CorrectionFault) -> Rejection {
    let at = |rule, field: &usize, part: &str| Rejection::new(rule, format!("fields[{field}].{part}"), Detail::Nothing);
    match fault {
        CorrectionFault::NoSuchField { field } => at(Rule::PathUnknown, field, "path"),
        CorrectionFault::Pointed { field } => at(Rule::PathNotCorrectable, field, "path"),
        CorrectionFault::OtherType { field } => at(Rule::ValueOfAnotherType, field, "value"),
        CorrectionFault::Broken(_) => Rejection::new(Rule::CorrectedBroken, "fields", Detail::Nothing),
    }
}

impl RecordCorrected {
    /// All but that it corrects something.
    pub(super) fn check_rest(&self) -> Result<(), Rejection> {
        shape::period("period", self.period.as_ref())?;
        let field = |place| format!("fields[{place}].path");
        shape::each_once(Rule::PathRepeated, field, self.fields.iter().map(|field| &field.path))?;
        self.of().check()
    }

    fn of(&self) -> Target<'_> {
        Target {
            record_id: &self.record_id,
            position: self.target_position,
            stream: &self.target,
            subject_ids: &self.subject_ids,
            approver: &self.approver,
        }
    }
}

impl Fact for RecordCorrected {
    fn check(&self) -> Result<(), Rejection> {
        let sealed = self.identity.is_some() || self.content.is_some() || self.narrative.is_some();
        if self.fields.is_empty() && !sealed {
            return Err(Rejection::new(Rule::CorrectionEmpty, "fields", Detail::Nothing));
        }
        self.check_rest()
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        let event = self.of().admit(world)?;
        let corrected = events::correction::corrected(&event, &self.fields).map_err(|fault| misfit(&fault))?;
        domain::check_open(&corrected)
            .map_err(|rejection| Rejection::new(Rule::CorrectedBroken, "fields", rejection.detail))
    }

    fn evolve(&self, _: Option<domain::State>, _: u64) -> domain::State {
        domain::State::Record(State::Amendment)
    }
}

impl RecordVoided {
    fn of(&self) -> Target<'_> {
        Target {
            record_id: &self.record_id,
            position: self.target_position,
            stream: &self.target,
            subject_ids: &self.subject_ids,
            approver: &self.approver,
        }
    }
}

impl Fact for RecordVoided {
    fn check(&self) -> Result<(), Rejection> {
        shape::document("document", self.document.as_ref())?;
        self.of().check()
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        self.of().admit(world).map(drop)
    }

    fn evolve(&self, _: Option<domain::State>, _: u64) -> domain::State {
        domain::State::Record(State::Amendment)
    }
}

impl Fact for LegacyRecordImported {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("observed_on", self.observed_on.as_ref())?;
        let field = |place| format!("subject_ids[{place}]");
        shape::each_once(Rule::SubjectRepeated, field, &self.subject_ids)?;
        self.digest.as_ref().map_or(Ok(()), |digest| shape::digest("digest.sha256", &digest.sha256))
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        admit_observation(self.observation(), world.state("record", &self.record_id).as_deref())?;
        context::happened("observed_on", self.observed_on.as_ref(), world)?;
        for (place, id) in self.subject_ids.iter().enumerate() {
            if !world.registers(id) {
                entity::registered(&format!("subject_ids[{place}]"), id, world)?;
            }
        }
        Ok(())
    }

    fn evolve(&self, _: Option<domain::State>, _: u64) -> domain::State {
        domain::State::Record(State::Row { gone: self.observation() == Observation::Gone })
    }
}

impl Fact for EntryErased {
    fn check(&self) -> Result<(), Rejection> {
        shape::document("order", self.order.as_ref())?;
        let field = |place| format!("approvers[{place}]");
        shape::each_once(Rule::ApproverRepeated, field, &self.approvers)?;
        let found = self.approvers.len();
        if found < APPROVERS_MIN {
            let detail = Detail::Count { expected: APPROVERS_MIN, found };
            return Err(Rejection::new(Rule::ApproversTooFew, "approvers", detail));
        }
        Ok(())
    }

    /// Nobody appends it: the procedure of erasure writes it past admission.
    fn admit(&self, _: &dyn World) -> Result<(), Rejection> {
        Err(Rejection::new(Rule::NotAppendable, "", Detail::Nothing))
    }

    /// What is gone is what somebody said; what state knows of it is in the open payload.
    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        state.unwrap_or(domain::State::Empty)
    }
}

#[cfg(test)]
mod tests;
