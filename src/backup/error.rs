//! Why a backup could not be written or read.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;

use crate::backup::ManifestFault;
use crate::log::EntryFault;
use crate::log::LeafHash;
use crate::store::StoreError;
use crate::verify::Fault;
use crate::verify::Unreadable;

/// Why a backup could not be written or read. The backup is what it was before.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The folder holds something else.
    #[error("{path} is not empty and no backup: it has no manifest.json; nothing was touched")]
    NotABackup {
        /// The folder.
        path: PathBuf,
    },
    /// The manifest is damaged, or not one.
    #[error("{path}: {fault}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: ManifestFault,
    },
    /// The backup holds nothing: its first run did not come to its end.
    #[error("{path}: the backup holds nothing, its first run did not come to its end")]
    Nothing {
        /// The folder.
        path: PathBuf,
    },
    /// The backup is of another log.
    #[error("the backup is of the log {backup}, and this one is {log}, with another beginning; name another folder")]
    OtherLog {
        /// Origin of the log in the backup.
        backup: String,
        /// Origin of the log that was to be added.
        log: String,
    },
    /// The log has fewer entries than its backup.
    #[error(
        "the backup ends with entry {backup}, the log has only {log} entries: it lost some, or was put back to an \
         earlier state; do not write to it, and keep this backup"
    )]
    Ahead {
        /// The last entry of the backup.
        backup: u64,
        /// How many the log has.
        log: u64,
    },
    /// The log has another entry than its backup.
    #[error(
        "entry {index} has leaf hash {log} in the log and {backup} in the backup: the log was rewritten; do not write \
         to it, and keep this backup"
    )]
    Forked {
        /// The last entry of the backup.
        index: u64,
        /// Its leaf hash there.
        backup: LeafHash,
        /// Its leaf hash in the log.
        log: LeafHash,
    },
    /// An entry is not what was recorded.
    #[error("entry {index} is damaged: {fault}")]
    Damaged {
        /// Which.
        index: u64,
        /// What is wrong.
        fault: EntryFault,
    },
    /// The entries do not verify.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A segment is not what the manifest says.
    #[error("{what}; begin a new backup in another folder, and keep this one")]
    Segment {
        /// Which, and what is wrong.
        what: String,
    },
    /// Somebody else writes there now.
    #[error("another backup to {path} is under way")]
    UnderWay {
        /// The folder.
        path: PathBuf,
    },
    /// Entries cannot be had.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The store refused.
    #[error("{error}; {advice}", error = .0, advice = .0.advice())]
    Store(#[from] StoreError),
    /// The disk refused.
    #[error("{path}: cannot {doing}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

impl BackupError {
    /// Whether log or backup are damaged, or contradict each other; else they are only out of reach.
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Manifest { .. }
            | Self::Ahead { .. }
            | Self::Forked { .. }
            | Self::Damaged { .. }
            | Self::Fault(_)
            | Self::Segment { .. } => true,
            Self::Unreadable(unreadable) => unreadable.damaged,
            Self::NotABackup { .. }
            | Self::Nothing { .. }
            | Self::OtherLog { .. }
            | Self::UnderWay { .. }
            | Self::Store(_)
            | Self::Io { .. } => false,
        }
    }

    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, doing, error }
    }
}
