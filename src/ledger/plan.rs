//! A prepared request gets its places, times and hashes. Nothing has happened yet.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use crate::domain;
use crate::domain::Recorded;
use crate::domain::State;
use crate::domain::World;
use crate::domain::dates::Day;
use crate::events::Event;
use crate::events::EventType;
use crate::ledger::change::Change;
use crate::ledger::change::ErasedParts;
use crate::ledger::change::ObjectRow;
use crate::ledger::change::request_token;
use crate::ledger::effects::duties;
use crate::ledger::effects::effects;
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

/// An entry that a correction or void is about.
#[derive(Clone, Debug)]
pub struct Recalled {
    /// Key of its stream.
    pub stream: Key,
    /// Its event without what is sealed; none where it was erased.
    pub event: Option<Event>,
}

/// Reads an entry that is durable; none of what is no event, or is not there.
pub type Recall<'a, E> = dyn Fn(u64) -> Result<Option<Recalled>, E> + 'a;

/// Plans a request at the end of the log. `batch` holds what was planned since the index was last written, and
/// afterwards this request too, unless it is refused. The request id is looked at before anything else, the conditions
/// before the rules.
///
/// # Errors
///
/// The request is refused or was recorded before, or the index cannot be read; `batch` is as it was.
pub fn plan<R: Rows>(
    request: &Prepared,
    head: Head,
    recorded_at_ms: u64,
    batch: &mut Overlay,
    rows: &R,
    recall: &Recall<'_, R::Error>,
) -> Result<Planned, PlanError<R::Error>> {
    batch.begin();
    let planned = plan_above(request, head, recorded_at_ms, batch, rows, recall);
    if planned.is_err() {
        batch.undo();
    }
    planned
}

fn plan_above<R: Rows>(
    request: &Prepared,
    head: Head,
    recorded_at_ms: u64,
    overlay: &mut Overlay,
    below: &R,
    recall: &Recall<'_, R::Error>,
) -> Result<Planned, PlanError<R::Error>> {
    let rows = Layered { overlay, below };
    let token = request_token(&request.principal, &request.request_id);
    if let Some(first_index) = rows.request(&token).map_err(PlanError::Rows)? {
        return Err(PlanError::Repeated { first_index });
    }
    conditions(request, &rows)?;
    let registers = registers(request);
    let today = Day::from_unix_ms(recorded_at_ms);
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
        let rows = Layered { overlay, below };
        let stream = rows.object(&event.stream_key).map_err(PlanError::Rows)?;
        let next_index = planned.head.size;
        let asked = Asked {
            rows: &rows,
            event,
            stream: stream.as_ref(),
            registers: &registers,
            today,
            next_index,
            number,
            principal: &request.principal,
            recall,
            failed: RefCell::new(None),
        };
        if event.erases.is_none() {
            asked.admit()?;
        }
        let (entry, leaf_hash, mut change) = place(event, stream, &planned.head, &rows).map_err(PlanError::Rows)?;
        change.request = (number == 0).then_some(token);
        planned.receipt.revisions.push(change.objects[0].1.count - 1);
        planned.head = Head { size: next_index + 1, leaf_hash, recorded_at_ms };
        overlay.apply(&change);
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
                let asked = |(_, found): &&(u64, &str)| wanted.event_types.iter().any(|event_type| event_type == found);
                let matching = history.iter().find(asked);
                if let Some((position, _)) = matching {
                    let name = wanted.history.name.clone();
                    violations.push(Violation::Matching { condition, name, position: *position });
                }
            }
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(PlanError::Refused(Refusal::Conditions(violations))) }
}

/// Gives an event its place after the head. `stream` is the row of its stream.
fn place<R: Rows>(
    event: &PreparedEvent,
    stream: Option<ObjectRow>,
    head: &Head,
    rows: &R,
) -> Result<(Bytes, LeafHash, Change), R::Error> {
    let index = head.size;
    let sequence = stream.as_ref().map_or(0, |row| row.count);
    let (before, voided) = stream.map_or((None, None), |row| (row.state, row.voided));
    let duty = before.as_deref().and_then(State::duty);
    let state = Arc::new(domain::evolve(before.map(Arc::unwrap_or_clone), &event.event, index));
    let mut effects = effects(&event.event, index, rows)?;
    effects.duties.extend(duties(event.stream_key, event.stream.kind, event.stream.id, duty, &state));
    let mut objects = Vec::with_capacity(1 + event.subject_keys.len());
    objects.push((event.stream_key, ObjectRow { count: sequence + 1, last: index, state: Some(state), voided }));
    let mut subjects = Vec::with_capacity(event.subject_keys.len());
    for key in &event.subject_keys {
        let sequence = rows.object(key)?.map_or(0, |row| row.count);
        subjects.push(Place { key: *key, sequence });
        objects.push((*key, ObjectRow { count: sequence + 1, last: index, state: None, voided: None }));
    }
    let placed = EventBody { stream: Place { key: event.stream_key, sequence }, subjects, payload: event.payload };
    let body = match event.erases {
        Some(target) => Body::Erasure(placed, target),
        None => Body::Event(placed),
    };
    let leaf = Leaf { index, recorded_at_ms: head.recorded_at_ms, previous: head.leaf_hash, body };
    let (entry, leaf_hash) = Entry::assemble(&leaf, &event.manifest, &event.open, &event.parts);
    let change = Change {
        index,
        event_type: Some(event.event.event_type()),
        links: event.links.clone(),
        objects,
        touched: effects.touched,
        duties: effects.duties,
        opened: (sequence == 0).then_some(event.stream),
        request: None,
        identities: event.identities.clone(),
        erased: event.erases.map(|target| ErasedParts { target: target.index, parts: target.parts }),
    };
    Ok((entry.into(), leaf_hash, change))
}

/// The world that one event sees.
struct Asked<'a, R: Rows> {
    rows: &'a R,
    event: &'a PreparedEvent,
    /// The row of its stream.
    stream: Option<&'a ObjectRow>,
    /// Ids of the entities that the request registers.
    registers: &'a [u128],
    today: Day,
    next_index: u64,
    number: u16,
    principal: &'a str,
    recall: &'a Recall<'a, R::Error>,
    /// The first failure to read a row while the domain asked.
    failed: RefCell<Option<R::Error>>,
}

impl<R: Rows> Asked<'_, R> {
    fn admit(&self) -> Result<(), PlanError<R::Error>> {
        let (number, event_type) = (self.number, self.event.event.event_type());
        let verdict = domain::admit(&self.event.event, self);
        if let Some(error) = self.failed.take() {
            return Err(PlanError::Rows(error));
        }
        verdict.map_err(|rejection| PlanError::Refused(Refusal::Rule { number, event_type, rejection }))?;
        if self.event.is_partly_unread() {
            // Its numbers are not known; the answer says so.
            return Ok(());
        }
        for token in &self.event.identities {
            if let Some(id) = self.rows.identity(token).map_err(PlanError::Rows)? {
                let entity_id = Id(id).to_string();
                if matches!(self.state("entity", &entity_id).as_deref(), Some(State::Void)) {
                    continue;
                }
                return Err(PlanError::Refused(Refusal::AlreadyRegistered { number, event_type, entity_id }));
            }
        }
        Ok(())
    }
}

impl<R: Rows> World for Asked<'_, R> {
    fn state(&self, kind: &str, id: &str) -> Option<Arc<State>> {
        // Its own stream is asked for most, and needs no hash.
        if self.event.event.stream() == Some((kind, id)) {
            return self.stream.and_then(|row| row.state.clone());
        }
        let key = Key::of_stream_id(kind, id).ok()?;
        match self.rows.object(&key) {
            Ok(row) => row.and_then(|row| row.state),
            Err(error) => {
                self.failed.borrow_mut().get_or_insert(error);
                None
            }
        }
    }

    fn registers(&self, entity_id: &str) -> bool {
        Id::parse(entity_id).is_ok_and(|id| self.registers.contains(&id.0))
    }

    fn today(&self) -> Day {
        self.today
    }

    fn next_index(&self) -> u64 {
        self.next_index
    }

    fn number_in_request(&self) -> u32 {
        u32::from(self.number)
    }

    fn principal(&self) -> &str {
        self.principal
    }

    fn recorded(&self, index: u64) -> Option<Recorded> {
        let found = (self.recall)(index).and_then(|recalled| {
            let Some(Recalled { stream, event }) = recalled else { return Ok(None) };
            let row = self.rows.object(&stream)?;
            let is_void = row.is_some_and(|row| {
                let voided = row.voided.is_some_and(|voided| voided.contains(&index));
                voided || matches!(row.state.as_deref(), Some(State::Void))
            });
            Ok(Some(match event {
                _ if is_void => Recorded::Void,
                Some(event) => Recorded::Event(Box::new(event)),
                None => Recorded::Erased,
            }))
        });
        found.unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            None
        })
    }
}
