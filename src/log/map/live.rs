//! The map of a log that goes on: small enough to be held in memory, and folded again only where it changed.
//!
//! Keys are uniform, so their first bits deal them evenly into buckets. Above the buckets stand two layers of joins:
//! chunks of up to 64 buckets, and the top over the chunks. Chunks are shared with snapshots and copied when they change.

mod joins;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::log::hash::Key;
use crate::log::hash::LeafHash;
use crate::log::hash::MapRoot;
use crate::log::map::KeyHistory;
use crate::log::map::MapPath;
use crate::log::map::MapProof;
use crate::log::map::Neighbour;
use crate::log::map::bucket::Bucket;
use crate::log::map::fold::descend;
use crate::log::map::fold::subtree;
use crate::log::map::live::joins::Joins;

/// The map as it grows. What was filed since the last fold stands aside, so that a key that is filed under often is
/// hashed once.
#[derive(Debug)]
pub struct LiveMap {
    folded: Folded,
    aside: BTreeMap<Key, KeyHistory>,
    changed: BTreeSet<usize>,
}

/// The map as it was when it was folded. Cheap to clone; answers at any time, whatever becomes of the map.
#[derive(Clone, Debug)]
pub struct MapSnapshot(Arc<Folded>);

#[derive(Clone, Debug)]
struct Folded {
    chunks: Vec<Arc<Chunk>>,
    top: Joins,
    keys: u64,
}

#[derive(Clone, Debug)]
struct Chunk {
    buckets: Box<[Bucket]>,
    joins: Joins,
}

impl LiveMap {
    /// A map without keys that is to hold about so many: a bucket for each eight, at least 2^18 (about 20 MiB), so that
    /// a log which begins with nothing has enough of them for two million. It may hold more; folding is slower then.
    pub fn for_keys(keys: u64) -> Self {
        let bits = (keys / 8).max(1).next_power_of_two().trailing_zeros();
        Self::new(u8::try_from(bits).expect("at most 64").max(BUCKET_BITS_MIN))
    }

    /// A map without keys, with 2^`bucket_bits` buckets; at most 2^24. The root does not depend on how many there are.
    pub fn new(bucket_bits: u8) -> Self {
        let bucket_bits = bucket_bits.min(BUCKET_BITS_MAX);
        let chunk_bits = bucket_bits.min(CHUNK_BITS_MAX);
        let top_bits = bucket_bits - chunk_bits;
        let chunk =
            Chunk { buckets: vec![Bucket::default(); 1 << chunk_bits].into(), joins: Joins::new(top_bits, chunk_bits) };
        // All of them the same one, until they change.
        let empty = Arc::new(chunk);
        let chunks = vec![empty; 1 << top_bits];
        let folded = Folded { chunks, top: Joins::new(0, top_bits), keys: 0 };
        Self { folded, aside: BTreeMap::new(), changed: BTreeSet::new() }
    }

    /// Files an entry under a key: the entry at `index` of the log with this leaf hash. Entries come in the order of the
    /// log.
    pub fn push(&mut self, key: &Key, index: u64, leaf: LeafHash) {
        let folded = &self.folded;
        let history = self.aside.entry(*key).or_insert_with(|| folded.history(key).unwrap_or_default());
        history.push(index, leaf);
        self.bound_aside();
    }

    /// Sets the histories of keys, as they were kept somewhere else; a key without entries is no key of the map. Fastest
    /// in the order of the keys, which makes each bucket once.
    pub fn update(&mut self, histories: impl IntoIterator<Item = (Key, KeyHistory)>) {
        for (key, history) in histories.into_iter().filter(|(_, history)| history.count() > 0) {
            self.aside.insert(key, history);
            self.bound_aside();
        }
    }

    /// Everything that is filed under a key, folded or not.
    pub fn history(&self, key: &Key) -> Option<KeyHistory> {
        self.aside.get(key).cloned().or_else(|| self.folded.history(key))
    }

    /// Everything that is filed, ascending by key: what [`LiveMap::update`] takes.
    pub fn histories(&mut self) -> impl Iterator<Item = (Key, KeyHistory)> {
        self.put_in_buckets();
        let buckets = self.folded.chunks.iter().flat_map(|chunk| &chunk.buckets);
        buckets.flat_map(Bucket::rows).map(|row| (row.key(), row.history()))
    }

    /// The root over all that is filed, and the number of keys: what a SEAL says. Costs what changed since the last time.
    pub fn fold(&mut self) -> (MapRoot, u64) {
        self.put_in_buckets();
        self.folded.fold(std::mem::take(&mut self.changed));
        (self.folded.root(), self.folded.keys)
    }

    /// Folds, and keeps the map as it is now for those who ask for proofs.
    pub fn seal(&mut self) -> MapSnapshot {
        self.fold();
        MapSnapshot(Arc::new(self.folded.clone()))
    }

    /// What stands aside is wider than what is packed.
    fn bound_aside(&mut self) {
        if self.aside.len() >= ASIDE_MAX {
            self.put_in_buckets();
        }
    }

    fn put_in_buckets(&mut self) {
        let aside: Vec<(Key, KeyHistory)> = std::mem::take(&mut self.aside).into_iter().collect();
        let bits = self.folded.bucket_bits();
        for same in aside.chunk_by(|(one, _), (other, _)| bucket_of(one, bits) == bucket_of(other, bits)) {
            let bucket = bucket_of(&same[0].0, bits);
            self.folded.put(bucket, same);
            self.changed.insert(bucket);
        }
    }
}

impl MapSnapshot {
    /// The root, as the SEAL has it.
    pub fn root(&self) -> MapRoot {
        self.0.root()
    }

    /// The number of keys, as the SEAL has it.
    pub fn keys(&self) -> u64 {
        self.0.keys
    }

    /// What was filed under a key.
    pub fn history(&self, key: &Key) -> Option<KeyHistory> {
        self.0.history(key)
    }

    /// Proves how many entries were filed under a key, or that there were none.
    pub fn prove(&self, key: &Key) -> MapProof {
        self.0.prove(key)
    }
}

impl Folded {
    fn root(&self) -> MapRoot {
        self.top.root().map_or(MapRoot::EMPTY, |hash| MapRoot(hash.0))
    }

    fn bucket_bits(&self) -> u8 {
        self.top.bits() + self.chunks[0].joins.bits()
    }

    fn history(&self, key: &Key) -> Option<KeyHistory> {
        let (chunk, place) = self.place(bucket_of(key, self.bucket_bits()));
        Some(self.chunks[chunk].buckets[place].row(key)?.history())
    }

    /// Chunk of a bucket, and the place in it.
    fn place(&self, bucket: usize) -> (usize, usize) {
        let bits = self.chunks[0].joins.bits();
        (bucket >> bits, bucket & ((1 << bits) - 1))
    }

    /// Changes the rows of a bucket; what stands above it is folded later.
    fn put(&mut self, bucket: usize, histories: &[(Key, KeyHistory)]) {
        let (chunk, place) = self.place(bucket);
        let bucket = &mut Arc::make_mut(&mut self.chunks[chunk]).buckets[place];
        let (changed, added) = bucket.with(histories.iter().map(|(key, history)| (key, history)));
        *bucket = changed;
        self.keys += added;
    }

    fn fold(&mut self, changed: BTreeSet<usize>) {
        let changed: Vec<(usize, usize)> = changed.into_iter().map(|bucket| self.place(bucket)).collect();
        let mut chunks = Vec::new();
        for same in changed.chunk_by(|(one, _), (other, _)| one == other) {
            let number = same[0].0;
            let chunk = Arc::make_mut(&mut self.chunks[number]);
            let hashes = same.iter().map(|(_, place)| (*place, subtree(&chunk.buckets[*place].items())));
            chunk.joins.set(hashes);
            chunks.push((number, chunk.joins.root()));
        }
        self.top.set(chunks);
    }

    fn prove(&self, key: &Key) -> MapProof {
        let mut steps = Vec::new();
        let Some(number) = self.top.descend(key, &mut steps) else {
            return MapProof::Empty;
        };
        let chunk = &self.chunks[number];
        let place = chunk.joins.descend(key, &mut steps).expect("the top has what its chunks have");
        let bucket = &chunk.buckets[place];
        let found = descend(&bucket.items(), key, &mut steps).expect("a chunk has what its buckets have");
        let row = bucket.rows().nth(found).expect("as many rows as items");
        let (history, path) = (row.history(), MapPath::from_descent(steps));
        if row.key() == *key {
            MapProof::Present { count: history.count(), path }
        } else {
            MapProof::Absent { neighbour: Neighbour { key: row.key(), value: history.value() }, path }
        }
    }
}

/// The bucket of a key: its first bits.
fn bucket_of(key: &Key, bits: u8) -> usize {
    let first = u32::from_be_bytes([key.0[0], key.0[1], key.0[2], key.0[3]]);
    first.checked_shr(32 - u32::from(bits)).unwrap_or(0) as usize
}

const BUCKET_BITS_MIN: u8 = 18;
const BUCKET_BITS_MAX: u8 = 24;

/// Chunks of 64 buckets: what is copied for one key that changes is 5 kB, and a snapshot of 2^18 buckets is 4096 pointers.
const CHUNK_BITS_MAX: u8 = 6;

/// How many histories stand aside at most: some 15 MB.
const ASIDE_MAX: usize = 1 << 16;
