//! Keeping a schedule: each due time has its export once, whatever happens between.
//!
//! What was done is remembered nowhere but at the destination: the export of a due time lies in a folder of that name,
//! and is done when its manifest is there. A kill before that leaves a folder without a manifest, which is removed when
//! the export is begun again; a kill after it leaves a whole export, and nothing is left to be done. There is no second
//! record of it that could say otherwise.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::delivery::destination::Destination;
use crate::delivery::destination::DestinationError;
use crate::delivery::make::MakeError;
use crate::delivery::make::Progress;
use crate::delivery::make::make;
use crate::delivery::make::position_at;
use crate::delivery::schedule::compact;
use crate::delivery::settings::Kind;
use crate::delivery::settings::Missed;
use crate::delivery::settings::Planned;
use crate::export::Manifest;
use crate::export::Since;
use crate::export::Wanted;
use crate::service::Reader;

/// How long after its time an export is begun: what was recorded by then is durable by now.
const SETTLED_MS: u64 = 2_000;

/// The first time after a failure, then twice as long, up to the longest.
const RETRY_MS: u64 = 10_000;
const RETRY_MS_MAX: u64 = 3_600_000;

/// The clock is looked at so often, since somebody may set it.
const LOOK_EVERY_MS: u64 = 30_000;

/// Who makes exports, and with what.
#[derive(Clone, Debug)]
pub struct Maker {
    /// The log.
    pub reader: Reader,
    /// Where exports lie while they are made.
    pub spool: PathBuf,
    /// Free bytes of the disk that are kept for the log.
    pub reserve_bytes: u64,
    /// One export at a time: each reads the whole log.
    pub slot: Arc<Semaphore>,
    /// What was done.
    pub figures: Arc<Figures>,
}

/// What was done since the service began.
#[derive(Debug, Default)]
pub struct Figures {
    /// Exports that came to their end.
    pub done: AtomicU64,
    /// Tries that did not.
    pub failed: AtomicU64,
    /// Those that somebody cancelled.
    pub cancelled: AtomicU64,
    /// When the oldest is due that is not done, by place in the settings; 0: none is.
    waiting: Vec<AtomicU64>,
}

impl Figures {
    /// For so many schedules.
    pub fn of(schedules: usize) -> Self {
        Self { waiting: (0..schedules).map(|_| AtomicU64::new(0)).collect(), ..Self::default() }
    }

    /// For how long the oldest export has been due that is not done, milliseconds.
    pub fn late_ms(&self, now_ms: u64) -> u64 {
        let waiting = self.waiting.iter().map(|due_ms| due_ms.load(Ordering::Relaxed)).filter(|due_ms| *due_ms > 0);
        waiting.min().map_or(0, |due_ms| now_ms.saturating_sub(due_ms))
    }
}

/// Why a due export is not there yet.
#[derive(Debug, Error)]
pub enum KeepError {
    /// The destination.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// The export.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// The export before is one that this one cannot follow.
    #[error("the export of {before} {what}")]
    Before {
        /// Of which due time.
        before: String,
        /// Why.
        what: &'static str,
    },
    /// A thread of ours stopped.
    #[error("the export stopped: {0}")]
    Stopped(String),
}

/// What came of looking at a schedule.
#[derive(Debug)]
pub enum Turn {
    /// Nothing is due before this moment; `None`: nothing will ever be.
    Idle(Option<u64>),
    /// The export of this due time is there now.
    Done(u64),
    /// It is not, and is tried again.
    Failed(KeepError),
}

/// Keeps one schedule.
#[derive(Debug)]
pub struct Keeper {
    planned: Planned,
    /// In the settings.
    number: usize,
    maker: Maker,
    destination: Option<Destination>,
    /// Everything that was due up to here is done.
    done_upto_ms: Option<u64>,
    /// The last export that is there, where one is known.
    last: Option<(u64, Manifest)>,
    failures: u32,
    progress: Arc<Progress>,
}

impl Keeper {
    /// Keeps the schedule with this place in the settings.
    pub fn new(planned: Planned, number: usize, maker: Maker) -> Self {
        let progress = Arc::default();
        let (destination, done_upto_ms, last, failures) = (None, None, None, 0);
        Self { planned, number, maker, destination, done_upto_ms, last, failures, progress }
    }

    /// Keeps it until `stop`. What is under way then is begun again by the next start.
    pub async fn keep(mut self, clock: Clock, stop: CancellationToken) {
        let progress = Arc::clone(&self.progress);
        let keeping = async {
            loop {
                let wait_ms = match self.turn(clock.unix_ms()).await {
                    Turn::Done(_) => 0,
                    Turn::Failed(_) => self.retry_ms(),
                    Turn::Idle(next) => {
                        next.map_or(LOOK_EVERY_MS, |next| next.saturating_sub(clock.unix_ms()).min(LOOK_EVERY_MS))
                    }
                };
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => progress.cancel(),
            () = keeping => {}
        }
    }

    /// How long to wait after as many failures as there were without a success.
    pub fn retry_ms(&self) -> u64 {
        RETRY_MS.saturating_mul(1 << self.failures.saturating_sub(1).min(16)).min(RETRY_MS_MAX)
    }

    /// Looks what is due, and makes the oldest of it.
    pub async fn turn(&mut self, now_ms: u64) -> Turn {
        let figures = Arc::clone(&self.maker.figures);
        let name = self.planned.name.clone();
        let mut due = None;
        let turned = self.try_turn(now_ms, &mut due).await;
        let waiting = &figures.waiting[self.number];
        match turned {
            Ok(Turn::Done(due_ms)) => {
                self.failures = 0;
                waiting.store(0, Ordering::Relaxed);
                figures.done.fetch_add(1, Ordering::Relaxed);
                tracing::info!(export = name, due = compact(due_ms), "exported");
                Turn::Done(due_ms)
            }
            Ok(turn) => {
                self.failures = 0;
                waiting.store(0, Ordering::Relaxed);
                turn
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                // Where it is not even known what is due, the first failure is what it is late from.
                let known = waiting.load(Ordering::Relaxed);
                waiting.store(due.unwrap_or(if known == 0 { now_ms } else { known }), Ordering::Relaxed);
                figures.failed.fetch_add(1, Ordering::Relaxed);
                let due = due.map(compact);
                tracing::error!(export = name, due, %error, retry_in_ms = self.retry_ms(), "an export failed");
                Turn::Failed(error)
            }
        }
    }

    async fn try_turn(&mut self, now_ms: u64, due: &mut Option<u64>) -> Result<Turn, KeepError> {
        let destination = match &self.destination {
            Some(destination) => destination.clone(),
            None => self.destination.insert(Destination::open(&self.planned.destination)?).clone(),
        };
        let done_upto_ms = if let Some(done_upto_ms) = self.done_upto_ms {
            done_upto_ms
        } else {
            let found = self.find_done(&destination, now_ms).await?;
            *self.done_upto_ms.insert(found)
        };
        let schedule = &self.planned.schedule;
        let settled_ms = now_ms.saturating_sub(SETTLED_MS);
        let next = match self.planned.missed {
            Missed::Each => schedule.next_after(done_upto_ms),
            Missed::Last => {
                let last = schedule.last_upto(settled_ms).filter(|last| *last > done_upto_ms);
                last.or_else(|| schedule.next_after(done_upto_ms))
            }
        };
        let Some(due_ms) = next else { return Ok(Turn::Idle(None)) };
        if due_ms > settled_ms {
            return Ok(Turn::Idle(Some(due_ms + SETTLED_MS)));
        }
        *due = Some(due_ms);
        let manifest = match destination.manifest(&self.planned.name, &compact(due_ms)).await? {
            Some(manifest) => manifest,
            None => self.export(&destination, due_ms).await?,
        };
        self.done_upto_ms = Some(due_ms);
        self.last = Some((due_ms, manifest));
        Ok(Turn::Done(due_ms))
    }

    /// Up to when everything is done: the last due time with a whole export, or when the schedule began.
    async fn find_done(&mut self, destination: &Destination, now_ms: u64) -> Result<u64, KeepError> {
        for due_ms in destination.due_times(&self.planned.name).await?.into_iter().rev() {
            if let Some(manifest) = destination.manifest(&self.planned.name, &compact(due_ms)).await? {
                self.last = Some((due_ms, manifest));
                return Ok(due_ms);
            }
        }
        Ok(destination.begun(&self.planned.name, now_ms).await?)
    }

    async fn export(&self, destination: &Destination, due_ms: u64) -> Result<Manifest, KeepError> {
        let (name, export) = (&self.planned.name, compact(due_ms));
        let slot = Arc::clone(&self.maker.slot).acquire_owned().await;
        let _slot = slot.map_err(|error| KeepError::Stopped(error.to_string()))?;
        let since = self.since()?;
        let folder = self.maker.spool.join(name);
        let mut manifest = self.make(due_ms, since, folder.clone()).await?;
        if let Some((before_ms, before)) = self.last.as_ref().filter(|(_, before)| before.origin != manifest.origin) {
            tracing::error!(export = name, theirs = before.origin, "the destination is another log's");
            return Err(KeepError::Before { before: compact(*before_ms), what: "is of another log" });
        }
        if !destination.deliver(name, &export, &folder, &mut manifest).await? {
            // It was put by a try that was told of a failure, or by somebody who must not be there.
            let there = destination.manifest(name, &export).await?;
            if there.as_ref() != Some(&manifest) {
                return Err(KeepError::Before { before: export, what: "was put there by somebody else meanwhile" });
            }
        }
        drop(tokio::fs::remove_dir_all(&folder).await);
        Ok(manifest)
    }

    /// What to go on from; `None` for a full export.
    fn since(&self) -> Result<Option<Since>, KeepError> {
        let Some((before_ms, before)) = self.last.as_ref().filter(|_| self.planned.kind == Kind::Incremental) else {
            return Ok(None);
        };
        match Since::after(before, &self.planned.name, &self.planned.profile) {
            Ok(since) => Ok(Some(since)),
            Err(_) if before.name == self.planned.name => {
                tracing::info!(export = self.planned.name, "the profile is another: everything is exported once");
                Ok(None)
            }
            Err(what) => Err(KeepError::Before { before: compact(*before_ms), what }),
        }
    }

    /// Makes the export as the log was when it was due, so that it is the same whenever it is made.
    async fn make(&self, due_ms: u64, since: Option<Since>, folder: PathBuf) -> Result<Manifest, KeepError> {
        let (planned, maker) = (self.planned.clone(), self.maker.clone());
        let progress = Arc::clone(&self.progress);
        let made = tokio::task::spawn_blocking(move || {
            let position = position_at(&maker.reader, due_ms)?;
            let wanted = Wanted {
                // Before the first entry there is nothing but the promise of it.
                position: position.unwrap_or(0),
                as_of: planned.schedule.day(due_ms),
                formats: planned.formats,
                entries: planned.entries,
                name: planned.name,
                profile: planned.profile,
                since,
            };
            make(&maker.reader, &wanted, &folder, maker.reserve_bytes, &progress)
        });
        Ok(made.await.map_err(|error| KeepError::Stopped(error.to_string()))??)
    }
}
