//! Rules of duties to declare, a row each.

use crate::domain;
use crate::domain::Rule;
use crate::domain::World;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::Book;
use crate::domain::tests::check;
use crate::domain::tests::corrected;
use crate::domain::tests::id;
use crate::domain::tests::obliged;
use crate::domain::tests::on;
use crate::domain::tests::organisation;
use crate::domain::tests::period;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::domain::tests::submitted;
use crate::domain::tests::voided;
use crate::events::DeclarationKind;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::ObligationCreated;

const ANNUAL: i32 = DeclarationKind::Annual as i32;

/// Persons 1 and 2, body 4, an annual duty of 1 to body 4, due in March 2026.
fn given() -> Vec<Event> {
    let duty = ObligationCreated { kind: ANNUAL, body_id: id(4), ..obliged(1, 1) };
    vec![person(1), person(2), organisation(4), duty.into()]
}

fn filed(declaration: u64, person: u64, kind: i32) -> DeclarationSubmitted {
    DeclarationSubmitted { obligation_id: id(1), kind, ..submitted(declaration, person) }
}

/// Whether the duty is open and due on this day.
#[track_caller]
fn due(events: &[Event], expected: Option<(&str, bool)>) {
    let state = Book::of(events).state("obligation", &id(1)).expect("it is there");
    let found = state.duty().map(|duty| (duty.due.to_string(), duty.open));
    assert_eq!(found, expected.map(|(day, open)| (day.to_owned(), open)));
}

#[test]
fn a_duty_is_created_once_for_a_person() {
    check(&given(), obliged(2, 2), ADMITTED);
    check(&given(), ObligationCreated { due_on: on("2031"), ..obliged(2, 1) }, ADMITTED);
    check(&given(), obliged(1, 1), refused(Rule::AlreadyCreated, "obligation_id"));
    check(&given(), obliged(2, 9), refused(Rule::NotRegistered, "person_id"));
    check(&given(), obliged(2, 4), refused(Rule::NotAPerson, "person_id"));
    let to = |body| ObligationCreated { body_id: id(body), ..obliged(2, 1) };
    check(&given(), to(1), refused(Rule::NotAnOrganisation, "body_id"));
    check(&given(), to(9), refused(Rule::NotRegistered, "body_id"));
    let by = |day| ObligationCreated { due_on: on(day), ..obliged(2, 1) };
    check(&given(), by("2026-02-29"), refused(Rule::DateImpossible, "due_on"));
    let of = ObligationCreated { period: period("2026", "2025"), ..obliged(2, 1) };
    check(&given(), of, refused(Rule::PeriodReversed, "period.to"));
}

#[test]
fn a_duty_is_met_by_a_declaration_of_its_person_and_kind() {
    check(&given(), filed(1, 1, ANNUAL), ADMITTED);
    check(&given(), filed(1, 2, ANNUAL), refused(Rule::NotTheObliged, "person_id"));
    check(&given(), filed(1, 1, DeclarationKind::Exit.into()), refused(Rule::KindDiffers, "kind"));
    let unknown = DeclarationSubmitted { obligation_id: id(2), ..filed(1, 1, ANNUAL) };
    check(&given(), unknown, refused(Rule::StreamUnknown, "obligation_id"));
}

#[test]
fn a_duty_is_open_until_it_is_met_and_again_when_what_met_it_is_void() {
    let met = [given(), vec![filed(1, 1, ANNUAL).into()]].concat();
    let void = voided(9, 5, &format!("declaration/{}", id(1)), &[1]);
    let undone = [met.clone(), vec![void.into()]].concat();
    let later = corrected(9, 4, &format!("obligation/{}", id(1)), &[1], "due_on", "2026-05");
    let moved = [given(), vec![later.into()]].concat();
    due(&given(), Some(("2026-03-31", true)));
    due(&met, Some(("2026-03-31", false)));
    due(&undone, Some(("2026-03-31", true)));
    due(&moved, Some(("2026-05-31", true)));
    let nothing = corrected(9, 4, &format!("obligation/{}", id(1)), &[1], "due_on", "");
    check(&given(), nothing, refused(Rule::CorrectedBroken, "fields"));
    let gone = [given(), vec![voided(9, 4, &format!("obligation/{}", id(1)), &[1]).into()]].concat();
    let state = Book::of(&gone).state("obligation", &id(1));
    assert_eq!(state.as_deref(), Some(&domain::State::Void));
    check(&gone, filed(1, 1, ANNUAL), refused(Rule::StreamUnknown, "obligation_id"));
}
