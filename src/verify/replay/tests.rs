use std::collections::BTreeMap;

use bytes::Bytes;

use crate::log::Body;
use crate::log::Entry;
use crate::log::Frontier;
use crate::log::MapRoot;
use crate::log::Root;
use crate::log::Seal;
use crate::log::TreeHead;
use crate::log::leaf_bytes;
use crate::verify::Entries;
use crate::verify::HeldHead;
use crate::verify::LeafReplay;
use crate::verify::Unreadable;
use crate::verify::Wanted;
use crate::verify::What;
use crate::verify::tests::Kept;
use crate::verify::tests::Written;
use crate::verify::tests::checked;
use crate::verify::tests::map_over;
use crate::verify::verify;

fn head_of(entries: &[Bytes]) -> TreeHead {
    let frontier: Frontier = entries.iter().map(|entry| checked(entry).leaf_hash).collect();
    TreeHead { size: frontier.size(), root: frontier.root() }
}

/// An entry again, recorded at another time, and those after it at no earlier one.
fn recorded_at(mut entries: Vec<Bytes>, from: usize, time_ms: u64) -> Vec<Bytes> {
    for at in from..entries.len() {
        let previous = checked(&entries[at - 1]).leaf_hash;
        let mut entry = checked(&entries[at]);
        (entry.leaf.previous, entry.leaf.recorded_at_ms) = (previous, time_ms);
        if let Body::Seal(seal) = &mut entry.leaf.body {
            (seal.map_root, seal.map_keys) = map_over(&entries[..at]);
        }
        entry.entry.leaf = entry.leaf.encode().into();
        entries[at] = entry.entry.encode().into();
    }
    entries
}

/// A log of two seals, a case between them filed again.
fn sealed_twice() -> Vec<Bytes> {
    let written = Written::begin().sealed(None);
    let entries = written.sealed(Some(6)).0;
    assert_eq!(entries.len(), 8);
    entries
}

fn check(name: &str, entries: impl Into<Vec<Bytes>>, held: &[HeldHead], expected: impl Into<Option<(u64, What)>>) {
    let (entries, expected) = (entries.into(), expected.into());
    let wanted = Wanted { held, threads: 2, ..Wanted::default() };
    let found = verify(&Kept(entries.clone(), BTreeMap::new()), &wanted, |_, _| {});
    assert_eq!(found.fault.map(|fault| (fault.index, fault.what)), expected, "{name}");
    if expected.is_none() {
        assert_eq!(found.tree, Some(head_of(&entries)), "{name}");
        assert_eq!(found.checkpoints, held.len() as u64, "{name}");
    }
}

#[test]
fn every_seal_and_every_checkpoint_is_made_again() {
    let entries = sealed_twice();
    let held =
        |size: usize, cosigned_s: &[u64]| HeldHead { head: head_of(&entries[..size]), cosigned_s: cosigned_s.to_vec() };
    check("nothing held", entries.clone(), &[], None);
    check("both held, one twice", entries.clone(), &[held(7, &[]), held(8, &[]), held(7, &[])], None);
    let now_s = checked(&entries[7]).leaf.recorded_at_ms / 1000;
    check("cosigned in time", entries.clone(), &[held(7, &[now_s, now_s + 600]), held(8, &[now_s + 700])], None);
    check("a witness's clock is a minute behind", entries.clone(), &[held(8, &[now_s - 59])], None);
}

#[test]
fn what_a_server_with_its_key_can_lie_about_is_found() {
    let entries = sealed_twice();
    let head = |size: usize| HeldHead { head: head_of(&entries[..size]), cosigned_s: Vec::new() };
    let seal = |change: &dyn Fn(&mut Seal)| {
        let (map_root, map_keys) = map_over(&entries[..7]);
        let mut seal = Seal { map_root, map_keys, previous: Some(6) };
        change(&mut seal);
        let what =
            What::Map { expected: map_root, expected_keys: map_keys, found: seal.map_root, found_keys: seal.map_keys };
        (Written(entries[..7].to_vec()).then(Body::Seal(seal)).0, Some((7, what)))
    };
    let (lying, what) = seal(&|seal| seal.map_root = MapRoot([7; 32]));
    check("a wrong map", lying, &[], what);
    let (lying, what) = seal(&|seal| seal.map_keys -= 1);
    check("a key less", lying, &[], what);

    let forked = HeldHead { head: TreeHead { root: Root([9; 32]), ..head(7).head }, cosigned_s: Vec::new() };
    let what = What::Root { size: 7, expected: Root([9; 32]), found: head(7).head.root };
    check("another root", entries.clone(), &[forked.clone(), head(8)], Some((6, what.clone())));
    check("one of two of the same size", entries.clone(), &[head(7), forked], Some((6, what)));
    check("a checkpoint without a SEAL", entries.clone(), &[head(6)], Some((5, What::NoSeal)));
    let beyond = HeldHead { head: TreeHead { size: 9, root: Root([1; 32]) }, cosigned_s: Vec::new() };
    check("rolled back", entries.clone(), &[beyond], Some((8, What::Missing { size: 8 })));
    check("cut behind a seal", entries[..7].to_vec(), &[head(8)], Some((7, What::Missing { size: 7 })));
}

#[test]
fn times_that_cosignatures_do_not_allow_are_found() {
    let entries = sealed_twice();
    let at_ms = checked(&entries[6]).leaf.recorded_at_ms;
    let at_s = at_ms / 1000;
    let held = |cosigned_s: u64| HeldHead { head: head_of(&entries[..7]), cosigned_s: vec![cosigned_s] };
    let early = at_s - 61;
    let what = What::AfterCosignature { cosigned_s: early, found: at_ms };
    check("recorded after it was cosigned", entries.clone(), &[held(early)], Some((6, what)));
    // A quiet night, and what is recorded in the morning says that it was the evening.
    let delay_s = match checked(&entries[0]).leaf.body {
        Body::Genesis(genesis) => genesis.longest_delay_s,
        _ => unreachable!("the first entry is GENESIS"),
    };
    let night_s = at_s + 36_000;
    let what = What::BackDated { cosigned_s: night_s, longest_delay_s: delay_s, found: at_ms };
    check("back-dated after a quiet night", entries.clone(), &[held(night_s)], Some((7, what)));
    let earliest_ms = (night_s - u64::from(delay_s) - 60) * 1000;
    check("as late as it may be", recorded_at(entries.clone(), 7, earliest_ms), &[held(night_s)], None);
    let late = recorded_at(entries.clone(), 7, earliest_ms - 1);
    let what = What::BackDated { cosigned_s: night_s, longest_delay_s: delay_s, found: earliest_ms - 1 };
    check("a millisecond earlier", late, &[held(night_s)], Some((7, what)));
}

/// Leaves of entries, as tiles have them.
struct Leaves(Vec<Bytes>);

impl Entries for Leaves {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, from: u64, _: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let at = usize::try_from(from).unwrap();
        Ok(self.0.get(at).map(|leaf| (from, leaf.clone())).into_iter().collect())
    }
}

#[test]
fn leaves_alone_are_verified_as_they_come() {
    let entries = sealed_twice();
    let leaves = Leaves(entries.iter().map(|entry| Bytes::copy_from_slice(leaf_bytes(entry).unwrap())).collect());
    let mut replay = LeafReplay::default();
    for (at, leaf) in leaves.0.iter().enumerate() {
        replay.take(leaf, &leaves).unwrap();
        assert_eq!(replay.head(), head_of(&entries[..=at]));
    }
    assert_eq!(replay.origin(), "log.example/tests");
    assert_eq!(replay.keys().in_force(8).count(), 1);
    let again = replay.take(&leaves.0[7], &leaves).unwrap_err();
    assert_eq!((again.index, again.what), (8, What::Index { found: 7 }));

    for at in 0..leaves.0.len() {
        let mut replay = LeafReplay::default();
        let mut damaged = leaves.0[at].to_vec();
        // The last byte of every kind is one that something else depends on.
        *damaged.last_mut().unwrap() ^= 1;
        let taken = leaves
            .0
            .iter()
            .enumerate()
            .try_for_each(|(index, leaf)| replay.take(if index == at { &damaged } else { leaf }, &leaves));
        let last = at + 1 == leaves.0.len();
        let fault = taken.err().map(|fault| fault.index);
        assert!(fault.is_some_and(|found| found == at as u64 || found == at as u64 + 1) || last, "{at}: {fault:?}");
    }
    let torn = Entry::check(&entries[0]).unwrap().entry.leaf;
    assert!(LeafReplay::default().take(&torn[..torn.len() - 1], &leaves).is_err());
}
