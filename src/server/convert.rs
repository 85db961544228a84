//! Messages of the wire become values of the ledger, and back. What is wrong with a request's own fields is said here.

use prost_types::Any;
use prost_types::Timestamp;
use tonic::Status;
use uuid::Uuid;

use crate::events::EventType;
use crate::ledger::ClientPart;
use crate::ledger::Condition;
use crate::ledger::ContentChecked;
use crate::ledger::Expected;
use crate::ledger::History;
use crate::ledger::NoMatchingEvents;
use crate::ledger::Proposed;
use crate::ledger::Request;
use crate::ledger::Unchecked;
use crate::log::Commitment;
use crate::log::Key;
use crate::log::Name;
use crate::log::PARTS_MAX;
use crate::log::SealedBy;
use crate::proto::v1;
use crate::proto::v1::history::Of;
use crate::proto::v1::precondition::Condition as WireCondition;
use crate::proto::v1::revision_condition::Expected as WireExpected;
use crate::sequencer::Recorded;
use crate::server::errors::Reason;
use crate::server::errors::field_invalid;
use crate::service::EntryRead;

/// The most event types of one condition.
const CONDITION_TYPES_MAX: usize = 16;

/// The most conditions of one request.
const CONDITIONS_MAX: usize = 1000;

/// An append of a principal, as the ledger takes it.
///
/// # Errors
///
/// INVALID_ARGUMENT, naming the field.
pub fn request(append: v1::AppendRequest, principal: &str) -> Result<Request, Status> {
    let request_id = request_id(&append.request_id)?;
    if append.preconditions.len() > CONDITIONS_MAX {
        let message = format!("{} conditions, at most {CONDITIONS_MAX}", append.preconditions.len());
        return Err(field_invalid("preconditions", "TOO_MANY", message));
    }
    let events = append.events.into_iter().enumerate().map(|(number, event)| proposed(number, event));
    let conditions = append.preconditions.into_iter().enumerate().map(|(number, wanted)| condition(number, wanted));
    Ok(Request {
        principal: principal.to_owned(),
        request_id,
        events: events.collect::<Result<_, _>>()?,
        conditions: conditions.collect::<Result<_, _>>()?,
    })
}

fn request_id(text: &str) -> Result<[u8; 16], Status> {
    uuid("request_id", text)
}

/// The id in a field.
///
/// # Errors
///
/// INVALID_ARGUMENT, naming the field.
pub(super) fn uuid(field: &str, text: &str) -> Result<[u8; 16], Status> {
    let good = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let parsed = Uuid::try_parse(text).ok().filter(|id| good && !id.is_nil());
    let message = format!("a UUID of 36 characters in lower case, not this of {} bytes", text.len());
    parsed.map(Uuid::into_bytes).ok_or_else(|| field_invalid(field, "FORMAT", message))
}

/// Whether clients append events of a type; the others the service records by itself.
pub(super) const fn is_appendable(event_type: EventType) -> bool {
    !matches!(event_type, EventType::EntryErased | EventType::AccessRecorded | EventType::EmergencyReviewed)
}

fn proposed(number: usize, event: v1::ProposedEvent) -> Result<Proposed, Status> {
    let field = || format!("events[{number}].event");
    let Some(any) = event.event else { return Err(field_invalid(&field(), "REQUIRED", "must be set")) };
    let full_name = any.type_url.rsplit_once('/').map_or("", |(_, name)| name);
    let Some(event_type) = EventType::of_message(full_name).filter(|event_type| is_appendable(*event_type)) else {
        let message = format!("{}: the type_url names no event that can be appended", field());
        return Err(Reason::EventTypeUnknown.status(message, &[("field", field())]));
    };
    if event.sealed.len() > PARTS_MAX {
        let message = format!("{} parts, at most {PARTS_MAX}", event.sealed.len());
        return Err(field_invalid(&format!("events[{number}].sealed"), "TOO_MANY", message));
    }
    let sealed = event.sealed.into_iter().enumerate();
    let sealed = sealed.map(|(at, part)| client_part(&format!("events[{number}].sealed[{at}]"), part));
    Ok(Proposed { event_type, bytes: any.value.into(), sealed: sealed.collect::<Result<_, _>>()? })
}

/// A part that a client sealed. What is of another length than it can be is refused here, the rest by the ledger.
fn client_part(at: &str, part: v1::ClientSealedPart) -> Result<ClientPart, Status> {
    let length = |name: &str, found: usize, wanted: usize| {
        field_invalid(&format!("{at}.{name}"), "LENGTH", format!("{found} bytes, where {wanted} are wanted"))
    };
    let small = |name: &str, number: u32, what: &str| {
        u8::try_from(number).map_err(|_| field_invalid(&format!("{at}.{name}"), "OUT_OF_RANGE", what.to_owned()))
    };
    let key_id = part.key_id[..].try_into().map_err(|_| length("key_id", part.key_id.len(), 16))?;
    let content = part.content_commitment[..].try_into();
    let content = content.map_err(|_| length("content_commitment", part.content_commitment.len(), 32))?;
    Ok(ClientPart {
        field: part.field,
        part: small("part", part.part, "a part is 0 to 30")?,
        class: small("personal_class", part.personal_class, "a class is 2 to 5")?,
        key_id,
        content: Commitment(content),
        ciphertext: part.ciphertext,
    })
}

fn condition(number: usize, wanted: v1::Precondition) -> Result<Condition, Status> {
    let field = |name: &str| format!("preconditions[{number}].{name}");
    match wanted.condition {
        Some(WireCondition::Revision(wanted)) => {
            let required = || field_invalid(&field("revision.expected"), "REQUIRED", "must be set");
            let only_true = || field_invalid(&field("revision.expected"), "FORMAT", "absent and exists are true");
            Ok(Condition::Revision {
                history: history(wanted.history, &field("revision.history"))?,
                expected: match wanted.expected.ok_or_else(required)? {
                    WireExpected::Absent(true) => Expected::Absent,
                    WireExpected::Exists(true) => Expected::Exists,
                    WireExpected::Absent(false) | WireExpected::Exists(false) => return Err(only_true()),
                    WireExpected::Revision(revision) => Expected::Revision(revision),
                },
            })
        }
        Some(WireCondition::NoMatchingEvents(wanted)) => {
            let types = field("no_matching_events.event_types");
            if !(1..=CONDITION_TYPES_MAX).contains(&wanted.event_types.len()) {
                let message = format!("1 to {CONDITION_TYPES_MAX} types, not {}", wanted.event_types.len());
                return Err(field_invalid(&types, "TOO_MANY", message));
            }
            let known = |name: &String| EventType::ALL.iter().any(|event_type| event_type.name() == name);
            if let Some(at) = wanted.event_types.iter().position(|name| !known(name)) {
                return Err(field_invalid(&format!("{types}[{at}]"), "EVENT_TYPE_UNKNOWN", "no event has this type"));
            }
            Ok(Condition::NoMatchingEvents(NoMatchingEvents {
                history: history(wanted.history, &field("no_matching_events.history"))?,
                event_types: wanted.event_types,
                after: wanted.after,
            }))
        }
        None => Err(field_invalid(&field("condition"), "REQUIRED", "must be set")),
    }
}

/// A history by its name.
///
/// # Errors
///
/// INVALID_ARGUMENT: it is not set, or its name is none.
pub fn history(history: Option<v1::History>, field: &str) -> Result<History, Status> {
    let required = || field_invalid(field, "REQUIRED", "must be set");
    let (text, of, key): (String, &str, fn(&Name) -> Key) = match history.and_then(|history| history.of) {
        Some(Of::Stream(name)) => (name, "stream", Key::of_stream),
        Some(Of::Subject(name)) => (name, "subject", Key::of_subject),
        None => return Err(required()),
    };
    let name =
        Name::parse(&text).map_err(|error| field_invalid(&format!("{field}.{of}"), "NOT_A_NAME", error.to_string()))?;
    Ok(History { name: text, key: key(&name) })
}

/// The receipt of an append, of which nothing more is known than that it is recorded, and what of it could not be checked.
pub fn receipt(recorded: Recorded, unchecked: &[Unchecked]) -> v1::AppendResponse {
    let receipt = recorded.receipt;
    v1::AppendResponse {
        first_position: receipt.first_index,
        count: u32::from(receipt.count),
        recorded_at: Some(timestamp(receipt.recorded_at_ms)),
        leaf_hash: receipt.leaf_hash.as_bytes().to_vec().into(),
        revisions: receipt.revisions,
        replayed: recorded.replayed.is_some(),
        content_checked: match recorded.replayed {
            None => v1::ContentChecked::Unspecified,
            Some(ContentChecked::Wholly) => v1::ContentChecked::Wholly,
            Some(ContentChecked::Partly) => v1::ContentChecked::Partly,
        }
        .into(),
        acknowledgement: v1::Acknowledgement::Recorded.into(),
        proof: None,
        unchecked: unchecked.iter().map(unread).collect(),
    }
}

fn unread(unchecked: &Unchecked) -> v1::Unchecked {
    v1::Unchecked {
        event: unchecked.number.into(),
        field: unchecked.field.to_owned(),
        rules: unchecked.rules.iter().map(|rule| (*rule).to_owned()).collect(),
    }
}

/// An entry, whole or its headers.
pub fn entry(read: EntryRead, full: bool) -> v1::Entry {
    let EntryRead { checked, open_erased_by, parts_erased_by } = read;
    let manifest = checked.manifest;
    let event_type = manifest.as_ref().and_then(|manifest| EventType::parse(&manifest.event_type, manifest.version));
    let open = checked.entry.open.filter(|_| full);
    let named = manifest.iter().flat_map(|manifest| &manifest.parts);
    let sealed_parts = named
        .zip(checked.entry.parts)
        .zip(parts_erased_by)
        .map(|((named, kept), erased_by)| v1::SealedPart {
            personal_class: u32::from(named.class),
            key_id: named.key_id.to_vec().into(),
            ciphertext: kept.filter(|_| full).unwrap_or_default(),
            erased_by,
            sealed_by_client: named.sealed_by == SealedBy::Client,
        })
        .collect();
    v1::Entry {
        position: checked.leaf.index,
        recorded_at: Some(timestamp(checked.leaf.recorded_at_ms)),
        leaf: checked.entry.leaf,
        leaf_hash: checked.leaf_hash.as_bytes().to_vec().into(),
        manifest: checked.entry.manifest,
        principal: manifest.as_ref().map(|manifest| manifest.principal.clone()).unwrap_or_default(),
        event_type: manifest.as_ref().map(|manifest| manifest.event_type.clone()).unwrap_or_default(),
        request_id: manifest
            .as_ref()
            .map(|manifest| Uuid::from_bytes(manifest.request_id).to_string())
            .unwrap_or_default(),
        open_salt: open.as_ref().map(|open| open.salt.to_vec().into()).unwrap_or_default(),
        open_payload: open.map(|open| Any { type_url: type_url(event_type), value: open.payload.to_vec() }),
        sealed_parts,
        open_payload_erased_by: open_erased_by,
    }
}

fn type_url(event_type: Option<EventType>) -> String {
    format!("type.googleapis.com/{}", event_type.map_or("", EventType::message))
}

/// A time of the wire.
pub fn timestamp(unix_ms: u64) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(unix_ms / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(unix_ms % 1000 * 1_000_000).expect("less than a second"),
    }
}

/// A time of the wire in Unix milliseconds, rounded down.
///
/// # Errors
///
/// INVALID_ARGUMENT: it is before 1970, or its nanoseconds are none.
pub fn unix_ms(time: &Timestamp, field: &str) -> Result<u64, Status> {
    let invalid = || field_invalid(field, "FORMAT", "a time from 1970 on, with nanoseconds below a second");
    let seconds = u64::try_from(time.seconds).map_err(|_| invalid())?;
    let nanos = u64::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000).ok_or_else(invalid)?;
    seconds.checked_mul(1000).map(|ms| ms + nanos / 1_000_000).ok_or_else(invalid)
}
