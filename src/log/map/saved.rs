//! The map of a log that goes on, of which memory holds no more than a budget: whatever is beyond it is read again where
//! it was saved.
//!
//! Knows nothing of where that is. Its owner keeps one rule: a map is saved only as it was sealed, and rows of a later
//! seal are saved only when that seal's snapshot is the one that is asked. Then the rows of a cold bucket are those under
//! the newest snapshot; an older one can meet newer rows, which it refuses, since their hash is another.

use std::sync::Arc;

use thiserror::Error;

use crate::log::hash::Key;
use crate::log::hash::LeafHash;
use crate::log::hash::MapRoot;
use crate::log::map::KeyHistory;
use crate::log::map::Proved;
use crate::log::map::bucket::Bucket;
use crate::log::map::folded::Folded;
use crate::log::map::folded::bucket_bits_for;
use crate::log::map::folded::bucket_of;
use crate::log::map::growing::Growing;

/// Where the rows of a map are saved.
pub trait SavedRows {
    /// Why rows could not be read.
    type Error;

    /// The histories of all keys from `first` to `last`, ascending, as they were last saved.
    ///
    /// # Errors
    ///
    /// They could not be read.
    fn rows(&self, first: &Key, last: &Key) -> Result<Vec<(Key, KeyHistory)>, Self::Error>;
}

/// Why rows that were saved are of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SavedFault<E> {
    /// They could not be read.
    #[error(transparent)]
    Read(E),
    /// They are not those that were folded: saved again since, or damaged.
    #[error("the saved rows of the map from key {first} on are not those that were folded")]
    Differs {
        /// The first key that could be among them.
        first: Key,
    },
}

/// The map as it grows, with no more of its rows in memory than a budget and what changed since it was last saved.
#[derive(Debug)]
pub struct SavedMap {
    growing: Growing,
    budget_bytes: u64,
    /// In which interval between two saves each bucket was changed last.
    changed_in: Box<[u32]>,
    interval: u32,
    /// The bucket that is looked at first when rows have to go.
    hand: usize,
}

/// What changed between two saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaveInterval(u32);

/// The map as it was when it was sealed. Cheap to clone; whatever becomes of the map, it answers right or not at all.
#[derive(Clone, Debug)]
pub struct SavedSnapshot(Arc<Folded>);

impl SavedMap {
    /// A map without keys, of which nothing is saved, that is to hold about so many.
    pub fn for_keys(keys: u64, budget_bytes: u64) -> Self {
        Self::new(bucket_bits_for(keys), budget_bytes)
    }

    /// The same with 2^`bucket_bits` buckets; at most 2^24.
    pub fn new(bucket_bits: u8, budget_bytes: u64) -> Self {
        let growing = Growing::new(Folded::new(bucket_bits));
        let changed_in = vec![0; growing.folded.buckets()].into();
        Self { growing, budget_bytes, changed_in, interval: 1, hand: 0 }
    }

    /// The same map with all rows as they were saved, which ascend by key; those beyond the budget are looked at and let
    /// go.
    ///
    /// # Errors
    ///
    /// A row could not be read, or they do not ascend.
    pub fn load<E>(
        mut self,
        rows: impl IntoIterator<Item = Result<(Key, KeyHistory), E>>,
    ) -> Result<Self, SavedFault<E>> {
        let bits = self.growing.folded.bucket_bits();
        let (mut of_bucket, mut loaded): (Vec<(Key, KeyHistory)>, _) = (Vec::new(), Vec::new());
        for row in rows {
            let (key, history) = row.map_err(SavedFault::Read)?;
            if let Some((before, _)) = of_bucket.last() {
                if *before >= key {
                    return Err(SavedFault::Differs { first: key });
                }
                if bucket_of(before, bits) != bucket_of(&key, bits) {
                    self.load_bucket(&mut of_bucket, &mut loaded);
                }
            }
            of_bucket.push((key, history));
        }
        self.load_bucket(&mut of_bucket, &mut loaded);
        self.join_loaded(&mut loaded);
        Ok(self)
    }

    fn load_bucket(&mut self, rows: &mut Vec<(Key, KeyHistory)>, loaded: &mut Vec<usize>) {
        let Some((first, _)) = rows.first() else { return };
        let folded = &mut self.growing.folded;
        let bucket = bucket_of(first, folded.bucket_bits());
        folded.put(bucket, &Bucket::default(), rows);
        loaded.push(bucket);
        rows.clear();
        if loaded.len() == LOADED_AT_ONCE {
            self.join_loaded(loaded);
        }
    }

    fn join_loaded(&mut self, loaded: &mut Vec<usize>) {
        let folded = &mut self.growing.folded;
        folded.join(loaded.iter().copied());
        for bucket in loaded.drain(..) {
            if folded.resident_bytes() > kept_of(self.budget_bytes) {
                folded.evict(bucket);
            }
        }
    }

    /// Files an entry under a key: the entry at `index` of the log with this leaf hash. Entries come in the order of the
    /// log.
    pub fn push(&mut self, key: &Key, index: u64, leaf: LeafHash) {
        self.growing.push(key, index, leaf);
    }

    /// Whether so much was filed that it is time to fold it.
    pub const fn wants_fold(&self) -> bool {
        self.growing.is_much_aside()
    }

    /// Everything that is filed under a key, folded or not. Looks at all that was filed since the last fold.
    ///
    /// # Errors
    ///
    /// The rows beside it are not in memory, and cannot be had.
    pub fn history<R: SavedRows + ?Sized>(
        &self,
        key: &Key,
        saved: &R,
    ) -> Result<Option<KeyHistory>, SavedFault<R::Error>> {
        self.growing.history(key, saved)
    }

    /// The root over all that is filed, and the number of keys: what a SEAL says. Costs what changed since the last time.
    ///
    /// # Errors
    ///
    /// Rows beside what changed are not in memory, and cannot be had. Nothing of what was filed is lost: it can be tried
    /// again.
    pub fn fold<R: SavedRows + ?Sized>(&mut self, saved: &R) -> Result<(MapRoot, u64), SavedFault<R::Error>> {
        let put = self.growing.put_in_buckets(saved);
        for bucket in &self.growing.changed {
            self.changed_in[*bucket] = self.interval;
        }
        put?;
        self.growing.fold(saved)
    }

    /// Folds, and keeps the map as it is now for those who ask for proofs.
    ///
    /// # Errors
    ///
    /// As [`SavedMap::fold`].
    pub fn seal<R: SavedRows + ?Sized>(&mut self, saved: &R) -> Result<SavedSnapshot, SavedFault<R::Error>> {
        self.fold(saved)?;
        Ok(SavedSnapshot(Arc::new(self.growing.folded.clone())))
    }

    /// Whether more of its rows are in memory than the budget has room for.
    pub const fn is_over_budget(&self) -> bool {
        self.growing.folded.resident_bytes() > self.budget_bytes
    }

    /// The map as it is folded now is going to be saved: all of it that changed since the last time.
    pub const fn begin_save(&mut self) -> SaveInterval {
        let interval = SaveInterval(self.interval);
        self.interval += 1;
        interval
    }

    /// It is saved. Where there is no room for more rows, those go that did not change since, and first those that did not
    /// change for longer, until some of the budget is free again.
    pub fn saved(&mut self, SaveInterval(saved): SaveInterval) {
        if !self.is_over_budget() {
            return;
        }
        let (kept, buckets) = (kept_of(self.budget_bytes), self.changed_in.len());
        for newest in [saved.saturating_sub(1), saved] {
            for _ in 0..buckets {
                if self.growing.folded.resident_bytes() <= kept {
                    return;
                }
                if self.changed_in[self.hand] <= newest {
                    self.growing.folded.evict(self.hand);
                }
                self.hand = (self.hand + 1) % buckets;
            }
        }
    }
}

impl SavedSnapshot {
    /// The root, as the SEAL has it.
    pub fn root(&self) -> MapRoot {
        self.0.root()
    }

    /// The number of keys, as the SEAL has it.
    pub fn keys(&self) -> u64 {
        self.0.keys()
    }

    /// Bytes of the rows that it holds in memory.
    pub fn resident_bytes(&self) -> u64 {
        self.0.resident_bytes()
    }

    /// Proves how many entries were filed under a key, or that there were none.
    ///
    /// # Errors
    ///
    /// The rows around the key are not in memory, and cannot be had: a snapshot that is not the newest can have been left
    /// behind.
    pub fn prove<R: SavedRows + ?Sized>(&self, key: &Key, saved: &R) -> Result<Proved, SavedFault<R::Error>> {
        self.0.prove(key, saved)
    }
}

/// What is kept of a budget when rows have to go: a quarter is for those that come next, so that they do not go at every
/// save.
const fn kept_of(budget_bytes: u64) -> u64 {
    budget_bytes - budget_bytes / 4
}

/// Buckets that are loaded before those beyond the budget go: some 10 MB.
const LOADED_AT_ONCE: usize = 4096;
