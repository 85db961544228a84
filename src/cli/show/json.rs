//! The proto JSON mapping of an answer.

use prost::Message;
use prost_reflect::DynamicMessage;
use prost_reflect::SerializeOptions;
use serde_json::Serializer;

use crate::events::POOL;

/// An answer of `probity.v1` as indented JSON, with a line feed at the end.
pub(super) fn text<M: Message>(message: &str, answer: &M) -> String {
    let descriptor = POOL.get_message_by_name(&format!("probity.v1.{message}")).expect("the pool holds every message");
    let dynamic = DynamicMessage::decode(descriptor, answer.encode_to_vec().as_slice())
        .expect("what a message encodes, its descriptor reads");
    let mut bytes = Vec::new();
    dynamic
        .serialize_with_options(&mut Serializer::pretty(&mut bytes), &SerializeOptions::new())
        .expect("every field of an answer has a JSON form");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON is UTF-8")
}
