//! What auditors see of the log: its tree, its completeness map, the seals, and signed checkpoints over them.
//!
//! One thread follows the writer and folds what became durable. When something is new it brings the writer to rest, has
//! it record a SEAL over the map, and publishes a checkpoint. Each step begins when the one before is durable, and what a
//! crash between two of them leaves is repeated at the next start with the same bytes (section 4 of the format).

mod fold;
mod kept;
mod open;
mod proofs;
mod run;
mod table;
mod tree;

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::index::IndexError;
use crate::keys::SignerError;
use crate::log::Checkpoint;
use crate::log::KeyTextError;
use crate::log::KeysOfLog;
use crate::log::MalformedLine;
use crate::log::Note;
use crate::log::Root;
use crate::log::SavedFault;
use crate::log::SavedSnapshot;
use crate::store::StoreError;
use crate::store::runs::RunsError;

pub use kept::keep_note;
pub use open::Opened;
pub use open::open;
pub use proofs::MapFigures;
pub use proofs::Proofs;
pub use proofs::ProveError;
pub use proofs::SubjectHistory;
pub use run::Cosigned;
pub use run::Following;
pub use run::Publisher;
pub use tree::LogTree;

/// How a log is sealed and published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishOptions {
    /// How long after something was recorded it is sealed where nobody waits for that.
    pub seal_every: Duration,
    /// Bytes of the completeness map's rows that are kept in memory; the others are read from the disk again.
    pub map_bytes: u64,
}

impl Default for PublishOptions {
    fn default() -> Self {
        Self { seal_every: Duration::from_millis(500), map_bytes: 512 << 20 }
    }
}

/// A checkpoint that is out, and what proofs at its size need.
#[derive(Clone, Debug)]
pub struct Published {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Signed, with the cosignatures that came so far.
    pub note: Note,
    /// The leaf of the SEAL below it, as it is hashed.
    pub seal: Vec<u8>,
    /// When the SEAL was recorded, Unix time in milliseconds.
    pub sealed_at_ms: u64,
    /// Whether the policy's quorum has cosigned it.
    pub witnessed: bool,
    /// The keys of the log, with when they came and went.
    pub keys: KeysOfLog,
    /// The map that the SEAL commits to; none for a checkpoint of before the last start, until the next seal, and none where
    /// it is not the newest.
    pub map: Option<SavedSnapshot>,
}

/// Why the log cannot be sealed or published.
#[derive(Debug, Error)]
pub enum PublishError {
    /// The log cannot be read or its guard written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database of the index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// An entry that should be there is not, or has no leaf.
    #[error("entry {index} cannot be read")]
    Entry {
        /// Which.
        index: u64,
    },
    /// An entry does not belong where it stands.
    #[error("entry {index}: {what}")]
    Fold {
        /// Which.
        index: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The map that is kept beside the log cannot be read, or is not what was folded. The log has everything: the next
    /// start folds it again.
    #[error("{0}; nothing is lost: the next start folds the map from the log")]
    Map(#[from] SavedFault<RunsError>),
    /// A file of checkpoints cannot be read or written.
    #[error("{}: {error}", file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A kept checkpoint is none.
    #[error("{}: {error}", file.display())]
    Kept {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        error: MalformedLine,
    },
    /// Entries below a published checkpoint are gone.
    #[error(
        "the log has {size} entries, and a checkpoint over {published} was published: never write to it again; restore a backup that reaches it, or open a successor with `probity successor`"
    )]
    RolledBack {
        /// Entries of the log.
        size: u64,
        /// Entries of the checkpoint.
        published: u64,
    },
    /// Entries below a published checkpoint are others.
    #[error(
        "the first {size} entries have root {found}, and a checkpoint was published over them with root {published}: never write to this log again; see `probity successor`"
    )]
    Forked {
        /// Entries of the checkpoint.
        size: u64,
        /// Root of the log.
        found: Root,
        /// Root of the checkpoint.
        published: Root,
    },
    /// Two ways to the root do not meet.
    #[error("the tree over {size} entries has root {frontier} as it was folded and {stored} as it is stored")]
    Roots {
        /// Entries.
        size: u64,
        /// As folded.
        frontier: Root,
        /// As stored.
        stored: Root,
    },
    /// No key of the folder is in force.
    #[error("none of the signing keys in keys/ is in force at size {size}")]
    NoKey {
        /// Entries of the log.
        size: u64,
    },
    /// A key cannot be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The origin is no name of a key.
    #[error(transparent)]
    Name(#[from] KeyTextError),
    /// A checkpoint cannot be written as text.
    #[error("checkpoint: {0}")]
    Text(#[from] MalformedLine),
    /// The system gave no thread.
    #[error("no thread: {0}")]
    Thread(std::io::Error),
}

impl From<RunsError> for PublishError {
    fn from(error: RunsError) -> Self {
        Self::Index(error.into())
    }
}
