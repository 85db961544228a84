//! The catalogue of errors: one enum, one file. Each has a code, a reason that machines read, the keys of its metadata,
//! and what the client should do. Messages are for people and never hold personal data.

use tonic::Code;
use tonic::Status;
use tonic_types::ErrorDetails;
use tonic_types::StatusExt;

use crate::domain::RuleKind;
use crate::events::shape::FieldRule;
use crate::index::IndexError;
use crate::ledger::Expected;
use crate::ledger::Refusal;
use crate::ledger::Violation;
use crate::sequencer::AppendError;
use crate::store::StoreError;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "probity";

/// Longer messages break calls of some clients.
const MESSAGE_BYTES_MAX: usize = 512;

/// How many violations are told in one answer.
const VIOLATIONS_MAX: usize = 16;

macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident, $code:ident, $name:literal, [$($key:literal),*], $action:literal;)*) => {
        /// Why a call failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])* $reason,)*
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$reason,)*];

            /// The gRPC code.
            pub const fn code(self) -> Code {
                match self { $(Self::$reason => Code::$code,)* }
            }

            /// As it stands in `ErrorInfo.reason`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$reason => $name,)* }
            }

            /// Keys that `ErrorInfo.metadata` has.
            pub const fn keys(self) -> &'static [&'static str] {
                match self { $(Self::$reason => &[$($key),*],)* }
            }

            /// What the client should do.
            pub const fn action(self) -> &'static str {
                match self { $(Self::$reason => $action,)* }
            }
        }
    };
}

reasons! {
    /// Who calls is not known: no certificate, no token, or one that is not to be believed.
    Unauthenticated, Unauthenticated, "UNAUTHENTICATED", [], "show the certificate of a principal, or a token that is valid; ask the operator which";
    /// The caller may not do that: the method, a matter, or a type of event is not for its role.
    PermissionDenied, PermissionDenied, "PERMISSION_DENIED", [], "ask whoever keeps the policy";
    /// A read of what is recorded about persons says for what purpose and on what legal basis.
    PurposeRequired, InvalidArgument, "PURPOSE_REQUIRED", ["field"], "send probity-purpose and probity-legal-basis with the call";
    /// What is read is recorded first, and now it cannot be; nothing was answered.
    AccessNotRecorded, Unavailable, "ACCESS_NOT_RECORDED", [], "retry later; tell the operator to look at the access log";
    /// The service keeps no access log, since it has no access control.
    AccessLogOff, FailedPrecondition, "ACCESS_LOG_OFF", [], "tell the operator: see access_log";
    /// A field of the request or of an event breaks a rule of its own.
    FieldInvalid, InvalidArgument, "FIELD_INVALID", ["field", "rule"], "correct the field; do not retry as it is";
    /// A message has a field that this server does not know.
    UnknownField, InvalidArgument, "UNKNOWN_FIELD", ["field"], "use the server's protos, or a newer server";
    /// An event is of a type that this server does not know, or that clients do not append.
    EventTypeUnknown, InvalidArgument, "EVENT_TYPE_UNKNOWN", ["field"], "see GetServerInfo for the types";
    /// An event's bytes are not a message of its type.
    PayloadUndecodable, InvalidArgument, "PAYLOAD_UNDECODABLE", ["field"], "encode the event with the server's protos";
    /// No event in a request, or more than 1,000.
    EventCount, InvalidArgument, "EVENT_COUNT", ["found", "max"], "split the request";
    /// An event is longer than 256 KiB.
    EventTooLarge, InvalidArgument, "EVENT_TOO_LARGE", ["field", "found", "max"], "split the event";
    /// The events of a request are longer than 4 MiB.
    RequestTooLarge, InvalidArgument, "REQUEST_TOO_LARGE", ["found", "max"], "split the request";
    /// A message is longer than 8 MiB. Nothing of it was read, so that a stream of requests ends with it.
    MessageTooLarge, InvalidArgument, "MESSAGE_TOO_LARGE", ["max"], "split the request; a stream ends here: open another and send again what had no answer";
    /// A page token is of another query, was changed, or is too old.
    PageTokenInvalid, InvalidArgument, "PAGE_TOKEN_INVALID", [], "ask for the first page again";
    /// `known_at` lies in the future.
    KnownAtInFuture, InvalidArgument, "KNOWN_AT_IN_FUTURE", ["head"], "ask at or before the head";
    /// An event says what cannot be true of what is recorded.
    RuleViolated, FailedPrecondition, "RULE_VIOLATED", ["field", "rule"], "read the record, then correct the event";
    /// A native id is registered already.
    AlreadyRegistered, AlreadyExists, "ALREADY_REGISTERED", ["field", "entity"], "use the entity that is registered";
    /// A request id was used for other content.
    RequestIdReused, AlreadyExists, "REQUEST_ID_REUSED", ["first_position"], "use a new request id for new content";
    /// A history is in another state than the preconditions want.
    RevisionConflict, Aborted, "REVISION_CONFLICT", ["violations"], "read the history, decide again, retry";
    /// There is an event that the preconditions exclude.
    ConditionViolated, Aborted, "CONDITION_VIOLATED", ["violations"], "read the history, decide again, retry";
    /// A hold is in force on something that is to be erased.
    ErasureHeld, FailedPrecondition, "ERASURE_HELD", ["holds", "first"], "wait until the holds are released, or ask for less";
    /// The queue of appends is full.
    WriteQueueFull, ResourceExhausted, "WRITE_QUEUE_FULL", [], "retry after the delay, with the same request id";
    /// Free space is below the reserve.
    DiskNearlyFull, ResourceExhausted, "DISK_NEARLY_FULL", [], "tell the operator; nothing was written";
    /// The server's clock is more than 10 s behind the last entry.
    ClockBehind, Unavailable, "CLOCK_BEHIND", ["by_ms"], "tell the operator; retry later";
    /// The server's clock jumped forward.
    ClockJumped, Unavailable, "CLOCK_JUMPED", ["by_ms"], "tell the operator; retry later";
    /// The deadline passed before the request had a place; surely not written.
    DeadlineBeforeCommit, DeadlineExceeded, "DEADLINE_BEFORE_COMMIT", [], "retry";
    /// The store failed in the middle of the commit: the request is recorded whole or not at all, and which of the two
    /// the next start tells. Until then it is answered with WRITING_STOPPED.
    CommitOutcomeUnknown, Unknown, "COMMIT_OUTCOME_UNKNOWN", [], "ask again with the same request id, after the server's next start";
    /// An earlier failure stopped all writing until the next start: of the store, or of the index. This attempt wrote
    /// nothing. What became of an earlier attempt of the same request id is not known before the next start.
    WritingStopped, Unavailable, "WRITING_STOPPED", [], "tell the operator; ask again with the same request id, after the server's next start; reads go on";
    /// The log was closed for ever, as its last entries say; it may have a successor, which the CLOSE names. Reads and
    /// proofs go on.
    LogClosed, FailedPrecondition, "LOG_CLOSED", [], "append to the log that follows it";
    /// A data key that the request was sealed with was retired while it waited, for an erasure. Nothing was written.
    KeyRetired, Unavailable, "KEY_RETIRED", [], "retry at once, with the same request id";
    /// The server is ending.
    ServerShuttingDown, Unavailable, "SERVER_SHUTTING_DOWN", [], "retry elsewhere or later, with the same request id";
    /// No entry has this position.
    EntryNotFound, NotFound, "ENTRY_NOT_FOUND", ["position", "head"], "ask at or before the head";
    /// Nothing is recorded under this name up to the position of which the answer would be true.
    RecordNotFound, NotFound, "RECORD_NOT_FOUND", ["position"], "check the name; it may be recorded later";
    /// The views did not reach the position in time.
    ReadPositionTimeout, Unavailable, "READ_POSITION_TIMEOUT", ["applied", "wanted"], "retry";
    /// There is no view of this kind beside the live one.
    NothingToPromote, FailedPrecondition, "NOTHING_TO_PROMOTE", [], "see ListViews; rebuild the views first";
    /// The views cannot fold an entry: a newer program wrote it.
    ViewHalted, FailedPrecondition, "VIEW_HALTED", ["position"], "tell the operator: start a program that knows the entry";
    /// The answer about a record fits into no message, or is folded from more entries than are read for one answer.
    ResponseTooLarge, ResourceExhausted, "RESPONSE_TOO_LARGE", ["found", "max"], "ask for less";
    /// What is stored is not what was recorded.
    EntryDamaged, DataLoss, "ENTRY_DAMAGED", ["position"], "tell the operator: run probity verify";
    /// An entry cannot be had now: the system refused to read, or an earlier write failed. Nothing is known against it.
    EntryUnavailable, Unavailable, "ENTRY_UNAVAILABLE", ["position"], "tell the operator; ask again after the next start";
    /// The server seals nothing, so that no proof can be had. Nothing was written.
    PublishingOff, FailedPrecondition, "PUBLISHING_OFF", [], "tell the operator: see seal_every_ms; ask for RECORDED";
    /// The server asks no witnesses, so that none will cosign. Nothing was written.
    NoWitnessPolicy, FailedPrecondition, "NO_WITNESS_POLICY", [], "tell the operator; ask for SEALED";
    /// Nothing is published yet, or not since the last start.
    NotPublished, Unavailable, "NOT_PUBLISHED", [], "wait with GetCheckpoint, then retry";
    /// No published checkpoint reaches so far.
    CheckpointBeyond, FailedPrecondition, "CHECKPOINT_BEYOND", ["published", "wanted"], "wait with GetCheckpoint, or ask at or below the published size";
    /// The log was not sealed so far in time.
    CheckpointTimeout, DeadlineExceeded, "CHECKPOINT_TIMEOUT", ["published", "wanted"], "ask again; a checkpoint beyond the head of the log comes when something is recorded";
    /// Long proofs that were made wait for readers that are slow, as many as are kept in memory.
    ProofsHeld, ResourceExhausted, "PROOFS_HELD", [], "ask again later; proofs up to 64 KiB are made all the same";
    /// Nobody asked for an export with this id.
    ExportNotFound, NotFound, "EXPORT_NOT_FOUND", [], "ask for one with CreateExport";
    /// The export has no such file.
    ExportFileNotFound, NotFound, "EXPORT_FILE_NOT_FOUND", [], "see the files of GetExport";
    /// The export has no files: it is not done yet, it failed, or it was cancelled.
    ExportNotDone, FailedPrecondition, "EXPORT_NOT_DONE", ["state"], "wait while it is QUEUED or RUNNING, else ask for another";
    /// A request id was used for another export.
    ExportRequestIdReused, AlreadyExists, "EXPORT_REQUEST_ID_REUSED", [], "use a new request id for another export";
    /// As many exports wait as may.
    ExportQueueFull, ResourceExhausted, "EXPORT_QUEUE_FULL", [], "wait until one is done, or cancel one";
    /// The index, the keys or the store cannot be read.
    StoreUnreadable, Internal, "STORE_UNREADABLE", [], "tell the operator";
}

impl Reason {
    /// The reason that a status names; `None` for one that is not of the catalogue.
    pub fn of(status: &Status) -> Option<Self> {
        let details = status.get_details_error_info()?;
        Self::ALL.iter().copied().find(|reason| reason.name() == details.reason)
    }

    /// A status of this reason. `metadata` has the keys of [`Reason::keys`].
    pub fn status(self, message: impl Into<String>, metadata: &[(&str, String)]) -> Status {
        self.with_details(message, metadata, ErrorDetails::new())
    }

    /// The same, with further details.
    pub fn with_details(
        self,
        message: impl Into<String>,
        metadata: &[(&str, String)],
        mut details: ErrorDetails,
    ) -> Status {
        let metadata: std::collections::HashMap<_, _> =
            metadata.iter().map(|(key, value)| ((*key).to_owned(), short(value.clone()))).collect();
        details.set_error_info(self.name(), DOMAIN, metadata);
        Status::with_error_details(self.code(), short(message.into()), details)
    }
}

fn short(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES_MAX {
        let end = (0..=MESSAGE_BYTES_MAX - 3).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A field of a request that breaks a rule.
pub fn field_invalid(field: &str, rule: &str, message: impl Into<String>) -> Status {
    let message = message.into();
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation(field, short(message.clone()));
    let metadata = [("field", field.to_owned()), ("rule", rule.to_owned())];
    Reason::FieldInvalid.with_details(format!("{field}: {message}"), &metadata, details)
}

/// The status of a refused append.
pub fn of_append(error: &AppendError) -> Status {
    match error {
        AppendError::Refused(refusal) => of_refusal(refusal),
        AppendError::QueueFull => {
            let mut details = ErrorDetails::new();
            details.set_retry_info(Some(std::time::Duration::from_millis(50)));
            Reason::WriteQueueFull.with_details(error.to_string(), &[], details)
        }
        AppendError::DiskNearlyFull => Reason::DiskNearlyFull.status(error.to_string(), &[]),
        AppendError::ClockBehind { by_ms } => {
            Reason::ClockBehind.status(error.to_string(), &[("by_ms", by_ms.to_string())])
        }
        AppendError::ClockJumped { by_ms } => {
            Reason::ClockJumped.status(error.to_string(), &[("by_ms", by_ms.to_string())])
        }
        AppendError::DeadlineBeforeCommit => Reason::DeadlineBeforeCommit.status(error.to_string(), &[]),
        AppendError::OutcomeUnknown => Reason::CommitOutcomeUnknown.status(error.to_string(), &[]),
        AppendError::Stopped => Reason::WritingStopped.status(error.to_string(), &[]),
        AppendError::Closed => Reason::LogClosed.status(error.to_string(), &[]),
        AppendError::KeyRetired => Reason::KeyRetired.status(error.to_string(), &[]),
        AppendError::Ending => Reason::ServerShuttingDown.status(error.to_string(), &[]),
        AppendError::IndexUnreadable => Reason::StoreUnreadable.status(error.to_string(), &[]),
    }
}

/// The status of a refused request.
pub fn of_refusal(refusal: &Refusal) -> Status {
    let message = refusal.to_string();
    let event = |number: &u16| ("field", format!("events[{number}]"));
    let sizes = |found: &usize, max: usize| [("found", found.to_string()), ("max", max.to_string())];
    match refusal {
        Refusal::EventCount { found } => Reason::EventCount.status(message, &sizes(found, 1000)),
        Refusal::RequestTooLarge { found } => {
            Reason::RequestTooLarge.status(message, &sizes(found, crate::ledger::REQUEST_BYTES_MAX))
        }
        Refusal::EventTooLarge { number, found } => {
            let [found, max] = sizes(found, crate::ledger::EVENT_BYTES_MAX);
            Reason::EventTooLarge.status(message, &[event(number), found, max])
        }
        Refusal::Field { number, fault, .. } => {
            let field = field_path(*number, &fault.path);
            match &fault.rule {
                FieldRule::Unknown { .. } => Reason::UnknownField.status(message, &[("field", field)]),
                FieldRule::Undecodable { .. } => Reason::PayloadUndecodable.status(message, &[("field", field)]),
                rule => field_invalid(&field, rule.name(), rule.to_string()),
            }
        }
        Refusal::Sealed { number, part, fault, .. } => field_invalid(
            &format!("events[{number}].sealed[{part}].{}", fault.field()),
            fault.rule(),
            fault.to_string(),
        ),
        Refusal::Rule { number, rejection, .. } => {
            let field = field_path(*number, &rejection.field);
            let rule = rejection.rule.name();
            match rejection.rule.kind() {
                RuleKind::Field => field_invalid(&field, rule, rejection.to_string()),
                RuleKind::State => {
                    let mut details = ErrorDetails::new();
                    details.add_precondition_failure_violation(rule, field.clone(), short(rejection.to_string()));
                    let metadata = [("field", field), ("rule", rule.to_owned())];
                    Reason::RuleViolated.with_details(message, &metadata, details)
                }
            }
        }
        Refusal::AlreadyRegistered { number, entity_id, .. } => {
            let entity = if entity_id.is_empty() { String::new() } else { format!("entity/{entity_id}") };
            let metadata = [event(number), ("entity", entity)];
            Reason::AlreadyRegistered.status(message, &metadata)
        }
        Refusal::RequestIdReused { first_position } => {
            Reason::RequestIdReused.status(message, &[("first_position", first_position.to_string())])
        }
        Refusal::Conditions(violations) => of_violations(&message, violations),
        Refusal::Keys(_) => Reason::StoreUnreadable.status("the keys cannot be read", &[]),
    }
}

fn field_path(number: u16, path: &str) -> String {
    if path.is_empty() { format!("events[{number}]") } else { format!("events[{number}].{path}") }
}

fn of_violations(message: &str, violations: &[Violation]) -> Status {
    let mut details = ErrorDetails::new();
    for violation in violations.iter().take(VIOLATIONS_MAX) {
        match violation {
            Violation::Revision { condition, name, expected, actual } => {
                let expected = match expected {
                    Expected::Absent => "no entry".to_owned(),
                    Expected::Exists => "an entry".to_owned(),
                    Expected::Revision(revision) => format!("revision {revision}"),
                };
                let actual = actual.map_or_else(|| "no entry".to_owned(), |revision| format!("revision {revision}"));
                let description = format!("preconditions[{condition}]: expected {expected}, actual {actual}");
                details.add_precondition_failure_violation("REVISION", name.clone(), description);
            }
            Violation::Matching { condition, name, position } => {
                let description = format!("preconditions[{condition}]: a matching event stands at position {position}");
                details.add_precondition_failure_violation("NO_MATCHING_EVENTS", name.clone(), description);
            }
        }
    }
    let all_matching = violations.iter().all(|violation| matches!(violation, Violation::Matching { .. }));
    let reason = if all_matching { Reason::ConditionViolated } else { Reason::RevisionConflict };
    reason.with_details(message, &[("violations", violations.len().to_string())], details)
}

/// The status of a failed read.
pub fn of_index(error: &IndexError) -> Status {
    match error {
        IndexError::Entry { index, .. } => {
            tracing::error!(%error, "an entry is damaged");
            damaged(*index)
        }
        IndexError::Store(store) => of_store(store),
        IndexError::Replay(replay) if let Some(position) = error.unfoldable() => {
            tracing::error!(%error, "the views have halted");
            Reason::ViewHalted.status(replay.to_string(), &[("position", position.to_string())])
        }
        IndexError::Runs(_) | IndexError::Replay(_) => {
            tracing::error!(%error, "a read failed");
            Reason::StoreUnreadable.status("the store cannot be read", &[])
        }
    }
}

/// The status of a failed read of the log.
pub(super) fn of_store(error: &StoreError) -> Status {
    match error {
        StoreError::Damaged { volume, at, .. } => {
            tracing::error!(%error, "the log is damaged");
            damaged(at.unwrap_or(*volume))
        }
        StoreError::MissingVolume { volume, .. } => {
            tracing::error!(%error, "the log is damaged");
            damaged(*volume)
        }
        StoreError::Unreadable { volume, at, .. } => {
            tracing::error!(%error, "an entry could not be read");
            unavailable(at.unwrap_or(*volume))
        }
        _ => {
            tracing::error!(%error, "a read failed");
            Reason::StoreUnreadable.status("the store cannot be read", &[])
        }
    }
}

/// The status of a read that met damage.
pub(super) fn damaged(position: u64) -> Status {
    let message = format!("entry {position} as stored is not what was recorded; nothing of it is answered");
    Reason::EntryDamaged.status(message, &[("position", position.to_string())])
}

/// The status of a read of what cannot be had now.
pub(super) fn unavailable(position: u64) -> Status {
    let message = format!("entry {position} cannot be read now; nothing is known against it");
    Reason::EntryUnavailable.status(message, &[("position", position.to_string())])
}
