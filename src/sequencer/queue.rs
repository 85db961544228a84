//! The bounded queue before the writer: so many requests, so many bytes, never unbounded memory.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tracing::Span;

use crate::domain::Detail;
use crate::domain::Rejection;
use crate::domain::Rule;
use crate::events::EventType;
use crate::ledger::Prepared;
use crate::ledger::Refusal;
use crate::sequencer::AppendError;
use crate::sequencer::Health;
use crate::sequencer::Recorded;

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests.
    pub requests_max: u32,
    /// Bytes, as [`Prepared::len_bytes`] counts them.
    pub bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_max: 8192, bytes_max: 64 << 20 }
    }
}

/// What a log is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogOf {
    /// Persons and matters.
    #[default]
    Matters,
    /// Reads of those.
    Accesses,
}

impl LogOf {
    const fn takes(self, event_type: EventType) -> bool {
        let access = matches!(event_type, EventType::AccessRecorded | EventType::EmergencyReviewed);
        matches!(self, Self::Accesses) == access
    }
}

/// How full the queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Requests that are not answered yet, those of the commit under way included.
    pub requests: u64,
    /// How many may be.
    pub requests_max: u64,
    /// Their bytes, in whole KiB for each.
    pub bytes: u64,
    /// How many may be.
    pub bytes_max: u64,
}

/// What comes back when the request is durable or refused.
pub type Answer = oneshot::Receiver<Result<Recorded, AppendError>>;

/// Room of the queue: for a request, and for its bytes.
pub(super) type Places = [OwnedSemaphorePermit; 2];

/// A request that waits.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Prepared,
    /// On the monotonic clock of the service; past it the request gets no place.
    pub(super) deadline_ms: Option<u64>,
    pub(super) answer: oneshot::Sender<Result<Recorded, AppendError>>,
    /// Of the call that it came in, where spans are wanted.
    pub(super) span: Span,
    /// In the queue's room, until it is answered.
    pub(super) places: Places,
}

/// Where requests go in.
#[derive(Clone, Debug)]
pub struct Queue {
    sender: Sender<Job>,
    requests: Arc<Semaphore>,
    requests_max: u32,
    /// One permit a kibibyte.
    kibibytes: Arc<Semaphore>,
    kibibytes_max: u32,
    /// Of the writer behind it.
    health: watch::Receiver<Health>,
    /// Of what the log behind it is.
    log: LogOf,
}

pub(super) fn queue(limits: Limits, health: watch::Receiver<Health>) -> (Queue, Receiver<Job>) {
    let (sender, jobs) = crossbeam_channel::unbounded();
    let kibibytes_max = u32::try_from(limits.bytes_max / 1024).unwrap_or(u32::MAX).max(1);
    let queue = Queue {
        sender,
        requests: Arc::new(Semaphore::new(limits.requests_max as usize)),
        requests_max: limits.requests_max,
        kibibytes: Arc::new(Semaphore::new(kibibytes_max as usize)),
        kibibytes_max,
        health,
        log: LogOf::default(),
    };
    (queue, jobs)
}

impl Queue {
    /// Queues a request, or says at once that there is no room. Whoever drops the answer cancels nothing that has a
    /// place.
    ///
    /// # Errors
    ///
    /// [`AppendError::QueueFull`], [`AppendError::Stopped`] or [`AppendError::Ending`]; nothing was written.
    pub fn try_submit(&self, request: Prepared, deadline_ms: Option<u64>) -> Result<Answer, AppendError> {
        let full = |error| match error {
            tokio::sync::TryAcquireError::Closed => AppendError::Ending,
            tokio::sync::TryAcquireError::NoPermits => AppendError::QueueFull,
        };
        self.check_writing()?;
        self.check_log(&request)?;
        let place = Arc::clone(&self.requests).try_acquire_owned().map_err(full)?;
        let room = Arc::clone(&self.kibibytes).try_acquire_many_owned(self.room(&request)).map_err(full)?;
        self.send(request, deadline_ms, [place, room])
    }

    /// Queues a request as soon as there is room: how back-pressure reaches a stream.
    ///
    /// # Errors
    ///
    /// [`AppendError::Stopped`] or [`AppendError::Ending`]; nothing was written.
    pub async fn submit(&self, request: Prepared) -> Result<Answer, AppendError> {
        self.check_writing()?;
        self.check_log(&request)?;
        let ending = |_| AppendError::Ending;
        let places = async {
            let place = Arc::clone(&self.requests).acquire_owned().await.map_err(ending)?;
            let room = Arc::clone(&self.kibibytes).acquire_many_owned(self.room(&request)).await.map_err(ending)?;
            Ok::<_, AppendError>([place, room])
        };
        let places = tokio::select! {
            biased;
            places = places => places?,
            // Whoever stands before it may keep its place for ever.
            () = self.lost() => return Err(AppendError::Stopped),
        };
        self.send(request, None, places)
    }

    /// Waits for the writer. Whoever stops waiting cancels nothing.
    ///
    /// # Errors
    ///
    /// The request is not in the log, or it is not known whether it is.
    pub async fn answered(&self, answer: Answer) -> Result<Recorded, AppendError> {
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or(Err(AppendError::OutcomeUnknown)),
            () = self.lost() => Err(AppendError::OutcomeUnknown),
        }
    }

    /// How full it is now.
    pub fn waiting(&self) -> Waiting {
        let taken = |max: u32, left: usize| u64::from(max).saturating_sub(left as u64);
        Waiting {
            requests: taken(self.requests_max, self.requests.available_permits()),
            requests_max: self.requests_max.into(),
            bytes: taken(self.kibibytes_max, self.kibibytes.available_permits()) * 1024,
            bytes_max: u64::from(self.kibibytes_max) * 1024,
        }
    }

    /// The same queue, of another kind of log.
    #[must_use]
    pub fn of(self, log: LogOf) -> Self {
        Self { log, ..self }
    }

    /// Refuses what stands in another log.
    fn check_log(&self, request: &Prepared) -> Result<(), AppendError> {
        for (number, event) in (0..).zip(&request.events) {
            let event_type = event.event.event_type();
            if !self.log.takes(event_type) {
                let rejection = Rejection::new(Rule::NotInThisLog, "", Detail::Nothing);
                return Err(Refusal::Rule { number, event_type, rejection }.into());
            }
        }
        Ok(())
    }

    /// Refuses at once what a writer that has stopped would refuse, or never come to.
    fn check_writing(&self) -> Result<(), AppendError> {
        if *self.health.borrow() == Health::Writing { Ok(()) } else { Err(AppendError::Stopped) }
    }

    /// Waits until the writer is lost; for ever where it ends in order.
    async fn lost(&self) {
        let mut health = self.health.clone();
        if health.wait_for(|health| matches!(health, Health::Lost { .. })).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        self.requests.close();
        self.kibibytes.close();
    }

    fn room(&self, request: &Prepared) -> u32 {
        u32::try_from(request.len_bytes / 1024 + 1).unwrap_or(u32::MAX).min(self.kibibytes_max)
    }

    fn send(&self, request: Prepared, deadline_ms: Option<u64>, places: Places) -> Result<Answer, AppendError> {
        let (answer, receiver) = oneshot::channel();
        let span = if tracing::enabled!(tracing::Level::DEBUG) { Span::current() } else { Span::none() };
        let job = Job { request, deadline_ms, answer, span, places };
        self.sender.send(job).map_err(|_| AppendError::Ending)?;
        Ok(receiver)
    }
}
