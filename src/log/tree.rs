//! The log's tree: RFC 6962 over the leaf hashes. Knows neither leaves nor where hashes are kept.
//!
//! The same tree, smaller, is each key's own history in the completeness map.

mod fault;
mod frontier;
mod prove;
mod verify;

pub use fault::ProofFault;
pub use fault::ProveError;
pub use frontier::Frontier;
pub use prove::Nodes;
pub use prove::prove_consistency;
pub use prove::prove_inclusion;
pub use prove::root_at;
pub use verify::verify_consistency;
pub use verify::verify_inclusion;

use sha2::Digest;
use sha2::Sha256;

use crate::log::hash::LeafHash;
use crate::log::hash::NodeHash;
use crate::log::hash::Root;

/// The largest size of a tree, as C2SP `tlog-checkpoint` has it: 2^63 - 1 entries.
pub const TREE_SIZE_MAX: u64 = i64::MAX.unsigned_abs();

/// A tree at one size: how many leaves, and the root over them. They travel together, since neither says anything alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// How many leaves.
    pub size: u64,
    /// The root over all of them.
    pub root: Root,
}

impl TreeHead {
    /// The tree without leaves.
    pub const EMPTY: Self = Self { size: 0, root: Root::EMPTY };
}

impl Root {
    /// `H("")`: the root of the tree without leaves (RFC 6962 section 2.1).
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae,
        0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);
}

impl NodeHash {
    /// `H(0x01 ‖ left ‖ right)`: the node over two subtrees (RFC 6962 section 2.1).
    pub fn over(left: &Self, right: &Self) -> Self {
        let mut bytes = [1; 65];
        bytes[1..33].copy_from_slice(left.as_bytes());
        bytes[33..].copy_from_slice(right.as_bytes());
        Self(Sha256::digest(bytes).into())
    }
}

/// A leaf's hash is the complete subtree of that leaf alone.
impl From<LeafHash> for NodeHash {
    fn from(leaf: LeafHash) -> Self {
        Self(leaf.0)
    }
}

/// The largest power of two below `size`: where a tree of more than one leaf divides (RFC 6962 section 2.1).
const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

#[cfg(test)]
mod tests;
