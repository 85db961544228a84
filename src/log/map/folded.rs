//! The map in buckets, each of which is in memory or cold: then its rows are where they were saved, and what is kept of
//! it is the hash over it.
//!
//! Keys are uniform, so their first bits deal them evenly into buckets. Above the buckets stand two layers of joins:
//! chunks of up to 64 buckets, and the top over the chunks. Chunks are shared with snapshots and copied when they change.

use std::sync::Arc;

use crate::log::hash::Key;
use crate::log::hash::MapRoot;
use crate::log::map::KeyHistory;
use crate::log::map::MapPath;
use crate::log::map::MapProof;
use crate::log::map::Neighbour;
use crate::log::map::Proved;
use crate::log::map::SavedFault;
use crate::log::map::SavedRows;
use crate::log::map::bucket::Bucket;
use crate::log::map::fold::descend;
use crate::log::map::fold::subtree;
use crate::log::map::joins::Joins;

/// Buckets and what stands above them, as of a fold.
#[derive(Clone, Debug)]
pub(super) struct Folded {
    chunks: Vec<Arc<Chunk>>,
    top: Joins,
    keys: u64,
    resident_bytes: u64,
}

#[derive(Clone, Debug)]
struct Chunk {
    slots: Box<[Slot]>,
    joins: Joins,
}

/// The rows of one bucket. A cold one has keys: an empty bucket takes no memory of its own.
#[derive(Clone, Debug)]
enum Slot {
    Resident(Bucket),
    Cold,
}

impl Folded {
    /// Without keys, with 2^`bucket_bits` buckets.
    pub(super) fn new(bucket_bits: u8) -> Self {
        let bucket_bits = bucket_bits.min(BUCKET_BITS_MAX);
        let chunk_bits = bucket_bits.min(CHUNK_BITS_MAX);
        let top_bits = bucket_bits - chunk_bits;
        let slots = vec![Slot::Resident(Bucket::default()); 1 << chunk_bits].into();
        // All of them the same one, until they change.
        let empty = Arc::new(Chunk { slots, joins: Joins::new(top_bits, chunk_bits) });
        let chunks = vec![empty; 1 << top_bits];
        Self { chunks, top: Joins::new(0, top_bits), keys: 0, resident_bytes: 0 }
    }

    pub(super) fn root(&self) -> MapRoot {
        self.top.root().map_or(MapRoot::EMPTY, |hash| MapRoot(hash.0))
    }

    pub(super) const fn keys(&self) -> u64 {
        self.keys
    }

    /// Bytes of the rows in memory.
    pub(super) const fn resident_bytes(&self) -> u64 {
        self.resident_bytes
    }

    /// Every history whose rows are in memory, ascending by key.
    pub(super) fn resident_histories(&self) -> impl Iterator<Item = (Key, KeyHistory)> {
        let resident = self.chunks.iter().flat_map(|chunk| &chunk.slots).filter_map(|slot| match slot {
            Slot::Resident(bucket) => Some(bucket),
            Slot::Cold => None,
        });
        resident.flat_map(Bucket::rows).map(|row| (row.key(), row.history()))
    }

    pub(super) fn buckets(&self) -> usize {
        1 << self.bucket_bits()
    }

    pub(super) fn bucket_bits(&self) -> u8 {
        self.top.bits() + self.chunks[0].joins.bits()
    }

    /// Chunk of a bucket, and the place in it.
    fn place(&self, bucket: usize) -> (usize, usize) {
        let bits = self.chunks[0].joins.bits();
        (bucket >> bits, bucket & ((1 << bits) - 1))
    }

    /// The rows of a bucket as they were folded. Those of a cold one are hashed again: nothing else is ever folded or
    /// proved.
    pub(super) fn bucket<R: SavedRows + ?Sized>(
        &self,
        bucket: usize,
        saved: &R,
    ) -> Result<Bucket, SavedFault<R::Error>> {
        let (chunk, place) = self.place(bucket);
        let chunk = &self.chunks[chunk];
        if let Slot::Resident(bucket) = &chunk.slots[place] {
            return Ok(bucket.clone());
        }
        let (first, last) = range_of(bucket, self.bucket_bits());
        let rows = saved.rows(&first, &last).map_err(SavedFault::Read)?;
        let in_range = rows.iter().all(|(key, _)| (first..=last).contains(key));
        // Only rows that ascend can be hashed.
        if !in_range || !rows.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(SavedFault::Differs { first });
        }
        let found = Bucket::of(&rows);
        if subtree(&found.items()) == chunk.joins.subtree(place) {
            Ok(found)
        } else {
            Err(SavedFault::Differs { first })
        }
    }

    /// Changes rows of a bucket; `base` is what it holds. What stands above it is joined later.
    pub(super) fn put(&mut self, bucket: usize, base: &Bucket, histories: &[(Key, KeyHistory)]) {
        let (changed, added) = base.with(histories);
        self.keys += added;
        self.set(bucket, Slot::Resident(changed));
    }

    /// Lets the rows of a bucket go, which are saved as they are; whether there were any in memory.
    pub(super) fn evict(&mut self, bucket: usize) -> bool {
        let (chunk, place) = self.place(bucket);
        let evicted = match &self.chunks[chunk].slots[place] {
            Slot::Resident(bucket) => !bucket.is_empty(),
            Slot::Cold => false,
        };
        if evicted {
            self.set(bucket, Slot::Cold);
        }
        evicted
    }

    fn set(&mut self, bucket: usize, slot: Slot) {
        let (chunk, place) = self.place(bucket);
        let before = &mut Arc::make_mut(&mut self.chunks[chunk]).slots[place];
        self.resident_bytes = self.resident_bytes - before.resident_bytes() + slot.resident_bytes();
        *before = slot;
    }

    /// Hashes buckets that changed, which ascend and are in memory, and joins what stands above them.
    pub(super) fn join(&mut self, changed: impl IntoIterator<Item = usize>) {
        let changed: Vec<(usize, usize)> = changed.into_iter().map(|bucket| self.place(bucket)).collect();
        let mut chunks = Vec::new();
        for same in changed.chunk_by(|(one, _), (other, _)| one == other) {
            let number = same[0].0;
            let Chunk { slots, joins } = Arc::make_mut(&mut self.chunks[number]);
            let hashed = same.iter().filter_map(|(_, place)| match &slots[*place] {
                Slot::Resident(bucket) => Some((*place, subtree(&bucket.items()))),
                Slot::Cold => None,
            });
            joins.set(hashed);
            chunks.push((number, joins.root()));
        }
        self.top.set(chunks);
    }

    pub(super) fn history<R: SavedRows + ?Sized>(
        &self,
        key: &Key,
        saved: &R,
    ) -> Result<Option<KeyHistory>, SavedFault<R::Error>> {
        let bucket = self.bucket(bucket_of(key, self.bucket_bits()), saved)?;
        Ok(bucket.row(key).map(|row| row.history()))
    }

    pub(super) fn prove<R: SavedRows + ?Sized>(&self, key: &Key, saved: &R) -> Result<Proved, SavedFault<R::Error>> {
        let mut steps = Vec::new();
        let Some(number) = self.top.descend(key, &mut steps) else {
            return Ok(Proved { proof: MapProof::Empty, history: KeyHistory::new() });
        };
        let joins = &self.chunks[number].joins;
        let place = joins.descend(key, &mut steps).expect("the top has what its chunks have");
        let bucket = self.bucket((number << joins.bits()) + place, saved)?;
        let found = descend(&bucket.items(), key, &mut steps).expect("a chunk has what its buckets have");
        let row = bucket.rows().nth(found).expect("as many rows as items");
        let (history, path) = (row.history(), MapPath::from_descent(steps));
        Ok(if row.key() == *key {
            Proved { proof: MapProof::Present { count: history.count(), path }, history }
        } else {
            let neighbour = Neighbour { key: row.key(), value: history.value() };
            Proved { proof: MapProof::Absent { neighbour, path }, history: KeyHistory::new() }
        })
    }
}

impl Slot {
    fn resident_bytes(&self) -> u64 {
        match self {
            Self::Resident(bucket) => bucket.len_bytes(),
            Self::Cold => 0,
        }
    }
}

/// The bucket of a key: its first bits.
pub(super) fn bucket_of(key: &Key, bits: u8) -> usize {
    let first = u32::from_be_bytes([key.0[0], key.0[1], key.0[2], key.0[3]]);
    first.checked_shr(32 - u32::from(bits)).unwrap_or(0) as usize
}

/// The first and the last key that a bucket could have.
fn range_of(bucket: usize, bits: u8) -> (Key, Key) {
    let number = u32::try_from(bucket).expect("at most 2^24 buckets");
    let [mut first, mut last] = [Key([0; 32]), Key([0xff; 32])];
    let begin = number.checked_shl(32 - u32::from(bits)).unwrap_or(0);
    let end = begin | u32::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
    first.0[..4].copy_from_slice(&begin.to_be_bytes());
    last.0[..4].copy_from_slice(&end.to_be_bytes());
    (first, last)
}

/// How many buckets there should be for so many keys: one for each 16 of them, 2^18 (about 20 MB) to 2^20, so that what
/// stands above the buckets stays small, and a log that begins with nothing has enough of them.
pub(super) fn bucket_bits_for(keys: u64) -> u8 {
    let bits = (keys / 16).clamp(1, 1 << BUCKET_BITS_CHOSEN.1).next_power_of_two().trailing_zeros();
    u8::try_from(bits).expect("at most 64").max(BUCKET_BITS_CHOSEN.0)
}

const BUCKET_BITS_CHOSEN: (u8, u8) = (18, 20);

const BUCKET_BITS_MAX: u8 = 24;

/// Chunks of 64 buckets: what is copied for one key that changes is 5 kB, and a snapshot of 2^18 buckets is 4096 pointers.
const CHUNK_BITS_MAX: u8 = 6;
