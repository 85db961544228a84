//! The keys that begin with the same bits, packed, since there are millions of them.

use std::sync::Arc;

use crate::log::hash::Key;
use crate::log::hash::NodeHash;
use crate::log::map::KeyHistory;
use crate::log::map::MapItem;
use crate::log::tree::Frontier;

/// Rows that ascend by key: `key (32) ‖ map leaf (32) ‖ count (8) ‖ frontier (32 for each bit set in the count)`. One
/// allocation for all of them; it is never changed, only replaced, so that snapshots share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket(Arc<[u8]>);

const ROW_HEAD_LEN: usize = 32 + 32 + 8;

/// One row, still packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    bytes: &'a [u8],
}

impl Bucket {
    /// Of keys that ascend.
    pub(super) fn of(histories: &[(Key, KeyHistory)]) -> Self {
        Self::default().with(histories).0
    }

    pub(super) fn len_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let head = rest.get(..ROW_HEAD_LEN)?;
            let count = u64::from_be_bytes(head[64..].try_into().expect("eight bytes"));
            let (bytes, after) = rest.split_at(ROW_HEAD_LEN + 32 * count.count_ones() as usize);
            rest = after;
            Some(Row { bytes })
        })
    }

    pub(super) fn items(&self) -> Vec<MapItem> {
        self.rows().map(|row| row.item()).collect()
    }

    pub(super) fn row(&self, key: &Key) -> Option<Row<'_>> {
        self.rows().find(|row| row.key() == *key)
    }

    /// With these histories, which ascend by key, instead of those it had; how many keys were not there.
    pub(super) fn with(&self, histories: &[(Key, KeyHistory)]) -> (Self, u64) {
        let mut bytes = Vec::with_capacity(self.0.len() + 2 * ROW_HEAD_LEN);
        let mut rows = self.rows().peekable();
        let mut added = 0;
        for (key, history) in histories {
            while let Some(row) = rows.next_if(|row| row.key() < *key) {
                bytes.extend_from_slice(row.bytes);
            }
            added += u64::from(rows.next_if(|row| row.key() == *key).is_none());
            write_row(key, history, &mut bytes);
        }
        for row in rows {
            bytes.extend_from_slice(row.bytes);
        }
        (Self(bytes.into()), added)
    }
}

fn write_row(key: &Key, history: &KeyHistory, bytes: &mut Vec<u8>) {
    let item = MapItem::new(*key, &history.value());
    bytes.extend_from_slice(key.as_bytes());
    bytes.extend_from_slice(item.leaf.as_bytes());
    bytes.extend_from_slice(&history.count().to_be_bytes());
    for hash in history.frontier().hashes() {
        bytes.extend_from_slice(hash.as_bytes());
    }
}

impl Row<'_> {
    pub(super) fn key(&self) -> Key {
        Key(self.bytes[..32].try_into().expect("a row begins with its key"))
    }

    fn item(&self) -> MapItem {
        MapItem { key: self.key(), leaf: NodeHash(self.bytes[32..64].try_into().expect("then its leaf")) }
    }

    pub(super) fn history(&self) -> KeyHistory {
        let count = u64::from_be_bytes(self.bytes[64..ROW_HEAD_LEN].try_into().expect("then its count"));
        let hashes = self.bytes[ROW_HEAD_LEN..].as_chunks::<32>().0.iter().map(|hash| NodeHash(*hash)).collect();
        KeyHistory::from_frontier(Frontier::from_parts(count, hashes).expect("rows are written from a frontier"))
    }
}
