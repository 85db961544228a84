//! Roots and proofs, from hashes of complete subtrees that somebody else keeps.

use crate::log::hash::NodeHash;
use crate::log::hash::Root;
use crate::log::tree::ProveError;
use crate::log::tree::frontier::fold;
use crate::log::tree::split;

/// Where hashes of complete subtrees are read: tiles in a table, a folder or memory.
pub trait Nodes {
    /// Why a hash could not be read.
    type Error;

    /// The hash over the leaves `index · 2^level` to `(index + 1) · 2^level`; only asked for where all of them are below
    /// the size in question.
    ///
    /// # Errors
    ///
    /// It could not be read.
    fn node(&self, level: u8, index: u64) -> Result<NodeHash, Self::Error>;
}

/// The root of the tree as it was when it had `size` leaves (RFC 6962 section 2.1).
///
/// # Errors
///
/// A hash could not be read.
pub fn root_at<N: Nodes + ?Sized>(nodes: &N, size: u64) -> Result<Root, N::Error> {
    if size == 0 {
        return Ok(Root::EMPTY);
    }
    over_range(nodes, 0, size).map(|hash| Root(hash.0))
}

/// The siblings on the way from a leaf to the root of the tree of `size` leaves: `PATH(m, D[n])` of RFC 6962 section
/// 2.1.1, from the leaf up.
///
/// # Errors
///
/// The tree has no such leaf, or a hash could not be read.
pub fn prove_inclusion<N: Nodes + ?Sized>(
    nodes: &N,
    index: u64,
    size: u64,
) -> Result<Vec<NodeHash>, ProveError<N::Error>> {
    if index >= size {
        return Err(ProveError::IndexBeyondSize { index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut proof = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        let sibling = if index < middle { middle..end } else { start..middle };
        proof.push(over_range(nodes, sibling.start, sibling.end).map_err(ProveError::Nodes)?);
        (start, end) = if index < middle { (start, middle) } else { (middle, end) };
    }
    proof.reverse();
    Ok(proof)
}

/// That the tree of `new` leaves begins with the tree of `old` leaves: `PROOF(m, D[n])` of RFC 6962 section 2.1.2. Empty
/// where the sizes are equal, and where the older tree was empty (as C2SP `tlog-witness` wants it).
///
/// # Errors
///
/// The older tree is the larger one, or a hash could not be read.
pub fn prove_consistency<N: Nodes + ?Sized>(
    nodes: &N,
    old: u64,
    new: u64,
) -> Result<Vec<NodeHash>, ProveError<N::Error>> {
    if old > new {
        return Err(ProveError::OldBeyondNew { old, new });
    }
    let mut proof = Vec::new();
    if old == 0 {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new);
    while end > old {
        let middle = start + split(end - start);
        let sibling = if old <= middle { middle..end } else { start..middle };
        proof.push(over_range(nodes, sibling.start, sibling.end).map_err(ProveError::Nodes)?);
        (start, end) = if old <= middle { (start, middle) } else { (middle, end) };
    }
    // Where nothing was left of it, what remains is the older tree itself, and whoever verifies has its root.
    if start > 0 {
        proof.push(over_range(nodes, start, end).map_err(ProveError::Nodes)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The hash over leaves `start..end`, a range that the division of RFC 6962 gives: its length's largest power of two
/// divides `start`, so that it falls into complete subtrees, one for each bit that is set in the length.
fn over_range<N: Nodes + ?Sized>(nodes: &N, start: u64, end: u64) -> Result<NodeHash, N::Error> {
    let len = end - start;
    let mut at = start;
    let mut hashes = Vec::new();
    for level in (0..64).rev().filter(|level| len >> level & 1 == 1) {
        hashes.push(nodes.node(level, at >> level)?);
        at += 1 << level;
    }
    Ok(fold(hashes.into_iter()).expect("a range is not empty"))
}
