//! From JSON in the proto mapping to messages and requests.

use prost::Message as _;
use prost_reflect::DynamicMessage;
use prost_reflect::MessageDescriptor;
use prost_reflect::Value as Field;
use prost_types::Any;
use serde_json::Value;

use crate::events::Event;
use crate::events::EventType;
use crate::events::POOL;
use crate::import::error::Refusal;
use crate::import::ids::ImportKey;
use crate::import::ids::sha256;
use crate::proto::v1::AppendRequest;
use crate::proto::v1::History;
use crate::proto::v1::Precondition;
use crate::proto::v1::ProposedEvent;
use crate::proto::v1::RevisionCondition;
use crate::proto::v1::history;
use crate::proto::v1::precondition;
use crate::proto::v1::revision_condition;

/// Reads an event: `{"@type": "type.googleapis.com/probity.events.v1.CaseOpened", …}`.
///
/// # Errors
///
/// `EVENT_TYPE_UNKNOWN`, `EVENT_INVALID`, `EVENT_TOO_LARGE`.
pub fn from_json(mut json: Value) -> Result<Any, Refusal> {
    let unknown = |what: &str| Refusal::new("EVENT_TYPE_UNKNOWN", what);
    let object = json.as_object_mut().ok_or_else(|| unknown("an event is an object with \"@type\""))?;
    let url = object.remove("@type").ok_or_else(|| unknown("\"@type\" is missing"))?;
    let url = url.as_str().ok_or_else(|| unknown("\"@type\" is no text"))?;
    let name = url.strip_prefix(TYPE_PREFIX).ok_or_else(|| unknown("\"@type\" begins with type.googleapis.com/"))?;
    message(name, json)
}

/// Reads the fields of an event of a known message.
///
/// # Errors
///
/// `EVENT_TYPE_UNKNOWN`, `EVENT_INVALID`, `EVENT_TOO_LARGE`.
pub fn message(name: &str, fields: Value) -> Result<Any, Refusal> {
    let descriptor = descriptor(name)?;
    let message = DynamicMessage::deserialize(descriptor, fields)
        .map_err(|error| Refusal::new("EVENT_INVALID", error.to_string()).at(name))?;
    // Encoded anew by the generated type: one spelling, with numbers packed, whatever the dynamic one would write.
    let event_type = EventType::of_message(name).expect("its descriptor was found, see above");
    let event = Event::decode(event_type, &message.encode_to_vec());
    let value = event.map_err(|error| Refusal::new("EVENT_INVALID", error.to_string()).at(name))?.encode();
    if value.len() > EVENT_LEN_MAX {
        let what = format!("{} bytes, where an event has at most {EVENT_LEN_MAX}", value.len());
        return Err(Refusal::new("EVENT_TOO_LARGE", what).at(name));
    }
    Ok(Any { type_url: format!("{TYPE_PREFIX}{name}"), value })
}

/// The event of a message, and its type.
///
/// # Errors
///
/// `EVENT_TYPE_UNKNOWN`, `EVENT_INVALID`.
pub fn read(event: &Any) -> Result<(EventType, Event), Refusal> {
    let name = event.type_url.strip_prefix(TYPE_PREFIX).unwrap_or_default();
    let unknown = || Refusal::new("EVENT_TYPE_UNKNOWN", format!("{name:?} is no event"));
    let event_type = EventType::of_message(name).ok_or_else(unknown)?;
    let read = Event::decode(event_type, &event.value);
    Ok((event_type, read.map_err(|error| Refusal::new("EVENT_INVALID", error.to_string()).at(name))?))
}

/// The name of the stream that an event is in, for example `case/01J…`.
pub fn stream_of(event: &Any) -> Option<String> {
    let descriptor = descriptor(event.type_url.strip_prefix(TYPE_PREFIX)?).ok()?;
    let message = DynamicMessage::decode(descriptor.clone(), event.value.as_slice()).ok()?;
    let option = POOL.get_extension_by_name("probity.options.v1.rules")?;
    descriptor.fields().find_map(|field| {
        let options = field.options();
        let rules = options.get_extension(&option);
        let rules = rules.as_message()?;
        let is_stream = rules.get_field_by_name("stream").is_some_and(|stream| *stream == Field::Bool(true));
        let kind = rules.get_field_by_name("id_of").filter(|_| is_stream)?;
        Some(format!("{}/{}", kind.as_str()?, message.get_field(&field).as_str()?))
    })
}

/// A request of these events.
///
/// # Errors
///
/// `TOO_MANY_EVENTS`, `REQUEST_TOO_LARGE`.
pub fn request(
    request_id: String,
    events: Vec<Any>,
    preconditions: Vec<Precondition>,
) -> Result<AppendRequest, Refusal> {
    if events.len() > EVENTS_MAX {
        let what = format!("{} events, where a request has at most {EVENTS_MAX}", events.len());
        return Err(Refusal::new("TOO_MANY_EVENTS", what));
    }
    let events = events.into_iter().map(|event| ProposedEvent { event: Some(event), sealed: Vec::new() }).collect();
    let request = AppendRequest { request_id, events, preconditions, acknowledgement: 0 };
    let len_bytes = request.encoded_len();
    if len_bytes > REQUEST_LEN_MAX {
        let what = format!("{len_bytes} bytes, where a request has at most {REQUEST_LEN_MAX}");
        return Err(Refusal::new("REQUEST_TOO_LARGE", what));
    }
    Ok(request)
}

/// The id of a request of these events: the same for ever, wherever the row came from.
pub fn request_id(key: &ImportKey, about: &[&str], events: &[Any]) -> String {
    let mut content = Vec::new();
    for event in events {
        content.extend_from_slice(&(event.type_url.len() as u64).to_be_bytes());
        content.extend_from_slice(event.type_url.as_bytes());
        content.extend_from_slice(&(event.value.len() as u64).to_be_bytes());
        content.extend_from_slice(&event.value);
    }
    let digest = sha256(&content);
    let mut parts: Vec<&[u8]> = about.iter().map(|part| part.as_bytes()).collect();
    parts.push(&digest);
    key.request_id(&parts)
}

/// That a stream has no event yet, or has one.
pub fn stream_is(stream: String, expected: revision_condition::Expected) -> Precondition {
    let history = History { of: Some(history::Of::Stream(stream)) };
    let condition = RevisionCondition { history: Some(history), expected: Some(expected) };
    Precondition { condition: Some(precondition::Condition::Revision(condition)) }
}

fn descriptor(name: &str) -> Result<MessageDescriptor, Refusal> {
    let known = EventType::of_message(name).and_then(|_| POOL.get_message_by_name(name));
    known.ok_or_else(|| Refusal::new("EVENT_TYPE_UNKNOWN", format!("{name:?} is no event")))
}

/// What stands before a message's name in `@type`.
pub const TYPE_PREFIX: &str = "type.googleapis.com/";
const EVENT_LEN_MAX: usize = 256 * 1024;
const EVENTS_MAX: usize = 1000;
/// 4 MiB, less what a stream's message puts around it.
const REQUEST_LEN_MAX: usize = 4 * 1024 * 1024 - 1024;
