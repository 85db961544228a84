//! The tree of the log: what stands over 32 leaves and more is kept in memory, two bytes an entry; what stands below is
//! hashed again from the entries themselves, so that what is proved is what is stored.

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

/// Level of the lowest hashes in memory: those over a full group of leaves.
const KEPT_LEVEL: u8 = 5;

/// Leaves of a full group: what is read for a proof.
pub(super) const GROUP: u64 = 1 << KEPT_LEVEL;

/// The same, as places in memory are counted.
const GROUP_WIDTH: usize = 1 << KEPT_LEVEL;

/// Groups whose leaf hashes are remembered: 2 MiB.
const GROUPS_REMEMBERED: usize = 2048;

/// Bytes of entries that are read at once, where so many are asked for.
const READ_BYTES: usize = 1 << 20;

/// The tree of one log. Any number of threads may ask; one adds.
#[derive(Debug)]
pub struct LogTree {
    store: Arc<dyn LogStore>,
    /// Hashes of the levels from [`KEPT_LEVEL`] up; they are only ever added.
    levels: RwLock<Vec<Vec<NodeHash>>>,
    /// Leaf hashes of groups; of one that is not full, as many as somebody asked for.
    groups: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    by_number: BTreeMap<u64, Arc<[LeafHash]>>,
    order: VecDeque<u64>,
}

impl LogTree {
    pub(super) fn new(store: Arc<dyn LogStore>) -> Self {
        Self { store, levels: RwLock::default(), groups: Mutex::default() }
    }

    /// The next full group of leaves has this root.
    pub(super) fn push_group(&self, root: NodeHash) {
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

    /// Roots of full groups, from one on to the one before `end`.
    pub(super) fn group_roots(&self, from: u64, end: u64) -> Vec<NodeHash> {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        let [from, end] = [from, end].map(|group| usize::try_from(group).unwrap_or(usize::MAX));
        levels.first().and_then(|roots| roots.get(from..end)).unwrap_or_default().to_vec()
    }

    /// Root of a full group.
    fn group_root(&self, group: u64) -> Option<NodeHash> {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        levels.first()?.get(usize::try_from(group).ok()?).copied()
    }

    /// Forgets everything, to be filled again.
    pub(super) fn clear(&self) {
        self.levels.write().unwrap_or_else(PoisonError::into_inner).clear();
        *self.groups.lock().unwrap_or_else(PoisonError::into_inner) = Remembered::default();
    }

    /// The leaf hashes of a group, hashed from its entries: at least so many. Where the tree knows the root of the full
    /// group, they have it: nothing else is ever proved.
    ///
    /// # Errors
    ///
    /// There are not so many, an entry cannot be read, or what is stored is not what was folded.
    pub(super) fn leaf_hashes(&self, group: u64, least: usize) -> Result<Arc<[LeafHash]>, PublishError> {
        let remembered = self.groups.lock().unwrap_or_else(PoisonError::into_inner).by_number.get(&group).cloned();
        if let Some(found) = remembered.filter(|found| found.len() >= least) {
            return Ok(found);
        }
        let first = group * GROUP;
        // Asked for before the entries are: of a group that is full by then, all entries are durable.
        let folded = self.group_root(group);
        let mut hashes = Vec::with_capacity(GROUP_WIDTH);
        self.each_leaf(first, first + GROUP, |_, leaf| {
            hashes.push(LeafHash::of(leaf));
            Ok(())
        })?;
        if hashes.len() < least {
            return Err(PublishError::Entry { index: first + hashes.len() as u64 });
        }
        check(group, folded, &hashes)?;
        let hashes: Arc<[LeafHash]> = hashes.into();
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).keep(group, &hashes);
        Ok(hashes)
    }

    /// Reads the leaves from one on to the one before `end`, as far as they are durable.
    fn each_leaf(
        &self,
        from: u64,
        end: u64,
        mut take: impl FnMut(u64, &[u8]) -> Result<(), PublishError>,
    ) -> Result<(), PublishError> {
        let mut next = from;
        while next < end.min(self.store.size()) {
            let read = self.store.read_below(next, end, READ_BYTES)?;
            if read.is_empty() {
                return Err(PublishError::Entry { index: next });
            }
            for (index, bytes) in read {
                take(index, leaf_bytes(&bytes).ok_or(PublishError::Entry { index })?)?;
                next = index + 1;
            }
        }
        Ok(())
    }

    /// A hash below those in memory.
    fn low_node(&self, level: u8, index: u64) -> Result<NodeHash, PublishError> {
        let first = index << level;
        let start = usize::try_from(first % GROUP).expect("a group has 32 leaves");
        let end = start + (1 << level);
        let hashes = self.leaf_hashes(first / GROUP, end)?;
        let frontier: Frontier = hashes[start..end].iter().copied().collect();
        Ok(NodeHash(frontier.root().0))
    }
}

/// Whether these leaf hashes of a group are those that were folded, where it was full when they were read.
fn check(group: u64, folded: Option<NodeHash>, hashes: &[LeafHash]) -> Result<(), PublishError> {
    let Some(folded) = folded else { return Ok(()) };
    let found: Frontier = hashes.iter().copied().collect();
    if found.size() == GROUP && found.root().0 == folded.0 {
        return Ok(());
    }
    Err(PublishError::Fold { index: group * GROUP, what: "from here on 32 entries are not those that were folded" })
}

impl Remembered {
    fn keep(&mut self, group: u64, hashes: &Arc<[LeafHash]>) {
        if self.by_number.insert(group, Arc::clone(hashes)).is_none() {
            self.order.push_back(group);
        }
        if self.order.len() > GROUPS_REMEMBERED
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

#[cfg(test)]
mod tests;
