//! The shape of every event, read from the options in `proto/`: which field is the stream, which are subjects, what
//! is sealed, and what a value may look like. One table serves admission, the writer and every verifier.

mod fault;
mod field;
mod table;
mod walk;
mod wire;

use std::ops::Range;

use crate::events::EventType;

pub use fault::FieldFault;
pub use fault::FieldRule;
pub use field::IdFault;

/// Stream and subjects that an open payload names, as `(kind, id)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// The stream; `None` for an event whose leaf takes its keys from a target.
    pub stream: Option<(&'static str, &'a str)>,
    /// The subjects, in the order of the fields; the same one perhaps more than once.
    pub subjects: Vec<(&'static str, &'a str)>,
}

/// What a walk over an event learns of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal<'a> {
    /// What it names outside its personal fields.
    pub names: Names<'a>,
    /// Whether it has personal fields.
    pub personal: bool,
    /// Whether it is spelled otherwise than [`crate::events::Event::encode`] would.
    pub respelled: bool,
}

/// A personal field group of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Number of the field.
    pub field: u32,
    /// Where the field stands in the encoded event, with its tag: these bytes are the content of the part.
    pub range: Range<usize>,
    /// 2 to 5.
    pub class: u8,
    /// Whose data key seals it: `(kind, id)`; an empty id means the stream.
    pub owner: (&'static str, String),
    /// The year that the key is for, 0 where the class has none or it is not stated.
    pub year: u16,
}

/// Checks an event as a client proposed it, personal fields and all: nothing unknown, nothing undecodable, every
/// value within the rules of its field. Gives what [`read_open`] will give for its open payload.
///
/// # Errors
///
/// The first field at fault, with the rule.
pub fn check_proposed(event_type: EventType, bytes: &[u8]) -> Result<Proposal<'_>, FieldFault> {
    walk::walk(table::shape_of(event_type), bytes, walk::Mode::Proposed)
}

/// The same of an event of which a client sealed some personal fields, given by their numbers: those are not in the bytes.
///
/// # Errors
///
/// As [`check_proposed`].
pub fn check_partly_sealed<'a>(
    event_type: EventType,
    bytes: &'a [u8],
    sealed: &[u32],
) -> Result<Proposal<'a>, FieldFault> {
    if sealed.is_empty() {
        return check_proposed(event_type, bytes);
    }
    let shape = table::shape_of(event_type);
    let proposal = walk::walk(shape, bytes, walk::Mode::Corrected)?;
    let plain = walk::groups(shape, bytes)?;
    let given = |number| sealed.contains(&number) || plain.iter().any(|group| group.field == number);
    let missing = shape.fields.iter().find(|field| field.required && field.seal.is_some() && !given(field.number));
    match missing {
        Some(field) => Err(FieldFault::of(FieldRule::Required).within(field.name, None)),
        None => Ok(proposal),
    }
}

/// A personal field at the top of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonalField {
    /// Its name.
    pub name: &'static str,
    /// 2 to 5.
    pub class: u8,
}

/// The personal field of a number; `None` where the event has none of it.
pub fn personal_field(event_type: EventType, number: u32) -> Option<PersonalField> {
    let shape = table::shape_of(event_type);
    let field = &shape.fields[shape.place_of(number)?];
    field.seal.as_ref().map(|seal| PersonalField { name: field.name, class: seal.class })
}

/// Whose the personal fields of a class are that an event may have, as its open payload says: owner `(kind, id)` and year,
/// each once; an empty id means the stream.
///
/// # Errors
///
/// The bytes are not an open payload.
pub fn owners(event_type: EventType, open: &[u8], class: u8) -> Result<Vec<(&'static str, String, u16)>, FieldFault> {
    walk::owners(table::shape_of(event_type), open, class)
}

/// Checks the open payload of an event that was recorded, after fields of it were corrected.
///
/// # Errors
///
/// The first field at fault, with the rule.
pub fn check_corrected(event_type: EventType, bytes: &[u8]) -> Result<(), FieldFault> {
    walk::walk(table::shape_of(event_type), bytes, walk::Mode::Corrected).map(drop)
}

/// Checks a request of `probity.v1` as it came: nothing unknown, nothing undecodable. An event within it is bytes
/// here, and is checked by itself.
///
/// # Errors
///
/// The first field at fault.
pub fn check_request(full_name: &str, bytes: &[u8]) -> Result<(), FieldFault> {
    match table::shape_of_request(full_name) {
        Some(shape) => walk::walk(shape, bytes, walk::Mode::Request).map(drop),
        None => Err(FieldFault::of(FieldRule::Undecodable { what: "no request of this server" })),
    }
}

/// Reads stream and subjects from an open payload in its only spelling.
///
/// # Errors
///
/// It has an unknown or personal field, or a second spelling: fields that do not ascend, a default written out,
/// a number longer than need be.
pub fn read_open(event_type: EventType, bytes: &[u8]) -> Result<Names<'_>, FieldFault> {
    walk::walk(table::shape_of(event_type), bytes, walk::Mode::Open).map(|open| open.names)
}

/// The personal field groups of an event in its only spelling (as [`crate::events::Event::encode`] writes it), in
/// ascending order of fields.
///
/// # Errors
///
/// The bytes are not such an event.
pub fn personal_groups(event_type: EventType, bytes: &[u8]) -> Result<Vec<Group>, FieldFault> {
    walk::groups(table::shape_of(event_type), bytes)
}

#[cfg(test)]
mod tests;
