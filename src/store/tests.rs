//! The store: what memory and sled must both do, and the fixtures of all its tests.

mod closing;
mod conformance;
mod crash;
mod damage;
mod open;
mod sync;

use std::fs;
use std::path::Path;

use bytes::Bytes;
use tempfile::TempDir;

use crate::log::Body;
use crate::log::Entry;
use crate::log::EventBody;
use crate::log::Genesis;
use crate::log::Key;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::Manifest;
use crate::log::Open;
use crate::log::Place;
use crate::log::open_commitment;
use crate::log::payload_commitment;
use crate::store::EntryBytes;
use crate::store::LogStore;
use crate::store::OpenOptions;
use crate::store::SledStore;

/// Numbers from a seed (xorshift64), the same on every machine.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    pub(super) fn len(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}

/// The first entries of a synthetic log: chained, whole, of open payloads of `len(index)` bytes.
pub(super) fn chained(count: u64, mut len: impl FnMut(u64) -> usize) -> Vec<EntryBytes> {
    let mut previous = LeafHash::NONE;
    (0..count)
        .map(|index| {
            let entry = entry(index, previous, len(index));
            previous = LeafHash::of(&entry.leaf);
            Bytes::from(entry.encode())
        })
        .collect()
}

fn entry(index: u64, previous: LeafHash, len: usize) -> Entry {
    let leaf = |body| Bytes::from(Leaf { index, recorded_at_ms: 1_700_000_000_000 + index, previous, body }.encode());
    if index == 0 {
        let genesis = Genesis {
            origin: "log.example/store".to_owned(),
            public_key: [7; 32],
            longest_delay_s: 600,
            continues: String::new(),
        };
        return Entry { leaf: leaf(Body::Genesis(genesis)), manifest: Bytes::new(), open: None, parts: Vec::new() };
    }
    let open = Open { salt: [3; 32], payload: Bytes::from(Random(index).bytes(len)) };
    let manifest = Manifest {
        principal: "tester".to_owned(),
        request_id: u128::from(index).to_be_bytes(),
        number: 0,
        count: 1,
        event_type: "test.happened".to_owned(),
        version: 1,
        open_len: u32::try_from(len).unwrap(),
        open: open_commitment(&open.salt, &open.payload),
        parts: Vec::new(),
    };
    let manifest = Bytes::from(manifest.encode());
    let stream = Place { key: Key([9; 32]), sequence: index - 1 };
    let body = EventBody { stream, subjects: Vec::new(), payload: payload_commitment(&manifest) };
    Entry { leaf: leaf(Body::Event(body)), manifest, open: Some(open), parts: Vec::new() }
}

/// The leaf hash of an entry.
pub(super) fn leaf_hash(entry: &EntryBytes) -> LeafHash {
    Entry::check(entry).unwrap().leaf_hash
}

/// Bytes that are no entries: where only places and lengths matter.
pub(super) fn blobs(seed: u64, lens: &[usize]) -> Vec<EntryBytes> {
    let mut random = Random(seed);
    lens.iter().map(|len| Bytes::from(random.bytes(*len))).collect()
}

/// Small caches, no reserve.
pub(super) fn options() -> OpenOptions {
    OpenOptions { cache_bytes: 1 << 20, reserve_bytes: 0, ..OpenOptions::default() }
}

/// A new volume with every commit.
pub(super) fn rolling() -> OpenOptions {
    OpenOptions { volume_bytes: 1, ..options() }
}

/// A folder that goes away; in memory where that can be had, since these tests do not lose power, and syncs of a disk
/// that others use take minutes.
pub(super) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Everything in the store, with small and with large reads and one by one; all must agree.
pub(super) fn everything(store: &dyn LogStore) -> Vec<EntryBytes> {
    let whole = read_by(store, usize::MAX);
    assert_eq!(read_by(store, 5000), whole, "reads of 5,000 bytes");
    let single: Vec<EntryBytes> = (0..store.size()).map(|index| store.get(index).unwrap().unwrap()).collect();
    assert_eq!(single, whole, "entries one by one");
    whole
}

fn read_by(store: &dyn LogStore, max_bytes: usize) -> Vec<EntryBytes> {
    let mut out: Vec<EntryBytes> = Vec::new();
    loop {
        let next = out.len() as u64;
        let read = store.read(next, max_bytes).unwrap();
        if read.is_empty() {
            assert_eq!(next, store.size());
            return out;
        }
        for ((index, entry), expected) in read.into_iter().zip(next..) {
            assert_eq!(index, expected);
            out.push(entry);
        }
    }
}

/// What a service does beside the commit path.
pub(super) fn write_guard(store: &SledStore, entries: &[EntryBytes]) {
    let leaf = entries.last().map_or(LeafHash::NONE, leaf_hash);
    store.guard().update(|state| (state.size, state.leaf) = (entries.len() as u64, leaf)).unwrap();
}

/// Copies a folder as a crash would leave it: what was written, whatever is open.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
