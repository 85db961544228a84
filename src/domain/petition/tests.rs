//! Rules of petitions, a row each.

use crate::domain::Rule;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::check;
use crate::domain::tests::id;
use crate::domain::tests::on;
use crate::domain::tests::opened;
use crate::domain::tests::organisation;
use crate::domain::tests::person;
use crate::domain::tests::received;
use crate::domain::tests::refused;
use crate::domain::tests::resolved;
use crate::domain::tests::voided;
use crate::events::CaseOpened;
use crate::events::DocumentReference;
use crate::events::Event;
use crate::events::PetitionReceived;
use crate::events::PetitionResolved;

/// Persons 1 and 2, body 4, petition 1 about both, received in May 2025.
fn given() -> Vec<Event> {
    let received = PetitionReceived { received_on: on("2025-05"), ..received(1, &[1, 2]) };
    vec![person(1), person(2), organisation(4), received.into()]
}

#[test]
fn a_petition_is_received_once_about_those_who_are_registered() {
    let by = |body| PetitionReceived { received_by_id: id(body), ..received(2, &[]) };
    let due = |from, due| PetitionReceived { received_on: on(from), due_on: on(due), ..received(2, &[]) };
    check(&given(), received(2, &[]), ADMITTED);
    check(&given(), received(2, &[2, 4]), ADMITTED);
    check(&given(), by(4), ADMITTED);
    check(&given(), due("2025-05-02", "2025-05-02"), ADMITTED);
    check(&given(), due("2025-05", "2025"), ADMITTED);
    check(&given(), received(1, &[]), refused(Rule::PetitionAlreadyReceived, "petition_id"));
    check(&given(), received(2, &[1, 9]), refused(Rule::NotRegistered, "respondent_ids[1]"));
    check(&given(), received(2, &[1, 1]), refused(Rule::SubjectRepeated, "respondent_ids[1]"));
    check(&given(), by(1), refused(Rule::NotAnOrganisation, "received_by_id"));
    check(&given(), by(9), refused(Rule::NotRegistered, "received_by_id"));
    check(&given(), due("2025-05-02", "2025-05-01"), refused(Rule::PeriodReversed, "due_on"));
    check(&given(), due("2025-13", "2025-05-01"), refused(Rule::DateImpossible, "received_on"));
    check(&given(), due("2025-05-02", "2025-02-30"), refused(Rule::DateImpossible, "due_on"));
    check(&given(), due("2026-06-17", "2026-07"), refused(Rule::DateInFuture, "received_on"));
}

#[test]
fn a_petition_is_resolved_once_for_all_of_its_respondents() {
    let on_day = |day| PetitionResolved { resolved_on: on(day), ..resolved(1, &[1, 2]) };
    let by = |body| PetitionResolved { resolved_by_id: id(body), ..resolved(1, &[1, 2]) };
    let given_resolved = [given(), vec![resolved(1, &[1, 2]).into()]].concat();
    let short = DocumentReference { sha256: vec![1; 31].into(), ..DocumentReference::default() };
    check(&given(), resolved(1, &[2, 1]), ADMITTED);
    check(&given(), on_day("2025-05-31"), ADMITTED);
    check(&given(), by(4), ADMITTED);
    check(&given(), resolved(1, &[1]), refused(Rule::RespondentsDiffer, "respondent_ids"));
    check(&given(), resolved(1, &[1, 4]), refused(Rule::RespondentsDiffer, "respondent_ids"));
    check(&given(), resolved(1, &[1, 2, 2]), refused(Rule::SubjectRepeated, "respondent_ids[2]"));
    check(&given(), resolved(2, &[]), refused(Rule::StreamUnknown, "petition_id"));
    check(&given_resolved, resolved(1, &[1, 2]), refused(Rule::PetitionAlreadyResolved, "petition_id"));
    check(&given(), on_day("2025-04-30"), refused(Rule::ResolvedBeforeReceived, "resolved_on"));
    check(&given(), on_day("2027"), refused(Rule::DateInFuture, "resolved_on"));
    check(&given(), by(2), refused(Rule::NotAnOrganisation, "resolved_by_id"));
    let with = PetitionResolved { document: Some(short), ..resolved(1, &[1, 2]) };
    check(&given(), with, refused(Rule::DigestLength, "document.sha256"));
}

#[test]
fn a_case_comes_from_a_petition_that_is_there() {
    let from = |petition| CaseOpened { petition_id: id(petition), ..opened(1, &[1]) };
    let target = format!("petition/{}", id(1));
    let gone = [given(), vec![voided(9, 4, &target, &[1, 2]).into()]].concat();
    check(&given(), from(1), ADMITTED);
    check(&given(), from(2), refused(Rule::StreamUnknown, "petition_id"));
    check(&gone, from(1), refused(Rule::StreamUnknown, "petition_id"));
    check(&gone, resolved(1, &[1, 2]), refused(Rule::StreamVoid, ""));
    check(&gone, received(1, &[]), refused(Rule::StreamVoid, ""));
}
