//! The store on sled: volumes in a row, the newest of which grows.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::store::EntryBytes;
use crate::store::Guard;
use crate::store::LogStore;
use crate::store::OpenOptions;
use crate::store::StoreError;
use crate::store::StoreStats;
use crate::store::closing;
use crate::store::failpoint;
use crate::store::folder;
use crate::store::folder::Folder;
use crate::store::frame;
use crate::store::remedy;
use crate::store::volume::Purpose;
use crate::store::volume::Volume;

/// Entries in sled databases under one data folder, which it holds alone.
#[derive(Debug)]
pub struct SledStore {
    folder: Folder,
    options: OpenOptions,
    guard: Guard,
    /// Durable entries. Stored after the sync of their commit.
    size: AtomicU64,
    /// Set by the first failed append, never taken back.
    stopped: AtomicBool,
    /// Held through an append: there is one writer.
    writer: Mutex<()>,
    /// Which volumes there are. Held only to look a volume up, and to change the newest.
    shelf: RwLock<Shelf>,
    /// Older volumes that are open, the one used last at the end. Held while one is opened, dropped or replaced, so
    /// that no database is open twice.
    older: Mutex<Vec<Arc<Volume>>>,
    /// Older volumes that are damaged, and how: neither opening nor mending them is tried twice in one run, since both
    /// read the whole volume. Locked for a moment, under `older`.
    refused: Mutex<BTreeMap<u64, StoreError>>,
    commits: AtomicU64,
    keys: AtomicU64,
    bytes: AtomicU64,
    /// Of the last append; 0 before the first.
    last_sync_ns: AtomicU64,
    /// Last, since fields are dropped in order: the folder is free when everything is closed.
    lock: File,
}

/// The disk under a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskStats {
    /// Bytes of the ledger's files: all volumes, dead space included.
    pub ledger_bytes: u64,
    /// Free bytes of the disk, for whom the service runs as.
    pub free_bytes: u64,
    /// Free bytes below which nothing is appended.
    pub reserve_bytes: u64,
}

#[derive(Debug)]
struct Shelf {
    /// First indexes of all volumes, ascending; never empty.
    firsts: Vec<u64>,
    newest: Arc<Volume>,
}

impl SledStore {
    pub(super) fn new(
        folder: Folder,
        options: OpenOptions,
        lock: File,
        guard: Guard,
        firsts: Vec<u64>,
        newest: Volume,
        size: u64,
    ) -> Self {
        Self {
            folder,
            options,
            guard,
            size: AtomicU64::new(size),
            stopped: AtomicBool::new(false),
            writer: Mutex::new(()),
            shelf: RwLock::new(Shelf { firsts, newest: Arc::new(newest) }),
            older: Mutex::new(Vec::new()),
            refused: Mutex::default(),
            commits: AtomicU64::new(0),
            keys: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            last_sync_ns: AtomicU64::new(0),
            lock,
        }
    }

    /// The guard beside the ledger.
    pub const fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Whether there is more free space than the reserve: asked before requests are taken, so that a full disk is met
    /// before sled meets it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSpace`], or the file system did not say.
    pub fn check_space(&self) -> Result<(), StoreError> {
        let reserve = self.options.reserve_bytes;
        if reserve == 0 {
            return Ok(());
        }
        let free = folder::free_bytes(&self.folder.ledger())?;
        if free < reserve { Err(StoreError::NoSpace { free, reserve }) } else { Ok(()) }
    }

    /// The disk and how much of it the ledger takes: asks the file system for each of its files.
    ///
    /// # Errors
    ///
    /// The file system did not say.
    pub fn disk(&self) -> Result<DiskStats, StoreError> {
        let ledger = self.folder.ledger();
        Ok(DiskStats {
            ledger_bytes: folder::bytes_below(&ledger)?,
            free_bytes: folder::free_bytes(&ledger)?,
            reserve_bytes: self.options.reserve_bytes,
        })
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        self.folder.data()
    }

    /// Free bytes of the disk below which nothing is appended.
    pub const fn reserve_bytes(&self) -> u64 {
        self.options.reserve_bytes
    }

    /// Rewrites the volumes that are full into full frames, and seals each with a file `closed`. For a thread of low
    /// priority: reads and appends go on meanwhile. Returns how many were closed.
    ///
    /// # Errors
    ///
    /// A volume could not be rewritten; it stays as it was, and the next call tries again.
    pub fn close_finished_volumes(&self) -> Result<usize, StoreError> {
        let firsts = self.shelf().firsts.clone();
        let mut closed = 0;
        for pair in firsts.windows(2) {
            let (first, end) = (pair[0], pair[1]);
            if closing::is_closed(&self.folder.volume(first)) {
                continue;
            }
            let volume = self.older(first, end)?;
            closing::rewrite(&self.folder, &volume, end, self.options.older_cache_bytes())?;
            drop(volume);
            // Whoever still reads in the replaced volume holds its files open; they go when he is done.
            let mut older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
            older.retain(|volume| volume.first() != first);
            closing::place(&self.folder, first)?;
            closed += 1;
        }
        Ok(closed)
    }

    /// Lets this store write nothing more, as after a failed write, when the one that is under way may never end. What
    /// is under way may still become durable.
    pub fn stop_writing(&self, why: &str) {
        self.stop(StoreError::SyncFailed { what: why.to_owned() });
    }

    /// Ends cleanly. The newest volume is opened and closed once more: sled writes the snapshot that makes the next
    /// start short at open only. The guard is the caller's to write, before.
    ///
    /// # Errors
    ///
    /// The newest volume did not open again; everything that was durable is.
    pub fn close(self) -> Result<(), StoreError> {
        let Self { folder, options, stopped, shelf, older, lock, .. } = self;
        drop(older);
        let newest = shelf.into_inner().unwrap_or_else(PoisonError::into_inner).newest;
        let (path, first) = (newest.path().to_owned(), newest.first());
        drop(newest);
        if !stopped.into_inner() {
            Volume::open(&path, first, options.cache_bytes, Purpose::Append)?.sync()?;
            folder::note_clean_stop(&folder)?;
        }
        drop(lock);
        Ok(())
    }

    fn shelf(&self) -> std::sync::RwLockReadGuard<'_, Shelf> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The volume in which entry `index` lies, and where its entries end. `index` is below `size`.
    fn volume_of(&self, index: u64, size: u64) -> Result<(Arc<Volume>, u64), StoreError> {
        let shelf = self.shelf();
        if index >= shelf.newest.first() {
            return Ok((Arc::clone(&shelf.newest), size));
        }
        let place = shelf.firsts.partition_point(|first| *first <= index);
        let (first, end) = (shelf.firsts[place - 1], shelf.firsts[place]);
        drop(shelf);
        Ok((self.older(first, end)?, end))
    }

    /// An older volume, opened if it is not.
    fn older(&self, first: u64, end: u64) -> Result<Arc<Volume>, StoreError> {
        let mut older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        let volume = match older.iter().position(|volume| volume.first() == first) {
            Some(place) => older.remove(place),
            None => Arc::new(self.open_older_once(first, end)?),
        };
        older.push(Arc::clone(&volume));
        // One that somebody reads in stays: it could not be opened again while he does.
        while older.len() > self.options.older_kept_open.max(1) {
            let Some(place) = older.iter().position(|volume| Arc::strong_count(volume) == 1) else { break };
            older.remove(place);
        }
        Ok(volume)
    }

    fn open_older_once(&self, first: u64, end: u64) -> Result<Volume, StoreError> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refusal) = refused.get(&first) {
            return Err(refusal.clone());
        }
        self.open_older(first, end).inspect_err(|refusal| {
            if matches!(refusal, StoreError::Damaged { .. }) {
                refused.insert(first, refusal.clone());
            }
        })
    }

    fn open_older(&self, first: u64, end: u64) -> Result<Volume, StoreError> {
        let path = self.folder.volume(first);
        let attempt = || {
            let volume = Volume::open(&path, first, self.options.older_cache_bytes(), Purpose::Read)?;
            let closed = closing::read(&path)?.map_or(end, |closed| closed.last + 1);
            match volume.end()? {
                found if found == end && closed == end => Ok(volume),
                found => Err(StoreError::Damaged {
                    volume: first,
                    at: None,
                    what: format!("its entries end before {found}, the next volume begins at {end}"),
                }),
            }
        };
        let refusal = match remedy::bad_snapshots(&path)?.as_slice() {
            [bad, ..] => {
                StoreError::Damaged { volume: first, at: None, what: format!("its snapshot {bad} is not whole") }
            }
            [] => match attempt() {
                Err(refusal @ StoreError::Damaged { .. }) => refusal,
                other => return other,
            },
        };
        remedy::mend(&self.folder, first, Some(end), &self.guard.state(), refusal)?;
        attempt()
    }

    /// The volume that takes the next commit: the newest, or one that follows it.
    fn volume_to_append(&self, size: u64) -> Result<Arc<Volume>, StoreError> {
        let newest = Arc::clone(&self.shelf().newest);
        if size == newest.first() || newest.file_bytes()? < self.options.volume_bytes {
            return Ok(newest);
        }
        let next = Arc::new(Volume::create(&self.folder.volume(size), size, self.options.cache_bytes)?);
        // A crash here leaves an empty volume that the guard does not name: the next start removes it.
        failpoint::hit("volume-roll-created");
        // In both slots, so that neither alone is the only one to know of the volume when it has entries.
        self.guard.update(|state| state.newest_volume = size)?;
        self.guard.update(|_| ())?;
        failpoint::hit("volume-roll-guarded");
        let mut older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        shelf.firsts.push(size);
        shelf.newest = Arc::clone(&next);
        older.push(newest);
        Ok(next)
    }

    /// Why entry `index` was not read, with its place where the volume as a whole was refused.
    fn located(&self, index: u64, error: StoreError) -> StoreError {
        match error {
            // What sled has of this volume in memory is then partly what it could not write: only the next start can
            // tell that from damage.
            StoreError::Damaged { volume, at, what } if self.is_stopped_in(volume) => {
                StoreError::Unreadable { volume, at: at.or(Some(index)), what }
            }
            StoreError::Damaged { volume, at: None, what } => StoreError::Damaged { volume, at: Some(index), what },
            StoreError::Unreadable { volume, at: None, what } => {
                StoreError::Unreadable { volume, at: Some(index), what }
            }
            other => other,
        }
    }

    /// Whether a write to this volume failed.
    fn is_stopped_in(&self, volume: u64) -> bool {
        self.stopped.load(Ordering::Acquire) && self.shelf().newest.first() == volume
    }

    /// The first failure is the last thing that this store writes.
    fn stop(&self, error: StoreError) -> StoreError {
        self.stopped.store(true, Ordering::Release);
        self.folder.note_sync_failure(&error.to_string());
        error
    }
}

impl LogStore for SledStore {
    fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    fn append(&self, entries: &[EntryBytes]) -> Result<(), StoreError> {
        frame::check_lengths(entries)?;
        if entries.is_empty() {
            return Ok(());
        }
        // A writer that panicked left a commit in an unknown state.
        let Ok(_writer) = self.writer.lock() else { return Err(StoreError::Stopped) };
        if self.stopped.load(Ordering::Acquire) {
            return Err(StoreError::Stopped);
        }
        self.check_space()?;
        let size = self.size();
        let volume = self.volume_to_append(size).map_err(|error| self.stop(error))?;
        let written = volume
            .append(size, entries)
            .map_err(|refused| self.stop(StoreError::SyncFailed { what: refused.to_string() }))?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.keys.fetch_add(written.keys, Ordering::Relaxed);
        self.bytes.fetch_add(written.bytes, Ordering::Relaxed);
        self.last_sync_ns.store(u64::try_from(written.sync.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.size.store(size + entries.len() as u64, Ordering::Release);
        Ok(())
    }

    fn get(&self, index: u64) -> Result<Option<EntryBytes>, StoreError> {
        let size = self.size();
        if index >= size {
            return Ok(None);
        }
        let read = self.volume_of(index, size).and_then(|(volume, _)| volume.get(index));
        read.map(Some).map_err(|error| self.located(index, error))
    }

    fn get_with_next(&self, index: u64) -> Result<Option<(EntryBytes, Option<EntryBytes>)>, StoreError> {
        let size = self.size();
        if index >= size {
            return Ok(None);
        }
        let read = self.volume_of(index, size).and_then(|(volume, _)| volume.get_with_next(index));
        let (entry, beside) = read.map_err(|error| self.located(index, error))?;
        let next = if index + 1 < size { beside.or_else(|| self.get(index + 1).ok().flatten()) } else { None };
        Ok(Some((entry, next)))
    }

    fn read(&self, from: u64, max_bytes: usize) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
        self.read_below(from, u64::MAX, max_bytes)
    }

    fn read_below(&self, from: u64, end: u64, max_bytes: usize) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
        let size = self.size();
        if from >= size.min(end) {
            return Ok(Vec::new());
        }
        let read = |(volume, volume_end): (Arc<Volume>, u64)| volume.read(from, volume_end.min(end), max_bytes.max(1));
        self.volume_of(from, size).and_then(read).map_err(|error| self.located(from, error))
    }

    fn stats(&self) -> StoreStats {
        let shelf = self.shelf();
        StoreStats {
            entries: self.size(),
            volumes: shelf.firsts.len() as u64,
            newest_volume_bytes: shelf.newest.file_bytes().unwrap_or_default(),
            commits: self.commits.load(Ordering::Relaxed),
            keys_written: self.keys.load(Ordering::Relaxed),
            value_bytes_written: self.bytes.load(Ordering::Relaxed),
        }
    }

    fn last_sync(&self) -> Option<Duration> {
        match self.last_sync_ns.load(Ordering::Relaxed) {
            0 => None,
            ns => Some(Duration::from_nanos(ns)),
        }
    }
}
