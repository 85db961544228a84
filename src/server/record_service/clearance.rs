//! What a body is told about a person before an appointment: sanctions that count on the day, what is pending, and whether
//! declarations were made. Nothing that is over, was replaced or annulled, and no petition.

use crate::proto::v1::Decision;
use crate::proto::v1::Record;
use crate::proto::v1::Standing;

/// Takes away all of a record that is not for an appointment.
pub(super) fn clear(record: &mut Record) {
    record.decisions.retain(|decision| counts(decision.standing()));
    record.decisions.iter_mut().for_each(clear_decision);
    record.cases.clear();
    record.imported_rows.clear();
    record.erased.clear();
    record.corrections.clear();
    record.voids.clear();
    record.petitions = None;
}

fn clear_decision(decision: &mut Decision) {
    decision.sanctions.retain(|sanction| counts(sanction.standing()));
    decision.proposals.clear();
    decision.reasons = None;
    decision.voids.clear();
}

/// What is too coarsely dated to tell counts: leaving it out would say that it is over.
const fn counts(standing: Standing) -> bool {
    matches!(standing, Standing::InForce | Standing::Pending | Standing::Uncertain)
}

#[cfg(test)]
mod tests;
