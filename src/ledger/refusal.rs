//! Why a request is refused. Nothing of it is written.

use thiserror::Error;

use crate::domain::Rejection;
use crate::events::EventType;
use crate::events::shape::FieldFault;
use crate::ledger::client::SealedFault;
use crate::ledger::precondition::Violation;
use crate::ledger::prepare::VaultError;

/// Why a request is refused. `number` is that of the event in the request, from 0.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No event, or more than 1,000.
    #[error("{found} events, 1 to 1000 in a request")]
    EventCount {
        /// Events.
        found: usize,
    },
    /// An event is longer than 256 KiB.
    #[error("event {number}: {found} bytes, at most 262144")]
    EventTooLarge {
        /// Which.
        number: u16,
        /// Bytes.
        found: usize,
    },
    /// All events together are longer than 4 MiB.
    #[error("{found} bytes of events, at most 4194304 in a request")]
    RequestTooLarge {
        /// Bytes.
        found: usize,
    },
    /// A field breaks a rule of its own.
    #[error("event {number} ({}): {fault}", event_type.name())]
    Field {
        /// Which event.
        number: u16,
        /// Its type.
        event_type: EventType,
        /// Which field, and the rule.
        fault: FieldFault,
    },
    /// A part that the client sealed is not as it must be.
    #[error("event {number} ({}), sealed part {part}: {fault}", event_type.name())]
    Sealed {
        /// Which event.
        number: u16,
        /// Its type.
        event_type: EventType,
        /// Its place among those that the client sealed, from 0.
        part: usize,
        /// What is wrong.
        fault: SealedFault,
    },
    /// An event says what cannot be true.
    #[error("event {number} ({}): {rejection}", event_type.name())]
    Rule {
        /// Which event.
        number: u16,
        /// Its type.
        event_type: EventType,
        /// Which rule.
        rejection: Rejection,
    },
    /// A person or body is registered already, under one of its native ids.
    #[error("event {number} ({}): one of its native ids is registered already", event_type.name())]
    AlreadyRegistered {
        /// Which event.
        number: u16,
        /// Its type.
        event_type: EventType,
        /// Id of the entity that is registered under it; empty where it is not to be told.
        entity_id: String,
    },
    /// The request id was used for other content.
    #[error("this request id was used at position {first_position} for other content")]
    RequestIdReused {
        /// Where the other content stands.
        first_position: u64,
    },
    /// Conditions do not hold; all of those that do not.
    #[error("{} of the conditions do not hold", .0.len())]
    Conditions(Vec<Violation>),
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(VaultError),
}
