//! The table itself, made once from the descriptors.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost_reflect::Cardinality;
use prost_reflect::DynamicMessage;
use prost_reflect::ExtensionDescriptor;
use prost_reflect::FieldDescriptor;
use prost_reflect::Kind as ProtoKind;
use prost_reflect::MessageDescriptor;

use crate::events::EventType;
use crate::events::POOL;
use crate::events::shape::field::Format;

/// A message: its fields by ascending number.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) fields: Vec<Field>,
}

impl Shape {
    /// Where a field stands in `fields`: in most messages at its number.
    pub(super) fn place_of(&self, number: u32) -> Option<usize> {
        let likely = usize::try_from(number).ok()?.checked_sub(1)?;
        match self.fields.get(likely) {
            Some(field) if field.number == number => Some(likely),
            _ => self.fields.iter().position(|field| field.number == number),
        }
    }
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the options")]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
    /// Whether "not set" differs from the default: such a value may be written out though it is the default.
    pub(super) presence: bool,
    /// The oneof it belongs to.
    pub(super) oneof: Option<usize>,
    pub(super) required: bool,
    pub(super) format: Format,
    pub(super) id_of: Option<&'static str>,
    pub(super) stream: bool,
    pub(super) subject: bool,
    pub(super) max_bytes: usize,
    pub(super) max_items: usize,
    pub(super) seal: Option<Seal>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Bool,
    Uint32,
    Uint64,
    Int32,
    Int64,
    Enum(Vec<i32>),
    String,
    Bytes,
    Message(usize),
}

#[derive(Debug)]
pub(super) struct Seal {
    pub(super) class: u8,
    /// Index of the field, in the same message, whose id owns the data key.
    pub(super) key_of: usize,
    /// Index of the field, in the same message, whose year the key is for.
    pub(super) year_of: Option<usize>,
}

struct Table {
    shapes: Vec<Shape>,
    /// By the number of the event type.
    of_event: Vec<usize>,
    /// Requests of the services, by full name.
    of_request: HashMap<String, usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(build);

pub(super) fn shape_of(event_type: EventType) -> &'static Shape {
    let table = &*TABLE;
    &table.shapes[table.of_event[event_type as usize]]
}

pub(super) fn shape_of_request(full_name: &str) -> Option<&'static Shape> {
    TABLE.of_request.get(full_name).map(|index| &TABLE.shapes[*index])
}

pub(super) fn shape(index: usize) -> &'static Shape {
    &TABLE.shapes[index]
}

fn build() -> Table {
    let rules = POOL.get_extension_by_name("probity.options.v1.rules").expect("options.proto defines `rules`");
    let mut builder = Builder { rules, shapes: Vec::new(), known: HashMap::new() };
    let of_event = EventType::ALL
        .into_iter()
        .map(|event_type| {
            let message = POOL.get_message_by_name(event_type.message()).expect("events come from these descriptors");
            builder.add(&message)
        })
        .collect();
    let methods = POOL.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let of_request =
        methods.map(|method| (method.input().full_name().to_owned(), builder.add(&method.input()))).collect();
    Table { shapes: builder.shapes, of_event, of_request }
}

struct Builder {
    rules: ExtensionDescriptor,
    shapes: Vec<Shape>,
    known: HashMap<String, usize>,
}

impl Builder {
    fn add(&mut self, message: &MessageDescriptor) -> usize {
        if let Some(index) = self.known.get(message.full_name()) {
            return *index;
        }
        let index = self.shapes.len();
        self.known.insert(message.full_name().to_owned(), index);
        self.shapes.push(Shape { fields: Vec::new() });
        let mut descriptors: Vec<FieldDescriptor> = message.fields().collect();
        descriptors.sort_by_key(FieldDescriptor::number);
        let fields = descriptors.iter().map(|field| self.field(field, &descriptors)).collect();
        self.shapes[index].fields = fields;
        index
    }

    fn field(&mut self, field: &FieldDescriptor, siblings: &[FieldDescriptor]) -> Field {
        let options = field.options();
        let rules = options.get_extension(&self.rules);
        let rules = rules.as_message().expect("`rules` is a message");
        let id_of = text_rule(rules, "id_of");
        Field {
            number: field.number(),
            name: leak(field.name()),
            kind: self.kind(field),
            repeated: field.cardinality() == Cardinality::Repeated,
            presence: field.supports_presence(),
            oneof: oneof(field),
            required: bool_rule(rules, "required"),
            format: Format::of_number(enum_rule(rules, "format")).expect("every format is known here"),
            id_of: (!id_of.is_empty()).then(|| leak(&id_of)),
            stream: bool_rule(rules, "stream"),
            subject: bool_rule(rules, "subject"),
            max_bytes: number_rule(rules, "max_bytes"),
            max_items: number_rule(rules, "max_items"),
            seal: seal(rules, siblings),
        }
    }

    fn kind(&mut self, field: &FieldDescriptor) -> Kind {
        match field.kind() {
            ProtoKind::Bool => Kind::Bool,
            ProtoKind::Uint32 => Kind::Uint32,
            ProtoKind::Uint64 => Kind::Uint64,
            ProtoKind::Int32 => Kind::Int32,
            ProtoKind::Int64 => Kind::Int64,
            ProtoKind::String => Kind::String,
            ProtoKind::Bytes => Kind::Bytes,
            ProtoKind::Enum(values) => Kind::Enum(values.values().map(|value| value.number()).collect()),
            ProtoKind::Message(message) => Kind::Message(self.add(&message)),
            other => unreachable!("events have no field of type {other:?}; the proto lint refuses it"),
        }
    }
}

fn seal(rules: &DynamicMessage, siblings: &[FieldDescriptor]) -> Option<Seal> {
    let seal = rules.has_field_by_name("seal").then(|| rules.get_field_by_name("seal"))??;
    let seal = seal.as_message().expect("`seal` is a message");
    let sibling = |name: &str| siblings.iter().position(|field| field.name() == name);
    Some(Seal {
        class: u8::try_from(enum_rule(seal, "class")).expect("classes are 2 to 5"),
        key_of: sibling(&text_rule(seal, "key_of")).expect("`key_of` names a field of the same message"),
        year_of: sibling(&text_rule(seal, "year_of")),
    })
}

/// The oneof that a field belongs to, unless protobuf made it only to say `optional`.
fn oneof(field: &FieldDescriptor) -> Option<usize> {
    let oneof = field.containing_oneof().filter(|_| !field.field_descriptor_proto().proto3_optional())?;
    field.parent_message().oneofs().position(|other| other.name() == oneof.name())
}

/// Names live as long as the program, and are made once.
fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn text_rule(rules: &DynamicMessage, name: &str) -> String {
    rules.get_field_by_name(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn bool_rule(rules: &DynamicMessage, name: &str) -> bool {
    rules.get_field_by_name(name).and_then(|value| value.as_bool()).unwrap_or_default()
}

fn enum_rule(rules: &DynamicMessage, name: &str) -> i32 {
    rules.get_field_by_name(name).and_then(|value| value.as_enum_number()).unwrap_or_default()
}

fn number_rule(rules: &DynamicMessage, name: &str) -> usize {
    let number = rules.get_field_by_name(name).and_then(|value| value.as_u32()).unwrap_or_default();
    usize::try_from(number).expect("addresses have at least 32 bits")
}
