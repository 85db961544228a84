//! One turn of the writer: take, plan, store, apply, answer.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tracing::Span;

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
use crate::ledger::Receipt;
use crate::ledger::Refusal;
use crate::ledger::Rows;
use crate::ledger::compare;
use crate::ledger::content_of;
use crate::ledger::plan;
use crate::ledger::request_token;
use crate::log::Checked;
use crate::log::Entry;
use crate::sequencer::AppendError;
use crate::sequencer::Commits;
use crate::sequencer::Health;
use crate::sequencer::Parts;
use crate::sequencer::Recorded;
use crate::sequencer::queue::Job;
use crate::sequencer::queue::Places;
use crate::sequencer::time::Times;
use crate::store::LogStore;
use crate::store::StoreError;
use crate::store::failpoint;
use crate::store::runs::Position;

/// Events of one commit, at most; a request is never split.
const BATCH_EVENTS_MAX: usize = 4096;

/// Bytes of one commit, about, at most.
const BATCH_BYTES_MAX: usize = 4 << 20;

type Outcome = Result<Recorded, AppendError>;

pub(super) struct Writer {
    store: Arc<dyn LogStore>,
    index: Arc<Index>,
    keys: Arc<Keyring>,
    origin: Arc<str>,
    times: Times,
    head: Head,
    published: watch::Sender<Head>,
    health: watch::Sender<Health>,
    commits: Commits,
    /// What is planned in this turn.
    batch: Batch,
}

/// What one turn will store, and who waits for it.
#[derive(Default)]
struct Batch {
    overlay: Overlay,
    entries: Vec<Bytes>,
    changes: Vec<Change>,
    waiting: Vec<Waiting>,
}

/// Whoever waits for the commit keeps his place in the queue until he is answered.
struct Waiting {
    answer: oneshot::Sender<Outcome>,
    outcome: Outcome,
    span: Span,
    _places: Places,
}

impl Waiting {
    fn of(job: Job, outcome: Outcome) -> Self {
        Self { answer: job.answer, outcome, span: job.span, _places: job.places }
    }
}

impl Batch {
    /// Everybody who waits gets this instead.
    fn fail(&mut self, error: &AppendError) {
        for waiting in &mut self.waiting {
            waiting.outcome = Err(error.clone());
        }
    }
}

/// How a commit failed.
enum Failure {
    /// The store goes on.
    NothingWritten(StoreError),
    /// Nothing more is written in this run.
    Final(String),
}

impl Failure {
    fn of(error: StoreError) -> Self {
        if error.nothing_written() { Self::NothingWritten(error) } else { Self::Final(error.to_string()) }
    }
}

impl Writer {
    pub(super) fn new(
        parts: Parts,
        published: watch::Sender<Head>,
        health: watch::Sender<Health>,
        commits: Commits,
    ) -> Self {
        Self {
            times: Times::new(parts.clock, parts.accept_gap),
            store: parts.store,
            index: parts.index,
            keys: parts.keys,
            origin: parts.origin,
            head: parts.head,
            published,
            health,
            commits,
            batch: Batch::default(),
        }
    }

    /// Turns until nobody can queue any more.
    pub(super) fn run(&mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            if !self.index.wait_for_room() {
                let why = "the index cannot be written; a new start folds it again".to_owned();
                tracing::error!(%why, "nothing more is written in this run");
                self.health.send_replace(Health::Stopped { why });
            }
            self.turn(first, jobs);
        }
    }

    fn turn(&mut self, first: Job, jobs: &mpsc::Receiver<Job>) {
        if *self.health.borrow() != Health::Writing {
            answer(first.answer, Err(AppendError::Stopped));
            return;
        }
        let time = self.times.next(&self.head);
        let mut head = self.head;
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(job) = next {
            bytes += job.request.len_bytes;
            match &time {
                Ok(time) => head = self.plan(job, head, *time),
                Err(error) => self.refuse_new(job, error.clone()),
            }
            // A clock that was wrong is asked again for whoever comes next.
            let room = time.is_ok() && self.batch.entries.len() < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX;
            next = if room { jobs.try_recv().ok() } else { None };
        }
        if !self.batch.entries.is_empty() {
            self.commit(head);
        }
        self.settle();
    }

    /// Plans one request at the end of what is planned. Whoever is refused is answered at once, since a refusal rests
    /// on nothing that a failure could undo; all others wait for the commit.
    fn plan(&mut self, job: Job, head: Head, time_ms: u64) -> Head {
        if job.deadline_ms.is_some_and(|deadline| deadline <= self.times.monotonic_ms()) {
            self.refuse_new(job, AppendError::DeadlineBeforeCommit);
            return head;
        }
        match plan(&job.request, head, time_ms, &mut self.batch.overlay, &*self.index) {
            Ok(planned) => {
                self.batch.entries.extend(planned.entries);
                self.batch.changes.extend(planned.changes);
                let recorded = Recorded { receipt: planned.receipt, replayed: None };
                self.batch.waiting.push(Waiting::of(job, Ok(recorded)));
                planned.head
            }
            Err(PlanError::Repeated { first_index }) => {
                let outcome = self.repeat(&job.request, first_index);
                self.batch.waiting.push(Waiting::of(job, outcome));
                head
            }
            Err(PlanError::Refused(refusal)) => {
                // It may rest on an earlier request of this batch, which is not durable yet.
                self.batch.waiting.push(Waiting::of(job, Err(refusal.into())));
                head
            }
            Err(PlanError::Rows(error)) => {
                tracing::error!(%error, "the index cannot be read; nothing can be admitted");
                answer(job.answer, Err(AppendError::IndexUnreadable));
                head
            }
        }
    }

    /// Nothing new is recorded; what was recorded before, or is planned in this batch, gets its answer all the same.
    fn refuse_new(&mut self, job: Job, refusal: AppendError) {
        let token = request_token(&job.request.principal, &job.request.request_id);
        let rows = Layered { overlay: &self.batch.overlay, below: &*self.index };
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

    /// Makes the batch durable: keys, then entries, then the index in memory, then the new head.
    fn commit(&mut self, head: Head) {
        let span = tracing::debug_span!("commit", events = self.batch.entries.len(), size = head.size);
        for waiting in self.batch.waiting.iter().filter(|_| !span.is_disabled()) {
            span.follows_from(&waiting.span);
        }
        let _entered = span.entered();
        let began = Instant::now();
        // A crash here leaves nothing, or keys that no entry needs.
        let keys = self.keys.data.sync().map_err(|error| Failure::Final(error.to_string()));
        failpoint::hit("before-append");
        let stored = keys.and_then(|()| self.store.append(&self.batch.entries).map_err(Failure::of));
        // A crash here leaves entries whose clients were not answered: they ask again with the same id.
        failpoint::hit("after-sync-before-answer");
        match stored {
            Ok(()) => {
                let position = Position { size: head.size, leaf_hash: head.leaf_hash.0 };
                self.index.apply(self.batch.changes.drain(..), position);
                self.head = head;
                self.published.send_replace(head);
                self.commits.note(&self.batch.entries, began.elapsed(), self.store.last_sync());
            }
            Err(Failure::NothingWritten(error)) => {
                tracing::warn!(%error, "nothing was written");
                self.batch.fail(&AppendError::DiskNearlyFull);
            }
            Err(Failure::Final(why)) => {
                tracing::error!(%why, "the store failed; nothing more is written in this run");
                self.batch.fail(&AppendError::OutcomeUnknown);
                self.health.send_replace(Health::Stopped { why });
            }
        }
    }

    /// Answers everybody of the batch.
    fn settle(&mut self) {
        for waiting in self.batch.waiting.drain(..) {
            answer(waiting.answer, waiting.outcome);
        }
        self.batch.overlay.clear();
        self.batch.entries.clear();
        self.batch.changes.clear();
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
            let bytes = match index.checked_sub(self.head.size) {
                Some(planned) => usize::try_from(planned).ok().and_then(|at| self.batch.entries.get(at).cloned()),
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

/// Whoever went away gets no answer; what has a place keeps it.
fn answer(sender: oneshot::Sender<Outcome>, outcome: Outcome) {
    drop(sender.send(outcome));
}
