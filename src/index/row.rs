//! Keys and values of the index's rows.
//!
//! ```text
//! 'b' ‖ register token (16) ‖ index (8)      → id (16)             streams of a kind kept by a body
//! 'd' ‖ body (16) ‖ last day (4) ‖ 16 bytes of a stream key        what a body has to do by a day
//!                                            → kind (1) ‖ id (16) ‖ open (1)
//! 'h' ‖ 16 bytes of a leaf key ‖ index (8)   → event type (1)      entries in a history
//! 'l' ‖ 16 bytes of a stream key ‖ index (8) → event type (1)      entries that point to a stream
//! 'o' ‖ 16 bytes of a leaf key               → ObjectRow           newest state
//! 'r' ‖ request token (16)                   → index (8)           requests
//! 'i' ‖ lookup token (16) ‖ index (8)        → id (16)             registered under it, one after the other
//! 'k' ‖ kind, zeros to 16 ‖ index (8)        → id (16)             streams of a kind, by their first entry
//! 'x' ‖ digest of the target (16) ‖ index (8) → parts (4)          erasures
//! ```
//!
//! Half a key is enough: a hit is confirmed in the entry, and 128 bits of SHA-256 do not collide by chance.

use std::ops::Deref;

use sha2::Digest;
use sha2::Sha256;

use crate::domain::dates::Day;
use crate::events::EventType;
use crate::ledger::DutyRow;
use crate::ledger::HistoryKey;
use crate::ledger::KINDS_WITH_DUTIES;
use crate::log;

/// How many bytes of a key lookups know.
pub(super) const PREFIX_BYTES: usize = 17;

/// The longest key: a duty's.
const KEY_BYTES_MAX: usize = PREFIX_BYTES + 4 + 16;

/// Rules by which rows are made; another number, or another list of events, and the index is folded anew.
const RULES: &str = "rows 8";

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
    bytes: [u8; KEY_BYTES_MAX],
    len: u8,
}

impl Key {
    /// At most as many bytes as the longest key has. What lies behind a shorter one is zeros, so that keys compare as
    /// their bytes do.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut key = Self { bytes: [0; KEY_BYTES_MAX], len: 0 };
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

/// Under what the streams of a kind stand that a body keeps.
pub(super) fn register(body: u128, kind: &str) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(body.to_be_bytes());
    hasher.update(kind.as_bytes());
    let whole: [u8; 32] = hasher.finalize().into();
    *whole.first_chunk().expect("32 bytes have a first 16")
}

/// A duty's row: those of a body in the order of their days.
pub(super) fn duty(body: u128, due: Day, stream: &[u8; 16]) -> Key {
    let mut key = prefixed(b'd', &body.to_be_bytes());
    key.push(&(due.year() * 10_000 + due.month() * 100 + due.day()).to_be_bytes());
    key.push(stream);
    key
}

/// The day in a duty's key.
pub(super) fn due_of(key: &[u8]) -> Option<Day> {
    let number = u32::from_be_bytes(*key.get(PREFIX_BYTES..)?.first_chunk()?);
    Day::new(number / 10_000, number / 100 % 100, number % 100)
}

/// What stands under a duty's key.
pub(super) fn duty_value(duty: &DutyRow) -> Vec<u8> {
    let kind = KINDS_WITH_DUTIES.iter().position(|kind| *kind == duty.kind).expect("a duty is of one of these kinds");
    let mut value = vec![u8::try_from(kind).expect("there are few kinds")];
    value.extend_from_slice(&duty.id.to_be_bytes());
    value.push(u8::from(duty.open));
    value
}

/// Kind, id, and whether it is open.
pub(super) fn read_duty(value: &[u8]) -> Option<(&'static str, u128, bool)> {
    let (kind, rest) = value.split_first()?;
    let (id, rest) = rest.split_first_chunk()?;
    Some((KINDS_WITH_DUTIES.get(usize::from(*kind))?, u128::from_be_bytes(*id), *rest.first()? != 0))
}

/// An erasure's row. Lookups know the target alone, so that nothing but it may stand in the part of the key that the
/// filters hold; as a digest, since that part fills the filters evenly.
pub(super) fn erasure(target: u64, index: u64) -> Key {
    let whole: [u8; 32] = Sha256::digest(target.to_be_bytes()).into();
    with_index(b'x', whole.first_chunk().expect("32 bytes have a first 16"), index)
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
