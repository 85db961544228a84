use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::log::Body;
use crate::log::Frontier;
use crate::log::MapRoot;
use crate::log::Root;
use crate::log::Seal;
use crate::log::TreeHead;
use crate::log::leaf_bytes;
use crate::verify::Entries;
use crate::verify::Fault;
use crate::verify::HeldHead;
use crate::verify::LeafReplay;
use crate::verify::Pieces;
use crate::verify::Stop;
use crate::verify::Unreadable;
use crate::verify::Wanted;
use crate::verify::What;
use crate::verify::tests::Kept;
use crate::verify::tests::Written;
use crate::verify::tests::checked;
use crate::verify::tests::erasure;
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

/// Leaves of entries, or their hashes, as tiles have them.
struct Tiled(Vec<Bytes>, Pieces);

impl Tiled {
    fn leaves(entries: &[Bytes]) -> Self {
        Self(entries.iter().map(|entry| Bytes::copy_from_slice(leaf_bytes(entry).unwrap())).collect(), Pieces::Leaves)
    }

    fn hashes(entries: &[Bytes]) -> Self {
        let hash = |entry| Bytes::copy_from_slice(&checked(entry).leaf_hash.0);
        Self(entries.iter().map(hash).collect(), Pieces::Hashes)
    }
}

impl Entries for Tiled {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn pieces(&self) -> Pieces {
        self.1
    }

    fn read(&self, from: u64, _: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let at = usize::try_from(from).unwrap();
        Ok(self.0.get(at).map(|leaf| (from, leaf.clone())).into_iter().collect())
    }
}

fn on(replay: &mut LeafReplay, entries: &Tiled, to: u64) -> Result<(), Stop> {
    replay.advance(entries, to, &Wanted { threads: 1, ..Wanted::default() }, |_| {})
}

fn held(entries: &[Bytes], size: usize, cosigned_s: &[u64]) -> HeldHead {
    HeldHead { head: head_of(&entries[..size]), cosigned_s: cosigned_s.to_vec() }
}

/// The log with an erasure, which needs an earlier entry again.
fn erased() -> Vec<Bytes> {
    let mut written = Written::begin();
    written.0.push(erasure(&written.0, 4, 1));
    let entries = written.sealed(None).0;
    assert!(verify(&Kept(entries.clone(), BTreeMap::new()), &Wanted::default(), |_, _| {}).is_good());
    entries
}

#[test]
fn whoever_goes_on_after_each_entry_finds_what_one_who_never_stopped_does() {
    for entries in [sealed_twice(), erased()] {
        for tiled in [Tiled::leaves(&entries), Tiled::hashes(&entries)] {
            let (size, held) = (tiled.size(), [held(&entries, entries.len(), &[])]);
            let mut whole = LeafReplay::new(tiled.1);
            assert_eq!(whole.hold(&held), Ok(true));
            on(&mut whole, &tiled, size).unwrap();
            let mut resumed = LeafReplay::new(tiled.1);
            for to in 1..=size {
                resumed = LeafReplay::decode(&resumed.encode()).unwrap();
                assert_eq!(resumed.hold(&held), Ok(true));
                on(&mut resumed, &tiled, to).unwrap();
                assert_eq!(resumed.head(), head_of(&entries[..usize::try_from(to).unwrap()]));
            }
            assert_eq!(resumed.encode(), whole.encode());
            let report = whole.report(None);
            assert!(report.is_good() && report.checkpoints == 1, "{report:?}");
            assert_eq!(resumed.report(None), report);
        }
    }
}

#[test]
fn leaves_that_are_damaged_are_found_and_the_first_of_them_is_named() {
    let entries = sealed_twice();
    let leaves = Tiled::leaves(&entries);
    for at in 0..leaves.0.len() {
        let mut damaged = Tiled::leaves(&entries);
        let mut leaf = damaged.0[at].to_vec();
        // The last byte of every kind is one that something else depends on.
        *leaf.last_mut().unwrap() ^= 1;
        damaged.0[at] = leaf.into();
        let mut replay = LeafReplay::default();
        replay.hold(&[held(&entries, 8, &[])]).unwrap();
        let Err(Stop::Fault(fault)) = on(&mut replay, &damaged, 8) else { panic!("{at}: not found") };
        assert!(fault.index == at as u64 || fault.index == at as u64 + 1, "{at}: {fault}");
    }
    let mut torn = leaves;
    let short = torn.0[0].len() - 1;
    torn.0[0].truncate(short);
    assert!(matches!(on(&mut LeafReplay::default(), &torn, 8), Err(Stop::Fault(fault)) if fault.index == 0));
}

/// The log that was changed below where an earlier run was, in every entry, and linked and sealed anew.
#[test]
fn a_log_that_changed_below_does_not_go_on() {
    let entries = sealed_twice();
    for at in 2..7 {
        let mut before = LeafReplay::default();
        on(&mut before, &Tiled::leaves(&entries), 7).unwrap();
        let later_ms = checked(&entries[7]).leaf.recorded_at_ms + 1;
        let changed = recorded_at(entries.clone(), at, later_ms);
        let again = verify(&Kept(changed.clone(), BTreeMap::new()), &Wanted::default(), |_, _| {});
        assert!(again.is_good(), "{at}: by itself nothing shows it");
        assert_eq!(before.hold(&[held(&changed, 8, &[])]), Ok(true));
        let stop = on(&mut before, &Tiled::leaves(&changed), 8).unwrap_err();
        assert!(matches!(&stop, Stop::Fault(Fault { index: 7, what: What::Chain { .. } })), "{at}: {stop}");
        // Of hashes, the root shows it.
        let mut before = LeafReplay::new(Pieces::Hashes);
        on(&mut before, &Tiled::hashes(&entries), 7).unwrap();
        before.hold(&[held(&changed, 8, &[])]).unwrap();
        let stop = on(&mut before, &Tiled::hashes(&changed), 8).unwrap_err();
        assert!(matches!(&stop, Stop::Fault(Fault { index: 7, what: What::Root { .. } })), "{at}: {stop}");
    }
}

#[test]
fn a_checkpoint_below_is_held_when_it_was_held_then_and_else_asks_for_another_beginning() {
    let entries = sealed_twice();
    let now_s = checked(&entries[7]).leaf.recorded_at_ms / 1000;
    let mut replay = LeafReplay::default();
    let leaves = Tiled::leaves(&entries);
    replay.hold(&[held(&entries, 7, &[now_s])]).unwrap();
    on(&mut replay, &leaves, 7).unwrap();
    // At its end: looked at once.
    assert_eq!(replay.hold(&[held(&entries, 7, &[now_s, now_s + 5])]), Ok(true));
    let early = replay.hold(&[held(&entries, 7, &[now_s - 3600])]).unwrap_err();
    assert!(matches!(early.what, What::AfterCosignature { .. }), "{early}");
    let other = HeldHead { head: TreeHead { size: 7, root: Root([1; 32]) }, cosigned_s: Vec::new() };
    assert!(matches!(replay.hold(&[other]), Err(Fault { index: 6, what: What::Root { .. } })));
    // Below it.
    let mut replay = LeafReplay::default();
    replay.hold(&[held(&entries, 7, &[now_s])]).unwrap();
    on(&mut replay, &leaves, 8).unwrap();
    assert_eq!(replay.hold(&[held(&entries, 7, &[now_s])]), Ok(true));
    assert_eq!(replay.hold(&[held(&entries, 7, &[])]), Ok(true));
    assert_eq!(replay.hold(&[held(&entries, 7, &[now_s, now_s + 1])]), Ok(false));
    assert_eq!(replay.hold(&[held(&entries, 4, &[])]), Ok(false));
    // A seal is asked of an end, also when it is looked at later.
    let mut replay = LeafReplay::default();
    on(&mut replay, &leaves, 5).unwrap();
    assert!(matches!(replay.hold(&[held(&entries, 5, &[])]), Err(Fault { index: 4, what: What::NoSeal })));
}

#[test]
fn a_cosignature_of_an_earlier_run_still_shows_back_dating() {
    let entries = sealed_twice();
    let leaves = Tiled::leaves(&entries);
    let night_s = checked(&entries[7]).leaf.recorded_at_ms / 1000 + 36_000;
    let mut replay = LeafReplay::default();
    replay.hold(&[held(&entries, 7, &[night_s])]).unwrap();
    on(&mut replay, &leaves, 7).unwrap();
    let mut replay = LeafReplay::decode(&replay.encode()).unwrap();
    let stop = on(&mut replay, &leaves, 8).unwrap_err();
    assert!(matches!(&stop, Stop::Fault(Fault { index: 7, what: What::BackDated { .. } })), "{stop}");
}

#[test]
fn a_state_that_is_not_as_it_was_written_is_none() {
    let entries = sealed_twice();
    let mut replay = LeafReplay::default();
    on(&mut replay, &Tiled::leaves(&entries), 8).unwrap();
    let state = replay.encode();
    for at in 0..state.len() {
        let mut damaged = state.clone();
        damaged[at] ^= 1;
        assert!(LeafReplay::decode(&damaged).is_err(), "byte {at}");
        assert!(LeafReplay::decode(&state[..at]).is_err(), "cut at {at}");
    }
    assert!(LeafReplay::decode(&[&state[..], &[0]].concat()).is_err());
}

/// Leaves whose reader is interrupted while it reads one of them.
struct Interrupted(Tiled, u64, AtomicBool);

impl Entries for Interrupted {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn pieces(&self) -> Pieces {
        self.0.pieces()
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        self.2.fetch_or(from == self.1, Ordering::Relaxed);
        self.0.read(from, bytes_max)
    }
}

#[test]
fn whoever_is_interrupted_has_verified_what_was_read_and_says_that_it_is_not_all() {
    let entries = sealed_twice();
    let mut whole = LeafReplay::default();
    on(&mut whole, &Tiled::leaves(&entries), 8).unwrap();
    for at in 0..7 {
        let source = Interrupted(Tiled::leaves(&entries), at, AtomicBool::new(false));
        let wanted = Wanted { interrupted: Some(&source.2), ..Wanted::default() };
        let mut replay = LeafReplay::default();
        replay.advance(&source, 8, &wanted, |_| {}).unwrap();
        assert_eq!(replay.head(), head_of(&entries[..=usize::try_from(at).unwrap()]));
        on(&mut replay, &source.0, 8).unwrap();
        assert_eq!(replay.encode(), whole.encode());
        source.2.store(false, Ordering::Relaxed);
        let report = verify(&source, &wanted, |_, _| {});
        assert!(!report.is_good() && report.entries == at + 1, "{report:?}");
    }
}
