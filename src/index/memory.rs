//! The newest rows, in memory.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;

use crate::index::row;
use crate::ledger::Change;
use crate::ledger::HistoryKey;
use crate::ledger::ObjectRow;

/// Keys are digests already: their first bytes are as good as any hash of them.
#[derive(Debug, Default)]
pub(super) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 ^= u64::from_be_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}

type ByDigest<V> = HashMap<[u8; 16], V, BuildHasherDefault<FirstBytes>>;

/// A place in a history: index and event type.
type Place = (u64, u8);

/// Rows of entries that no run holds yet.
#[derive(Debug, Default)]
pub(super) struct Recent {
    pub(super) entries: u64,
    pub(super) objects: ByDigest<ObjectRow>,
    pub(super) histories: ByDigest<Vec<Place>>,
    pub(super) requests: ByDigest<u64>,
    /// Links, lookup tokens, registers and erasures, as rows.
    pub(super) others: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Recent {
    pub(super) fn apply(&mut self, change: &Change) {
        self.entries += 1;
        let event_type = row::event_type_byte(change.event_type);
        for (key, object) in &change.objects {
            self.objects.insert(row::half(key), object.clone());
        }
        for history in &change.histories {
            match history {
                HistoryKey::Leaf(key) => {
                    self.histories.entry(row::half(key)).or_default().push((change.index, event_type));
                }
                HistoryKey::Link(_) => {
                    self.others.insert(row::history(history, change.index), vec![event_type]);
                }
            }
        }
        if let Some(token) = change.request {
            self.requests.insert(token, change.index);
        }
        if let Some(opened) = change.opened {
            let key = row::with_index(b'k', &row::kind(opened.kind), change.index);
            self.others.insert(key, opened.id.to_be_bytes().to_vec());
            for token in &change.identities {
                let mut value = opened.id.to_be_bytes().to_vec();
                value.extend_from_slice(&change.index.to_be_bytes());
                self.others.insert(row::prefixed(b'i', token), value);
            }
        }
        if let Some(erased) = change.erased {
            let parts = erased.parts.to_be_bytes().to_vec();
            self.others.insert(row::erasure(erased.target, change.index), parts);
        }
    }

    /// All rows, ascending by key.
    pub(super) fn rows(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows: Vec<(Vec<u8>, Vec<u8>)> =
            self.others.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        rows.reserve(self.objects.len() + self.requests.len() + self.histories.len());
        rows.extend(sorted(&self.objects, |token, object| {
            let value = postcard::to_stdvec(object).expect("an object's row can be written");
            (row::prefixed(b'o', token), value)
        }));
        rows.extend(sorted(&self.requests, |token, first| (row::prefixed(b'r', token), first.to_be_bytes().to_vec())));
        #[expect(clippy::iter_over_hash_type, reason = "rows are sorted below")]
        for (token, places) in &self.histories {
            let of = |place: &Place| (row::with_index(b'h', token, place.0), vec![place.1]);
            rows.extend(places.iter().map(of));
        }
        rows.sort_unstable();
        rows
    }
}

fn sorted<V, R>(map: &ByDigest<V>, row: impl Fn(&[u8; 16], &V) -> R) -> Vec<R> {
    map.iter().map(|(token, value)| row(token, value)).collect()
}
