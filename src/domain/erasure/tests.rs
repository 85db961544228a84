//! Rules of forgetting, a row each.

use crate::domain::Day;
use crate::domain::Recorded;
use crate::domain::Rule;
use crate::domain::State;
use crate::domain::World;
use crate::domain::erasure::last_day;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::Book;
use crate::domain::tests::Then;
use crate::domain::tests::check;
use crate::domain::tests::check_as;
use crate::domain::tests::consented;
use crate::domain::tests::done;
use crate::domain::tests::dropped;
use crate::domain::tests::forget;
use crate::domain::tests::id;
use crate::domain::tests::on;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::domain::tests::scope;
use crate::domain::tests::voided;
use crate::events::DocumentReference;
use crate::events::ErasureRequested;
use crate::events::Event;
use crate::events::SealedClass;

/// Persons 1 and 2.
fn given() -> Vec<Event> {
    vec![person(1), person(2)]
}

/// Erasure 1, asked for by `local`.
fn asked() -> ErasureRequested {
    forget(1, &[1])
}

/// A book in which erasure 1 is asked for and approved by these.
fn approved(by: &[&'static str]) -> Book {
    let mut book = Book::of(&given());
    book.record(&asked().into());
    for approver in by {
        book.principal = approver;
        check_as(&book, approver, &consented(1, approver).into(), ADMITTED);
        book.record(&consented(1, approver).into());
    }
    book
}

#[test]
fn who_asks_says_what_is_to_go_and_is_who_records_it() {
    let scopes = |scopes| ErasureRequested { scopes, ..asked() };
    let property = |year| scope("entity", 1, SealedClass::Property, year);
    let identity = scope("entity", 1, SealedClass::Identity, 0);
    check(&given(), asked(), ADMITTED);
    check(&given(), scopes(vec![property(2025), property(2024), property(0)]), ADMITTED);
    let open = ErasureRequested { open_positions: vec![1, 2], ..scopes(Vec::new()) };
    check(&given(), open.clone(), ADMITTED);
    check(&given(), scopes(Vec::new()), refused(Rule::ErasureEmpty, "scopes"));
    check(&given(), scopes(vec![property(2025), property(2025)]), refused(Rule::ScopeRepeated, "scopes[1]"));
    let dated = scope("entity", 1, SealedClass::Identity, 2025);
    check(&given(), scopes(vec![identity, dated]), refused(Rule::YearMisplaced, "scopes[1].year"));
    let unknown = scope("entity", 9, SealedClass::Identity, 0);
    check(&given(), scopes(vec![unknown]), refused(Rule::StreamUnknown, "scopes[0].owner"));
    let unsorted = |open_positions| ErasureRequested { open_positions, ..open.clone() };
    check(&given(), unsorted(vec![2, 1]), refused(Rule::PositionsNotAscending, "open_positions[1]"));
    check(&given(), unsorted(vec![1, 1]), refused(Rule::PositionsNotAscending, "open_positions[1]"));
    check(&given(), unsorted(vec![1, 3]), refused(Rule::TargetUnknown, "open_positions[1]"));
    let about = ErasureRequested { subject_ids: vec![id(1), id(1)], ..asked() };
    check(&given(), about, refused(Rule::SubjectRepeated, "subject_ids[1]"));
    let other = ErasureRequested { requester: "somebody".to_owned(), ..asked() };
    check(&given(), other, refused(Rule::NotThePrincipal, "requester"));
    let order = DocumentReference { sha256: vec![7; 31].into(), ..DocumentReference::default() };
    let ordered = ErasureRequested { order: Some(order), ..asked() };
    check(&given(), ordered, refused(Rule::DigestLength, "order.sha256"));
    let twice = [given(), vec![asked().into()]].concat();
    check(&twice, asked(), refused(Rule::AlreadyRequested, "erasure_id"));
    check(&twice, forget(2, &[1]), ADMITTED);
}

#[test]
fn it_can_be_approved_for_thirty_days() {
    let until = |day| ErasureRequested { expires_on: on(day), ..asked() };
    let out = refused(Rule::ExpiryOutOfRange, "expires_on");
    check(&given(), until("2026-06-15"), ADMITTED);
    check(&given(), until("2026-07-15"), ADMITTED);
    check(&given(), until("2026-06"), ADMITTED);
    check(&given(), until("2026-06-14"), out);
    check(&given(), until("2026-07-16"), out);
    check(&given(), until("2026-07"), out);
    check(&given(), until("2026"), out);
    check(&given(), until("2026-06-31"), refused(Rule::DateImpossible, "expires_on"));
    let day = |text| Day::parse(text).expect("a day");
    assert_eq!(last_day(day("2026-06-15")), day("2026-07-15"));
}

#[test]
fn two_others_approve_it_each_by_himself() {
    let row = |by: &[&'static str], who: &'static str, said: &str, then: Then| {
        check_as(&approved(by), who, &consented(1, said).into(), then);
    };
    row(&[], "second", "second", ADMITTED);
    row(&["second"], "third", "third", ADMITTED);
    row(&[], "second", "third", refused(Rule::NotThePrincipal, "approver"));
    row(&[], "local", "local", refused(Rule::ApproverIsRequester, "approver"));
    row(&["second"], "local", "local", refused(Rule::ApproverIsRequester, "approver"));
    row(&["second"], "second", "second", refused(Rule::ApproverRepeated, "approver"));
    row(&["second", "third"], "fourth", "fourth", refused(Rule::AlreadyApproved, "erasure_id"));
    check_as(&approved(&[]), "second", &consented(2, "second").into(), refused(Rule::StreamUnknown, "erasure_id"));
    let mut late = approved(&["second"]);
    late.today = "2026-07-16";
    check_as(&late, "third", &consented(1, "third").into(), refused(Rule::ErasureExpired, "erasure_id"));
    late.today = "2026-07-15";
    check_as(&late, "third", &consented(1, "third").into(), ADMITTED);
}

#[test]
fn what_is_not_yet_approved_is_withdrawn() {
    check_as(&approved(&[]), "anybody", &dropped(1).into(), ADMITTED);
    check_as(&approved(&["second"]), "anybody", &dropped(1).into(), ADMITTED);
    let both = approved(&["second", "third"]);
    check_as(&both, "local", &dropped(1).into(), refused(Rule::AlreadyApproved, "erasure_id"));
    check_as(&both, "local", &dropped(2).into(), refused(Rule::StreamUnknown, "erasure_id"));
    let mut gone = approved(&["second"]);
    gone.record(&dropped(1).into());
    let ended = refused(Rule::ErasureEnded, "erasure_id");
    check_as(&gone, "third", &consented(1, "third").into(), ended);
    check_as(&gone, "local", &dropped(1).into(), ended);
    check_as(&gone, "system", &done(1).into(), ended);
    // One that expired can still be withdrawn, so that nobody wonders what became of it.
    let mut late = approved(&["second"]);
    late.today = "2027-01-01";
    check_as(&late, "local", &dropped(1).into(), ADMITTED);
}

#[test]
fn the_service_alone_says_that_it_was_carried_out() {
    let both = approved(&["second", "third"]);
    check_as(&both, "system", &done(1).into(), ADMITTED);
    check_as(&both, "local", &done(1).into(), refused(Rule::NotTheService, ""));
    check_as(&both, "second", &done(1).into(), refused(Rule::NotTheService, ""));
    check_as(&both, "system", &done(2).into(), refused(Rule::StreamUnknown, "erasure_id"));
    let not_yet = refused(Rule::NotApproved, "erasure_id");
    check_as(&approved(&["second"]), "system", &done(1).into(), not_yet);
    check_as(&approved(&[]), "system", &done(1).into(), not_yet);
    let mut over = both;
    over.record(&done(1).into());
    check_as(&over, "system", &done(1).into(), refused(Rule::ErasureEnded, "erasure_id"));
}

#[test]
fn it_is_due_from_the_second_approval_until_it_is_done() {
    let due = |book: &Book| match book.state("erasure", &id(1)).as_deref() {
        Some(State::Erasure(erasure)) => erasure.is_due(),
        other => panic!("{other:?}"),
    };
    assert!(!due(&approved(&[])));
    assert!(!due(&approved(&["second"])));
    let mut both = approved(&["second", "third"]);
    assert!(due(&both));
    both.record(&done(1).into());
    assert!(!due(&both));
}

#[test]
fn a_request_to_forget_is_neither_corrected_nor_voided() {
    let target = format!("erasure/{}", id(1));
    let book = approved(&[]);
    assert!(matches!(book.recorded(3), Some(Recorded::Event(_))));
    let void = voided(9, 3, &target, &[1]).into();
    check_as(&book, "local", &void, refused(Rule::TargetNotAFact, "target_position"));
}
