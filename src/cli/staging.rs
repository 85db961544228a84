//! A folder that takes its place whole or not at all.
//!
//! ```text
//! OUT.partial-<n>   being written; OUT takes its place at the end by a rename, and what was OUT is removed
//! ```
//!
//! A crash before the rename leaves OUT as it was, and beside it a part that the next run removes. A crash after it
//! leaves the new OUT, and beside it the old one, which the next run removes too.

use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::CWD;
use rustix::fs::RenameFlags;
use rustix::fs::renameat_with;
use rustix::io::Errno;
use thiserror::Error;

/// What may be in the place of a folder that is put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Nothing.
    Nothing,
    /// Nothing, or a folder that was looked at and may go.
    Folder,
    /// Nothing, or an empty folder.
    Empty,
}

/// Why a folder did not take its place. What was there is as it was.
#[derive(Debug, Error)]
pub(crate) enum StagingError {
    /// Something is there already.
    #[error("{path} is there already")]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// Somebody else writes there now.
    #[error("{path} is being written by somebody else")]
    UnderWay {
        /// The folder.
        path: PathBuf,
    },
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

impl StagingError {
    fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, doing, error }
    }
}

/// A folder that is being written beside its target.
#[derive(Debug)]
pub(super) struct Staging {
    target: PathBuf,
    partial: PathBuf,
    /// Locked as long as somebody writes there; a lock of the folder itself, so that a rename takes it along.
    lock: File,
    /// Whether the folder has its place: what has the name of the part then is not ours to throw away unasked.
    placed: bool,
    /// Whether what has the name of the part now is what was in the place before.
    replaced: bool,
}

impl Staging {
    /// Removes what earlier runs left behind.
    ///
    /// # Errors
    ///
    /// Somebody else writes there, or the disk refused.
    pub(super) fn remove_leftovers(target: &Path) -> Result<(), StagingError> {
        let prefix = prefix(target)?;
        let parent = parent(target);
        let listed = fs::read_dir(&parent).map_err(StagingError::io(&parent, "list it"))?;
        for entry in listed {
            let entry = entry.map_err(StagingError::io(&parent, "list it"))?;
            let name = entry.file_name();
            let number = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes()).unwrap_or_default();
            if number.is_empty() || !number.iter().all(u8::is_ascii_digit) {
                continue;
            }
            let path = entry.path();
            let folder = File::open(&path).map_err(StagingError::io(&path, "open it"))?;
            match folder.try_lock() {
                Ok(()) => fs::remove_dir_all(&path).map_err(StagingError::io(&path, "remove it"))?,
                Err(TryLockError::WouldBlock) => return Err(StagingError::UnderWay { path: target.to_owned() }),
                Err(TryLockError::Error(error)) => return Err(StagingError::io(&path, "lock it")(error)),
            }
        }
        Ok(())
    }

    /// Begins a folder.
    ///
    /// # Errors
    ///
    /// Somebody else writes there, or the disk refused.
    pub(super) fn begin(target: &Path) -> Result<Self, StagingError> {
        let prefix = prefix(target)?;
        for number in 0..u32::MAX {
            let mut name = prefix.clone();
            name.push(number.to_string());
            let partial = target.with_file_name(name);
            match fs::create_dir(&partial) {
                Ok(()) => {
                    let lock = File::open(&partial).map_err(StagingError::io(&partial, "open it"))?;
                    lock.try_lock().map_err(|_| StagingError::UnderWay { path: target.to_owned() })?;
                    return Ok(Self { target: target.to_owned(), partial, lock, placed: false, replaced: false });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StagingError::io(&partial, "make the folder")(error)),
            }
        }
        Err(StagingError::UnderWay { path: target.to_owned() })
    }

    /// Where to write. What is written there is made durable by whoever writes it; its names in this folder are
    /// synced when it takes its place.
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// Puts the folder into its place, at once and for every reader.
    ///
    /// # Errors
    ///
    /// The disk refused, or the target came into being meanwhile. What was there is as it was.
    pub(super) fn place(&mut self, over: Over) -> Result<(), StagingError> {
        self.lock.sync_all().map_err(StagingError::io(&self.partial, "sync it"))?;
        self.replaced = self.put_in_place(over)?;
        self.placed = true;
        let parent = parent(&self.target);
        let synced = File::open(&parent).and_then(|folder| folder.sync_all());
        synced.map_err(StagingError::io(&parent, "sync it"))
    }

    /// Removes what was in the place before.
    ///
    /// # Errors
    ///
    /// The disk refused; the next run removes it.
    pub(super) fn remove_replaced(self) -> Result<(), StagingError> {
        if self.replaced {
            // The name of the part is now that of the old folder.
            fs::remove_dir_all(&self.partial).map_err(StagingError::io(&self.partial, "remove it"))?;
        }
        Ok(())
    }

    /// Whether something was replaced: both have then exchanged their names.
    fn put_in_place(&self, over: Over) -> Result<bool, StagingError> {
        let renamed = |flags| renameat_with(CWD, &self.partial, CWD, &self.target, flags);
        let refused = |error: Errno| StagingError::io(&self.target, "put the new folder into its place")(error.into());
        let exists = || StagingError::Exists { path: self.target.clone() };
        if over == Over::Empty {
            // A plain rename takes the place of an empty folder and of no other.
            return match renamed(RenameFlags::empty()) {
                Ok(()) => Ok(false),
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Err(exists()),
                Err(error) => Err(refused(error)),
            };
        }
        match renamed(RenameFlags::NOREPLACE) {
            Ok(()) => Ok(false),
            Err(Errno::EXIST) if over == Over::Folder => renamed(RenameFlags::EXCHANGE).map(|()| true).map_err(refused),
            Err(Errno::EXIST) => Err(exists()),
            // Some file systems know neither; where nothing is there, a plain rename does the same.
            Err(Errno::INVAL | Errno::NOSYS) if !self.target.exists() => {
                renamed(RenameFlags::empty()).map(|()| false).map_err(refused)
            }
            Err(error) => Err(refused(error)),
        }
    }
}

impl Drop for Staging {
    /// What failed leaves nothing.
    fn drop(&mut self) {
        if !self.placed {
            _ = fs::remove_dir_all(&self.partial);
        }
    }
}

fn prefix(target: &Path) -> Result<OsString, StagingError> {
    let name = target.file_name().ok_or_else(|| StagingError::Exists { path: target.to_owned() })?;
    let mut prefix = name.to_owned();
    prefix.push(".partial-");
    Ok(prefix)
}

fn parent(target: &Path) -> PathBuf {
    target.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned)
}
