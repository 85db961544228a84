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
