//! Keys and values of the index's rows.
//!
//! ```text
//! 'h' ‖ 16 bytes of a leaf key ‖ index (8)   → event type (1)      entries in a history
//! 'l' ‖ 16 bytes of a stream key ‖ index (8) → event type (1)      entries that point to a stream
//! 'o' ‖ 16 bytes of a leaf key               → ObjectRow           newest state
//! 'r' ‖ request token (16)                   → index (8)           requests
//! 'i' ‖ lookup token (16)                    → id (16) ‖ index (8) who is registered under it
//! 'k' ‖ kind, zeros to 16 ‖ index (8)        → id (16)             streams of a kind, by their first entry
//! 'x' ‖ target (8) ‖ index (8)               → parts (4)           erasures
//! ```
//!
//! Half a key is enough: a hit is confirmed in the entry, and 128 bits of SHA-256 do not collide by chance.

use std::ops::Deref;

use crate::events::EventType;
use crate::ledger::HistoryKey;
use crate::log;

/// How many bytes of a key lookups know.
pub(super) const PREFIX_BYTES: usize = 17;

/// Rules by which rows are made; another number, or another list of events, and the index is folded anew.
const RULES: &str = "rows 4";

pub(super) fn version() -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(RULES.as_bytes());
    for event_type in EventType::ALL {
        hasher.update(event_type.message().as_bytes());
        hasher.update(&[0]);
    }
    hasher.finalize()
}

pub(super) fn half(key: &log::Key) -> [u8; 16] {
    *key.as_bytes().first_chunk().expect("32 bytes have a first 16")
}

/// The key of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    bytes: [u8; PREFIX_BYTES + 8],
    len: u8,
}

impl Key {
    /// At most as many bytes as the longest key has. What lies behind a shorter one is zeros, so that keys compare as
    /// their bytes do.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut key = Self { bytes: [0; PREFIX_BYTES + 8], len: 0 };
        key.push(bytes);
        key
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += u8::try_from(bytes.len()).expect("keys are short");
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

pub(super) fn prefixed(tag: u8, token: &[u8; 16]) -> Key {
    let mut key = Key::of(&[tag]);
    key.push(token);
    key
}

pub(super) fn with_index(tag: u8, token: &[u8; 16], index: u64) -> Key {
    let mut key = prefixed(tag, token);
    key.push(&index.to_be_bytes());
    key
}

pub(super) fn history(key: &HistoryKey, index: u64) -> Key {
    match key {
        HistoryKey::Leaf(key) => with_index(b'h', &half(key), index),
        HistoryKey::Link(key) => with_index(b'l', &half(key), index),
    }
}

pub(super) fn kind(kind: &str) -> [u8; 16] {
    let mut padded = [0; 16];
    padded[..kind.len()].copy_from_slice(kind.as_bytes());
    padded
}

pub(super) fn erasure(target: u64, index: u64) -> Key {
    let mut key = Key::of(b"x");
    key.push(&target.to_be_bytes());
    key.push(&index.to_be_bytes());
    key
}

/// The index at the end of a key.
pub(super) fn index_of(key: &[u8]) -> u64 {
    key.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// An event type in one byte; 255 is one that this program does not know.
pub(super) fn event_type_byte(event_type: Option<EventType>) -> u8 {
    event_type.map_or(255, |event_type| event_type as u8)
}

pub(super) fn event_type(byte: u8) -> Option<EventType> {
    EventType::ALL.get(usize::from(byte)).copied()
}
