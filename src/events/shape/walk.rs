//! One walk over the bytes of an event: strict about what it does not know, and, for what is in the log, about how
//! it is written.

use crate::events::shape::Group;
use crate::events::shape::Proposal;
use crate::events::shape::fault::FieldFault;
use crate::events::shape::fault::FieldRule;
use crate::events::shape::field::Format;
use crate::events::shape::field::id_fault;
use crate::events::shape::table::Field;
use crate::events::shape::table::Kind;
use crate::events::shape::table::Seal;
use crate::events::shape::table::Shape;
use crate::events::shape::table::shape;
use crate::events::shape::wire::LENGTH;
use crate::events::shape::wire::Reader;
use crate::events::shape::wire::VARINT;
use crate::events::shape::wire::undecodable;

/// What is walked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// What a client proposed: any order of fields, personal fields present, all rules checked.
    Proposed,
    /// An event that was recorded, with fields corrected: all rules checked, and what was sealed need not be there.
    Corrected,
    /// A request of a service: nothing unknown; what its values may be is said by who takes it.
    Request,
    /// An open payload of the log: one spelling, no personal fields; rules of values were checked at admission.
    Open,
}

impl Mode {
    /// Whether the rules of values are checked.
    const fn keeps_rules(self) -> bool {
        matches!(self, Self::Proposed | Self::Corrected)
    }
}

/// Messages within messages, at most.
const DEPTH_MAX: usize = 16;

/// The most fields of one message.
const FIELDS_MAX: usize = 32;

pub(super) fn walk<'a>(shape: &'static Shape, bytes: &'a [u8], mode: Mode) -> Result<Proposal<'a>, FieldFault> {
    let mut found = Proposal::default();
    message(shape, bytes, mode, &mut found, 0)?;
    Ok(found)
}

/// The personal field groups at the top of an event in its only spelling.
pub(super) fn groups(shape: &'static Shape, bytes: &[u8]) -> Result<Vec<Group>, FieldFault> {
    let mut found = Vec::new();
    let mut reader = Reader::new(bytes);
    while !reader.is_at_end() {
        let start = reader.at;
        let (number, wire) = reader.tag()?;
        reader.skip(wire)?;
        let field = shape.fields.iter().find(|field| field.number == number);
        if let Some(seal) = field.and_then(|field| field.seal.as_ref()) {
            let (kind, id, year) = owner(shape, seal, bytes)?;
            found.push(Group { field: number, range: start..reader.at, class: seal.class, owner: (kind, id), year });
        }
    }
    Ok(found)
}

/// Whose the fields of a class are, whether they are there or not: owner and year, each once.
pub(super) fn owners(
    shape: &'static Shape,
    bytes: &[u8],
    class: u8,
) -> Result<Vec<(&'static str, String, u16)>, FieldFault> {
    let mut found = Vec::new();
    for seal in shape.fields.iter().filter_map(|field| field.seal.as_ref()).filter(|seal| seal.class == class) {
        let one = owner(shape, seal, bytes)?;
        if !found.contains(&one) {
            found.push(one);
        }
    }
    Ok(found)
}

fn owner(shape: &'static Shape, seal: &Seal, bytes: &[u8]) -> Result<(&'static str, String, u16), FieldFault> {
    let owner = &shape.fields[seal.key_of];
    let id = first(bytes, owner.number)?.and_then(|id| std::str::from_utf8(id).ok()).unwrap_or_default();
    let year = seal.year_of.map_or(Ok(0), |year_of| year(bytes, &shape.fields[year_of]))?;
    Ok((owner.id_of.expect("the field of `key_of` holds ids"), id.to_owned(), year))
}

/// The first occurrence of a length-delimited field.
fn first(bytes: &[u8], number: u32) -> Result<Option<&[u8]>, FieldFault> {
    let mut reader = Reader::new(bytes);
    while !reader.is_at_end() {
        let (found, wire) = reader.tag()?;
        let range = reader.skip(wire)?;
        if found == number {
            return Ok(Some(&bytes[range]));
        }
    }
    Ok(None)
}

/// The year of a PartialDate, or of the first date of a Period: field 1, down to a number.
fn year(bytes: &[u8], field: &Field) -> Result<u16, FieldFault> {
    let Some(mut inner) = first(bytes, field.number)? else { return Ok(0) };
    while !inner.is_empty() {
        let mut reader = Reader::new(inner);
        match reader.tag()? {
            (1, VARINT) => return Ok(u16::try_from(reader.varint()?.0).unwrap_or_default()),
            (1, LENGTH) => inner = &inner[reader.skip(LENGTH)?],
            _ => return Ok(0),
        }
    }
    Ok(0)
}

fn message<'a>(
    shape: &'static Shape,
    bytes: &'a [u8],
    mode: Mode,
    found: &mut Proposal<'a>,
    depth: usize,
) -> Result<(), FieldFault> {
    if depth > DEPTH_MAX {
        return Err(undecodable("messages nested too deep"));
    }
    let mut walker = Walker { mode, found, depth, seen: [0; FIELDS_MAX], oneofs: 0, last: 0 };
    let mut reader = Reader::new(bytes);
    while !reader.is_at_end() {
        let (number, wire) = reader.tag()?;
        let Some(at) = shape.place_of(number) else {
            return Err(FieldFault::of(FieldRule::Unknown { number }));
        };
        let field = &shape.fields[at];
        let before = walker.seen[at];
        let found = walker.value(field, at, wire, &mut reader);
        // The element at fault is the one counted last, or the next where it came to no count.
        let element = before.max(walker.seen[at].saturating_sub(1)) as usize;
        found.map_err(|fault| fault.within(field.name, field.repeated.then_some(element)))?;
    }
    if mode.keeps_rules() {
        let needed = |field: &Field| field.required && (mode == Mode::Proposed || field.seal.is_none());
        let missing = shape.fields.iter().zip(walker.seen).find(|(field, seen)| needed(field) && *seen == 0);
        if let Some((field, _)) = missing {
            return Err(FieldFault::of(FieldRule::Required).within(field.name, None));
        }
    }
    Ok(())
}

struct Walker<'w, 'a> {
    mode: Mode,
    found: &'w mut Proposal<'a>,
    depth: usize,
    /// How often each field was seen (each element of a repeated one counts).
    seen: [u32; FIELDS_MAX],
    oneofs: u32,
    last: u32,
}

impl<'a> Walker<'_, 'a> {
    fn value(&mut self, field: &'static Field, at: usize, wire: u8, reader: &mut Reader<'a>) -> Result<(), FieldFault> {
        self.order(field, at)?;
        match (is_numeric(field), wire) {
            (true, VARINT) => {
                if field.repeated {
                    self.respelled("a repeated number that is not packed")?;
                }
                let (value, minimal) = reader.varint()?;
                self.count(field, at)?;
                self.number(field, value, minimal)
            }
            (true, LENGTH) if field.repeated => {
                let range = reader.length()?;
                self.packed(field, at, Reader::new(&reader.bytes[range]))
            }
            (false, LENGTH) => {
                let range = reader.length()?;
                self.count(field, at)?;
                self.bytes(field, &reader.bytes[range])
            }
            _ => Err(undecodable("another wire type")),
        }
    }

    fn order(&mut self, field: &Field, at: usize) -> Result<(), FieldFault> {
        if self.seen[at] > 0 && !field.repeated {
            return Err(undecodable("a field that may stand once stands twice"));
        }
        if field.number < self.last || (field.number == self.last && is_numeric(field)) {
            self.respelled("fields do not ascend")?;
        }
        self.last = field.number;
        if let Some(oneof) = field.oneof {
            let bit = 1 << oneof;
            if self.oneofs & bit != 0 {
                return Err(undecodable("two fields of which one may be set"));
            }
            self.oneofs |= bit;
        }
        Ok(())
    }

    fn count(&mut self, field: &Field, at: usize) -> Result<(), FieldFault> {
        self.seen[at] += 1;
        let found = self.seen[at] as usize;
        if self.mode.keeps_rules() && field.repeated && field.max_items > 0 && found > field.max_items {
            return Err(FieldFault::of(FieldRule::TooMany { found, max: field.max_items }));
        }
        Ok(())
    }

    /// A value that is the default says nothing: it is refused where there is one spelling, and is not "set".
    fn default(&mut self, field: &Field) -> Result<(), FieldFault> {
        if self.mode.keeps_rules() && field.required {
            return Err(FieldFault::of(FieldRule::Required));
        }
        if field.presence || field.repeated { Ok(()) } else { self.respelled("a default is written out") }
    }

    /// What is in the log has one spelling.
    fn respelled(&mut self, what: &'static str) -> Result<(), FieldFault> {
        self.found.respelled = true;
        if self.mode == Mode::Open { Err(FieldFault::of(FieldRule::NotCanonical { what })) } else { Ok(()) }
    }

    fn packed(&mut self, field: &Field, at: usize, mut packed: Reader<'_>) -> Result<(), FieldFault> {
        if packed.is_at_end() {
            self.respelled("an empty packed field")?;
        }
        while !packed.is_at_end() {
            let (value, minimal) = packed.varint()?;
            self.count(field, at)?;
            self.number(field, value, minimal)?;
        }
        Ok(())
    }

    fn number(&mut self, field: &Field, value: u64, minimal: bool) -> Result<(), FieldFault> {
        if !minimal {
            self.respelled("a number longer than need be")?;
        }
        #[expect(clippy::cast_possible_wrap, reason = "protobuf writes signed numbers as their two's complement")]
        let signed = value as i64;
        let fits = match &field.kind {
            Kind::Bool => value <= 1,
            Kind::Uint32 => u32::try_from(value).is_ok(),
            Kind::Int32 => i32::try_from(signed).is_ok(),
            Kind::Enum(values) => {
                let defined = i32::try_from(signed).is_ok_and(|number| values.contains(&number));
                if !defined && self.mode != Mode::Request {
                    return Err(FieldFault::of(FieldRule::UndefinedEnum { found: signed }));
                }
                true
            }
            _ => true,
        };
        if !fits {
            return Err(undecodable("a number out of range"));
        }
        if value == 0 { self.default(field) } else { Ok(()) }
    }

    fn bytes(&mut self, field: &'static Field, bytes: &'a [u8]) -> Result<(), FieldFault> {
        if field.seal.is_some() {
            return self.personal(field, bytes);
        }
        match field.kind {
            Kind::Message(inner) => message(shape(inner), bytes, self.mode, self.found, self.depth + 1),
            Kind::String => {
                let text = std::str::from_utf8(bytes).map_err(|_| undecodable("a string that is not UTF-8"))?;
                self.text(field, text)
            }
            _ if bytes.is_empty() => self.default(field),
            _ => self.length(field, bytes.len()),
        }
    }

    /// What is to be sealed names nobody in the open.
    fn personal(&mut self, field: &'static Field, bytes: &'a [u8]) -> Result<(), FieldFault> {
        if self.mode == Mode::Open {
            return Err(FieldFault::of(FieldRule::Personal));
        }
        self.found.personal = true;
        let Kind::Message(inner) = field.kind else { return Err(undecodable("a personal field that is no message")) };
        let mut within = Proposal::default();
        message(shape(inner), bytes, self.mode, &mut within, self.depth + 1)?;
        self.found.respelled |= within.respelled;
        Ok(())
    }

    fn text(&mut self, field: &'static Field, text: &'a str) -> Result<(), FieldFault> {
        if text.is_empty() && !field.repeated {
            return self.default(field);
        }
        self.length(field, text.len())?;
        if let Some(kind) = field.id_of {
            if let Some(why) = id_fault(text) {
                return Err(FieldFault::of(FieldRule::NotAnId { why }));
            }
            if field.stream {
                self.found.names.stream = Some((kind, text));
            }
            if field.subject {
                self.found.names.subjects.push((kind, text));
            }
        } else if self.mode.keeps_rules() && field.format != Format::Any && !field.format.admits(text) {
            let rule = FieldRule::Format { expected: field.format.words(), found_len: text.len() };
            return Err(FieldFault::of(rule));
        }
        Ok(())
    }

    fn length(&self, field: &Field, found: usize) -> Result<(), FieldFault> {
        if self.mode.keeps_rules() && field.max_bytes > 0 && found > field.max_bytes {
            return Err(FieldFault::of(FieldRule::TooLong { found, max: field.max_bytes }));
        }
        Ok(())
    }
}

const fn is_numeric(field: &Field) -> bool {
    !matches!(field.kind, Kind::String | Kind::Bytes | Kind::Message(_))
}
