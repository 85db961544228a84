//! Subtrees of the map: folding sorted keys, joining what was folded, and going down to a key.

use crate::log::hash::HistoryValue;
use crate::log::hash::Key;
use crate::log::hash::MapRoot;
use crate::log::hash::NodeHash;
use crate::log::map::MapPath;
use crate::log::map::MapStep;
use crate::log::map::bit_of;
use crate::log::map::first_difference;
use crate::log::map::inner;
use crate::log::map::map_leaf;

/// A key with the hash of its leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapItem {
    /// The key.
    pub key: Key,
    /// `H(0x00 ‖ uvarint(32) ‖ k ‖ uvarint(32) ‖ v)`.
    pub leaf: NodeHash,
}

impl MapItem {
    /// What the map holds for a key.
    pub fn new(key: Key, value: &HistoryValue) -> Self {
        Self { key, leaf: map_leaf(&key, value) }
    }
}

/// The root of the map with these keys, which ascend.
pub fn map_root(items: &[MapItem]) -> MapRoot {
    subtree(items).map_or(MapRoot::EMPTY, |hash| MapRoot(hash.0))
}

/// Goes down to the place of a key among keys that ascend: the key found there, which is the one asked for when it is in
/// the map, and its path. `None` in a map without keys.
pub fn prove_in_map(items: &[MapItem], key: &Key) -> Option<(MapItem, MapPath)> {
    let mut steps = Vec::new();
    let found = descend(items, key, &mut steps)?;
    Some((items[found], MapPath::from_descent(steps)))
}

/// Two sides of a bit: an inner node over both, or, as in every Patricia tree, the one that is not empty as it is. The
/// one place where a node of the map is made, inside buckets and above them.
pub(super) fn join(bit: u8, left: Option<NodeHash>, right: Option<NodeHash>) -> Option<NodeHash> {
    match (left, right) {
        (Some(left), Some(right)) => Some(inner(bit, &left, &right)),
        (one, other) => one.or(other),
    }
}

/// The subtree over keys that ascend; they divide at the first bit in which the first and the last differ.
pub(super) fn subtree(items: &[MapItem]) -> Option<NodeHash> {
    let [first, .., last] = items else {
        return items.first().map(|item| item.leaf);
    };
    let (bit, middle) = divide(items, first, last);
    join(bit, subtree(&items[..middle]), subtree(&items[middle..]))
}

/// Goes down to the place of a key, noting what stands on the other side of each division; which item is there.
pub(super) fn descend(items: &[MapItem], key: &Key, steps: &mut Vec<MapStep>) -> Option<usize> {
    let (mut start, mut end) = (0, items.len());
    while let [first, .., last] = &items[start..end] {
        let (bit, middle) = divide(&items[start..end], first, last);
        let middle = start + middle;
        let (own, other) = if bit_of(key, bit) { (middle..end, start..middle) } else { (start..middle, middle..end) };
        let sibling = subtree(&items[other]).expect("each side of a division has a key");
        steps.push(MapStep { bit, sibling });
        (start, end) = (own.start, own.end);
    }
    (start < end).then_some(start)
}

fn divide(items: &[MapItem], first: &MapItem, last: &MapItem) -> (u8, usize) {
    let bit = first_difference(&first.key, &last.key).expect("keys ascend");
    (bit, items.partition_point(|item| !bit_of(&item.key, bit)))
}
