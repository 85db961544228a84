//! What indexes learn of one entry. Derived; never hashed.

use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;

use crate::domain::State;
use crate::domain::dates::Day;
use crate::events::EventType;
use crate::log::Key;

/// Which history an entry stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HistoryKey {
    /// Of a stream or a subject: its key, as in the leaf.
    Leaf(Key),
    /// Of a case or decision that events of other streams point to: the stream key of what they point to. Not in
    /// the leaf; for queries alone.
    Link(Key),
}

/// What is kept of one stream or subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRow {
    /// Entries in its history.
    pub count: u64,
    /// Index of the last of them.
    pub last: u64,
    /// Of a stream: its state.
    pub state: Option<Arc<State>>,
    /// Of a stream: indexes of its entries that are void, in the order in which they were voided.
    pub voided: Option<Arc<Vec<u64>>>,
}

impl ObjectRow {
    /// Whether events of other streams ask for it: it is a person, a body, a case or a subject.
    pub fn is_pointed_to(&self) -> bool {
        matches!(self.state.as_deref(), None | Some(State::Entity(_) | State::Case(_)))
    }
}

/// Something is to be done by a day, or was done: where it stands in the list of a body's work. The newest row of a
/// stream and day takes the place of earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DutyRow {
    /// The body; 0 where none is named.
    pub body: u128,
    /// The last day.
    pub due: Day,
    /// Key of the stream.
    pub stream: Key,
    /// What kind of stream it is.
    pub kind: &'static str,
    /// Its id.
    pub id: u128,
    /// Whether it is still to be done.
    pub open: bool,
}

/// A stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What kind of thing it is.
    pub kind: &'static str,
    /// Its id.
    pub id: u128,
    /// The body whose register it stands in; 0 where none is named.
    pub body: u128,
}

/// What an ERASURE took away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedParts {
    /// Index of the entry that lost them.
    pub target: u64,
    /// Bits, as in the leaf.
    pub parts: u32,
}

/// What indexes learn of one entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Index of the entry.
    pub index: u64,
    /// Its event's type; `None` where this program does not know it.
    pub event_type: Option<EventType>,
    /// Stream keys of what it points to in other streams.
    pub links: Vec<Key>,
    /// Histories in which it stands, with the rows that take the place of earlier ones: the stream's first.
    pub objects: Vec<(Key, ObjectRow)>,
    /// Rows of streams in which it does not stand, and whose state it changes.
    pub touched: Vec<(Key, ObjectRow)>,
    /// What is to be done from here on, or was done.
    pub duties: Vec<DutyRow>,
    /// Set by the first entry of a stream.
    pub opened: Option<Opened>,
    /// Set by the first entry of a request.
    pub request: Option<[u8; 16]>,
    /// Lookup tokens under which the entity of this stream is found.
    pub identities: Vec<[u8; 16]>,
    /// Set by an ERASURE.
    pub erased: Option<ErasedParts>,
}

/// Under what a request stands in the index: a digest of principal and request id, 16 bytes.
pub fn request_token(principal: &str, request_id: &[u8; 16]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(request_id);
    hasher.update(principal.as_bytes());
    let whole: [u8; 32] = hasher.finalize().into();
    *whole.first_chunk().expect("32 bytes have a first 16")
}
