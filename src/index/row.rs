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

use crate::events::EventType;
use crate::ledger::HistoryKey;
use crate::log::Key;

/// How many bytes of a key lookups know.
pub(super) const PREFIX_BYTES: usize = 17;

/// Rules by which rows are made; another number, or another list of events, and the index is folded anew.
const RULES: &str = "rows 1";

pub(super) fn version() -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(RULES.as_bytes());
    for event_type in EventType::ALL {
        hasher.update(event_type.message().as_bytes());
        hasher.update(&[0]);
    }
    hasher.finalize()
}

pub(super) fn half(key: &Key) -> [u8; 16] {
    *key.as_bytes().first_chunk().expect("32 bytes have a first 16")
}

pub(super) fn prefixed(tag: u8, token: &[u8; 16]) -> Vec<u8> {
    let mut key = Vec::with_capacity(PREFIX_BYTES + 8);
    key.push(tag);
    key.extend_from_slice(token);
    key
}

pub(super) fn with_index(tag: u8, token: &[u8; 16], index: u64) -> Vec<u8> {
    let mut key = prefixed(tag, token);
    key.extend_from_slice(&index.to_be_bytes());
    key
}

pub(super) fn history(key: &HistoryKey, index: u64) -> Vec<u8> {
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

pub(super) fn erasure(target: u64, index: u64) -> Vec<u8> {
    let mut key = vec![b'x'];
    key.extend_from_slice(&target.to_be_bytes());
    key.extend_from_slice(&index.to_be_bytes());
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
