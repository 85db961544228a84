//! A tree that only grows, held as the few hashes that its next leaf needs.

use crate::log::hash::LeafHash;
use crate::log::hash::NodeHash;
use crate::log::hash::Root;
use crate::log::tree::TREE_SIZE_MAX;

/// The roots of the complete subtrees that a tree consists of, largest first: one for each bit that is set in its size.
/// At most 63 hashes, so it is kept where a tree would not fit: in a row of a table for each key of the map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<NodeHash>,
}

impl Frontier {
    /// The tree without leaves.
    pub const fn new() -> Self {
        Self { size: 0, hashes: Vec::new() }
    }

    /// From what [`Frontier::size`] and [`Frontier::hashes`] said; `None` when there are not as many hashes as a tree of
    /// this size has complete subtrees, or when no tree is that large.
    pub fn from_parts(size: u64, hashes: Vec<NodeHash>) -> Option<Self> {
        let fits = size <= TREE_SIZE_MAX && usize::try_from(size.count_ones()) == Ok(hashes.len());
        fits.then_some(Self { size, hashes })
    }

    /// Adds a leaf behind all others.
    pub fn push(&mut self, leaf: LeafHash) {
        let mut hash = NodeHash::from(leaf);
        for _ in 0..self.size.trailing_ones() {
            let left = self.hashes.pop().expect("each bit that is set has its hash");
            hash = NodeHash::over(&left, &hash);
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// How many leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, largest first; as many as bits are set in the size.
    pub fn hashes(&self) -> &[NodeHash] {
        &self.hashes
    }

    /// The root over all leaves (RFC 6962 section 2.1).
    pub fn root(&self) -> Root {
        fold(self.hashes.iter().copied()).map_or(Root::EMPTY, |hash| Root(hash.0))
    }
}

/// The tree over leaf hashes, in their order.
impl FromIterator<LeafHash> for Frontier {
    fn from_iter<I: IntoIterator<Item = LeafHash>>(leaves: I) -> Self {
        leaves.into_iter().fold(Self::new(), |mut frontier, leaf| {
            frontier.push(leaf);
            frontier
        })
    }
}

/// The root over complete subtrees, largest first: each joins with all that stands right of it.
pub(super) fn fold(hashes: impl DoubleEndedIterator<Item = NodeHash>) -> Option<NodeHash> {
    hashes.rev().reduce(|right, left| NodeHash::over(&left, &right))
}
