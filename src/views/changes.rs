//! What changed: entries, each by what it does to what was known.

use crate::events::Event;
use crate::events::EventType;
use crate::proto::v1::Change;
use crate::proto::v1::ChangeKind;
use crate::views::Recorded;

/// An entry as a change.
pub fn change(entry: &Recorded) -> Change {
    let (stream, target_position) = match entry.event() {
        Some(Event::RecordCorrected(event)) => (event.target.clone(), Some(event.target_position)),
        Some(Event::RecordVoided(event)) => (event.target.clone(), Some(event.target_position)),
        Some(Event::RecordDisputed(event)) => (event.target.clone(), Some(event.target_position)),
        Some(Event::StatementAttached(event)) => (event.target.clone(), Some(event.target_position)),
        Some(Event::DisputeResolved(event)) => (event.target.clone(), Some(event.target_position)),
        Some(_) | None => (entry.stream_name().unwrap_or_default(), None),
    };
    Change { kind: kind(entry.event_type).into(), source: Some(entry.source()), stream, target_position }
}

/// What an event does to what was known.
pub const fn kind(event_type: EventType) -> ChangeKind {
    match event_type {
        EventType::PersonRegistered
        | EventType::OrganisationRegistered
        | EventType::PositionAssigned
        | EventType::PositionEnded
        | EventType::CaseOpened
        | EventType::AllegationRecorded
        | EventType::RespondentNotified
        | EventType::StatementReceived
        | EventType::HearingHeld
        | EventType::AllegationFound
        | EventType::CaseClosed
        | EventType::SanctionProposed
        | EventType::VoteRecorded
        | EventType::DecisionIssued
        | EventType::DecisionAnnounced
        | EventType::DecisionServed
        | EventType::AppealLodged
        | EventType::AppealDecided
        | EventType::DeclarationSubmitted
        | EventType::DeclarationAccepted
        | EventType::DeclarationPublished
        | EventType::ObligationCreated
        | EventType::PetitionReceived
        | EventType::PetitionResolved
        | EventType::VerificationOrdered
        | EventType::ExplanationReceived
        | EventType::VerificationConcluded
        | EventType::LegacyRecordImported
        | EventType::ErasureRequested
        | EventType::ErasureApproved
        | EventType::ErasureWithdrawn
        | EventType::ErasureCompleted
        | EventType::HoldPlaced
        | EventType::HoldReleased
        | EventType::RightsReceived
        | EventType::RightsAcknowledged
        | EventType::RightsExtended
        | EventType::RightsFulfilled
        | EventType::RightsRefused
        | EventType::RecordDisputed
        | EventType::StatementAttached
        | EventType::DisputeResolved
        | EventType::RecordDisclosed
        | EventType::NoticeSent
        | EventType::NoticeAcknowledged
        | EventType::AccessRecorded
        | EventType::EmergencyReviewed => ChangeKind::New,
        EventType::CaseReopened
        | EventType::DecisionModified
        | EventType::DecisionAnnulled
        | EventType::DeclarationAmended => ChangeKind::Revised,
        EventType::DecisionExpired | EventType::PublicationEnded => ChangeKind::Expired,
        EventType::RecordCorrected => ChangeKind::Corrected,
        EventType::RecordVoided => ChangeKind::Voided,
        EventType::EntryErased => ChangeKind::Erased,
    }
}
