//! One story with every event: a petition, a case, a decision and what becomes of it, a declaration and its
//! verification, a correction and a void.

use std::collections::BTreeMap;

use probity::events::Event;
use probity::events::EventType;
use probity::events::POOL;
use probity::proto::v1;
use prost::Message as _;
use prost_reflect::DynamicMessage;

use crate::service::story::append;
use crate::service::story::id;

/// An event of the story, as a message whose fields can be changed.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) event_type: EventType,
    pub(crate) message: DynamicMessage,
}

impl Told {
    pub(crate) fn event(&self) -> Event {
        Event::decode(self.event_type, &self.message.encode_to_vec()).unwrap()
    }

    pub(crate) fn request(&self, number: u64) -> v1::AppendRequest {
        append(number, [self.event()])
    }
}

/// The events of a story in their order. Each is to be appended by itself to a log that has nothing but GENESIS, so
/// that the entry of the first is at position 1; stories of other numbers may follow, without the last two events.
pub(crate) fn events(number: u64) -> Vec<Told> {
    let mut positions = BTreeMap::new();
    let lines = include_str!("story.jsonl").lines().zip(1_u64..);
    lines
        .map(|(line, position)| {
            let (name, json): (String, serde_json::Value) = serde_json::from_str(line).unwrap();
            let event_type = EventType::ALL.into_iter().find(|event_type| event_type.name() == name).unwrap();
            positions.entry(name).or_insert(position);
            let message = POOL.get_message_by_name(event_type.message()).unwrap();
            let json = filled(json, number, &positions);
            Told { event_type, message: DynamicMessage::deserialize(message, json).unwrap() }
        })
        .collect()
}

/// The id behind a sign such as `$p1`.
pub(crate) fn id_of(number: u64, sign: &str) -> String {
    id(number, sign.bytes().fold(0, |thing, byte| thing << 8 | u64::from(byte)))
}

fn filled(json: serde_json::Value, number: u64, positions: &BTreeMap<String, u64>) -> serde_json::Value {
    use serde_json::Value;
    match json {
        Value::String(text) => match (text.find('$'), text.strip_prefix('@')) {
            (Some(at), _) => Value::String(format!("{}{}", &text[..at], id_of(number, &text[at + 1..]))),
            (None, Some(name)) => Value::String(positions[name].to_string()),
            (None, None) => Value::String(text),
        },
        Value::Array(items) => items.into_iter().map(|item| filled(item, number, positions)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, filled(value, number, positions))).collect()
        }
        other => other,
    }
}
