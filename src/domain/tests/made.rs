//! What the tables are made of; 0 stands for no id.

#![expect(clippy::unnecessary_wraps, reason = "fields of messages are optional, and the tables read better so")]

use crate::events::AllegationFound;
use crate::events::AllegationRecorded;
use crate::events::AppealDecided;
use crate::events::AppealLodged;
use crate::events::AppealOutcome;
use crate::events::CaseClosed;
use crate::events::CaseOpened;
use crate::events::CaseOutcome;
use crate::events::CaseReopened;
use crate::events::Code;
use crate::events::Context;
use crate::events::DataScope;
use crate::events::DecisionAnnounced;
use crate::events::DecisionAnnulled;
use crate::events::DecisionExpired;
use crate::events::DecisionIssued;
use crate::events::DecisionModified;
use crate::events::DecisionServed;
use crate::events::DeclarationAccepted;
use crate::events::DeclarationAmended;
use crate::events::DeclarationPublished;
use crate::events::DeclarationSubmitted;
use crate::events::DisclosureLevel;
use crate::events::DisputeOutcome;
use crate::events::DisputeResolved;
use crate::events::ErasureApproved;
use crate::events::ErasureCompleted;
use crate::events::ErasureRequested;
use crate::events::ErasureWithdrawn;
use crate::events::Event;
use crate::events::ExplanationReceived;
use crate::events::FieldCorrection;
use crate::events::Finding;
use crate::events::HearingHeld;
use crate::events::HoldPlaced;
use crate::events::HoldReleased;
use crate::events::LegacyRecordImported;
use crate::events::LegalBasis;
use crate::events::Narrative;
use crate::events::NoticeAcknowledged;
use crate::events::NoticeSent;
use crate::events::ObligationCreated;
use crate::events::Observation;
use crate::events::OrganisationRegistered;
use crate::events::PartialDate;
use crate::events::Period;
use crate::events::PersonRegistered;
use crate::events::PetitionReceived;
use crate::events::PetitionResolved;
use crate::events::PositionAssigned;
use crate::events::PositionEnded;
use crate::events::PublicationEnded;
use crate::events::RecordCorrected;
use crate::events::RecordDisclosed;
use crate::events::RecordDisputed;
use crate::events::RecordVoided;
use crate::events::RespondentNotified;
use crate::events::RespondentOutcome;
use crate::events::RightsAcknowledged;
use crate::events::RightsExtended;
use crate::events::RightsFulfilled;
use crate::events::RightsKind;
use crate::events::RightsReceived;
use crate::events::RightsRefused;
use crate::events::SanctionProposed;
use crate::events::SealedClass;
use crate::events::Section;
use crate::events::StatementAttached;
use crate::events::StatementReceived;
use crate::events::VerificationConcluded;
use crate::events::VerificationGround;
use crate::events::VerificationOrdered;
use crate::events::VoteOption;
use crate::events::VoteRecorded;
use crate::events::VoteResult;
use crate::events::field_correction::Value as New;

pub(in crate::domain) fn id(number: u64) -> String {
    if number == 0 { String::new() } else { format!("{number:026}") }
}

/// `2026`, `2026-05`, `2026-05-03`, and days that do not exist.
pub(in crate::domain) fn on(text: &str) -> Option<PartialDate> {
    let mut parts = text.split('-').map(|part| part.parse().expect("a number"));
    let mut part = || parts.next().unwrap_or_default();
    Some(PartialDate { year: part(), month: part(), day: part() })
}

pub(in crate::domain) fn period(from: &str, to: &str) -> Option<Period> {
    Some(Period { from: on(from), to: on(to) })
}

pub(in crate::domain) fn code(code: &str) -> Option<Code> {
    Some(Code { scheme: "test".to_owned(), code: code.to_owned() })
}

pub(in crate::domain) fn occurred(text: &str) -> Option<Context> {
    Some(Context { occurred_on: on(text), ..Context::default() })
}

pub(in crate::domain) fn effective(text: &str) -> Option<Context> {
    Some(Context { effective_on: on(text), ..Context::default() })
}

pub(in crate::domain) fn person(person: u64) -> Event {
    PersonRegistered { entity_id: id(person), ..PersonRegistered::default() }.into()
}

pub(in crate::domain) fn organisation(body: u64) -> Event {
    OrganisationRegistered { entity_id: id(body), ..OrganisationRegistered::default() }.into()
}

pub(in crate::domain) fn assigned(person: u64, position_number: u32) -> PositionAssigned {
    PositionAssigned { person_id: id(person), position_number, title: code("title"), ..PositionAssigned::default() }
}

pub(in crate::domain) fn ended(person: u64, position_number: u32) -> PositionEnded {
    PositionEnded { person_id: id(person), position_number, ..PositionEnded::default() }
}

pub(in crate::domain) fn opened(case: u64, respondents: &[u64]) -> CaseOpened {
    let respondent_ids = respondents.iter().copied().map(id).collect();
    CaseOpened { case_id: id(case), regime: code("regime"), respondent_ids, ..CaseOpened::default() }
}

pub(in crate::domain) fn alleged(case: u64, allegation_number: u32, respondent: u64) -> AllegationRecorded {
    AllegationRecorded {
        case_id: id(case),
        allegation_number,
        respondent_id: id(respondent),
        ..AllegationRecorded::default()
    }
}

pub(in crate::domain) fn found(case: u64, allegation_number: u32, respondent: u64) -> AllegationFound {
    AllegationFound {
        case_id: id(case),
        allegation_number,
        respondent_id: id(respondent),
        finding: Finding::Substantiated.into(),
        ..AllegationFound::default()
    }
}

pub(in crate::domain) fn closed(case: u64, respondents: &[u64]) -> CaseClosed {
    let outcome =
        |respondent| RespondentOutcome { respondent_id: id(respondent), outcome: CaseOutcome::Sanctioned.into() };
    CaseClosed { context: None, case_id: id(case), outcomes: respondents.iter().copied().map(outcome).collect() }
}

pub(in crate::domain) fn issued(decision: u64, case: u64, respondent: u64) -> DecisionIssued {
    DecisionIssued {
        decision_id: id(decision),
        case_id: id(case),
        respondent_id: id(respondent),
        regime: code("regime"),
        ..DecisionIssued::default()
    }
}

pub(in crate::domain) fn modified(decision: u64, respondent: u64) -> DecisionModified {
    DecisionModified { decision_id: id(decision), respondent_id: id(respondent), ..DecisionModified::default() }
}

pub(in crate::domain) fn annulled(decision: u64, respondent: u64) -> DecisionAnnulled {
    DecisionAnnulled { decision_id: id(decision), respondent_id: id(respondent), ..DecisionAnnulled::default() }
}

pub(in crate::domain) fn lodged(appeal: u64, decision: u64, respondent: u64) -> AppealLodged {
    AppealLodged {
        appeal_id: id(appeal),
        decision_id: id(decision),
        respondent_id: id(respondent),
        ..AppealLodged::default()
    }
}

pub(in crate::domain) fn decided(appeal: u64, decision: u64, respondent: u64) -> AppealDecided {
    AppealDecided {
        appeal_id: id(appeal),
        decision_id: id(decision),
        respondent_id: id(respondent),
        outcome: AppealOutcome::Annulled.into(),
        ..AppealDecided::default()
    }
}

pub(in crate::domain) fn submitted(declaration: u64, person: u64) -> DeclarationSubmitted {
    DeclarationSubmitted {
        declaration_id: id(declaration),
        person_id: id(person),
        period: period("2025", "2025"),
        ..DeclarationSubmitted::default()
    }
}

pub(in crate::domain) fn amended(declaration: u64, person: u64) -> DeclarationAmended {
    DeclarationAmended {
        declaration_id: id(declaration),
        person_id: id(person),
        period: period("2025", "2025"),
        sections: vec![Section { asset_class: code("cash"), none_declared: true, item_count: 0 }],
        ..DeclarationAmended::default()
    }
}

pub(in crate::domain) fn imported(record: u64, observation: Observation, subjects: &[u64]) -> LegacyRecordImported {
    LegacyRecordImported {
        record_id: id(record),
        observation: observation.into(),
        subject_ids: subjects.iter().copied().map(id).collect(),
        ..LegacyRecordImported::default()
    }
}

pub(in crate::domain) fn reopened(case: u64, respondents: &[u64]) -> CaseReopened {
    let respondent_ids = respondents.iter().copied().map(id).collect();
    CaseReopened { case_id: id(case), respondent_ids, ..CaseReopened::default() }
}

pub(in crate::domain) fn notified(case: u64, respondent: u64) -> RespondentNotified {
    RespondentNotified { case_id: id(case), respondent_id: id(respondent), ..RespondentNotified::default() }
}

pub(in crate::domain) fn stated(case: u64, respondent: u64) -> StatementReceived {
    StatementReceived { case_id: id(case), respondent_id: id(respondent), ..StatementReceived::default() }
}

pub(in crate::domain) fn heard(case: u64, respondent: u64) -> HearingHeld {
    HearingHeld { case_id: id(case), respondent_id: id(respondent), ..HearingHeld::default() }
}

pub(in crate::domain) fn proposed(decision: u64, case: u64, respondent: u64) -> SanctionProposed {
    SanctionProposed {
        decision_id: id(decision),
        case_id: id(case),
        respondent_id: id(respondent),
        ..SanctionProposed::default()
    }
}

/// 5 of 7 for a reprimand, by body 4.
pub(in crate::domain) fn voted(decision: u64, respondent: u64, round: u32) -> VoteRecorded {
    let option = |form: &str, votes| VoteOption { form: code(form), votes };
    VoteRecorded {
        decision_id: id(decision),
        respondent_id: id(respondent),
        round,
        body_id: id(4),
        eligible: 9,
        present: 8,
        issued: 8,
        returned: 8,
        valid: 7,
        options: vec![option("reprimand", 5), option("warning", 1), VoteOption { form: None, votes: 1 }],
        result: VoteResult::Form.into(),
        result_form: code("reprimand"),
        ..VoteRecorded::default()
    }
}

pub(in crate::domain) fn announced(decision: u64, respondent: u64) -> DecisionAnnounced {
    DecisionAnnounced { decision_id: id(decision), respondent_id: id(respondent), ..DecisionAnnounced::default() }
}

pub(in crate::domain) fn served(decision: u64, respondent: u64) -> DecisionServed {
    DecisionServed { decision_id: id(decision), respondent_id: id(respondent), ..DecisionServed::default() }
}

pub(in crate::domain) fn expired(decision: u64, respondent: u64) -> DecisionExpired {
    DecisionExpired { decision_id: id(decision), respondent_id: id(respondent), ..DecisionExpired::default() }
}

pub(in crate::domain) fn accepted(declaration: u64, person: u64) -> DeclarationAccepted {
    DeclarationAccepted { declaration_id: id(declaration), person_id: id(person), ..DeclarationAccepted::default() }
}

pub(in crate::domain) fn published(declaration: u64, person: u64) -> DeclarationPublished {
    DeclarationPublished { declaration_id: id(declaration), person_id: id(person), ..DeclarationPublished::default() }
}

pub(in crate::domain) fn withdrawn(declaration: u64, person: u64) -> PublicationEnded {
    PublicationEnded { declaration_id: id(declaration), person_id: id(person), ..PublicationEnded::default() }
}

pub(in crate::domain) fn obliged(obligation: u64, person: u64) -> ObligationCreated {
    ObligationCreated {
        obligation_id: id(obligation),
        person_id: id(person),
        due_on: on("2026-03-31"),
        ..ObligationCreated::default()
    }
}

pub(in crate::domain) fn received(petition: u64, respondents: &[u64]) -> PetitionReceived {
    let respondent_ids = respondents.iter().copied().map(id).collect();
    PetitionReceived {
        petition_id: id(petition),
        petition_kind: code("complaint"),
        respondent_ids,
        ..PetitionReceived::default()
    }
}

pub(in crate::domain) fn resolved(petition: u64, respondents: &[u64]) -> PetitionResolved {
    let respondent_ids = respondents.iter().copied().map(id).collect();
    PetitionResolved { petition_id: id(petition), respondent_ids, ..PetitionResolved::default() }
}

pub(in crate::domain) fn ordered(verification: u64, person: u64, declarations: &[u64]) -> VerificationOrdered {
    VerificationOrdered {
        verification_id: id(verification),
        person_id: id(person),
        ground: VerificationGround::Random.into(),
        declaration_ids: declarations.iter().copied().map(id).collect(),
        ..VerificationOrdered::default()
    }
}

pub(in crate::domain) fn explained(verification: u64, person: u64) -> ExplanationReceived {
    ExplanationReceived { verification_id: id(verification), person_id: id(person), ..ExplanationReceived::default() }
}

pub(in crate::domain) fn concluded(verification: u64, person: u64) -> VerificationConcluded {
    VerificationConcluded {
        verification_id: id(verification),
        person_id: id(person),
        ..VerificationConcluded::default()
    }
}

/// Of the entry at this position, in this stream and about these.
pub(in crate::domain) fn voided(record: u64, position: u64, target: &str, subjects: &[u64]) -> RecordVoided {
    RecordVoided {
        record_id: id(record),
        target_position: position,
        target: target.to_owned(),
        subject_ids: subjects.iter().copied().map(id).collect(),
        approver: "second".to_owned(),
        ..RecordVoided::default()
    }
}

/// The same, with a new date at this path; none where the text is empty.
pub(in crate::domain) fn corrected(
    record: u64,
    position: u64,
    target: &str,
    subjects: &[u64],
    path: &str,
    date: &str,
) -> RecordCorrected {
    let value = if date.is_empty() { None } else { on(date).map(New::Date) };
    RecordCorrected {
        record_id: id(record),
        target_position: position,
        target: target.to_owned(),
        subject_ids: subjects.iter().copied().map(id).collect(),
        fields: vec![FieldCorrection { path: path.to_owned(), value }],
        approver: "second".to_owned(),
        ..RecordCorrected::default()
    }
}

/// A dispute of the entry at this position, in this stream and about these, by the first of them.
pub(in crate::domain) fn disputed(dispute: u64, position: u64, target: &str, subjects: &[u64]) -> RecordDisputed {
    RecordDisputed {
        dispute_id: id(dispute),
        target_position: position,
        target: target.to_owned(),
        subject_ids: subjects.iter().copied().map(id).collect(),
        person_id: id(subjects.first().copied().unwrap_or_default()),
        ground: code("inaccurate"),
        ..RecordDisputed::default()
    }
}

pub(in crate::domain) fn said(dispute: u64, position: u64, target: &str, subjects: &[u64]) -> StatementAttached {
    StatementAttached {
        dispute_id: id(dispute),
        target_position: position,
        target: target.to_owned(),
        subject_ids: subjects.iter().copied().map(id).collect(),
        statement: Some(Narrative { text: "it was not so".to_owned(), language: "en".to_owned() }),
        ..StatementAttached::default()
    }
}

/// The entry stands as it is.
pub(in crate::domain) fn settled(dispute: u64, position: u64, target: &str, subjects: &[u64]) -> DisputeResolved {
    DisputeResolved {
        dispute_id: id(dispute),
        target_position: position,
        target: target.to_owned(),
        subject_ids: subjects.iter().copied().map(id).collect(),
        outcome: DisputeOutcome::Upheld.into(),
        ..DisputeResolved::default()
    }
}

/// Received in May 2026, to be acknowledged in 2031 and answered in 2032.
pub(in crate::domain) fn asked(rights: u64, person: u64) -> RightsReceived {
    RightsReceived {
        rights_id: id(rights),
        person_id: id(person),
        kind: RightsKind::Dispute.into(),
        identity_check: code("card"),
        received_on: on("2026-05"),
        ack_due_on: on("2031"),
        due_on: on("2032"),
        ..RightsReceived::default()
    }
}

pub(in crate::domain) fn acknowledged(rights: u64, person: u64) -> RightsAcknowledged {
    RightsAcknowledged { rights_id: id(rights), person_id: id(person), ..RightsAcknowledged::default() }
}

/// Until 2033.
pub(in crate::domain) fn extended(rights: u64, person: u64) -> RightsExtended {
    RightsExtended {
        rights_id: id(rights),
        person_id: id(person),
        due_on: on("2033"),
        reason: code("complex"),
        ..RightsExtended::default()
    }
}

pub(in crate::domain) fn fulfilled(rights: u64, person: u64) -> RightsFulfilled {
    RightsFulfilled { rights_id: id(rights), person_id: id(person), ..RightsFulfilled::default() }
}

pub(in crate::domain) fn refusal(rights: u64, person: u64) -> RightsRefused {
    RightsRefused { rights_id: id(rights), person_id: id(person), ..RightsRefused::default() }
}

/// Shown in May 2026, true up to this position.
pub(in crate::domain) fn disclosed(
    disclosure: u64,
    recipient: u64,
    targets: &[&str],
    subjects: &[u64],
    known_at: u64,
) -> RecordDisclosed {
    RecordDisclosed {
        disclosure_id: id(disclosure),
        recipient_id: id(recipient),
        purpose: code("appointment"),
        basis: Some(LegalBasis { instrument: code("act"), article: String::new() }),
        targets: targets.iter().map(|&target| target.to_owned()).collect(),
        known_at,
        subject_ids: subjects.iter().copied().map(id).collect(),
        level: DisclosureLevel::Clearance.into(),
        extract_sha256: vec![7; 32].into(),
        disclosed_on: on("2026-05"),
        ..RecordDisclosed::default()
    }
}

/// The recipient is told of the entry at this position.
pub(in crate::domain) fn told(disclosure: u64, recipient: u64, cause: u64, subjects: &[u64]) -> NoticeSent {
    NoticeSent {
        disclosure_id: id(disclosure),
        recipient_id: id(recipient),
        cause_position: cause,
        subject_ids: subjects.iter().copied().map(id).collect(),
        ..NoticeSent::default()
    }
}

pub(in crate::domain) fn has_notice(
    disclosure: u64,
    recipient: u64,
    cause: u64,
    subjects: &[u64],
) -> NoticeAcknowledged {
    NoticeAcknowledged {
        disclosure_id: id(disclosure),
        recipient_id: id(recipient),
        cause_position: cause,
        subject_ids: subjects.iter().copied().map(id).collect(),
        ..NoticeAcknowledged::default()
    }
}

pub(in crate::domain) fn held(hold: u64, target: &str) -> HoldPlaced {
    HoldPlaced { hold_id: id(hold), target: target.to_owned(), ground: code("court"), ..HoldPlaced::default() }
}

pub(in crate::domain) fn released(hold: u64) -> HoldReleased {
    HoldReleased { hold_id: id(hold), ground: code("court"), ..HoldReleased::default() }
}

pub(in crate::domain) fn scope(kind: &str, owner: u64, class: SealedClass, year: u32) -> DataScope {
    DataScope { owner: format!("{kind}/{}", id(owner)), personal_class: class.into(), year }
}

/// The identities of these, asked for by `local`, until the middle of July 2026.
pub(in crate::domain) fn forget(erasure: u64, persons: &[u64]) -> ErasureRequested {
    let identity = |person: &u64| scope("entity", *person, SealedClass::Identity, 0);
    ErasureRequested {
        erasure_id: id(erasure),
        scopes: persons.iter().map(identity).collect(),
        subject_ids: persons.iter().copied().map(id).collect(),
        ground: code("request"),
        requester: "local".to_owned(),
        expires_on: on("2026-07-15"),
        ..ErasureRequested::default()
    }
}

pub(in crate::domain) fn consented(erasure: u64, approver: &str) -> ErasureApproved {
    ErasureApproved {
        erasure_id: id(erasure),
        approver: approver.to_owned(),
        ground: code("request"),
        ..ErasureApproved::default()
    }
}

pub(in crate::domain) fn dropped(erasure: u64) -> ErasureWithdrawn {
    ErasureWithdrawn { erasure_id: id(erasure), reason: code("mistake"), ..ErasureWithdrawn::default() }
}

pub(in crate::domain) fn done(erasure: u64) -> ErasureCompleted {
    ErasureCompleted { erasure_id: id(erasure), ..ErasureCompleted::default() }
}
