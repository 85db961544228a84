//! A prepared request gets its places, times and hashes. Nothing has happened yet.

use std::borrow::Cow;
use std::cell::RefCell;

use bytes::Bytes;
use thiserror::Error;

use crate::domain;
use crate::domain::State;
use crate::domain::World;
use crate::domain::dates::Day;
use crate::events::EventType;
use crate::ledger::change::Change;
use crate::ledger::change::HistoryKey;
use crate::ledger::change::ObjectRow;
use crate::ledger::change::request_token;
use crate::ledger::overlay::Layered;
use crate::ledger::overlay::Overlay;
use crate::ledger::overlay::Rows;
use crate::ledger::precondition::Condition;
use crate::ledger::precondition::Expected;
use crate::ledger::precondition::Violation;
use crate::ledger::prepare::Prepared;
use crate::ledger::prepare::PreparedEvent;
use crate::ledger::refusal::Refusal;
use crate::log::Body;
use crate::log::Entry;
use crate::log::EventBody;
use crate::log::Id;
use crate::log::Key;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::Name;
use crate::log::Place;

/// A clock may be this far behind the last entry; the entry then gets the last one's time.
pub const CLOCK_BEHIND_MAX_MS: u64 = 10_000;

/// The end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of entries.
    pub size: u64,
    /// Of the last entry.
    pub leaf_hash: LeafHash,
    /// When the last entry was recorded, Unix time in milliseconds.
    pub recorded_at_ms: u64,
}

/// What the client gets when it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Index of the first event.
    pub first_index: u64,
    /// Number of events.
    pub count: u16,
    /// Unix time in milliseconds.
    pub recorded_at_ms: u64,
    /// Of the last event.
    pub leaf_hash: LeafHash,
    /// Of each event in its stream.
    pub revisions: Vec<u64>,
}

/// What is to be stored for a request, and what it changes.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Encoded, as the store takes them.
    pub entries: Vec<Bytes>,
    /// One for each entry.
    pub changes: Vec<Change>,
    /// The log after it.
    pub head: Head,
    /// The answer.
    pub receipt: Receipt,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError<E> {
    /// The request is refused; only it.
    #[error(transparent)]
    Refused(Refusal),
    /// The request was recorded before; it starts at this index. Compare its content and answer it again.
    #[error("recorded before, at position {first_index}")]
    Repeated {
        /// Index of its first event.
        first_index: u64,
    },
    /// The index cannot be read.
    #[error("{0}")]
    Rows(E),
}

/// A time for the next entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clamped {
    /// The clock's.
    Clock(u64),
    /// The last entry's: the clock is a little behind.
    LastEntry(u64),
    /// The clock is too far behind; nothing may be recorded.
    Behind {
        /// How far.
        by_ms: u64,
    },
}

/// The time of the next entries: never less than that of the last.
pub const fn recorded_at(head: &Head, now_ms: u64) -> Clamped {
    match head.recorded_at_ms.checked_sub(now_ms) {
        None | Some(0) => Clamped::Clock(now_ms),
        Some(by_ms) if by_ms <= CLOCK_BEHIND_MAX_MS => Clamped::LastEntry(head.recorded_at_ms),
        Some(by_ms) => Clamped::Behind { by_ms },
    }
}

/// Plans a request at the end of the log. `batch` holds what was planned since the index was last written; it is not
/// changed. The request id is looked at before anything else, the conditions before the rules.
///
/// # Errors
///
/// The request is refused or was recorded before, or the index cannot be read.
pub fn plan<R: Rows>(
    request: &Prepared,
    head: Head,
    recorded_at_ms: u64,
    batch: &Overlay,
    rows: &R,
) -> Result<Planned, PlanError<R::Error>> {
    let rows = Layered { overlay: batch, below: rows };
    let token = request_token(&request.principal, &request.request_id);
    if let Some(first_index) = rows.request(&token).map_err(PlanError::Rows)? {
        return Err(PlanError::Repeated { first_index });
    }
    conditions(request, &rows)?;
    let mut planner = Planner {
        rows: &rows,
        overlay: Overlay::default(),
        registers: registers(request),
        today: Day::from_unix_ms(recorded_at_ms),
        failed: RefCell::new(None),
    };
    let first_index = head.size;
    let mut planned = Planned {
        entries: Vec::with_capacity(request.events.len()),
        changes: Vec::with_capacity(request.events.len()),
        head: Head { recorded_at_ms, ..head },
        receipt: Receipt {
            first_index,
            count: u16::try_from(request.events.len()).expect("a prepared request has at most 1000 events"),
            recorded_at_ms,
            leaf_hash: head.leaf_hash,
            revisions: Vec::with_capacity(request.events.len()),
        },
    };
    for (number, event) in (0_u16..).zip(&request.events) {
        planner.admit(number, event, planned.head.size)?;
        let (entry, leaf_hash, mut change) = planner.place(event, &planned.head).map_err(PlanError::Rows)?;
        change.request = (number == 0).then_some(token);
        planned.receipt.revisions.push(change.objects[0].1.count - 1);
        planned.head = Head { size: planned.head.size + 1, leaf_hash, recorded_at_ms };
        planner.overlay.apply(&change);
        planned.entries.push(entry);
        planned.changes.push(change);
    }
    planned.receipt.leaf_hash = planned.head.leaf_hash;
    Ok(planned)
}

/// Ids of the entities that the request registers.
fn registers(request: &Prepared) -> Vec<u128> {
    let registers = |event: &&PreparedEvent| {
        matches!(event.event.event_type(), EventType::PersonRegistered | EventType::OrganisationRegistered)
    };
    request.events.iter().filter(registers).map(|event| event.stream.id).collect()
}

fn conditions<R: Rows>(request: &Prepared, rows: &R) -> Result<(), PlanError<R::Error>> {
    let mut violations = Vec::new();
    for (condition, wanted) in request.conditions.iter().enumerate() {
        match wanted {
            Condition::Revision { history, expected } => {
                let row = rows.object(&history.key).map_err(PlanError::Rows)?;
                let actual = row.and_then(|row| row.count.checked_sub(1));
                let holds = match expected {
                    Expected::Absent => actual.is_none(),
                    Expected::Exists => actual.is_some(),
                    Expected::Revision(revision) => actual == Some(*revision),
                };
                if !holds {
                    let name = history.name.clone();
                    violations.push(Violation::Revision { condition, name, expected: *expected, actual });
                }
            }
            Condition::NoMatchingEvents(wanted) => {
                let history = rows.history(&wanted.history.key, wanted.after).map_err(PlanError::Rows)?;
                let matching = history.iter().find(|(_, event_type)| wanted.event_types.contains(event_type));
                if let Some((position, _)) = matching {
                    let name = wanted.history.name.clone();
                    violations.push(Violation::Matching { condition, name, position: *position });
                }
            }
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(PlanError::Refused(Refusal::Conditions(violations))) }
}

struct Planner<'a, R: Rows> {
    rows: &'a Layered<'a, R>,
    /// What the earlier events of this request change.
    overlay: Overlay,
    registers: Vec<u128>,
    today: Day,
    /// The first failure to read a row while the domain asked.
    failed: RefCell<Option<R::Error>>,
}

impl<R: Rows> Planner<'_, R> {
    fn admit(&self, number: u16, event: &PreparedEvent, next_index: u64) -> Result<(), PlanError<R::Error>> {
        let event_type = event.event.event_type();
        let verdict = domain::admit(&event.event, &Asked { planner: self, next_index, number });
        if let Some(error) = self.failed.take() {
            return Err(PlanError::Rows(error));
        }
        verdict.map_err(|rejection| PlanError::Refused(Refusal::Rule { number, event_type, rejection }))?;
        let layered = Layered { overlay: &self.overlay, below: self.rows };
        for token in &event.identities {
            if let Some(id) = layered.identity(token).map_err(PlanError::Rows)? {
                let entity_id = Id(id).to_string();
                return Err(PlanError::Refused(Refusal::AlreadyRegistered { number, event_type, entity_id }));
            }
        }
        Ok(())
    }

    fn place(&self, event: &PreparedEvent, head: &Head) -> Result<(Bytes, LeafHash, Change), R::Error> {
        let layered = Layered { overlay: &self.overlay, below: self.rows };
        let index = head.size;
        let before = layered.object(&event.stream_key)?;
        let sequence = before.as_ref().map_or(0, |row| row.count);
        let state = domain::evolve(before.and_then(|row| row.state), &event.event);
        let stream_row = ObjectRow { count: sequence + 1, last: index, state: Some(state) };
        let mut objects = Vec::with_capacity(1 + event.subject_keys.len());
        objects.push((event.stream_key, stream_row));
        let mut subjects = Vec::with_capacity(event.subject_keys.len());
        for key in &event.subject_keys {
            let sequence = layered.object(key)?.map_or(0, |row| row.count);
            subjects.push(Place { key: *key, sequence });
            objects.push((*key, ObjectRow { count: sequence + 1, last: index, state: None }));
        }
        let leaf = Leaf {
            index,
            recorded_at_ms: head.recorded_at_ms,
            previous: head.leaf_hash,
            body: Body::Event(EventBody {
                stream: Place { key: event.stream_key, sequence },
                subjects,
                payload: event.payload,
            }),
        }
        .encode();
        let leaf_hash = LeafHash::of(&leaf);
        let entry = Entry {
            leaf: leaf.into(),
            manifest: event.manifest.clone(),
            open: Some(event.open.clone()),
            parts: event.parts.iter().cloned().map(Some).collect(),
        };
        let histories =
            objects.iter().map(|(key, _)| HistoryKey::Leaf(*key)).chain(event.links.iter().copied()).collect();
        let change = Change {
            index,
            event_type: Some(event.event.event_type()),
            histories,
            objects,
            opened: (sequence == 0).then_some(event.stream),
            request: None,
            identities: event.identities.clone(),
            erased: None,
        };
        Ok((entry.encode().into(), leaf_hash, change))
    }
}

/// The world that one event sees.
struct Asked<'a, R: Rows> {
    planner: &'a Planner<'a, R>,
    next_index: u64,
    number: u16,
}

impl<R: Rows> World for Asked<'_, R> {
    fn state(&self, kind: &str, id: &str) -> Option<Cow<'_, State>> {
        let key = Key::of_stream(&Name::of(kind, id).ok()?);
        let planned = self.planner.overlay.object(&key).or_else(|| self.planner.rows.overlay.object(&key));
        if let Some(row) = planned {
            return row.state.as_ref().map(Cow::Borrowed);
        }
        match self.planner.rows.below.object(&key) {
            Ok(row) => row.and_then(|row| row.state).map(Cow::Owned),
            Err(error) => {
                self.planner.failed.replace(Some(error));
                None
            }
        }
    }

    fn registers(&self, entity_id: &str) -> bool {
        Id::parse(entity_id).is_ok_and(|id| self.planner.registers.contains(&id.0))
    }

    fn today(&self) -> Day {
        self.planner.today
    }

    fn next_index(&self) -> u64 {
        self.next_index
    }

    fn number_in_request(&self) -> u32 {
        u32::from(self.number)
    }
}
