//! The one writer: it takes what has queued, plans it on an overlay, stores it with one sync, applies it, and only
//! then answers anybody. What arrives meanwhile is the next batch; there is no timer.

mod commit;
mod figures;
mod own;
mod queue;
mod time;
mod turn;

use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use crossbeam_channel::Receiver;
use thiserror::Error;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::index::Index;
use crate::keys::Keyring;
use crate::ledger::ContentChecked;
use crate::ledger::Head;
use crate::ledger::Receipt;
use crate::ledger::Refusal;
use crate::store::LogStore;

pub use figures::Commits;
pub use own::AtRest;
pub use own::Turns;
pub use queue::Answer;
pub use queue::Limits;
pub use queue::LogOf;
pub use queue::Queue;
pub use queue::Waiting;
pub use turn::End;

/// What a client gets for a request that is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Where it stands.
    pub receipt: Receipt,
    /// Set when it had been recorded before: how its content was compared.
    pub replayed: Option<ContentChecked>,
}

/// Why a request is not in the log, or may not be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AppendError {
    /// It breaks a rule. Nothing was written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The queue is full. Nothing was written; try again.
    #[error("the queue is full")]
    QueueFull,
    /// The disk is nearly full. Nothing was written.
    #[error("the disk is nearly full")]
    DiskNearlyFull,
    /// The clock is more than 10 s behind the last entry. Nothing was written.
    #[error("the clock is {by_ms} ms behind the last entry")]
    ClockBehind {
        /// How far.
        by_ms: u64,
    },
    /// The clock jumped forward. Nothing was written.
    #[error("the clock jumped {by_ms} ms forward")]
    ClockJumped {
        /// How far.
        by_ms: u64,
    },
    /// The caller's time was over before the request had a place. Nothing was written, now or earlier.
    #[error("the deadline passed before the commit")]
    DeadlineBeforeCommit,
    /// The store failed in the middle: it may be in the log. Ask again with the same request id, after the next start:
    /// in this run nothing more is written, and nobody can know.
    #[error("the outcome of the commit is unknown")]
    OutcomeUnknown,
    /// An earlier failure stopped all writing until the next start. This attempt wrote nothing; whether an earlier one
    /// of the same request id did, is not known before.
    #[error("writing has stopped after a failure; this attempt wrote nothing, an earlier one of its id may have")]
    Stopped,
    /// The service is ending. Nothing was written.
    #[error("the service is ending")]
    Ending,
    /// The log was closed; it may have a successor. Nothing was written.
    #[error("the log is closed")]
    Closed,
    /// A data key that sealed it was retired meanwhile, for an erasure. Nothing was written; sealed again, it can be.
    #[error("a data key was retired while the request waited")]
    KeyRetired,
    /// The index cannot be read, so nothing can be admitted. Nothing was written.
    #[error("the index cannot be read")]
    IndexUnreadable,
}

/// How the writer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It takes requests.
    Writing,
    /// It stopped for ever in this run; reads go on.
    Stopped {
        /// Why, for the operator.
        why: String,
    },
    /// It stopped, and may wait in the store for ever: whoever waits for it need not.
    Lost {
        /// Why, for the operator.
        why: String,
    },
}

/// Stops the writer from outside, when the store may never answer it.
#[derive(Clone, Debug)]
pub struct Stopper {
    health: watch::Sender<Health>,
}

impl Stopper {
    /// Lets the writer begin nothing more in this run. What it has in hand may still be answered.
    pub fn stop(&self, why: &str) {
        self.health.send_if_modified(|health| {
            let writing = *health == Health::Writing;
            if writing {
                *health = Health::Stopped { why: why.to_owned() };
            }
            writing
        });
    }

    /// Lets the writer begin again: only after it was stopped before it had planned anything.
    pub fn resume(&self) {
        self.health.send_replace(Health::Writing);
    }

    /// Lets nobody wait any longer: whoever still does is told that the outcome is unknown.
    pub fn give_up(&self, why: &str) {
        self.health.send_replace(Health::Lost { why: why.to_owned() });
    }
}

/// What the writer works with.
#[derive(Debug)]
pub struct Parts {
    /// Where entries lie.
    pub store: Arc<dyn LogStore>,
    /// Where they are found.
    pub index: Arc<Index>,
    /// Data keys to be made durable before the entries that need them.
    pub keys: Arc<Keyring>,
    /// The origin of the log.
    pub origin: Arc<str>,
    /// What time it is.
    pub clock: Clock,
    /// The end of the log as it was opened.
    pub head: Head,
    /// Whether a day or more since the last entry is in order.
    pub accept_gap: bool,
    /// Whether the log goes on.
    pub end: End,
    /// Whether somebody follows what becomes durable.
    pub followed: bool,
}

/// The writer's threads, and what they say of themselves.
#[derive(Debug)]
pub struct Sequencer {
    /// Where requests go in.
    pub queue: Queue,
    /// The last durable entry, after every batch.
    pub head: watch::Receiver<Head>,
    /// Whether it still writes.
    pub health: watch::Receiver<Health>,
    /// Stops it from outside.
    pub stopper: Stopper,
    /// What it has committed.
    pub commits: Commits,
    /// For entries of the service's own.
    pub turns: Turns,
    /// Every batch of entries that became durable, in order, where [`Parts::followed`] is set.
    pub followed: Option<Receiver<Arc<Vec<Bytes>>>>,
    threads: [thread::JoinHandle<()>; 2],
}

impl Sequencer {
    /// Starts the writer.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(parts: Parts, limits: Limits) -> std::io::Result<Self> {
        let (head_sender, head) = watch::channel(parts.head);
        let (health_sender, health) = watch::channel(Health::Writing);
        let (queue, jobs) = queue::queue(limits, health.clone());
        let stopper = Stopper { health: health_sender.clone() };
        // One commit at a time: the planner waits for what came of it before it hands the next over.
        let (commits, to_commit) = crossbeam_channel::bounded(1);
        let (done, dones) = crossbeam_channel::bounded(1);
        let (turns, own) = crossbeam_channel::unbounded();
        let (follow, followed) = if parts.followed {
            let (follow, followed) = crossbeam_channel::unbounded();
            (Some(follow), Some(followed))
        } else {
            (None, None)
        };
        let committer = commit::Committer {
            store: Arc::clone(&parts.store),
            index: Arc::clone(&parts.index),
            keys: Arc::clone(&parts.keys),
            published: head_sender,
            health: health_sender.clone(),
            commits: Commits::new(),
            followed: follow,
        };
        let counted = committer.commits.clone();
        let committing =
            thread::Builder::new().name("committer".to_owned()).spawn(move || committer.run(&to_commit, &done))?;
        let mut writer = turn::Writer::new(parts, health_sender, commits, dones);
        let planning = thread::Builder::new().name("sequencer".to_owned()).spawn(move || writer.run(&jobs, &own))?;
        let turns = Turns(turns);
        let threads = [planning, committing];
        Ok(Self { queue, head, health, stopper, commits: counted, turns, followed, threads })
    }

    /// Takes no more requests, finishes those that are queued, and ends the thread. Of a writer that may be lost, only
    /// the process's end is the end.
    pub fn stop(self) {
        self.queue.close();
        drop(self.queue);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the writer had stopped by itself");
            }
        }
    }
}

#[cfg(test)]
mod tests;
