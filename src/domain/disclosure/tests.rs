//! Rules of disclosures and of the notices that follow them, a row each.

use crate::domain::Rule;
use crate::domain::disclosure;
use crate::domain::tests::ADMITTED;
use crate::domain::tests::annulled;
use crate::domain::tests::asked;
use crate::domain::tests::check;
use crate::domain::tests::code;
use crate::domain::tests::corrected;
use crate::domain::tests::disclosed;
use crate::domain::tests::disputed;
use crate::domain::tests::expired;
use crate::domain::tests::has_notice;
use crate::domain::tests::id;
use crate::domain::tests::issued;
use crate::domain::tests::modified;
use crate::domain::tests::on;
use crate::domain::tests::opened;
use crate::domain::tests::organisation;
use crate::domain::tests::person;
use crate::domain::tests::refused;
use crate::domain::tests::told;
use crate::domain::tests::voided;
use crate::events::DocumentReference;
use crate::events::Event;
use crate::events::FieldCorrection;
use crate::events::NoticeAcknowledged;
use crate::events::NoticeSent;
use crate::events::RecordCorrected;
use crate::events::RecordDisclosed;
use crate::events::field_correction::Value;

/// Persons 1 and 2 at 1 and 2, body 4 at 3, decisions 1 and 2 about persons 1 and 2 at 4 and 5.
fn given() -> Vec<Event> {
    vec![person(1), person(2), organisation(4), issued(1, 0, 1).into(), issued(2, 0, 2).into()]
}

fn and(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    given().into_iter().chain(more).collect()
}

fn decision(number: u64) -> String {
    format!("decision/{}", id(number))
}

fn whole(person: u64) -> String {
    format!("entity/{}", id(person))
}

/// Decision 1 of person 1 was shown to body 4.
fn shown() -> RecordDisclosed {
    disclosed(1, 4, &[&decision(1)], &[1], 5)
}

#[test]
fn what_is_there_is_shown_to_somebody_who_is_registered() {
    check(&given(), shown(), ADMITTED);
    check(&given(), disclosed(1, 2, &[&whole(1)], &[1], 5), ADMITTED);
    check(&given(), disclosed(1, 4, &[&whole(1), &decision(2)], &[1, 2], 5), ADMITTED);
    check(&and([shown().into()]), shown(), refused(Rule::AlreadyDisclosed, "disclosure_id"));
    check(&given(), disclosed(1, 9, &[&decision(1)], &[1], 5), refused(Rule::NotRegistered, "recipient_id"));
    check(&given(), disclosed(1, 4, &[&decision(1)], &[9], 5), refused(Rule::NotRegistered, "subject_ids[0]"));
    check(&given(), disclosed(1, 4, &[&decision(3)], &[1], 5), refused(Rule::StreamUnknown, "targets[0]"));
    check(&given(), disclosed(1, 4, &[&decision(1), "x"], &[1], 5), refused(Rule::StreamUnknown, "targets[1]"));
    check(&given(), disclosed(1, 4, &[&whole(1)], &[2], 5), refused(Rule::NotASubject, "targets[0]"));
    let twice = [&*decision(1), &decision(1)];
    check(&given(), disclosed(1, 4, &twice, &[1], 5), refused(Rule::TargetRepeated, "targets[1]"));
    check(&given(), disclosed(1, 4, &[&decision(1)], &[1, 1], 5), refused(Rule::SubjectRepeated, "subject_ids[1]"));
    check(&given(), disclosed(1, 4, &[&decision(1)], &[1], 6), refused(Rule::ShownAhead, "known_at"));
    check(&given(), disclosed(1, 4, &[&decision(1)], &[1], u64::MAX), refused(Rule::ShownAhead, "known_at"));
}

#[test]
fn a_disclosure_says_who_showed_what_and_when() {
    let by = |body| RecordDisclosed { disclosed_by_id: id(body), ..shown() };
    let digest = |len| RecordDisclosed { extract_sha256: vec![7; len].into(), ..shown() };
    let dated = |day| RecordDisclosed { disclosed_on: on(day), ..shown() };
    check(&given(), by(4), ADMITTED);
    check(&given(), dated("2026-06-16"), ADMITTED);
    check(&given(), by(1), refused(Rule::NotAnOrganisation, "disclosed_by_id"));
    check(&given(), by(9), refused(Rule::NotRegistered, "disclosed_by_id"));
    check(&given(), digest(31), refused(Rule::DigestLength, "extract_sha256"));
    check(&given(), digest(0), refused(Rule::DigestLength, "extract_sha256"));
    check(&given(), dated("2026-06-17"), refused(Rule::DateInFuture, "disclosed_on"));
    check(&given(), dated("2026-06-31"), refused(Rule::DateImpossible, "disclosed_on"));
}

/// Decision 1 was shown at 6, then came this at 7.
fn after(event: impl Into<Event>) -> Vec<Event> {
    and([shown().into(), event.into()])
}

#[test]
fn a_recipient_is_told_once_of_what_changed_since() {
    let changes: [Event; 6] = [
        corrected(9, 4, &decision(1), &[1], "signed_on", "2025").into(),
        voided(9, 4, &decision(1), &[1]).into(),
        disputed(9, 4, &decision(1), &[1]).into(),
        modified(1, 1).into(),
        annulled(1, 1).into(),
        expired(1, 1).into(),
    ];
    for change in changes {
        let given = after(change);
        check(&given, told(1, 4, 7, &[1]), ADMITTED);
        let once = [given, vec![told(1, 4, 7, &[1]).into()]].concat();
        check(&once, told(1, 4, 7, &[1]), refused(Rule::NoticeAlreadySent, "cause_position"));
    }
    let none = refused(Rule::NotAChange, "cause_position");
    check(&after(annulled(2, 2)), told(1, 4, 7, &[1]), none);
    check(&after(opened(1, &[1])), told(1, 4, 7, &[1]), none);
    check(&after(annulled(1, 1)), told(1, 4, 4, &[1]), none);
    check(&after(annulled(1, 1)), told(1, 4, 6, &[1]), none);
    check(&after(annulled(1, 1)), told(1, 4, 8, &[1]), none);
    // What was recorded before the position of the answer was in it, even if the disclosure was recorded later.
    let before = and([annulled(1, 1).into(), disclosed(1, 4, &[&decision(1)], &[1], 6).into()]);
    let behind = and([annulled(1, 1).into(), shown().into()]);
    check(&before, told(1, 4, 6, &[1]), none);
    check(&behind, told(1, 4, 6, &[1]), ADMITTED);
    let undone = [after(annulled(1, 1)), vec![voided(8, 7, &decision(1), &[1]).into()]].concat();
    check(&undone, told(1, 4, 7, &[1]), none);
    check(&undone, told(1, 4, 8, &[1]), ADMITTED);
}

#[test]
fn whose_whole_record_was_shown_is_touched_by_every_matter_about_him() {
    let whole = disclosed(1, 4, &[&whole(1)], &[1], 5);
    let given = |change: Event| and([whole.clone().into(), change]);
    check(&given(annulled(1, 1).into()), told(1, 4, 7, &[1]), ADMITTED);
    check(
        &given(corrected(9, 1, &format!("entity/{}", id(1)), &[1], "status", "").into()),
        told(1, 4, 7, &[1]),
        ADMITTED,
    );
    let none = refused(Rule::NotAChange, "cause_position");
    check(&given(annulled(2, 2).into()), told(1, 4, 7, &[1]), none);
    // The disclosure itself stands in his record, and is no part of what was shown.
    let ledger = format!("disclosure/{}", id(1));
    check(&given(corrected(9, 6, &ledger, &[1], "disclosed_on", "2026-05").into()), told(1, 4, 7, &[1]), none);
    assert_eq!(disclosure::changed(&asked(1, 1).into()), None);
    assert_eq!(disclosure::changed(&annulled(1, 1).into()), Some(decision(1)));
}

#[test]
fn a_notice_is_of_the_disclosure_that_it_names() {
    let given = after(annulled(1, 1));
    let on_day = |day| NoticeSent { sent_on: on(day), ..told(1, 4, 7, &[1]) };
    let short = DocumentReference { sha256: vec![1; 31].into(), kind: code("letter"), ..DocumentReference::default() };
    check(&given, on_day("2026-06-01"), ADMITTED);
    check(&given, on_day("2026-04-30"), refused(Rule::BeforeTheDisclosure, "sent_on"));
    check(&given, on_day("2026-06-17"), refused(Rule::DateInFuture, "sent_on"));
    check(&given, on_day("2026-06-31"), refused(Rule::DateImpossible, "sent_on"));
    check(&given, told(2, 4, 7, &[1]), refused(Rule::StreamUnknown, "disclosure_id"));
    check(&given, told(1, 2, 7, &[1]), refused(Rule::NotTheRecipient, "recipient_id"));
    check(&given, told(1, 4, 7, &[2]), refused(Rule::SubjectsDiffer, "subject_ids"));
    check(&given, told(1, 4, 7, &[1, 2]), refused(Rule::SubjectsDiffer, "subject_ids"));
    check(&given, told(1, 4, 7, &[1, 1]), refused(Rule::SubjectRepeated, "subject_ids[1]"));
    let with = NoticeSent { document: Some(short), ..told(1, 4, 7, &[1]) };
    check(&given, with, refused(Rule::DigestLength, "document.sha256"));
}

#[test]
fn a_notice_that_was_sent_is_acknowledged_once() {
    let unsent = after(annulled(1, 1));
    let sent = [unsent.clone(), vec![told(1, 4, 7, &[1]).into()]].concat();
    let twice = [sent.clone(), vec![has_notice(1, 4, 7, &[1]).into()]].concat();
    let on_day = |day| NoticeAcknowledged { acknowledged_on: on(day), ..has_notice(1, 4, 7, &[1]) };
    check(&sent, has_notice(1, 4, 7, &[1]), ADMITTED);
    check(&sent, on_day("2026-06-15"), ADMITTED);
    check(&unsent, has_notice(1, 4, 7, &[1]), refused(Rule::NoticeNotSent, "cause_position"));
    check(&sent, has_notice(1, 4, 6, &[1]), refused(Rule::NoticeNotSent, "cause_position"));
    check(&twice, has_notice(1, 4, 7, &[1]), refused(Rule::NoticeAlreadyAcknowledged, "cause_position"));
    check(&sent, has_notice(1, 2, 7, &[1]), refused(Rule::NotTheRecipient, "recipient_id"));
    check(&sent, has_notice(2, 4, 7, &[1]), refused(Rule::StreamUnknown, "disclosure_id"));
    check(&sent, has_notice(1, 4, 7, &[]), refused(Rule::SubjectsDiffer, "subject_ids"));
    check(&sent, has_notice(1, 4, 7, &[1, 1]), refused(Rule::SubjectRepeated, "subject_ids[1]"));
    check(&sent, on_day("2026-04"), refused(Rule::BeforeTheDisclosure, "acknowledged_on"));
    check(&sent, on_day("2026-06-17"), refused(Rule::DateInFuture, "acknowledged_on"));
    check(&sent, on_day("2026-02-30"), refused(Rule::DateImpossible, "acknowledged_on"));
}

#[test]
fn what_is_void_or_corrected_of_a_disclosure_counts_so() {
    let ledger = format!("disclosure/{}", id(1));
    let sent = [after(annulled(1, 1)), vec![told(1, 4, 7, &[1]).into()]].concat();
    let unsent = [sent, vec![voided(9, 8, &ledger, &[1]).into()]].concat();
    check(&unsent, told(1, 4, 7, &[1]), ADMITTED);
    check(&unsent, has_notice(1, 4, 7, &[1]), refused(Rule::NoticeNotSent, "cause_position"));
    let gone = [after(annulled(1, 1)), vec![voided(9, 6, &ledger, &[1]).into()]].concat();
    check(&gone, told(1, 4, 7, &[1]), refused(Rule::StreamVoid, ""));
    check(&gone, shown(), refused(Rule::StreamVoid, ""));
    let with = |path: &str, value| {
        let fields = vec![FieldCorrection { path: path.to_owned(), value: Some(value) }];
        let correction = RecordCorrected { fields, ..corrected(9, 6, &ledger, &[1], "", "") };
        and([shown().into(), correction.into(), annulled(1, 1).into(), annulled(2, 2).into()])
    };
    let none = refused(Rule::NotAChange, "cause_position");
    let other = with("targets[0]", Value::Text(decision(2)));
    check(&other, told(1, 4, 8, &[1]), none);
    check(&other, told(1, 4, 9, &[1]), ADMITTED);
    check(&with("known_at", Value::Number(8)), told(1, 4, 8, &[1]), none);
    let later = with("disclosed_on", on("2026-06-10").map(Value::Date).expect("a date"));
    let early = NoticeSent { sent_on: on("2026-06-09"), ..told(1, 4, 8, &[1]) };
    check(&later, early, refused(Rule::BeforeTheDisclosure, "sent_on"));
}
