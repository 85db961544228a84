//! Reading the log: every entry is checked against its leaf before anything of it is told, and what was erased is
//! told as such.

use std::sync::Arc;

use crate::index::Index;
use crate::index::IndexError;
use crate::index::Placed;
use crate::ledger::HistoryKey;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::service::KeyVault;
use crate::store::LogStore;
use crate::store::StoreError;
use crate::verify::Entries;
use crate::verify::Unreadable;

/// Reads one log. Cheap to clone; any number of threads may.
#[derive(Clone, Debug)]
pub struct Reader {
    store: Arc<dyn LogStore>,
    index: Arc<Index>,
    vault: KeyVault,
}

/// An entry, with what was taken out of it.
#[derive(Clone, Debug)]
pub struct EntryRead {
    /// The entry, checked. What was erased is not in it, whether or not its bytes are still in the store.
    pub checked: Checked,
    /// The ERASURE that took the open payload away.
    pub open_erased_by: Option<u64>,
    /// The ERASURE that took each part away.
    pub parts_erased_by: Vec<Option<u64>>,
}

impl Reader {
    pub(super) const fn new(store: Arc<dyn LogStore>, index: Arc<Index>, vault: KeyVault) -> Self {
        Self { store, index, vault }
    }

    /// Number of entries that can be read and are in the index: what queries answer from.
    pub fn size(&self) -> u64 {
        self.index.position().size
    }

    /// The store below.
    pub fn store(&self) -> &dyn LogStore {
        &*self.store
    }

    /// The keys.
    pub const fn vault(&self) -> &KeyVault {
        &self.vault
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// One entry; `None` at or past the end.
    ///
    /// # Errors
    ///
    /// It is not what was recorded, or cannot be read.
    pub fn entry(&self, index: u64) -> Result<Option<EntryRead>, IndexError> {
        if index >= self.size() {
            return Ok(None);
        }
        match self.store.get(index)? {
            None => Ok(None),
            Some(bytes) => self.checked(index, &bytes).map(Some),
        }
    }

    /// Entries from one on, of about so many bytes; none at the end.
    ///
    /// # Errors
    ///
    /// One is not what was recorded, or cannot be read.
    pub fn entries(&self, from: u64, end: u64, bytes_max: usize) -> Result<Vec<EntryRead>, IndexError> {
        let end = end.min(self.size());
        if from >= end {
            return Ok(Vec::new());
        }
        let read = self.store.read(from, bytes_max)?;
        read.iter().take_while(|(index, _)| *index < end).map(|(index, bytes)| self.checked(*index, bytes)).collect()
    }

    /// Places in a history.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn history(
        &self,
        key: &HistoryKey,
        after: Option<u64>,
        upto: u64,
        limit: usize,
    ) -> Result<Vec<Placed>, IndexError> {
        self.index.history(key, after, upto, limit)
    }

    /// The last entry recorded at or before a time; `None` before the first.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn position_at(&self, unix_ms: u64) -> Result<Option<u64>, IndexError> {
        let (mut low, mut high) = (0, self.size());
        while low < high {
            let middle = low.midpoint(high);
            let time = self.entry(middle)?.map_or(u64::MAX, |entry| entry.checked.leaf.recorded_at_ms);
            if time <= unix_ms {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low.checked_sub(1))
    }

    fn checked(&self, index: u64, bytes: &bytes::Bytes) -> Result<EntryRead, IndexError> {
        let checked = Entry::check(bytes).map_err(|fault| IndexError::Entry { index, fault })?;
        if checked.leaf.index != index {
            let found = checked.leaf.index.to_string();
            let fault = crate::log::Malformed { offset: 5, expected: "its own index", found };
            return Err(IndexError::Entry { index, fault: crate::log::EntryFault::Leaf(fault) });
        }
        let parts = checked.entry.parts.len();
        let mut read = EntryRead { checked, open_erased_by: None, parts_erased_by: vec![None; parts] };
        for (by, parts) in self.index.erasures(index)? {
            if parts & OPEN_PAYLOAD_BIT != 0 {
                read.checked.entry.open = None;
                read.open_erased_by.get_or_insert(by);
            }
            for (part, erased_by) in read.parts_erased_by.iter_mut().enumerate() {
                if parts & (1 << part) != 0 {
                    read.checked.entry.parts[part] = None;
                    erased_by.get_or_insert(by);
                }
            }
        }
        Ok(read)
    }
}

/// A store, as a verifier reads it.
#[derive(Debug)]
pub struct LogEntries<'a>(pub &'a dyn LogStore);

impl Entries for LogEntries<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, bytes::Bytes)>, Unreadable> {
        let unreadable = |error: StoreError| Unreadable {
            damaged: matches!(error, StoreError::Damaged { .. } | StoreError::MissingVolume { .. }),
            what: error.to_string(),
        };
        self.0.read(from, bytes_max).map_err(unreadable)
    }
}
