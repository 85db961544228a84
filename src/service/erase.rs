//! Erasures that were approved are carried out, in an order in which a crash between any two steps leaves nothing wrong:
//! what is not done is done again after the next start.
//!
//! 1. The data keys are retired: whatever is sealed from here on is sealed with others, and what was sealed with them and
//!    waits is refused. A crash leaves keys that seal nothing more, which harms nobody.
//! 2. The writer comes to rest: whatever was sealed with them before is in the log now.
//! 3. One ERASURE is recorded for each entry that loses something, under request ids that follow from what is erased, so
//!    that none is recorded twice. From each of them on reads mask what it names. A crash leaves the rest to be done.
//! 4. The keys are destroyed. A crash before it leaves them to be destroyed by the next start, which finds their entries
//!    erased.
//! 5. It is recorded that all was done. A crash before it repeats that.
//!
//! What was sealed is still in the ledger's volumes then, and can be opened by nobody; it goes when they are rewritten.

mod rewrite;
mod survey;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::TrySendError;
use std::thread;
use std::time::Duration;

use sha2::Digest;
use sha2::Sha256;
use thiserror::Error;

use crate::clock::Clock;
use crate::domain::State;
use crate::domain::erasure;
use crate::events::EntryErased;
use crate::events::ErasureCompleted;
use crate::events::ErasureRequested;
use crate::events::Event;
use crate::index::IndexError;
use crate::keys::KeysError;
use crate::ledger::Losing;
use crate::ledger::Prepared;
use crate::ledger::Proposed;
use crate::ledger::Refusal;
use crate::ledger::Request;
use crate::ledger::prepare;
use crate::ledger::prepare_erasures;
use crate::ledger::recalled;
use crate::log::Body;
use crate::log::Id;
use crate::log::Key;
use crate::log::SealedBy;
use crate::sequencer::AppendError;
use crate::sequencer::Queue;
use crate::sequencer::Turns;
use crate::service::Reader;
use crate::store::SledStore;
use crate::store::failpoint;

pub use rewrite::Rewritten;
pub use rewrite::outstanding;
pub use rewrite::rewrite;
pub use survey::Forgetting;
pub use survey::Held;
pub use survey::Loss;
pub use survey::Scope;
pub use survey::Survey;
pub use survey::keys_of;
pub use survey::survey;

/// ERASUREs of one request.
const REQUEST_ERASURES: usize = 256;

/// How often it is tried again what could not be done, unless somebody approves something: each time the log is read whole.
const AGAIN: Duration = Duration::from_mins(15);

/// How often it is looked whether bytes have to go.
const LOOK_EVERY: Duration = Duration::from_hours(1);

/// How long to wait for room in the queue.
const ROOM: Duration = Duration::from_millis(10);

/// Why an erasure was not carried out.
#[derive(Debug, Error)]
pub enum EraseError {
    /// The log or its index cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The keys cannot be read or written.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The ERASUREs were not recorded.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// An event of the service's own breaks a rule: a mistake of ours.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something is held.
    #[error("{} holds forbid it, the first is hold/{}", .0.len(), .0[0].hold)]
    Held(Vec<Held>),
    /// What was asked for cannot be read any more.
    #[error("the request of the erasure cannot be read")]
    Unreadable,
    /// The service ends before it is done.
    #[error("the service is ending; it goes on after the next start")]
    Ending,
}

/// Carries out what is approved, in a thread of its own.
#[derive(Debug)]
pub(super) struct Erasing {
    kick: Option<mpsc::SyncSender<()>>,
    ending: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Erasing {
    /// Begins with what was left before the start.
    pub(super) fn start(reader: Reader, queue: Queue, turns: Turns, disk: Option<Disk>) -> std::io::Result<Self> {
        let (kick, kicked) = mpsc::sync_channel(1);
        let ending: Arc<AtomicBool> = Arc::default();
        let eraser = Eraser { reader, queue, turns, ending: Arc::clone(&ending) };
        let mut looked_ms = None;
        let run = move || {
            loop {
                eraser.carry_out_all();
                if let Some(disk) = &disk
                    && disk.looks(&mut looked_ms)
                {
                    disk.rewrite(&eraser.reader);
                }
                if let Err(RecvTimeoutError::Disconnected) = kicked.recv_timeout(AGAIN) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("eraser".to_owned()).spawn(run)?;
        Ok(Self { kick: Some(kick), ending, thread: Some(thread) })
    }

    /// Something may have been approved.
    pub(super) fn kick(&self) {
        if let Some(kick) = &self.kick {
            match kick.try_send(()) {
                // It is looked again anyway.
                Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
            }
        }
    }
}

/// While the writer still writes, so that a request under way comes to its end.
impl Drop for Erasing {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        self.kick = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Where what was erased still lies, and how long it may.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) store: Arc<SledStore>,
    pub(super) clock: Clock,
    /// Bytes that were erased go so long after their ERASURE at the latest.
    pub(super) within: Duration,
}

impl Disk {
    /// Whether it is time to look, which costs a read of every ERASURE and what it names.
    fn looks(&self, looked_ms: &mut Option<u64>) -> bool {
        let now = self.clock.monotonic_ms();
        let every = u64::try_from(LOOK_EVERY.as_millis()).expect("an hour");
        let is_time = looked_ms.is_none_or(|looked| now.saturating_sub(looked) >= every);
        if is_time {
            *looked_ms = Some(now);
        }
        is_time
    }

    fn rewrite(&self, reader: &Reader) {
        // A day before, so that a long one is done in time.
        let after = self.within.saturating_sub(Duration::from_hours(24));
        let is_time = outstanding(reader).map(|(_, since)| {
            let age = since.map(|since| self.clock.unix_ms().saturating_sub(since));
            age.is_some_and(|age| Duration::from_millis(age) >= after)
        });
        match is_time.and_then(|is_time| if is_time { rewrite(reader, &self.store).map(Some) } else { Ok(None) }) {
            Ok(None) => {}
            Ok(Some(Rewritten { entries, volumes })) => {
                tracing::info!(entries, volumes, "what was erased has gone from the volumes");
            }
            Err(error) => tracing::error!(%error, "volumes that hold what was erased could not be written again"),
        }
    }
}

struct Eraser {
    reader: Reader,
    queue: Queue,
    turns: Turns,
    ending: Arc<AtomicBool>,
}

impl Eraser {
    fn carry_out_all(&self) {
        let due = match due(&self.reader) {
            Ok(due) => due,
            Err(error) => return tracing::error!(%error, "the erasures cannot be listed"),
        };
        for (id, state) in due {
            match self.carry_out(id, &state) {
                Ok(Done { entries, keys }) => tracing::info!(erasure = %id, entries, keys, "carried out an erasure"),
                Err(EraseError::Ending) => return,
                Err(error) => {
                    tracing::error!(erasure = %id, %error, "an erasure is not carried out; it is tried again");
                }
            }
        }
    }

    fn carry_out(&self, id: Id, state: &erasure::State) -> Result<Done, EraseError> {
        let request = requested(&self.reader, state.at)?.ok_or(EraseError::Unreadable)?;
        let wanted = forgetting(&request);
        let held = survey(&self.reader, &keys_of(&self.reader, &wanted)?, &wanted)?.holds;
        if !held.is_empty() {
            return Err(EraseError::Held(held));
        }
        let data = &self.reader.vault().keys().data;
        let mut keys: BTreeSet<[u8; 16]> = BTreeSet::new();
        for scope in &wanted.scopes {
            keys.extend(data.retire(&scope.owner, scope.class, scope.year)?);
        }
        failpoint::hit("erase-retired");
        drop(self.turns.rest()?);
        let losses = survey(&self.reader, &keys, &wanted)?.losses;
        let left: Vec<Losing> =
            losses.iter().filter(|loss| loss.losing.target.parts != 0).map(|loss| loss.losing.clone()).collect();
        let payload = EntryErased {
            context: request.context.clone().map(|context| crate::events::Context { cause: None, ..context }),
            ground: request.ground.clone(),
            order: request.order,
            approvers: state.approvers.clone(),
        };
        for losing in left.chunks(REQUEST_ERASURES) {
            let request_id = own_request_id(id, losing[0].target.index);
            self.record(&prepare_erasures(request_id, &payload, losing, self.reader.vault())?)?;
        }
        failpoint::hit("erase-recorded");
        for key in &keys {
            data.destroy(key)?;
        }
        failpoint::hit("erase-destroyed");
        let (entries, keys) = (losses.len() as u64, u32::try_from(keys.len()).unwrap_or(u32::MAX));
        let completed = ErasureCompleted { context: None, erasure_id: id.to_string(), entries, keys };
        let completed = Event::from(completed);
        let request = Request {
            principal: erasure::SYSTEM.to_owned(),
            request_id: own_request_id(id, u64::MAX),
            events: vec![Proposed::plain(completed.event_type(), completed.encode().into())],
            conditions: Vec::new(),
        };
        self.record(&prepare(request, self.reader.vault())?)?;
        Ok(Done { entries, keys })
    }

    fn record(&self, prepared: &Prepared) -> Result<(), EraseError> {
        loop {
            if self.ending.load(Ordering::Relaxed) {
                return Err(EraseError::Ending);
            }
            match self.queue.try_submit(prepared.clone(), None) {
                Err(AppendError::QueueFull) => thread::sleep(ROOM),
                Err(error) => return Err(error.into()),
                Ok(answer) => {
                    return match answer.blocking_recv() {
                        Ok(Ok(_)) => Ok(()),
                        Ok(Err(error)) => Err(error.into()),
                        Err(_) => Err(EraseError::Ending),
                    };
                }
            }
        }
    }
}

/// What was done.
struct Done {
    entries: u64,
    keys: u32,
}

/// Erasures that were approved and not carried out, in the order in which they were asked for.
///
/// # Errors
///
/// The index cannot be read.
pub fn due(reader: &Reader) -> Result<Vec<(Id, erasure::State)>, IndexError> {
    Ok(all(reader)?.into_iter().filter(|(_, state)| state.is_due()).collect())
}

/// All requests to forget, in the order in which they were made.
///
/// # Errors
///
/// The index cannot be read.
pub fn all(reader: &Reader) -> Result<Vec<(Id, erasure::State)>, IndexError> {
    let mut all = Vec::new();
    for (_, id) in reader.index().register("erasure", 0, u64::MAX, usize::MAX)? {
        let id = Id(id);
        let Ok(key) = Key::of_stream_id("erasure", &id.to_string()) else { continue };
        let row = reader.index().object(&key)?;
        if let Some(State::Erasure(state)) = row.and_then(|row| row.state).as_deref() {
            all.push((id, state.clone()));
        }
    }
    Ok(all)
}

/// The event that asks for an erasure; none where it is no such event, or was erased.
///
/// # Errors
///
/// The log cannot be read.
pub fn requested(reader: &Reader, at: u64) -> Result<Option<ErasureRequested>, IndexError> {
    let Some(entry) = reader.entry(at)? else { return Ok(None) };
    Ok(match recalled(&entry.checked).ok().flatten().and_then(|recalled| recalled.event) {
        Some(Event::ErasureRequested(event)) => Some(event),
        _ => None,
    })
}

/// What a request asks to be forgotten.
pub fn forgetting(request: &ErasureRequested) -> Forgetting {
    let scope = |scope: &crate::events::DataScope| {
        let (kind, id) = scope.owner.split_once('/')?;
        let owner = Key::of_subject_id(kind, id).ok()?;
        let class = u8::try_from(scope.personal_class).ok()?;
        Some(Scope { owner, class, year: u16::try_from(scope.year).ok()? })
    };
    Forgetting {
        scopes: request.scopes.iter().filter_map(scope).collect(),
        open_positions: request.open_positions.clone(),
    }
}

/// Keys that came back with an old copy of their file, though everything that they sealed was erased, are destroyed again;
/// before anything is sealed. Gives how many.
///
/// # Errors
///
/// The log, its index or the keys cannot be read, or a key not be overwritten.
pub(super) fn destroy_again(reader: &Reader) -> Result<usize, EraseError> {
    let data = &reader.vault().keys().data;
    let mut held: BTreeMap<[u8; 16], bool> = BTreeMap::new();
    for index in reader.index().all_erasures()? {
        let Some(Body::Erasure(_, target)) = reader.entry(index)?.map(|entry| entry.checked.leaf.body) else {
            continue;
        };
        let Some(manifest) = reader.entry(target.index)?.and_then(|entry| entry.checked.manifest) else { continue };
        for (_, part) in manifest.parts.iter().enumerate().filter(|(place, _)| target.parts & 1 << place != 0) {
            // A client may call its key as it likes.
            if part.sealed_by == SealedBy::Client {
                continue;
            }
            if let Entry::Vacant(unknown) = held.entry(part.key_id) {
                unknown.insert(data.by_id(&part.key_id)?.is_some());
            }
        }
    }
    let mut keys: BTreeSet<[u8; 16]> = held.into_iter().filter_map(|(id, held)| held.then_some(id)).collect();
    if keys.is_empty() {
        return Ok(0);
    }
    // An erasure that was cut: its entries are erased before the key goes.
    for loss in survey(reader, &keys, &Forgetting::default())?.losses {
        if loss.losing.target.parts != 0 {
            let entry = reader.entry(loss.losing.target.index)?;
            let parts =
                entry.and_then(|entry| entry.checked.manifest).map(|manifest| manifest.parts).unwrap_or_default();
            for part in parts {
                keys.remove(&part.key_id);
            }
        }
    }
    for key in &keys {
        data.destroy(key)?;
    }
    Ok(keys.len())
}

/// The request id of what the service records by itself: it follows from what it is for.
fn own_request_id(erasure: Id, first: u64) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(b"probity/erasure/v1\0");
    hasher.update(erasure.to_string());
    hasher.update(first.to_be_bytes());
    let whole: [u8; 32] = hasher.finalize().into();
    *whole.first_chunk().expect("32 bytes have a first 16")
}
