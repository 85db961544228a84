//! What can be wrong with a log, and at which entry.

use thiserror::Error;

use crate::events::shape::FieldFault;
use crate::log::EntryFault;
use crate::log::KeyFault;
use crate::log::LeafHash;
use crate::log::MapRoot;
use crate::log::Root;

/// Something is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("entry {index}: {what}")]
pub struct Fault {
    /// The first entry at fault.
    pub index: u64,
    /// What was expected and found.
    pub what: What,
}

/// What was expected and found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum What {
    /// It does not decode, or something beside its leaf does not match it.
    #[error(transparent)]
    Entry(EntryFault),
    /// It cannot be read from where it lies.
    #[error("{0}")]
    Unreadable(String),
    /// It is not there, though the log goes on or should.
    #[error("missing: the log ends after {size} entries")]
    Missing {
        /// Entries that there are.
        size: u64,
    },
    /// It stands at another place than it says.
    #[error("its leaf says index {found}")]
    Index {
        /// In the leaf.
        found: u64,
    },
    /// It was recorded before the one before it.
    #[error("recorded at {found} ms, before the entry before it ({before} ms)")]
    Time {
        /// Of the entry before.
        before: u64,
        /// Of this one.
        found: u64,
    },
    /// It does not name the leaf hash of the one before it.
    #[error("its leaf names {found} as the leaf hash before it, which is {expected}")]
    Chain {
        /// Recomputed.
        expected: LeafHash,
        /// In the leaf.
        found: LeafHash,
    },
    /// The sequence of its stream or of a subject has a gap or repeats.
    #[error("sequence {found} of {history}, expected {expected}")]
    Sequence {
        /// `its stream`, or `subject N` by its place in the leaf.
        history: String,
        /// The next one.
        expected: u64,
        /// In the leaf.
        found: u64,
    },
    /// The first entry is no GENESIS, or a later one is.
    #[error("a GENESIS stands at entry 0 and nowhere else")]
    Genesis,
    /// The events of a request do not stand together, numbered and complete.
    #[error("event {found} of a request of {count}, expected {expected}")]
    Request {
        /// The number expected, from 0.
        expected: String,
        /// The number found, from 0.
        found: u16,
        /// Events of the request.
        count: u16,
    },
    /// Something that is no event stands between the events of a request.
    #[error("no event, and stands after event {number} of a request of {count}")]
    InsideRequest {
        /// Number of the event before it, from 0.
        number: u16,
        /// Events of the request.
        count: u16,
    },
    /// The log ends in the middle of a request.
    #[error("the log ends after event {number} of a request of {count}")]
    RequestCut {
        /// Number of the last event, from 0.
        number: u16,
        /// Events of the request.
        count: u16,
    },
    /// A request stands twice.
    #[error("its request was recorded before")]
    RequestTwice,
    /// An event of a type that this program does not know.
    #[error("event {event_type}/{version} is unknown to this verifier")]
    UnknownEvent {
        /// As in the manifest.
        event_type: String,
        /// As in the manifest.
        version: u16,
    },
    /// The open payload is not a message of its type in its only spelling.
    #[error("open payload: {0}")]
    Payload(FieldFault),
    /// The leaf does not have the stream and subjects that the open payload names.
    #[error("its leaf is filed under other {0} than its open payload names")]
    Names(&'static str),
    /// Something is absent, and no ERASURE says why.
    #[error("{0} is absent, and no erasure names it")]
    Absent(String),
    /// An ERASURE names something that is not there to be erased, or other keys than its target's.
    #[error("erasure of entry {target}: {what}")]
    Erasure {
        /// Its target.
        target: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A SEAL does not name the seal before it. Both are `None` where there is none.
    #[error("names {} as the seal before it, which is {}", seal(*found), seal(*expected))]
    Seal {
        /// Index of the seal before it.
        expected: Option<u64>,
        /// As it says.
        found: Option<u64>,
    },
    /// A SEAL commits to another map than the one that follows from the entries before it: something is withheld from a
    /// history, or put into one.
    #[error(
        "SEAL over a map of {found_keys} keys with root {found}, the entries before it make {expected_keys} keys and {expected}"
    )]
    Map {
        /// Replayed.
        expected: MapRoot,
        /// Replayed.
        expected_keys: u64,
        /// As it says.
        found: MapRoot,
        /// As it says.
        found_keys: u64,
    },
    /// The tree up to this entry has another root than a checkpoint over it.
    #[error(
        "the tree over {size} entries has root {found}, but a checkpoint over them says {expected}: the log was rewritten"
    )]
    Root {
        /// Of the checkpoint.
        size: u64,
        /// Of the checkpoint.
        expected: Root,
        /// Recomputed.
        found: Root,
    },
    /// A checkpoint ends with an entry that is no SEAL.
    #[error("the last entry under a checkpoint, and no SEAL")]
    NoSeal,
    /// It stands under a checkpoint that a witness cosigned before it was recorded, as it says.
    #[error("recorded at {found} ms, but a witness cosigned a checkpoint over it at {cosigned_s} s")]
    AfterCosignature {
        /// When, Unix time in seconds.
        cosigned_s: u64,
        /// As it says.
        found: u64,
    },
    /// It stands behind a checkpoint, and says that it was recorded longer before it than the log may wait: back-dated.
    #[error(
        "recorded at {found} ms, but a checkpoint that it is not under was cosigned at {cosigned_s} s, and the log seals within {longest_delay_s} s: back-dated"
    )]
    BackDated {
        /// When, Unix time in seconds.
        cosigned_s: u64,
        /// As GENESIS says.
        longest_delay_s: u32,
        /// As it says.
        found: u64,
    },
    /// A KEY that the keys in force do not bear out.
    #[error("KEY {0}")]
    Key(KeyFault),
    /// Something stands after the end of the log: after CLOSE one SEAL, and nothing after that.
    #[error("stands after the log was closed")]
    AfterClose,
    /// A part does not open, or is not what was committed.
    #[error("part {part}: {what}")]
    Part {
        /// From 0.
        part: usize,
        /// What is wrong.
        what: String,
    },
    /// It has another leaf hash than the head that was kept elsewhere.
    #[error("leaf hash {found}, but the head kept elsewhere says {expected}: the log was rewritten")]
    Head {
        /// Kept elsewhere.
        expected: LeafHash,
        /// Recomputed.
        found: LeafHash,
    },
}

fn seal(index: Option<u64>) -> String {
    index.map_or_else(|| "none".to_owned(), |index| format!("entry {index}"))
}
