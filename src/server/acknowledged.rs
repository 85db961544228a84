//! How far an append has come when it is answered. What is recorded is recorded: nothing here can make an append fail.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::log::LeafHash;
use crate::proto::v1;
use crate::proto::v1::Acknowledgement;
use crate::publish::Proofs;
use crate::publish::ProveError;
use crate::publish::Published;
use crate::sequencer::Health;
use crate::server::errors::Reason;
use crate::server::errors::field_invalid;
use crate::service::Service;

/// How long is waited where the client set no deadline.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// The most that an answer leaves before its deadline, so that it is there in time.
const EARLIER_MAX: Duration = Duration::from_millis(250);

/// What a client wants to wait for after its events are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Recorded,
    Sealed,
    Witnessed,
}

impl Level {
    /// What a request asks for, where this server can give it.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT or FAILED_PRECONDITION; nothing may be written then.
    pub(super) fn of(asked: i32, proofs: Option<&Proofs>) -> Result<Self, Status> {
        let level = match Acknowledgement::try_from(asked) {
            Ok(Acknowledgement::Unspecified | Acknowledgement::Recorded) => return Ok(Self::Recorded),
            Ok(Acknowledgement::Sealed) => Self::Sealed,
            Ok(Acknowledgement::Witnessed) => Self::Witnessed,
            Err(_) => return Err(field_invalid("acknowledgement", "UNDEFINED_ENUM", "no value of this enum")),
        };
        let proofs = proofs.ok_or_else(publishing_off)?;
        if level == Self::Witnessed && !proofs.asks_witnesses() {
            return Err(Reason::NoWitnessPolicy.status("this server asks no witnesses; nothing was written", &[]));
        }
        Ok(level)
    }
}

/// The refusal where nothing is ever sealed.
pub(super) fn publishing_off() -> Status {
    Reason::PublishingOff.status("this server does not seal its log, so that no proof can be had", &[])
}

/// Until when is waited for what the client of a call asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience(Option<Instant>);

impl Patience {
    /// Of a call that begins now, with this time to its deadline.
    pub(super) fn of(timeout: Option<Duration>) -> Self {
        // The deadline of a sleep is the clock's own; it is never slept.
        Self(
            timeout.map(|timeout| tokio::time::sleep(timeout.saturating_sub(EARLIER_MAX.min(timeout / 10))).deadline()),
        )
    }

    /// Returns when it is over.
    pub(super) async fn end(self) {
        match self.0 {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => tokio::time::sleep(WAIT_MAX).await,
        }
    }
}

/// What ends a wait before it has what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CutShort {
    /// The deadline is near.
    Deadline,
    /// The server ends.
    Ending,
    /// Nothing is written any more, so that nothing is sealed.
    Stopped,
}

/// The newest checkpoint once it is over so many entries, and witnessed where that is wanted.
pub(super) async fn wait(
    service: &Service,
    proofs: &Proofs,
    size: u64,
    witnessed: bool,
    patience: Patience,
    stop: &CancellationToken,
) -> Result<Arc<Published>, CutShort> {
    let mut health = service.health();
    let (mut heads, mut seen) = (service.head(), proofs.follow());
    let is_over = |published: &Option<Arc<Published>>| published.as_ref().is_some_and(|it| it.checkpoint.size >= size);
    let reached = async {
        // Whoever waits for what is not recorded yet must not have the log sealed after every batch until then.
        tokio::select! {
            () = async { drop(heads.wait_for(|head| head.size >= size).await) } => {}
            () = async { drop(seen.wait_for(is_over).await) } => {}
        }
        if witnessed { proofs.wait_until_witnessed(size).await } else { proofs.wait_for(size).await }
    };
    let stopped = async {
        // When nobody says any more how it is, it has ended.
        drop(health.wait_for(|health| *health != Health::Writing).await);
        // Witnesses answer also when nothing is written any more.
        if witnessed && has_reached(proofs, size).is_some() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        reached = reached => reached.map_err(|_| CutShort::Ending),
        () = patience.end() => Err(CutShort::Deadline),
        () = stop.cancelled() => Err(CutShort::Ending),
        () = stopped => Err(CutShort::Stopped),
    }
}

fn has_reached(proofs: &Proofs, size: u64) -> Option<Arc<Published>> {
    proofs.published().ok().filter(|published| published.checkpoint.size >= size)
}

/// Completes the answer to an append whose events are recorded: waits for what was asked, and says what was reached.
pub(super) async fn complete(
    service: &Service,
    mut receipt: v1::AppendResponse,
    level: Level,
    patience: Patience,
    stop: &CancellationToken,
) -> v1::AppendResponse {
    let Some(proofs) = service.proofs().filter(|_| level != Level::Recorded) else { return receipt };
    let last = receipt.first_position + u64::from(receipt.count.saturating_sub(1));
    let witnessed = level == Level::Witnessed;
    let published = match wait(service, proofs, last + 1, witnessed, patience, stop).await {
        Ok(published) => published,
        // Less than was asked for is more than nothing.
        Err(_) => match has_reached(proofs, last + 1) {
            Some(published) => published,
            None => return receipt,
        },
    };
    let proofs = proofs.clone();
    let leaf_hash = receipt.leaf_hash.as_ref().try_into().map(LeafHash);
    let reached = if witnessed && published.witnessed { Acknowledgement::Witnessed } else { Acknowledgement::Sealed };
    let proof = tokio::task::spawn_blocking(move || sealed(&proofs, &published, last, leaf_hash.ok()));
    match proof.await {
        Ok(Ok(proof)) => {
            receipt.acknowledgement = reached.into();
            receipt.proof = Some(proof);
        }
        Ok(Err(error)) => tracing::error!(%error, entry = last, "what is sealed could not be proved"),
        // The runtime ends.
        Err(_) => {}
    }
    receipt
}

fn sealed(
    proofs: &Proofs,
    published: &Published,
    last: u64,
    leaf_hash: Option<LeafHash>,
) -> Result<v1::SealedProof, ProveError> {
    let file = proofs.of_entry(published, last)?;
    let file = match leaf_hash {
        Some(leaf_hash) => file.carrying(leaf_hash),
        None => file,
    };
    Ok(v1::SealedProof {
        tlog_proof: file.to_string().into(),
        checkpoint: published.note.to_string(),
        size: published.checkpoint.size,
    })
}
