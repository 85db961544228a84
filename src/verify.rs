//! Entries to a report: the same code at start-up, in the program and in every test.
//!
//! The steps are those of section 6 of the format. Entries are looked at one by one on all cores (does each decode,
//! does everything beside the leaf match it, are its stream and subjects those that its payload names), and in their
//! order by one (chain, times, sequences, requests, erasures). Knows nothing of how entries are stored or sent.

mod entry;
mod fault;
mod order;
mod proof;
mod replay;
mod run;
mod state;

use std::fmt;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use thiserror::Error;

use crate::log::Checked;
use crate::log::KeysOfLog;
use crate::log::LeafHash;
use crate::log::TreeHead;

pub use fault::Fault;
pub use fault::What;
pub use proof::ProofError;
pub use proof::ProvedHistory;
pub use proof::Signed;
pub use proof::Trust;
pub use proof::verify_checkpoint;
pub use proof::verify_consistent;
pub use proof::verify_proof_file;
pub use proof::verify_subject_proof;
pub use replay::LeafReplay;
pub use run::Stop;
pub use run::verify;
pub use run::verify_range;
pub use state::StateFault;

/// Where entries come from.
pub trait Entries: Sync {
    /// Number of entries.
    fn size(&self) -> u64;

    /// Number of entries by now, where a log grows while it is read.
    ///
    /// # Errors
    ///
    /// It cannot be had.
    fn size_now(&self) -> Result<u64, Unreadable> {
        Ok(self.size())
    }

    /// What of each entry there is: the bytes that [`Entries::read`] gives are that.
    fn pieces(&self) -> Pieces {
        Pieces::Whole
    }

    /// Entries from one on, in order, of about so many bytes; at least one where there is one.
    ///
    /// # Errors
    ///
    /// They cannot be had.
    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable>;
}

/// What of each entry is there to be verified. The less it is, the fewer steps can be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pieces {
    /// Everything that is kept of it: all steps.
    #[default]
    Whole,
    /// Its leaf, as it is hashed: steps 1 to 5, and of an erasure not whether its target has what it names.
    Leaves,
    /// Its leaf hash: step 3, and of step 1 what needs no leaf.
    Hashes,
}

/// Entries cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct Unreadable {
    /// Whether what lies there is damaged, and not only out of reach.
    pub damaged: bool,
    /// In words.
    pub what: String,
}

/// Opens sealed parts for step 7.
pub trait Opener: Sync {
    /// Whether the part opens and is what was committed; `None` where the key is not held.
    fn opens(&self, entry: &Checked, part: usize) -> Option<Result<(), String>>;
}

/// A checkpoint that is held, its signatures verified or to be verified by whoever holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldHead {
    /// Over which entries.
    pub head: TreeHead,
    /// When witnesses that are believed cosigned it, Unix time in seconds.
    pub cosigned_s: Vec<u64>,
}

/// What is to be verified beside the entries themselves.
#[derive(Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// The first entry to be verified. Those before it are taken as they are, and what only the beginning of the log
    /// could show is not asked: that no request stands twice, at which sequence a history begins, which keys are in
    /// force. 0 is the whole log.
    pub from: u64,
    /// A head that was kept elsewhere: the entry of this index has this leaf hash.
    pub head: Option<(u64, LeafHash)>,
    /// Checkpoints that are held: the log has each of them (steps 1 and 3).
    pub held: &'a [HeldHead],
    /// With the keys: step 7.
    pub opener: Option<&'a dyn Opener>,
    /// Threads that look at entries; 0 means as many as there are cores.
    pub threads: usize,
    /// Set by whoever wants to be done: what is being read is still verified, and nothing after it.
    pub interrupted: Option<&'a AtomicBool>,
}

impl fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted")
            .field("from", &self.from)
            .field("head", &self.head)
            .field("held", &self.held)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What of each entry there was, so which steps were done.
    pub pieces: Pieces,
    /// Entries verified, from the first that was wanted; those before the first fault where there is one.
    pub entries: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// The last entry verified: its index and leaf hash.
    pub head: Option<(u64, LeafHash)>,
    /// The log's origin; empty where entry 0 was not wanted.
    pub origin: String,
    /// Requests.
    pub requests: u64,
    /// Histories of streams and subjects.
    pub histories: u64,
    /// Sealed parts that are kept.
    pub parts: u64,
    /// Sealed parts that were opened and compared.
    pub parts_opened: u64,
    /// Erasures.
    pub erasures: u64,
    /// Seals; each has the map that follows from the entries before it, where [`Report::tree`] is set.
    pub seals: u64,
    /// The tree over all entries (step 3), where tree and map were made again: of a log that was verified from entry 0.
    pub tree: Option<TreeHead>,
    /// Held checkpoints that the log has.
    pub checkpoints: u64,
    /// The keys of the log, with when they came and went; none where entry 0 was not wanted.
    pub keys: KeysOfLog,
    /// Entries of which an ERASURE names something that is still kept: an erasure that is not yet carried out.
    pub erasures_pending: Vec<u64>,
    /// What is wrong first, by index; the entries after it were not looked at.
    pub fault: Option<Fault>,
    /// Why not everything could be looked at, where nothing is wrong with what was.
    pub unreadable: Option<String>,
}

impl Report {
    /// Whether everything that was asked was looked at, and nothing is wrong.
    pub const fn is_good(&self) -> bool {
        self.fault.is_none() && self.unreadable.is_none()
    }
}

#[cfg(test)]
mod tests;
