//! Everything that is filed under one key, as the few hashes from which its value in the map follows.

use crate::log::hash::HistoryValue;
use crate::log::hash::LeafHash;
use crate::log::hash::hash;
use crate::log::tree::Frontier;

/// The history of one key: how many entries, and the frontier of its own small log, whose j-th leaf is
/// `BE64(index) ‖ leaf_hash(index)` of its j-th entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyHistory {
    frontier: Frontier,
}

impl KeyHistory {
    /// Of a key under which nothing is filed.
    pub const fn new() -> Self {
        Self { frontier: Frontier::new() }
    }

    /// From the frontier that [`KeyHistory::frontier`] gave.
    pub const fn from_frontier(frontier: Frontier) -> Self {
        Self { frontier }
    }

    /// Files the entry at `index` of the log as the next one.
    pub fn push(&mut self, index: u64, leaf: LeafHash) {
        let mut own = [0; 40];
        own[..8].copy_from_slice(&index.to_be_bytes());
        own[8..].copy_from_slice(leaf.as_bytes());
        self.frontier.push(LeafHash::of(&own));
    }

    /// How many entries; the next one has this sequence.
    pub const fn count(&self) -> u64 {
        self.frontier.size()
    }

    /// The key's own log, to be kept.
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// `H("probity/history/v1\0" ‖ BE64(count) ‖ R)`: what the map holds for the key.
    pub fn value(&self) -> HistoryValue {
        let count = self.count().to_be_bytes();
        HistoryValue(hash(&[b"probity/history/v1\0", &count, self.frontier.root().as_bytes()]))
    }
}
