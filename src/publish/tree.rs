//! The tree of the log: what stands over 256 leaves and more is kept in memory, a quarter of a byte an entry; what stands
//! below is hashed again from the entries themselves, so that what is proved is what is stored.

mod tiles;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;

use crate::log::Frontier;
use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::Nodes;
use crate::log::leaf_bytes;
use crate::publish::PublishError;
use crate::store::LogStore;

/// Level of the lowest hashes in memory: those over a full tile of leaves.
const KEPT_LEVEL: u8 = 8;

/// Leaves of a full tile.
pub(super) const TILE: u64 = 1 << KEPT_LEVEL;

/// Tiles of leaf hashes that are remembered: 2 MiB.
const TILES_REMEMBERED: usize = 256;

/// Bytes of entries that are read at once for a tile.
const READ_BYTES: usize = 1 << 20;

/// The tree of one log. Any number of threads may ask; one adds.
#[derive(Debug)]
pub struct LogTree {
    store: Arc<dyn LogStore>,
    /// Hashes of the levels from [`KEPT_LEVEL`] up; they are only ever added.
    levels: RwLock<Vec<Vec<NodeHash>>>,
    /// Leaf hashes of tiles; of one that is not full, as many as somebody asked for.
    tiles: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    by_number: BTreeMap<u64, Arc<Vec<LeafHash>>>,
    order: VecDeque<u64>,
}

impl LogTree {
    pub(super) fn new(store: Arc<dyn LogStore>) -> Self {
        Self { store, levels: RwLock::default(), tiles: Mutex::default() }
    }

    /// The next full tile of leaves has this root.
    pub(super) fn push_tile(&self, root: NodeHash) {
        let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
        let mut hash = root;
        for level in 0.. {
            if levels.len() == level {
                levels.push(Vec::new());
            }
            levels[level].push(hash);
            let [.., left, right] = levels[level].as_slice() else { break };
            if levels[level].len() % 2 == 1 {
                break;
            }
            hash = NodeHash::over(left, right);
        }
    }

    /// Roots of full tiles from one on.
    pub(super) fn tile_roots(&self, from: u64) -> Vec<NodeHash> {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        levels.first().and_then(|roots| roots.get(from..)).unwrap_or_default().to_vec()
    }

    /// Root of a full tile.
    fn tile_root(&self, tile: u64) -> Option<NodeHash> {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        levels.first()?.get(usize::try_from(tile).ok()?).copied()
    }

    /// Forgets everything, to be filled again.
    pub(super) fn clear(&self) {
        self.levels.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The leaf hashes of a tile, hashed from its entries: at least so many, where they are durable.
    ///
    /// # Errors
    ///
    /// An entry cannot be read.
    pub(super) fn leaf_hashes(&self, tile: u64, least: usize) -> Result<Arc<Vec<LeafHash>>, PublishError> {
        let remembered = self.tiles.lock().unwrap_or_else(PoisonError::into_inner).by_number.get(&tile).cloned();
        if let Some(found) = remembered.filter(|found| found.len() >= least) {
            return Ok(found);
        }
        let (from, end) = (tile * TILE, (tile + 1) * TILE);
        let mut hashes = Vec::with_capacity(256);
        let mut next = from;
        while next < end.min(self.store.size()) {
            for (index, bytes) in self.store.read(next, READ_BYTES)? {
                if index == end {
                    break;
                }
                hashes.push(LeafHash::of(leaf_bytes(&bytes).ok_or(PublishError::Entry { index })?));
                next = index + 1;
            }
        }
        let hashes = Arc::new(hashes);
        self.tiles.lock().unwrap_or_else(PoisonError::into_inner).keep(tile, &hashes);
        Ok(hashes)
    }

    /// A hash below those in memory.
    fn low_node(&self, level: u8, index: u64) -> Result<NodeHash, PublishError> {
        let first = index << level;
        let start = usize::try_from(first % TILE).expect("a tile has 256 leaves");
        let end = start + (1 << level);
        let hashes = self.leaf_hashes(first / TILE, end)?;
        let under = hashes.get(start..end).ok_or(PublishError::Entry { index: first })?;
        let frontier: Frontier = under.iter().copied().collect();
        Ok(NodeHash(frontier.root().0))
    }
}

impl Remembered {
    fn keep(&mut self, tile: u64, hashes: &Arc<Vec<LeafHash>>) {
        if self.by_number.insert(tile, Arc::clone(hashes)).is_none() {
            self.order.push_back(tile);
        }
        if self.order.len() > TILES_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_number.remove(&oldest);
        }
    }
}

impl Nodes for LogTree {
    type Error = PublishError;

    fn node(&self, level: u8, index: u64) -> Result<NodeHash, PublishError> {
        let Some(above) = level.checked_sub(KEPT_LEVEL) else { return self.low_node(level, index) };
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        let found = levels.get(usize::from(above)).zip(usize::try_from(index).ok());
        found
            .and_then(|(hashes, index)| hashes.get(index))
            .copied()
            .ok_or(PublishError::Entry { index: index << level })
    }
}
