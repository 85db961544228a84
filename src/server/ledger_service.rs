//! `LedgerService`: appending to the log, and reading it as it is.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::Response;
use tonic::Status;
use tonic::Streaming;
use tracing::Instrument as _;

use crate::access::Action;
use crate::access::Caller;
use crate::ledger::Prepared;
use crate::ledger::Refusal;
use crate::ledger::Unchecked;
use crate::ledger::prepare;
use crate::log::Name;
use crate::proto::v1;
use crate::proto::v1::append_stream_response::Result as StreamResult;
use crate::sequencer::Answer;
use crate::sequencer::AppendError;
use crate::server::acknowledged;
use crate::server::acknowledged::Level;
use crate::server::acknowledged::Patience;
use crate::server::appends::Appends;
use crate::server::appends::Begun;
use crate::server::calls::timeout;
use crate::server::codec::Streamed;
use crate::server::convert;
use crate::server::errors::Reason;
use crate::server::errors::field_invalid;
use crate::server::errors::of_append;
use crate::server::errors::of_index;
use crate::server::errors::of_refusal;
use crate::server::gate;
use crate::server::read;
use crate::server::services::ledger_service_server::LedgerService;
use crate::server::sight::Sight;
use crate::server::subscribe;
use crate::server::unread;
use crate::server::writes::Writes;
use crate::service::Reader;
use crate::service::Service;

/// Appends of one stream that wait for their commit.
const IN_FLIGHT_MAX: usize = 64;

/// Messages of a stream that wait for the client to read them.
const MESSAGES_WAITING: usize = 2;

/// An append that waits for its commit.
struct Queued {
    answer: Answer,
    level: Level,
    unchecked: Vec<Unchecked>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service over one log.
#[derive(Clone, Debug)]
pub struct Ledger {
    service: Arc<Service>,
    appends: Arc<Appends>,
    stop: CancellationToken,
}

impl Ledger {
    /// Over a log; its streams end when `stop` is cancelled.
    pub(super) const fn new(service: Arc<Service>, appends: Arc<Appends>, stop: CancellationToken) -> Self {
        Self { service, appends, stop }
    }

    fn prepare(&self, append: v1::AppendRequest, writes: &mut Writes) -> Result<Prepared, Status> {
        let _entered = tracing::debug_span!("prepare", events = append.events.len()).entered();
        let request = convert::request(append, writes.principal())?;
        writes.check(&request, self.service.reader())?;
        prepare(request, self.service.vault()).map_err(|refusal| of_refusal(&refusal))
    }

    async fn append_one(&self, request: Request<v1::AppendRequest>) -> Result<v1::AppendResponse, Status> {
        let clock = self.service.clock();
        let timeout = timeout(&request);
        let deadline_ms = timeout
            .map(|timeout| clock.monotonic_ms().saturating_add(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)));
        let patience = Patience::of(timeout);
        let caller = gate::caller(request.extensions())?;
        let mut writes = Writes::of(caller.clone());
        let append = request.into_inner();
        let level = Level::of(append.acknowledgement, self.service.proofs())?;
        let prepared = self.prepare(append, &mut writes)?;
        let unchecked = prepared.unchecked.clone();
        let answer = self.service.queue().try_submit(prepared, deadline_ms).map_err(|error| of_append(&error))?;
        self.answered(Queued { answer, level, unchecked }, patience, caller).await
    }

    /// Waits for the writer, and then for as much as was asked. Whoever stops waiting cancels nothing.
    async fn answered(&self, queued: Queued, patience: Patience, caller: Caller) -> Result<v1::AppendResponse, Status> {
        let Queued { answer, level, unchecked } = queued;
        let recorded = self.service.queue().answered(answer).await;
        let recorded = recorded.map_err(|error| of_append(&told(error, caller, self.service.reader())))?;
        Ok(acknowledged::complete(&self.service, convert::receipt(recorded, &unchecked), level, patience, &self.stop)
            .await)
    }
}

#[tonic::async_trait]
impl LedgerService for Ledger {
    async fn append(&self, request: Request<v1::AppendRequest>) -> Result<Response<v1::AppendResponse>, Status> {
        let begun = self.appends.begin();
        let answer = self.append_one(request).await;
        begun.leaves(&answer);
        answer.map(Response::new)
    }

    type AppendStreamStream = Answers<v1::AppendStreamResponse>;

    async fn append_stream(
        &self,
        request: Request<Streaming<Streamed>>,
    ) -> Result<Response<Self::AppendStreamStream>, Status> {
        let timeout = timeout(&request);
        // One deadline for all of its messages.
        let patience = Patience::of(timeout);
        let caller = gate::caller(request.extensions())?;
        let mut writes = Writes::of(caller.clone());
        let mut requests = request.into_inner();
        let (sender, receiver) = mpsc::channel::<Result<(Begun, Result<Queued, Status>), Status>>(IN_FLIGHT_MAX);
        let ledger = self.clone();
        let reading = async move {
            loop {
                let next = tokio::select! {
                    next = requests.message() => next.map_err(unread::of_stream),
                    () = ledger.stop.cancelled() => Err(of_append(&AppendError::Ending)),
                };
                let step = match next {
                    Ok(None) => return,
                    Ok(Some(message)) => {
                        let begun = ledger.appends.begin();
                        Ok((begun, ledger.queue(message, &mut writes).await))
                    }
                    Err(status) => Err(status),
                };
                let ends = step.is_err();
                // When the client goes away, what is queued keeps its place.
                if sender.send(step).await.is_err() || ends {
                    return;
                }
            }
        };
        tokio::spawn(reading.in_current_span());
        let ledger = self.clone();
        let answers = ReceiverStream::new(receiver).then(move |step| {
            let (ledger, caller) = (ledger.clone(), caller.clone());
            async move {
                let (begun, queued) = step?;
                let result = match queued {
                    Ok(queued) => ledger.answered(queued, patience, caller).await,
                    Err(refusal) => Err(refusal),
                };
                begun.ended(&result);
                let result = match result {
                    Ok(receipt) => StreamResult::Receipt(receipt),
                    Err(status) => StreamResult::Refusal(refusal(&status)),
                };
                Ok(v1::AppendStreamResponse { result: Some(result) })
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_entry(&self, request: Request<v1::GetEntryRequest>) -> Result<Response<v1::GetEntryResponse>, Status> {
        let mut sight = Sight::new(gate::caller(request.extensions())?, u64::MAX);
        let request = request.into_inner();
        sight.caller().note(&format!("position/{}", request.position));
        let full = read::is_full(request.view)?;
        let reader = self.service.reader();
        let entry = reader.entry(request.position).map_err(|error| of_index(&error))?;
        let entry = match entry {
            Some(entry) if read::sees(&mut sight, reader, &entry)? => {
                read::note_shown(sight.caller(), &entry);
                Some(entry)
            }
            Some(_) | None => None,
        };
        let entry = entry.ok_or_else(|| {
            let metadata = [("position", request.position.to_string()), ("head", (reader.log_size() - 1).to_string())];
            Reason::EntryNotFound.status("no entry has this position", &metadata)
        })?;
        Ok(Response::new(v1::GetEntryResponse { entry: Some(convert::entry(entry, full)) }))
    }

    type ReadEntriesStream = Answers<v1::ReadEntriesResponse>;

    async fn read_entries(
        &self,
        request: Request<v1::ReadEntriesRequest>,
    ) -> Result<Response<Self::ReadEntriesStream>, Status> {
        let caller = gate::caller(request.extensions())?;
        let mut reading = read::Reading::begin(self.service.reader().clone(), request.into_inner(), caller)?;
        let (sender, receiver) = mpsc::channel(MESSAGES_WAITING);
        let stop = self.stop.clone();
        tokio::task::spawn_blocking(move || {
            while let Some(message) = reading.next_message().transpose() {
                // Said, since a stream that just ends would look like the end of the log.
                let message = if stop.is_cancelled() { Err(of_append(&AppendError::Ending)) } else { message };
                let ends = message.is_err();
                if sender.blocking_send(message).is_err() || ends {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    type SubscribeStream = Answers<v1::SubscribeResponse>;

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let caller = gate::caller(request.extensions())?;
        let following = subscribe::Following::begin(self.service.reader().clone(), request.into_inner(), caller)?;
        let (sender, receiver) = mpsc::channel(MESSAGES_WAITING);
        tokio::spawn(following.run(self.service.head(), self.stop.clone(), sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn get_head(&self, _: Request<v1::GetHeadRequest>) -> Result<Response<v1::GetHeadResponse>, Status> {
        let head = *self.service.head().borrow();
        Ok(Response::new(v1::GetHeadResponse {
            position: head.size - 1,
            leaf_hash: head.leaf_hash.as_bytes().to_vec().into(),
            recorded_at: Some(convert::timestamp(head.recorded_at_ms)),
            origin: crate::ledger::Vault::origin(self.service.vault()).to_owned(),
        }))
    }

    async fn resolve_position(
        &self,
        request: Request<v1::ResolvePositionRequest>,
    ) -> Result<Response<v1::ResolvePositionResponse>, Status> {
        let time = request.into_inner().time.ok_or_else(|| field_invalid("time", "REQUIRED", "must be set"))?;
        let unix_ms = convert::unix_ms(&time, "time")?;
        if unix_ms > self.service.clock().unix_ms() {
            return Err(field_invalid("time", "IN_FUTURE", "must not be in the future"));
        }
        let position = self.service.reader().position_at(unix_ms).map_err(|error| of_index(&error))?;
        Ok(Response::new(v1::ResolvePositionResponse { position }))
    }
}

impl Ledger {
    async fn queue(&self, Streamed(message): Streamed, writes: &mut Writes) -> Result<Queued, Status> {
        let append = message?.append.ok_or_else(|| field_invalid("append", "REQUIRED", "must be set"))?;
        let level = Level::of(append.acknowledgement, self.service.proofs())?;
        let prepared = self.prepare(append, writes)?;
        let unchecked = prepared.unchecked.clone();
        let answer = self.service.queue().submit(prepared).await.map_err(|error| of_append(&error))?;
        Ok(Queued { answer, level, unchecked })
    }
}

/// What a caller is told of a refusal. That a number is taken cannot be hidden from whoever registers somebody under it; who
/// has it is told to those alone who would find him by it.
fn told(error: AppendError, caller: Caller, reader: &Reader) -> AppendError {
    let AppendError::Refused(Refusal::AlreadyRegistered { number, event_type, entity_id }) = error else {
        return error;
    };
    let finds = caller.does(Action::Read)
        && Name::of("entity", &entity_id).is_ok_and(|name| {
            Sight::new(caller, reader.size().saturating_sub(1)).admits(reader, &name).unwrap_or(false)
        });
    let entity_id = if finds { entity_id } else { String::new() };
    AppendError::Refused(Refusal::AlreadyRegistered { number, event_type, entity_id })
}

/// A status as a message.
fn refusal(status: &Status) -> tonic_types::pb::Status {
    let whole = <tonic_types::pb::Status as prost::Message>::decode(status.details());
    whole.unwrap_or_else(|_| tonic_types::pb::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}
