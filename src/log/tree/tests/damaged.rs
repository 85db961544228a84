//! Every proof with something wrong with it.

use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::ProofFault;
use crate::log::Root;
use crate::log::TreeHead;
use crate::log::prove_consistency;
use crate::log::prove_inclusion;
use crate::log::tree::tests::Levels;
use crate::log::tree::tests::SIZE_MAX;
use crate::log::tree::tests::heads;
use crate::log::tree::tests::leaves;
use crate::log::verify_consistency;
use crate::log::verify_inclusion;

/// Proofs of the same length with one hash damaged, or two that stand together in the other order.
fn damaged(proof: &[NodeHash]) -> Vec<Vec<NodeHash>> {
    let mut all = Vec::new();
    for place in 0..proof.len() {
        let mut damaged = proof.to_vec();
        damaged[place].0[place % 32] ^= 1 << (place % 8);
        all.push(damaged);
        let mut swapped = proof.to_vec();
        if place > 0 && swapped[place - 1] != swapped[place] {
            swapped.swap(place - 1, place);
            all.push(swapped);
        }
    }
    all
}

/// Proofs with one hash less or one more, at every place.
fn of_other_lengths(proof: &[NodeHash]) -> (Vec<Vec<NodeHash>>, Vec<Vec<NodeHash>>) {
    let without = |place: usize| [&proof[..place], &proof[place + 1..]].concat();
    let with = |place: usize| [&proof[..place], &[NodeHash([7; 32])], &proof[place..]].concat();
    ((0..proof.len()).map(without).collect(), (0..=proof.len()).map(with).collect())
}

fn check_lengths(proof: &[NodeHash], verify: impl Fn(&[NodeHash]) -> Result<(), ProofFault>) {
    let (shorter, longer) = of_other_lengths(proof);
    let expected = proof.len();
    for other in shorter {
        assert_eq!(verify(&other), Err(ProofFault::TooShort { expected, found: expected - 1 }));
    }
    for other in longer {
        assert_eq!(verify(&other), Err(ProofFault::TooLong { expected, found: expected + 1 }));
    }
}

#[test]
fn no_inclusion_proof_survives_damage() {
    let leaves = leaves(SIZE_MAX);
    let (nodes, heads) = (Levels::over(&leaves), heads(&leaves));
    for head in &heads {
        for (index, leaf) in (0..head.size).zip(&leaves) {
            let proof = prove_inclusion(&nodes, index, head.size).unwrap();
            check_lengths(&proof, |proof| verify_inclusion(*leaf, index, *head, proof));
            for damaged in damaged(&proof) {
                let fault = verify_inclusion(*leaf, index, *head, &damaged).unwrap_err();
                assert!(matches!(fault, ProofFault::RootDiffers { .. }), "{index} in {}: {fault}", head.size);
            }
            let other = TreeHead { root: Root([9; 32]), ..*head };
            let fault = ProofFault::RootDiffers { expected: other.root, found: head.root };
            assert_eq!(verify_inclusion(*leaf, index, other, &proof), Err(fault));
            let fault = verify_inclusion(LeafHash([9; 32]), index, *head, &proof).unwrap_err();
            assert!(matches!(fault, ProofFault::RootDiffers { .. }), "another leaf at {index}: {fault}");
        }
    }
}

#[test]
fn no_leaf_is_proved_at_another_place() {
    let leaves = leaves(40);
    let (nodes, heads) = (Levels::over(&leaves), heads(&leaves));
    for head in &heads {
        for (index, leaf) in (0..head.size).zip(&leaves) {
            let proof = prove_inclusion(&nodes, index, head.size).unwrap();
            for other in (0..head.size).filter(|other| *other != index) {
                assert!(verify_inclusion(*leaf, other, *head, &proof).is_err(), "{index} at {other}");
            }
        }
    }
}

#[test]
fn no_consistency_proof_survives_damage() {
    let leaves = leaves(SIZE_MAX);
    let (nodes, heads) = (Levels::over(&leaves), heads(&leaves));
    for new in &heads {
        for old in &heads[1..=usize::try_from(new.size).unwrap()] {
            let proof = prove_consistency(&nodes, old.size, new.size).unwrap();
            check_lengths(&proof, |proof| verify_consistency(*old, *new, proof));
            for damaged in damaged(&proof) {
                let fault = verify_consistency(*old, *new, &damaged).unwrap_err();
                let of_a_root = matches!(fault, ProofFault::RootDiffers { .. } | ProofFault::OldRootDiffers { .. });
                assert!(of_a_root, "{} to {}: {fault}", old.size, new.size);
            }
        }
    }
}

#[test]
fn no_other_root_is_consistent() {
    let leaves = leaves(70);
    let (nodes, heads) = (Levels::over(&leaves), heads(&leaves));
    let forked = |head: &TreeHead| TreeHead { root: Root([9; 32]), ..*head };
    for new in &heads {
        for old in &heads[1..=usize::try_from(new.size).unwrap()] {
            let proof = prove_consistency(&nodes, old.size, new.size).unwrap();
            let fault = verify_consistency(*old, forked(new), &proof).unwrap_err();
            assert!(matches!(fault, ProofFault::RootDiffers { .. }), "{} to {}: {fault}", old.size, new.size);
            assert!(verify_consistency(forked(old), *new, &proof).is_err());
            if old.size < new.size {
                let fault = ProofFault::OldBeyondNew { old: new.size, new: old.size };
                assert_eq!(verify_consistency(*new, *old, &proof), Err(fault));
            }
        }
        assert_eq!(verify_consistency(TreeHead::EMPTY, *new, &[]), Err(ProofFault::OldIsEmpty));
    }
}

/// Sizes that no tree here has: nothing overflows, and the number of hashes is checked before any is used.
#[test]
fn the_largest_sizes_are_only_numbers() {
    let hashes = vec![NodeHash([1; 32]); 130];
    let sizes = [1, 2, 3, (1 << 32) - 1, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX];
    for size in sizes {
        let tree = TreeHead { size, root: Root([0; 32]) };
        for index in sizes.into_iter().filter(|index| *index < size) {
            let old = TreeHead { size: index, root: Root([0; 32]) };
            for len in 0..hashes.len() {
                assert!(verify_inclusion(LeafHash::NONE, index, tree, &hashes[..len]).is_err());
                assert!(verify_consistency(old, tree, &hashes[..len]).is_err());
            }
        }
    }
}
