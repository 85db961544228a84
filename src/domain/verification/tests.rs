//! Rules of verifications, a row each.

use crate::domain::Rule;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::check;
use crate::domain::tests::code;
use crate::domain::tests::concluded;
use crate::domain::tests::explained;
use crate::domain::tests::id;
use crate::domain::tests::on;
use crate::domain::tests::opened;
use crate::domain::tests::ordered;
use crate::domain::tests::organisation;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::domain::tests::submitted;
use crate::domain::tests::voided;
use crate::events::CaseOpened;
use crate::events::Event;
use crate::events::ExplanationReceived;
use crate::events::Truthfulness;
use crate::events::VerificationConcluded;
use crate::events::VerificationOrdered;

/// Persons 1 and 2, body 4, declaration 1 of person 1, verified since May 2025.
fn given() -> Vec<Event> {
    let ordered = VerificationOrdered { ordered_on: on("2025-05"), ..ordered(1, 1, &[1]) };
    vec![person(1), person(2), organisation(4), submitted(1, 1).into(), ordered.into()]
}

fn and(event: impl Into<Event>) -> Vec<Event> {
    [given(), vec![event.into()]].concat()
}

#[test]
fn a_verification_is_ordered_once_of_declarations_of_the_person() {
    let due = |from, due| VerificationOrdered { ordered_on: on(from), due_on: on(due), ..ordered(2, 1, &[]) };
    let by = |body| VerificationOrdered { ordered_by_id: id(body), ..ordered(2, 1, &[]) };
    check(&given(), ordered(2, 1, &[1]), ADMITTED);
    check(&given(), ordered(2, 2, &[]), ADMITTED);
    check(&given(), by(4), ADMITTED);
    check(&given(), ordered(1, 1, &[1]), refused(Rule::AlreadyOrdered, "verification_id"));
    check(&given(), ordered(2, 2, &[1]), refused(Rule::NotTheDeclarant, "declaration_ids[0]"));
    check(&given(), ordered(2, 1, &[1, 9]), refused(Rule::StreamUnknown, "declaration_ids[1]"));
    check(&given(), ordered(2, 1, &[1, 1]), refused(Rule::NumberRepeated, "declaration_ids[1]"));
    check(&given(), ordered(2, 4, &[]), refused(Rule::NotAPerson, "person_id"));
    check(&given(), ordered(2, 9, &[]), refused(Rule::NotRegistered, "person_id"));
    check(&given(), by(1), refused(Rule::NotAnOrganisation, "ordered_by_id"));
    check(&given(), due("2025-05-02", "2025-05-01"), refused(Rule::PeriodReversed, "due_on"));
    check(&given(), due("2027", "2028"), refused(Rule::DateInFuture, "ordered_on"));
}

#[test]
fn a_person_explains_while_the_verification_runs() {
    let asked =
        |asked, received| ExplanationReceived { requested_on: on(asked), received_on: on(received), ..explained(1, 1) };
    check(&and(explained(1, 1)), explained(1, 1), ADMITTED);
    check(&given(), asked("2025-05-01", "2025-05-15"), ADMITTED);
    check(&given(), asked("2025-05-15", "2025-05-14"), refused(Rule::PeriodReversed, "received_on"));
    check(&given(), asked("2025-05-15", "2026-06-18"), refused(Rule::DateInFuture, "received_on"));
    check(&given(), explained(1, 2), refused(Rule::NotTheVerified, "person_id"));
    check(&given(), explained(2, 1), refused(Rule::StreamUnknown, "verification_id"));
    check(&and(concluded(1, 1)), explained(1, 1), refused(Rule::AlreadyConcluded, "verification_id"));
}

#[test]
fn a_verification_is_concluded_once_and_both_questions_agree() {
    let on_day = |day| VerificationConcluded { concluded_on: on(day), ..concluded(1, 1) };
    let by = |body| VerificationConcluded { concluded_by_id: id(body), ..concluded(1, 1) };
    let found = |truthfulness: Truthfulness| VerificationConcluded {
        truthfulness: truthfulness.into(),
        discrepancies: code("undeclared-account").into_iter().collect(),
        ..concluded(1, 1)
    };
    check(&given(), on_day("2025-05-01"), ADMITTED);
    check(&given(), by(4), ADMITTED);
    check(&given(), found(Truthfulness::Untruthful), ADMITTED);
    check(&given(), found(Truthfulness::Incomplete), ADMITTED);
    check(&given(), found(Truthfulness::Truthful), refused(Rule::DiscrepancyInTruth, "discrepancies"));
    check(&given(), on_day("2025-04-30"), refused(Rule::ConcludedBeforeOrdered, "concluded_on"));
    check(&given(), on_day("2026-06-18"), refused(Rule::DateInFuture, "concluded_on"));
    check(&given(), by(2), refused(Rule::NotAnOrganisation, "concluded_by_id"));
    check(&given(), concluded(1, 2), refused(Rule::NotTheVerified, "person_id"));
    check(&given(), concluded(2, 1), refused(Rule::StreamUnknown, "verification_id"));
    check(&and(concluded(1, 1)), concluded(1, 1), refused(Rule::AlreadyConcluded, "verification_id"));
}

#[test]
fn what_is_void_may_be_concluded_again() {
    let target = format!("verification/{}", id(1));
    let undone = [and(concluded(1, 1)), vec![voided(9, 6, &target, &[1]).into()]].concat();
    check(&undone, explained(1, 1), ADMITTED);
    check(&undone, concluded(1, 1), ADMITTED);
    let from = |verification| CaseOpened { verification_id: id(verification), ..opened(1, &[1]) };
    check(&given(), from(1), ADMITTED);
    check(&given(), from(2), refused(Rule::StreamUnknown, "verification_id"));
}
