//! Proof files: an entry is in the log, as others can check without asking anybody (C2SP `tlog-proof`).

use std::fmt;

use crate::log::checkpoint::Checkpoint;
use crate::log::checkpoint::Extensions;
use crate::log::hash::LeafHash;
use crate::log::hash::NodeHash;
use crate::log::lines::Base64;
use crate::log::lines::Lines;
use crate::log::lines::MalformedLine;
use crate::log::lines::base64;
use crate::log::lines::decimal;
use crate::log::note::NOTE_BYTES_MAX;
use crate::log::note::Note;

/// The most bytes of a `.tlog-proof`.
pub const PROOF_FILE_BYTES_MAX: usize = 2 * NOTE_BYTES_MAX;

/// The most hashes of a proof: trees have less than 2^63 leaves.
pub const PROOF_HASHES_MAX: usize = 63;

const MAGIC: &str = "c2sp.org/tlog-proof@v1";

/// What is in a `.tlog-proof`, read and not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// What an application put beside it, which is not signed. Ours put the leaf hash of the entry, which the proof then
    /// proves; or nothing where the leaf stands beside it.
    pub extra: Vec<u8>,
    /// Which entry.
    pub index: u64,
    /// Siblings from the leaf to the root (RFC 6962 section 2.1.1).
    pub inclusion: Vec<NodeHash>,
    /// The signed checkpoint.
    pub note: Note,
    /// What its text says.
    pub checkpoint: Checkpoint,
}

impl ProofFile {
    /// A proof file.
    ///
    /// # Errors
    ///
    /// The note is no checkpoint over the entry, or there are more hashes than in any proof.
    pub fn new(index: u64, inclusion: Vec<NodeHash>, note: Note) -> Result<Self, MalformedLine> {
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Kept)?;
        let file = Self { extra: Vec::new(), index, inclusion, note, checkpoint };
        file.check(2)?;
        Ok(file)
    }

    /// The same with the leaf hash of the entry, so that it can be checked by itself.
    #[must_use]
    pub fn carrying(self, leaf: LeafHash) -> Self {
        Self { extra: leaf.as_bytes().to_vec(), ..self }
    }

    /// The leaf hash that it carries; not proved by that.
    pub fn leaf_hash(&self) -> Option<LeafHash> {
        self.extra.as_slice().try_into().ok().map(LeafHash)
    }

    /// Reads a file. What it returns is printed as the same bytes.
    ///
    /// # Errors
    ///
    /// It is not one in its only spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedLine> {
        let mut lines = Lines::new(bytes, PROOF_FILE_BYTES_MAX, "a proof of at most 262144 bytes")?;
        if lines.next("c2sp.org/tlog-proof@v1")? != MAGIC {
            return Err(lines.bad("c2sp.org/tlog-proof@v1"));
        }
        let extra = match lines.next_if("extra") {
            None => Vec::new(),
            Some(extra) => base64(extra)
                .filter(|extra| !extra.is_empty())
                .ok_or_else(|| lines.bad("extra and at least a byte in base 64"))?,
        };
        let index = lines.next("index and a number")?.strip_prefix("index ").and_then(decimal);
        let index = index.ok_or_else(|| lines.bad("index and a number: decimal, without zeros before it"))?;
        let index_line = lines.bad("").line;
        let inclusion = lines.hashes(PROOF_HASHES_MAX, "at most 63 hashes")?;
        let note = Note::parse(lines.rest().as_bytes()).map_err(|fault| lines.within(fault))?;
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Kept).map_err(|fault| lines.within(fault))?;
        let file = Self { extra, index, inclusion, note, checkpoint };
        file.check(index_line)?;
        Ok(file)
    }

    fn check(&self, line: usize) -> Result<(), MalformedLine> {
        if self.index >= self.checkpoint.size {
            return Err(MalformedLine { line, expected: "an index below the checkpoint's size" });
        }
        if self.inclusion.len() > PROOF_HASHES_MAX {
            return Err(MalformedLine { line, expected: "at most 63 hashes" });
        }
        Ok(())
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{MAGIC}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", Base64(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.inclusion.iter().try_for_each(|hash| writeln!(f, "{}", Base64(hash.as_bytes())))?;
        write!(f, "\n{}", self.note)
    }
}

#[cfg(test)]
mod tests;
