//! The course of a case: steps for each respondent, and reopening.

use crate::domain::Rule;
use crate::domain::World;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::Book;
use crate::domain::tests::alleged;
use crate::domain::tests::check;
use crate::domain::tests::closed;
use crate::domain::tests::corrected;
use crate::domain::tests::found;
use crate::domain::tests::heard;
use crate::domain::tests::id;
use crate::domain::tests::notified;
use crate::domain::tests::on;
use crate::domain::tests::opened;
use crate::domain::tests::refused;
use crate::domain::tests::reopened;
use crate::domain::tests::stated;
use crate::domain::tests::voided;
use crate::events::CaseOpened;
use crate::events::CaseReopened;
use crate::events::Event;
use crate::events::HearingHeld;
use crate::events::RespondentNotified;
use crate::events::StatementReceived;

use super::given;
use super::given_closed;

fn and(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    given().into_iter().chain(more).collect()
}

#[test]
fn steps_are_recorded_for_whoever_is_examined_in_whatever_order() {
    let steps: [(Event, Event, Event, Event); 3] = [
        (notified(1, 1).into(), notified(1, 3).into(), notified(2, 1).into(), notified(1, 1).into()),
        (stated(1, 1).into(), stated(1, 3).into(), stated(2, 1).into(), stated(1, 1).into()),
        (heard(1, 1).into(), heard(1, 3).into(), heard(2, 1).into(), heard(1, 1).into()),
    ];
    for (right, stranger, no_case, late) in steps {
        check(&given(), right.clone(), ADMITTED);
        check(&and([right.clone()]), right, ADMITTED);
        check(&given(), stranger, refused(Rule::NotARespondent, "respondent_id"));
        check(&given(), no_case, refused(Rule::StreamUnknown, "case_id"));
        check(&given_closed(), late, refused(Rule::CaseClosed, "case_id"));
    }
}

#[test]
fn steps_are_not_in_the_future_and_done_by_bodies() {
    let told = |day| RespondentNotified { notified_on: on(day), ..notified(1, 1) };
    let said = |day| StatementReceived { received_on: on(day), ..stated(1, 1) };
    let held = |notice, day| HearingHeld { notice_given_on: on(notice), held_on: on(day), ..heard(1, 1) };
    check(&given(), told("2026-06-16"), ADMITTED);
    check(&given(), held("2025-05-01", "2025-05-01"), ADMITTED);
    check(&given(), told("2026-06-17"), refused(Rule::DateInFuture, "notified_on"));
    check(&given(), said("2026-07"), refused(Rule::DateInFuture, "received_on"));
    check(&given(), held("2025-05-02", "2025-05-01"), refused(Rule::PeriodReversed, "held_on"));
    check(&given(), held("2025-05-02", "2026-06-17"), refused(Rule::DateInFuture, "held_on"));
    check(&given(), held("2025-02-29", "2025-05-01"), refused(Rule::DateImpossible, "notice_given_on"));
    let by = |body| HearingHeld { held_by_id: id(body), ..heard(1, 1) };
    check(&given(), by(4), ADMITTED);
    check(&given(), by(1), refused(Rule::NotAnOrganisation, "held_by_id"));
    let by = |body| RespondentNotified { notified_by_id: id(body), ..notified(1, 1) };
    check(&given(), by(9), refused(Rule::NotRegistered, "notified_by_id"));
}

#[test]
fn a_closed_case_is_reopened_for_some_and_closed_for_those() {
    let given_reopened = [given_closed(), vec![reopened(1, &[1]).into()]].concat();
    check(&given_closed(), reopened(1, &[1]), ADMITTED);
    check(&given_closed(), reopened(1, &[2, 1]), ADMITTED);
    check(&given_closed(), reopened(1, &[3]), refused(Rule::NotARespondent, "respondent_ids[0]"));
    check(&given_closed(), reopened(1, &[1, 1]), refused(Rule::SubjectRepeated, "respondent_ids[1]"));
    check(&given(), reopened(1, &[1]), refused(Rule::CaseNotClosed, "case_id"));
    check(&given(), reopened(2, &[1]), refused(Rule::StreamUnknown, "case_id"));
    check(&given_reopened, reopened(1, &[2]), refused(Rule::CaseNotClosed, "case_id"));
    check(&given_reopened, heard(1, 1), ADMITTED);
    check(&given_reopened, heard(1, 2), refused(Rule::RespondentDone, "respondent_id"));
    check(&given_reopened, alleged(1, 6, 2), refused(Rule::RespondentDone, "respondent_id"));
    check(&given_reopened, alleged(1, 6, 3), ADMITTED);
    check(&given_reopened, closed(1, &[1]), ADMITTED);
    check(&given_reopened, closed(1, &[1, 2]), refused(Rule::RespondentDone, "outcomes[1].respondent_id"));
    check(&given_reopened, found(1, 5, 1), ADMITTED);
    let dates = |on_day, due| CaseReopened { reopened_on: on(on_day), due_on: on(due), ..reopened(1, &[1]) };
    check(&given_closed(), dates("2025-05", "2027"), ADMITTED);
    check(&given_closed(), dates("2025-05", "2025-04"), refused(Rule::PeriodReversed, "due_on"));
    check(&given_closed(), dates("2027", "2027"), refused(Rule::DateInFuture, "reopened_on"));
    check(
        &given(),
        CaseOpened { due_on: on("2026-02-30"), ..opened(2, &[1]) },
        refused(Rule::DateImpossible, "due_on"),
    );
}

#[test]
fn a_void_takes_back_a_closing_an_allegation_or_the_case() {
    let target = format!("case/{}", id(1));
    let void = |before: Vec<Event>, position: u64, about: &[u64]| {
        [before, vec![voided(9, position, &target, about).into()]].concat()
    };
    let last = u64::try_from(given_closed().len()).expect("small");
    check(&void(given_closed(), last, &[1, 2]), heard(1, 1), ADMITTED);
    // The case was opened about 1 and 2; 3 joined with an allegation.
    let joined = and([alleged(1, 6, 3).into()]);
    let left = void(joined.clone(), 7, &[3]);
    check(&joined, heard(1, 3), ADMITTED);
    check(&left, heard(1, 3), refused(Rule::NotARespondent, "respondent_id"));
    check(&left, closed(1, &[1, 2]), ADMITTED);
    check(&left, found(1, 6, 3), refused(Rule::AllegationUnknown, "allegation_number"));
    let twice = void(and([alleged(1, 6, 3).into(), alleged(1, 7, 3).into()]), 7, &[3]);
    check(&twice, heard(1, 3), ADMITTED);
    check(&twice, found(1, 7, 3), ADMITTED);
    let gone = void(given(), 5, &[1, 2]);
    check(&gone, heard(1, 1), refused(Rule::StreamVoid, ""));
    check(&gone, opened(1, &[1]), refused(Rule::StreamVoid, ""));
}

/// A correction can say by when, where nothing did, and take it away.
#[test]
fn a_corrected_day_is_what_is_due() {
    let target = format!("case/{}", id(1));
    let due = |events: &[Event]| {
        let state = Book::of(events).state("case", &id(1)).expect("it is there");
        state.duty().map(|duty| duty.due.to_string())
    };
    let right = |record, day| Event::from(corrected(record, 5, &target, &[1, 2], "due_on", day));
    assert_eq!(due(&given()), None);
    assert_eq!(due(&and([right(9, "2026-05")])), Some("2026-05-31".to_owned()));
    assert_eq!(due(&and([right(9, "2026-05"), right(8, "")])), None);
}
