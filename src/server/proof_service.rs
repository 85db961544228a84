//! `ProofService`: what is published, and proofs of it.

mod room;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::access::Caller;
use crate::log::HistoryName;
use crate::log::LeafHash;
use crate::log::Name;
use crate::log::NodeHash;
use crate::log::SUBJECT_PROOF_BYTES_MAX;
use crate::proto::v1;
use crate::proto::v1::history::Of;
use crate::publish::Proofs;
use crate::publish::ProveError;
use crate::publish::PublishError;
use crate::publish::Published;
use crate::sequencer::AppendError;
use crate::server::acknowledged;
use crate::server::acknowledged::CutShort;
use crate::server::acknowledged::Patience;
use crate::server::calls::timeout;
use crate::server::convert;
use crate::server::errors::Reason;
use crate::server::errors::damaged;
use crate::server::errors::field_invalid;
use crate::server::errors::of_append;
use crate::server::errors::of_index;
use crate::server::errors::of_store;
use crate::server::gate;
use crate::server::gate::denied;
use crate::server::own_log;
use crate::server::proof_service::room::Room;
use crate::server::services::proof_service_server::ProofService;
use crate::service::Service;

/// Bytes of a file in one message.
const CHUNK_BYTES: usize = 64 << 10;

/// The service over one log.
#[derive(Clone, Debug)]
pub struct Prover {
    service: Arc<Service>,
    stop: CancellationToken,
    /// The log is read whole once at a time.
    alone: Arc<Semaphore>,
    room: Room,
}

impl Prover {
    /// Over a log; whoever waits is told when `stop` is cancelled.
    pub(super) fn new(service: Arc<Service>, stop: CancellationToken) -> Self {
        Self { service, stop, room: Room::default(), alone: Arc::new(Semaphore::new(1)) }
    }

    fn proofs(&self) -> Result<&Proofs, Status> {
        self.service.proofs().ok_or_else(acknowledged::publishing_off)
    }

    /// Makes a proof on a thread that may wait for the disk.
    async fn make<T: Send + 'static>(
        &self,
        make: impl FnOnce(&Proofs) -> Result<T, ProveError> + Send + 'static,
    ) -> Result<T, Status> {
        let proofs = self.proofs()?.clone();
        let made = tokio::task::spawn_blocking(move || make(&proofs)).await;
        made.map_err(|_| of_append(&AppendError::Ending))?.map_err(|error| of_prove(&error))
    }

    async fn wait(&self, size: u64, timeout: Option<Duration>) -> Result<Arc<Published>, Status> {
        let proofs = self.proofs()?;
        let patience = Patience::of(timeout);
        let cut = match acknowledged::wait(&self.service, proofs, size, false, patience, &self.stop).await {
            Ok(published) => return Ok(published),
            Err(cut) => cut,
        };
        let published = proofs.published().map_or(0, |published| published.checkpoint.size);
        Err(match cut {
            CutShort::Deadline => {
                let message = format!("the published checkpoint has {published} entries, {size} were waited for");
                Reason::CheckpointTimeout.status(message, &sizes(published, size))
            }
            CutShort::Ending => of_append(&AppendError::Ending),
            CutShort::Stopped => of_append(&AppendError::Stopped),
        })
    }
}

#[tonic::async_trait]
impl ProofService for Prover {
    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let timeout = timeout(&request);
        let published = match request.into_inner().wait_for_size {
            Some(size) => self.wait(size, timeout).await?,
            None => self.proofs()?.published().map_err(|error| of_prove(&error))?,
        };
        Ok(Response::new(v1::GetCheckpointResponse {
            note: published.note.to_string(),
            size: published.checkpoint.size,
            root: published.checkpoint.root.as_bytes().to_vec().into(),
            sealed_at: Some(convert::timestamp(published.sealed_at_ms)),
            witnessed: published.witnessed,
        }))
    }

    async fn prove_inclusion(
        &self,
        request: Request<v1::ProveInclusionRequest>,
    ) -> Result<Response<v1::ProveInclusionResponse>, Status> {
        let v1::ProveInclusionRequest { position, size } = request.into_inner();
        if size.is_some_and(|size| size <= position) {
            return Err(field_invalid("size", "RANGE", "must be above the position"));
        }
        let answer = self.make(move |proofs| included(proofs, position, size)).await?;
        Ok(Response::new(answer))
    }

    async fn prove_consistency(
        &self,
        request: Request<v1::ProveConsistencyRequest>,
    ) -> Result<Response<v1::ProveConsistencyResponse>, Status> {
        let v1::ProveConsistencyRequest { old_size, new_size } = request.into_inner();
        if old_size == 0 {
            return Err(field_invalid("old_size", "RANGE", "must be at least 1: every log continues an empty one"));
        }
        if new_size.is_some_and(|new_size| new_size < old_size) {
            return Err(field_invalid("new_size", "RANGE", "must not be below old_size"));
        }
        let (new_size, hashes) = self
            .make(move |proofs| {
                let new_size = new_size.map_or_else(|| Ok(proofs.published()?.checkpoint.size), Ok::<_, ProveError>)?;
                Ok((new_size, proofs.consistency(old_size, new_size)?))
            })
            .await?;
        Ok(Response::new(v1::ProveConsistencyResponse { old_size, new_size, hashes: bytes_of(&hashes) }))
    }

    type ProveSubjectStream = Pin<Box<dyn Stream<Item = Result<v1::ProveSubjectResponse, Status>> + Send>>;

    async fn prove_subject(
        &self,
        request: Request<v1::ProveSubjectRequest>,
    ) -> Result<Response<Self::ProveSubjectStream>, Status> {
        let caller = gate::caller(request.extensions())?;
        let v1::ProveSubjectRequest { history, inclusion_of_each } = request.into_inner();
        let history = history_name(history)?;
        // Also where there is nothing: absence is an answer, and it is for the same callers.
        if !may_prove(&caller, &history) {
            return Err(denied());
        }
        self.proofs()?;
        let place = self.room.to_make().await?;
        let (count, size, file) = self
            .make(move |proofs| {
                // Until it is made, also where nobody waits for it any more.
                let _place = place;
                let found = proofs.of_history(history, inclusion_of_each)?;
                let count = found.proof.leaves.len() as u64;
                Ok((count, found.published.checkpoint.size, found.proof.to_string()))
            })
            .await?;
        if file.len() > SUBJECT_PROOF_BYTES_MAX {
            let (found, max) = (file.len() as u64, SUBJECT_PROOF_BYTES_MAX as u64);
            return Err(of_prove(&ProveError::TooLarge { count, found, max }));
        }
        let held = self.room.to_hold(file.len())?;
        let head = v1::ProofHead { count, size, seal_position: size - 1, file_bytes: file.len() as u64 };
        let chunks = tokio_stream::iter(chunks(head, &Bytes::from(file)));
        // It has its room until it is read, or nobody reads it any more.
        Ok(Response::new(Box::pin(chunks.inspect(move |_| _ = &held))))
    }

    type VerifyStream = ReceiverStream<own_log::Told>;

    async fn verify(&self, _: Request<v1::VerifyRequest>) -> Result<Response<Self::VerifyStream>, Status> {
        let alone = Arc::clone(&self.alone).acquire_owned().await.map_err(|_| of_append(&AppendError::Ending))?;
        let (told, answers) = mpsc::channel(16);
        let (service, stop) = (Arc::clone(&self.service), self.stop.clone());
        tokio::task::spawn_blocking(move || own_log::run(&service, &stop, &told, alone));
        Ok(Response::new(ReceiverStream::new(answers)))
    }
}

/// Whether the history is the caller's: all of them are an auditor's, and to a person belongs its own.
fn may_prove(caller: &Caller, history: &HistoryName) -> bool {
    let (HistoryName::Stream(name) | HistoryName::Subject(name)) = history;
    caller.note(name.as_str());
    let own = matches!(history, HistoryName::Subject(name) if caller.entity() == Some(name));
    caller.sees_everything() || own
}

/// The file in pieces, that are slices of it; the first says what it is about.
fn chunks(head: v1::ProofHead, file: &Bytes) -> Vec<Result<v1::ProveSubjectResponse, Status>> {
    let begin = |number: usize| number * CHUNK_BYTES;
    (0..file.len().div_ceil(CHUNK_BYTES))
        .map(|number| {
            let chunk = file.slice(begin(number)..begin(number + 1).min(file.len()));
            Ok(v1::ProveSubjectResponse { head: (number == 0).then_some(head), chunk })
        })
        .collect()
}

fn included(proofs: &Proofs, position: u64, size: Option<u64>) -> Result<v1::ProveInclusionResponse, ProveError> {
    let published = proofs.published()?;
    let size = size.unwrap_or(published.checkpoint.size);
    // Whether there is such an entry under the checkpoint is known with the proof.
    let (hashes, file) = if size == published.checkpoint.size {
        let file = proofs.of_entry(&published, position)?;
        (bytes_of(&file.inclusion), Some(file))
    } else {
        (bytes_of(&proofs.inclusion(position, size)?), None)
    };
    let leaf_hash = LeafHash::of(&proofs.leaf(position)?);
    let tlog_proof = file.map_or_else(Bytes::new, |file| file.carrying(leaf_hash).to_string().into());
    let leaf_hash = leaf_hash.as_bytes().to_vec().into();
    Ok(v1::ProveInclusionResponse { position, size, leaf_hash, hashes, tlog_proof })
}

fn bytes_of(hashes: &[NodeHash]) -> Vec<Bytes> {
    hashes.iter().map(|hash| hash.as_bytes().to_vec().into()).collect()
}

fn history_name(history: Option<v1::History>) -> Result<HistoryName, Status> {
    let parse = |of: &str, text: &str| {
        Name::parse(text).map_err(|error| field_invalid(&format!("history.{of}"), "NOT_A_NAME", error.to_string()))
    };
    match history.and_then(|history| history.of) {
        Some(Of::Stream(name)) => parse("stream", &name).map(HistoryName::Stream),
        Some(Of::Subject(name)) => parse("subject", &name).map(HistoryName::Subject),
        None => Err(field_invalid("history", "REQUIRED", "must be set")),
    }
}

fn sizes(published: u64, wanted: u64) -> [(&'static str, String); 2] {
    [("published", published.to_string()), ("wanted", wanted.to_string())]
}

/// The status where there is no proof.
pub(super) fn of_prove(error: &ProveError) -> Status {
    match error {
        ProveError::NotPublished => Reason::NotPublished.status(error.to_string(), &[]),
        ProveError::Beyond { published, wanted } => {
            Reason::CheckpointBeyond.status(error.to_string(), &sizes(*published, *wanted))
        }
        ProveError::Publish(PublishError::Store(store)) => of_store(store),
        ProveError::Publish(PublishError::Index(index)) | ProveError::Index(index) => of_index(index),
        ProveError::Publish(PublishError::Entry { index }) => {
            tracing::error!(%error, "an entry is damaged");
            damaged(*index)
        }
        ProveError::Map(_) | ProveError::Publish(PublishError::Map(_)) => {
            tracing::error!(%error, "the saved map cannot be used");
            Reason::StoreUnreadable.status("the saved map cannot be read; the next start makes it again", &[])
        }
        ProveError::TooLarge { found, max, .. } => {
            let metadata = [("found", found.to_string()), ("max", max.to_string())];
            Reason::ResponseTooLarge.status(error.to_string(), &metadata)
        }
        ProveError::Publish(_) | ProveError::Histories { .. } | ProveError::Text(_) => {
            tracing::error!(%error, "a proof could not be made");
            Reason::StoreUnreadable.status("the store cannot be read", &[])
        }
    }
}
