//! Entries of the service's own: SEAL, KEY, CLOSE. Nobody queues for them; the writer comes to rest, tells where the log
//! ends, and records what it is given next.

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::bounded;
use tokio::sync::oneshot;

use crate::ledger::Head;
use crate::ledger::Receipt;
use crate::log::Body;
use crate::sequencer::AppendError;
use crate::sequencer::commit::Outcome;

/// Brings the writer to rest. A clone asks the same writer.
#[derive(Clone, Debug)]
pub struct Turns(pub(super) Sender<Turn>);

/// What the writer gets.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) at_rest: Sender<Head>,
    pub(super) body: Receiver<Body>,
    pub(super) answer: oneshot::Sender<Outcome>,
}

/// The writer rests: all that was planned is durable, and nothing is planned until this is dropped or used.
#[derive(Debug)]
pub struct AtRest {
    head: Head,
    body: Sender<Body>,
    answer: oneshot::Receiver<Outcome>,
}

impl Turns {
    /// Waits until the writer rests. Not from a task of an asynchronous runtime.
    ///
    /// # Errors
    ///
    /// The writer has stopped, or its clock is wrong.
    pub fn rest(&self) -> Result<AtRest, AppendError> {
        let (at_rest, head) = bounded(1);
        let (body, given) = bounded(1);
        let (answer, mut answered) = oneshot::channel();
        self.0.send(Turn { at_rest, body: given, answer }).map_err(|_| AppendError::Ending)?;
        match head.recv() {
            Ok(head) => Ok(AtRest { head, body, answer: answered }),
            Err(_) => Err(match answered.try_recv() {
                Ok(Err(error)) => error,
                Ok(Ok(_)) | Err(_) => AppendError::Stopped,
            }),
        }
    }
}

impl AtRest {
    /// The end of the log, which stays where it is.
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Records an entry there, and lets the writer go on. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// As of every append.
    pub fn record(self, body: Body) -> Result<Receipt, AppendError> {
        self.body.send(body).map_err(|_| AppendError::Stopped)?;
        match self.answer.blocking_recv() {
            Ok(outcome) => outcome.map(|recorded| recorded.receipt),
            Err(_) => Err(AppendError::Stopped),
        }
    }
}
