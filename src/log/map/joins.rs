//! A complete binary tree of joins over subtrees, some of which are empty.

use crate::log::hash::Key;
use crate::log::hash::NodeHash;
use crate::log::map::MapStep;
use crate::log::map::bit_of;
use crate::log::map::fold::join;

/// Joins over 2^`bits` subtrees that part at the bits `first_bit`, `first_bit + 1`, … of their keys. Node 1 is the root,
/// the children of node n are 2n and 2n + 1, and the subtrees themselves are the last half.
#[derive(Clone, Debug)]
pub(super) struct Joins {
    first_bit: u8,
    bits: u8,
    nodes: Box<[Option<NodeHash>]>,
}

impl Joins {
    pub(super) fn new(first_bit: u8, bits: u8) -> Self {
        Self { first_bit, bits, nodes: vec![None; 2 << bits].into() }
    }

    pub(super) const fn bits(&self) -> u8 {
        self.bits
    }

    pub(super) const fn root(&self) -> Option<NodeHash> {
        self.nodes[1]
    }

    /// One of the subtrees.
    pub(super) const fn subtree(&self, place: usize) -> Option<NodeHash> {
        self.nodes[(1 << self.bits) + place]
    }

    /// Sets subtrees, which ascend, and joins again what stands above them, each node once.
    pub(super) fn set(&mut self, subtrees: impl IntoIterator<Item = (usize, Option<NodeHash>)>) {
        let mut changed: Vec<usize> = Vec::new();
        for (place, hash) in subtrees {
            let node = (1 << self.bits) + place;
            self.nodes[node] = hash;
            changed.push(node);
        }
        for level in (0..self.bits).rev() {
            for node in &mut changed {
                *node /= 2;
            }
            changed.dedup();
            for node in &changed {
                self.nodes[*node] = join(self.first_bit + level, self.nodes[2 * node], self.nodes[2 * node + 1]);
            }
        }
    }

    /// Goes down to the subtree where a key has its place, noting what stands on the other side of each division.
    pub(super) fn descend(&self, key: &Key, steps: &mut Vec<MapStep>) -> Option<usize> {
        self.root()?;
        let mut node = 1;
        for bit in self.first_bit..self.first_bit + self.bits {
            let [left, right] = [2 * node, 2 * node + 1];
            node = match (self.nodes[left], self.nodes[right]) {
                (Some(sibling), Some(_)) if bit_of(key, bit) => {
                    steps.push(MapStep { bit, sibling });
                    right
                }
                (Some(_), Some(sibling)) => {
                    steps.push(MapStep { bit, sibling });
                    left
                }
                (Some(_), None) => left,
                (None, _) => right,
            };
        }
        Some(node - (1 << self.bits))
    }
}
