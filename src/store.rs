//! Where entries lie: the `LogStore` trait, sled and memory, volumes, the guard.
//!
//! The store deals in bytes of encoded entries and knows nothing of events. What it promises is small: entries in
//! order, a commit all or none, durable when `append` returns, never a value that was not appended. What sled does
//! not promise is made good here: its writes are synced for real, its panics become errors in words, its
//! silence about lost entries is broken by the guard.
//!
//! ```text
//! <data>/FORMAT                             "probity 1": which format the folder has
//! <data>/lock                               held while a process uses the folder
//! <data>/guard                              what must be there at the next start
//! <data>/sync-failed                        left by a failed write or sync, beside the guard
//! <data>/stopped-cleanly                    left by a clean stop, taken away by the next start
//! <data>/ledger/<first index, 20 digits>/   one sled database per volume
//! ```

mod chain;
mod closing;
pub mod doctor;
mod error;
pub mod failpoint;
pub mod faulty;
mod folder;
mod frame;
mod guard;
mod memory;
mod open;
mod paging;
mod remedy;
pub mod runs;
mod shield;
mod sled_store;
mod staging;
mod volume;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

pub use error::StoreError;
pub use folder::FORMAT_VERSION;
pub use folder::free_bytes;
pub use frame::ENTRY_BYTES_MAX;
pub use frame::VALUE_BYTES_MAX;
pub use guard::Guard;
pub use guard::GuardState;
pub use memory::MemoryStore;
pub use open::OpenOptions;
pub use open::create;
pub use open::open;
pub use open::open_or_create;
pub use shield::background_panics;
pub use sled_store::DiskStats;
pub use sled_store::SledStore;

/// One encoded entry, as `log::Entry::encode` gives it.
pub type EntryBytes = Bytes;

/// An ordered sequence of entries that only grows.
pub trait LogStore: Send + Sync + fmt::Debug {
    /// Number of durable entries: `0..size()` can be read. Never ahead of what is durable.
    fn size(&self) -> u64;

    /// Appends `entries` after the last one, all or none, with one sync; durable when it returns `Ok`.
    /// No value of the store holds entries of two calls.
    ///
    /// # Errors
    ///
    /// After [`StoreError::NoSpace`] and [`StoreError::EntryTooLong`] nothing was written and the store goes on. After
    /// any other error the entries may or may not be there at the next start, and this store takes no more of them:
    /// reads go on, appends answer [`StoreError::Stopped`].
    fn append(&self, entries: &[EntryBytes]) -> Result<(), StoreError>;

    /// Entry `index`, or `None` at or past [`LogStore::size`].
    ///
    /// # Errors
    ///
    /// The entry is damaged or could not be read.
    fn get(&self, index: u64) -> Result<Option<EntryBytes>, StoreError>;

    /// Entry `index` and, where it can be read, the one after it, which mostly lies beside it; `None` at or past
    /// [`LogStore::size`].
    ///
    /// # Errors
    ///
    /// Entry `index` is damaged or could not be read.
    fn get_with_next(&self, index: u64) -> Result<Option<(EntryBytes, Option<EntryBytes>)>, StoreError> {
        let Some(entry) = self.get(index)? else { return Ok(None) };
        Ok(Some((entry, self.get(index + 1).ok().flatten())))
    }

    /// Entries with their indexes from `from` on, without a gap: at least one when `from` is below
    /// [`LogStore::size`], and no more after the one with which `max_bytes` is reached. May stop earlier, at the end
    /// of a volume; none means that the end is reached.
    ///
    /// # Errors
    ///
    /// An entry on the way is damaged or could not be read; those before it can be had with a smaller `max_bytes`.
    fn read(&self, from: u64, max_bytes: usize) -> Result<Vec<(u64, EntryBytes)>, StoreError>;

    /// The same, of entries below `end` alone: whoever wants a few reads no more than those.
    ///
    /// # Errors
    ///
    /// As [`LogStore::read`].
    fn read_below(&self, from: u64, end: u64, max_bytes: usize) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
        if from >= end {
            return Ok(Vec::new());
        }
        let mut read = self.read(from, max_bytes)?;
        read.retain(|(index, _)| *index < end);
        Ok(read)
    }

    /// What it holds and has written.
    fn stats(&self) -> StoreStats;

    /// How long the sync of the last append took; `None` where nothing is synced.
    fn last_sync(&self) -> Option<Duration> {
        None
    }
}

/// What a store holds, and what it has written since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Number of durable entries.
    pub entries: u64,
    /// Number of volumes; 1 in memory.
    pub volumes: u64,
    /// Bytes of the newest volume's file, dead space included.
    pub newest_volume_bytes: u64,
    /// Commits since it was opened.
    pub commits: u64,
    /// Keys, each with one value of at most 4 KiB, written since it was opened.
    pub keys_written: u64,
    /// Bytes of those values.
    pub value_bytes_written: u64,
}

#[cfg(test)]
mod tests;
