//! What is planned while another batch is being stored.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;

use crate::ledger::fixture::case;
use crate::ledger::fixture::person;
use crate::log::Entry;
use crate::sequencer::AppendError;
use crate::sequencer::Health;
use crate::sequencer::Limits;
use crate::sequencer::tests::Bench;
use crate::sequencer::tests::bench;
use crate::store::EntryBytes;
use crate::store::LogStore;
use crate::store::StoreError;
use crate::store::StoreStats;

/// A store that says when an append has come to it, and waits for what is to become of it.
#[derive(Debug)]
struct Told<S> {
    inner: S,
    came: Sender<usize>,
    fate: Mutex<Receiver<Fate>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stored,
    NoSpace,
    Broken,
}

impl<S: LogStore> LogStore for Told<S> {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn append(&self, entries: &[EntryBytes]) -> Result<(), StoreError> {
        let _nobody_looks = self.came.send(entries.len());
        match self.fate.lock().unwrap().recv() {
            Ok(Fate::NoSpace) => Err(StoreError::NoSpace { free: 1, reserve: 2 }),
            Ok(Fate::Broken) => Err(StoreError::SyncFailed { what: "as told".to_owned() }),
            Ok(Fate::Stored) | Err(_) => self.inner.append(entries),
        }
    }

    fn get(&self, index: u64) -> Result<Option<EntryBytes>, StoreError> {
        self.inner.get(index)
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
        self.inner.read(from, bytes_max)
    }

    fn stats(&self) -> StoreStats {
        self.inner.stats()
    }
}

fn told() -> (Bench, Receiver<usize>, Sender<Fate>) {
    let ((came, comes), (decide, fate)) = (channel(), channel());
    let wrap = |inner| Told { inner, came, fate: Mutex::new(fate) };
    (bench(wrap, Limits::default(), false), comes, decide)
}

/// Two requests: the first is being stored, the second is planned above it and points to it; a third asks for the
/// first again.
fn two_and_a_repeat(fate: Fate) -> (Bench, [Result<u64, AppendError>; 3]) {
    let (bench, comes, decide) = told();
    let first = bench.queue(1, &[person(1)]);
    assert_eq!(comes.recv().unwrap(), 1);
    let second = bench.queue(2, &[case(10, &[1])]);
    let again = bench.queue(1, &[person(1)]);
    decide.send(fate).unwrap();
    drop(decide);
    let outcomes = [first, second, again]
        .map(|answer| answer.blocking_recv().unwrap().map(|recorded| recorded.receipt.first_index));
    (bench, outcomes)
}

#[test]
fn a_batch_sees_the_one_that_is_being_stored() {
    let (bench, outcomes) = two_and_a_repeat(Fate::Stored);
    assert_eq!(outcomes, [Ok(1), Ok(2), Ok(1)]);
    bench.check(3);
}

#[test]
fn nothing_is_stored_above_a_batch_that_failed() {
    let (bench, [first, second, again]) = two_and_a_repeat(Fate::Broken);
    assert_eq!(first, Err(AppendError::OutcomeUnknown));
    // They may have come before the failure was known, or after it.
    assert_eq!(second, Err(AppendError::Stopped));
    assert!(matches!(again, Err(AppendError::OutcomeUnknown | AppendError::Stopped)), "{again:?}");
    assert!(matches!(*bench.sequencer.health.borrow(), Health::Stopped { .. }));
    bench.check(1);
}

#[test]
fn a_batch_without_room_takes_along_what_was_planned_above_it_and_nothing_else() {
    let (bench, [first, second, again]) = two_and_a_repeat(Fate::NoSpace);
    assert_eq!(first, Err(AppendError::DiskNearlyFull));
    // Planned above the first it shares its fate; planned after it, nobody is registered.
    assert!(matches!(second, Err(AppendError::DiskNearlyFull | AppendError::Refused(_))), "{second:?}");
    assert!(!matches!(again, Err(AppendError::Stopped)), "{again:?}");
    assert_eq!(*bench.sequencer.health.borrow(), Health::Writing);
    let index = bench.append(1, &[person(1)]).unwrap().receipt.first_index;
    assert_eq!(index, 1);
    assert_eq!(bench.append(2, &[case(10, &[1])]).unwrap().receipt.first_index, 2);
    bench.check(3);
}

/// Many clients, a disk that is full now and then: whoever has a receipt finds his request there, once.
#[test]
fn receipts_are_true_whatever_becomes_of_the_batches_between() {
    let (bench, comes, decide) = told();
    let fates = std::thread::spawn(move || {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        while comes.recv().is_ok() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let fate = if (random >> 60) < 5 { Fate::NoSpace } else { Fate::Stored };
            if decide.send(fate).is_err() {
                break;
            }
        }
    });
    let mut receipts: BTreeMap<u8, u64> = BTreeMap::new();
    for round in 0..40_u8 {
        let asked: Vec<u8> = (0..12).map(|number| (round * 5 + number * 3) % 200).collect();
        let answers: Vec<_> = asked.iter().map(|number| bench.queue(*number, &[person(u64::from(*number))])).collect();
        for (number, answer) in asked.iter().zip(answers) {
            match answer.blocking_recv().unwrap() {
                Ok(recorded) => {
                    let index = recorded.receipt.first_index;
                    assert_eq!(*receipts.entry(*number).or_insert(index), index, "a repeat has the first receipt");
                }
                Err(AppendError::DiskNearlyFull | AppendError::OutcomeUnknown) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!(receipts.len() > 100, "{} receipts", receipts.len());
    for (number, index) in &receipts {
        let entry = Entry::check(&bench.store.get(*index).unwrap().unwrap()).unwrap();
        assert_eq!(entry.manifest.unwrap().request_id, [*number; 16]);
    }
    let size = bench.store.size();
    bench.check(size);
    drop(bench);
    fates.join().unwrap();
}
