//! Counts what appends were told: the outcome, and of a refusal the reason in the catalogue. Never anything of a client's.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tonic::Status;

use crate::proto::v1;
use crate::server::errors::Reason;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Told {
    outcome: &'static str,
    reason: &'static str,
}

/// The answers to appends since the service began.
#[derive(Debug)]
pub(super) struct Appends {
    recorded: Counter,
    repeated: Counter,
    unanswered: Counter,
    /// In the order of [`Reason::ALL`].
    refused: Vec<Counter>,
    /// With a status that is not in the catalogue.
    refused_otherwise: Counter,
}

impl Appends {
    /// All at zero, so that the first of a kind is seen as a change.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let family = Family::<Told, Counter>::default();
        registry.register("appends", HELP, family.clone());
        let counter = |outcome, reason| family.get_or_create_owned(&Told { outcome, reason });
        let refused = |reason: &Reason| match reason {
            Reason::CommitOutcomeUnknown => counter("unknown", reason.name()),
            _ => counter("refused", reason.name()),
        };
        Self {
            recorded: counter("recorded", ""),
            repeated: counter("repeated", ""),
            unanswered: counter("unanswered", ""),
            refused: Reason::ALL.iter().map(refused).collect(),
            refused_otherwise: counter("refused", "OTHER"),
        }
    }

    /// An append begins. Where nothing more is said of it, its client went away before the answer.
    pub(super) fn begin(self: &Arc<Self>) -> Begun {
        Begun { appends: Some(Arc::clone(self)) }
    }

    /// An append was refused.
    pub(super) fn refused(&self, status: &Status) {
        let place = Reason::of(status).and_then(|found| Reason::ALL.iter().position(|reason| *reason == found));
        place.and_then(|place| self.refused.get(place)).unwrap_or(&self.refused_otherwise).inc();
    }

    fn recorded(&self, receipt: &v1::AppendResponse) {
        if receipt.replayed { &self.repeated } else { &self.recorded }.inc();
    }
}

const HELP: &str = "Appends by what the client was told: recorded, repeated (it had been recorded before), refused (nothing \
                    was written; the reason is that of the catalogue of errors), unknown, or unanswered since it went away";

/// An append that has no answer yet.
#[derive(Debug)]
pub(super) struct Begun {
    appends: Option<Arc<Appends>>,
}

impl Begun {
    /// It has an answer that is counted here.
    pub(super) fn ended(mut self, answer: &Result<v1::AppendResponse, Status>) {
        if let Some(appends) = self.appends.take() {
            match answer {
                Ok(receipt) => appends.recorded(receipt),
                Err(status) => appends.refused(status),
            }
        }
    }

    /// It has an answer; a refusal is counted as it leaves, with those that never came here.
    pub(super) fn leaves(mut self, answer: &Result<v1::AppendResponse, Status>) {
        if let (Some(appends), Ok(receipt)) = (self.appends.take(), answer) {
            appends.recorded(receipt);
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(appends) = &self.appends {
            appends.unanswered.inc();
        }
    }
}

#[cfg(test)]
mod tests;
