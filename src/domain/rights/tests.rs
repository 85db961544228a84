//! Rules of requests about one's own record, a row each.

use crate::domain::Rule;
use crate::domain::World;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::Book;
use crate::domain::tests::acknowledged;
use crate::domain::tests::asked;
use crate::domain::tests::check;
use crate::domain::tests::corrected;
use crate::domain::tests::extended;
use crate::domain::tests::fulfilled;
use crate::domain::tests::id;
use crate::domain::tests::on;
use crate::domain::tests::organisation;
use crate::domain::tests::person;
use crate::domain::tests::refusal;
use crate::domain::tests::refused;
use crate::domain::tests::voided;
use crate::events::Event;
use crate::events::RightsAcknowledged;
use crate::events::RightsExtended;
use crate::events::RightsFulfilled;
use crate::events::RightsReceived;
use crate::events::RightsRefused;

/// Persons 1 and 2, body 4, request 1 of person 1 at 4: received in May 2026, to be acknowledged and answered in 2031 and
/// 2032.
fn given() -> Vec<Event> {
    let asked = RightsReceived { received_by_id: id(4), ..asked(1, 1) };
    vec![person(1), person(2), organisation(4), asked.into()]
}

fn and(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    given().into_iter().chain(more).collect()
}

#[test]
fn a_request_is_received_once_of_a_person() {
    let by = |body| RightsReceived { received_by_id: id(body), ..asked(2, 1) };
    let about = |target: &str| RightsReceived { target: target.to_owned(), ..asked(2, 1) };
    check(&given(), asked(2, 1), ADMITTED);
    check(&given(), by(4), ADMITTED);
    check(&given(), about(&format!("entity/{}", id(1))), ADMITTED);
    check(&given(), asked(1, 1), refused(Rule::RequestAlreadyReceived, "rights_id"));
    check(&given(), asked(1, 2), refused(Rule::RequestAlreadyReceived, "rights_id"));
    check(&given(), asked(2, 4), refused(Rule::NotAPerson, "person_id"));
    check(&given(), asked(2, 9), refused(Rule::NotRegistered, "person_id"));
    check(&given(), by(2), refused(Rule::NotAnOrganisation, "received_by_id"));
    check(&given(), by(9), refused(Rule::NotRegistered, "received_by_id"));
    check(&given(), about(&format!("decision/{}", id(1))), refused(Rule::StreamUnknown, "target"));
    check(&given(), about("nothing"), refused(Rule::StreamUnknown, "target"));
}

#[test]
fn the_days_of_a_request_are_in_order() {
    let days = |received, ack, due| RightsReceived {
        received_on: on(received),
        ack_due_on: on(ack),
        due_on: on(due),
        ..asked(2, 1)
    };
    check(&given(), days("2026-06-01", "2026-06-03", "2026-06-21"), ADMITTED);
    check(&given(), days("2026-06-01", "2026-06-01", "2026-06-01"), ADMITTED);
    check(&given(), days("2026-06", "2026-06-01", "2026-06-01"), ADMITTED);
    check(&given(), days("2026-06-02", "2026-06-01", "2026-06-21"), refused(Rule::PeriodReversed, "ack_due_on"));
    check(&given(), days("2026-06-01", "2026-06-21", "2026-06-20"), refused(Rule::PeriodReversed, "due_on"));
    check(&given(), days("2026-06-31", "2026-07", "2026-07"), refused(Rule::DateImpossible, "received_on"));
    check(&given(), days("2026-06-01", "2026-02-30", "2026-07"), refused(Rule::DateImpossible, "ack_due_on"));
    check(&given(), days("2026-06-01", "2026-07", "2026-13"), refused(Rule::DateImpossible, "due_on"));
    check(&given(), days("2026-06-17", "2026-07", "2026-08"), refused(Rule::DateInFuture, "received_on"));
}

#[test]
fn a_request_is_acknowledged_once_before_it_ends() {
    let on_day = |day| RightsAcknowledged { acknowledged_on: on(day), ..acknowledged(1, 1) };
    let once = and([acknowledged(1, 1).into()]);
    let over = and([fulfilled(1, 1).into()]);
    check(&given(), acknowledged(1, 1), ADMITTED);
    check(&given(), on_day("2026-05-31"), ADMITTED);
    check(&given(), on_day("2026"), ADMITTED);
    check(&given(), on_day("2026-04-30"), refused(Rule::BeforeTheRequest, "acknowledged_on"));
    check(&given(), on_day("2026-06-17"), refused(Rule::DateInFuture, "acknowledged_on"));
    check(&given(), on_day("2026-02-30"), refused(Rule::DateImpossible, "acknowledged_on"));
    check(&given(), acknowledged(1, 2), refused(Rule::NotTheRequester, "person_id"));
    check(&given(), acknowledged(2, 1), refused(Rule::StreamUnknown, "rights_id"));
    check(&once, acknowledged(1, 1), refused(Rule::RequestAlreadyAcknowledged, "rights_id"));
    check(&over, acknowledged(1, 1), refused(Rule::RequestEnded, "rights_id"));
}

#[test]
fn a_request_is_extended_once_and_to_a_later_day() {
    let to = |day| RightsExtended { due_on: on(day), ..extended(1, 1) };
    let once = and([extended(1, 1).into()]);
    let over = and([refusal(1, 1).into()]);
    check(&given(), extended(1, 1), ADMITTED);
    check(&given(), to("2033-01-01"), ADMITTED);
    check(&given(), to("2032-12-31"), refused(Rule::ExtensionNotLater, "due_on"));
    check(&given(), to("2032"), refused(Rule::ExtensionNotLater, "due_on"));
    check(&given(), to("2026"), refused(Rule::ExtensionNotLater, "due_on"));
    check(&given(), to("2033-02-29"), refused(Rule::DateImpossible, "due_on"));
    check(&given(), extended(1, 2), refused(Rule::NotTheRequester, "person_id"));
    check(&given(), extended(2, 1), refused(Rule::StreamUnknown, "rights_id"));
    check(&once, extended(1, 1), refused(Rule::RequestAlreadyExtended, "rights_id"));
    check(
        &once,
        RightsExtended { due_on: on("2050"), ..extended(1, 1) },
        refused(Rule::RequestAlreadyExtended, "rights_id"),
    );
    check(&over, extended(1, 1), refused(Rule::RequestEnded, "rights_id"));
}

#[test]
fn a_request_is_fulfilled_or_refused_once() {
    let done = |day| RightsFulfilled { fulfilled_on: on(day), ..fulfilled(1, 1) };
    let no = |day| RightsRefused { refused_on: on(day), ..refusal(1, 1) };
    let package = |len| RightsFulfilled { package_sha256: vec![7; len].into(), ..fulfilled(1, 1) };
    check(&given(), fulfilled(1, 1), ADMITTED);
    check(&given(), refusal(1, 1), ADMITTED);
    check(&given(), done("2026-06-16"), ADMITTED);
    check(&given(), package(32), ADMITTED);
    check(&given(), package(31), refused(Rule::DigestLength, "package_sha256"));
    check(&given(), package(33), refused(Rule::DigestLength, "package_sha256"));
    check(&given(), done("2026-06-17"), refused(Rule::DateInFuture, "fulfilled_on"));
    check(&given(), done("2026-04"), refused(Rule::BeforeTheRequest, "fulfilled_on"));
    check(&given(), done("2026-04-31"), refused(Rule::DateImpossible, "fulfilled_on"));
    check(&given(), no("2025"), refused(Rule::BeforeTheRequest, "refused_on"));
    check(&given(), no("2026-06-17"), refused(Rule::DateInFuture, "refused_on"));
    check(&given(), no("2026-00-01"), refused(Rule::DateImpossible, "refused_on"));
    check(&given(), fulfilled(1, 2), refused(Rule::NotTheRequester, "person_id"));
    check(&given(), refusal(1, 2), refused(Rule::NotTheRequester, "person_id"));
    check(&given(), fulfilled(2, 1), refused(Rule::StreamUnknown, "rights_id"));
    for end in [fulfilled(1, 1).into(), refusal(1, 1).into()] {
        let over = and([end]);
        check(&over, fulfilled(1, 1), refused(Rule::RequestEnded, "rights_id"));
        check(&over, refusal(1, 1), refused(Rule::RequestEnded, "rights_id"));
    }
}

#[test]
fn what_is_void_of_a_request_can_be_recorded_again() {
    let target = format!("rights/{}", id(1));
    let ended = and([fulfilled(1, 1).into(), voided(9, 5, &target, &[1]).into()]);
    let told = and([acknowledged(1, 1).into(), voided(9, 5, &target, &[1]).into()]);
    let later = and([extended(1, 1).into(), voided(9, 5, &target, &[1]).into()]);
    let gone = and([voided(9, 4, &target, &[1]).into()]);
    check(&ended, refusal(1, 1), ADMITTED);
    check(&told, acknowledged(1, 1), ADMITTED);
    check(&later, extended(1, 1), ADMITTED);
    check(&gone, fulfilled(1, 1), refused(Rule::StreamVoid, ""));
    check(&gone, asked(1, 1), refused(Rule::StreamVoid, ""));
}

/// What is to be done next, and whether it still is.
#[track_caller]
fn due(events: &[Event], expected: (&str, bool)) {
    let state = Book::of(events).state("rights", &id(1)).expect("it is there");
    let found = state.duty().map(|duty| (duty.due.to_string(), duty.open));
    assert_eq!(found, Some((expected.0.to_owned(), expected.1)));
}

#[test]
fn it_is_due_to_be_acknowledged_then_to_be_answered() {
    let target = format!("rights/{}", id(1));
    let told = Event::from(acknowledged(1, 1));
    let later = Event::from(extended(1, 1));
    due(&given(), ("2031-12-31", true));
    due(&and([told.clone()]), ("2032-12-31", true));
    due(&and([later.clone()]), ("2031-12-31", true));
    due(&and([told.clone(), later.clone()]), ("2033-12-31", true));
    due(&and([told.clone(), later.clone(), refusal(1, 1).into()]), ("2033-12-31", false));
    due(&and([fulfilled(1, 1).into()]), ("2032-12-31", false));
    due(&and([corrected(9, 4, &target, &[1], "ack_due_on", "2030-05").into()]), ("2030-05-31", true));
    due(&and([told.clone(), corrected(9, 4, &target, &[1], "due_on", "2040").into()]), ("2040-12-31", true));
    due(&and([told, later, corrected(9, 6, &target, &[1], "due_on", "2040").into()]), ("2040-12-31", true));
    let moved = and([corrected(9, 4, &target, &[1], "received_on", "2026-06-10").into()]);
    let before = RightsAcknowledged { acknowledged_on: on("2026-06-09"), ..acknowledged(1, 1) };
    check(&moved, before, refused(Rule::BeforeTheRequest, "acknowledged_on"));
}
