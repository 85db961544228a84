//! What was erased goes from the disk: the volumes in which it lies are written again without it.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::index::Index;
use crate::index::IndexError;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::service::Reader;
use crate::store::LogStore;
use crate::store::SledStore;
use crate::store::StoreError;

/// What was written again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Entries that hold nothing any more that was erased.
    pub entries: usize,
    /// Volumes.
    pub volumes: usize,
}

/// Entries of which something that was erased still lies in the store, with when the first of their ERASUREs was recorded,
/// Unix time in milliseconds.
///
/// # Errors
///
/// The log or its index cannot be read.
pub fn outstanding(reader: &Reader) -> Result<(BTreeSet<u64>, Option<u64>), IndexError> {
    let (mut targets, mut since) = (BTreeSet::new(), None);
    for index in reader.index().all_erasures()? {
        let Some(leaf) = reader.entry(index)?.map(|entry| entry.checked.leaf) else { continue };
        let Body::Erasure(_, target) = leaf.body else { continue };
        let stored = stored(reader.store(), target.index)?;
        if stored.is_some_and(|stored| stripped(reader.index(), &stored).is_ok_and(|stripped| stripped.is_some())) {
            targets.insert(target.index);
            since = since.or(Some(leaf.recorded_at_ms));
        }
    }
    Ok((targets, since))
}

/// Writes the volumes again in which something lies that was erased, and the index, where numbers lead to persons whose
/// identity was. Reads and appends go on meanwhile.
///
/// # Errors
///
/// The log, its index or the store failed; what was not written again is as before.
pub fn rewrite(reader: &Reader, store: &SledStore) -> Result<Rewritten, IndexError> {
    let (targets, _) = outstanding(reader)?;
    if targets.is_empty() {
        return Ok(Rewritten::default());
    }
    let index = reader.index();
    let strip = |at: u64, bytes: &Bytes| {
        if !targets.contains(&at) {
            return Ok(None);
        }
        let damaged = |what: String| StoreError::Damaged { volume: 0, at: Some(at), what };
        let entry = Entry::check(bytes).map_err(|fault| damaged(fault.to_string()))?;
        stripped(index, &entry).map_err(|error| damaged(error.to_string()))
    };
    let volumes = store.rewrite_volumes(&targets, &strip)?;
    // Lookup tokens come from what was sealed: folded again, those that cannot be opened are not there.
    index.rebuild(reader.store(), reader.vault(), |_, _| ())?;
    index.promote(reader.store(), reader.vault(), false, |_, _| ())?;
    Ok(Rewritten { entries: targets.len(), volumes })
}

/// An entry as it is to be stored; none where nothing of it was erased that is still there.
fn stripped(index: &Index, entry: &Checked) -> Result<Option<Bytes>, IndexError> {
    let named = index.erasures(entry.leaf.index)?.iter().fold(0, |all, (_, parts)| all | parts);
    let mut left = entry.entry.clone();
    if named & OPEN_PAYLOAD_BIT != 0 {
        left.open = None;
    }
    for (part, kept) in left.parts.iter_mut().enumerate() {
        if named & 1 << part != 0 {
            *kept = None;
        }
    }
    Ok((left != entry.entry).then(|| left.encode().into()))
}

fn stored(store: &dyn LogStore, index: u64) -> Result<Option<Checked>, IndexError> {
    let Some(bytes) = store.get(index)? else { return Ok(None) };
    Entry::check(&bytes).map(Some).map_err(|fault| IndexError::Entry { index, fault })
}
