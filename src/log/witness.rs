//! What a log and a witness say to each other (C2SP `tlog-witness`).

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::Digest;
use sha2::Sha256;

use crate::log::checkpoint::Checkpoint;
use crate::log::checkpoint::Extensions;
use crate::log::hash::NodeHash;
use crate::log::lines::Base64;
use crate::log::lines::Lines;
use crate::log::lines::MalformedLine;
use crate::log::lines::decimal;
use crate::log::note::NOTE_BYTES_MAX;
use crate::log::note::NOTE_SIGNATURES_MAX;
use crate::log::note::Note;
use crate::log::note::NoteSignature;
use crate::log::proof_file::PROOF_HASHES_MAX;

/// The most bytes of a request to cosign.
pub const ADD_CHECKPOINT_BYTES_MAX: usize = NOTE_BYTES_MAX + 4096;

/// The content type of [`conflict`].
pub const TREE_SIZE_TYPE: &str = "text/x.tlog.size";

/// A request to cosign: the checkpoint, and the proof that it continues the one that the witness has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the checkpoint that the witness has, 0 if none.
    pub old_size: u64,
    /// Consistency proof from there (RFC 6962 section 2.1.2), at most 63 hashes.
    pub proof: Vec<NodeHash>,
    /// As the log signed it.
    pub note: Note,
    /// What its text says.
    pub checkpoint: Checkpoint,
}

impl AddCheckpoint {
    /// A request.
    ///
    /// # Errors
    ///
    /// The note is no checkpoint, the old size is larger, or the proof is longer than any.
    pub fn new(old_size: u64, proof: Vec<NodeHash>, note: Note) -> Result<Self, MalformedLine> {
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Kept)?;
        let request = Self { old_size, proof, note, checkpoint };
        request.check(1)?;
        Ok(request)
    }

    /// Reads the body of a request: what it refuses is answered with status 400. Extension lines are kept.
    ///
    /// # Errors
    ///
    /// It is not one in its only spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedLine> {
        let mut lines = Lines::new(bytes, ADD_CHECKPOINT_BYTES_MAX, "a request of at most 135168 bytes")?;
        let old = lines.next("old and a size")?.strip_prefix("old ").and_then(decimal);
        let old_size = old.ok_or_else(|| lines.bad("old and a size: decimal, without zeros before it"))?;
        let proof = lines.hashes(PROOF_HASHES_MAX, "at most 63 hashes")?;
        let note = Note::parse(lines.rest().as_bytes()).map_err(|fault| lines.within(fault))?;
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Kept).map_err(|fault| lines.within(fault))?;
        let request = Self { old_size, proof, note, checkpoint };
        request.check(1)?;
        Ok(request)
    }

    fn check(&self, line: usize) -> Result<(), MalformedLine> {
        if self.old_size > self.checkpoint.size {
            return Err(MalformedLine { line, expected: "an old size of at most the checkpoint's" });
        }
        if self.proof.len() > PROOF_HASHES_MAX {
            return Err(MalformedLine { line, expected: "at most 63 hashes" });
        }
        Ok(())
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", Base64(hash.as_bytes())))?;
        write!(f, "\n{}", self.note)
    }
}

/// Reads what a witness answers with status 200: one or more lines of signature.
///
/// # Errors
///
/// It is not that.
pub fn parse_cosignatures(bytes: &[u8]) -> Result<Vec<NoteSignature>, MalformedLine> {
    let mut lines = Lines::new(bytes, NOTE_BYTES_MAX, "an answer of at most 131072 bytes")?;
    let mut signatures = Vec::new();
    while signatures.is_empty() || !lines.rest().is_empty() {
        let line = lines.next("a signature")?;
        if signatures.len() == NOTE_SIGNATURES_MAX {
            return Err(lines.bad("at most 100 signatures"));
        }
        signatures.push(NoteSignature::parse(line).map_err(|fault| lines.bad(fault.expected))?);
    }
    Ok(signatures)
}

/// What a witness answers with status 409: the size that it has.
pub fn conflict(size: u64) -> String {
    format!("{size}\n")
}

/// Reads [`conflict`]; `None` where it is anything else, as from a witness that means another conflict.
pub fn parse_conflict(bytes: &[u8]) -> Option<u64> {
    decimal(std::str::from_utf8(bytes.get(..bytes.len().min(32))?).ok()?.strip_suffix('\n')?)
}

/// Where a witness serves the last checkpoint of a log that it cosigned, below its monitoring prefix.
pub fn monitoring_path(origin: &str) -> String {
    format!("{}/checkpoint", HEXLOWER.encode(&Sha256::digest(origin.as_bytes())))
}

#[cfg(test)]
mod tests;
