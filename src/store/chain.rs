//! The chain of a volume: every entry whole, in its place, and naming the one before it.

use crate::log::Checked;
use crate::log::Entry;
use crate::log::LeafHash;
use crate::store::EntryBytes;
use crate::store::GuardState;
use crate::store::StoreError;
use crate::store::volume::Volume;

/// About so many bytes are read at a time.
pub(super) const READ_BYTES: usize = 1 << 20;

/// Recomputes every commitment of an entry of `volume`.
pub(super) fn check_entry(volume: u64, index: u64, bytes: &EntryBytes) -> Result<Checked, StoreError> {
    let damaged = |what: String| StoreError::Damaged { volume, at: Some(index), what };
    let checked = Entry::check(bytes).map_err(|fault| damaged(fault.to_string()))?;
    if checked.leaf.index == index {
        Ok(checked)
    } else {
        Err(damaged(format!("the leaf says that it is entry {}", checked.leaf.index)))
    }
}

/// The chain as far as it was followed.
#[derive(Debug)]
pub(super) struct Chain {
    volume: u64,
    last: Option<LeafHash>,
}

impl Chain {
    /// Begins before the first entry of `volume`, whose predecessor is not looked at.
    pub(super) const fn new(volume: u64) -> Self {
        Self { volume, last: None }
    }

    /// Follows the chain over the next entry.
    pub(super) fn follow(&mut self, index: u64, bytes: &EntryBytes) -> Result<LeafHash, StoreError> {
        let checked = check_entry(self.volume, index, bytes)?;
        let expected = if index == 0 { Some(LeafHash::NONE) } else { self.last };
        if let Some(expected) = expected.filter(|expected| *expected != checked.leaf.previous) {
            let what =
                format!("it follows leaf hash {}, the entry before has leaf hash {expected}", checked.leaf.previous);
            return Err(StoreError::Damaged { volume: self.volume, at: Some(index), what });
        }
        self.last = Some(checked.leaf_hash);
        Ok(checked.leaf_hash)
    }
}

/// Verifies the chain of a volume whose entries end before `end`, and that it is the one that the guard knows.
pub(super) fn verify(volume: &Volume, end: u64, guard: &GuardState) -> Result<(), StoreError> {
    let mut chain = Chain::new(volume.first());
    let mut next = volume.first();
    while next < end {
        for (index, bytes) in volume.read(next, end, READ_BYTES)? {
            let found = chain.follow(index, &bytes)?;
            next = index + 1;
            if next == guard.size && found != guard.leaf {
                return Err(StoreError::ForkedFromGuard { at: index, expected: guard.leaf, found });
            }
        }
    }
    Ok(())
}
