//! The wire format of protobuf, as far as events use it.

use std::ops::Range;

use crate::events::shape::fault::FieldFault;
use crate::events::shape::fault::FieldRule;

pub(super) const VARINT: u8 = 0;
pub(super) const LENGTH: u8 = 2;

pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// A field's number and wire type.
    pub(super) fn tag(&mut self) -> Result<(u32, u8), FieldFault> {
        let (tag, minimal) = self.varint()?;
        let number = u32::try_from(tag >> 3).unwrap_or_default();
        if number == 0 || !minimal {
            return Err(undecodable("a field number out of range"));
        }
        Ok((number, u8::try_from(tag & 7).expect("three bits")))
    }

    /// A varint, and whether it is as short as it can be.
    pub(super) fn varint(&mut self) -> Result<(u64, bool), FieldFault> {
        // Most numbers, tags and lengths have one byte.
        if let Some(byte) = self.bytes.get(self.at).filter(|byte| **byte < 0x80) {
            self.at += 1;
            return Ok((u64::from(*byte), true));
        }
        let mut value = 0_u64;
        for (count, byte) in self.bytes[self.at..].iter().take(10).enumerate() {
            if count == 9 && *byte > 1 {
                return Err(undecodable("a number of more than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * count);
            if byte & 0x80 == 0 {
                self.at += count + 1;
                return Ok((value, *byte != 0 || count == 0));
            }
        }
        Err(undecodable("a number that does not end"))
    }

    /// A length, and the bytes of that length after it.
    pub(super) fn length(&mut self) -> Result<Range<usize>, FieldFault> {
        let (len, minimal) = self.varint()?;
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len));
        match end {
            Some(end) if end <= self.bytes.len() && minimal => {
                let start = self.at;
                self.at = end;
                Ok(start..end)
            }
            _ => Err(undecodable("a length beyond the end")),
        }
    }

    /// Passes over a value; returns where it stands, without its length.
    pub(super) fn skip(&mut self, wire: u8) -> Result<Range<usize>, FieldFault> {
        match wire {
            VARINT => {
                let start = self.at;
                self.varint()?;
                Ok(start..self.at)
            }
            LENGTH => self.length(),
            _ => Err(undecodable("another wire type")),
        }
    }
}

pub(super) const fn undecodable(what: &'static str) -> FieldFault {
    FieldFault::of(FieldRule::Undecodable { what })
}
