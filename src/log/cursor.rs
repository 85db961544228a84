//! Reading fixed fields from bytes, strictly.

use thiserror::Error;

/// Why bytes are not what they should be: the offset at which it shows, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("byte {offset}: expected {expected}, found {found}")]
pub struct Malformed {
    /// From the start of what is decoded.
    pub offset: usize,
    /// What the format has there.
    pub expected: &'static str,
    /// What is there: a number, a length or a word, never a value of a field of text.
    pub found: String,
}

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn take(&mut self, len: usize, expected: &'static str) -> Result<&'a [u8], Malformed> {
        let left = self.bytes.len() - self.offset;
        if left < len {
            return Err(self.fault(expected, format!("the end, {} bytes short", len - left)));
        }
        let taken = &self.bytes[self.offset..self.offset + len];
        self.offset += len;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Malformed> {
        Ok(self.take(N, expected)?.try_into().expect("take gives as many bytes as asked"))
    }

    pub(super) fn u8(&mut self, expected: &'static str) -> Result<u8, Malformed> {
        self.array::<1>(expected).map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self, expected: &'static str) -> Result<u16, Malformed> {
        self.array(expected).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, expected: &'static str) -> Result<u32, Malformed> {
        self.array(expected).map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self, expected: &'static str) -> Result<u64, Malformed> {
        self.array(expected).map(u64::from_be_bytes)
    }

    /// A fault in what was just read, `back` bytes ago.
    pub(super) fn bad(&self, back: usize, expected: &'static str, found: impl std::fmt::Display) -> Malformed {
        Malformed { offset: self.offset.saturating_sub(back), expected, found: found.to_string() }
    }

    pub(super) fn end(&self) -> Result<(), Malformed> {
        let left = self.bytes.len() - self.offset;
        if left == 0 { Ok(()) } else { Err(self.fault("the end", format!("{left} bytes more"))) }
    }

    fn fault(&self, expected: &'static str, found: String) -> Malformed {
        Malformed { offset: self.offset, expected, found }
    }
}
