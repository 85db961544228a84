//! What can be wrong with a store, in words for the person who runs it.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;

use crate::log::LeafHash;

/// Why the store could not do what was asked. Never holds anything of an entry but its index and leaf hash.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("{path}: cannot {doing}: {what}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// A verb and its object.
        doing: &'static str,
        /// The reason that the system gave.
        what: String,
    },
    /// The folder or the file system takes no writes.
    #[error("{path}: the folder cannot be written", path = path.display())]
    ReadOnly {
        /// What could not be written.
        path: PathBuf,
    },
    /// Another process holds the folder.
    #[error("{path}: another process uses this folder", path = path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// There is no data folder where one is expected.
    #[error("{path}: no data folder", path = path.display())]
    NoFolder {
        /// Where it should be.
        path: PathBuf,
    },
    /// There is something already where a data folder is to be made.
    #[error("{path}: there is a data folder already", path = path.display())]
    Exists {
        /// The data folder.
        path: PathBuf,
    },
    /// The folder holds files of others.
    #[error("{path}: this folder is not empty and not a data folder: {what}", path = path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// What shows it.
        what: String,
    },
    /// The folder was written by a newer release.
    #[error("the data folder has format {found}, this program knows formats up to {known}")]
    NewerFormat {
        /// In the folder.
        found: u32,
        /// Of this program.
        known: u32,
    },
    /// Bytes of a volume are not what was written.
    #[error("volume {volume} is damaged{}: {what}", at.map(|index| format!(" at entry {index}")).unwrap_or_default())]
    Damaged {
        /// Index of the volume's first entry.
        volume: u64,
        /// The entry that was looked for, where one was.
        at: Option<u64>,
        /// What was found.
        what: String,
    },
    /// Bytes of a volume cannot be had now; nothing is known against them.
    #[error("volume {volume} cannot be read now{}: {what}", at.map(|index| format!(" at entry {index}")).unwrap_or_default())]
    Unreadable {
        /// Index of the volume's first entry.
        volume: u64,
        /// The entry that was looked for, where one was.
        at: Option<u64>,
        /// What the system said.
        what: String,
    },
    /// A volume is gone.
    #[error("volume {volume} is missing: {what}")]
    MissingVolume {
        /// Index of its first entry.
        volume: u64,
        /// What names it.
        what: &'static str,
    },
    /// The guard is gone or unreadable.
    #[error("the guard is not usable: {what}")]
    Guard {
        /// What was found.
        what: String,
    },
    /// The guard would forget entries.
    #[error("the guard stands at size {stands} and cannot go back to {asked}")]
    GuardBackwards {
        /// Its size.
        stands: u64,
        /// The size that was to be written.
        asked: u64,
    },
    /// The ledger lost entries that had been acknowledged.
    #[error("the ledger ends after {ledger} entries, the guard knows of {guard}")]
    BehindGuard {
        /// Entries in the ledger.
        ledger: u64,
        /// Entries that the guard knows of.
        guard: u64,
    },
    /// The ledger is another one than the guard knows.
    #[error("entry {at} has leaf hash {found}, the guard knows {expected}")]
    ForkedFromGuard {
        /// The entry.
        at: u64,
        /// In the guard.
        expected: LeafHash,
        /// In the ledger.
        found: LeafHash,
    },
    /// The disk is nearly full; nothing was written.
    #[error("{free} bytes are free, {reserve} are kept in reserve")]
    NoSpace {
        /// Free bytes.
        free: u64,
        /// The configured reserve.
        reserve: u64,
    },
    /// An entry is longer than the store takes; nothing was written.
    #[error("an entry of {len} bytes is longer than {max}")]
    EntryTooLong {
        /// Its length in bytes.
        len: usize,
        /// The most that is taken.
        max: usize,
    },
    /// A write or a sync failed: what the disk holds is not known.
    #[error("a write or sync failed: {what}")]
    SyncFailed {
        /// What the system or sled said.
        what: String,
    },
    /// An earlier run ended with a failed write or sync.
    #[error("an earlier run ended with a failed write or sync: {what}")]
    SyncFailedBefore {
        /// What was noted then.
        what: String,
    },
    /// An earlier append failed; the store takes no more.
    #[error("an earlier append failed, so nothing more is written")]
    Stopped,
}

impl StoreError {
    pub(super) fn io(path: &Path, doing: &'static str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly { path: path.into() },
            _ => Self::Io { path: path.into(), doing, what: error.to_string() },
        }
    }

    /// Whether it is certain that nothing was written and that the same append can be tried again.
    pub const fn nothing_written(&self) -> bool {
        matches!(self, Self::NoSpace { .. } | Self::EntryTooLong { .. })
    }

    /// Whether the ledger is damaged or another one, and not only out of reach.
    pub const fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. } | Self::MissingVolume { .. } | Self::BehindGuard { .. } | Self::ForkedFromGuard { .. }
        )
    }

    /// What a person can do about it.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Io { .. } | Self::Unreadable { .. } => "look at the disk and the system's log, then start again",
            Self::ReadOnly { .. } => {
                "mount the file system for writing, or give the service's user the right to write there"
            }
            Self::InUse { .. } => {
                "stop the other process first; only one may use a data folder, and the lock goes away by itself when \
                 that process ends"
            }
            Self::NoFolder { .. } => "check the path, or let the service make a new data folder there",
            Self::Exists { .. } => "open it, or choose another place for the new one",
            Self::NotOurs { .. } => "choose an empty folder, or one that the service made",
            Self::NewerFormat { .. } => "run the release that wrote the folder, or a newer one",
            Self::Damaged { .. } => {
                "keep the folder as it is, run `probity doctor` on it, and restore the newest backup into a new \
                 folder; entries outside the damaged place can still be exported"
            }
            Self::MissingVolume { .. } => {
                "put the volume's folder back from wherever it was moved to, or restore the newest backup"
            }
            Self::Guard { .. } => {
                "put the guard back if it was moved; otherwise restore the newest backup, which brings its own, and \
                 compare with the last checkpoint known outside"
            }
            Self::GuardBackwards { .. } => "this is a fault of the program: stop it and report it",
            Self::BehindGuard { .. } | Self::ForkedFromGuard { .. } => {
                "do not write to this ledger again; restore a backup that reaches the guard, or begin a new log that \
                 names the last checkpoint of this one"
            }
            Self::NoSpace { .. } => "free space on the disk or lower the reserve; nothing was lost",
            Self::EntryTooLong { .. } => "split the event into several",
            Self::SyncFailed { .. } | Self::Stopped => {
                "replace or repair the disk; the next start verifies the newest volume and asks for \
                 --accept-after-sync-error"
            }
            Self::SyncFailedBefore { .. } => {
                "look at the disk first; then start once with --accept-after-sync-error, which drops what is cached \
                 and verifies the newest volume from the disk"
            }
        }
    }
}
