use std::sync::Arc;

use bytes::Bytes;

use crate::log::Frontier;
use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::ProveError;
use crate::log::Root;
use crate::log::Tile;
use crate::log::TileKind;
use crate::log::TreeHead;
use crate::log::prove_consistency;
use crate::log::prove_inclusion;
use crate::log::root_at;
use crate::log::verify_consistency;
use crate::log::verify_inclusion;
use crate::publish::PublishError;
use crate::publish::tree::GROUP;
use crate::publish::tree::LogTree;
use crate::store::LogStore;
use crate::store::MemoryStore;

fn leaf(index: u64) -> Vec<u8> {
    format!("leaf {index}").into_bytes()
}

/// An entry with this leaf, and more behind it.
fn entry(leaf: &[u8]) -> Bytes {
    let len = u16::try_from(leaf.len()).unwrap().to_be_bytes();
    [&len, leaf, b"the rest"].concat().into()
}

/// The tree over so many entries, folded as it is while a log grows; in the store, `changed` are others.
fn tree(size: u64, changed: &[u64]) -> LogTree {
    let store = MemoryStore::new();
    let stored = |index| entry(&leaf(if changed.contains(&index) { index + 1_000_000 } else { index }));
    store.append(&(0..size).map(stored).collect::<Vec<_>>()).unwrap();
    let tree = LogTree::new(Arc::new(store));
    let mut group = Frontier::new();
    for index in 0..size {
        group.push(LeafHash::of(&leaf(index)));
        if group.size() == GROUP {
            tree.push_group(NodeHash(std::mem::take(&mut group).root().0));
        }
    }
    tree
}

fn head(size: u64) -> TreeHead {
    TreeHead { size, root: root(size) }
}

fn root(size: u64) -> Root {
    (0..size).map(|index| LeafHash::of(&leaf(index))).collect::<Frontier>().root()
}

#[test]
fn every_proof_below_and_above_what_is_in_memory_verifies() {
    let tree = tree(600, &[]);
    for size in (0..=300).chain([511, 512, 513, 599, 600]) {
        assert_eq!(root_at(&tree, size).unwrap(), root(size), "{size}");
        // Around every border of a group, and here and there.
        for index in (0..size).filter(|index| [0, 1, 7, 31].contains(&(index % 32)) || index + 2 >= size) {
            let proof = prove_inclusion(&tree, index, size).unwrap();
            verify_inclusion(LeafHash::of(&leaf(index)), index, head(size), &proof).unwrap();
        }
    }
    for (old, new) in [(1, 31), (31, 32), (32, 33), (33, 64), (63, 257), (256, 512), (255, 600), (600, 600)] {
        let proof = prove_consistency(&tree, old, new).unwrap();
        verify_consistency(head(old), head(new), &proof).unwrap();
    }
    prove_inclusion(&tree, 0, 601).unwrap_err();
}

/// What is stored is not what was folded: no proof is made from it, and every other one is.
#[test]
fn what_was_changed_is_not_proved() {
    let (tree, size) = (tree(200, &[70, 195]), 200);
    for index in 0..size {
        let proof = prove_inclusion(&tree, index, size);
        if (64..96).contains(&index) {
            let Err(ProveError::Nodes(PublishError::Fold { index: at, .. })) = proof else {
                panic!("{index}: {proof:?}")
            };
            assert_eq!(at, 64);
            continue;
        }
        // The last group is not full: what is stored of it is hashed as it is, and leads to another root.
        let (proof, hash) = (proof.unwrap(), LeafHash::of(&leaf(index)));
        let stored = TreeHead { size, root: root_at(&tree, size).unwrap() };
        assert_eq!(verify_inclusion(hash, index, stored, &proof).is_ok(), index != 195, "{index}");
        assert_eq!(verify_inclusion(hash, index, head(size), &proof).is_ok(), index == 195, "{index}");
    }
}

#[test]
fn a_tile_is_cut_whole_or_not_at_all() {
    let hashes = |tile: Tile| -> Vec<u8> {
        let first = tile.number * 256;
        (first..first + u64::from(tile.width)).flat_map(|index| LeafHash::of(&leaf(index)).0).collect()
    };
    let good = tree(300, &[]);
    let changed = tree(300, &[40]);
    for width in [1, 31, 32, 33, 100, 255, 256] {
        let tile = |kind, number| Tile { kind, number, width };
        let lowest = tile(TileKind::Hashes(0), 0);
        assert_eq!(good.tile(lowest).unwrap(), hashes(lowest));
        let bundle = good.tile(tile(TileKind::Entries, 0)).unwrap();
        assert!(bundle.starts_with(b"\x00\x06leaf 0"));
        for kind in [TileKind::Hashes(0), TileKind::Entries] {
            let refused = changed.tile(tile(kind, 0)).unwrap_err();
            assert!(matches!(refused, PublishError::Fold { index: 32, .. }), "{width}: {refused}");
            let beyond = Tile { kind, number: 1, width };
            assert_eq!(changed.tile(beyond).is_ok(), width <= 44, "{width}");
        }
    }
    let nothing = Tile { kind: TileKind::Hashes(0), number: 0, width: 0 };
    assert_eq!(good.tile(nothing).unwrap(), b"");
    assert!(good.tile(Tile { kind: TileKind::Entries, number: u64::MAX, width: 1 }).is_err());
    assert!(good.tile(Tile { kind: TileKind::Entries, number: u64::MAX / 256, width: 256 }).is_err());
}
