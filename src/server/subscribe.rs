//! Subscriptions: catch up, then live. They are pulled by the receiver: nothing waits in memory for a slow one, and
//! nothing is dropped.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::access::Caller;
use crate::ledger::Head;
use crate::proto::v1;
use crate::proto::v1::subscribe_response::Event;
use crate::sequencer::AppendError;
use crate::server::errors::Reason;
use crate::server::errors::of_append;
use crate::server::read::Reading;
use crate::service::Reader;

/// How often a subscription says that it lives.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);

type Sender = mpsc::Sender<Result<v1::SubscribeResponse, Status>>;

/// A subscription under way.
#[derive(Debug)]
pub(super) struct Following {
    reader: Reader,
    request: v1::SubscribeRequest,
    caller: Caller,
    /// Everything before this position was looked at.
    next: u64,
}

/// The client has gone, or the service ends.
struct Over;

impl Following {
    /// Begins a subscription.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT, naming the field.
    pub(super) fn begin(reader: Reader, request: v1::SubscribeRequest, caller: Caller) -> Result<Self, Status> {
        let next = request.after.map_or(0, |after| after.saturating_add(1));
        Reading::begin(reader.clone(), finite(&request, next), caller.clone())?;
        Ok(Self { reader, request, caller, next })
    }

    /// Sends until the client goes away or the service ends.
    pub(super) async fn run(mut self, mut head: watch::Receiver<Head>, stop: CancellationToken, sender: Sender) {
        let ended = tokio::select! {
            () = stop.cancelled() => true,
            Over = self.follow(&mut head, &sender) => false,
        };
        if ended {
            drop(sender.send(Err(of_append(&AppendError::Ending))).await);
        }
    }

    async fn follow(&mut self, head: &mut watch::Receiver<Head>, sender: &Sender) -> Over {
        let mut live = false;
        loop {
            // Marked as seen before the read: what is recorded meanwhile wakes the next round.
            let size = head.borrow_and_update().size;
            if self.next < size {
                live = false;
                if let Err(over) = self.catch_up(sender).await {
                    return over;
                }
                continue;
            }
            let event = if live {
                match tokio::time::timeout(HEARTBEAT_EVERY, head.changed()).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(_)) => return Over,
                    Err(_) => Event::Heartbeat(v1::Heartbeat {}),
                }
            } else {
                live = true;
                Event::CaughtUp(v1::CaughtUp {})
            };
            if self.send(sender, event).await.is_err() {
                return Over;
            }
        }
    }

    /// Sends what is recorded now.
    async fn catch_up(&mut self, sender: &Sender) -> Result<(), Over> {
        let request = finite(&self.request, self.next);
        let end = self.reader.log_size();
        let mut reading = match Reading::begin(self.reader.clone(), request, self.caller.clone()) {
            Ok(reading) => reading,
            Err(status) => return self.fail(sender, status).await,
        };
        loop {
            let step = tokio::task::spawn_blocking(move || {
                let message = reading.next_message();
                (reading, message)
            });
            let Ok((back, message)) = step.await else {
                let status = Reason::StoreUnreadable.status("the read stopped", &[]);
                return self.fail(sender, status).await;
            };
            reading = back;
            match message {
                Err(status) => return self.fail(sender, status).await,
                Ok(None) => break,
                Ok(Some(message)) => {
                    let last = message.entries.last().map_or(self.next, |entry| entry.position + 1);
                    self.next = last;
                    let batch = v1::EntryBatch { entries: message.entries };
                    self.send(sender, Event::Entries(batch)).await?;
                }
            }
        }
        // Everything up to the pinned end was looked at, whether it matched or not.
        self.next = self.next.max(end);
        Ok(())
    }

    async fn send(&self, sender: &Sender, event: Event) -> Result<(), Over> {
        let message = v1::SubscribeResponse { scanned_position: self.next.checked_sub(1), event: Some(event) };
        sender.send(Ok(message)).await.map_err(|_| Over)
    }

    async fn fail(&self, sender: &Sender, status: Status) -> Result<(), Over> {
        drop(sender.send(Err(status)).await);
        Err(Over)
    }
}

fn finite(request: &v1::SubscribeRequest, from: u64) -> v1::ReadEntriesRequest {
    v1::ReadEntriesRequest {
        history: request.history.clone(),
        from: Some(from),
        direction: v1::Direction::Forward.into(),
        view: request.view,
        limit: 0,
    }
}
