//! The map of a log that goes on: held in memory, and folded again only where it changed.

use std::convert::Infallible;
use std::sync::Arc;

use crate::log::hash::Key;
use crate::log::hash::LeafHash;
use crate::log::hash::MapRoot;
use crate::log::map::KeyHistory;
use crate::log::map::MapProof;
use crate::log::map::SavedFault;
use crate::log::map::SavedRows;
use crate::log::map::folded::Folded;
use crate::log::map::folded::bucket_bits_for;
use crate::log::map::folded::bucket_of;
use crate::log::map::growing::ASIDE_MAX;
use crate::log::map::growing::Growing;

/// The map as it grows, all of it in memory: about 190 B a key.
#[derive(Debug)]
pub struct LiveMap(Growing);

/// The map as it was when it was folded. Cheap to clone; answers at any time, whatever becomes of the map.
#[derive(Clone, Debug)]
pub struct MapSnapshot(Arc<Folded>);

impl LiveMap {
    /// A map without keys that is to hold about so many: a bucket for each 16, 2^18 of them (about 20 MB) to 2^20. It may
    /// hold more; folding is slower then.
    pub fn for_keys(keys: u64) -> Self {
        Self::new(bucket_bits_for(keys))
    }

    /// A map without keys, with 2^`bucket_bits` buckets; at most 2^24. The root does not depend on how many there are.
    pub fn new(bucket_bits: u8) -> Self {
        Self(Growing::new(Folded::new(bucket_bits)))
    }

    /// Files an entry under a key: the entry at `index` of the log with this leaf hash. Entries come in the order of the
    /// log.
    pub fn push(&mut self, key: &Key, index: u64, leaf: LeafHash) {
        self.0.push(key, index, leaf);
        if self.0.is_much_aside() {
            resident(self.0.put_in_buckets(&NothingSaved));
        }
    }

    /// Sets the histories of keys, as they were kept somewhere else; a key without entries is no key of the map. Fastest
    /// in the order of the keys, which makes each bucket once.
    pub fn update(&mut self, histories: impl IntoIterator<Item = (Key, KeyHistory)>) {
        resident(self.0.put_in_buckets(&NothingSaved));
        let mut histories = histories.into_iter().filter(|(_, history)| history.count() > 0);
        loop {
            let mut some: Vec<_> = histories.by_ref().take(ASIDE_MAX).collect();
            if some.is_empty() {
                return;
            }
            // Of one key, the last counts.
            some.reverse();
            some.sort_by_key(|(key, _)| *key);
            some.dedup_by_key(|(key, _)| *key);
            let Growing { folded, changed, .. } = &mut self.0;
            let bits = folded.bucket_bits();
            for same in some.chunk_by(|(one, _), (other, _)| bucket_of(one, bits) == bucket_of(other, bits)) {
                let bucket = bucket_of(&same[0].0, bits);
                let base = resident(folded.bucket(bucket, &NothingSaved));
                folded.put(bucket, &base, same);
                changed.insert(bucket);
            }
        }
    }

    /// Everything that is filed under a key, folded or not. Looks at all that was filed since the last fold.
    pub fn history(&self, key: &Key) -> Option<KeyHistory> {
        resident(self.0.history(key, &NothingSaved))
    }

    /// Everything that is filed, ascending by key: what [`LiveMap::update`] takes.
    pub fn histories(&mut self) -> impl Iterator<Item = (Key, KeyHistory)> {
        resident(self.0.put_in_buckets(&NothingSaved));
        self.0.folded.resident_histories()
    }

    /// The root over all that is filed, and the number of keys: what a SEAL says. Costs what changed since the last time.
    pub fn fold(&mut self) -> (MapRoot, u64) {
        resident(self.0.fold(&NothingSaved))
    }

    /// Folds, and keeps the map as it is now for those who ask for proofs.
    pub fn seal(&mut self) -> MapSnapshot {
        self.fold();
        MapSnapshot(Arc::new(self.0.folded.clone()))
    }
}

impl MapSnapshot {
    /// The root, as the SEAL has it.
    pub fn root(&self) -> MapRoot {
        self.0.root()
    }

    /// The number of keys, as the SEAL has it.
    pub fn keys(&self) -> u64 {
        self.0.keys()
    }

    /// What was filed under a key.
    pub fn history(&self, key: &Key) -> Option<KeyHistory> {
        resident(self.0.history(key, &NothingSaved))
    }

    /// Proves how many entries were filed under a key, or that there were none.
    pub fn prove(&self, key: &Key) -> MapProof {
        resident(self.0.prove(key, &NothingSaved)).proof
    }
}

/// Where nothing is saved, nothing is cold, and nobody reads here.
struct NothingSaved;

impl SavedRows for NothingSaved {
    type Error = Infallible;

    fn rows(&self, _: &Key, _: &Key) -> Result<Vec<(Key, KeyHistory)>, Infallible> {
        Ok(Vec::new())
    }
}

fn resident<T>(read: Result<T, SavedFault<Infallible>>) -> T {
    read.expect("only a map that is saved lets rows go")
}
