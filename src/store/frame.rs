//! Frames: whole consecutive entries packed into values of at most 4 KiB.
//!
//! sled's price is per key, its leaf nodes hold up to 16 values whatever their size, and a node over 128 KiB goes to
//! a file that is never synced. So many entries share a value, and no value is longer than 4,096 bytes.
//!
//! ```text
//! key      8 index of the first entry ‖ 2 part, big-endian
//! part 0   [4 length ‖ entry]*, whole; or the beginning of one entry that does not fit a value, then full
//! part 1…  the rest of that entry, each full but the last
//! ```

use std::ops::Range;

use bytes::Bytes;

use crate::store::EntryBytes;
use crate::store::StoreError;

/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 4096;

/// The longest entry that the store takes, in bytes: 16 MiB.
pub const ENTRY_BYTES_MAX: usize = 1 << 24;

/// Bytes of a key.
pub(super) const KEY_LEN: usize = 10;

const PREFIX_LEN: usize = 4;

/// The key of a part.
pub(super) fn key(first: u64, part: u16) -> [u8; KEY_LEN] {
    let mut key = [0; KEY_LEN];
    key[..8].copy_from_slice(&first.to_be_bytes());
    key[8..].copy_from_slice(&part.to_be_bytes());
    key
}

/// First index and part of a key, unless it has another length.
pub(super) fn parse_key(key: &[u8]) -> Option<(u64, u16)> {
    let (first, part) = key.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*first), u16::from_be_bytes(part.try_into().ok()?)))
}

/// Refuses entries that are too long, before anything is written.
pub(super) fn check_lengths(entries: &[EntryBytes]) -> Result<(), StoreError> {
    match entries.iter().find(|entry| entry.len() > ENTRY_BYTES_MAX) {
        Some(entry) => Err(StoreError::EntryTooLong { len: entry.len(), max: ENTRY_BYTES_MAX }),
        None => Ok(()),
    }
}

/// Packs entries that were checked by [`check_lengths`]: hands each key with its value to `put`, in order.
pub(super) fn pack(first: u64, entries: &[EntryBytes], mut put: impl FnMut([u8; KEY_LEN], &[u8])) {
    let mut put = |first: u64, part: u16, value: &[u8]| {
        assert!(value.len() <= VALUE_BYTES_MAX, "a longer value would leave sled's log");
        put(key(first, part), value);
    };
    let mut frame = Vec::with_capacity(VALUE_BYTES_MAX);
    let mut begun = first;
    for (index, entry) in (first..).zip(entries) {
        let need = PREFIX_LEN + entry.len();
        if !frame.is_empty() && frame.len() + need > VALUE_BYTES_MAX {
            put(begun, 0, &frame);
            frame.clear();
        }
        if frame.is_empty() {
            begun = index;
        }
        let len = u32::try_from(entry.len()).expect("lengths were checked");
        frame.extend_from_slice(&len.to_be_bytes());
        if need <= VALUE_BYTES_MAX {
            frame.extend_from_slice(entry);
            continue;
        }
        let (head, rest) = entry.split_at(VALUE_BYTES_MAX - PREFIX_LEN);
        frame.extend_from_slice(head);
        put(index, 0, &frame);
        frame.clear();
        for (part, chunk) in (1u16..).zip(rest.chunks(VALUE_BYTES_MAX)) {
            put(index, part, chunk);
        }
    }
    if !frame.is_empty() {
        put(begun, 0, &frame);
    }
}

/// What the value of a part 0 holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Where whole entries lie in the value; at least one.
    Whole(Vec<Range<usize>>),
    /// The beginning of one entry of this length.
    Begun(usize),
}

/// Reads the value of a part 0.
pub(super) fn parse(value: &[u8]) -> Result<Frame, &'static str> {
    let mut ranges = Vec::new();
    let mut offset = 0;
    while offset < value.len() {
        let Some((prefix, rest)) = value[offset..].split_first_chunk::<PREFIX_LEN>() else {
            return Err("a frame ends inside a length");
        };
        let len = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| "a length that is no address")?;
        if len > rest.len() {
            let begun = offset == 0 && value.len() == VALUE_BYTES_MAX && len <= ENTRY_BYTES_MAX;
            return if begun { Ok(Frame::Begun(len)) } else { Err("a frame ends inside an entry") };
        }
        let start = offset + PREFIX_LEN;
        ranges.push(start..start + len);
        offset = start + len;
    }
    if ranges.is_empty() { Err("an empty frame") } else { Ok(Frame::Whole(ranges)) }
}

/// Puts an entry of `len` bytes together from the values of its parts.
pub(super) fn join<'a>(len: usize, parts: impl Iterator<Item = &'a [u8]>) -> Result<Bytes, &'static str> {
    let mut entry = Vec::with_capacity(len);
    let mut left = len;
    for (part, value) in parts.enumerate() {
        let value = if part == 0 { value.get(PREFIX_LEN..).ok_or("a frame ends inside a length")? } else { value };
        let full = VALUE_BYTES_MAX - if part == 0 { PREFIX_LEN } else { 0 };
        if value.is_empty() || value.len() != left.min(full) {
            return Err("a part of an entry has another length than it must have");
        }
        entry.extend_from_slice(value);
        left -= value.len();
    }
    if left == 0 { Ok(entry.into()) } else { Err("the last parts of an entry are missing") }
}

/// The number of parts after the first of an entry of `len` bytes that does not fit a value.
pub(super) fn further_parts(len: usize) -> u16 {
    let parts = (len + PREFIX_LEN).div_ceil(VALUE_BYTES_MAX) - 1;
    u16::try_from(parts).expect("the longest entry has 4,096 parts")
}

#[cfg(test)]
mod tests;
