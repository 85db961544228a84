//! Reading texts made of lines, strictly.

use std::fmt;

use data_encoding::BASE64;
use thiserror::Error;

use crate::log::hash::NodeHash;

/// Why a text is not what it should be: the line at which it shows, and what was expected there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("line {line}: expected {expected}")]
pub struct MalformedLine {
    /// From 1.
    pub line: usize,
    /// What the format has there.
    pub expected: &'static str,
}

/// The lines of a text. Each ends in a newline.
pub(super) struct Lines<'a> {
    rest: &'a str,
    taken: usize,
}

impl<'a> Lines<'a> {
    /// `too_long` says how many bytes there may be.
    pub(super) fn new(bytes: &'a [u8], bytes_max: usize, too_long: &'static str) -> Result<Self, MalformedLine> {
        if bytes.len() > bytes_max {
            return Err(MalformedLine { line: 1, expected: too_long });
        }
        let rest = std::str::from_utf8(bytes)
            .map_err(|error| MalformedLine { line: line_of(bytes, error.valid_up_to()), expected: "text in UTF-8" })?;
        Ok(Self { rest, taken: 0 })
    }

    pub(super) fn next(&mut self, expected: &'static str) -> Result<&'a str, MalformedLine> {
        let (line, rest) = self.rest.split_once('\n').ok_or(MalformedLine { line: self.taken + 1, expected })?;
        self.rest = rest;
        self.taken += 1;
        Ok(line)
    }

    /// The next line where it begins with a word and a space: what stands after them.
    pub(super) fn next_if(&mut self, word: &str) -> Option<&'a str> {
        let (line, rest) = self.rest.split_once('\n')?;
        let value = line.strip_prefix(word)?.strip_prefix(' ')?;
        self.rest = rest;
        self.taken += 1;
        Some(value)
    }

    /// Hashes, one on each line, up to an empty line.
    pub(super) fn hashes(&mut self, max: usize, too_many: &'static str) -> Result<Vec<NodeHash>, MalformedLine> {
        let mut hashes = Vec::new();
        loop {
            match self.next("a hash, or an empty line")? {
                "" => return Ok(hashes),
                _ if hashes.len() == max => return Err(self.bad(too_many)),
                line => hashes.push(hash(line).map(NodeHash).ok_or_else(|| self.bad("32 bytes in base 64"))?),
            }
        }
    }

    /// What was not taken.
    pub(super) const fn rest(&self) -> &'a str {
        self.rest
    }

    /// A fault in the line taken last.
    pub(super) const fn bad(&self, expected: &'static str) -> MalformedLine {
        MalformedLine { line: self.taken, expected }
    }

    /// A fault in what was not taken, by the lines of that.
    pub(super) const fn within(&self, fault: MalformedLine) -> MalformedLine {
        MalformedLine { line: self.taken + fault.line, ..fault }
    }
}

/// The line in which a byte stands, from 1.
pub(super) fn line_of(bytes: &[u8], at: usize) -> usize {
    bytes[..at].split(|byte| *byte == b'\n').count()
}

/// A number in its only spelling: no sign and no zero before it. At most 2^63 - 1, as all that read these texts take.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let good = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    text.parse().ok().filter(|number| good && i64::try_from(*number).is_ok())
}

pub(super) fn hash(text: &str) -> Option<[u8; 32]> {
    // 32 bytes are 43 digits and one sign of padding: nothing longer is decoded.
    if text.len() == 44 { base64(text)?.try_into().ok() } else { None }
}

/// Base 64 in its only spelling. The library takes encodings that stand one after the other, each with its own padding;
/// here padding stands at the end.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    if text.trim_end_matches('=').contains('=') { None } else { BASE64.decode(text.as_bytes()).ok() }
}

/// Bytes as they are written on a line.
pub(super) struct Base64<'a>(pub(super) &'a [u8]);

impl fmt::Display for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&BASE64.encode_display(self.0), f)
    }
}
