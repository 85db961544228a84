//! Disputes wherever a matter is told; and events of requests, disputes and disclosures for other tests.

use crate::events::DisputeOutcome;
use crate::events::DisputeResolved;
use crate::events::Event;
use crate::events::NoticeAcknowledged;
use crate::events::NoticeSent;
use crate::events::RecordDisclosed;
use crate::events::RecordDisputed;
use crate::events::RightsAcknowledged;
use crate::events::RightsExtended;
use crate::events::RightsFulfilled;
use crate::events::RightsReceived;
use crate::events::StatementAttached;
use crate::log::Name;
use crate::proto::v1::Dispute;
use crate::proto::v1::DisputeState;
use crate::views::case;
use crate::views::decision;
use crate::views::declaration;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;
use crate::views::obligation;
use crate::views::petition;
use crate::views::record;
use crate::views::tests::ALL;
use crate::views::tests::amend::voided;
use crate::views::tests::case_opened;
use crate::views::tests::issued;
use crate::views::tests::matters::obliged;
use crate::views::tests::matters::petitioned;
use crate::views::tests::matters::verified;
use crate::views::tests::person;
use crate::views::tests::view;
use crate::views::verification;

/// Dispute 30 of the entry at this position, in this stream, by this person.
pub(super) fn disputed(who: u128, position: u64, target: &Name) -> Event {
    RecordDisputed {
        dispute_id: id(30),
        target_position: position,
        target: target.to_string(),
        subject_ids: vec![id(who)],
        person_id: id(who),
        ground: code("inaccurate"),
        rights_id: id(60),
        ..RecordDisputed::default()
    }
    .into()
}

pub(super) fn said(who: u128, position: u64, target: &Name) -> Event {
    StatementAttached {
        dispute_id: id(30),
        target_position: position,
        target: target.to_string(),
        subject_ids: vec![id(who)],
        statement: Some(crate::events::Narrative { text: "it was not so".to_owned(), language: String::new() }),
        ..StatementAttached::default()
    }
    .into()
}

pub(super) fn settled(who: u128, position: u64, target: &Name) -> Event {
    DisputeResolved {
        dispute_id: id(30),
        target_position: position,
        target: target.to_string(),
        subject_ids: vec![id(who)],
        outcome: DisputeOutcome::Upheld.into(),
        ..DisputeResolved::default()
    }
    .into()
}

/// Request 60 of this person, to be answered by this day, where there is one.
pub(super) fn asked(who: u128, due: &str) -> Event {
    let due_on = Some(due).filter(|due| !due.is_empty()).map(date);
    RightsReceived { rights_id: id(60), person_id: id(who), due_on, ..RightsReceived::default() }.into()
}

/// What becomes of request 60.
pub(super) fn answered(who: u128, step: u32) -> Event {
    let (rights_id, person_id) = (id(60), id(who));
    match step {
        1 => RightsAcknowledged { rights_id, person_id, ..RightsAcknowledged::default() }.into(),
        2 => RightsExtended { rights_id, person_id, due_on: Some(date("2027")), ..RightsExtended::default() }.into(),
        _ => RightsFulfilled { rights_id, person_id, ..RightsFulfilled::default() }.into(),
    }
}

/// Disclosure 50 of a matter of this person.
pub(super) fn shown_to(who: u128, target: &Name, known_at: u64) -> Event {
    RecordDisclosed {
        disclosure_id: id(50),
        recipient_id: id(2),
        targets: vec![target.to_string(), name("entity", who).to_string()],
        known_at,
        subject_ids: vec![id(who)],
        disclosed_on: Some(date("2026-01-01")),
        ..RecordDisclosed::default()
    }
    .into()
}

/// The recipient of disclosure 50 is told, or has been.
pub(super) fn told_of(who: u128, cause_position: u64, sent: bool) -> Event {
    let (disclosure_id, recipient_id, subject_ids) = (id(50), id(2), vec![id(who)]);
    if sent {
        NoticeSent { disclosure_id, recipient_id, cause_position, subject_ids, ..NoticeSent::default() }.into()
    } else {
        let event = NoticeAcknowledged { disclosure_id, recipient_id, cause_position, ..NoticeAcknowledged::default() };
        NoticeAcknowledged { subject_ids, ..event }.into()
    }
}

/// The matter that the second entry begins, of person 1, with this said about it: whether it is disputed, and the
/// disputes.
fn told(begins: &Event, more: &[Event]) -> (bool, Vec<Dispute>) {
    let (kind, id) = begins.stream().unwrap();
    let name = Name::of(kind, id).unwrap();
    let entries = Story::of([&[person(1), begins.clone()], more].concat()).entries();
    let now = view("2026-06-01", ALL);
    match kind {
        "case" => case::case(&name, &entries, now).map(|one| (one.disputed, one.disputes)),
        "decision" => decision::decision(&name, &entries, now).map(|one| (one.disputed, one.disputes)),
        "declaration" => declaration::declaration(&name, &entries, now).map(|one| (one.disputed, one.disputes)),
        "petition" => petition::petition(&name, &entries, now).map(|one| (one.disputed, one.disputes)),
        "obligation" => obligation::obligation(&name, &entries, now).map(|one| (one.disputed, one.disputes)),
        "verification" => verification::verification(&name, &entries, now).map(|one| (one.disputed, one.disputes)),
        other => panic!("{other}"),
    }
    .unwrap()
}

#[test]
fn every_matter_says_that_it_is_disputed_and_holds_what_the_person_says() {
    let declared = crate::events::DeclarationSubmitted {
        declaration_id: id(40),
        person_id: id(1),
        ..crate::events::DeclarationSubmitted::default()
    };
    let matters = [
        case_opened(&[1]),
        issued("2026-01-01", vec![]),
        declared.into(),
        petitioned(1, "2026-01-01"),
        obliged(1, "2026-02-01"),
        verified(1, "2026-01-01"),
    ];
    for begins in matters {
        let (kind, id) = begins.stream().unwrap();
        let name = Name::of(kind, id).unwrap();
        assert_eq!(told(&begins, &[]), (false, vec![]), "{name}");
        let open = [disputed(1, 2, &name), said(1, 2, &name)];
        let (is_disputed, disputes) = told(&begins, &open);
        assert_eq!((is_disputed, disputes.len(), disputes[0].state()), (true, 1, DisputeState::Open), "{name}");
        assert_eq!(disputes[0].statement.as_ref().map(|part| (part.position, part.personal_class)), Some((4, 4)));
        let target = disputes[0].target.as_ref().unwrap();
        assert_eq!((target.position, target.event_type.as_str()), (2, begins.event_type().name()));
        let (is_disputed, disputes) = told(&begins, &[&open[..], &[settled(1, 2, &name)]].concat());
        assert_eq!((is_disputed, disputes[0].state()), (false, DisputeState::Resolved), "{name}");
        assert!(disputes[0].statement.is_some(), "{name}: it is told all the same");
        // What is void is told with the dispute, too.
        let (is_disputed, disputes) = told(&begins, &[&open[..], &[voided(2, &name)]].concat());
        assert_eq!((is_disputed, disputes.len()), (true, 1), "{name}");
    }
}

#[test]
fn a_dispute_is_of_its_matter_alone_and_stands_in_the_record() {
    let target = name("decision", 20);
    let events = [person(1), issued("2026-01-01", vec![]), case_opened(&[1]), disputed(1, 2, &target)];
    let story = Story::of(events);
    let now = view("2026-06-01", ALL);
    let entries = story.entries();
    let of_case = case::case(&name("case", 10), &entries, now).unwrap();
    assert!(!of_case.disputed && of_case.decisions[0].disputed);
    let holder = name("entity", 1);
    let record = record::record(&holder, &story.about(&holder), &[], now).unwrap();
    assert_eq!((record.disputed, record.disputes.len(), record.cases[0].disputed), (true, 1, false));
    let before = record::record(&holder, &story.about(&holder), &[], view("2026-06-01", 3)).unwrap();
    assert_eq!((before.disputed, before.disputes.len()), (false, 0));
}

#[test]
fn an_open_request_is_pending_in_the_record() {
    let holder = name("entity", 1);
    let pending = |events: Vec<Event>| {
        let story = Story::of(events);
        let record = record::record(&holder, &story.about(&holder), &[], view("2026-06-01", ALL)).unwrap();
        record.pending.iter().map(|item| item.name.clone()).collect::<Vec<_>>()
    };
    let first = vec![person(1), asked(1, "2026-05-01")];
    assert_eq!(pending(first.clone()), [name("rights", 60).to_string()]);
    assert_eq!(pending([first.clone(), vec![answered(1, 1)]].concat()), [name("rights", 60).to_string()]);
    assert_eq!(pending([first, vec![answered(1, 3)]].concat()), Vec::<String>::new());
    assert_eq!(pending(vec![person(1), asked(2, "2026-05-01")]), Vec::<String>::new());
}

#[test]
fn of_a_dispute_that_was_erased_is_told_what_is_still_known() {
    let target = name("decision", 20);
    let events = [person(1), issued("2026-01-01", vec![]), disputed(1, 2, &target), said(1, 2, &target)];
    let story = Story::of(events);
    story.erase(3);
    let found = decision::decision(&target, &story.entries(), view("2026-06-01", ALL)).unwrap();
    assert_eq!(
        (found.disputed, found.disputes[0].person.as_str(), found.disputes[0].ground.as_ref()),
        (true, "", None)
    );
    assert_eq!(found.disputes[0].disputed.as_ref().and_then(|source| source.erased_by), Some(5));
    story.erase(4);
    let found = decision::decision(&target, &story.entries(), view("2026-06-01", ALL)).unwrap();
    assert_eq!((found.disputed, found.disputes.len()), (false, 0), "nobody knows what it was about");
}
