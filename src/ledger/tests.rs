use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use crate::domain::Rule;
use crate::events::Event;
use crate::events::EventType;
use crate::events::shape::FieldRule;
use crate::ledger::Clamped;
use crate::ledger::Condition;
use crate::ledger::ContentChecked;
use crate::ledger::Expected;
use crate::ledger::Head;
use crate::ledger::History;
use crate::ledger::NoMatchingEvents;
use crate::ledger::Overlay;
use crate::ledger::PlanError;
use crate::ledger::Proposed;
use crate::ledger::Refusal;
use crate::ledger::Violation;
use crate::ledger::compare;
use crate::ledger::content_of;
use crate::ledger::fixture::NOW_MS;
use crate::ledger::fixture::ORIGIN;
use crate::ledger::fixture::TinyLedger;
use crate::ledger::fixture::TinyRows;
use crate::ledger::fixture::allegation;
use crate::ledger::fixture::case;
use crate::ledger::fixture::id;
use crate::ledger::fixture::person;
use crate::ledger::fixture::with_unknown_field;
use crate::ledger::plan;
use crate::ledger::prepare;
use crate::ledger::recalled;
use crate::ledger::recorded_at;
use crate::ledger::replay;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Close;
use crate::log::Entry;
use crate::log::Key;
use crate::log::KeyChange;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::MapRoot;
use crate::log::Name;
use crate::log::Seal;

fn checked(ledger: &TinyLedger, index: usize) -> Checked {
    Entry::check(&ledger.entries[index]).unwrap()
}

fn stream(name: String) -> History {
    History { key: Key::of_stream(&Name::parse(&name).unwrap()), name }
}

fn subject(name: String) -> History {
    History { key: Key::of_subject(&Name::parse(&name).unwrap()), name }
}

#[test]
fn personal_fields_are_cut_out_sealed_and_merge_back_into_the_event() {
    let ledger = TinyLedger::with_a_case();
    for (index, event, owner) in
        [(1, person(1), format!("entity/{}", id(1))), (4, allegation(10, 1, 1, "one"), format!("case/{}", id(10)))]
    {
        let entry = checked(&ledger, index);
        let manifest = entry.manifest.clone().unwrap();
        let open = entry.entry.open.clone().unwrap().payload;
        assert_eq!(manifest.parts.len(), 1);
        assert!(!String::from_utf8_lossy(&open).contains("Person") && !String::from_utf8_lossy(&open).contains("one"));
        let key = Key::of_subject(&Name::parse(&owner).unwrap());
        let content = content_of(ORIGIN, &entry, 0, &key.0).unwrap();
        let whole = Event::decode(event.event_type(), &[open.to_vec(), content].concat()).unwrap();
        assert_eq!(whole, event);
        assert!(content_of(ORIGIN, &entry, 0, &[9; 32]).is_err(), "another key");
        assert!(content_of("other.example/log", &entry, 0, &key.0).is_err(), "another log");
        assert!(content_of(ORIGIN, &entry, 1, &key.0).is_err(), "another part");
    }
}

#[test]
fn a_leaf_is_filed_under_whom_its_open_payload_names() {
    let ledger = TinyLedger::with_a_case();
    let leaf = checked(&ledger, 3).leaf;
    let event = leaf.event().unwrap();
    let key = |number| Key::of_subject(&Name::of("entity", &id(number)).unwrap());
    let subjects: BTreeSet<(Key, u64)> = event.subjects.iter().map(|place| (place.key, place.sequence)).collect();
    assert_eq!(subjects, BTreeSet::from([(key(1), 1), (key(2), 1)]));
    assert_eq!(event.stream.key, Key::of_stream(&Name::of("case", &id(10)).unwrap()));
    assert_eq!((event.stream.sequence, checked(&ledger, 4).leaf.event().unwrap().stream.sequence), (0, 1));
}

#[test]
fn what_is_wrong_with_a_request_is_said_before_it_is_queued() {
    let ledger = TinyLedger::new();
    let refused = |events: &[Event]| ledger.prepared(1, events, &[]).unwrap_err();
    assert_eq!(refused(&[]), Refusal::EventCount { found: 0 });
    assert_eq!(refused(&vec![person(1); 1001]), Refusal::EventCount { found: 1001 });
    let long = "x".repeat(256 * 1024);
    assert!(matches!(refused(&[allegation(1, 1, 1, &long)]), Refusal::EventTooLarge { number: 0, .. }));
    let big = "x".repeat(120 * 1024);
    let many: Vec<Event> = (1..=40).map(|number| allegation(1, number, 1, &big)).collect();
    assert!(matches!(refused(&many), Refusal::RequestTooLarge { .. }));
    let too_long = "x".repeat(131_073);
    let Refusal::Field { fault, .. } = refused(&[allegation(1, 1, 1, &too_long)]) else { panic!() };
    assert_eq!((fault.path.as_str(), fault.rule), ("text.text", FieldRule::TooLong { found: 131_073, max: 131_072 }));
    let crowd: Vec<u64> = (1..=65).collect();
    let Refusal::Field { fault, .. } = refused(&[case(1, &crowd)]) else { panic!() };
    assert_eq!(fault.rule, FieldRule::TooMany { found: 65, max: 64 });
    let mut request = TinyLedger::request(1, &[person(1)], &[]);
    request.events[0] = Proposed::plain(EventType::PersonRegistered, with_unknown_field(&person(1)));
    let Refusal::Field { fault, .. } = prepare(request, &ledger.vault).unwrap_err() else { panic!() };
    assert_eq!(fault.rule, FieldRule::Unknown { number: 999 });
}

#[test]
fn a_refused_event_takes_its_whole_request_with_it_and_nothing_else() {
    let mut ledger = TinyLedger::with_a_case();
    let before = ledger.head;
    let refusal = ledger.append(3, &[person(3), allegation(99, 1, 3, "to no case")]).unwrap_err();
    assert!(matches!(refusal, Refusal::Rule { number: 1, rejection, .. } if rejection.rule == Rule::StreamUnknown));
    assert_eq!(ledger.head, before);
    ledger.append(4, &[person(3)]).unwrap();
}

#[test]
fn a_later_request_of_a_batch_sees_the_earlier_one() {
    let ledger = TinyLedger::new();
    let mut overlay = Overlay::default();
    let first = ledger.planned(&ledger.prepared(1, &[person(1)], &[]).unwrap(), &mut overlay).unwrap();
    let at = |request: u8, events: &[Event], overlay: &mut Overlay| {
        let prepared = ledger.prepared(request, events, &[]).unwrap();
        plan(&prepared, first.head, NOW_MS + 2, overlay, &ledger.rows, &|_| Ok(None))
    };
    let second = at(2, &[case(10, &[1])], &mut overlay).unwrap();
    assert_eq!((second.receipt.first_index, second.receipt.revisions), (2, vec![0]));
    assert!(
        matches!(at(2, &[case(10, &[1])], &mut Overlay::default()), Err(PlanError::Refused(_))),
        "without the overlay"
    );
    assert_eq!(at(1, &[person(1)], &mut overlay).unwrap_err(), PlanError::Repeated { first_index: 1 });
    let again = at(3, &[person(1)], &mut overlay).unwrap_err();
    assert!(matches!(again, PlanError::Refused(Refusal::Rule { .. })), "registered twice");
}

#[test]
fn nobody_is_registered_twice_under_one_native_id() {
    let mut ledger = TinyLedger::new();
    ledger.append(1, &[person(1)]).unwrap();
    let Event::PersonRegistered(mut other) = person(1) else { panic!() };
    other.entity_id = id(77);
    let refusal = ledger.append(2, &[other.into()]).unwrap_err();
    assert!(matches!(refusal, Refusal::AlreadyRegistered { number: 0, entity_id, .. } if entity_id == id(1)));
    let Event::PersonRegistered(mut third) = person(3) else { panic!() };
    third.entity_id = id(78);
    let refusal = ledger.append(3, &[person(3), third.into()]).unwrap_err();
    assert!(matches!(refusal, Refusal::AlreadyRegistered { number: 1, .. }), "within one request");
}

#[test]
fn a_repeated_request_is_the_same_only_with_the_same_content() {
    let ledger = TinyLedger::with_a_case();
    let recorded: Vec<Checked> = (3..6).map(|index| checked(&ledger, index)).collect();
    let same = [case(10, &[1, 2]), allegation(10, 1, 1, "one"), allegation(10, 2, 2, "two")];
    let key = Key::of_subject(&Name::of("case", &id(10)).unwrap());
    let open = |entry: &Checked, part: usize| content_of(ORIGIN, entry, part, &key.0).ok();
    let compared = |events: &[Event]| compare(&ledger.prepared(2, events, &[]).unwrap(), &recorded, open);
    assert_eq!(compared(&same), Some(ContentChecked::Wholly));
    for (name, events) in [
        ("fewer events", same[..2].to_vec()),
        ("another order", vec![same[0].clone(), same[2].clone(), same[1].clone()]),
        ("another open field", vec![case(10, &[1]), same[1].clone(), same[2].clone()]),
        ("another sealed text", vec![same[0].clone(), allegation(10, 1, 1, "One"), same[2].clone()]),
        ("another type", vec![person(1), same[1].clone(), same[2].clone()]),
    ] {
        assert_eq!(compared(&events), None, "{name}");
    }
    let prepared = ledger.prepared(2, &same, &[]).unwrap();
    assert_eq!(compare(&prepared, &recorded, |_, _| None), Some(ContentChecked::Partly), "without the key");
    let mut erased = recorded.clone();
    erased[1].entry.parts[0] = None;
    erased[0].entry.open = None;
    assert_eq!(compare(&prepared, &erased, open), Some(ContentChecked::Partly), "after an erasure");
}

#[test]
fn all_conditions_that_do_not_hold_are_told_at_once() {
    let ledger = TinyLedger::with_a_case();
    let case_name = || format!("case/{}", id(10));
    let revision = |history, expected| Condition::Revision { history, expected };
    let none_of = |history, types: &[&str], after| {
        let event_types = types.iter().map(|name| (*name).to_owned()).collect();
        Condition::NoMatchingEvents(NoMatchingEvents { history, event_types, after })
    };
    let planned = |conditions: &[Condition]| {
        let prepared = ledger.prepared(9, &[person(9)], conditions).unwrap();
        ledger.planned(&prepared, &mut Overlay::default())
    };
    let holds = [
        revision(stream(case_name()), Expected::Revision(2)),
        revision(stream(case_name()), Expected::Exists),
        revision(stream(format!("case/{}", id(11))), Expected::Absent),
        revision(subject(format!("entity/{}", id(1))), Expected::Revision(2)),
        none_of(stream(case_name()), &["case.closed", "decision.issued"], None),
        none_of(stream(case_name()), &["allegation.recorded"], Some(5)),
        none_of(subject(format!("entity/{}", id(2))), &["person.registered"], Some(2)),
    ];
    assert!(planned(&holds).is_ok());
    let fails = [
        revision(stream(case_name()), Expected::Revision(1)),
        revision(stream(case_name()), Expected::Absent),
        revision(stream(format!("case/{}", id(11))), Expected::Exists),
        revision(stream(format!("case/{}", id(11))), Expected::Revision(0)),
        none_of(stream(case_name()), &["allegation.recorded"], Some(4)),
    ];
    let Err(PlanError::Refused(Refusal::Conditions(violations))) = planned(&fails) else { panic!() };
    let actual: Vec<Option<u64>> = violations
        .iter()
        .map(|violation| match violation {
            Violation::Revision { actual, .. } => *actual,
            Violation::Matching { position, .. } => Some(*position),
        })
        .collect();
    assert_eq!(actual, [Some(2), Some(2), None, None, Some(5)]);
}

#[test]
fn a_clock_a_little_behind_is_clamped_and_one_far_behind_refused() {
    let head = Head { size: 1, leaf_hash: LeafHash::NONE, recorded_at_ms: 100_000 };
    for (now, expected) in [
        (100_000, Clamped::Clock(100_000)),
        (200_000, Clamped::Clock(200_000)),
        (99_999, Clamped::LastEntry(100_000)),
        (90_000, Clamped::LastEntry(100_000)),
        (89_999, Clamped::Behind { by_ms: 10_001 }),
        (0, Clamped::Behind { by_ms: 100_000 }),
    ] {
        assert_eq!(recorded_at(&head, now), expected, "{now}");
    }
}

#[test]
fn replay_gives_what_planning_gave() {
    let ledger = TinyLedger::with_a_case();
    let mut rows = TinyRows::default();
    let mut changes = ledger.changes.iter();
    for bytes in &ledger.entries {
        let entry = Entry::check(bytes).unwrap();
        let identities =
            |index: u64| changes.clone().find(|change| change.index == index).map(|c| c.identities.clone());
        let replayed = replay(&entry, &rows, identities(entry.leaf.index).unwrap_or_default()).unwrap();
        let Some(replayed) = replayed else { continue };
        assert_eq!(Some(&replayed), changes.next());
        rows.apply(&replayed);
    }
    assert_eq!((rows.objects, rows.requests), (ledger.rows.objects, ledger.rows.requests));
}

#[test]
fn what_is_no_event_changes_no_row() {
    let rows = TinyLedger::with_a_case().rows;
    let [one, two] = [1, 2].map(|seed| SigningKey::from_bytes(&[seed; 32]));
    for body in [
        Body::Seal(Seal { map_root: MapRoot([1; 32]), map_keys: 5, previous: None }),
        Body::Key(Box::new(KeyChange::add(ORIGIN, 6, &two, &one))),
        Body::Close(Close { successor: String::new() }),
    ] {
        let leaf = Leaf { index: 6, recorded_at_ms: NOW_MS, previous: LeafHash::NONE, body };
        let entry = Entry::check(&Entry::bare(&leaf).encode().into()).unwrap();
        assert_eq!(replay(&entry, &rows, Vec::new()), Ok(None), "{leaf:?}");
        assert!(recalled(&entry).unwrap().is_none(), "{leaf:?}");
    }
}

/// Events of one request, good or bad.
fn any_events(request: u8, one: u64, two: u64, number: u32) -> Vec<Event> {
    match request % 4 {
        0 => vec![person(one)],
        1 => vec![case(100 + one, &[two])],
        2 => vec![allegation(100 + one, number, two, "text")],
        _ => vec![person(one), case(100 + two, &[one]), allegation(100 + two, number, one, "text")],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Requests planned one after the other on one overlay get what they get when each is durable before the next:
    /// what is refused leaves no trace.
    #[test]
    fn a_batch_is_planned_as_if_each_request_were_alone(
        steps in prop::collection::vec((0_u8..40, 0_u64..5, 0_u64..5, 1_u32..4), 1..30)
    ) {
        let (mut alone, together) = (TinyLedger::new(), TinyLedger::new());
        let (mut overlay, mut head) = (Overlay::default(), together.head);
        for (request, one, two, number) in steps {
            let prepared = alone.prepared(request, &any_events(request, one, two, number), &[]).unwrap();
            let expected = plan(&prepared, alone.head, NOW_MS + 1, &mut Overlay::default(), &alone.rows, &|_| Ok(None));
            let found = plan(&prepared, head, NOW_MS + 1, &mut overlay, &together.rows, &|_| Ok(None));
            match (expected, found) {
                (Ok(expected), Ok(found)) => {
                    prop_assert_eq!(&expected.entries, &found.entries);
                    prop_assert_eq!(&expected.changes, &found.changes);
                    prop_assert_eq!(expected.head, found.head);
                    expected.changes.iter().for_each(|change| alone.rows.apply(change));
                    (alone.head, head) = (expected.head, found.head);
                }
                (expected, found) => prop_assert_eq!(expected.err(), found.err()),
            }
        }
    }

    /// Random requests, good and bad: what is admitted is contiguous, and replays to the same rows.
    #[test]
    fn random_histories_replay_to_the_same_rows(
        steps in prop::collection::vec((0_u8..40, 0_u64..6, 0_u64..6, 1_u32..4), 1..40)
    ) {
        let mut ledger = TinyLedger::new();
        for (request, one, two, number) in steps {
            let events = any_events(request, one, two, number);
            let prepared = ledger.prepared(request, &events, &[]).unwrap();
            if let Ok(planned) = ledger.planned(&prepared, &mut Overlay::default()) {
                prop_assert_eq!(planned.receipt.first_index, ledger.head.size);
                planned.changes.iter().for_each(|change| ledger.rows.apply(change));
                ledger.entries.extend(planned.entries);
                ledger.changes.extend(planned.changes);
                ledger.head = planned.head;
            }
        }
        let mut rows = TinyRows::default();
        for bytes in &ledger.entries {
            let entry = Entry::check(bytes).unwrap();
            if let Some(change) = replay(&entry, &rows, Vec::new()).unwrap() {
                rows.apply(&change);
            }
        }
        prop_assert_eq!(rows.objects, ledger.rows.objects);
        prop_assert_eq!(rows.histories, ledger.rows.histories);
    }
}
