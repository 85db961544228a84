//! A small ledger for tests: a vault without secrets, events of synthetic people, a log in memory.

use std::cell::Cell;
use std::collections::HashMap;

use bytes::Bytes;

use crate::events::AllegationRecorded;
use crate::events::CaseOpened;
use crate::events::Code;
use crate::events::Event;
use crate::events::Narrative;
use crate::events::NativeId;
use crate::events::PersonIdentity;
use crate::events::PersonRegistered;
use crate::ledger::Change;
use crate::ledger::Condition;
use crate::ledger::Head;
use crate::ledger::ObjectRow;
use crate::ledger::Overlay;
use crate::ledger::PlanError;
use crate::ledger::Planned;
use crate::ledger::Prepared;
use crate::ledger::Proposed;
use crate::ledger::Refusal;
use crate::ledger::Request;
use crate::ledger::Rows;
use crate::ledger::SealingKey;
use crate::ledger::Vault;
use crate::ledger::VaultError;
use crate::ledger::plan;
use crate::ledger::prepare;
use crate::log::Body;
use crate::log::Entry;
use crate::log::Genesis;
use crate::log::Key;
use crate::log::Leaf;
use crate::log::LeafHash;

pub(crate) const ORIGIN: &str = "test.example/log";
pub(crate) const NOW_MS: u64 = 1_790_000_000_000;

/// Numbers instead of random bytes.
#[derive(Debug, Default)]
pub(crate) struct CountingVault(Cell<u64>);

impl CountingVault {
    fn next<const N: usize>(&self) -> [u8; N] {
        self.0.set(self.0.get() + 1);
        let mut bytes = [0; N];
        bytes[..8].copy_from_slice(&self.0.get().to_be_bytes());
        bytes
    }
}

impl Vault for CountingVault {
    fn salt(&self) -> [u8; 32] {
        self.next()
    }

    fn nonce(&self) -> [u8; 24] {
        self.next()
    }

    fn sealing_key(&self, owner: &Key, class: u8, year: u16) -> Result<SealingKey, VaultError> {
        let mut id = [class; 16];
        id[..2].copy_from_slice(&year.to_be_bytes());
        id[4..].copy_from_slice(&owner.as_bytes()[..12]);
        Ok(SealingKey { id, key: owner.0 })
    }

    fn is_own_key(&self, id: &[u8; 16]) -> Result<bool, VaultError> {
        Ok(id[0] == 0 && id[3] == id[2])
    }

    fn lookup_token(&self, scheme: &str, value: &str) -> [u8; 16] {
        let mut token = [0_u8; 16];
        for (at, byte) in scheme.bytes().chain([0]).chain(value.bytes()).enumerate() {
            token[at % 16] = byte.rotate_left(3) ^ token[at % 16].rotate_left(1);
        }
        token
    }

    fn origin(&self) -> &str {
        ORIGIN
    }
}

pub(crate) fn id(number: u64) -> String {
    format!("01J{number:023}")
}

pub(crate) fn code(code: &str) -> Code {
    Code { scheme: "test".to_owned(), code: code.to_owned() }
}

pub(crate) fn person(number: u64) -> Event {
    PersonRegistered {
        entity_id: id(number),
        identity: Some(PersonIdentity {
            full_name: format!("Person {number}"),
            native_ids: vec![NativeId { scheme: "test.number".to_owned(), value: number.to_string() }],
            ..PersonIdentity::default()
        }),
        ..PersonRegistered::default()
    }
    .into()
}

pub(crate) fn case(number: u64, respondents: &[u64]) -> Event {
    CaseOpened {
        case_id: id(number),
        regime: Some(code("regime")),
        respondent_ids: respondents.iter().map(|number| id(*number)).collect(),
        ..CaseOpened::default()
    }
    .into()
}

pub(crate) fn allegation(case: u64, number: u32, respondent: u64, text: &str) -> Event {
    AllegationRecorded {
        case_id: id(case),
        allegation_number: number,
        respondent_id: id(respondent),
        category: Some(code("category")),
        text: Some(Narrative { text: text.to_owned(), ..Narrative::default() }),
        ..AllegationRecorded::default()
    }
    .into()
}

/// A log in memory, with the rows of its index as plain maps.
#[derive(Debug)]
pub(crate) struct TinyLedger {
    pub(crate) vault: CountingVault,
    pub(crate) head: Head,
    pub(crate) entries: Vec<Bytes>,
    pub(crate) changes: Vec<Change>,
    pub(crate) rows: TinyRows,
}

#[derive(Debug, Default)]
pub(crate) struct TinyRows {
    pub(crate) objects: HashMap<Key, ObjectRow>,
    pub(crate) requests: HashMap<[u8; 16], u64>,
    pub(crate) identities: HashMap<[u8; 16], u128>,
    pub(crate) histories: HashMap<Key, Vec<(u64, &'static str)>>,
}

impl TinyRows {
    pub(crate) fn apply(&mut self, change: &Change) {
        for (key, row) in &change.objects {
            self.objects.insert(*key, row.clone());
            let name = change.event_type.map_or("", |event_type| event_type.name());
            self.histories.entry(*key).or_default().push((change.index, name));
        }
        for (key, row) in &change.touched {
            self.objects.insert(*key, row.clone());
        }
        if let Some(token) = change.request {
            self.requests.insert(token, change.index);
        }
        if let Some(opened) = change.opened {
            self.identities.extend(change.identities.iter().map(|token| (*token, opened.id)));
        }
    }
}

impl Rows for TinyRows {
    type Error = std::convert::Infallible;

    fn object(&self, key: &Key) -> Result<Option<ObjectRow>, Self::Error> {
        Ok(self.objects.get(key).cloned())
    }

    fn request(&self, token: &[u8; 16]) -> Result<Option<u64>, Self::Error> {
        Ok(self.requests.get(token).copied())
    }

    fn identity(&self, token: &[u8; 16]) -> Result<Option<u128>, Self::Error> {
        Ok(self.identities.get(token).copied())
    }

    fn history(&self, key: &Key, after: Option<u64>) -> Result<Vec<(u64, &'static str)>, Self::Error> {
        let all = self.histories.get(key).into_iter().flatten();
        Ok(all.filter(|(index, _)| after.is_none_or(|after| *index > after)).copied().collect())
    }
}

impl TinyLedger {
    pub(crate) fn new() -> Self {
        let leaf = Leaf {
            index: 0,
            recorded_at_ms: NOW_MS,
            previous: LeafHash::NONE,
            body: Body::Genesis(Genesis {
                origin: ORIGIN.to_owned(),
                public_key: [1; 32],
                longest_delay_s: 600,
                continues: String::new(),
            }),
        }
        .encode();
        let head = Head { size: 1, leaf_hash: LeafHash::of(&leaf), recorded_at_ms: NOW_MS };
        let genesis = Entry { leaf: leaf.into(), manifest: Bytes::new(), open: None, parts: Vec::new() };
        Self {
            vault: CountingVault::default(),
            head,
            entries: vec![genesis.encode().into()],
            changes: Vec::new(),
            rows: TinyRows::default(),
        }
    }

    /// A request whose id is the number given.
    pub(crate) fn prepared(
        &self,
        request: u8,
        events: &[Event],
        conditions: &[Condition],
    ) -> Result<Prepared, Refusal> {
        prepare(Self::request(request, events, conditions), &self.vault)
    }

    pub(crate) fn request(request: u8, events: &[Event], conditions: &[Condition]) -> Request {
        Request {
            principal: "local".to_owned(),
            request_id: [request; 16],
            events: events.iter().map(|event| Proposed::plain(event.event_type(), event.encode().into())).collect(),
            conditions: conditions.to_vec(),
        }
    }

    pub(crate) fn planned(
        &self,
        request: &Prepared,
        overlay: &mut Overlay,
    ) -> Result<Planned, PlanError<std::convert::Infallible>> {
        let recall = |index| Ok(self.recall(index));
        plan(request, self.head, self.head.recorded_at_ms + 1, overlay, &self.rows, &recall)
    }

    pub(crate) fn recall(&self, index: u64) -> Option<crate::ledger::Recalled> {
        let entry = Entry::check(self.entries.get(usize::try_from(index).ok()?)?).ok()?;
        crate::ledger::recalled(&entry).ok()?
    }

    /// Appends, or says why not.
    #[expect(clippy::panic_in_result_fn, reason = "a test that cannot go on should stop")]
    pub(crate) fn append(&mut self, request: u8, events: &[Event]) -> Result<Planned, Refusal> {
        let prepared = self.prepared(request, events, &[])?;
        match self.planned(&prepared, &mut Overlay::default()) {
            Ok(planned) => {
                planned.changes.iter().for_each(|change| self.rows.apply(change));
                self.entries.extend(planned.entries.iter().cloned());
                self.changes.extend(planned.changes.iter().cloned());
                self.head = planned.head;
                Ok(planned)
            }
            Err(PlanError::Refused(refusal)) => Err(refusal),
            Err(other) => panic!("{other}"),
        }
    }

    /// Persons 1 and 2, a case against both, two allegations with narratives.
    pub(crate) fn with_a_case() -> Self {
        let mut ledger = Self::new();
        ledger.append(1, &[person(1), person(2)]).unwrap();
        ledger.append(2, &[case(10, &[1, 2]), allegation(10, 1, 1, "one"), allegation(10, 2, 2, "two")]).unwrap();
        ledger
    }
}

/// A field that no version of the protos has, at the end of an event.
pub(crate) fn with_unknown_field(event: &Event) -> Bytes {
    let mut bytes = event.encode();
    prost::encoding::string::encode(999, &"later".to_owned(), &mut bytes);
    bytes.into()
}
