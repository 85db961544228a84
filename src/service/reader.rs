//! Reading the log: every entry is checked against its leaf before anything of it is told, and what was erased is
//! told as such.

use std::sync::Arc;

use bytes::Bytes;

use crate::index::Index;
use crate::index::IndexError;
use crate::index::Placed;
use crate::ledger::HistoryKey;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::EntryFault;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::Malformed;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::log::leaf_bytes;
use crate::service::KeyVault;
use crate::store::LogStore;
use crate::store::StoreError;
use crate::store::runs::Position;
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

    /// Number of entries that are in the index: what queries answer from.
    pub fn size(&self) -> u64 {
        self.index.position().size
    }

    /// Number of entries that can be read: those in the index, and behind an entry that cannot be folded all others.
    pub fn log_size(&self) -> u64 {
        self.log_position().size
    }

    fn log_position(&self) -> Position {
        self.index.halted().map_or_else(|| self.index.position(), |halted| halted.log)
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
        let position = self.log_position();
        if index >= position.size {
            return Ok(None);
        }
        let (bytes, next) = self.store.get_with_next(index)?.ok_or_else(|| missing(index))?;
        let read = self.checked(index, &bytes)?;
        self.confirm(index, read.checked.leaf_hash, next.as_ref(), position)?;
        Ok(Some(read))
    }

    /// When an entry was recorded, Unix time in milliseconds; `None` at or past the end. Of the last one, which is asked
    /// for most, the leaf says it, and the head commits to that.
    ///
    /// # Errors
    ///
    /// As [`Reader::entry`].
    pub fn recorded_at(&self, index: u64) -> Result<Option<u64>, IndexError> {
        let position = self.log_position();
        if index + 1 == position.size
            && let Some((hash, leaf)) = self.store.get(index)?.as_ref().and_then(leaf_of)
            && hash.0 == position.leaf_hash
        {
            return Ok(Some(leaf.recorded_at_ms));
        }
        Ok(self.entry(index)?.map(|read| read.checked.leaf.recorded_at_ms))
    }

    /// Entries from one on, of about so many bytes; none at the end.
    ///
    /// # Errors
    ///
    /// One is not what was recorded, or cannot be read.
    pub fn entries(&self, from: u64, end: u64, bytes_max: usize) -> Result<Vec<EntryRead>, IndexError> {
        let position = self.log_position();
        let end = end.min(position.size);
        if from >= end {
            return Ok(Vec::new());
        }
        let mut stored = self.store.read(from, bytes_max)?;
        stored.truncate(stored.partition_point(|(index, _)| *index < end));
        let read = stored.iter().map(|(index, bytes)| self.checked(*index, bytes)).collect::<Result<Vec<_>, _>>()?;
        let last = read.last().ok_or_else(|| missing(from))?.checked.leaf.index;
        for (pair, (_, bytes)) in read.windows(2).zip(&stored[1..]) {
            let [one, next] = [&pair[0].checked, &pair[1].checked];
            if next.leaf.previous != one.leaf_hash {
                self.confirm(one.leaf.index, one.leaf_hash, Some(bytes), position)?;
            }
        }
        let after = if last + 1 < position.size { self.store.get(last + 1).ok().flatten() } else { None };
        self.confirm(last, read[read.len() - 1].checked.leaf_hash, after.as_ref(), position)?;
        Ok(read)
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

    /// What a leaf says of its own entry is committed to by the entry after it, and of the last one by the head.
    ///
    /// # Errors
    ///
    /// Entry `index` has another leaf than was recorded. Where it is the next one, that is told when that is read.
    fn confirm(
        &self,
        index: u64,
        leaf_hash: LeafHash,
        next: Option<&Bytes>,
        position: Position,
    ) -> Result<(), IndexError> {
        let changed = || {
            let expected = "the leaf that what follows commits to";
            leaf_fault(index, 0, expected, "another".to_owned())
        };
        if index + 1 >= position.size {
            return if leaf_hash.0 == position.leaf_hash { Ok(()) } else { Err(changed()) };
        }
        let Some((next_hash, next)) = next.and_then(leaf_of).filter(|(_, leaf)| leaf.index == index + 1) else {
            return Ok(());
        };
        if next.previous == leaf_hash {
            return Ok(());
        }
        // One of the two was changed; if what follows the next one confirms it, it is this one.
        let after_next = self.store.get(index + 2).ok().flatten();
        match self.confirm(index + 1, next_hash, after_next.as_ref(), position) {
            Ok(()) => Err(changed()),
            Err(_) => Ok(()),
        }
    }

    fn checked(&self, index: u64, bytes: &Bytes) -> Result<EntryRead, IndexError> {
        let checked = Entry::check(bytes).map_err(|fault| IndexError::Entry { index, fault })?;
        if checked.leaf.index != index {
            return Err(leaf_fault(index, 5, "its own index", checked.leaf.index.to_string()));
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

fn leaf_fault(index: u64, offset: usize, expected: &'static str, found: String) -> IndexError {
    IndexError::Entry { index, fault: EntryFault::Leaf(Malformed { offset, expected, found }) }
}

/// An entry that the index knows is not there.
fn missing(index: u64) -> IndexError {
    let what = "the entry is missing".to_owned();
    IndexError::Store(StoreError::Damaged { volume: 0, at: Some(index), what })
}

/// The leaf of a stored entry and its hash; `None` where there is none to be read.
fn leaf_of(bytes: &Bytes) -> Option<(LeafHash, Leaf)> {
    let leaf = leaf_bytes(bytes)?;
    Some((LeafHash::of(leaf), Leaf::decode(leaf).ok()?))
}

/// A store, as a verifier reads it.
#[derive(Debug)]
pub struct LogEntries<'a>(pub &'a dyn LogStore);

impl Entries for LogEntries<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let unreadable = |error: StoreError| Unreadable {
            damaged: matches!(error, StoreError::Damaged { .. } | StoreError::MissingVolume { .. }),
            what: error.to_string(),
        };
        self.0.read(from, bytes_max).map_err(unreadable)
    }
}
