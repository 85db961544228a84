//! Verifying proofs. The number of hashes follows from index and sizes, so it is checked before anything is hashed.

use crate::log::hash::LeafHash;
use crate::log::hash::NodeHash;
use crate::log::hash::Root;
use crate::log::tree::ProofFault;
use crate::log::tree::TreeHead;

/// Verifies that a leaf stands at `index` in a tree (RFC 9162 section 2.1.3.2).
///
/// # Errors
///
/// The first rule that is broken: the index, the number of hashes, the root.
pub fn verify_inclusion(leaf: LeafHash, index: u64, tree: TreeHead, proof: &[NodeHash]) -> Result<(), ProofFault> {
    if index >= tree.size {
        return Err(ProofFault::IndexBeyondSize { index, size: tree.size });
    }
    let inner = levels_apart(index, tree.size - 1);
    length(proof, inner + ones(index, inner))?;
    let (inside, border) = proof.split_at(inner);
    let found = climb_border(climb(leaf.into(), inside, index), border);
    same_root(tree.root, found)
}

/// Verifies that a newer tree begins with all leaves of an older one (RFC 9162 section 2.1.4.2).
///
/// # Errors
///
/// The first rule that is broken: the sizes, the number of hashes, the older root, the newer root. An older tree without
/// leaves is refused: every tree extends it.
pub fn verify_consistency(old: TreeHead, new: TreeHead, proof: &[NodeHash]) -> Result<(), ProofFault> {
    if old.size > new.size {
        return Err(ProofFault::OldBeyondNew { old: old.size, new: new.size });
    }
    if old.size == 0 {
        return Err(ProofFault::OldIsEmpty);
    }
    if old.size == new.size {
        length(proof, 0)?;
        return same_root(new.root, NodeHash(old.root.0));
    }
    // The way begins at the largest complete subtree that ends the older tree. Where the older tree is one complete
    // subtree, that is the older root, and the proof leaves it out.
    let last = old.size - 1;
    let skipped = old.size.trailing_zeros();
    let levels = levels_apart(last, new.size - 1);
    let inner = levels - skipped as usize;
    let whole = old.size.is_power_of_two();
    length(proof, usize::from(!whole) + inner + ones(last, levels))?;
    let (seed, rest) = match proof.split_first() {
        Some((seed, rest)) if !whole => (*seed, rest),
        _ => (NodeHash(old.root.0), proof),
    };
    let (inside, border) = rest.split_at(inner);
    let path = last >> skipped;
    let old_found = climb_border(climb_left(seed, inside, path), border);
    if old_found.0 != old.root.0 {
        return Err(ProofFault::OldRootDiffers { expected: old.root, found: Root(old_found.0) });
    }
    same_root(new.root, climb_border(climb(seed, inside, path), border))
}

/// How many levels above the leaves the ways to two leaves meet.
const fn levels_apart(one: u64, other: u64) -> usize {
    (64 - (one ^ other).leading_zeros()) as usize
}

/// How many bits are set above the lowest `levels`.
const fn ones(index: u64, levels: usize) -> usize {
    if levels >= 64 { 0 } else { (index >> levels).count_ones() as usize }
}

fn length(proof: &[NodeHash], expected: usize) -> Result<(), ProofFault> {
    let found = proof.len();
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => Err(ProofFault::TooShort { expected, found }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(ProofFault::TooLong { expected, found }),
    }
}

/// Up through levels at which both sides are there: the bits of `path`, lowest first, say on which side we come.
fn climb(seed: NodeHash, siblings: &[NodeHash], path: u64) -> NodeHash {
    siblings.iter().enumerate().fold(seed, |hash, (level, sibling)| {
        if path >> level & 1 == 0 { NodeHash::over(&hash, sibling) } else { NodeHash::over(sibling, &hash) }
    })
}

/// The same way in the older tree, where nothing stood right of it yet.
fn climb_left(seed: NodeHash, siblings: &[NodeHash], path: u64) -> NodeHash {
    siblings.iter().enumerate().fold(
        seed,
        |hash, (level, sibling)| {
            if path >> level & 1 == 0 { hash } else { NodeHash::over(sibling, &hash) }
        },
    )
}

/// Up along the right border of the tree, where all siblings stand on the left.
fn climb_border(seed: NodeHash, siblings: &[NodeHash]) -> NodeHash {
    siblings.iter().fold(seed, |hash, sibling| NodeHash::over(sibling, &hash))
}

fn same_root(expected: Root, found: NodeHash) -> Result<(), ProofFault> {
    if found.0 == expected.0 { Ok(()) } else { Err(ProofFault::RootDiffers { expected, found: Root(found.0) }) }
}
