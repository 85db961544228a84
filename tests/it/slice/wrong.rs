//! What can be wrong with one field of an event, made from the rules that stand at the fields.

use probity::events::EventType;
use probity::proto::v1;
use probity::server::errors::Reason;
use prost::Message as _;
use prost_reflect::DynamicMessage;
use prost_reflect::FieldDescriptor;
use prost_reflect::Kind;
use prost_reflect::ReflectMessage as _;
use prost_reflect::Value;

use super::story::Told;
use crate::protos::Rules;
use crate::service::story::MARKER;
use crate::service::story::append;
use crate::service::story::raw;

/// An event with one field wrong, and what it gets.
pub(super) struct Wrong {
    pub(super) what: String,
    event_type: EventType,
    message: DynamicMessage,
    pub(super) reason: Reason,
    pub(super) field: String,
    pub(super) rule: &'static str,
}

impl Wrong {
    pub(super) fn request(&self, number: u64) -> v1::AppendRequest {
        let event = raw(self.event_type.message(), self.message.encode_to_vec());
        v1::AppendRequest { events: vec![event], ..append(number, []) }
    }
}

/// Every way in which one field of the event can be wrong by itself.
pub(super) fn each(told: &Told) -> Vec<Wrong> {
    let mut found = Vec::new();
    let mut path = Vec::new();
    of_message(told, &told.message, &mut path, &mut found);
    found
}

/// A step to a field: itself, and the element where it is repeated.
#[derive(Clone)]
struct Step {
    field: FieldDescriptor,
    element: Option<usize>,
}

fn of_message(told: &Told, message: &DynamicMessage, path: &mut Vec<Step>, found: &mut Vec<Wrong>) {
    let fields: Vec<FieldDescriptor> = message.descriptor().fields().collect();
    for field in fields.into_iter().filter(|field| message.has_field(field)) {
        of_field(told, message, &field, path, found);
        let values: Vec<(Option<usize>, Value)> = match &*message.get_field(&field) {
            Value::List(items) => items.iter().cloned().enumerate().map(|(place, item)| (Some(place), item)).collect(),
            other => vec![(None, other.clone())],
        };
        for (element, value) in values.into_iter().take(1) {
            if let Value::Message(inner) = &value {
                path.push(Step { field: field.clone(), element });
                of_message(told, inner, path, found);
                path.pop();
            }
        }
    }
}

fn of_field(told: &Told, message: &DynamicMessage, field: &FieldDescriptor, path: &[Step], found: &mut Vec<Wrong>) {
    let rules = Rules::of(field);
    let value = message.get_field(field).into_owned();
    let mut wrong = |why: &str, value: Option<Value>, at: &str, rule: &'static str| {
        let mut whole = told.message.clone();
        set(&mut whole, path, field, value);
        let field = format!("events[0].{}{}{at}", prefix(path), field.name());
        let what = format!("{} with {field} {why}", told.event_type.name());
        let event_type = told.event_type;
        found.push(Wrong { what, event_type, message: whole, reason: Reason::FieldInvalid, field, rule });
    };
    let one = |value: Value| if field.is_list() { Value::List(vec![value]) } else { value };
    let at = if field.is_list() { "[0]" } else { "" };
    if rules.required {
        wrong("absent", None, "", "REQUIRED");
    }
    if rules.max_items > 0 {
        let first = value.as_list().and_then(|items| items.first()).unwrap().clone();
        let more = rules.max_items as usize + 1;
        wrong("too often", Some(Value::List(vec![first; more])), &format!("[{}]", rules.max_items), "TOO_MANY");
    }
    if !rules.id_of.is_empty() {
        wrong("no id", Some(one(Value::String(MARKER.to_owned()))), at, "NOT_AN_ID");
    } else if rules.format > 0 {
        wrong("of another format", Some(one(Value::String(format!(" {MARKER}\u{7}")))), at, "FORMAT");
    }
    if rules.max_bytes > 0 && matches!(field.kind(), Kind::String) {
        let long = "x".repeat(rules.max_bytes as usize + 1);
        wrong("too long", Some(one(Value::String(long))), at, "TOO_LONG");
    }
    if matches!(field.kind(), Kind::Enum(_)) {
        wrong("no such value", Some(one(Value::EnumNumber(99))), at, "UNDEFINED_ENUM");
    }
    let is_date = matches!(field.kind(), Kind::Message(kind) if kind.full_name() == "probity.events.v1.PartialDate");
    if is_date {
        let mut date = value.as_message().unwrap().clone();
        date.set_field_by_name("month", Value::U32(13));
        // The rule of a correction's values is that of the field that they are for.
        if told.event_type != EventType::RecordCorrected {
            wrong("of no calendar", Some(Value::Message(date)), "", "DATE_IMPOSSIBLE");
        }
    }
}

fn prefix(path: &[Step]) -> String {
    let step = |step: &Step| match step.element {
        Some(element) => format!("{}[{element}].", step.field.name()),
        None => format!("{}.", step.field.name()),
    };
    path.iter().map(step).collect()
}

fn set(message: &mut DynamicMessage, path: &[Step], field: &FieldDescriptor, value: Option<Value>) {
    let Some((step, rest)) = path.split_first() else {
        match value {
            Some(value) => message.set_field(field, value),
            None => message.clear_field(field),
        }
        return;
    };
    let inner = message.get_field_mut(&step.field);
    let inner = match step.element {
        Some(element) => inner.as_list_mut().unwrap().get_mut(element).unwrap(),
        None => inner,
    };
    set(inner.as_message_mut().unwrap(), rest, field, value);
}
