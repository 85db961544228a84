//! The books of a run: what is settled is counted, the refused are written down, and the state says how far it is.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use data_encoding::HEXLOWER;

use crate::import::Outcome as Finished;
use crate::import::Progress;
use crate::import::error::ImportError;
use crate::import::read::Read;
use crate::import::rejects::Rejects;
use crate::import::send::Outcome;
use crate::import::send::Settle;
use crate::import::send::Unit;
use crate::import::state::State;
use crate::import::summary::Summary;
use crate::proto::v1::AppendResponse;

/// The books of a run.
#[derive(Debug)]
pub(super) struct Ledger {
    state: State,
    path: PathBuf,
    rejects: Rejects,
    progress: Arc<Progress>,
    summary: Summary,
    begun: Instant,
    since_written: u32,
}

impl Ledger {
    pub(super) fn new(state: State, path: PathBuf, rejects: Rejects, progress: Arc<Progress>) -> Self {
        let summary = Summary::default();
        Self { state, path, rejects, progress, summary, begun: Instant::now(), since_written: 0 }
    }

    /// Closes the books. What was not settled when it stopped was not read, as far as they go.
    pub(super) fn finish(mut self, read: &Read, stopped: Option<ImportError>) -> Finished {
        let written = self.write();
        let stopped = stopped.or_else(|| written.err()).or_else(|| self.missing(read));
        let mut summary = self.summary;
        summary.complete = stopped.is_none();
        summary.rows.read = summary.rows.settled();
        summary.gone.read = summary.gone.settled();
        summary.gone_unknown.clone_from(&read.gone_unknown);
        summary.files = read.files;
        summary.elapsed_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Finished { summary, stopped }
    }

    /// What was read and is not accounted for, after a run that did not stop.
    fn missing(&self, read: &Read) -> Option<ImportError> {
        let settled = self.summary.rows.settled() + self.summary.gone.settled();
        let rows = read.rows + read.gone;
        (settled != rows).then_some(ImportError::Unaccounted { rows, settled })
    }

    fn write(&mut self) -> Result<(), ImportError> {
        self.since_written = 0;
        self.rejects.flush()?;
        self.state.write(&self.path)
    }
}

impl Settle for Ledger {
    fn settle(&mut self, unit: &Unit, outcome: Outcome) -> Result<(), ImportError> {
        let (tally, count) = self.summary.tally(unit);
        let mut refused = false;
        match outcome {
            Outcome::Imported => tally.imported += count,
            Outcome::Skipped(reason) => tally.skip(&reason, count),
            Outcome::Rejected { refusal, by_service } => {
                tally.reject(&refusal.reason, count);
                refused = by_service;
                self.rejects.add_unit(unit, &refusal)?;
                self.progress.rejected.fetch_add(count, Ordering::Relaxed);
            }
        }
        if refused {
            self.state.refused.insert(unit.number);
        } else {
            self.state.refused.remove(&unit.number);
        }
        self.state.settled = self.state.settled.max(unit.number + 1);
        self.progress.rows.fetch_add(unit.rows.len() as u64, Ordering::Relaxed);
        self.since_written += 1;
        if self.since_written >= WRITE_EVERY { self.write() } else { Ok(()) }
    }

    fn receipt(&mut self, receipt: &AppendResponse, sent_again: bool) {
        if receipt.replayed {
            self.summary.replayed += 1;
        }
        if !receipt.replayed || sent_again {
            self.summary.requests += 1;
            self.summary.events += u64::from(receipt.count);
            self.progress.events.fetch_add(u64::from(receipt.count), Ordering::Relaxed);
        }
        let last = receipt.first_position + u64::from(receipt.count.saturating_sub(1));
        if self.state.last.as_ref().is_none_or(|(position, _)| *position < last) {
            self.state.last = Some((last, HEXLOWER.encode(&receipt.leaf_hash)));
        }
    }

    fn reconnect(&mut self) {
        self.summary.reconnects += 1;
    }
}

/// Units between two writes of the state.
const WRITE_EVERY: u32 = 5_000;
