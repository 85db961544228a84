use std::collections::BTreeSet;

use bytes::Bytes;

use crate::domain;
use crate::domain::Rule;
use crate::domain::State;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::Book;
use crate::domain::tests::Then;
use crate::domain::tests::check;
use crate::domain::tests::check_in;
use crate::domain::tests::id;
use crate::domain::tests::imported;
use crate::domain::tests::on;
use crate::domain::tests::opened;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::events::DocumentReference;
use crate::events::EntryErased;
use crate::events::Event;
use crate::events::LegacyRecordImported;
use crate::events::Observation;
use crate::events::RowDigest;

mod amendment;

use Observation::Changed;
use Observation::FirstSeen;
use Observation::Gone;

#[test]
fn a_row_appears_changes_goes_and_comes_back() {
    let seen = refused(Rule::AlreadySeen, "observation");
    let gone = refused(Rule::RowGone, "observation");
    let unknown = refused(Rule::StreamUnknown, "observation");
    let table: [(&[Observation], Observation, Then); 14] = [
        (&[], FirstSeen, ADMITTED),
        (&[], Changed, unknown),
        (&[], Gone, unknown),
        (&[FirstSeen], Changed, ADMITTED),
        (&[FirstSeen], Gone, ADMITTED),
        (&[FirstSeen], FirstSeen, seen),
        (&[FirstSeen, Changed], Changed, ADMITTED),
        (&[FirstSeen, Changed], FirstSeen, seen),
        (&[FirstSeen, Gone], FirstSeen, ADMITTED),
        (&[FirstSeen, Gone], Changed, gone),
        (&[FirstSeen, Gone], Gone, gone),
        (&[FirstSeen, Gone, FirstSeen], Gone, ADMITTED),
        (&[FirstSeen, Gone, FirstSeen], FirstSeen, seen),
        (&[FirstSeen, Changed, Gone], Changed, gone),
    ];
    for (given, when, then) in table {
        let given: Vec<Event> = given.iter().map(|seen| imported(1, *seen, &[]).into()).collect();
        check(&given, imported(1, when, &[]), then);
        check(&given, imported(2, FirstSeen, &[]), ADMITTED);
    }
}

#[test]
fn a_row_is_about_whom_the_ledger_or_the_request_registers() {
    let book = Book { registers: BTreeSet::from([id(2)]), ..Book::of(&[person(1)]) };
    let about = |subjects: &[u64]| imported(1, FirstSeen, subjects).into();
    check_in(&book, &about(&[1, 2]), ADMITTED);
    check_in(&book, &about(&[]), ADMITTED);
    check_in(&book, &about(&[1, 3]), refused(Rule::NotRegistered, "subject_ids[1]"));
    check_in(&book, &about(&[2, 2]), refused(Rule::SubjectRepeated, "subject_ids[1]"));
    // Only the row may come before the registration: nothing else is about one who is not there yet.
    check_in(&book, &opened(1, &[2]).into(), refused(Rule::NotRegistered, "respondent_ids[0]"));
}

#[test]
fn a_row_has_a_digest_and_a_day_that_can_be() {
    let observed = |text| LegacyRecordImported { observed_on: on(text), ..imported(1, FirstSeen, &[]) };
    let digest = |len| {
        let digest = Some(RowDigest { sha256: Bytes::from(vec![7; len]) });
        LegacyRecordImported { digest, ..imported(1, FirstSeen, &[]) }
    };
    check(&[], observed("2026-06-16"), ADMITTED);
    check(&[], observed("2026-06-17"), refused(Rule::DateInFuture, "observed_on"));
    check(&[], observed("2026-06-31"), refused(Rule::DateImpossible, "observed_on"));
    check(&[], digest(32), ADMITTED);
    for len in [0, 31, 33] {
        check(&[], digest(len), refused(Rule::DigestLength, "digest.sha256"));
    }
}

#[test]
fn nobody_appends_an_erasure() {
    let approved = |approvers: &[&str]| EntryErased {
        approvers: approvers.iter().map(|&name| name.to_owned()).collect(),
        ..EntryErased::default()
    };
    let ordered = |issued_on, sha256: &'static [u8]| {
        let sha256 = Bytes::from_static(sha256);
        let order = Some(DocumentReference { issued_on, sha256, ..DocumentReference::default() });
        EntryErased { order, ..approved(&["a", "b"]) }
    };
    check(&[], approved(&["a", "b"]), refused(Rule::NotAppendable, ""));
    check(&[], ordered(on("2026"), &[7; 32]), refused(Rule::NotAppendable, ""));
    check(&[], ordered(None, &[]), refused(Rule::NotAppendable, ""));
    check(&[], ordered(on("2026-02-30"), &[]), refused(Rule::DateImpossible, "order.issued_on"));
    check(&[], ordered(None, &[7; 31]), refused(Rule::DigestLength, "order.sha256"));
    check(&[], approved(&["a"]), refused(Rule::ApproversTooFew, "approvers"));
    check(&[], approved(&["a", "b", "a"]), refused(Rule::ApproverRepeated, "approvers[2]"));
}

#[test]
fn an_erasure_leaves_the_state_as_it_was() {
    let erased = EntryErased::default().into();
    let state = domain::evolve(None, &person(1), 1);
    assert_eq!(domain::evolve(Some(state.clone()), &erased, 2), state);
    assert_eq!(domain::evolve(None, &erased, 2), State::Empty);
    let mut book = Book::of(&[]);
    book.states.insert(("entity".to_owned(), id(1)), State::Empty);
    check_in(&book, &person(1), ADMITTED);
    check_in(&book, &opened(1, &[1]).into(), refused(Rule::NotRegistered, "respondent_ids[0]"));
}
