//! Blocks of rows, each key without the bytes that it shares with the one before.

use std::ops::Range;

use bytes::Bytes;

use crate::store::runs::table::RunsError;

/// No sled value is longer: a leaf of longer ones leaves sled's cache and its durability (see the design's measurements).
pub(super) const BLOCK_BYTES_MAX: usize = 4096;

/// A longer value is stored by itself.
pub(super) const INLINE_BYTES_MAX: usize = 1024;

/// The longest key.
pub(super) const KEY_BYTES_MAX: usize = 128;

/// Fills one block.
#[derive(Debug, Default)]
pub(super) struct BlockWriter {
    bytes: Vec<u8>,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl BlockWriter {
    /// Adds a row; `false` when the block is full and the row was not added.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> bool {
        let shared = if self.bytes.is_empty() { 0 } else { common_prefix(&self.last, key) };
        let suffix = &key[shared..];
        if !self.bytes.is_empty() && self.bytes.len() + 4 + suffix.len() + value.len() > BLOCK_BYTES_MAX {
            return false;
        }
        if self.bytes.is_empty() {
            self.bytes.reserve(BLOCK_BYTES_MAX);
            key.clone_into(&mut self.first);
        }
        self.bytes.push(u8::try_from(shared).expect("keys have at most 128 bytes"));
        self.bytes.push(u8::try_from(suffix.len()).expect("keys have at most 128 bytes"));
        self.bytes.extend_from_slice(&u16::try_from(value.len()).expect("values are inline").to_be_bytes());
        self.bytes.extend_from_slice(suffix);
        self.bytes.extend_from_slice(value);
        self.last.truncate(shared);
        self.last.extend_from_slice(suffix);
        true
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The first key and the bytes; the writer is empty afterwards.
    pub(super) fn take(&mut self) -> (Vec<u8>, Vec<u8>) {
        self.last.clear();
        (std::mem::take(&mut self.first), std::mem::take(&mut self.bytes))
    }
}

/// Reads the rows of one block in order.
#[derive(Debug)]
pub(super) struct BlockReader {
    bytes: Bytes,
    at: usize,
    key: Vec<u8>,
}

impl BlockReader {
    pub(super) const fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0, key: Vec::new() }
    }

    /// The next row's value; its key is in [`BlockReader::key`].
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, RunsError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let head = self.bytes.get(self.at..self.at + 4).ok_or(RunsError::Damaged { what: "a block ends early" })?;
        let (shared, suffix) = (usize::from(head[0]), usize::from(head[1]));
        let value = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let start = self.at + 4;
        let end = start + suffix + value;
        if shared > self.key.len() || end > self.bytes.len() {
            return Err(RunsError::Damaged { what: "a row of a block is longer than the block" });
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(&self.bytes[start..start + suffix]);
        self.at = end;
        Ok(Some(self.bytes.slice(start + suffix..end)))
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }
}

/// Where the value of a key lies in a block, without putting any key together: how many bytes of `key` the last row
/// shares says whether the next is before it.
pub(super) fn find(block: &[u8], key: &[u8]) -> Result<Option<Range<usize>>, RunsError> {
    let (mut at, mut common) = (0, 0);
    while at < block.len() {
        let head = block.get(at..at + 4).ok_or(RunsError::Damaged { what: "a block ends early" })?;
        let (shared, suffix) = (usize::from(head[0]), usize::from(head[1]));
        let value = at + 4 + suffix;
        let end = value + usize::from(u16::from_be_bytes([head[2], head[3]]));
        if end > block.len() {
            return Err(RunsError::Damaged { what: "a row of a block is longer than the block" });
        }
        if shared < common {
            return Ok(None);
        }
        if shared == common {
            let (suffix, rest) = (&block[at + 4..value], &key[common..]);
            let more = common_prefix(suffix, rest);
            match (suffix.get(more), rest.get(more)) {
                (None, None) => return Ok(Some(value..end)),
                (Some(of_row), Some(of_key)) if of_row > of_key => return Ok(None),
                (Some(_), None) => return Ok(None),
                _ => common += more,
            }
        }
        at = end;
    }
    Ok(None)
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
