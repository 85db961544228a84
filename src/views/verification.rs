//! Verifications of declarations: ordered, explained, concluded.

use crate::events::Event;
use crate::events::EventType;
use crate::events::VerificationConcluded;
use crate::events::VerificationOrdered;
use crate::log::Name;
use crate::proto::v1::Explanation;
use crate::proto::v1::Verification;
use crate::proto::v1::VerificationState;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend::Facts;
use crate::views::amend::Told;
use crate::views::is_over;
use crate::views::name_of;
use crate::views::petition::cases_of;

/// A verification, from the entries of its stream and of the cases that it led to; `None` where nothing is known in
/// its stream.
pub fn verification(name: &Name, entries: &[Recorded], view: View) -> Option<Verification> {
    let facts = Facts::new(entries, view);
    let mut verification = fold(&facts.stream(name, Kind::Verification)?, view);
    verification.cases = cases_of(&facts, |event| event.verification_id == name.id());
    Some(verification)
}

/// Every verification that these entries tell of, in the order of recording.
pub(super) fn of_facts(facts: &Facts<'_>) -> Vec<Verification> {
    facts.of(Kind::Verification).iter().map(|told| fold(told, facts.view())).collect()
}

fn fold(told: &Told<'_>, view: View) -> Verification {
    let mut verification = Verification {
        name: told.name.clone(),
        corrections: told.corrections.clone(),
        voids: told.voids.clone(),
        disputed: told.disputed(),
        disputes: told.disputes.clone(),
        ..Verification::default()
    };
    for entry in &told.entries {
        match entry.event_type {
            EventType::VerificationOrdered => {
                verification.ordered = Some(entry.source());
                verification.reasons = entry.personal_part();
            }
            EventType::VerificationConcluded => {
                verification.concluded = Some(entry.source());
                verification.conclusion = entry.personal_part();
            }
            _ => verification.explanations.push(explanation(entry)),
        }
        match entry.event() {
            Some(Event::VerificationOrdered(event)) => order(&mut verification, event),
            Some(Event::VerificationConcluded(event)) => conclude(&mut verification, event),
            Some(Event::ExplanationReceived(event)) => verification.person = name_of("entity", &event.person_id),
            Some(_) | None => {}
        }
    }
    verification.set_state(match (told.void, &verification.concluded) {
        (true, _) => VerificationState::Void,
        (false, Some(_)) => VerificationState::Concluded,
        (false, None) => VerificationState::Running,
    });
    let running = verification.state() == VerificationState::Running;
    verification.overdue = running && is_over(verification.due_on.as_ref(), view.as_of);
    verification
}

fn explanation(entry: &Recorded) -> Explanation {
    let mut explanation =
        Explanation { text: entry.personal_part(), source: Some(entry.source()), ..Explanation::default() };
    if let Some(Event::ExplanationReceived(event)) = entry.event() {
        explanation.requested_on = event.requested_on;
        explanation.received_on = event.received_on;
    }
    explanation
}

fn order(verification: &mut Verification, event: &VerificationOrdered) {
    verification.person = name_of("entity", &event.person_id);
    verification.ground = event.ground;
    verification.declarations = event.declaration_ids.iter().map(|id| name_of("declaration", id)).collect();
    verification.ordered_by = name_of("entity", &event.ordered_by_id);
    verification.ordered_on = event.ordered_on;
    verification.due_on = event.due_on;
    verification.reference.clone_from(&event.reference);
}

fn conclude(verification: &mut Verification, event: &VerificationConcluded) {
    verification.person = name_of("entity", &event.person_id);
    verification.truthfulness = event.truthfulness;
    verification.origin = event.origin;
    verification.discrepancies.clone_from(&event.discrepancies);
    verification.recommendations.clone_from(&event.recommendations);
    verification.concluded_on = event.concluded_on;
    verification.concluded_by = name_of("entity", &event.concluded_by_id);
}
