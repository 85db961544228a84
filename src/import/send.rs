//! Plans go out over one `AppendStream`, many in flight, and their answers settle the units in order.
//!
//! A connection that breaks is made anew, and everything unanswered is sent again: the request ids make that harmless.
//! A crash of the importer loses what is in flight only from its own memory; the next run sends it again.

use std::collections::VecDeque;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Code;
use tonic::Status;
use tonic::Streaming;
use tonic_types::pb;

use crate::import::error::ImportError;
use crate::import::error::Refusal;
use crate::import::plan::Plan;
use crate::import::plan::Step;
use crate::import::source::Place;
use crate::proto::v1::AppendResponse;
use crate::proto::v1::AppendStreamRequest;
use crate::proto::v1::AppendStreamResponse;
use crate::proto::v1::append_stream_response::Result as Answer;
use crate::proto::v1::ledger_service_client::LedgerServiceClient;
use crate::tls::Line;

/// A row, rows that are one record, or a key that is gone, and what is to become of it.
#[derive(Debug)]
pub struct Unit {
    /// Its number over all inputs, from 0.
    pub number: u64,
    /// Where it stands, or begins.
    pub place: Place,
    /// Its rows, for the rejects file; none for a key that is gone.
    pub rows: Vec<(Place, Vec<u8>)>,
    /// What is to become of it.
    pub plan: Plan,
}

/// What became of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its own request is recorded, now.
    Imported,
    /// It was not sent, or had been recorded before.
    Skipped(String),
    /// It is refused: by the service, or before it was sent.
    Rejected {
        /// Why.
        refusal: Refusal,
        /// Whether the service said so.
        by_service: bool,
    },
}

/// Takes what is settled, in the order of the units.
pub trait Settle {
    /// A unit is settled.
    ///
    /// # Errors
    ///
    /// When that cannot be written down; the import stops.
    fn settle(&mut self, unit: &Unit, outcome: Outcome) -> Result<(), ImportError>;
    /// A request is recorded.
    fn receipt(&mut self, receipt: &AppendResponse, sent_again: bool);
    /// The connection was lost and will be made anew.
    fn reconnect(&mut self);
}

/// How patient a sender is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often it tries without an answer.
    pub attempts: u32,
    /// How long it waits before the second attempt; twice as long before each further one, up to 64 times.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 10, pause: Duration::from_millis(100) }
    }
}

/// Sends units until there are no more and all are settled.
#[derive(Debug)]
pub struct Sender<'a> {
    client: LedgerServiceClient<Line>,
    units: &'a mut mpsc::Receiver<Result<Unit, ImportError>>,
    patience: Patience,
    /// Units that are not settled, in order.
    open: VecDeque<Open>,
    /// Requests without an answer, in order.
    flying: VecDeque<Flying>,
    flying_len_bytes: usize,
    read_all: bool,
    attempts: u32,
}

#[derive(Debug)]
struct Open {
    unit: Unit,
    waiting: usize,
    outcome: Option<Outcome>,
    /// The first refusal of what should have been registered before it.
    refused_before: Option<Refusal>,
}

#[derive(Debug)]
struct Flying {
    step: Step,
    unit: u64,
    is_last: bool,
    sends: u32,
    len_bytes: usize,
}

/// How a session ended.
enum End {
    Done,
    Broken(String),
}

impl<'a> Sender<'a> {
    /// A sender that has sent nothing.
    pub const fn new(
        client: LedgerServiceClient<Line>,
        units: &'a mut mpsc::Receiver<Result<Unit, ImportError>>,
        patience: Patience,
    ) -> Self {
        Self {
            client,
            units,
            patience,
            open: VecDeque::new(),
            flying: VecDeque::new(),
            flying_len_bytes: 0,
            read_all: false,
            attempts: 0,
        }
    }

    /// Runs to the end.
    ///
    /// # Errors
    ///
    /// What stopped it: an input, the service, or a file of ours. What was settled stays settled.
    pub async fn run(mut self, ledger: &mut impl Settle) -> Result<(), ImportError> {
        loop {
            match self.session(ledger).await? {
                End::Done => return Ok(()),
                End::Broken(what) => {
                    self.attempts += 1;
                    if self.attempts >= self.patience.attempts {
                        return Err(ImportError::Unreachable { attempts: self.attempts, what });
                    }
                    ledger.reconnect();
                    tokio::time::sleep(self.patience.pause * (1 << (self.attempts - 1).min(6))).await;
                }
            }
        }
    }

    async fn session(&mut self, ledger: &mut impl Settle) -> Result<End, ImportError> {
        // The call is made only with something to send: a server may answer it with the first receipt alone.
        while self.flying.is_empty() && !self.read_all {
            self.take(ledger).await?;
        }
        if self.flying.is_empty() {
            return Ok(End::Done);
        }
        // Not bounded by itself: what is in flight is.
        let (requests, outgoing) = mpsc::unbounded_channel();
        if !self.launch(0, &requests) {
            return Ok(End::Broken("the stream is closed".to_owned()));
        }
        let mut answers = match self.client.append_stream(UnboundedReceiverStream::new(outgoing)).await {
            Ok(response) => response.into_inner(),
            Err(status) => return broken(&status),
        };
        loop {
            if self.flying.is_empty() && self.read_all {
                return Ok(End::Done);
            }
            let room = self.flying.len() < IN_FLIGHT_MAX && self.flying_len_bytes < IN_FLIGHT_LEN_MAX;
            tokio::select! {
                biased;
                answer = next(&mut answers), if !self.flying.is_empty() => match answer {
                    Ok(answer) => if let Some(end) = self.answered(answer, ledger)? {
                        return Ok(end);
                    },
                    Err(status) => return broken(&status),
                },
                taken = self.units.recv(), if room && !self.read_all => {
                    let sent = self.flying.len();
                    self.took(taken, ledger)?;
                    if !self.launch(sent, &requests) {
                        return Ok(End::Broken("the stream is closed".to_owned()));
                    }
                }
            }
        }
    }

    /// Sends what flies from a place on; false when the stream takes nothing more.
    fn launch(&mut self, from: usize, requests: &mpsc::UnboundedSender<AppendStreamRequest>) -> bool {
        self.flying.range_mut(from..).all(|flying| {
            flying.sends += 1;
            requests.send(message(&flying.step)).is_ok()
        })
    }

    async fn take(&mut self, ledger: &mut impl Settle) -> Result<(), ImportError> {
        let taken = self.units.recv().await;
        self.took(taken, ledger)
    }

    fn took(&mut self, taken: Option<Result<Unit, ImportError>>, ledger: &mut impl Settle) -> Result<(), ImportError> {
        let Some(unit) = taken else {
            self.read_all = true;
            return Ok(());
        };
        let mut unit = unit?;
        let (steps, outcome) = match std::mem::replace(&mut unit.plan, Plan::Send(Vec::new())) {
            Plan::Send(steps) => (steps, None),
            Plan::Skip(reason) => (Vec::new(), Some(Outcome::Skipped(reason))),
            Plan::Reject(refusal) => (Vec::new(), Some(Outcome::Rejected { refusal, by_service: false })),
        };
        let count = steps.len();
        for (number, step) in steps.into_iter().enumerate() {
            let len_bytes = step.request.encoded_len();
            self.flying_len_bytes += len_bytes;
            self.flying.push_back(Flying {
                step,
                unit: unit.number,
                is_last: number + 1 == count,
                sends: 0,
                len_bytes,
            });
        }
        self.open.push_back(Open { unit, waiting: count, outcome, refused_before: None });
        self.settle(ledger)
    }

    /// Takes an answer for the request that has waited longest.
    fn answered(&mut self, answer: AppendStreamResponse, ledger: &mut impl Settle) -> Result<Option<End>, ImportError> {
        let flying = self.flying.front().expect("answers are awaited only while something flies");
        let sent_again = flying.sends > 1;
        let outcome = match answer.result {
            None => return Ok(Some(End::Broken("an answer without a result".to_owned()))),
            Some(Answer::Receipt(receipt)) => {
                ledger.receipt(&receipt, sent_again);
                if receipt.replayed && !sent_again {
                    Outcome::Skipped("recorded before".to_owned())
                } else {
                    Outcome::Imported
                }
            }
            Some(Answer::Refusal(status)) => match Code::from_i32(status.code) {
                Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => {
                    return Ok(Some(End::Broken(told(&status))));
                }
                code if is_the_rows_fault(code) => {
                    let conflict = code == Code::Aborted && flying.step.conflict_is_there;
                    if conflict {
                        Outcome::Skipped("recorded before, from elsewhere".to_owned())
                    } else {
                        Outcome::Rejected { refusal: refusal(&status), by_service: true }
                    }
                }
                _ => return Err(ImportError::Service { what: told(&status) }),
            },
        };
        self.attempts = 0;
        let flying = self.flying.pop_front().expect("it is there, see above");
        self.flying_len_bytes -= flying.len_bytes;
        let first = self.open.front().map_or(0, |open| open.unit.number);
        let place = usize::try_from(flying.unit - first).expect("as many as are open");
        let open = &mut self.open[place];
        open.waiting -= 1;
        match (flying.is_last, outcome) {
            (true, outcome) => open.outcome = Some(outcome),
            (false, Outcome::Rejected { refusal, .. }) => _ = open.refused_before.get_or_insert(refusal),
            (false, _) => {}
        }
        self.settle(ledger)?;
        Ok(None)
    }

    /// Hands on what is settled, in order.
    fn settle(&mut self, ledger: &mut impl Settle) -> Result<(), ImportError> {
        while self.open.front().is_some_and(|open| open.waiting == 0) {
            let open = self.open.pop_front().expect("there is one, see above");
            let outcome = open.outcome.expect("nothing is waited for, so the last answer is there");
            // A row refused because its person could not be registered is refused for that reason.
            let outcome = match (outcome, open.refused_before) {
                (Outcome::Rejected { .. }, Some(refusal)) => Outcome::Rejected { refusal, by_service: true },
                (outcome, _) => outcome,
            };
            ledger.settle(&open.unit, outcome)?;
        }
        Ok(())
    }
}

async fn next(answers: &mut Streaming<AppendStreamResponse>) -> Result<AppendStreamResponse, Status> {
    answers.message().await?.ok_or_else(|| Status::unavailable("the service ended the stream"))
}

fn message(step: &Step) -> AppendStreamRequest {
    AppendStreamRequest { append: Some(step.request.clone()) }
}

/// A stream that ended: for a reason that passes, or not.
fn broken(status: &Status) -> Result<End, ImportError> {
    let what = format!("{:?}: {}", status.code(), status.message());
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::DataLoss => {
            Err(ImportError::Service { what })
        }
        _ => Ok(End::Broken(what)),
    }
}

const fn is_the_rows_fault(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
    )
}

fn told(status: &pb::Status) -> String {
    let refusal = refusal(status);
    format!("{}: {}", refusal.reason, refusal.detail)
}

/// The refusal that a status tells: reason and rule from its error info, the field from its bad request.
fn refusal(status: &pb::Status) -> Refusal {
    let mut refusal = Refusal::new(Code::from_i32(status.code).description(), status.message.clone());
    for detail in &status.details {
        match detail.type_url.rsplit('/').next() {
            Some("google.rpc.ErrorInfo") => {
                if let Ok(info) = pb::ErrorInfo::decode(detail.value.as_slice()) {
                    refusal.reason = match info.metadata.get("rule") {
                        Some(rule) => format!("{}: {rule}", info.reason),
                        None => info.reason,
                    };
                }
            }
            Some("google.rpc.BadRequest") => {
                let request = pb::BadRequest::decode(detail.value.as_slice()).unwrap_or_default();
                if let Some(violation) = request.field_violations.first() {
                    refusal.at.clone_from(&violation.field);
                }
            }
            _ => {}
        }
    }
    refusal
}

/// Requests in flight, at most; a row's requests are never parted, so it can be a few more.
const IN_FLIGHT_MAX: usize = 512;
/// Bytes in flight, at most, but for the last.
const IN_FLIGHT_LEN_MAX: usize = 8 * 1024 * 1024;
