//! Tree and map as folds of the log: the same at start, after a crash and while it grows. Nothing but leaves is looked
//! at, so that entries of events that this program does not know are folded too.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use crate::ledger::FirstBytes;
use crate::log::Body;
use crate::log::Frontier;
use crate::log::Key;
use crate::log::KeyHistory;
use crate::log::KeysOfLog;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::LiveMap;
use crate::log::NodeHash;
use crate::log::leaf_bytes;
use crate::publish::PublishError;
use crate::publish::table::FoldTable;
use crate::publish::table::Rows;
use crate::publish::tree::LogTree;
use crate::publish::tree::TILE;
use crate::store::LogStore;
use crate::store::runs::Position;

/// Bytes of entries folded at once.
const CHUNK_BYTES: usize = 4 << 20;

/// Keys that changed since the fold was last saved: more, and it is saved. What is not saved is folded again behind the
/// next start; what is costs syncs beside those of the ledger.
const CHANGED_MAX: usize = 1 << 18;

/// Tree and map over the first entries of the log.
#[derive(Debug)]
pub(super) struct Fold {
    pub(super) tree: Arc<LogTree>,
    pub(super) map: LiveMap,
    /// Over all entries: the root by another way than through [`LogTree`].
    pub(super) frontier: Frontier,
    /// Over the leaves of the last tile, while it is not full.
    tile: Frontier,
    /// Leaf hash of the last entry.
    leaf_hash: LeafHash,
    /// The last SEAL.
    pub(super) last_seal: Option<u64>,
    /// Which keys sign.
    pub(super) keys: KeysOfLog,
    /// GENESIS and the KEY entries.
    key_entries: Vec<u64>,
    origin: Arc<str>,
    changed: HashSet<Key, BuildHasherDefault<FirstBytes>>,
    /// What is saved on disk.
    saved: Position,
}

impl Fold {
    /// The tree as it was saved, checked against the log; the rest of it is folded by [`Fold::catch_up`], and the map by
    /// [`Fold::load_map`].
    pub(super) fn load(table: &FoldTable, store: &Arc<dyn LogStore>, origin: Arc<str>) -> Result<Self, PublishError> {
        let mut fold = Self {
            tree: Arc::new(LogTree::new(Arc::clone(store))),
            map: LiveMap::for_keys(0),
            frontier: Frontier::new(),
            tile: Frontier::new(),
            leaf_hash: LeafHash::NONE,
            last_seal: None,
            keys: KeysOfLog::default(),
            key_entries: Vec::new(),
            origin,
            changed: HashSet::default(),
            saved: table.position(),
        };
        if fold.restore(table, &**store).is_err() {
            // Of another log, or damaged: the log has everything.
            tracing::warn!("the saved tree and map are not of this log; they are folded again");
            table.clear()?;
            fold.tree.clear();
            fold.frontier = Frontier::new();
            fold.tile = Frontier::new();
            fold.leaf_hash = LeafHash::NONE;
            fold.last_seal = None;
            (fold.keys, fold.key_entries) = Default::default();
            fold.saved = Position::START;
        }
        Ok(fold)
    }

    fn restore(&mut self, table: &FoldTable, store: &dyn LogStore) -> Result<(), PublishError> {
        let saved = self.saved;
        if saved.size == 0 {
            return Ok(());
        }
        let other = || PublishError::Fold { index: saved.size - 1, what: "the saved fold is of another log" };
        let last = store.get(saved.size - 1)?.ok_or_else(other)?;
        if leaf_bytes(&last).map(LeafHash::of) != Some(LeafHash(saved.leaf_hash)) {
            return Err(other());
        }
        let mut roots = Vec::new();
        let state = table.load_tree(&mut roots)?;
        let full = saved.size / TILE;
        if roots.len() as u64 != full {
            return Err(other());
        }
        // The tree's frontier follows from the roots of its tiles and the leaves behind them.
        let mut tiles = Vec::new();
        for root in roots {
            self.tree.push_tile(root);
            tiles.push(root);
        }
        let behind = usize::try_from(saved.size % TILE).expect("a tile has 256 leaves");
        let leaves = if behind == 0 { Arc::default() } else { self.tree.leaf_hashes(full, behind)? };
        let leaves = leaves.get(..behind).ok_or_else(other)?;
        self.tile = leaves.iter().copied().collect();
        let above: Frontier = tiles.into_iter().map(|root| LeafHash(root.0)).collect();
        let hashes: Vec<NodeHash> = above.hashes().iter().chain(self.tile.hashes()).copied().collect();
        self.frontier = Frontier::from_parts(saved.size, hashes).ok_or_else(other)?;
        self.leaf_hash = LeafHash(saved.leaf_hash);
        self.last_seal = state.last_seal;
        for index in &state.key_entries {
            let bytes = store.get(*index)?.ok_or_else(other)?;
            let leaf = leaf_bytes(&bytes).and_then(|leaf| Leaf::decode(leaf).ok()).ok_or_else(other)?;
            self.take_key(&leaf)?;
        }
        Ok(())
    }

    /// Number of entries that are folded.
    pub(super) const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Folds into the tree what the log has and it has not, up to `end`.
    pub(super) fn catch_up(
        &mut self,
        store: &dyn LogStore,
        end: u64,
        mut progress: impl FnMut(u64),
    ) -> Result<(), PublishError> {
        while self.size() < end {
            for (index, bytes) in store.read(self.size(), CHUNK_BYTES)? {
                if index == end {
                    break;
                }
                self.take_into_tree(&bytes)?;
            }
            progress(self.size());
        }
        Ok(())
    }

    /// The map as it was saved, and what the tree has and it has not. Takes a while where there are many keys. Gives up
    /// when `go_on` says so; returns whether it came to its end.
    pub(super) fn load_map(
        &mut self,
        table: &FoldTable,
        store: &dyn LogStore,
        go_on: impl Fn() -> bool,
    ) -> Result<bool, PublishError> {
        self.map = LiveMap::for_keys(table.rows());
        if let Err(error) = table.load_map(&mut self.map) {
            tracing::warn!(%error, "the saved map cannot be read; it is folded again");
            table.clear()?;
            self.map = LiveMap::for_keys(0);
            self.saved = Position::START;
        }
        let (mut next, end) = (self.saved.size, self.size());
        while next < end {
            if !go_on() {
                return Ok(false);
            }
            for (index, bytes) in store.read(next, CHUNK_BYTES)? {
                if index == end {
                    break;
                }
                let malformed = || PublishError::Fold { index, what: "its leaf is malformed" };
                let bytes = leaf_bytes(&bytes).ok_or_else(malformed)?;
                let leaf = Leaf::decode(bytes).map_err(|_| malformed())?;
                self.take_into_map(&leaf, LeafHash::of(bytes));
                next = index + 1;
            }
        }
        Ok(true)
    }

    /// Folds the next entry, into the tree and into the map.
    pub(super) fn take(&mut self, entry: &[u8]) -> Result<(), PublishError> {
        let (leaf, hash) = self.take_into_tree(entry)?;
        self.take_into_map(&leaf, hash);
        Ok(())
    }

    fn take_into_tree(&mut self, entry: &[u8]) -> Result<(Leaf, LeafHash), PublishError> {
        let index = self.size();
        let fault = |what| PublishError::Fold { index, what };
        let bytes = leaf_bytes(entry).ok_or_else(|| fault("it has no leaf"))?;
        let leaf = Leaf::decode(bytes).map_err(|_| fault("its leaf is malformed"))?;
        if leaf.index != index || leaf.previous != self.leaf_hash {
            return Err(fault("it does not follow the entry before"));
        }
        let hash = LeafHash::of(bytes);
        match &leaf.body {
            Body::Seal(_) => self.last_seal = Some(index),
            Body::Genesis(_) | Body::Key(_) => self.take_key(&leaf)?,
            Body::Event(_) | Body::Erasure(..) | Body::Close(_) => {}
        }
        self.frontier.push(hash);
        self.tile.push(hash);
        if self.tile.size() == TILE {
            let full = std::mem::take(&mut self.tile);
            self.tree.push_tile(NodeHash(full.root().0));
        }
        self.leaf_hash = hash;
        Ok((leaf, hash))
    }

    fn take_into_map(&mut self, leaf: &Leaf, hash: LeafHash) {
        for place in leaf.event().iter().flat_map(|event| std::iter::once(&event.stream).chain(&event.subjects)) {
            self.map.push(&place.key, leaf.index, hash);
            self.changed.insert(place.key);
        }
    }

    fn take_key(&mut self, leaf: &Leaf) -> Result<(), PublishError> {
        match &leaf.body {
            Body::Genesis(genesis) => self.keys = KeysOfLog::begin(genesis.public_key),
            Body::Key(change) => self
                .keys
                .take(&self.origin, leaf.index, change)
                .map_err(|_| PublishError::Fold { index: leaf.index, what: "its signatures are not good" })?,
            Body::Event(_) | Body::Erasure(..) | Body::Seal(_) | Body::Close(_) => return Ok(()),
        }
        self.key_entries.push(leaf.index);
        Ok(())
    }

    /// Whether so much changed since it was saved that it is time.
    pub(super) fn wants_save(&self) -> bool {
        self.changed.len() >= CHANGED_MAX
    }

    /// What changed since it was saved, as rows; from now on it counts as saved.
    pub(super) fn unsaved(&mut self) -> Option<Rows> {
        if self.saved.size == self.size() {
            return None;
        }
        let mut histories: Vec<(Key, KeyHistory)> = std::mem::take(&mut self.changed)
            .into_iter()
            .map(|key| {
                let history = self.map.history(&key).expect("what was filed has a history");
                (key, history)
            })
            .collect();
        histories.sort_unstable_by_key(|(key, _)| *key);
        let from = self.saved.size / TILE;
        self.saved = Position { size: self.size(), leaf_hash: self.leaf_hash.0 };
        Some(Rows {
            position: self.saved,
            histories,
            tiles: Rows::tiles(from, |first| self.tree.tile_roots(first)),
            last_seal: self.last_seal,
            key_entries: self.key_entries.clone(),
        })
    }
}
