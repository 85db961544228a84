//! A store in memory: for tests, and for whoever replays a log without keeping it.

use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::store::EntryBytes;
use crate::store::LogStore;
use crate::store::StoreError;
use crate::store::StoreStats;
use crate::store::frame;

/// Entries in memory, durable as long as the process lives.
#[derive(Debug, Default)]
pub struct MemoryStore {
    entries: RwLock<Vec<EntryBytes>>,
    commits: AtomicU64,
    keys: AtomicU64,
    bytes: AtomicU64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn entries(&self) -> std::sync::RwLockReadGuard<'_, Vec<EntryBytes>> {
        // A panic cannot leave the vector half changed: it is only extended.
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

impl LogStore for MemoryStore {
    fn size(&self) -> u64 {
        self.entries().len() as u64
    }

    fn append(&self, entries: &[EntryBytes]) -> Result<(), StoreError> {
        frame::check_lengths(entries)?;
        let mut held = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        frame::pack(held.len() as u64, entries, |_, value| {
            self.keys.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(value.len() as u64, Ordering::Relaxed);
        });
        held.extend_from_slice(entries);
        self.commits.fetch_add(u64::from(!entries.is_empty()), Ordering::Relaxed);
        Ok(())
    }

    fn get(&self, index: u64) -> Result<Option<EntryBytes>, StoreError> {
        Ok(self.entries().get(place(index)).cloned())
    }

    fn read(&self, from: u64, max_bytes: usize) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
        self.read_below(from, u64::MAX, max_bytes)
    }

    fn read_below(&self, from: u64, end: u64, max_bytes: usize) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
        let held = self.entries();
        let mut out = Vec::new();
        let mut bytes = 0;
        for (entry, index) in held.iter().skip(place(from)).zip(from..end) {
            bytes += entry.len();
            out.push((index, entry.clone()));
            if bytes >= max_bytes {
                break;
            }
        }
        Ok(out)
    }

    fn stats(&self) -> StoreStats {
        StoreStats {
            entries: self.size(),
            volumes: 1,
            newest_volume_bytes: self.bytes.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            keys_written: self.keys.load(Ordering::Relaxed),
            value_bytes_written: self.bytes.load(Ordering::Relaxed),
        }
    }
}
