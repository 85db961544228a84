//! Checkpoints: size and root of a log's tree, as it signs them (C2SP `tlog-checkpoint`).

use std::fmt;

use crate::log::hash::Root;
use crate::log::lines::Base64;
use crate::log::lines::Lines;
use crate::log::lines::MalformedLine;
use crate::log::lines::decimal;
use crate::log::lines::hash;
use crate::log::note::NOTE_BYTES_MAX;
use crate::log::note::Note;
use crate::log::note::NoteSignature;
use crate::log::note::SignerKey;
use crate::log::tree::TreeHead;

/// The most lines after the root. They are other people's, and each is kept by itself.
const EXTENSIONS_MAX: usize = 64;

/// How large a log is, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Number of entries, at most 2^63 - 1.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Root,
    /// Lines after these, none empty, at most 64. Ours have none: what else is committed stands in the SEAL.
    pub extensions: Vec<String>,
}

/// What becomes of a checkpoint with lines after the third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extensions {
    /// It is refused: no log of ours has any.
    Refused,
    /// They are kept and mean nothing: for other people's logs.
    Kept,
}

impl Checkpoint {
    /// Reads the text of a note. What it returns is printed as the same text.
    ///
    /// # Errors
    ///
    /// It is not one in its only spelling.
    pub fn parse(text: &str, extensions: Extensions) -> Result<Self, MalformedLine> {
        let mut lines = Lines::new(text.as_bytes(), NOTE_BYTES_MAX, "a checkpoint of at most 131072 bytes")?;
        let origin = lines.next("an origin")?.to_owned();
        if origin.is_empty() {
            return Err(lines.bad("an origin"));
        }
        let size =
            decimal(lines.next("a size")?).ok_or_else(|| lines.bad("a size: decimal, without zeros before it"))?;
        let root = hash(lines.next("a root")?).map(Root).ok_or_else(|| lines.bad("a root: 32 bytes in base 64"))?;
        let mut kept = Vec::new();
        while !lines.rest().is_empty() {
            let line = lines.next("a newline at the end")?;
            if extensions == Extensions::Refused {
                return Err(lines.bad("no line after the root"));
            }
            if kept.len() == EXTENSIONS_MAX {
                return Err(lines.bad("at most 64 lines after the root"));
            }
            if line.is_empty() {
                return Err(lines.bad("a line that is not empty"));
            }
            kept.push(line.to_owned());
        }
        Ok(Self { origin, size, root, extensions: kept })
    }

    /// What proofs are verified against.
    pub const fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root }
    }

    /// Signs it with every key that the log has in force, in their order.
    ///
    /// # Errors
    ///
    /// It is not the text of a note: the origin has a newline or control character, or there is no signer.
    pub fn sign(&self, signers: &[SignerKey]) -> Result<Note, MalformedLine> {
        let text = self.to_string();
        let signatures = signers.iter().map(|signer| NoteSignature::sign(&text, signer)).collect();
        Note::new(text, signatures)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, Base64(self.root.as_bytes()))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests;
