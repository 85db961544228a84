//! Which entries of other streams say that they belong to a matter.

use crate::events::Event;
use crate::log::Name;

/// Whether an event of another stream points to this name: what led to a case, what a case was decided with, what a
/// decision was appealed with, what met an obligation, what is verified, what was shown to somebody, and what a correction,
/// void or dispute is about.
pub fn points_to(event: &Event, name: &Name) -> bool {
    let id = name.id();
    match (name.kind(), event) {
        (_, Event::RecordCorrected(event)) => event.target == name.as_str(),
        (_, Event::RecordVoided(event)) => event.target == name.as_str(),
        (_, Event::StatementAttached(event)) => event.target == name.as_str(),
        (_, Event::DisputeResolved(event)) => event.target == name.as_str(),
        ("rights", Event::RecordDisputed(event)) => event.target == name.as_str() || event.rights_id == id,
        (_, Event::RecordDisputed(event)) => event.target == name.as_str(),
        (_, Event::RecordDisclosed(event)) => event.targets.iter().any(|target| target == name.as_str()),
        ("petition", Event::CaseOpened(event)) => event.petition_id == id,
        ("verification", Event::CaseOpened(event)) => event.verification_id == id,
        ("case", Event::SanctionProposed(event)) => event.case_id == id,
        ("case", Event::DecisionIssued(event)) => event.case_id == id,
        ("decision", Event::AppealLodged(event)) => event.decision_id == id,
        ("obligation", Event::DeclarationSubmitted(event)) => event.obligation_id == id,
        ("declaration", Event::VerificationOrdered(event)) => event.declaration_ids.iter().any(|one| one == id),
        _ => false,
    }
}

/// Whether an event says what is wrong with another, or that somebody thinks so.
pub const fn is_amendment(event: &Event) -> bool {
    matches!(
        event,
        Event::RecordCorrected(_)
            | Event::RecordVoided(_)
            | Event::RecordDisputed(_)
            | Event::StatementAttached(_)
            | Event::DisputeResolved(_)
    )
}

/// Whether an event is part of a matter that it points to. That a matter was shown to somebody is no part of it.
pub const fn is_of_the_matter(event: &Event) -> bool {
    !matches!(event, Event::RecordDisclosed(_))
}
