//! What was filed since the last fold stands aside, and is put in buckets in the order of the keys: a bucket that is cold
//! is read once for all that comes into it.

use std::collections::BTreeSet;

use crate::log::hash::Key;
use crate::log::hash::LeafHash;
use crate::log::hash::MapRoot;
use crate::log::map::KeyHistory;
use crate::log::map::SavedFault;
use crate::log::map::SavedRows;
use crate::log::map::folded::Folded;
use crate::log::map::folded::bucket_of;

/// A map as it was folded, and what is not folded yet.
#[derive(Debug)]
pub(super) struct Growing {
    pub(super) folded: Folded,
    aside: Vec<Filed>,
    /// Buckets that changed and are not hashed.
    pub(super) changed: BTreeSet<usize>,
}

/// An entry under a key.
#[derive(Clone, Copy, Debug)]
struct Filed {
    key: Key,
    index: u64,
    leaf: LeafHash,
}

impl Growing {
    pub(super) const fn new(folded: Folded) -> Self {
        Self { folded, aside: Vec::new(), changed: BTreeSet::new() }
    }

    pub(super) fn push(&mut self, key: &Key, index: u64, leaf: LeafHash) {
        self.aside.push(Filed { key: *key, index, leaf });
    }

    /// Whether so much stands aside that it should be put in buckets.
    pub(super) const fn is_much_aside(&self) -> bool {
        self.aside.len() >= ASIDE_MAX
    }

    /// Everything that is filed under a key, folded or not. Looks at all that stands aside.
    pub(super) fn history<R: SavedRows + ?Sized>(
        &self,
        key: &Key,
        saved: &R,
    ) -> Result<Option<KeyHistory>, SavedFault<R::Error>> {
        let mut history = self.folded.history(key, saved)?;
        for filed in self.aside.iter().filter(|filed| filed.key == *key) {
            history.get_or_insert_default().push(filed.index, filed.leaf);
        }
        Ok(history)
    }

    /// Puts in buckets what stands aside. After an error, what was not put in still stands aside, and can be tried again.
    pub(super) fn put_in_buckets<R: SavedRows + ?Sized>(&mut self, saved: &R) -> Result<(), SavedFault<R::Error>> {
        let mut aside = std::mem::take(&mut self.aside);
        // Stable: those of one key stay in the order of the log.
        aside.sort_by_key(|filed| filed.key);
        let (mut done, mut outcome) = (0, Ok(()));
        let bits = self.folded.bucket_bits();
        for same in aside.chunk_by(|one, other| bucket_of(&one.key, bits) == bucket_of(&other.key, bits)) {
            let bucket = bucket_of(&same[0].key, bits);
            let base = match self.folded.bucket(bucket, saved) {
                Ok(base) => base,
                Err(fault) => {
                    outcome = Err(fault);
                    break;
                }
            };
            let of_key = |filed: &[Filed]| {
                let mut history = base.row(&filed[0].key).map_or_else(KeyHistory::new, |row| row.history());
                for filed in filed {
                    history.push(filed.index, filed.leaf);
                }
                (filed[0].key, history)
            };
            let histories: Vec<_> = same.chunk_by(|one, other| one.key == other.key).map(of_key).collect();
            self.folded.put(bucket, &base, &histories);
            self.changed.insert(bucket);
            done += same.len();
        }
        aside.drain(..done);
        aside.shrink_to(ASIDE_MAX);
        self.aside = aside;
        outcome
    }

    /// The root over all that is filed, and the number of keys.
    pub(super) fn fold<R: SavedRows + ?Sized>(&mut self, saved: &R) -> Result<(MapRoot, u64), SavedFault<R::Error>> {
        self.put_in_buckets(saved)?;
        self.folded.join(std::mem::take(&mut self.changed));
        Ok((self.folded.root(), self.folded.keys()))
    }
}

/// How much stands aside at most, about: 5 MB.
pub(super) const ASIDE_MAX: usize = 1 << 16;
