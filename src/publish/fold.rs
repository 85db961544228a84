//! Tree and map as folds of the log: the same at start, after a crash and while it grows. Nothing but leaves is looked
//! at, so that entries of events that this program does not know are folded too.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use crate::ledger::FirstBytes;
use crate::log::Body;
use crate::log::Frontier;
use crate::log::Key;
use crate::log::KeysOfLog;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::SaveInterval;
use crate::log::SavedMap;
use crate::log::Seal;
use crate::log::leaf_bytes;
use crate::publish::PublishError;
use crate::publish::table::FoldTable;
use crate::publish::table::Rows;
use crate::publish::tree::GROUP;
use crate::publish::tree::LogTree;

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
    pub(super) map: SavedMap,
    map_bytes: u64,
    /// Over all entries: the root by another way than through [`LogTree`].
    pub(super) frontier: Frontier,
    /// Over the leaves of the last group, while it is not full.
    group: Frontier,
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
    /// What is saved on disk, or is being saved.
    saved: Position,
    /// What was to be saved is not: nothing more is, since what comes next would stand above a gap.
    save_failed: bool,
}

impl Fold {
    /// The tree as it was saved, checked against the log; the rest of it is folded by [`Fold::catch_up`], and the map by
    /// [`Fold::load_map`].
    pub(super) fn load(
        table: &FoldTable,
        store: &Arc<dyn LogStore>,
        origin: Arc<str>,
        map_bytes: u64,
    ) -> Result<Self, PublishError> {
        let mut fold = Self {
            tree: Arc::new(LogTree::new(Arc::clone(store))),
            map: SavedMap::for_keys(0, map_bytes),
            map_bytes,
            frontier: Frontier::new(),
            group: Frontier::new(),
            leaf_hash: LeafHash::NONE,
            last_seal: None,
            keys: KeysOfLog::default(),
            key_entries: Vec::new(),
            origin,
            changed: HashSet::default(),
            saved: table.position(),
            save_failed: false,
        };
        if fold.restore(table, &**store).is_err() {
            // Of another log, or damaged: the log has everything.
            tracing::warn!("the saved tree and map are not of this log; they are folded again");
            table.clear()?;
            fold.tree.clear();
            fold.frontier = Frontier::new();
            fold.group = Frontier::new();
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
        let full = saved.size / GROUP;
        if roots.len() as u64 != full {
            return Err(other());
        }
        // The tree's frontier follows from the roots of its groups and the leaves behind them.
        let mut above = Frontier::new();
        for root in roots {
            self.tree.push_group(root);
            above.push(LeafHash(root.0));
        }
        let behind = usize::try_from(saved.size % GROUP).expect("a group has 32 leaves");
        if behind > 0 {
            let leaves = self.tree.leaf_hashes(full, behind)?;
            self.group = leaves[..behind].iter().copied().collect();
        }
        let hashes: Vec<NodeHash> = above.hashes().iter().chain(self.group.hashes()).copied().collect();
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
        if let Err(error) = self.read_map(table, store) {
            tracing::warn!(%error, "the saved map cannot be read; it is folded again");
            table.clear()?;
            // Many entries are filed under more than one key, and many keys have more than one entry.
            self.map = SavedMap::for_keys(self.size(), self.map_bytes);
            self.saved = Position::START;
        }
        let (mut next, end) = (self.saved.size, self.size());
        while next < end {
            if !go_on() {
                return Ok(false);
            }
            for (index, bytes) in store.read_below(next, end, CHUNK_BYTES)? {
                let malformed = || PublishError::Fold { index, what: "its leaf is malformed" };
                let bytes = leaf_bytes(&bytes).ok_or_else(malformed)?;
                let leaf = Leaf::decode(bytes).map_err(|_| malformed())?;
                let hash = LeafHash::of(bytes);
                if let Body::Seal(seal) = &leaf.body
                    && self.wants_save()
                {
                    self.save_on_the_way(table, Position { size: index + 1, leaf_hash: hash.0 }, seal)?;
                }
                self.take_into_map(table, &leaf, hash)?;
                next = index + 1;
            }
        }
        Ok(true)
    }

    /// The map as it was saved. It was saved as of a SEAL, which says what it must be.
    fn read_map(&mut self, table: &FoldTable, store: &dyn LogStore) -> Result<(), PublishError> {
        self.map = table.load_map(self.map_bytes)?;
        let Some(index) = self.saved.size.checked_sub(1) else { return Ok(()) };
        let fault = |what| PublishError::Fold { index, what };
        let entry = store.get(index)?.ok_or(PublishError::Entry { index })?;
        let leaf = leaf_bytes(&entry).and_then(|leaf| Leaf::decode(leaf).ok());
        let Some(Body::Seal(seal)) = leaf.map(|leaf| leaf.body) else { return Err(fault("no map is saved as of it")) };
        if self.map.fold(table)? == (seal.map_root, seal.map_keys) {
            Ok(())
        } else {
            Err(fault("the saved map is not the one that it seals"))
        }
    }

    /// Saves the map before it is folded to its end, as of a SEAL, so that its memory stays within the budget and another
    /// start goes on from here. Nobody proves anything from it yet.
    fn save_on_the_way(&mut self, table: &FoldTable, position: Position, seal: &Seal) -> Result<(), PublishError> {
        let index = position.size - 1;
        if self.map.fold(table)? != (seal.map_root, seal.map_keys) {
            return Err(PublishError::Fold {
                index,
                what: "the map that it seals is not that of the entries before it",
            });
        }
        let (rows, interval) = self.rows_at(table, position, Some(index))?;
        self.was_saved(table.save(&rows).map(|()| interval));
        Ok(())
    }

    /// Folds the next entry, into the tree and into the map.
    pub(super) fn take(&mut self, table: &FoldTable, entry: &[u8]) -> Result<(), PublishError> {
        let (leaf, hash) = self.take_into_tree(entry)?;
        self.take_into_map(table, &leaf, hash)
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
        self.group.push(hash);
        if self.group.size() == GROUP {
            let full = std::mem::take(&mut self.group);
            self.tree.push_group(NodeHash(full.root().0));
        }
        self.leaf_hash = hash;
        Ok((leaf, hash))
    }

    fn take_into_map(&mut self, table: &FoldTable, leaf: &Leaf, hash: LeafHash) -> Result<(), PublishError> {
        for place in leaf.event().iter().flat_map(|event| std::iter::once(&event.stream).chain(&event.subjects)) {
            self.map.push(&place.key, leaf.index, hash);
            self.changed.insert(place.key);
        }
        if self.map.wants_fold() {
            self.map.fold(table)?;
        }
        Ok(())
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

    /// Whether so much changed since it was saved, or is in memory, that it is time.
    pub(super) fn wants_save(&self) -> bool {
        let is_much = self.changed.len() >= CHANGED_MAX || self.map.is_over_budget();
        is_much && !self.changed.is_empty() && !self.save_failed
    }

    /// What changed since it was saved, as rows, where the last entry is a SEAL; from now on it counts as saved, until
    /// [`Fold::was_saved`] says otherwise.
    pub(super) fn unsaved(&mut self, table: &FoldTable) -> Result<Option<(Rows, SaveInterval)>, PublishError> {
        let sealed = self.last_seal.is_some_and(|seal| seal + 1 == self.size());
        if !sealed || self.save_failed || self.saved.size == self.size() {
            return Ok(None);
        }
        let position = Position { size: self.size(), leaf_hash: self.leaf_hash.0 };
        self.rows_at(table, position, self.last_seal).map(Some)
    }

    /// What became of rows that were to be saved. What is not saved stays in memory, and is folded again at the next
    /// start.
    pub(super) fn was_saved(&mut self, outcome: Result<SaveInterval, PublishError>) {
        match outcome {
            Ok(interval) => self.map.saved(interval),
            Err(error) => {
                tracing::error!(%error, "tree and map could not be saved; they are folded again at the next start");
                self.save_failed = true;
            }
        }
    }

    /// The rows of a fold to a position, of which the map is folded to there and no further.
    fn rows_at(
        &mut self,
        table: &FoldTable,
        position: Position,
        last_seal: Option<u64>,
    ) -> Result<(Rows, SaveInterval), PublishError> {
        let history = |key| Ok((key, self.map.history(&key, table)?.expect("what was filed has a history")));
        let changed = std::mem::take(&mut self.changed).into_iter();
        let mut histories = changed.map(history).collect::<Result<Vec<_>, PublishError>>()?;
        histories.sort_unstable_by_key(|(key, _)| *key);
        let groups = Rows::groups(self.saved.size / GROUP, |from| self.tree.group_roots(from, position.size / GROUP));
        let key_entries = self.key_entries.iter().copied().filter(|index| *index < position.size).collect();
        self.saved = position;
        Ok((Rows { position, histories, groups, last_seal, key_entries }, self.map.begin_save()))
    }
}
