//! Events over so few ids that they meet, right ones and wrong ones.

use proptest::prelude::*;

use crate::domain::tests::accepted;
use crate::domain::tests::acknowledged;
use crate::domain::tests::alleged;
use crate::domain::tests::amended;
use crate::domain::tests::announced;
use crate::domain::tests::annulled;
use crate::domain::tests::asked;
use crate::domain::tests::assigned;
use crate::domain::tests::closed;
use crate::domain::tests::concluded;
use crate::domain::tests::corrected;
use crate::domain::tests::decided;
use crate::domain::tests::disclosed;
use crate::domain::tests::disputed;
use crate::domain::tests::ended;
use crate::domain::tests::expired;
use crate::domain::tests::explained;
use crate::domain::tests::extended;
use crate::domain::tests::found;
use crate::domain::tests::fulfilled;
use crate::domain::tests::has_notice;
use crate::domain::tests::heard;
use crate::domain::tests::id;
use crate::domain::tests::imported;
use crate::domain::tests::issued;
use crate::domain::tests::lodged;
use crate::domain::tests::modified;
use crate::domain::tests::notified;
use crate::domain::tests::obliged;
use crate::domain::tests::on;
use crate::domain::tests::opened;
use crate::domain::tests::ordered;
use crate::domain::tests::organisation;
use crate::domain::tests::person;
use crate::domain::tests::proposed;
use crate::domain::tests::published;
use crate::domain::tests::received;
use crate::domain::tests::refusal;
use crate::domain::tests::reopened;
use crate::domain::tests::resolved;
use crate::domain::tests::said;
use crate::domain::tests::served;
use crate::domain::tests::settled;
use crate::domain::tests::stated;
use crate::domain::tests::submitted;
use crate::domain::tests::told;
use crate::domain::tests::voided;
use crate::domain::tests::voted;
use crate::domain::tests::withdrawn;
use crate::events::AppealDecided;
use crate::events::AppealLodged;
use crate::events::CaseOpened;
use crate::events::DecisionAnnounced;
use crate::events::DecisionExpired;
use crate::events::DecisionIssued;
use crate::events::DecisionModified;
use crate::events::DecisionServed;
use crate::events::DeclarationAccepted;
use crate::events::DeclarationPublished;
use crate::events::DeclarationSubmitted;
use crate::events::DisputeResolved;
use crate::events::EntryErased;
use crate::events::Event;
use crate::events::NoticeAcknowledged;
use crate::events::NoticeSent;
use crate::events::ObligationCreated;
use crate::events::Observation;
use crate::events::Period;
use crate::events::PetitionReceived;
use crate::events::PetitionResolved;
use crate::events::PositionAssigned;
use crate::events::PositionEnded;
use crate::events::PublicationEnded;
use crate::events::RecordCorrected;
use crate::events::RecordDisputed;
use crate::events::RecordVoided;
use crate::events::RightsAcknowledged;
use crate::events::RightsExtended;
use crate::events::RightsFulfilled;
use crate::events::RightsRefused;
use crate::events::SanctionProposed;
use crate::events::StatementAttached;
use crate::events::VerificationConcluded;
use crate::events::VerificationOrdered;
use crate::events::VoteRecorded;

/// What comes next: an event, or something about one that is there.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Event(Box<Event>),
    /// The entry that is so many back is voided; the claims about it may be wrong.
    Void {
        back: usize,
        record: u64,
        wrong: u8,
    },
    /// A date of the entry that is so many back is corrected.
    Correct {
        back: usize,
        record: u64,
        wrong: u8,
        date: &'static str,
    },
    /// The entry that is so many back is disputed by one of these.
    Dispute {
        back: usize,
        dispute: u64,
        wrong: u8,
        person: u64,
        rights: u64,
    },
    /// Something is said of the last dispute, or it is resolved.
    Say {
        dispute: u64,
        wrong: u8,
        resolved: bool,
    },
    /// The recipient of a disclosure is told of the entry that is so many back, or has been.
    Tell {
        back: usize,
        disclosure: u64,
        wrong: u8,
        acknowledged: bool,
    },
}

impl Step {
    /// The event, where there is something that it can be about.
    pub(super) fn after(self, history: &[Event]) -> Option<Event> {
        match self {
            Self::Event(event) => Some(*event),
            Self::Void { back, record, wrong } => {
                let claimed = Claim::of(history, back, wrong)?;
                let event = voided(record, claimed.position, &claimed.stream, &[]);
                Some(RecordVoided { subject_ids: claimed.subjects, approver: claimed.approver, ..event }.into())
            }
            Self::Correct { back, record, wrong, date } => {
                let claimed = Claim::of(history, back, wrong)?;
                let event = corrected(record, claimed.position, &claimed.stream, &[], dated(claimed.event), date);
                Some(RecordCorrected { subject_ids: claimed.subjects, approver: claimed.approver, ..event }.into())
            }
            Self::Dispute { back, dispute, wrong, person, rights } => {
                let claimed = Claim::of(history, back, wrong)?;
                let event = disputed(dispute, claimed.position, &claimed.stream, &[]);
                let (subject_ids, person_id) = (claimed.subjects, id(person));
                // Who is no subject is refused before the world is asked, and the model knows the world alone.
                let first = subject_ids.first()?.clone();
                let person_id = if subject_ids.contains(&person_id) { person_id } else { first };
                Some(RecordDisputed { subject_ids, person_id, rights_id: id(rights), ..event }.into())
            }
            Self::Say { dispute, wrong, resolved } => {
                let raised = history.iter().rev().find_map(|event| match event {
                    Event::RecordDisputed(event) => Some(event),
                    _ => None,
                })?;
                let position = raised.target_position + u64::from(wrong == 1);
                let dispute = if wrong == 2 { id(dispute) } else { raised.dispute_id.clone() };
                let mut subjects = raised.subject_ids.clone();
                if wrong == 3 {
                    subjects.pop();
                }
                Some(if resolved {
                    let event = settled(1, position, &raised.target, &[]);
                    DisputeResolved { dispute_id: dispute, subject_ids: subjects, ..event }.into()
                } else {
                    let event = said(1, position, &raised.target, &[]);
                    StatementAttached { dispute_id: dispute, subject_ids: subjects, ..event }.into()
                })
            }
            Self::Tell { back, disclosure, wrong, acknowledged } => {
                let shown = history.iter().rev().find_map(|event| match event {
                    Event::RecordDisclosed(event) => Some(event),
                    _ => None,
                })?;
                let sent = history.iter().rev().find_map(|event| match event {
                    Event::NoticeSent(event) if acknowledged && back < 6 => Some(event.cause_position),
                    _ => None,
                });
                let back = history.len().checked_sub(back)? as u64;
                let cause = sent.unwrap_or(back) + u64::from(wrong == 4) * 1_000;
                let of = if wrong == 2 { id(disclosure) } else { shown.disclosure_id.clone() };
                let recipient_id = if wrong == 3 { id(disclosure) } else { shown.recipient_id.clone() };
                let mut subject_ids = shown.subject_ids.clone();
                if wrong == 1 {
                    subject_ids.pop();
                }
                Some(if acknowledged {
                    let event = has_notice(1, 1, cause, &[]);
                    NoticeAcknowledged { disclosure_id: of, recipient_id, subject_ids, ..event }.into()
                } else {
                    let event = told(1, 1, cause, &[]);
                    NoticeSent { disclosure_id: of, recipient_id, subject_ids, ..event }.into()
                })
            }
        }
    }
}

struct Claim<'a> {
    event: &'a Event,
    position: u64,
    stream: String,
    subjects: Vec<String>,
    approver: String,
}

impl<'a> Claim<'a> {
    fn of(history: &'a [Event], back: usize, wrong: u8) -> Option<Self> {
        let place = history.len().checked_sub(1 + back)?;
        let event = &history[place];
        let (kind, id_of_stream) = event.stream()?;
        let mut subjects = super::model::subjects(event);
        if wrong == 1 {
            subjects.push(id(3));
            subjects.sort();
            subjects.dedup();
        }
        let stream = if wrong == 2 { format!("case/{}", id(1)) } else { format!("{kind}/{id_of_stream}") };
        let approver = if wrong == 3 { "local" } else { "second" }.to_owned();
        Some(Self { event, position: place as u64 + 1 + u64::from(wrong == 4) * 1_000, stream, subjects, approver })
    }
}

/// A date of an event that others are compared with.
const fn dated(event: &Event) -> &'static str {
    match event {
        Event::DecisionIssued(_) => "signed_on",
        Event::DecisionAnnounced(_) => "announced_on",
        Event::AppealLodged(_) => "lodged_on",
        Event::DeclarationSubmitted(_) => "submitted_on",
        Event::PetitionReceived(_) | Event::RightsReceived(_) => "received_on",
        Event::VerificationOrdered(_) => "ordered_on",
        Event::PositionAssigned(_) => "from",
        Event::ObligationCreated(_) | Event::RightsExtended(_) => "due_on",
        Event::RecordDisclosed(_) => "disclosed_on",
        _ => "context.occurred_on",
    }
}

pub(super) fn any_step() -> impl Strategy<Value = Step> {
    let date = || prop_oneof![Just(""), Just("2024"), Just("2025-03"), Just("2026-01-01")];
    let wrong = || prop_oneof![12 => Just(0_u8), 1 => 1..5_u8];
    prop_oneof![
        12 => any_event().prop_map(|event| Step::Event(Box::new(event))),
        1 => (0..40_usize, 10..60_u64, wrong()).prop_map(|(back, record, wrong)| Step::Void { back, record, wrong }),
        1 => (0..40_usize, 10..60_u64, wrong(), date())
            .prop_map(|(back, record, wrong, date)| Step::Correct { back, record, wrong, date }),
        1 => (0..20_usize, 1..6_u64, wrong(), 1..4_u64, 0..3_u64)
            .prop_map(|(back, dispute, wrong, person, rights)| Step::Dispute { back, dispute, wrong, person, rights }),
        1 => (1..6_u64, wrong(), any::<bool>())
            .prop_map(|(dispute, wrong, resolved)| Step::Say { dispute, wrong, resolved }),
        1 => (0..8_usize, 1..4_u64, wrong(), any::<bool>())
            .prop_map(|(back, disclosure, wrong, acknowledged)| Step::Tell { back, disclosure, wrong, acknowledged }),
    ]
}

/// Events over so few ids that they meet, right ones and wrong ones.
pub(super) fn any_event() -> impl Strategy<Value = Event> {
    let entity = || 1..4_u64;
    let stream = || 1..3_u64;
    let date = || prop_oneof![Just(None), Just(on("2024")), Just(on("2025-03")), Just(on("2026-01-01"))];
    let observation = || prop_oneof![Just(Observation::FirstSeen), Just(Observation::Changed), Just(Observation::Gone)];
    prop::strategy::Union::new([
        entity().prop_map(person).boxed(),
        entity().prop_map(organisation).boxed(),
        (entity(), 1..4_u32, 0..4_u64, date())
            .prop_map(|(person, number, body, from)| {
                PositionAssigned { body_id: id(body), from, ..assigned(person, number) }.into()
            })
            .boxed(),
        (entity(), 1..4_u32, date())
            .prop_map(|(person, number, to)| PositionEnded { to, ..ended(person, number) }.into())
            .boxed(),
        (stream(), prop::collection::vec(entity(), 1..3), 0..3_u64, 0..3_u64)
            .prop_map(|(case, about, petition, verification)| {
                CaseOpened { petition_id: id(petition), verification_id: id(verification), ..opened(case, &about) }
                    .into()
            })
            .boxed(),
        (stream(), 1..4_u32, entity()).prop_map(|(case, number, about)| alleged(case, number, about).into()).boxed(),
        (stream(), 1..4_u32, entity()).prop_map(|(case, number, about)| found(case, number, about).into()).boxed(),
        (stream(), prop::collection::vec(entity(), 1..4)).prop_map(|(case, about)| closed(case, &about).into()).boxed(),
        (stream(), 0..3_u64, entity(), date(), prop::collection::vec(1..4_u32, 0..2))
            .prop_map(|(decision, case, about, signed_on, allegation_numbers)| {
                DecisionIssued { signed_on, allegation_numbers, ..issued(decision, case, about) }.into()
            })
            .boxed(),
        (stream(), prop::collection::vec(entity(), 1..3))
            .prop_map(|(case, about)| reopened(case, &about).into())
            .boxed(),
        (stream(), entity()).prop_map(|(case, about)| notified(case, about).into()).boxed(),
        (stream(), entity()).prop_map(|(case, about)| stated(case, about).into()).boxed(),
        (stream(), entity()).prop_map(|(case, about)| heard(case, about).into()).boxed(),
        (stream(), 0..3_u64, entity(), prop::collection::vec(1..4_u32, 0..2))
            .prop_map(|(decision, case, about, allegation_numbers)| {
                SanctionProposed { allegation_numbers, ..proposed(decision, case, about) }.into()
            })
            .boxed(),
        (stream(), entity(), 1..4_u32, 1..5_u64)
            .prop_map(|(decision, about, round, body)| {
                VoteRecorded { body_id: id(body), ..voted(decision, about, round) }.into()
            })
            .boxed(),
        (stream(), entity(), date())
            .prop_map(|(decision, about, announced_on)| {
                DecisionAnnounced { announced_on, ..announced(decision, about) }.into()
            })
            .boxed(),
        (stream(), entity(), date())
            .prop_map(|(decision, about, served_on)| DecisionServed { served_on, ..served(decision, about) }.into())
            .boxed(),
        (stream(), entity(), date())
            .prop_map(|(decision, about, expired_on)| DecisionExpired { expired_on, ..expired(decision, about) }.into())
            .boxed(),
        (stream(), entity(), date())
            .prop_map(|(declaration, person, accepted_on)| {
                DeclarationAccepted { accepted_on, ..accepted(declaration, person) }.into()
            })
            .boxed(),
        (stream(), entity(), date())
            .prop_map(|(declaration, person, from)| {
                DeclarationPublished { period: Some(Period { from, to: None }), ..published(declaration, person) }
                    .into()
            })
            .boxed(),
        (stream(), entity(), date())
            .prop_map(|(declaration, person, ended_on)| {
                PublicationEnded { ended_on, ..withdrawn(declaration, person) }.into()
            })
            .boxed(),
        (stream(), entity(), 1..3_i32)
            .prop_map(|(obligation, person, kind)| ObligationCreated { kind, ..obliged(obligation, person) }.into())
            .boxed(),
        (stream(), prop::collection::vec(entity(), 0..3), date())
            .prop_map(|(petition, about, received_on)| {
                PetitionReceived { received_on, ..received(petition, &about) }.into()
            })
            .boxed(),
        (stream(), prop::collection::vec(entity(), 0..3), date())
            .prop_map(|(petition, about, resolved_on)| {
                PetitionResolved { resolved_on, ..resolved(petition, &about) }.into()
            })
            .boxed(),
        (stream(), entity(), prop::collection::vec(stream(), 0..2), date())
            .prop_map(|(verification, person, declarations, ordered_on)| {
                VerificationOrdered { ordered_on, ..ordered(verification, person, &declarations) }.into()
            })
            .boxed(),
        (stream(), entity()).prop_map(|(verification, person)| explained(verification, person).into()).boxed(),
        (stream(), entity(), date())
            .prop_map(|(verification, person, concluded_on)| {
                VerificationConcluded { concluded_on, ..concluded(verification, person) }.into()
            })
            .boxed(),
        (stream(), entity(), 0..3_u64)
            .prop_map(|(decision, about, appeal)| {
                DecisionModified { appeal_id: id(appeal), ..modified(decision, about) }.into()
            })
            .boxed(),
        (stream(), entity()).prop_map(|(decision, about)| annulled(decision, about).into()).boxed(),
        (stream(), stream(), entity(), date())
            .prop_map(|(appeal, decision, about, lodged_on)| {
                AppealLodged { lodged_on, ..lodged(appeal, decision, about) }.into()
            })
            .boxed(),
        (stream(), stream(), entity(), date())
            .prop_map(|(appeal, decision, about, decided_on)| {
                AppealDecided { decided_on, ..decided(appeal, decision, about) }.into()
            })
            .boxed(),
        (stream(), entity(), 0..3_u64, 0..3_u64, 1..3_i32, date())
            .prop_map(|(declaration, person, previous, obligation, kind, submitted_on)| {
                DeclarationSubmitted {
                    previous_id: id(previous),
                    obligation_id: id(obligation),
                    kind,
                    submitted_on,
                    ..submitted(declaration, person)
                }
                .into()
            })
            .boxed(),
        (stream(), entity()).prop_map(|(declaration, person)| amended(declaration, person).into()).boxed(),
        (stream(), observation(), prop::collection::vec(entity(), 0..2))
            .prop_map(|(record, seen, about)| imported(record, seen, &about).into())
            .boxed(),
        (stream(), entity()).prop_map(|(rights, person)| asked(rights, person).into()).boxed(),
        (stream(), entity(), date())
            .prop_map(|(rights, person, acknowledged_on)| {
                RightsAcknowledged { acknowledged_on, ..acknowledged(rights, person) }.into()
            })
            .boxed(),
        (stream(), entity(), prop_oneof![Just(on("2032")), Just(on("2033"))])
            .prop_map(|(rights, person, due_on)| RightsExtended { due_on, ..extended(rights, person) }.into())
            .boxed(),
        (stream(), entity(), date())
            .prop_map(|(rights, person, fulfilled_on)| {
                RightsFulfilled { fulfilled_on, ..fulfilled(rights, person) }.into()
            })
            .boxed(),
        (stream(), entity(), date())
            .prop_map(|(rights, person, refused_on)| RightsRefused { refused_on, ..refusal(rights, person) }.into())
            .boxed(),
        (1..4_u64, entity(), entity(), any::<bool>(), 1..40_u64)
            .prop_map(|(disclosure, recipient, about, whole, known_at)| {
                let target = if whole { format!("entity/{}", id(about)) } else { format!("decision/{}", id(1)) };
                disclosed(disclosure, recipient, &[&target], &[about], known_at).into()
            })
            .boxed(),
        Just(EntryErased::default().into()).boxed(),
    ])
}
