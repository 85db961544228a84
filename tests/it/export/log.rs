//! A small synthetic log in a data folder.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use probity::clock::Clock;
use probity::clock::Settable;
use probity::events::AllegationFound;
use probity::events::AllegationRecorded;
use probity::events::CaseOpened;
use probity::events::Code;
use probity::events::DecisionAnnulled;
use probity::events::DecisionIssued;
use probity::events::DeclarationAmended;
use probity::events::DeclarationSubmitted;
use probity::events::EntryErased;
use probity::events::Event;
use probity::events::EventType;
use probity::events::Finding;
use probity::events::Narrative;
use probity::events::PartialDate;
use probity::events::PersonIdentity;
use probity::events::PersonRegistered;
use probity::events::RecordVoided;
use probity::events::SanctionItem;
use probity::events::Section;
use probity::events::VoidGround;
use probity::ledger::Proposed;
use probity::ledger::Request;
use probity::ledger::prepare;
use probity::log::Body;
use probity::log::Checked;
use probity::log::Entry;
use probity::log::EventBody;
use probity::log::Id;
use probity::log::Key;
use probity::log::Leaf;
use probity::log::Manifest;
use probity::log::Open;
use probity::log::Place;
use probity::log::Target;
use probity::log::open_commitment;
use probity::log::payload_commitment;
use probity::service;
use probity::service::Options;
use probity::service::Service;
use probity::store;
use probity::store::LogStore as _;
use probity::store::OpenOptions;
use tempfile::TempDir;

/// 2026-05-03T08:30:00Z.
const BEGIN_MS: u64 = 1_777_797_000_000;

/// What is sealed, and must be in no export.
pub(crate) const SEALED: &str = "A Name That Nobody Has";

/// A data folder, and a place for exports.
pub(crate) struct Log {
    folder: TempDir,
    clock: Arc<Settable>,
    requests: u8,
}

pub(crate) fn id(number: u128) -> String {
    Id(number).to_string()
}

#[expect(clippy::unnecessary_wraps, reason = "as the fields of messages want it")]
pub(crate) fn code(code: &str) -> Option<Code> {
    Some(Code { scheme: "test".to_owned(), code: code.to_owned() })
}

impl Log {
    /// A log with a GENESIS and nothing else.
    pub(crate) fn new() -> Self {
        let log = Self { folder: tempfile::tempdir().unwrap(), clock: Settable::at(BEGIN_MS), requests: 0 };
        log.open().stop().unwrap();
        log
    }

    /// A log with a little of everything: 9 entries after GENESIS, in 4 requests; entry 9 annuls the decision.
    pub(crate) async fn with_a_story() -> Self {
        let mut log = Self::new();
        log.append(vec![person(1, "first"), person(2, "=cmd|' /C calc'!A0")]).await;
        log.append(vec![case(10, 1), allegation(10, 1, 1), allegation(10, 2, 1)]).await;
        log.append(vec![found(10, 1, 1), decision(20, 10, 1), declaration(40, 1)]).await;
        log.append(vec![annulled(20, 1)]).await;
        log
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Opens the service.
    pub(crate) fn open(&self) -> Service {
        let mut options = Options::new(self.data());
        options.origin = Some("log.example/export".to_owned());
        options.store.reserve_bytes = 0;
        service::open(&options, Arc::clone(&self.clock) as Clock, |_| {}).unwrap()
    }

    /// Time passes.
    pub(crate) fn pass(&self, ms: u64) {
        self.clock.pass(ms);
    }

    /// Appends events in one request, a minute after the last.
    pub(crate) async fn append(&mut self, events: Vec<Event>) {
        self.clock.pass(60_000);
        self.requests += 1;
        let service = self.open();
        let propose = |event: &Event| Proposed::plain(event.event_type(), event.encode().into());
        let request = Request {
            principal: "local".to_owned(),
            request_id: [self.requests; 16],
            events: events.iter().map(propose).collect(),
            conditions: Vec::new(),
        };
        let prepared = prepare(request, service.vault()).unwrap();
        service.queue().submit(prepared).await.unwrap().await.unwrap().unwrap();
        service.stop().unwrap();
    }

    /// Every entry, decoded.
    pub(crate) fn entries(&self) -> Vec<Checked> {
        let store = store::open(&self.data(), &OpenOptions { reserve_bytes: 0, ..OpenOptions::default() }).unwrap();
        let read = store.read(0, usize::MAX).unwrap();
        read.iter().map(|(_, bytes)| Entry::check(bytes).unwrap()).collect()
    }

    /// Records that everything of an entry was erased. Its bytes stay in the store: an erasure that is not yet
    /// carried out there.
    pub(crate) fn erase(&mut self, target: u64) {
        let entries = self.entries();
        let erased = &entries[usize::try_from(target).unwrap()];
        let keys = |place: &Place| Place { key: place.key, sequence: next(&entries, &place.key) };
        let event = erased.leaf.event().unwrap();
        let erasure = EntryErased {
            ground: code("court"),
            approvers: vec!["one".to_owned(), "two".to_owned()],
            ..EntryErased::default()
        };
        let payload = Event::from(erasure).encode();
        self.requests += 1;
        let manifest = Manifest {
            principal: "system".to_owned(),
            request_id: [self.requests; 16],
            number: 0,
            count: 1,
            event_type: EventType::EntryErased.name().to_owned(),
            version: EventType::EntryErased.version(),
            open_len: u32::try_from(payload.len()).unwrap(),
            open: open_commitment(&[3; 32], &payload),
            parts: Vec::new(),
        };
        let last = entries.last().unwrap();
        let body = EventBody {
            stream: keys(&event.stream),
            subjects: event.subjects.iter().map(keys).collect(),
            payload: payload_commitment(&manifest.encode()),
        };
        let leaf = Leaf {
            index: last.leaf.index + 1,
            recorded_at_ms: last.leaf.recorded_at_ms,
            previous: last.leaf_hash,
            body: Body::Erasure(body, Target { index: target, parts: erased.named() }),
        };
        let open = Some(Open { salt: [3; 32], payload: payload.into() });
        let manifest = manifest.encode().into();
        let entry = Entry { leaf: leaf.encode().into(), manifest, open, parts: Vec::new() };
        let store = store::open(&self.data(), &OpenOptions { reserve_bytes: 0, ..OpenOptions::default() }).unwrap();
        store.append(&[entry.encode().into()]).unwrap();
    }
}

/// How many entries the history of a stream or subject has.
fn next(entries: &[Checked], key: &Key) -> u64 {
    let places = entries.iter().filter_map(|entry| entry.leaf.event());
    let all = places.flat_map(|event| std::iter::once(&event.stream).chain(&event.subjects));
    all.filter(|place| place.key == *key).map(|place| place.sequence + 1).max().unwrap_or(0)
}

fn person(number: u128, native: &str) -> Event {
    let native = probity::events::NativeId { scheme: "test".to_owned(), value: native.to_owned() };
    let identity =
        PersonIdentity { full_name: SEALED.to_owned(), native_ids: vec![native], ..PersonIdentity::default() };
    PersonRegistered { entity_id: id(number), identity: Some(identity), ..PersonRegistered::default() }.into()
}

fn case(number: u128, respondent: u128) -> Event {
    CaseOpened {
        case_id: id(number),
        regime: code("party"),
        respondent_ids: vec![id(respondent)],
        reference: "-1/2026".to_owned(),
        ..CaseOpened::default()
    }
    .into()
}

fn allegation(case: u128, number: u32, respondent: u128) -> Event {
    AllegationRecorded {
        case_id: id(case),
        allegation_number: number,
        respondent_id: id(respondent),
        category: code("conduct"),
        text: Some(Narrative { text: SEALED.to_owned(), language: "en".to_owned() }),
        ..AllegationRecorded::default()
    }
    .into()
}

fn found(case: u128, number: u32, respondent: u128) -> Event {
    AllegationFound {
        case_id: id(case),
        allegation_number: number,
        respondent_id: id(respondent),
        finding: Finding::Substantiated.into(),
        ..AllegationFound::default()
    }
    .into()
}

fn decision(number: u128, case: u128, respondent: u128) -> Event {
    let until = PartialDate { year: 2026, month: 12, day: 31 };
    DecisionIssued {
        decision_id: id(number),
        case_id: id(case),
        respondent_id: id(respondent),
        regime: code("party"),
        signed_on: Some(PartialDate { year: 2026, month: 4, day: 1 }),
        items: vec![SanctionItem {
            item_number: 1,
            form: code("reprimand"),
            to: Some(until),
            ..SanctionItem::default()
        }],
        ..DecisionIssued::default()
    }
    .into()
}

fn declaration(number: u128, person: u128) -> Event {
    DeclarationSubmitted {
        declaration_id: id(number),
        person_id: id(person),
        sections: vec![Section { asset_class: code("land"), none_declared: true, item_count: 0 }],
        ..DeclarationSubmitted::default()
    }
    .into()
}

pub(crate) fn annulled(number: u128, respondent: u128) -> Event {
    DecisionAnnulled {
        decision_id: id(number),
        respondent_id: id(respondent),
        retroactive: true,
        ..DecisionAnnulled::default()
    }
    .into()
}

/// Can be said again and again.
pub(crate) fn amended() -> Event {
    DeclarationAmended {
        declaration_id: id(40),
        person_id: id(1),
        sections: vec![Section { asset_class: code("cash"), none_declared: true, item_count: 0 }],
        ..DeclarationAmended::default()
    }
    .into()
}

/// That an entry of a decision about a person should never have been recorded.
pub(crate) fn voided(target: u64, decision: u128, person: u128) -> Event {
    RecordVoided {
        record_id: id(90),
        target_position: target,
        target: format!("decision/{}", id(decision)),
        subject_ids: vec![id(person)],
        ground: VoidGround::WrongPerson.into(),
        approver: "another".to_owned(),
        ..RecordVoided::default()
    }
    .into()
}
