//! One volume: a sled database with one tree, `log`, of frames.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;

use crate::store::EntryBytes;
use crate::store::StoreError;
use crate::store::failpoint;
use crate::store::folder;
use crate::store::frame;
use crate::store::frame::Frame;
use crate::store::paging;
use crate::store::shield;
use crate::store::shield::Refused;

const TREE: &str = "log";

/// How a volume is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be appended to. sled's own thread collects its garbage.
    Append,
    /// To be read only. sled has no such mode: without its thread, and without a call of ours, it writes nothing.
    Read,
}

/// A volume, open.
pub(super) struct Volume {
    first: u64,
    path: PathBuf,
    /// Its file, for its length and for syncs of our own.
    file: File,
    sled: Option<Handle>,
    panics_when_opened: u64,
}

struct Handle {
    db: sled::Db,
    tree: sled::Tree,
}

/// What an append wrote.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) keys: u64,
    pub(super) bytes: u64,
    /// How long the sync took.
    pub(super) sync: Duration,
}

impl Volume {
    /// Makes an empty volume whose first entry will be `first`; it and its name are durable when this returns.
    pub(super) fn create(path: &Path, first: u64, cache_bytes: u64) -> Result<Self, StoreError> {
        std::fs::create_dir(path).map_err(|error| StoreError::io(path, "make the folder of a volume", &error))?;
        let panics_when_opened = shield::background_panics();
        let config = config(path, cache_bytes, Purpose::Append);
        let made = shield::call(|| {
            let db = config.open()?;
            let tree = db.open_tree(TREE)?;
            db.flush()?;
            Ok(Handle { db, tree })
        });
        let sled = made.map_err(|refused| StoreError::SyncFailed { what: refused.to_string() })?;
        sync_folder(path)?;
        Self::with(sled, path, first, panics_when_opened)
    }

    /// Opens a volume that is there. Damage can make sled change the files before it says so.
    pub(super) fn open(path: &Path, first: u64, cache_bytes: u64, purpose: Purpose) -> Result<Self, StoreError> {
        let damaged = |what: &str| StoreError::Damaged { volume: first, at: None, what: what.to_owned() };
        let db_path = path.join("db");
        match std::fs::metadata(&db_path) {
            // sled would make a new, empty database without a word.
            Ok(metadata) if metadata.len() == 0 => return Err(damaged("its file `db` is empty")),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(damaged("its file `db` is missing"));
            }
            Err(error) => return Err(StoreError::io(&db_path, "look at a volume", &error)),
        }
        let panics_when_opened = shield::background_panics();
        let sled = open_patiently(path, cache_bytes, purpose).map_err(|refused| error_of(refused, first, None))?;
        Self::with(sled, path, first, panics_when_opened)
    }

    fn with(sled: Handle, path: &Path, first: u64, panics_when_opened: u64) -> Result<Self, StoreError> {
        let db_path = path.join("db");
        let file = File::open(&db_path).map_err(|error| StoreError::io(&db_path, "open a volume", &error))?;
        Ok(Self { first, path: path.to_owned(), file, sled: Some(sled), panics_when_opened })
    }

    /// Index of its first entry.
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// Its folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of its file, dead space included.
    pub(super) fn file_bytes(&self) -> Result<u64, StoreError> {
        let metadata = self.file.metadata();
        metadata.map(|metadata| metadata.len()).map_err(|error| StoreError::io(&self.path, "look at a volume", &error))
    }

    /// Syncs its file: what was read back from a volume that was just opened may not be on the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_all().map_err(|error| StoreError::SyncFailed { what: error.to_string() })
    }

    /// Index after its last entry.
    pub(super) fn end(&self) -> Result<u64, StoreError> {
        let Some((first, part, value)) = self.last_at_or_before(u64::MAX)? else { return Ok(self.first) };
        if part > 0 {
            return Ok(first + 1);
        }
        match frame::parse(&value) {
            Ok(Frame::Whole(ranges)) => Ok(first + ranges.len() as u64),
            Ok(Frame::Begun(_)) => Err(self.damaged(first, "the last parts of an entry are missing")),
            Err(what) => Err(self.damaged(first, what)),
        }
    }

    /// Appends entries from index `first` on: one batch, one sync.
    pub(super) fn append(&self, first: u64, entries: &[EntryBytes]) -> Result<Written, Refused> {
        let mut batch = sled::Batch::default();
        let mut written = Written::default();
        let mut only = None;
        frame::pack(first, entries, |key, value| {
            written.keys += 1;
            written.bytes += value.len() as u64;
            let value = sled::IVec::from(value);
            only = (written.keys == 1).then(|| (key, value.clone()));
            batch.insert(&key, value);
        });
        let sled = self.sled();
        failpoint::hit("before-write");
        // One value is all or nothing without a batch, which sled would write and sync by itself.
        match only {
            Some((key, value)) => shield::call(|| sled.tree.insert(key, value).map(drop))?,
            None => shield::call(|| sled.tree.apply_batch(batch))?,
        }
        // A crash here: sled's own thread may have written all of the batch, or none of it counts at the next start.
        failpoint::hit("after-write-before-sync");
        let syncing = tracing::debug_span!("sync", keys = written.keys, bytes = written.bytes).entered();
        let began = Instant::now();
        shield::call(|| sled.db.flush())?;
        written.sync = began.elapsed();
        drop(syncing);
        failpoint::hit("after-sync");
        Ok(written)
    }

    /// Entry `index`, which is below the end of the volume.
    pub(super) fn get(&self, index: u64) -> Result<EntryBytes, StoreError> {
        self.get_with_next(index).map(|(entry, _)| entry)
    }

    /// Entry `index`, which is below the end of the volume, and the next where it lies in the same value.
    pub(super) fn get_with_next(&self, index: u64) -> Result<(EntryBytes, Option<EntryBytes>), StoreError> {
        let missing = || self.damaged(index, "the entry is missing");
        let (first, part, value) = self.last_at_or_before(index)?.ok_or_else(missing)?;
        if part > 0 {
            return if first == index { Ok((self.join(first)?, None)) } else { Err(missing()) };
        }
        match frame::parse(&value) {
            Ok(Frame::Whole(ranges)) => {
                let place = usize::try_from(index - first).map_err(|_| missing())?;
                let range = ranges.get(place).cloned().ok_or_else(missing)?;
                let value = Bytes::from_owner(value);
                let next = ranges.get(place + 1).cloned().map(|range| value.slice(range));
                Ok((value.slice(range), next))
            }
            Ok(Frame::Begun(_)) => Err(self.damaged(first, "the last parts of an entry are missing")),
            Err(what) => Err(self.damaged(first, what)),
        }
    }

    /// Entries from `from` on, up to the one with which `max_bytes` is reached, none at or past `end`.
    pub(super) fn read(&self, from: u64, end: u64, max_bytes: usize) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
        let mut out = Vec::new();
        let Some((start, _, _)) = self.last_at_or_before(from)? else {
            return Err(self.damaged(from, "the entry is missing"));
        };
        let tree = &self.sled().tree;
        let mut frames = tree.range(frame::key(start, 0)..);
        let mut next = start;
        let mut bytes = 0;
        while next < end && bytes < max_bytes {
            let found = shield::call(|| paging::read(tree, paging::IN_ORDER, || frames.next().transpose(), key_of))
                .map_err(|refused| self.refused(next, refused))?;
            let Some((key, value)) = found else { return Err(self.damaged(next, "the entry is missing")) };
            if frame::parse_key(&key) != Some((next, 0)) {
                return Err(self.damaged(next, "the entry is missing"));
            }
            let mut keep = |index, entry: EntryBytes| {
                if index >= from && index < end && bytes < max_bytes {
                    bytes += entry.len();
                    out.push((index, entry));
                }
            };
            match frame::parse(&value).map_err(|what| self.damaged(next, what))? {
                Frame::Begun(len) => {
                    keep(next, self.join(next)?);
                    let skip = usize::from(frame::further_parts(len));
                    shield::call(|| frames.by_ref().take(skip).try_for_each(|part| part.map(drop)))
                        .map_err(|refused| self.refused(next, refused))?;
                    next += 1;
                }
                Frame::Whole(ranges) => {
                    let value = Bytes::from_owner(value);
                    for range in ranges {
                        keep(next, value.slice(range));
                        next += 1;
                    }
                }
            }
        }
        if out.is_empty() && from < end {
            return Err(self.damaged(from, "the entry is missing"));
        }
        Ok(out)
    }

    /// The last key at or before any part of entry `index`, with its value.
    fn last_at_or_before(&self, index: u64) -> Result<Option<(u64, u16, sled::IVec)>, StoreError> {
        let tree = &self.sled().tree;
        let found = shield::call(|| {
            paging::read(
                tree,
                paging::RANDOM,
                || tree.range(..=frame::key(index, u16::MAX)).next_back().transpose(),
                key_of,
            )
        })
        .map_err(|refused| self.refused(index, refused))?;
        let Some((key, value)) = found else { return Ok(None) };
        match frame::parse_key(&key) {
            Some((first, part)) => Ok(Some((first, part, value))),
            None => Err(self.damaged(index, "a key that is not one of ours")),
        }
    }

    /// The entry whose parts begin at `first`.
    fn join(&self, first: u64) -> Result<EntryBytes, StoreError> {
        let tree = &self.sled().tree;
        let parts: Vec<(sled::IVec, sled::IVec)> =
            shield::call(|| tree.range(frame::key(first, 0)..=frame::key(first, u16::MAX)).collect())
                .map_err(|refused| self.refused(first, refused))?;
        let numbered = (0u16..).zip(&parts).all(|(part, (key, _))| frame::parse_key(key) == Some((first, part)));
        let len = match parts.first().map(|(_, value)| frame::parse(value)) {
            Some(Ok(Frame::Begun(len))) if numbered => len,
            _ => return Err(self.damaged(first, "a part of an entry is missing")),
        };
        frame::join(len, parts.iter().map(|(_, value)| value.as_ref())).map_err(|what| self.damaged(first, what))
    }

    fn damaged(&self, at: u64, what: &str) -> StoreError {
        self.refused(at, Refused::Damage(what.to_owned()))
    }

    fn refused(&self, at: u64, refused: Refused) -> StoreError {
        error_of(refused, self.first, (at != u64::MAX).then_some(at))
    }

    fn sled(&self) -> &Handle {
        self.sled.as_ref().expect("the handle is taken only when the volume is dropped")
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        shield::release(self.sled.take(), self.panics_when_opened);
    }
}

impl fmt::Debug for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // sled would print every entry.
        f.debug_struct("Volume").field("first", &self.first).field("path", &self.path).finish_non_exhaustive()
    }
}

fn error_of(refused: Refused, volume: u64, at: Option<u64>) -> StoreError {
    match refused {
        Refused::Damage(what) => StoreError::Damaged { volume, at, what },
        Refused::System(what) => StoreError::Unreadable { volume, at, what },
    }
}

fn key_of(found: &(sled::IVec, sled::IVec)) -> sled::IVec {
    found.0.clone()
}

fn config(path: &Path, cache_bytes: u64, purpose: Purpose) -> sled::Config {
    let config = sled::Config::new().path(path).cache_capacity(cache_bytes);
    match purpose {
        // The default: that thread is the only one that collects sled's garbage.
        Purpose::Append => config,
        Purpose::Read => config.flush_every_ms(None),
    }
}

/// Opens a database. sled's threads can hold the lock of one that was just dropped for a moment longer; no other
/// process can, since the data folder has a lock of its own.
fn open_patiently(path: &Path, cache_bytes: u64, purpose: Purpose) -> Result<Handle, Refused> {
    let mut tries = 0;
    loop {
        let config = config(path, cache_bytes, purpose);
        let opened = shield::call(|| {
            let db = config.open()?;
            if !db.tree_names().iter().any(|name| name == TREE.as_bytes()) {
                return Err(sled::Error::CollectionNotFound(TREE.into()));
            }
            let tree = db.open_tree(TREE)?;
            Ok(Handle { db, tree })
        });
        match opened {
            Err(refused) if refused.to_string().contains("could not acquire lock") && tries < 2000 => {
                tries += 1;
                thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}

/// Syncs the files, the folder, its parent and `blobs/`: sled syncs the names of none of them.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let entries =
        std::fs::read_dir(path).map_err(|error| StoreError::io(path, "list the folder of a volume", &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| StoreError::io(path, "list the folder of a volume", &error))?;
        folder::sync(&entry.path())?;
    }
    folder::sync(path)?;
    path.parent().map_or(Ok(()), folder::sync)
}
