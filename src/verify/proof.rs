//! Proof files, checked with nothing but keys and a policy (section 5 of the format).
//!
//! What a proof of a history rests on, beside the signatures: that the SEAL's map is the one that follows from the
//! leaves. Whoever has the leaves can say so; until a replaying witness or an auditor has, only the inclusion proofs of
//! the single leaves are independent of it.

use thiserror::Error;

use crate::log::Answer;
use crate::log::Body;
use crate::log::Checkpoint;
use crate::log::Extensions;
use crate::log::HistoryName;
use crate::log::Key;
use crate::log::KeyHistory;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::Malformed;
use crate::log::MalformedLine;
use crate::log::MapFault;
use crate::log::NodeHash;
use crate::log::Note;
use crate::log::Place;
use crate::log::Policy;
use crate::log::PolicyFault;
use crate::log::ProofFault;
use crate::log::ProofFile;
use crate::log::Seal;
use crate::log::SubjectProof;
use crate::log::Verified;
use crate::log::VerifierKey;
use crate::log::verify_consistency;
use crate::log::verify_inclusion;

/// Whose word is believed.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// Keys of logs, under their origins. Of a log whose keys have changed: those in force at the proof's size.
    pub keys: &'a [VerifierKey],
    /// Witnesses, and logs beside those above; without it no cosignature is asked for.
    pub policy: Option<&'a Policy>,
}

/// A checkpoint that is signed as was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// Which log, and how large.
    pub checkpoint: Checkpoint,
    /// Signatures of the log.
    pub logs: Vec<Verified<'a>>,
    /// Cosignatures of the policy's witnesses, each with its time.
    pub witnesses: Vec<Verified<'a>>,
}

/// All that is filed under a name, as a proof has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedHistory<'a> {
    /// As of which checkpoint.
    pub signed: Signed<'a>,
    /// When the SEAL under it was recorded, Unix time in milliseconds.
    pub sealed_at_ms: u64,
    /// The entries' leaves, by sequence; none where nothing is filed.
    pub leaves: Vec<Leaf>,
    /// Whether each of them was shown to be in the log by itself, and not by the SEAL's word alone.
    pub in_log: bool,
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// The note is no checkpoint.
    #[error("checkpoint: {0}")]
    Checkpoint(MalformedLine),
    /// The checkpoint is not signed as was asked.
    #[error(transparent)]
    Signatures(PolicyFault),
    /// The entry is not in the tree of the checkpoint.
    #[error("entry {index} is not in the tree: {fault}")]
    Inclusion {
        /// Which entry.
        index: u64,
        /// Why.
        fault: ProofFault,
    },
    /// The last entry under the checkpoint is not the SEAL shown.
    #[error("the SEAL is entry {found}, the last one under the checkpoint is {expected}")]
    SealElsewhere {
        /// One less than the checkpoint's size.
        expected: u64,
        /// As the proof or the SEAL itself says.
        found: u64,
    },
    /// What is shown as the SEAL is none.
    #[error("the leaf shown as the SEAL is none")]
    NoSeal,
    /// A leaf is none.
    #[error("leaf {sequence}: {fault}")]
    Leaf {
        /// Its place among those shown, from 0.
        sequence: u64,
        /// Why.
        fault: Malformed,
    },
    /// A leaf is not filed under the name.
    #[error("leaf {sequence} is filed under other names")]
    OtherName {
        /// Its place among those shown, from 0.
        sequence: u64,
    },
    /// A leaf stands elsewhere in the history: one is missing, twice, or exchanged.
    #[error("leaf {sequence} says that it is number {found} of its history")]
    Sequence {
        /// Its place among those shown, from 0.
        sequence: u64,
        /// As it says, from 0.
        found: u64,
    },
    /// The indices do not ascend, or one is not below the SEAL's.
    #[error("leaf {sequence} is entry {found}, which is not between the one before it and the SEAL")]
    Order {
        /// Its place among those shown, from 0.
        sequence: u64,
        /// Its index.
        found: u64,
    },
    /// The map of the SEAL says something else.
    #[error("the SEAL's map: {0}")]
    Map(MapFault),
    /// Something stands beside the proof of the SEAL that nothing signs.
    #[error("the proof of the SEAL carries something that is not signed")]
    Beside,
    /// Two checkpoints are of two logs.
    #[error("the older checkpoint is of {old}, the newer of {new}")]
    OtherLog {
        /// Origin of the older one.
        old: String,
        /// Origin of the newer one.
        new: String,
    },
    /// The log as it was is not the beginning of the log as it is, or the proof does not show it.
    #[error("the log of {new} entries is not shown to begin with that of {old}: {fault}")]
    Consistency {
        /// Entries of the older checkpoint.
        old: u64,
        /// Entries of the newer one.
        new: u64,
        /// Why.
        fault: ProofFault,
    },
    /// Leaves where nothing is said to be, none where something is, or another number of inclusion proofs.
    #[error("the proof has {leaves} leaves and {inclusions} inclusion proofs, which is not what it says")]
    Count {
        /// Leaves.
        leaves: usize,
        /// Inclusion proofs.
        inclusions: usize,
    },
}

/// Verifies that a checkpoint is signed by a log that is believed, in its own name, and witnessed as the policy asks.
///
/// # Errors
///
/// It is not, or a signature of a known key is not good.
pub fn verify_checkpoint<'a>(note: &Note, trust: Trust<'a>) -> Result<Signed<'a>, ProofError> {
    let checkpoint = Checkpoint::parse(note.text(), Extensions::Kept).map_err(ProofError::Checkpoint)?;
    let (logs, witnesses) = if let Some(policy) = trust.policy {
        let logs = policy.logs().iter().map(|log| &log.key).filter(|key| !trust.keys.contains(key));
        let found = policy.check_with(note, trust.keys.iter().chain(logs)).map_err(ProofError::Signatures)?;
        (found.logs, found.witnesses)
    } else {
        let found = note.verify(trust.keys).map_err(|fault| ProofError::Signatures(PolicyFault::Note(fault)))?;
        let own = found.into_iter().filter(|one| one.key.name() == checkpoint.origin && one.time_s.is_none());
        (own.collect::<Vec<_>>(), Vec::new())
    };
    if logs.is_empty() {
        return Err(ProofError::Signatures(PolicyFault::Origin));
    }
    Ok(Signed { checkpoint, logs, witnesses })
}

/// Verifies that a leaf is in a log, as a `.tlog-proof` says.
///
/// # Errors
///
/// The checkpoint is not signed as was asked, or the leaf is not where the file says.
pub fn verify_proof_file<'a>(file: &ProofFile, leaf: LeafHash, trust: Trust<'a>) -> Result<Signed<'a>, ProofError> {
    let signed = verify_checkpoint(&file.note, trust)?;
    let index = file.index;
    let proved = verify_inclusion(leaf, index, signed.checkpoint.head(), &file.inclusion);
    proved.map_err(|fault| ProofError::Inclusion { index, fault })?;
    Ok(signed)
}

/// Verifies that the log of a newer checkpoint begins with the whole log of an older one.
///
/// # Errors
///
/// They are of two logs, the newer is smaller, or the hashes do not show it.
pub fn verify_consistent(old: &Signed<'_>, new: &Signed<'_>, proof: &[NodeHash]) -> Result<(), ProofError> {
    let (old, new) = (&old.checkpoint, &new.checkpoint);
    if old.origin != new.origin {
        return Err(ProofError::OtherLog { old: old.origin.clone(), new: new.origin.clone() });
    }
    let fault = |fault| ProofError::Consistency { old: old.size, new: new.size, fault };
    verify_consistency(old.head(), new.head(), proof).map_err(fault)
}

/// Verifies that all that is filed under a name is what a `.subject-proof` shows, as of its checkpoint.
///
/// # Errors
///
/// The first rule of section 5 that is broken.
pub fn verify_subject_proof<'a>(proof: &SubjectProof, trust: Trust<'a>) -> Result<ProvedHistory<'a>, ProofError> {
    if !proof.seal_proof.extra.is_empty() {
        return Err(ProofError::Beside);
    }
    let signed = verify_proof_file(&proof.seal_proof, LeafHash::of(&proof.seal), trust)?;
    let (sealed_at_ms, seal) = seal_under(&signed.checkpoint, proof)?;
    let key = proof.history.key();
    let count = || ProofError::Count { leaves: proof.leaves.len(), inclusions: proof.inclusion.len() };
    let leaves = match &proof.answer {
        Answer::Present if proof.leaves.is_empty() => return Err(count()),
        Answer::Present => {
            let (leaves, history) = history(proof, &key, signed.checkpoint.size - 1)?;
            let value = history.value();
            proof.path.verify_presence(seal.map_root, &key, &value).map_err(ProofError::Map)?;
            leaves
        }
        Answer::Absent(_) | Answer::Empty if !proof.leaves.is_empty() => return Err(count()),
        Answer::Absent(neighbour) => {
            proof.path.verify_absence(seal.map_root, &key, neighbour).map_err(ProofError::Map)?;
            Vec::new()
        }
        Answer::Empty => {
            seal.map_root.verify_empty().map_err(ProofError::Map)?;
            Vec::new()
        }
    };
    if !proof.inclusion.is_empty() && proof.inclusion.len() != leaves.len() {
        return Err(count());
    }
    for ((leaf, bytes), siblings) in leaves.iter().zip(&proof.leaves).zip(&proof.inclusion) {
        let head = signed.checkpoint.head();
        verify_inclusion(LeafHash::of(bytes), leaf.index, head, siblings)
            .map_err(|fault| ProofError::Inclusion { index: leaf.index, fault })?;
    }
    let in_log = !leaves.is_empty() && proof.inclusion.len() == leaves.len();
    Ok(ProvedHistory { signed, sealed_at_ms, leaves, in_log })
}

/// The SEAL is the last entry under the checkpoint, and of our kind of log: without lines after the root.
fn seal_under(checkpoint: &Checkpoint, proof: &SubjectProof) -> Result<(u64, Seal), ProofError> {
    if !checkpoint.extensions.is_empty() {
        return Err(ProofError::Checkpoint(MalformedLine { line: 4, expected: "no line after the root" }));
    }
    let leaf = Leaf::decode(&proof.seal).map_err(|_| ProofError::NoSeal)?;
    let Body::Seal(seal) = leaf.body else { return Err(ProofError::NoSeal) };
    let expected = checkpoint.size - 1;
    match [proof.seal_proof.index, leaf.index].into_iter().find(|index| *index != expected) {
        Some(found) => Err(ProofError::SealElsewhere { expected, found }),
        None => Ok((leaf.recorded_at_ms, seal)),
    }
}

/// The leaves decoded, and the history that follows from them.
fn history(proof: &SubjectProof, key: &Key, seal: u64) -> Result<(Vec<Leaf>, KeyHistory), ProofError> {
    let mut leaves: Vec<Leaf> = Vec::with_capacity(proof.leaves.len());
    let mut history = KeyHistory::new();
    for (sequence, bytes) in (0..).zip(&proof.leaves) {
        let leaf = Leaf::decode(bytes).map_err(|fault| ProofError::Leaf { sequence, fault })?;
        let place = place(&leaf, &proof.history, key).ok_or(ProofError::OtherName { sequence })?;
        if place.sequence != sequence {
            return Err(ProofError::Sequence { sequence, found: place.sequence });
        }
        if leaf.index >= seal || leaves.last().is_some_and(|last| last.index >= leaf.index) {
            return Err(ProofError::Order { sequence, found: leaf.index });
        }
        history.push(leaf.index, LeafHash::of(bytes));
        leaves.push(leaf);
    }
    Ok((leaves, history))
}

/// The place of a leaf in a history: of a stream where it is recorded in it, of a subject where it is about it.
fn place<'a>(leaf: &'a Leaf, history: &HistoryName, key: &Key) -> Option<&'a Place> {
    let event = leaf.event()?;
    match history {
        HistoryName::Stream(_) => Some(&event.stream).filter(|place| place.key == *key),
        HistoryName::Subject(_) => event.subjects.iter().find(|place| place.key == *key),
    }
}

impl ProvedHistory<'_> {
    /// What was filed as of an older size, at which a SEAL was the last entry: one proof serves all times.
    pub fn as_of(&self, size: u64) -> &[Leaf] {
        let older = self.leaves.partition_point(|leaf| leaf.index + 1 < size);
        &self.leaves[..older]
    }
}

#[cfg(test)]
mod tests;
