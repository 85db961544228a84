//! What somebody was handed: checkpoints and proof files, checked with keys that he has from elsewhere and nothing else
//! (section 5 of the format, "What is proved").

use thiserror::Error;

use crate::log::Answer;
use crate::log::Body;
use crate::log::Checkpoint;
use crate::log::Extensions;
use crate::log::HistoryName;
use crate::log::Key;
use crate::log::KeyHistory;
use crate::log::Kind;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::Malformed;
use crate::log::MalformedLine;
use crate::log::MapFault;
use crate::log::NodeHash;
use crate::log::Note;
use crate::log::NoteFault;
use crate::log::Policy;
use crate::log::PolicyFault;
use crate::log::ProofFault;
use crate::log::ProofFile;
use crate::log::Seal;
use crate::log::SubjectProof;
use crate::log::TreeHead;
use crate::log::Verified;
use crate::log::VerifierKey;
use crate::log::verify_consistency;
use crate::log::verify_inclusion;

/// Whose signatures are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Keys of logs, under the origin of each.
    pub keys: Vec<VerifierKey>,
    /// Whose cosignatures there must be; its logs are believed, too.
    pub policy: Option<Policy>,
}

/// A checkpoint that a believed key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The keys of the log that signed it.
    pub keys: Vec<VerifierKey>,
    /// Witnesses of the policy that cosigned it, with their time, Unix time in seconds.
    pub witnesses: Vec<(VerifierKey, Option<u64>)>,
}

/// An entry that is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodEntry {
    /// As of this checkpoint.
    pub checkpoint: GoodCheckpoint,
    /// Its place.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: LeafHash,
}

/// All that is filed under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodHistory {
    /// As of this checkpoint.
    pub checkpoint: GoodCheckpoint,
    /// What its SEAL says.
    pub seal: Seal,
    /// When the SEAL was recorded, Unix time in milliseconds, as the log says.
    pub sealed_at_ms: u64,
    /// The leaves, by sequence; none where nothing is filed.
    pub leaves: Vec<Leaf>,
    /// Whether each of them was shown to be in the log by itself, too.
    pub each_included: bool,
}

impl GoodHistory {
    /// The leaves that were filed as of an older checkpoint (section 5): those before its SEAL.
    pub fn as_of(&self, size: u64) -> &[Leaf] {
        let end = self.leaves.partition_point(|leaf| leaf.index.saturating_add(1) < size);
        &self.leaves[..end]
    }
}

/// Why a checkpoint or proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HandedFault {
    /// The signed text is no checkpoint of ours.
    #[error("the checkpoint: {0}")]
    Text(MalformedLine),
    /// A signature is not good, or no believed key signed.
    #[error("the checkpoint: {0}")]
    Note(NoteFault),
    /// A log signed in the name of another.
    #[error("the checkpoint is of {found}, and the key that signed it is of {expected}")]
    Origin {
        /// Name of the key.
        expected: String,
        /// First line of the checkpoint.
        found: String,
    },
    /// The policy is not satisfied.
    #[error("the checkpoint: {0}")]
    Policy(PolicyFault),
    /// The entry is not where the proof says.
    #[error("entry {index} is not shown to be in the log: {fault}")]
    Inclusion {
        /// Which.
        index: u64,
        /// Why.
        fault: ProofFault,
    },
    /// The proof is about another leaf hash.
    #[error("the proof is about the leaf hash {found}, not {expected}")]
    OtherLeaf {
        /// Asked about.
        expected: LeafHash,
        /// In the file.
        found: LeafHash,
    },
    /// The log as it was is not the beginning of the log as it is.
    #[error("the log was changed between {old} and {new} entries: {fault}")]
    Consistency {
        /// Entries of the older checkpoint.
        old: u64,
        /// Entries of the newer.
        new: u64,
        /// Why.
        fault: ProofFault,
    },
    /// The SEAL is not the last entry under the checkpoint.
    #[error("the SEAL is said to be entry {found}, the last entry under the checkpoint is {expected}")]
    SealPlace {
        /// Size of the checkpoint, less one.
        expected: u64,
        /// In the proof or in its leaf.
        found: u64,
    },
    /// The leaf of the SEAL is none.
    #[error("the SEAL: {0}")]
    SealLeaf(Malformed),
    /// Something stands beside the proof of the SEAL that nothing signs.
    #[error("the proof of the SEAL carries something that is not signed")]
    SealExtra,
    /// A leaf of the history is none.
    #[error("leaf {sequence}: {fault}")]
    Leaf {
        /// Its line, from 0.
        sequence: u64,
        /// What is wrong.
        fault: Malformed,
    },
    /// A leaf of the history does not name it at its place.
    #[error("entry {index} stands as number {sequence} of the history, and its leaf does not say so")]
    NotFiled {
        /// Its place in the log.
        index: u64,
        /// In the history, from 0.
        sequence: u64,
    },
    /// A leaf of the history stands before the one before it, or not below the SEAL.
    #[error("entry {index} stands as number {sequence} of the history, out of order")]
    Order {
        /// Its place in the log.
        index: u64,
        /// In the history, from 0.
        sequence: u64,
    },
    /// The map says something else.
    #[error("the SEAL does not say so: {0}")]
    Map(MapFault),
    /// The map is said to be empty and to have keys, or the other way round.
    #[error("the SEAL counts {keys} keys, which does not go with the proof")]
    Keys {
        /// As counted.
        keys: u64,
    },
}

/// Checks that a believed key signed a checkpoint in its own name, and that it is witnessed as the policy asks.
///
/// # Errors
///
/// The first rule that is broken.
pub fn verify_checkpoint(note: &Note, trust: &Trust) -> Result<GoodCheckpoint, HandedFault> {
    let checkpoint = Checkpoint::parse(note.text(), Extensions::Refused).map_err(HandedFault::Text)?;
    let policy = trust.policy.as_ref();
    let of_policy = policy.into_iter().flat_map(Policy::logs).map(|log| &log.key);
    let mut believed: Vec<&VerifierKey> = Vec::new();
    for key in trust.keys.iter().chain(of_policy) {
        // The same key may be given twice; two of one name and id would be ambiguous.
        if !believed.contains(&key) {
            believed.push(key);
        }
    }
    let witnesses = policy.into_iter().flat_map(Policy::witnesses).map(|(_, witness)| &witness.key);
    let verified = note.verify(believed.iter().copied().chain(witnesses)).map_err(HandedFault::Note)?;
    let (logs, witnesses): (Vec<Verified<'_>>, Vec<_>) =
        verified.into_iter().partition(|one| believed.contains(&one.key));
    if logs.is_empty() {
        return Err(HandedFault::Note(NoteFault::Unsigned));
    }
    let keys: Vec<VerifierKey> =
        logs.iter().map(|one| one.key).filter(|key| key.name() == checkpoint.origin).cloned().collect();
    if keys.is_empty() {
        let expected = logs.first().map(|one| one.key.name().to_owned()).unwrap_or_default();
        return Err(HandedFault::Origin { expected, found: checkpoint.origin });
    }
    policy.map_or(Ok(()), |policy| policy.quorum(&witnesses)).map_err(HandedFault::Policy)?;
    let witnesses = witnesses.iter().map(|one| (one.key.clone(), one.time_s)).collect();
    Ok(GoodCheckpoint { checkpoint, keys, witnesses })
}

/// Checks that an entry of this leaf hash is in the log: the one named, or the one that the file carries. `None` where
/// neither is there.
///
/// # Errors
///
/// The first rule that is broken.
pub fn verify_entry(file: &ProofFile, leaf: Option<LeafHash>, trust: &Trust) -> Result<Option<GoodEntry>, HandedFault> {
    let checkpoint = verify_checkpoint(&file.note, trust)?;
    let leaf = match (leaf, file.leaf_hash()) {
        (Some(expected), Some(found)) if expected != found => return Err(HandedFault::OtherLeaf { expected, found }),
        (Some(leaf), _) | (None, Some(leaf)) => leaf,
        (None, None) => return Ok(None),
    };
    let index = file.index;
    verify_inclusion(leaf, index, checkpoint.checkpoint.head(), &file.inclusion)
        .map_err(|fault| HandedFault::Inclusion { index, fault })?;
    Ok(Some(GoodEntry { checkpoint, index, leaf }))
}

/// Checks that the log of a newer checkpoint begins with the log of an older one.
///
/// # Errors
///
/// It does not, or the proof is none.
pub fn verify_continues(old: &GoodCheckpoint, new: &GoodCheckpoint, proof: &[NodeHash]) -> Result<(), HandedFault> {
    let (old, new) = (&old.checkpoint, &new.checkpoint);
    if old.origin != new.origin {
        return Err(HandedFault::Origin { expected: old.origin.clone(), found: new.origin.clone() });
    }
    let fault = |fault| HandedFault::Consistency { old: old.size, new: new.size, fault };
    verify_consistency(old.head(), new.head(), proof).map_err(fault)
}

/// Checks that these are all entries that are filed under a name, or that there are none.
///
/// # Errors
///
/// The first rule that is broken.
pub fn verify_history(proof: &SubjectProof, trust: &Trust) -> Result<GoodHistory, HandedFault> {
    let checkpoint = verify_checkpoint(&proof.seal_proof.note, trust)?;
    let tree = checkpoint.checkpoint.head();
    let (seal, sealed_at_ms) = verify_seal(proof, tree)?;
    let key = proof.history.key();
    let mut leaves = Vec::with_capacity(proof.leaves.len());
    match &proof.answer {
        Answer::Present => {
            let mut own = KeyHistory::new();
            for bytes in &proof.leaves {
                let leaf = filed(bytes, &proof.history, &key, own.count())?;
                let after = leaves.last().map_or(0, |last: &Leaf| last.index + 1);
                if leaf.index < after || leaf.index >= tree.size - 1 {
                    return Err(HandedFault::Order { index: leaf.index, sequence: own.count() });
                }
                own.push(leaf.index, LeafHash::of(bytes));
                leaves.push(leaf);
            }
            proof.path.verify_presence(seal.map_root, &key, &own.value()).map_err(HandedFault::Map)?;
        }
        Answer::Absent(neighbour) => {
            proof.path.verify_absence(seal.map_root, &key, neighbour).map_err(HandedFault::Map)?;
        }
        Answer::Empty => seal.map_root.verify_empty().map_err(HandedFault::Map)?,
    }
    if (proof.answer == Answer::Empty) != (seal.map_keys == 0) {
        return Err(HandedFault::Keys { keys: seal.map_keys });
    }
    for ((leaf, bytes), siblings) in leaves.iter().zip(&proof.leaves).zip(&proof.inclusion) {
        verify_inclusion(LeafHash::of(bytes), leaf.index, tree, siblings)
            .map_err(|fault| HandedFault::Inclusion { index: leaf.index, fault })?;
    }
    let each_included = !leaves.is_empty() && proof.inclusion.len() == leaves.len();
    Ok(GoodHistory { checkpoint, seal, sealed_at_ms, leaves, each_included })
}

/// The SEAL, which is the last entry under the checkpoint.
fn verify_seal(proof: &SubjectProof, tree: TreeHead) -> Result<(Seal, u64), HandedFault> {
    let file = &proof.seal_proof;
    let expected = tree.size.saturating_sub(1);
    if !file.extra.is_empty() {
        return Err(HandedFault::SealExtra);
    }
    if file.index != expected {
        return Err(HandedFault::SealPlace { expected, found: file.index });
    }
    verify_inclusion(LeafHash::of(&proof.seal), file.index, tree, &file.inclusion)
        .map_err(|fault| HandedFault::Inclusion { index: file.index, fault })?;
    let leaf = Leaf::decode(&proof.seal).map_err(HandedFault::SealLeaf)?;
    match leaf.body {
        Body::Seal(seal) if leaf.index == expected => Ok((seal, leaf.recorded_at_ms)),
        _ => Err(HandedFault::SealPlace { expected, found: leaf.index }),
    }
}

/// A leaf that names the history at its place in it.
fn filed(bytes: &[u8], history: &HistoryName, key: &Key, sequence: u64) -> Result<Leaf, HandedFault> {
    let leaf = Leaf::decode(bytes).map_err(|fault| HandedFault::Leaf { sequence, fault })?;
    let named = leaf.event().is_some_and(|event| {
        let mut places = match history {
            HistoryName::Stream(_) => std::slice::from_ref(&event.stream).iter(),
            HistoryName::Subject(_) => event.subjects.iter(),
        };
        places.any(|place| place.key == *key && place.sequence == sequence)
    });
    if named { Ok(leaf) } else { Err(HandedFault::NotFiled { index: leaf.index, sequence }) }
}

/// What a kind of entry is called where people read.
pub const fn kind_in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Genesis => "the beginning of the log",
        Kind::Event => "an event",
        Kind::Seal => "a seal",
        Kind::Erasure => "an erasure",
        Kind::Key => "a change of keys",
        Kind::Close => "the end of the log",
    }
}
