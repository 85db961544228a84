//! What a body is told about a person before an appointment: sanctions that count on the day, what is pending, and whether
//! declarations were made. Nothing that is over, was replaced or annulled, and no petition.

use std::collections::BTreeSet;

use crate::proto::v1::Decision;
use crate::proto::v1::Record;
use crate::proto::v1::Standing;
use crate::proto::v1::WorkKind;
use crate::views::dispute;

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
    clear_pending(record);
    clear_disputes(record);
}

/// Leaves no request about the own record, which is nobody's business who appoints its subject, and no appeal against what is
/// not told.
fn clear_pending(record: &mut Record) {
    let against: BTreeSet<&str> = appeals(&record.decisions).collect();
    record.pending.retain(|item| match item.kind() {
        WorkKind::Rights => false,
        WorkKind::Appeal => against.contains(item.name.as_str()),
        WorkKind::Unspecified
        | WorkKind::Case
        | WorkKind::Obligation
        | WorkKind::Petition
        | WorkKind::Verification
        | WorkKind::Notice
        | WorkKind::Review => true,
    });
}

fn appeals(decisions: &[Decision]) -> impl Iterator<Item = &str> {
    decisions.iter().flat_map(|decision| &decision.appeals).map(|appeal| appeal.name.as_str())
}

/// Leaves the disputes of what is left: that something was disputed says that it was there.
fn clear_disputes(record: &mut Record) {
    let mut told: BTreeSet<&str> = BTreeSet::from([record.name.as_str()]);
    told.extend(record.decisions.iter().map(|one| one.name.as_str()));
    told.extend(appeals(&record.decisions));
    told.extend(record.declarations.iter().map(|one| one.name.as_str()));
    told.extend(record.obligations.iter().map(|one| one.name.as_str()));
    told.extend(record.verifications.iter().map(|one| one.name.as_str()));
    let mut disputes = std::mem::take(&mut record.disputes);
    disputes.retain(|dispute| told.contains(dispute.stream.as_str()));
    record.disputed = dispute::any_open(&disputes);
    record.disputes = disputes;
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
