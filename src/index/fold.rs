//! Folding the log into the index: the same at start, after a crash and in a rebuild.

use std::ops::ControlFlow;

use crate::index::Index;
use crate::index::IndexError;
use crate::ledger::Change;
use crate::ledger::HistoryKey;
use crate::ledger::Layered;
use crate::ledger::ObjectRow;
use crate::ledger::Overlay;
use crate::ledger::Rows;
use crate::ledger::replay;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::Key;
use crate::store::LogStore;
use crate::store::runs::Position;

/// Bytes of entries folded at once.
const CHUNK_BYTES: usize = 4 << 20;

/// Gives the lookup tokens of what an entry registers, as far as its identity can be opened.
pub trait Identities: Sync {
    /// Empty for an entry that registers nobody, or whose identity was erased.
    fn tokens(&self, entry: &Checked) -> Vec<[u8; 16]>;
}

/// Folds what the log has and the index has not. `progress` is told the number of entries folded, and can stop it.
///
/// # Errors
///
/// The log cannot be read, an entry cannot be folded, or the index cannot be written. The index is true up to its
/// position.
pub fn fold_log(
    index: &Index,
    store: &dyn LogStore,
    identities: &dyn Identities,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<(), IndexError> {
    while index.position().size < store.size() {
        let from = index.position().size;
        let folded = fold_chunk(index, store, identities, from, store.size());
        // What stands before an entry that cannot be folded is folded.
        if let Err(error) = &folded
            && let Some(at) = error.unfoldable().filter(|at| *at > from)
        {
            let (changes, position) = fold_chunk(index, store, identities, from, at)?;
            index.apply(changes, position);
        }
        let (changes, position) = folded?;
        index.apply(changes, position);
        if index.wants_flush() {
            index.flush()?;
            while index.merge(|| true)? {}
        }
        if progress(position.size).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// What a chunk of the log changes, above the rows given. Ends at `end` at the latest.
pub(super) fn fold_chunk<R: Rows<Error = IndexError>>(
    rows: &R,
    store: &dyn LogStore,
    identities: &dyn Identities,
    from: u64,
    end: u64,
) -> Result<(Vec<Change>, Position), IndexError> {
    let mut overlay = Overlay::default();
    let mut changes = Vec::new();
    let mut position = Position { size: from, leaf_hash: [0; 32] };
    for (index, bytes) in store.read(from, CHUNK_BYTES)? {
        if index >= end {
            break;
        }
        let entry = Entry::check(&bytes).map_err(|fault| IndexError::Entry { index, fault })?;
        let above = Layered { overlay: &overlay, below: rows };
        let change =
            replay(&entry, &above, identities.tokens(&entry)).map_err(|error| IndexError::Replay(Box::new(error)))?;
        if let Some(change) = change {
            overlay.apply(&change);
            changes.push(change);
        }
        position = Position { size: index + 1, leaf_hash: entry.leaf_hash.0 };
    }
    Ok((changes, position))
}

impl Rows for Index {
    type Error = IndexError;

    fn object(&self, key: &Key) -> Result<Option<ObjectRow>, IndexError> {
        Self::object(self, key)
    }

    fn request(&self, token: &[u8; 16]) -> Result<Option<u64>, IndexError> {
        Self::request(self, token)
    }

    fn identity(&self, token: &[u8; 16]) -> Result<Option<u128>, IndexError> {
        Ok(Self::identity(self, token, u64::MAX)?.map(|(id, _)| id))
    }

    fn history(&self, key: &Key, after: Option<u64>) -> Result<Vec<(u64, &'static str)>, IndexError> {
        let places = Self::history(self, &HistoryKey::Leaf(*key), after, u64::MAX, usize::MAX)?;
        let name = |event_type: Option<crate::events::EventType>| event_type.map_or("", |event_type| event_type.name());
        Ok(places.into_iter().map(|placed| (placed.index, name(placed.event_type))).collect())
    }
}
