//! What can be wrong with a proof, and why none can be made.

use thiserror::Error;

use crate::log::hash::Root;

/// Why a proof does not prove what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProofFault {
    /// There is no such leaf in a tree of this size.
    #[error("index {index} is not below the size {size}")]
    IndexBeyondSize {
        /// Of the leaf.
        index: u64,
        /// Of the tree.
        size: u64,
    },
    /// A tree does not shrink.
    #[error("the older size {old} is above the newer size {new}")]
    OldBeyondNew {
        /// Of the older tree.
        old: u64,
        /// Of the newer tree.
        new: u64,
    },
    /// Every tree extends the empty one: a proof of it proves nothing (RFC 6962 section 2.1.2 has 0 < m).
    #[error("nothing is proved about what extends an empty tree")]
    OldIsEmpty,
    /// Fewer hashes than index and sizes ask for.
    #[error("{found} hashes where {expected} are needed")]
    TooShort {
        /// How many hashes the proof has to have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// More hashes than index and sizes ask for.
    #[error("{found} hashes where only {expected} are needed")]
    TooLong {
        /// How many hashes the proof has to have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// The proof leads to another root of the older tree.
    #[error("the older root is {expected}, the proof leads to {found}")]
    OldRootDiffers {
        /// The root that was to be proved.
        expected: Root,
        /// The root that follows from the proof.
        found: Root,
    },
    /// The proof leads to another root.
    #[error("the root is {expected}, the proof leads to {found}")]
    RootDiffers {
        /// The root that was to be proved.
        expected: Root,
        /// The root that follows from the proof.
        found: Root,
    },
}

/// Why no proof was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProveError<E> {
    /// There is no such leaf in a tree of this size.
    #[error("index {index} is not below the size {size}")]
    IndexBeyondSize {
        /// Of the leaf.
        index: u64,
        /// Of the tree.
        size: u64,
    },
    /// A tree does not shrink.
    #[error("the older size {old} is above the newer size {new}")]
    OldBeyondNew {
        /// Of the older tree.
        old: u64,
        /// Of the newer tree.
        new: u64,
    },
    /// A hash could not be read.
    #[error("a node of the tree could not be read: {0}")]
    Nodes(E),
}
