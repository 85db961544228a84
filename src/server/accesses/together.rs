//! Records that wait together. While some become durable, those that come meanwhile are gathered, and go into the log as one
//! request: a read costs a share of a commit. Each call keeps an entry of its own all the same: in one that spoke of several,
//! whoever proves who read his record would hold the keys of the others.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::events::Event;
use crate::ledger::Proposed;
use crate::ledger::Request;
use crate::ledger::prepare;
use crate::log::EVENTS_PER_REQUEST_MAX;
use crate::sequencer::AppendError;
use crate::sequencer::Queue;
use crate::sequencer::Recorded;
use crate::server::accesses::SYSTEM;
use crate::service::KeyVault;

/// Calls that wait to be gathered; further ones wait before that.
const GATHERED_MAX: usize = 1024;

/// Groups that are not durable while the next is gathered: one is written, one is planned above it.
const IN_FLIGHT: usize = 2;

/// Calls of a group behind which the next one waits for company. With fewer, nobody waits.
const MANY: usize = 8;

/// How long it waits: less than a commit takes. Measured at 64 callers: 7 % more reads than without.
const GATHER: Duration = Duration::from_millis(1);

/// Whoever wants to record something of a call.
#[derive(Debug)]
struct Told {
    events: Vec<Event>,
    answer: oneshot::Sender<Result<(), AppendError>>,
}

/// Where records are gathered.
#[derive(Clone, Debug)]
pub(super) struct Together(mpsc::Sender<Told>);

impl Together {
    /// Begins to gather for a log, until whoever could record something is gone.
    pub(super) fn begin(queue: Queue, vault: KeyVault) -> Self {
        let (sender, mut told) = mpsc::channel(GATHERED_MAX);
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
        tokio::spawn(async move {
            let mut last = 0;
            while let Ok(flight) = Arc::clone(&in_flight).acquire_owned().await {
                let mut gathered = Vec::new();
                if told.recv_many(&mut gathered, GATHERED_MAX).await == 0 {
                    return;
                }
                if last >= MANY {
                    tokio::time::sleep(GATHER).await;
                    gathered.extend(std::iter::from_fn(|| told.try_recv().ok()).take(GATHERED_MAX));
                }
                last = gathered.len();
                let (queue, vault) = (queue.clone(), vault.clone());
                tokio::spawn(async move {
                    for some in requests_of(gathered) {
                        record(&queue, &vault, some).await;
                    }
                    drop(flight);
                });
            }
        });
        Self(sender)
    }

    /// Records events of one call, 1 to 1,000; when it returns, they are durable.
    ///
    /// # Errors
    ///
    /// As of every append.
    pub(super) async fn record(&self, events: Vec<Event>) -> Result<(), AppendError> {
        let (answer, recorded) = oneshot::channel();
        self.0.send(Told { events, answer }).await.map_err(|_| AppendError::Ending)?;
        recorded.await.unwrap_or(Err(AppendError::OutcomeUnknown))
    }
}

/// Those of one request, as many as it may have; the events of a call stay together.
fn requests_of(gathered: Vec<Told>) -> Vec<Vec<Told>> {
    let (mut requests, mut events) = (Vec::<Vec<Told>>::new(), usize::from(EVENTS_PER_REQUEST_MAX));
    for told in gathered {
        events += told.events.len();
        if let Some(last) = requests.last_mut().filter(|_| events <= usize::from(EVENTS_PER_REQUEST_MAX)) {
            last.push(told);
        } else {
            events = told.events.len();
            requests.push(vec![told]);
        }
    }
    requests
}

/// Records what was gathered, all or nothing. Where something of it is refused, each call is for itself: nobody pays for
/// another's.
async fn record(queue: &Queue, vault: &KeyVault, gathered: Vec<Told>) {
    let events = gathered.iter().flat_map(|told| &told.events);
    let outcome = append(queue, vault, events).await.map(drop);
    if matches!(outcome, Err(AppendError::Refused(_))) && gathered.len() > 1 {
        for Told { events, answer } in gathered {
            let outcome = append(queue, vault, &events).await.map(drop);
            // Whoever went away gets no answer.
            drop(answer.send(outcome));
        }
        return;
    }
    for told in gathered {
        drop(told.answer.send(outcome.clone()));
    }
}

/// Records events of the service's own as one request.
///
/// # Errors
///
/// As of every append.
pub(super) async fn append(
    queue: &Queue,
    vault: &KeyVault,
    events: impl IntoIterator<Item = &Event>,
) -> Result<Recorded, AppendError> {
    let proposed = |event: &Event| Proposed::plain(event.event_type(), event.encode().into());
    let events = events.into_iter().map(proposed).collect();
    // Nobody repeats it.
    let request = Request { principal: SYSTEM.to_owned(), request_id: random_id(), events, conditions: Vec::new() };
    let answer = queue.submit(prepare(request, vault)?).await?;
    queue.answered(answer).await
}

/// An id that nobody else draws.
pub(super) fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    rand::rng().fill_bytes(&mut id);
    id
}

#[cfg(test)]
mod tests;
