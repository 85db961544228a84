use bytes::Bytes;

use crate::domain::Rule;
use crate::events::DeclarationContent;
use crate::events::DeclarationItem;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::Narrative;
use crate::events::Period;
use crate::events::PetitionReceived;
use crate::events::PetitionerIdentity;
use crate::events::RecordCorrected;
use crate::events::Section;
use crate::events::StatementAttached;
use crate::events::shape::FieldRule;
use crate::ledger::ClientPart;
use crate::ledger::ClientSealed;
use crate::ledger::ContentChecked;
use crate::ledger::Overlay;
use crate::ledger::PlanError;
use crate::ledger::Prepared;
use crate::ledger::Proposed;
use crate::ledger::Refusal;
use crate::ledger::SealedFault;
use crate::ledger::SealingKey;
use crate::ledger::client_key;
use crate::ledger::compare;
use crate::ledger::content_of;
use crate::ledger::fixture::ORIGIN;
use crate::ledger::fixture::TinyLedger;
use crate::ledger::fixture::allegation;
use crate::ledger::fixture::code;
use crate::ledger::fixture::id;
use crate::ledger::fixture::person;
use crate::ledger::prepare;
use crate::ledger::seal_by_client;
use crate::log::Checked;
use crate::log::Commitment;
use crate::log::Entry;
use crate::log::Key;
use crate::log::Name;
use crate::log::SealedBy;

fn key() -> SealingKey {
    client_key([0x5a; 32])
}

fn sealed(origin: &str, request: u8, number: u16, event: &Event) -> Proposed {
    let place = (origin, [request; 16], number);
    let encoded = Bytes::from(event.encode());
    let ClientSealed { open, parts } = seal_by_client(place, event.event_type(), &encoded, &key()).unwrap();
    Proposed { event_type: event.event_type(), bytes: open, sealed: parts }
}

fn prepared(request: u8, events: Vec<Proposed>) -> Result<Prepared, Refusal> {
    let ledger = TinyLedger::new();
    let mut whole = TinyLedger::request(request, &[], &[]);
    whole.events = events;
    prepare(whole, &ledger.vault)
}

/// The entries that a request becomes in a log that has a case with two respondents.
fn recorded(prepared: &Prepared) -> Vec<Checked> {
    let ledger = TinyLedger::with_a_case();
    let planned = match ledger.planned(prepared, &mut Overlay::default()) {
        Ok(planned) => planned,
        Err(PlanError::Refused(refusal)) => panic!("{refusal}"),
        Err(error) => panic!("{error:?}"),
    };
    planned.entries.iter().map(|bytes| Entry::check(bytes).unwrap()).collect()
}

fn petition() -> Event {
    PetitionReceived {
        petition_id: id(70),
        petition_kind: Some(code("complaint")),
        petitioner: Some(PetitionerIdentity { full_name: "Somebody".to_owned(), ..PetitionerIdentity::default() }),
        summary: Some(Narrative { text: "what it says".to_owned(), ..Narrative::default() }),
        ..PetitionReceived::default()
    }
    .into()
}

#[test]
fn what_a_client_sealed_is_recorded_as_that_and_opens_for_whoever_has_the_key() {
    let events = [person(5), allegation(10, 3, 1, "not for you")];
    let request = (0..).zip(&events).map(|(number, event)| sealed(ORIGIN, 9, number, event)).collect();
    let prepared = prepared(9, request).unwrap();
    assert!(prepared.sealed_with.is_empty(), "no key of the service sealed anything");
    assert_eq!(prepared.events[0].identities.len(), 1, "a mark, and no number: none can be read");
    let unchecked: Vec<_> = prepared.unchecked.iter().map(|one| (one.number, one.field, one.rules.len())).collect();
    assert_eq!(unchecked, [(0, "identity", 2), (1, "text", 0)]);
    for (entry, event) in recorded(&prepared).iter().zip(&events) {
        let named = entry.manifest.as_ref().unwrap().parts[0];
        assert_eq!((named.sealed_by, named.key_id), (SealedBy::Client, key().id));
        let content = content_of(ORIGIN, entry, 0, &key().key).unwrap();
        let open = entry.entry.open.clone().unwrap().payload;
        assert_eq!(Event::decode(event.event_type(), &[open.to_vec(), content].concat()).unwrap(), *event);
        assert!(content_of(ORIGIN, entry, 0, &client_key([0x5b; 32]).key).is_err(), "another key");
    }
}

/// Of whatever is sealed, by the service or by a client: moved, it does not open.
#[test]
fn a_sealed_part_that_was_moved_to_another_event_person_or_log_never_opens() {
    let owner = |name: String| Key::of_subject(&Name::parse(&name).unwrap()).0;
    for by_client in [false, true] {
        let request = |origin: &str, number, events: &[Event]| {
            let one = |(place, event): (u16, &Event)| {
                let plain = || Proposed::plain(event.event_type(), event.encode().into());
                if by_client { sealed(origin, number, place, event) } else { plain() }
            };
            recorded(&prepared(number, (0..).zip(events).map(one).collect()).unwrap())
        };
        let own = |name: String| if by_client { key().key } else { owner(name) };
        let entries =
            request(ORIGIN, 9, &[person(5), person(6), allegation(10, 3, 1, "one"), allegation(10, 4, 1, "one")]);
        let again = request(ORIGIN, 8, &[person(5)]);
        let (five, case) = (own(format!("entity/{}", id(5))), own(format!("case/{}", id(10))));
        assert!(content_of(ORIGIN, &entries[0], 0, &five).is_ok() && content_of(ORIGIN, &entries[2], 0, &case).is_ok());
        for (what, from, to, key) in [
            ("another person", &entries[0], &entries[1], &five),
            ("another event of the same request", &entries[2], &entries[3], &case),
            ("another field of another event", &entries[0], &entries[2], &five),
            ("another request", &entries[0], &again[0], &five),
        ] {
            // With the words of its manifest, so that nothing but the place is another.
            let mut moved = to.clone();
            moved.entry.parts[0].clone_from(&from.entry.parts[0]);
            moved.manifest.as_mut().unwrap().parts[0] = from.manifest.as_ref().unwrap().parts[0];
            assert!(content_of(ORIGIN, &moved, 0, key).is_err(), "{what}, by a client: {by_client}");
        }
        assert!(content_of("other.example/log", &entries[0], 0, &five).is_err(), "another log");
        let mut second = entries[0].clone();
        let manifest = second.manifest.as_mut().unwrap();
        manifest.parts.insert(0, manifest.parts[0]);
        second.entry.parts.insert(0, second.entry.parts[0].clone());
        assert!(content_of(ORIGIN, &second, 0, &five).is_ok() && content_of(ORIGIN, &second, 1, &five).is_err());
        for class in [3, 4, 5] {
            let mut other = entries[0].clone();
            other.manifest.as_mut().unwrap().parts[0].class = class;
            assert!(content_of(ORIGIN, &other, 0, &five).is_err(), "another class");
        }
        let mut other = entries[0].clone();
        other.manifest.as_mut().unwrap().parts[0].content = Commitment([1; 32]);
        assert!(content_of(ORIGIN, &other, 0, &five).is_err(), "another content");
    }
}

#[test]
fn a_part_that_is_not_as_it_must_be_is_refused_by_its_field() {
    let good = sealed(ORIGIN, 9, 0, &petition());
    assert!(prepared(9, vec![good.clone()]).is_ok());
    let refused = |change: &dyn Fn(&mut Vec<ClientPart>)| {
        let mut event = good.clone();
        change(&mut event.sealed);
        match prepared(9, vec![event]).unwrap_err() {
            Refusal::Sealed { number: 0, part, fault, .. } => (part, fault),
            other => panic!("{other}"),
        }
    };
    let short = |parts: &mut Vec<ClientPart>| parts[0].ciphertext = parts[0].ciphertext.slice(..73);
    let twice = |parts: &mut Vec<ClientPart>| parts.push(parts[0].clone());
    // As the fixture names keys of its own.
    let own = |parts: &mut Vec<ClientPart>| parts[1].key_id = [0; 16];
    let fault = |expected: &SealedFault| (expected.field(), expected.rule());
    for (change, at, expected, told) in [
        (
            &(|parts: &mut Vec<ClientPart>| parts[1].field = 2) as &dyn Fn(&mut Vec<ClientPart>),
            1,
            SealedFault::NotPersonal { field: 2 },
            ("field", "NOT_PERSONAL"),
        ),
        (&|parts| parts[1].field = 99, 1, SealedFault::NotPersonal { field: 99 }, ("field", "NOT_PERSONAL")),
        (&twice, 2, SealedFault::Twice, ("field", "TWICE")),
        (
            &|parts| parts[0].class = 4,
            0,
            SealedFault::Class { expected: 5, found: 4 },
            ("personal_class", "CLASS_DIFFERS"),
        ),
        (&|parts| parts[1].part = 2, 1, SealedFault::Part { expected: 1, found: 2 }, ("part", "PART_OUT_OF_ORDER")),
        (&|parts| parts[0].part = 1, 0, SealedFault::Part { expected: 0, found: 1 }, ("part", "PART_OUT_OF_ORDER")),
        (&|parts| drop(parts.remove(0)), 0, SealedFault::Part { expected: 0, found: 1 }, ("part", "PART_OUT_OF_ORDER")),
        (&own, 1, SealedFault::ServiceKey, ("key_id", "KEY_OF_THE_SERVICE")),
        (&short, 0, SealedFault::TooShort { found: 73 }, ("ciphertext", "TOO_SHORT")),
    ] {
        assert_eq!(refused(change), (at, expected));
        assert_eq!(fault(&expected), told);
    }
    let mut long = good.clone();
    long.sealed[0].ciphertext = Bytes::from(vec![0; 256 * 1024]);
    assert!(matches!(prepared(9, vec![long]), Err(Refusal::EventTooLarge { number: 0, .. })));
    // In plain as well.
    let both = Proposed { bytes: petition().encode().into(), ..good };
    let Err(Refusal::Sealed { part: 0, fault: SealedFault::Twice, .. }) = prepared(9, vec![both]) else { panic!() };
}

#[test]
fn parts_of_clients_and_of_the_service_stand_in_the_order_of_their_fields() {
    let Event::PetitionReceived(whole) = petition() else { panic!() };
    let only = |petitioner, summary| -> Event { PetitionReceived { petitioner, summary, ..whole.clone() }.into() };
    let all = sealed(ORIGIN, 9, 0, &petition());
    for (plain, kept) in [(only(None, whole.summary.clone()), 0), (only(whole.petitioner.clone(), None), 1)] {
        let event = Proposed { bytes: plain.encode().into(), sealed: vec![all.sealed[kept].clone()], ..all.clone() };
        let prepared = prepared(9, vec![event]).unwrap();
        let entry = &recorded(&prepared)[0];
        let parts = &entry.manifest.as_ref().unwrap().parts;
        assert_eq!(parts.iter().map(|part| part.class).collect::<Vec<_>>(), [5, 4]);
        assert_eq!(parts[kept].sealed_by, SealedBy::Client);
        assert_eq!(parts[1 - kept].sealed_by, SealedBy::Service);
        assert_eq!(prepared.sealed_with, [parts[1 - kept].key_id]);
        assert!(content_of(ORIGIN, entry, kept, &key().key).is_ok());
    }
}

#[test]
fn rules_that_need_no_content_are_kept_and_the_others_are_said_not_to_be() {
    let Event::PersonRegistered(mut bare) = person(5) else { panic!() };
    bare.identity = None;
    let bare = Event::from(bare);
    let Err(Refusal::Field { fault, .. }) = prepared(9, vec![Proposed::plain(bare.event_type(), bare.encode().into())])
    else {
        panic!()
    };
    assert_eq!((fault.path.as_str(), fault.rule), ("identity", FieldRule::Required), "neither in plain nor sealed");

    let declared = |items: usize, none_declared| {
        let asset_class = Some(code("real"));
        let item = DeclarationItem { item_number: 1, asset_class, ..DeclarationItem::default() };
        let item_count = u32::try_from(items).unwrap();
        let section = Section { asset_class: item.asset_class.clone(), none_declared, item_count };
        Event::from(DeclarationSubmitted {
            declaration_id: id(20),
            person_id: id(1),
            period: Some(Period::default()),
            sections: vec![section],
            content: Some(DeclarationContent { items: vec![item] }),
            ..DeclarationSubmitted::default()
        })
    };
    let rule = |event: &Event| match prepared(9, vec![sealed(ORIGIN, 9, 0, event)]) {
        Ok(prepared) => {
            Err(prepared.unchecked.into_iter().map(|one| (one.field, one.rules.to_vec())).collect::<Vec<_>>())
        }
        Err(Refusal::Rule { rejection, .. }) => Ok(rejection.rule),
        Err(other) => panic!("{other}"),
    };
    let unread =
        [("content", vec!["ITEM_COUNT_WRONG", "ITEM_CLASS_UNLISTED", "ITEM_NUMBERS_NOT_ASCENDING", "CONTENT_EMPTY"])];
    assert_eq!(rule(&declared(3, false)), Err(unread.to_vec()), "whether it is three, nobody here can say");
    assert_eq!(rule(&declared(0, true)), Ok(Rule::ItemCountWrong), "content where no section has any");
    assert_eq!(rule(&declared(2, true)), Ok(Rule::SectionNoneButFilled));
    let stated = StatementAttached {
        dispute_id: id(30),
        target_position: 3,
        target: format!("case/{}", id(10)),
        statement: Some(Narrative { text: "x".repeat(100_000), ..Narrative::default() }),
        ..StatementAttached::default()
    };
    assert_eq!(
        rule(&Event::from(stated.clone())),
        Err(vec![("statement", vec!["STATEMENT_MISSING", "STATEMENT_TOO_LONG"])])
    );
    let repeated = StatementAttached { subject_ids: vec![id(1), id(1)], ..stated };
    assert_eq!(rule(&repeated.into()), Ok(Rule::SubjectRepeated));
    let corrected = RecordCorrected {
        record_id: id(40),
        target_position: 4,
        target: format!("case/{}", id(10)),
        reason: Some(code("wrong")),
        approver: "somebody".to_owned(),
        narrative: Some(Narrative { text: "right".to_owned(), ..Narrative::default() }),
        ..RecordCorrected::default()
    };
    assert_eq!(rule(&corrected.clone().into()), Err(vec![("narrative", vec![])]), "what is sealed is a correction");
    let empty = Event::from(RecordCorrected { narrative: None, ..corrected });
    assert_eq!(rule(&empty), Ok(Rule::CorrectionEmpty));
}

#[test]
fn a_repeated_request_is_compared_by_its_commitments() {
    let event = allegation(10, 3, 1, "sealed by its client");
    let first = prepared(9, vec![sealed(ORIGIN, 9, 0, &event)]).unwrap();
    let entries = recorded(&first);
    let compared =
        |request: &Prepared, entries: &[Checked]| compare(request, entries, |_, _| panic!("nothing is opened"));
    let again = prepared(9, vec![sealed(ORIGIN, 9, 0, &event)]).unwrap();
    assert_eq!(again.events[0].parts, first.events[0].parts, "sealed again it is the same");
    assert_eq!(compared(&again, &entries), Some(ContentChecked::Partly));
    let other = prepared(9, vec![sealed(ORIGIN, 9, 0, &allegation(10, 3, 1, "something else"))]).unwrap();
    assert_eq!(compared(&other, &entries), None, "another commitment");
    let open = prepared(9, vec![sealed(ORIGIN, 9, 0, &allegation(10, 4, 1, "sealed by its client"))]).unwrap();
    assert_eq!(compared(&open, &entries), None, "another open field");
    let plain = prepared(9, vec![Proposed::plain(event.event_type(), event.encode().into())]).unwrap();
    assert_eq!(compared(&plain, &entries), Some(ContentChecked::Partly), "nobody here can tell");
    let of_the_service = recorded(&plain);
    assert_eq!(compare(&again, &of_the_service, |_, _| None), None, "what the service sealed was not sealed before");
    let mut erased = entries;
    erased[0].entry.parts[0] = None;
    assert_eq!(compared(&again, &erased), Some(ContentChecked::Partly), "commitments stay");
    assert_eq!(compared(&other, &erased), None);
}
