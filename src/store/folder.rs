//! The data folder: its format, its lock, its marker of a failed sync, and what the operating system is asked about it.

use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rustix::fs::Advice;

use crate::store::StoreError;

/// The newest format of a data folder that this program knows, and the one that it makes.
pub const FORMAT_VERSION: u32 = 1;

const FORMAT_WORD: &str = "probity";

/// How often a lock is tried, 5 ms apart, before somebody else is said to hold it.
const LOCK_TRIES: u32 = 100;

/// Where everything lies.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) data: PathBuf,
}

impl Folder {
    pub(super) fn new(data: &Path) -> Self {
        Self { data: data.to_owned() }
    }

    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn format(&self) -> PathBuf {
        self.data.join("FORMAT")
    }

    /// The format under the name that it has until the folder is whole.
    pub(super) fn format_unfinished(&self) -> PathBuf {
        self.data.join("FORMAT.unfinished")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.data.join("lock")
    }

    pub(super) fn guard(&self) -> PathBuf {
        self.data.join("guard")
    }

    pub(super) fn sync_failed(&self) -> PathBuf {
        self.data.join("sync-failed")
    }

    /// There while the folder is as a clean stop left it.
    pub(super) fn stopped_cleanly(&self) -> PathBuf {
        self.data.join("stopped-cleanly")
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.data.join("ledger")
    }

    pub(super) fn volume(&self, first: u64) -> PathBuf {
        self.ledger().join(volume_name(first))
    }

    /// Takes the lock, which lasts as long as the file is open.
    pub(super) fn take_lock(&self) -> Result<File, StoreError> {
        let path = self.lock();
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| StoreError::io(&path, "open the lock", &error))?;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                // Whatever process is being started at this moment holds a copy of every lock of the one that starts
                // it, until it runs a program of its own.
                Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => {
                    tries += 1;
                    thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: self.data.clone() }),
                Err(TryLockError::Error(error)) => return Err(StoreError::io(&path, "take the lock", &error)),
            }
        }
    }

    /// Whether this is a data folder that this program can use.
    pub(super) fn check_format(&self) -> Result<(), StoreError> {
        let path = self.format();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.without_format()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(self.not_ours("FORMAT is no text")),
            Err(error) => return Err(StoreError::io(&path, "read the format", &error)),
        };
        let found = text.trim_end().strip_prefix(FORMAT_WORD).map(str::trim_start).and_then(|text| text.parse().ok());
        match found {
            Some(FORMAT_VERSION) => Ok(()),
            Some(found) if found > FORMAT_VERSION => Err(StoreError::NewerFormat { found, known: FORMAT_VERSION }),
            _ => Err(self.not_ours("FORMAT does not name a format of ours")),
        }
    }

    /// What a folder without a format is: nothing, or another's.
    fn without_format(&self) -> StoreError {
        match self.names() {
            Ok(names) if names.is_empty() => StoreError::NoFolder { path: self.data.clone() },
            Ok(_) if self.format_unfinished().exists() => StoreError::NoFolder { path: self.data.clone() },
            Ok(names) if names == ["keys"] && self.has_only_a_new_key() => {
                StoreError::NoFolder { path: self.data.clone() }
            }
            Ok(_) => self.not_ours("it has no file FORMAT"),
            Err(StoreError::Io { .. }) if !self.data.exists() => StoreError::NoFolder { path: self.data.clone() },
            Err(error) => error,
        }
    }

    /// Whether the key of a log was made before it, and nothing else: every log leaves more there than that.
    fn has_only_a_new_key(&self) -> bool {
        names(&self.data.join("keys")).is_ok_and(|names| names == ["log.ed25519"])
    }

    fn not_ours(&self, what: &str) -> StoreError {
        StoreError::NotOurs { path: self.data.clone(), what: what.to_owned() }
    }

    /// The names in the data folder, but for the lock and for what a file system keeps at its root.
    pub(super) fn names(&self) -> Result<Vec<String>, StoreError> {
        let names = names(&self.data)?;
        Ok(names.into_iter().filter(|name| name != "lock" && name != "lost+found").collect())
    }

    /// Begins a folder: until [`Folder::finish`] nobody takes it for a whole one.
    pub(super) fn begin(&self) -> Result<(), StoreError> {
        let path = self.format_unfinished();
        fs::write(&path, format!("{FORMAT_WORD} {FORMAT_VERSION}\n"))
            .map_err(|error| StoreError::io(&path, "write the format", &error))?;
        sync(&path)?;
        sync(&self.data)
    }

    /// Makes a begun folder a whole one.
    pub(super) fn finish(&self) -> Result<(), StoreError> {
        rename(&self.format_unfinished(), &self.format())?;
        sync(&self.data)
    }

    /// Leaves a note that a write or sync failed. The disk may refuse this one too; then nothing more can be done.
    pub(super) fn note_sync_failure(&self, what: &str) {
        let path = self.sync_failed();
        let _ = fs::write(&path, format!("{what}\n"));
        let _ = sync(&path).and_then(|()| sync(&self.data));
    }

    /// The note of an earlier run, if there is one.
    pub(super) fn sync_failure(&self) -> Result<Option<String>, StoreError> {
        let path = self.sync_failed();
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(&path, "read the note of a failed sync", &error)),
        }
    }

    /// Takes the note away, after what it warned of was verified.
    pub(super) fn forget_sync_failure(&self) -> Result<(), StoreError> {
        let path = self.sync_failed();
        fs::remove_file(&path).map_err(|error| StoreError::io(&path, "remove the note of a failed sync", &error))?;
        sync(&self.data)
    }
}

/// Notes a clean stop.
pub(super) fn note_clean_stop(folder: &Folder) -> Result<(), StoreError> {
    let path = folder.stopped_cleanly();
    fs::write(&path, b"").map_err(|error| StoreError::io(&path, "write it", &error))?;
    sync(&folder.data)
}

/// Takes the note of a clean stop away; says whether there was one.
pub(super) fn take_clean_stop(folder: &Folder) -> Result<bool, StoreError> {
    let path = folder.stopped_cleanly();
    match fs::remove_file(&path) {
        Ok(()) => sync(&folder.data).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io(&path, "remove it", &error)),
    }
}

/// The name of the folder of the volume whose first entry is `first`: 20 digits.
pub(super) fn volume_name(first: u64) -> String {
    format!("{first:020}")
}

/// The first index that a volume's folder is named after.
pub(super) fn parse_volume_name(name: &str) -> Option<u64> {
    let digits = name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit());
    if digits { name.parse().ok() } else { None }
}

/// The names in a folder, sorted; names that are no text are left out.
pub(super) fn names(path: &Path) -> Result<Vec<String>, StoreError> {
    let failed = |error: &io::Error| StoreError::io(path, "list the folder", error);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Renames a file or folder. The new name is durable when the folder was synced.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error| StoreError::io(from, "rename it", &error))
}

/// Removes a folder with all that is in it.
pub(super) fn remove_tree(path: &Path) -> Result<(), StoreError> {
    fs::remove_dir_all(path).map_err(|error| StoreError::io(path, "remove the folder", &error))
}

/// Syncs a file or folder.
pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::io(path, "sync it", &error))
}

/// Drops what the system has cached of a file, so that the next read comes from the disk.
pub(super) fn drop_cached(path: &Path) -> Result<(), StoreError> {
    let dropped = File::open(path)
        .and_then(|file| rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).map_err(io::Error::from));
    dropped.map_err(|error| StoreError::io(path, "drop what is cached of it", &error))
}

/// Bytes of the file system of `path` that the service's user may still fill.
///
/// # Errors
///
/// The path is not there or the file system does not say.
pub fn free_bytes(path: &Path) -> Result<u64, StoreError> {
    let found = rustix::fs::statvfs(path).map_err(io::Error::from);
    let found = found.map_err(|error| StoreError::io(path, "ask for the free space of the disk", &error))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Bytes of all files below a folder. What is removed meanwhile is not counted.
pub(super) fn bytes_below(path: &Path) -> Result<u64, StoreError> {
    fn of(path: &Path) -> io::Result<u64> {
        let metadata = path.symlink_metadata()?;
        if !metadata.is_dir() {
            return Ok(metadata.len());
        }
        let mut bytes = 0;
        for entry in fs::read_dir(path)? {
            match of(&entry?.path()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                below => bytes += below?,
            }
        }
        Ok(bytes)
    }
    of(path).map_err(|error| StoreError::io(path, "look at the files below it", &error))
}

#[cfg(test)]
mod tests;
