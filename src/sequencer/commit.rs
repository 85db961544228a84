//! Making planned batches durable, one after the other, on a thread of its own: the next is planned meanwhile.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tracing::Span;

use crate::index::Index;
use crate::keys::Keyring;
use crate::ledger::Change;
use crate::ledger::Head;
use crate::sequencer::AppendError;
use crate::sequencer::Commits;
use crate::sequencer::Health;
use crate::sequencer::Recorded;
use crate::sequencer::queue::Job;
use crate::sequencer::queue::Places;
use crate::store::LogStore;
use crate::store::StoreError;
use crate::store::failpoint;
use crate::store::runs::Position;

pub(super) type Outcome = Result<Recorded, AppendError>;

/// What is to be stored at once, and who waits for it.
pub(super) struct Commit {
    /// None where everybody waits for what was recorded before.
    pub(super) entries: Arc<Vec<Bytes>>,
    pub(super) changes: Vec<Change>,
    pub(super) waiting: Vec<Waiting>,
    /// The log after it.
    pub(super) head: Head,
}

/// Whoever waits for the commit keeps his place in the queue until he is answered.
pub(super) struct Waiting {
    answer: oneshot::Sender<Outcome>,
    outcome: Outcome,
    /// Of the call that it came in.
    span: Span,
    _places: Places,
}

impl Waiting {
    pub(super) fn of(job: Job, outcome: Outcome) -> Self {
        Self { answer: job.answer, outcome, span: job.span, _places: job.places }
    }

    /// Tells the outcome.
    pub(super) fn settle(self) {
        answer(self.answer, self.outcome);
    }

    /// Tells instead that nothing was written; or, to whoever asked for what was recorded before, that this is not
    /// known.
    pub(super) fn refuse(self, error: &AppendError) {
        let replayed = matches!(self.outcome, Ok(Recorded { replayed: Some(_), .. }));
        answer(self.answer, Err(if replayed { AppendError::OutcomeUnknown } else { error.clone() }));
    }
}

/// Whoever went away gets no answer; what has a place keeps it.
pub(super) fn answer(sender: oneshot::Sender<Outcome>, outcome: Outcome) {
    drop(sender.send(outcome));
}

/// What came of a commit: an error where nothing that was planned after it may be stored either.
pub(super) type Done = Result<(), AppendError>;

/// Stores commits in the order in which they come.
pub(super) struct Committer {
    pub(super) store: Arc<dyn LogStore>,
    pub(super) index: Arc<Index>,
    pub(super) keys: Arc<Keyring>,
    pub(super) published: watch::Sender<Head>,
    pub(super) health: watch::Sender<Health>,
    pub(super) commits: Commits,
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

impl Committer {
    /// Until there are no more.
    pub(super) fn run(&self, commits: &Receiver<Commit>, dones: &Sender<Done>) {
        for commit in commits {
            let Commit { entries, changes, waiting, head } = commit;
            let span = tracing::debug_span!("commit", events = entries.len(), size = head.size);
            for waiting in waiting.iter().filter(|_| !span.is_disabled()) {
                span.follows_from(&waiting.span);
            }
            let committed = || if entries.is_empty() { Ok(()) } else { self.commit(&entries, changes, head) };
            self.commits.step();
            let done = span.in_scope(committed);
            self.commits.step();
            drop(span);
            // The planner goes on first: answering takes a while.
            drop(dones.send(done.clone()));
            for waiting in waiting {
                match &done {
                    Ok(()) => waiting.settle(),
                    Err(AppendError::OutcomeUnknown) => answer(waiting.answer, Err(AppendError::OutcomeUnknown)),
                    Err(error) => waiting.refuse(error),
                }
            }
        }
    }

    /// Makes a batch durable: keys, then entries, then the index in memory, then the new head.
    fn commit(&self, entries: &[Bytes], changes: Vec<Change>, head: Head) -> Done {
        let began = Instant::now();
        // A crash here leaves nothing, or keys that no entry needs.
        let keys = self.keys.data.sync().map_err(|error| Failure::Final(error.to_string()));
        failpoint::hit("before-append");
        let stored = keys.and_then(|()| self.store.append(entries).map_err(Failure::of));
        // A crash here leaves entries whose clients were not answered: they ask again with the same id.
        failpoint::hit("after-sync-before-answer");
        match stored {
            Ok(()) => {
                let position = Position { size: head.size, leaf_hash: head.leaf_hash.0 };
                self.index.apply(changes, position);
                self.published.send_replace(head);
                self.commits.note(entries, began.elapsed(), self.store.last_sync());
                Ok(())
            }
            Err(Failure::NothingWritten(error)) => {
                tracing::warn!(%error, "nothing was written");
                Err(AppendError::DiskNearlyFull)
            }
            Err(Failure::Final(why)) => {
                tracing::error!(%why, "the store failed; nothing more is written in this run");
                self.health.send_replace(Health::Stopped { why });
                Err(AppendError::OutcomeUnknown)
            }
        }
    }
}
