//! Where records came from, and what was taken out of the ledger.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::World;
use crate::domain::context;
use crate::domain::entity;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::EntryErased;
use crate::events::EventType;
use crate::events::LegacyRecordImported;
use crate::events::Observation;

const IMPORTING: &[EventType] = &[EventType::LegacyRecordImported];
const APPROVERS_MIN: usize = 2;

/// A row of another system's register, as the imports saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    gone: bool,
}

fn admit_observation(observation: Observation, state: Option<&domain::State>) -> Result<(), Rejection> {
    let refused = |rule| Err(Rejection::by_state(rule, "observation", IMPORTING));
    let row = match state {
        Some(domain::State::Record(row)) => Some(row),
        _ => None,
    };
    match (observation, row) {
        (Observation::FirstSeen, Some(State { gone: false })) => refused(Rule::AlreadySeen),
        (Observation::Changed | Observation::Gone, Some(State { gone: true })) => refused(Rule::RowGone),
        (Observation::Changed | Observation::Gone, None) => refused(Rule::StreamUnknown),
        (Observation::FirstSeen, Some(State { gone: true }) | None)
        | (Observation::Changed | Observation::Gone, Some(State { gone: false }))
        // Not set: refused before, since the field is required.
        | (Observation::Unspecified, _) => Ok(()),
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

    fn evolve(&self, _: Option<domain::State>) -> domain::State {
        domain::State::Record(State { gone: self.observation() == Observation::Gone })
    }
}

impl Fact for EntryErased {
    fn check(&self) -> Result<(), Rejection> {
        if let Some(order) = &self.order {
            shape::date("order.issued_on", order.issued_on.as_ref())?;
            if !order.sha256.is_empty() {
                shape::digest("order.sha256", &order.sha256)?;
            }
        }
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
    fn evolve(&self, state: Option<domain::State>) -> domain::State {
        state.unwrap_or(domain::State::Empty)
    }
}

#[cfg(test)]
mod tests;
