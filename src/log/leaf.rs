//! Leaves: places, times and one commitment, and nothing else (section 2 of the format).

mod key;
mod seal;

use crate::log::cursor::Cursor;
use crate::log::cursor::Malformed;
use crate::log::hash::Commitment;
use crate::log::hash::Key;
use crate::log::hash::LeafHash;

pub use key::KeyAction;
pub use key::KeyChange;
pub use key::KeyFault;
pub use key::KeysOfLog;
pub use key::key_message;
pub use seal::Seal;

/// The longest leaf: an ERASURE with 64 subjects.
pub const LEAF_BYTES_MAX: usize = 53 + 40 + 1 + 64 * 40 + 32 + 12;

/// The most subjects of one event.
pub(crate) const SUBJECTS_MAX: usize = 64;

/// The bit of [`Target::parts`] that names the open payload.
pub const OPEN_PAYLOAD_BIT: u32 = 1 << 31;

const MAGIC: &[u8; 4] = b"PRB1";

/// The Merkle Patricia tree of section 5.
const MAP_ALGORITHM: u8 = 1;

/// What kind of entry a leaf is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first entry of a log.
    Genesis,
    /// Something was recorded.
    Event,
    /// What may be published up to here.
    Seal,
    /// Personal data of an earlier entry is gone, lawfully.
    Erasure,
    /// A key of the log came or went.
    Key,
    /// The log is closed.
    Close,
}

/// A leaf, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Place in the log, from 0.
    pub index: u64,
    /// When the service recorded it, Unix time in milliseconds; never less than in the entry before.
    pub recorded_at_ms: u64,
    /// Leaf hash of the entry before.
    pub previous: LeafHash,
    /// What it says, by kind.
    pub body: Body,
}

/// What a leaf says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Which log this is.
    Genesis(Genesis),
    /// An event.
    Event(EventBody),
    /// An erasure: an event with a target.
    Erasure(EventBody, Target),
    /// A seal over all entries before it.
    Seal(Seal),
    /// A key of the log comes or goes.
    Key(Box<KeyChange>),
    /// The log ends, but for one seal.
    Close(Close),
}

/// Which log this is, and by which rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Schema-less URL: 1 to 255 ASCII characters 0x21–0x7E without `+`.
    pub origin: String,
    /// First public Ed25519 key.
    pub public_key: [u8; 32],
    /// Longest time that an entry stands without a published checkpoint over it, seconds, 1 to 86,400.
    pub longest_delay_s: u32,
    /// Text of the last known checkpoint of the log that this one continues, at most 512 bytes, or empty.
    pub continues: String,
}

/// The end of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Origin of the log that goes on, by the rule of [`Genesis::origin`]; empty where none does.
    pub successor: String,
}

/// One entry's place in the history of a stream or subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of the stream or subject.
    pub key: Key,
    /// Place in its history, from 0.
    pub sequence: u64,
}

/// Where an event stands, and what it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBody {
    /// The stream.
    pub stream: Place,
    /// Whom it is about, ascending by key, at most 64.
    pub subjects: Vec<Place>,
    /// `H("probity/payload/v1\0" ‖ manifest)`.
    pub payload: Commitment,
}

/// What an erasure took away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of the event.
    pub index: u64,
    /// Bit j is sealed part j, bit 31 the open payload; never 0.
    pub parts: u32,
}

impl Leaf {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self.body {
            Body::Genesis(_) => Kind::Genesis,
            Body::Event(_) => Kind::Event,
            Body::Seal(_) => Kind::Seal,
            Body::Erasure(..) => Kind::Erasure,
            Body::Key(_) => Kind::Key,
            Body::Close(_) => Kind::Close,
        }
    }

    /// Where it stands and what it commits to, of an EVENT or ERASURE.
    pub const fn event(&self) -> Option<&EventBody> {
        match &self.body {
            Body::Genesis(_) | Body::Seal(_) | Body::Key(_) | Body::Close(_) => None,
            Body::Event(event) | Body::Erasure(event, _) => Some(event),
        }
    }

    /// The bytes that are hashed.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.encode_to(&mut out);
        out
    }

    /// How many bytes [`Leaf::encode`] gives for an event; about as many for others.
    pub(super) fn encoded_len(&self) -> usize {
        let subjects = self.event().map_or(0, |event| event.subjects.len());
        53 + 40 + 1 + 40 * subjects + 32 + if self.kind() == Kind::Event { 0 } else { 256 }
    }

    /// Appends the bytes that are hashed.
    pub fn encode_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        out.push(match self.kind() {
            Kind::Genesis => 0,
            Kind::Event => 1,
            Kind::Seal => 2,
            Kind::Erasure => 3,
            Kind::Key => 4,
            Kind::Close => 5,
        });
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(&self.recorded_at_ms.to_be_bytes());
        out.extend_from_slice(self.previous.as_bytes());
        match &self.body {
            Body::Genesis(genesis) => encode_genesis(genesis, out),
            Body::Event(event) => encode_event(event, out),
            Body::Erasure(event, target) => {
                encode_event(event, out);
                out.extend_from_slice(&target.index.to_be_bytes());
                out.extend_from_slice(&target.parts.to_be_bytes());
            }
            Body::Seal(seal) => seal.encode_to(out),
            Body::Key(change) => change.encode_to(out),
            Body::Close(close) => encode_origin(&close.successor, out),
        }
    }

    /// Reads a leaf.
    ///
    /// # Errors
    ///
    /// The bytes are not exactly one leaf in its only spelling.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        if cursor.take(4, "the magic PRB1")? != MAGIC {
            return Err(cursor.bad(4, "the magic PRB1", "other bytes"));
        }
        let kind = cursor.u8("a kind of leaf")?;
        let index = cursor.u64("an index")?;
        let recorded_at_ms = cursor.u64("a time")?;
        let previous = LeafHash(cursor.array("the leaf hash before")?);
        let body = match kind {
            0 => Body::Genesis(decode_genesis(&mut cursor)?),
            1 => Body::Event(decode_event(&mut cursor)?),
            2 => Body::Seal(Seal::decode(&mut cursor, index)?),
            3 => {
                let event = decode_event(&mut cursor)?;
                Body::Erasure(event, decode_target(&mut cursor, index)?)
            }
            4 => Body::Key(Box::new(KeyChange::decode(&mut cursor)?)),
            5 => Body::Close(Close { successor: decode_origin(&mut cursor, MayBeEmpty::Yes)? }),
            other => return Err(Malformed { offset: 4, expected: "a kind of leaf", found: other.to_string() }),
        };
        cursor.end()?;
        if (kind == 0) != (index == 0) {
            return Err(Malformed { offset: 5, expected: "index 0 for GENESIS alone", found: index.to_string() });
        }
        Ok(Self { index, recorded_at_ms, previous, body })
    }
}

fn encode_genesis(genesis: &Genesis, out: &mut Vec<u8>) {
    encode_origin(&genesis.origin, out);
    out.extend_from_slice(&genesis.public_key);
    out.push(MAP_ALGORITHM);
    out.extend_from_slice(&genesis.longest_delay_s.to_be_bytes());
    out.extend_from_slice(&u16::try_from(genesis.continues.len()).expect("at most 512 bytes").to_be_bytes());
    out.extend_from_slice(genesis.continues.as_bytes());
}

fn encode_origin(origin: &str, out: &mut Vec<u8>) {
    out.push(u8::try_from(origin.len()).expect("an origin has at most 255 bytes"));
    out.extend_from_slice(origin.as_bytes());
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MayBeEmpty {
    Yes,
    No,
}

fn decode_origin(cursor: &mut Cursor<'_>, empty: MayBeEmpty) -> Result<String, Malformed> {
    let len = usize::from(cursor.u8("the origin's length")?);
    let origin = cursor.take(len, "an origin")?;
    if (origin.is_empty() && empty == MayBeEmpty::No)
        || !origin.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'+')
    {
        return Err(cursor.bad(len, "an origin: 1 to 255 printable ASCII characters without +", "something else"));
    }
    Ok(String::from_utf8_lossy(origin).into_owned())
}

fn decode_genesis(cursor: &mut Cursor<'_>) -> Result<Genesis, Malformed> {
    let origin = decode_origin(cursor, MayBeEmpty::No)?;
    let public_key = cursor.array("a public key")?;
    let algorithm = cursor.u8("the map algorithm")?;
    if algorithm != MAP_ALGORITHM {
        return Err(cursor.bad(1, "map algorithm 1", algorithm));
    }
    let longest_delay_s = cursor.u32("the longest delay")?;
    if !(1..=86_400).contains(&longest_delay_s) {
        return Err(cursor.bad(4, "a delay of 1 to 86400 seconds", longest_delay_s));
    }
    let len = usize::from(cursor.u16("the checkpoint's length")?);
    if len > 512 {
        return Err(cursor.bad(2, "at most 512 bytes of checkpoint", len));
    }
    let continues = cursor.take(len, "a checkpoint")?;
    let continues =
        String::from_utf8(continues.to_vec()).map_err(|_| cursor.bad(len, "a checkpoint in UTF-8", "other bytes"))?;
    if !continues.is_empty() && (continues.lines().count() != 3 || !continues.ends_with('\n')) {
        return Err(cursor.bad(len, "three lines of checkpoint", "another number"));
    }
    Ok(Genesis { origin, public_key, longest_delay_s, continues })
}

fn encode_event(event: &EventBody, out: &mut Vec<u8>) {
    encode_place(&event.stream, out);
    out.push(u8::try_from(event.subjects.len()).expect("an event has at most 64 subjects"));
    for subject in &event.subjects {
        encode_place(subject, out);
    }
    out.extend_from_slice(event.payload.as_bytes());
}

fn encode_place(place: &Place, out: &mut Vec<u8>) {
    out.extend_from_slice(place.key.as_bytes());
    out.extend_from_slice(&place.sequence.to_be_bytes());
}

fn decode_event(cursor: &mut Cursor<'_>) -> Result<EventBody, Malformed> {
    let stream = decode_place(cursor, "a stream key")?;
    let count = usize::from(cursor.u8("the number of subjects")?);
    if count > SUBJECTS_MAX {
        return Err(cursor.bad(1, "at most 64 subjects", count));
    }
    let mut subjects: Vec<Place> = Vec::with_capacity(count);
    for _ in 0..count {
        let place = decode_place(cursor, "a subject key")?;
        if subjects.last().is_some_and(|last| last.key >= place.key) {
            return Err(cursor.bad(40, "subject keys that ascend", "one that does not"));
        }
        subjects.push(place);
    }
    let payload = Commitment(cursor.array("a payload commitment")?);
    Ok(EventBody { stream, subjects, payload })
}

fn decode_place(cursor: &mut Cursor<'_>, expected: &'static str) -> Result<Place, Malformed> {
    Ok(Place { key: Key(cursor.array(expected)?), sequence: cursor.u64("a sequence")? })
}

fn decode_target(cursor: &mut Cursor<'_>, own_index: u64) -> Result<Target, Malformed> {
    let index = cursor.u64("a target")?;
    if index >= own_index || index == 0 {
        return Err(cursor.bad(8, "the index of an earlier event", index));
    }
    let parts = cursor.u32("parts")?;
    if parts == 0 {
        return Err(cursor.bad(4, "at least one part", parts));
    }
    Ok(Target { index, parts })
}

#[cfg(test)]
mod tests;
