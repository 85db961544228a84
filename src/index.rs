//! What is derived from the log to find things in it: how long each history is and where its entries stand, the
//! state of each stream, requests, lookup tokens, erasures. A fold with a position, kept in sorted runs on a sled
//! database of its own, with the newest rows in memory above them. It can be thrown away and folded again.
//!
//! Only what is durable is in it: the writer adds an entry after its sync and before its answer.

mod cache;
mod fold;
mod halt;
mod memory;
mod read;
mod rebuild;
mod row;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::TryLockError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thiserror::Error;

use crate::index::cache::Cache;
use crate::ledger::Change;
use crate::ledger::ReplayError;
use crate::log::EntryFault;
use crate::store::StoreError;
use crate::store::failpoint;
use crate::store::runs::Position;
use crate::store::runs::RunsError;
use crate::store::runs::Table;
use crate::store::runs::shielded;

pub use fold::Identities;
pub use fold::fold_log;
pub use halt::Halted;
use memory::Recent;
pub use read::DutyFrom;
pub use read::DutyPlace;
pub use read::Placed;
pub use rebuild::Beside;
pub use rebuild::Promoted;
pub use rebuild::Rebuilt;
pub use rebuild::compare_with_log;

/// Entries in memory before they are written as a run.
const ENTRIES_IN_MEMORY: u64 = 65_536;

/// The writer waits when there are this many, and the run before is still being written.
const ENTRIES_IN_MEMORY_MAX: u64 = 4 * ENTRIES_IN_MEMORY;

/// What sled keeps of the runs. Rows of objects, which are asked for at random, are kept apart.
const SLED_CACHE_BYTES: u64 = 48 << 20;

/// The derived index of one log.
#[derive(Debug)]
pub struct Index {
    folder: PathBuf,
    db: sled::Db,
    /// The table that answers, and its generation. Guards which one that is.
    live: RwLock<(u64, Arc<Table>)>,
    /// Guards the rows in memory and the position that they reach.
    recent: RwLock<Memory>,
    /// Guards objects that were read from runs.
    cache: Mutex<Cache>,
    /// Guards the room of rows that were written, for those to come.
    spare: Mutex<Option<Recent>>,
    /// Held while a run is written or tables are exchanged.
    flushing: Mutex<()>,
    /// Told when a run was written.
    flushed: Condvar,
    flushed_lock: Mutex<()>,
    /// The last run could not be written: memory would grow for ever.
    failed: AtomicBool,
    /// Set while an entry cannot be folded.
    halted: Mutex<Option<Halted>>,
    /// Held by whoever builds, exchanges or merges tables, or folds on after a halt: one at a time.
    tables: Mutex<()>,
}

/// How far an index is, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexStats {
    /// Entries of the log that are folded, rows in memory included.
    pub folded: u64,
    /// Entries of the log that are folded on disk.
    pub synced: u64,
    /// Sorted runs on disk.
    pub runs: usize,
    /// Entries whose rows no run on disk holds yet.
    pub entries_in_memory: u64,
    /// Those rows, about.
    pub rows_in_memory: usize,
}

#[derive(Debug)]
struct Memory {
    active: Recent,
    /// Being written as a run, and the position that it reaches.
    frozen: Option<(Arc<Recent>, Position)>,
    position: Position,
}

/// Why the index could not be read or folded.
#[derive(Debug, Error)]
pub enum IndexError {
    /// Its store failed: throw it away and fold it again.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// The log could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry of the log is damaged.
    #[error("entry {index}: {fault}")]
    Entry {
        /// Which.
        index: u64,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// An entry cannot be folded by this program.
    #[error(transparent)]
    Replay(Box<ReplayError<Self>>),
}

impl Index {
    /// Opens the index in a folder; an empty one where there is none or where it was folded by other rules.
    ///
    /// # Errors
    ///
    /// Its store failed: throw the folder away and open it again.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        let db = open_database(folder)?;
        let generation = match db.get("generation").map_err(RunsError::from)? {
            Some(bytes) => bytes.as_ref().try_into().map(u64::from_be_bytes).unwrap_or_default(),
            None => 0,
        };
        let table = Table::open(&db, slot(generation), row::PREFIX_BYTES, row::version())?;
        let position = table.position();
        Ok(Self {
            folder: folder.to_owned(),
            db,
            live: RwLock::new((generation, Arc::new(table))),
            recent: RwLock::new(Memory { active: Recent::default(), frozen: None, position }),
            cache: Mutex::default(),
            spare: Mutex::default(),
            flushing: Mutex::default(),
            flushed: Condvar::new(),
            flushed_lock: Mutex::default(),
            failed: AtomicBool::new(false),
            halted: Mutex::default(),
            tables: Mutex::default(),
        })
    }

    /// Closes it, and opens it once more: only then does sled write down where everything is, and the next start need
    /// not read all that was written since this one.
    ///
    /// # Errors
    ///
    /// Its store failed.
    pub fn close(self) -> Result<(), IndexError> {
        let folder = self.folder.clone();
        quietly(|| {
            drop(self);
            Ok::<_, RunsError>(())
        })?;
        quietly(|| open_database(&folder).map(drop))?;
        Ok(())
    }

    /// How far it is folded, rows in memory included.
    pub fn position(&self) -> Position {
        self.recent.read().unwrap_or_else(PoisonError::into_inner).position
    }

    /// How far it is folded on disk.
    pub fn synced_position(&self) -> Position {
        self.table().1.position()
    }

    /// Which table answers: it grows by one with each promotion of a rebuilt one.
    pub fn generation(&self) -> u64 {
        self.table().0
    }

    /// How far it is and what it holds.
    pub fn stats(&self) -> IndexStats {
        let (_, table) = self.table();
        let memory = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        let frozen = memory.frozen.as_ref().map(|(rows, _)| rows);
        IndexStats {
            folded: memory.position.size,
            synced: table.position().size,
            runs: table.runs(),
            entries_in_memory: memory.active.entries + frozen.map_or(0, |rows| rows.entries),
            rows_in_memory: memory.active.rows() + frozen.map_or(0, |rows| rows.rows()),
        }
    }

    /// Values written to sled since it was opened.
    pub fn values_written(&self) -> u64 {
        self.table().1.values_written()
    }

    /// Another table in the same database, which its owner fills; it goes when the index is thrown away.
    ///
    /// # Errors
    ///
    /// Its store failed, or the table is damaged.
    pub fn table_beside(&self, number: u8, prefix_bytes: usize, version: u32) -> Result<Table, IndexError> {
        Ok(quietly(|| Table::open(&self.db, number, prefix_bytes, version))?)
    }

    /// Whoever builds, exchanges or merges tables, or folds on after a halt, holds this: one at a time.
    pub fn alone(&self) -> MutexGuard<'_, ()> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn table(&self) -> (u64, Arc<Table>) {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        (live.0, Arc::clone(&live.1))
    }

    /// Adds entries that are durable, and moves the position.
    pub fn apply(&self, changes: impl IntoIterator<Item = Change>, position: Position) {
        let mut memory = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            memory.active.apply(change);
        }
        memory.position = position;
    }

    /// Whether enough rows are in memory to write them as a run.
    pub fn wants_flush(&self) -> bool {
        let memory = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        memory.active.entries >= ENTRIES_IN_MEMORY
    }

    /// Waits while memory is full and a run is still being written: how slow folds reach the clients. Returns whether
    /// there is room; there will be none in this run when runs cannot be written.
    pub fn wait_for_room(&self) -> bool {
        let full = || {
            let memory = self.recent.read().unwrap_or_else(PoisonError::into_inner);
            memory.active.entries >= ENTRIES_IN_MEMORY_MAX
        };
        let mut guard = self.flushed_lock.lock().unwrap_or_else(PoisonError::into_inner);
        while full() && !self.failed.load(Ordering::SeqCst) {
            guard = self.flushed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        !full()
    }

    /// Writes the rows in memory as a run. On one thread at a time.
    ///
    /// # Errors
    ///
    /// Its store failed. What answers queries is still whole; nothing is lost that the log does not have.
    pub fn flush(&self) -> Result<(), IndexError> {
        let flushed = self.write_run();
        self.failed.store(flushed.is_err(), Ordering::SeqCst);
        self.wake();
        flushed
    }

    fn write_run(&self) -> Result<(), IndexError> {
        let _flushing = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let (frozen, position) = self.freeze();
        self.wake(); // the rows in memory are few again
        let (_, table) = self.table();
        failpoint::hit("view-batch");
        quietly(|| table.add(frozen.prefixes(), position, |put| frozen.put_rows(put)))?;
        Cache::take_run(&self.cache, frozen.objects());
        self.recent.write().unwrap_or_else(PoisonError::into_inner).frozen = None;
        if let Some(mut spare) = Arc::into_inner(frozen) {
            spare.clear();
            *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(spare);
        }
        Ok(())
    }

    /// Merges runs that have become many, one step; returns whether there was one. On a thread of its own, so that
    /// rows in memory are written meanwhile. It gives up when `go_on` says so.
    ///
    /// # Errors
    ///
    /// Its store failed. What answers queries is still whole.
    pub fn merge(&self, go_on: impl Fn() -> bool) -> Result<bool, IndexError> {
        let _tables = match self.tables.try_lock() {
            Ok(tables) => tables,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Runs wait until the tables have been exchanged.
            Err(TryLockError::WouldBlock) => return Ok(false),
        };
        let (_, table) = self.table();
        Ok(quietly(|| table.merge_some(go_on))?)
    }

    /// Sets the rows in memory aside, to be written; those of before, when they could not be.
    fn freeze(&self) -> (Arc<Recent>, Position) {
        let room = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut memory = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        if memory.frozen.is_none() {
            let active = std::mem::replace(&mut memory.active, room.unwrap_or_default());
            memory.frozen = Some((Arc::new(active), memory.position));
        }
        memory.frozen.clone().expect("it was just set")
    }

    fn wake(&self) {
        drop(self.flushed_lock.lock());
        self.flushed.notify_all();
    }
}

/// How long a database that was just closed may still be held: sled's own threads let go of its lock a moment later.
/// Nobody else opens it, since the data folder has a lock of its own.
const HELD_FOR_AT_MOST: Duration = Duration::from_secs(5);

fn open_database(folder: &Path) -> Result<sled::Db, RunsError> {
    let mut waited = Duration::ZERO;
    loop {
        let config = sled::Config::new().path(folder).cache_capacity(SLED_CACHE_BYTES);
        match quietly(move || config.open()) {
            Err(RunsError::Sled(sled::Error::Io(error)))
                if waited < HELD_FOR_AT_MOST && error.to_string().contains("could not acquire lock") =>
            {
                std::thread::sleep(Duration::from_millis(20));
                waited += Duration::from_millis(20);
            }
            opened => return opened,
        }
    }
}

/// The two tables of the index take turns.
const fn slot(generation: u64) -> u8 {
    if generation.is_multiple_of(2) { 1 } else { 2 }
}

/// sled panics on some damage; here that is an error like another.
fn quietly<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<T, RunsError>
where
    RunsError: From<E>,
{
    shielded(work).and_then(|result| result.map_err(RunsError::from))
}

#[cfg(test)]
mod tests;
