//! What an event should have said: fields of its open payload replaced by those of a correction.

use prost::Message;
use prost_reflect::DynamicMessage;
use prost_reflect::FieldDescriptor;
use prost_reflect::Kind;
use prost_reflect::ReflectMessage;
use prost_reflect::Value;
use thiserror::Error;

use crate::events::Event;
use crate::events::FieldCorrection;
use crate::events::POOL;
use crate::events::field_correction;
use crate::events::shape;

/// Why a correction does not fit the event. The number is that of the field in the correction, from 0.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CorrectionFault {
    /// The event has no such field, or it is sealed.
    #[error("the event has no field of this path")]
    NoSuchField {
        /// Which.
        field: usize,
    },
    /// The field is an id, or a number that other entries point to.
    #[error("ids and numbers that others point to are not corrected")]
    Pointed {
        /// Which.
        field: usize,
    },
    /// The field holds values of another type.
    #[error("the field holds another type of value")]
    OtherType {
        /// Which.
        field: usize,
    },
    /// The event as it would be breaks a rule of one of its fields.
    #[error("as corrected, {0}")]
    Broken(shape::FieldFault),
}

/// The event as it should have been. `event` has no personal fields, and neither has the result.
///
/// # Errors
///
/// A path or value does not fit, or the result breaks a rule of its fields.
pub fn corrected(event: &Event, fields: &[FieldCorrection]) -> Result<Event, CorrectionFault> {
    let event_type = event.event_type();
    let message = POOL.get_message_by_name(event_type.message()).expect("events come from these descriptors");
    let mut whole = DynamicMessage::decode(message, event.encode().as_slice()).expect("an event is such a message");
    for (field, correction) in fields.iter().enumerate() {
        replace(&mut whole, &correction.path, correction.value.as_ref(), field)?;
    }
    // Decoded again, so that there is one spelling.
    let event = Event::decode(event_type, &whole.encode_to_vec()).expect("it was a message of this type");
    shape::check_corrected(event_type, &event.encode()).map_err(CorrectionFault::Broken)?;
    Ok(event)
}

fn replace(
    message: &mut DynamicMessage,
    path: &str,
    value: Option<&field_correction::Value>,
    number: usize,
) -> Result<(), CorrectionFault> {
    let unknown = CorrectionFault::NoSuchField { field: number };
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (name, element) = element(first).ok_or_else(|| unknown.clone())?;
    let field = message.descriptor().get_field_by_name(name).ok_or_else(|| unknown.clone())?;
    if is_sealed(&field) {
        return Err(unknown);
    }
    if is_pointed_to(&field) {
        return Err(CorrectionFault::Pointed { field: number });
    }
    if field.is_list() != element.is_some() {
        return Err(unknown);
    }
    let Some(rest) = rest else {
        return match (element, value) {
            (None, None) => {
                message.clear_field(&field);
                Ok(())
            }
            (None, Some(value)) => {
                let value = converted(&field, value).ok_or(CorrectionFault::OtherType { field: number })?;
                message.set_field(&field, value);
                Ok(())
            }
            // Elements are not taken out: the numbers of those behind would change.
            (Some(_), None) => Err(CorrectionFault::OtherType { field: number }),
            (Some(element), Some(value)) => {
                let value = converted(&field, value).ok_or(CorrectionFault::OtherType { field: number })?;
                let list = message.get_field_mut(&field).as_list_mut().and_then(|list| list.get_mut(element));
                *list.ok_or(unknown)? = value;
                Ok(())
            }
        };
    };
    // Dates and stretches of time are corrected whole: what rests on them looks at nothing less.
    if let Kind::Message(kind) = field.kind()
        && matches!(kind.name(), "PartialDate" | "Period")
    {
        return Err(unknown);
    }
    // A message that is not there stays away: its parts cannot be corrected, it can.
    if element.is_none() && !message.has_field(&field) {
        return Err(unknown);
    }
    let inner = match element {
        None => message.get_field_mut(&field).as_message_mut(),
        Some(element) => {
            let list = message.get_field_mut(&field).as_list_mut();
            list.and_then(|list| list.get_mut(element)).and_then(Value::as_message_mut)
        }
    };
    replace(inner.ok_or(unknown)?, rest, value, number)
}

/// `items[3]` is the name and the number.
fn element(text: &str) -> Option<(&str, Option<usize>)> {
    let Some((name, rest)) = text.split_once('[') else { return Some((text, None)) };
    Some((name, Some(rest.strip_suffix(']')?.parse().ok()?)))
}

fn rule(field: &FieldDescriptor, name: &str) -> Option<Value> {
    let options = field.options();
    let rules = POOL.get_extension_by_name("probity.options.v1.rules").expect("options.proto defines `rules`");
    let rules = options.get_extension(&rules);
    let rules = rules.as_message()?;
    rules.has_field_by_name(name).then(|| rules.get_field_by_name(name).map(std::borrow::Cow::into_owned))?
}

fn is_sealed(field: &FieldDescriptor) -> bool {
    rule(field, "seal").is_some()
}

fn is_pointed_to(field: &FieldDescriptor) -> bool {
    let named = field.name();
    rule(field, "id_of").is_some() || named.ends_with("_number") || named.ends_with("_numbers") || named == "cause"
}

/// A value of the field's own type, made of the correction's.
fn converted(field: &FieldDescriptor, value: &field_correction::Value) -> Option<Value> {
    use field_correction::Value as New;
    let whole = |message: &dyn Fn(&mut DynamicMessage) -> Option<()>, name: &str| match field.kind() {
        Kind::Message(kind) if kind.full_name() == name => {
            let mut dynamic = DynamicMessage::new(kind);
            message(&mut dynamic)?;
            Some(Value::Message(dynamic))
        }
        _ => None,
    };
    match (value, field.kind()) {
        (New::Date(date), _) => whole(&|to| to.transcode_from(date).ok(), "probity.events.v1.PartialDate"),
        (New::Period(period), _) => whole(&|to| to.transcode_from(period).ok(), "probity.events.v1.Period"),
        (New::Term(term), _) => whole(&|to| to.transcode_from(term).ok(), "probity.events.v1.Term"),
        (New::Code(code), _) => whole(&|to| to.transcode_from(code).ok(), "probity.events.v1.Code"),
        (New::Amount(money), _) => whole(&|to| to.transcode_from(money).ok(), "probity.events.v1.Money"),
        (New::Text(text), Kind::String) => Some(Value::String(text.clone())),
        (New::Flag(flag), Kind::Bool) => Some(Value::Bool(*flag)),
        (New::Number(number), Kind::Uint32) => u32::try_from(*number).ok().map(Value::U32),
        (New::Number(number), Kind::Uint64) => u64::try_from(*number).ok().map(Value::U64),
        (New::Number(number), Kind::Int32) => i32::try_from(*number).ok().map(Value::I32),
        (New::Number(number), Kind::Int64) => Some(Value::I64(*number)),
        (New::EnumValue(name), Kind::Enum(kind)) => {
            kind.get_value_by_name(name).map(|value| Value::EnumNumber(value.number()))
        }
        _ => None,
    }
}
