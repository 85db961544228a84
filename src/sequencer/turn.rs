//! The planner: it takes what has queued and plans it, while what it planned before is stored, applied and answered.

use std::sync::Arc;

use bytes::Bytes;
use crossbeam_channel::Receiver;
use crossbeam_channel::RecvError;
use crossbeam_channel::SendError;
use crossbeam_channel::Sender;
use crossbeam_channel::select;
use tokio::sync::watch;

use crate::index::Index;
use crate::index::IndexError;
use crate::keys::Keyring;
use crate::ledger::Change;
use crate::ledger::ContentChecked;
use crate::ledger::Head;
use crate::ledger::Layered;
use crate::ledger::Overlay;
use crate::ledger::PlanError;
use crate::ledger::Prepared;
use crate::ledger::Recalled;
use crate::ledger::Receipt;
use crate::ledger::Refusal;
use crate::ledger::ReplayError;
use crate::ledger::Rows;
use crate::ledger::compare;
use crate::ledger::content_of;
use crate::ledger::plan;
use crate::ledger::recalled;
use crate::ledger::request_token;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::sequencer::AppendError;
use crate::sequencer::Health;
use crate::sequencer::Parts;
use crate::sequencer::Recorded;
use crate::sequencer::commit::Commit;
use crate::sequencer::commit::Done;
use crate::sequencer::commit::Outcome;
use crate::sequencer::commit::Waiting;
use crate::sequencer::commit::answer;
use crate::sequencer::own::Turn;
use crate::sequencer::queue::Job;
use crate::sequencer::time::Times;
use crate::store::LogStore;

/// Events of one commit, at most; a request is never split.
const BATCH_EVENTS_MAX: usize = 4096;

/// Bytes of one commit, about, at most: few enough that sled, which writes about twice as many, never has all of its
/// seven threads wait for one another (`store::runs` says how).
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Plans batches; while one is being committed, the next is planned above it.
pub(super) struct Writer {
    store: Arc<dyn LogStore>,
    index: Arc<Index>,
    keys: Arc<Keyring>,
    origin: Arc<str>,
    times: Times,
    health: watch::Sender<Health>,
    /// The end of the log before what is being committed.
    durable: Head,
    /// The end of what is planned.
    head: Head,
    /// What is being committed.
    flying: Flying,
    /// What is planned, to be committed next.
    batch: Batch,
    /// What may still be recorded.
    end: End,
    commits: Sender<Commit>,
    dones: Receiver<Done>,
}

/// Whether the log goes on. After a CLOSE one SEAL follows, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It does.
    Open,
    /// The last entry is a CLOSE.
    Closed,
    /// The last entry is the SEAL after a CLOSE.
    Sealed,
}

impl End {
    /// After one more entry; `None` where it may not follow.
    pub const fn after(self, body: &Body) -> Option<Self> {
        match (self, body) {
            (Self::Open, Body::Close(_)) => Some(Self::Closed),
            (Self::Open, _) => Some(Self::Open),
            (Self::Closed, Body::Seal(_)) => Some(Self::Sealed),
            (Self::Closed | Self::Sealed, _) => None,
        }
    }
}

/// What is being committed, for as long as the index does not have it.
#[derive(Default)]
struct Flying {
    overlay: Overlay,
    entries: Arc<Vec<Bytes>>,
    /// The log after it; none where nothing is being committed.
    head: Option<Head>,
}

/// What will be stored at once, and who waits for it.
#[derive(Default)]
struct Batch {
    /// When its entries are recorded.
    time_ms: Option<u64>,
    overlay: Overlay,
    entries: Vec<Bytes>,
    changes: Vec<Change>,
    waiting: Vec<Waiting>,
    len_bytes: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.entries.len() >= BATCH_EVENTS_MAX || self.len_bytes >= BATCH_BYTES_MAX
    }

    /// Nobody gets what he waits for.
    fn refuse(&mut self, error: &AppendError) {
        self.waiting.drain(..).for_each(|waiting| waiting.refuse(error));
        self.time_ms = None;
        self.overlay.clear();
        self.entries.clear();
        self.changes.clear();
        self.len_bytes = 0;
    }
}

impl Writer {
    /// `commits` are stored by a [`Committer`](super::commit::Committer), one after the other; it says of each what
    /// came of it.
    pub(super) fn new(
        parts: Parts,
        health: watch::Sender<Health>,
        commits: Sender<Commit>,
        dones: Receiver<Done>,
    ) -> Self {
        Self {
            times: Times::new(parts.clock, parts.accept_gap),
            store: parts.store,
            index: parts.index,
            keys: parts.keys,
            origin: parts.origin,
            health,
            durable: parts.head,
            head: parts.head,
            flying: Flying::default(),
            batch: Batch::default(),
            end: parts.end,
            commits,
            dones,
        }
    }

    /// Until nobody can queue any more, and everything that was queued is settled.
    pub(super) fn run(&mut self, jobs: &Receiver<Job>, turns: &Receiver<Turn>) {
        loop {
            if self.batch.is_full() {
                self.wait_for_commit();
            } else {
                select! {
                    recv(self.dones) -> done => self.done(done),
                    recv(jobs) -> job => match job {
                        Ok(job) => self.take(job, jobs),
                        Err(_) => break,
                    },
                    // The queue is closed before those go who ask for turns.
                    recv(turns) -> turn => if let Ok(turn) = turn {
                        self.turn(turn);
                    },
                }
            }
            self.hand_over();
        }
        self.wait_for_commit();
        self.hand_over();
        self.wait_for_commit();
    }

    /// Comes to rest, and records an entry of the service's own.
    fn turn(&mut self, turn: Turn) {
        self.wait_for_commit();
        self.hand_over();
        self.wait_for_commit();
        if *self.health.borrow() != Health::Writing {
            return answer(turn.answer, Err(AppendError::Stopped));
        }
        let recorded_at_ms = match self.times.next(&self.head) {
            Ok(time_ms) => time_ms,
            Err(error) => return answer(turn.answer, Err(error)),
        };
        // Whoever asked may have gone, or may have nothing to record after all.
        let Ok(body) = turn.at_rest.send(self.head).map_err(|_| RecvError).and_then(|()| turn.body.recv()) else {
            return;
        };
        let Some(end) = self.end.after(&body) else { return answer(turn.answer, Err(AppendError::Closed)) };
        self.end = end;
        let leaf = Leaf { index: self.head.size, recorded_at_ms, previous: self.head.leaf_hash, body };
        let leaf_hash = LeafHash::of(&leaf.encode());
        let receipt = Receipt { first_index: leaf.index, count: 1, recorded_at_ms, leaf_hash, revisions: Vec::new() };
        self.batch.time_ms = Some(recorded_at_ms);
        self.batch.entries.push(Entry::bare(&leaf).encode().into());
        self.batch.waiting.push(Waiting::of_own(turn.answer, Ok(Recorded { receipt, replayed: None })));
        self.head = Head { size: leaf.index + 1, leaf_hash, recorded_at_ms };
        self.hand_over();
    }

    /// Plans a request and those that queued behind it.
    fn take(&mut self, job: Job, jobs: &Receiver<Job>) {
        let mut next = Some(job);
        while let Some(job) = next {
            self.plan(job);
            next = if self.batch.is_full() { None } else { jobs.try_recv().ok() };
        }
    }

    /// Plans one request at the end of what is planned. Whoever is refused because of something that no failure could
    /// undo is answered at once; all others wait for the commit.
    fn plan(&mut self, job: Job) {
        if self.batch.time_ms.is_none() && !self.index.wait_for_room() {
            let why = "the index cannot be written; a new start folds it again".to_owned();
            tracing::error!(%why, "nothing more is written in this run");
            self.health.send_replace(Health::Stopped { why });
        }
        if *self.health.borrow() != Health::Writing {
            return answer(job.answer, Err(AppendError::Stopped));
        }
        if self.end != End::Open {
            return self.refuse_new(job, AppendError::Closed);
        }
        if job.deadline_ms.is_some_and(|deadline| deadline <= self.times.monotonic_ms()) {
            return self.refuse_new(job, AppendError::DeadlineBeforeCommit);
        }
        if job.request.sealed_with.iter().any(|id| self.keys.data.is_gone(id)) {
            return self.refuse_new(job, AppendError::KeyRetired);
        }
        // A clock that was wrong is asked again for whoever comes next.
        let time_ms = match self.batch.time_ms.map_or_else(|| self.times.next(&self.head), Ok) {
            Ok(time_ms) => time_ms,
            Err(error) => return self.refuse_new(job, error),
        };
        let below = Layered { overlay: &self.flying.overlay, below: &*self.index };
        let recall = |index| recall(&*self.store, &self.index, index);
        match plan(&job.request, self.head, time_ms, &mut self.batch.overlay, &below, &recall) {
            Ok(planned) => {
                self.batch.time_ms = Some(time_ms);
                self.batch.len_bytes += job.request.len_bytes;
                self.batch.entries.extend(planned.entries);
                self.batch.changes.extend(planned.changes);
                let recorded = Recorded { receipt: planned.receipt, replayed: None };
                self.batch.waiting.push(Waiting::of(job, Ok(recorded)));
                self.head = planned.head;
            }
            Err(PlanError::Repeated { first_index }) => {
                let outcome = self.repeat(&job.request, first_index);
                self.batch.waiting.push(Waiting::of(job, outcome));
            }
            Err(PlanError::Refused(refusal)) => {
                // It may rest on an earlier request, which is not durable yet.
                self.batch.waiting.push(Waiting::of(job, Err(refusal.into())));
            }
            Err(PlanError::Rows(error)) => {
                tracing::error!(%error, "the index cannot be read; nothing can be admitted");
                answer(job.answer, Err(AppendError::IndexUnreadable));
            }
        }
    }

    /// Nothing new is recorded; what was recorded before, or is planned, gets its answer all the same.
    fn refuse_new(&mut self, job: Job, refusal: AppendError) {
        let token = request_token(&job.request.principal, &job.request.request_id);
        let below = Layered { overlay: &self.flying.overlay, below: &*self.index };
        let rows = Layered { overlay: &self.batch.overlay, below: &below };
        match rows.request(&token) {
            Ok(Some(first_index)) => {
                let outcome = self.repeat(&job.request, first_index);
                self.batch.waiting.push(Waiting::of(job, outcome));
            }
            Ok(None) => answer(job.answer, Err(refusal)),
            Err(error) => {
                tracing::error!(%error, "the index cannot be read");
                answer(job.answer, Err(AppendError::IndexUnreadable));
            }
        }
    }

    /// Lets the batch be committed, unless another one is.
    fn hand_over(&mut self) {
        if self.flying.head.is_some() || self.batch.waiting.is_empty() {
            return;
        }
        if *self.health.borrow() != Health::Writing {
            self.give_up(&AppendError::Stopped);
            return;
        }
        let entries = Arc::new(std::mem::take(&mut self.batch.entries));
        std::mem::swap(&mut self.flying.overlay, &mut self.batch.overlay);
        self.flying.entries = Arc::clone(&entries);
        self.flying.head = Some(self.head);
        let changes = std::mem::take(&mut self.batch.changes);
        let waiting = std::mem::take(&mut self.batch.waiting);
        (self.batch.time_ms, self.batch.len_bytes) = (None, 0);
        let commit = Commit { entries, changes, waiting, head: self.head };
        if let Err(SendError(commit)) = self.commits.send(commit) {
            commit.waiting.into_iter().for_each(|waiting| waiting.refuse(&AppendError::Stopped));
            self.committer_died();
        }
    }

    fn wait_for_commit(&mut self) {
        if self.flying.head.is_some() {
            let done = self.dones.recv();
            self.done(done);
        }
    }

    /// A commit came to its end. What was planned above one that failed has no ground any more.
    fn done(&mut self, done: Result<Done, RecvError>) {
        let head = self.flying.head.take();
        self.flying.overlay.clear();
        self.flying.entries = Arc::default();
        match done {
            Ok(Ok(())) => self.durable = head.unwrap_or(self.durable),
            Ok(Err(AppendError::OutcomeUnknown)) => self.give_up(&AppendError::Stopped),
            Ok(Err(error)) => self.give_up(&error),
            Err(RecvError) => self.committer_died(),
        }
    }

    /// A mistake of ours: what it had in hand is told to nobody, which means that its outcome is unknown.
    fn committer_died(&mut self) {
        let why = "the thread that commits stopped by itself".to_owned();
        tracing::error!(%why, "nothing more is written in this run");
        self.health.send_replace(Health::Stopped { why });
        self.dones = crossbeam_channel::never();
        self.flying.head = None;
        self.give_up(&AppendError::Stopped);
    }

    /// Forgets what is planned; nothing of it was written.
    fn give_up(&mut self, error: &AppendError) {
        self.batch.refuse(error);
        self.head = self.durable;
    }

    /// The answer to a request whose id is in the log or in this batch.
    fn repeat(&self, request: &Prepared, first_index: u64) -> Outcome {
        let recorded = self.recorded_request(first_index).map_err(|error| {
            tracing::error!(%error, first_index, "a recorded request cannot be read");
            AppendError::IndexUnreadable
        })?;
        let open = |entry: &Checked, part: usize| self.open(entry, part);
        match compare(request, &recorded, open) {
            None => Err(Refusal::RequestIdReused { first_position: first_index }.into()),
            Some(checked) => Ok(replayed(first_index, &recorded, checked)),
        }
    }

    fn recorded_request(&self, first_index: u64) -> Result<Vec<Checked>, IndexError> {
        let mut entries = Vec::new();
        let mut index = first_index;
        loop {
            let bytes = match index.checked_sub(self.durable.size) {
                Some(planned) => {
                    let planned = usize::try_from(planned).expect("what is planned is in memory");
                    self.flying.entries.iter().chain(&self.batch.entries).nth(planned).cloned()
                }
                None => self.store.get(index)?,
            };
            let Some(bytes) = bytes else { return Ok(entries) };
            let entry = Entry::check(&bytes).map_err(|fault| IndexError::Entry { index, fault })?;
            let left = entry.manifest.as_ref().map_or(0, |manifest| manifest.count - 1 - manifest.number);
            entries.push(entry);
            if left == 0 {
                return Ok(entries);
            }
            index += 1;
        }
    }

    fn open(&self, entry: &Checked, part: usize) -> Option<Vec<u8>> {
        let key_id = entry.manifest.as_ref()?.parts.get(part)?.key_id;
        let key = self.keys.data.by_id(&key_id).ok()??;
        content_of(&self.origin, entry, part, &key.key).ok()
    }
}

/// An entry that is durable, as a correction or void speaks of it.
fn recall(store: &dyn LogStore, rows: &Index, index: u64) -> Result<Option<Recalled>, IndexError> {
    // Whoever was told of an entry finds it here: the index has it before that.
    if index >= rows.position().size {
        return Ok(None);
    }
    let Some(bytes) = store.get(index)? else { return Ok(None) };
    let mut entry = Entry::check(&bytes).map_err(|fault| IndexError::Entry { index, fault })?;
    if rows.erasures(index)?.iter().any(|(_, parts)| parts & OPEN_PAYLOAD_BIT != 0) {
        entry.entry.open = None;
    }
    let undecodable = |_| {
        let event_type = entry.manifest.as_ref().map_or_else(String::new, |manifest| manifest.event_type.clone());
        IndexError::Replay(Box::new(ReplayError::Undecodable { index, event_type }))
    };
    recalled(&entry).map_err(undecodable)
}

fn replayed(first_index: u64, recorded: &[Checked], checked: ContentChecked) -> Recorded {
    let last = recorded.last().expect("a recorded request has an entry");
    let revision = |entry: &Checked| entry.leaf.event().map_or(0, |event| event.stream.sequence);
    let receipt = Receipt {
        first_index,
        count: u16::try_from(recorded.len()).expect("a recorded request has at most 1000 events"),
        recorded_at_ms: last.leaf.recorded_at_ms,
        leaf_hash: last.leaf_hash,
        revisions: recorded.iter().map(revision).collect(),
    };
    Recorded { receipt, replayed: Some(checked) }
}
