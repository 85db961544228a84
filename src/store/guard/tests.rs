use std::fs;
use std::path::Path;

use crate::log::LeafHash;
use crate::store::Guard;
use crate::store::GuardState;
use crate::store::StoreError;
use crate::store::guard::Numbered;
use crate::store::guard::decode;
use crate::store::guard::encode;
use crate::store::tests::folder;

fn state(size: u64) -> GuardState {
    GuardState {
        size,
        leaf: LeafHash([u8::try_from(size).unwrap(); 32]),
        checkpoint_size: size / 2,
        checkpoint_root: [5; 32],
        index_position: size / 3,
        newest_volume: 1,
    }
}

/// A guard that was written with sizes 1, 2 and 3.
fn written(path: &Path) {
    let guard = Guard::create(path).unwrap();
    for size in 1..=3 {
        guard.update(|now| *now = state(size)).unwrap();
    }
}

/// Given the bytes of such a guard, changed, it opens with `expected`.
fn check(change: impl Fn(&mut Vec<u8>), expected: Result<GuardState, &str>) {
    let data = folder();
    let path = data.path().join("guard");
    written(&path);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    let expected = expected.map_err(|what| StoreError::Guard { what: what.to_owned() });
    assert_eq!(Guard::read(&path), expected);
    assert_eq!(Guard::open(&path).map(|guard| guard.state()), expected);
}

#[test]
fn it_knows_what_was_written_last() {
    check(|_| (), Ok(state(3)));
    let data = folder();
    let path = data.path().join("guard");
    assert_eq!(Guard::create(&path).unwrap().state(), GuardState::EMPTY);
    assert_eq!(Guard::open(&path).unwrap().state(), GuardState::EMPTY);
    assert_eq!(fs::metadata(&path).unwrap().len(), 8192);
}

#[test]
fn a_torn_slot_falls_back_to_the_other() {
    // Counters: 1 and 2 at creation, so sizes 1, 2, 3 have 3, 4, 5, and the odd ones lie in the second slot.
    check(|bytes| bytes[4096 + 100] ^= 1, Ok(state(2)));
    check(|bytes| bytes[4096..4096 + 256].fill(0), Ok(state(2)));
    check(|bytes| bytes[100] ^= 1, Ok(state(3)));
    check(|bytes| bytes.truncate(4096 + 511), Ok(state(2)));
}

#[test]
fn every_flipped_bit_of_a_slot_is_seen() {
    let numbered = Numbered { counter: 9, state: state(77) };
    let good = encode(&numbered);
    assert_eq!(decode(&good), Some(numbered));
    for bit in 0..512 * 8 {
        let mut bad = good;
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&bad), None, "bit {bit}");
    }
}

#[test]
fn what_is_no_guard() {
    let neither = Err("neither of its two slots is whole");
    check(Vec::clear, neither);
    check(|bytes| bytes.truncate(100), neither);
    check(|bytes| bytes.fill(0), neither);
    check(
        |bytes| {
            bytes[0] ^= 1;
            bytes[4096] ^= 1;
        },
        neither,
    );
    let data = folder();
    let path = data.path().join("guard");
    let missing = StoreError::Guard { what: "its file is missing".to_owned() };
    assert_eq!(Guard::read(&path), Err(missing.clone()));
    assert_eq!(Guard::open(&path).unwrap_err(), missing);
    written(&path);
    assert!(matches!(Guard::create(&path), Err(StoreError::Io { .. })));
}

#[test]
fn it_never_goes_back() {
    let data = folder();
    let path = data.path().join("guard");
    written(&path);
    let guard = Guard::open(&path).unwrap();
    let backwards = Err(StoreError::GuardBackwards { stands: 3, asked: 2 });
    assert_eq!(guard.update(|now| now.size = 2), backwards);
    assert_eq!(guard.update(|now| now.newest_volume = 0), Err(StoreError::GuardBackwards { stands: 3, asked: 3 }));
    assert_eq!(guard.state(), state(3));
    assert_eq!(Guard::read(&path), Ok(state(3)));
}

#[test]
fn both_slots_know_of_the_newest_volume_after_it_was_opened() {
    let data = folder();
    let path = data.path().join("guard");
    let guard = Guard::create(&path).unwrap();
    guard.update(|now| now.newest_volume = 40).unwrap();
    drop(guard);
    Guard::open(&path).unwrap();
    for spoilt in [10, 4096 + 10] {
        let mut bytes = fs::read(&path).unwrap();
        bytes[spoilt] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(Guard::read(&path).map(|state| state.newest_volume), Ok(40));
        Guard::open(&path).unwrap();
    }
}

#[test]
fn whoever_must_not_wait_is_told_what_it_knows_or_that_it_is_busy() {
    let data = folder();
    let guard = Guard::create(&data.path().join("guard")).unwrap();
    assert_eq!(guard.state_if_idle(), Some(GuardState::EMPTY));
    guard
        .update(|now| {
            assert_eq!(guard.state_if_idle(), None);
            *now = state(1);
        })
        .unwrap();
    assert_eq!(guard.state_if_idle(), Some(state(1)));
}
