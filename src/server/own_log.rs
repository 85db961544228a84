//! The service verifies its own log, on a thread beside everything else, and tells how far it came.
//!
//! It is for its operator, who wants to know whether the disk still has what was recorded: whoever does not trust the
//! service verifies the log himself.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::proto::v1;
use crate::proto::v1::verify_response::Said;
use crate::sequencer::AppendError;
use crate::server::errors::of_append;
use crate::service::LogEntries;
use crate::service::Service;
use crate::verify::HeldHead;
use crate::verify::Report;
use crate::verify::Wanted;
use crate::verify::verify;

/// Entries between two words on how far it came.
const TOLD_EVERY: u64 = 1 << 14;

/// What is said to whoever asked.
pub(super) type Told = Result<v1::VerifyResponse, Status>;

/// Verifies the log as it is now. Nobody who listens any more, or a service that stops, ends it; `alone` is held so long.
pub(super) fn run(service: &Service, stop: &CancellationToken, told: &mpsc::Sender<Told>, alone: OwnedSemaphorePermit) {
    // First the checkpoint, then the log, which is never shorter.
    let published = service.proofs().and_then(|proofs| proofs.published().ok());
    let head = published.map(|published| HeldHead { head: published.checkpoint.head(), cosigned_s: Vec::new() });
    let held: Vec<HeldHead> = head.into_iter().collect();
    let interrupted = AtomicBool::new(false);
    // One thread looks: those who read and append go before.
    let wanted = Wanted { held: &held, threads: 1, interrupted: Some(&interrupted), ..Wanted::default() };
    let report = verify(&LogEntries(service.store()), &wanted, |verified, size| {
        if told.is_closed() || stop.is_cancelled() {
            interrupted.store(true, Ordering::Relaxed);
        } else if verified % TOLD_EVERY == 0 {
            // Whoever is slow misses a word on the way, and nothing else waits for him.
            let progress = v1::VerifyProgress { verified, size };
            drop(told.try_send(Ok(v1::VerifyResponse { said: Some(Said::Progress(progress)) })));
        }
    });
    drop(alone);
    let last =
        if interrupted.load(Ordering::Relaxed) { Err(of_append(&AppendError::Ending)) } else { Ok(result(report)) };
    drop(told.blocking_send(last));
}

fn result(report: Report) -> v1::VerifyResponse {
    let fault = report.fault.map(|fault| v1::LogFault { position: fault.index, what: fault.what.to_string() });
    let result = v1::VerifyResult {
        entries: report.entries,
        requests: report.requests,
        histories: report.histories,
        seals: report.seals,
        erasures: report.erasures,
        checkpoints: report.checkpoints,
        root: report.tree.map(|tree| tree.root.as_bytes().to_vec().into()).unwrap_or_default(),
        fault,
        unreadable: report.unreadable.unwrap_or_default(),
    };
    v1::VerifyResponse { said: Some(Said::Result(result)) }
}
