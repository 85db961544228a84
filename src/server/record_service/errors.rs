//! Why a question about a record gets no answer, in the words of the catalogue.

use tonic::Status;

use crate::server::errors::Reason;
use crate::server::errors::damaged;
use crate::server::errors::field_invalid;
use crate::server::errors::unavailable;
use crate::views::ReadError;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A field breaks a rule, which has a name and says in words what must hold. Never the value: it may be personal.
    FieldInvalid { field: &'static str, rule: &'static str, words: &'static str },
    /// The log cannot have known then.
    KnownAtInFuture { head: u64 },
    /// The views did not get there in time.
    ReadPositionTimeout { applied: u64, wanted: u64 },
    /// Nothing of this name was recorded up to the position.
    RecordNotFound { position: u64 },
    /// The token is not of this question, or not ours.
    PageTokenInvalid,
    /// It does not fit into a message, or is folded from too many entries.
    AnswerTooLarge { found: usize, max: usize },
    /// What is stored is not what was recorded.
    EntryDamaged { position: u64 },
    /// An entry cannot be had now; nothing is known against it.
    EntryUnavailable { position: u64 },
    /// The views or the store do not answer.
    Unreadable,
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::FieldInvalid { field, rule, words } => field_invalid(field, rule, words),
            Refusal::KnownAtInFuture { head } => Reason::KnownAtInFuture.status(
                "known_at lies in the future: nobody knows yet what will be recorded",
                &[("head", head.to_string())],
            ),
            Refusal::ReadPositionTimeout { applied, wanted } => Reason::ReadPositionTimeout.status(
                format!("the views are at {applied} and have not reached {wanted} yet"),
                &[("applied", applied.to_string()), ("wanted", wanted.to_string())],
            ),
            Refusal::RecordNotFound { position } => Reason::RecordNotFound.status(
                format!("nothing of this name was recorded up to position {position}"),
                &[("position", position.to_string())],
            ),
            Refusal::PageTokenInvalid => Reason::PageTokenInvalid.status("the page token is not of this question", &[]),
            Refusal::AnswerTooLarge { found, max } => Reason::ResponseTooLarge.status(
                "the answer is too large: ask without opening, or read the timeline",
                &[("found", found.to_string()), ("max", max.to_string())],
            ),
            Refusal::EntryDamaged { position } => damaged(position),
            Refusal::EntryUnavailable { position } => unavailable(position),
            Refusal::Unreadable => Reason::StoreUnreadable.status("the views or the store cannot be read", &[]),
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged { index, reason } => {
                tracing::error!(index, reason, "a stored entry is damaged");
                Self::EntryDamaged { position: index }
            }
            ReadError::Unreadable { index, reason } => {
                tracing::error!(index, reason, "an entry could not be read");
                Self::EntryUnavailable { position: index }
            }
            ReadError::Unavailable { reason } => {
                tracing::error!(reason, "a history could not be read");
                Self::Unreadable
            }
        }
    }
}
