mod pipeline;

use std::sync::Arc;

use futures_util::FutureExt as _;
use tempfile::TempDir;

use crate::clock::Clock;
use crate::clock::Settable;
use crate::events::Event;
use crate::index::Index;
use crate::keys::Keyring;
use crate::ledger::ContentChecked;
use crate::ledger::Head;
use crate::ledger::Prepared;
use crate::ledger::Refusal;
use crate::ledger::fixture::NOW_MS;
use crate::ledger::fixture::TinyLedger;
use crate::ledger::fixture::allegation;
use crate::ledger::fixture::case;
use crate::ledger::fixture::person;
use crate::log::Entry;
use crate::sequencer::Answer;
use crate::sequencer::AppendError;
use crate::sequencer::Health;
use crate::sequencer::Limits;
use crate::sequencer::Parts;
use crate::sequencer::Recorded;
use crate::sequencer::Sequencer;
use crate::sequencer::Waiting;
use crate::service::LogEntries;
use crate::store::LogStore;
use crate::store::MemoryStore;
use crate::store::StoreError;
use crate::store::StoreStats;
use crate::store::faulty::Failure;
use crate::store::faulty::FaultyStore;
use crate::store::runs::Position;
use crate::verify::verify_range;

/// A store that waits in `append` until it is told to go on, so that requests queue behind it.
#[derive(Debug)]
struct Gate<S> {
    inner: S,
    open: std::sync::Mutex<std::sync::mpsc::Receiver<()>>,
}

impl<S: LogStore> LogStore for Gate<S> {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn append(&self, entries: &[crate::store::EntryBytes]) -> Result<(), StoreError> {
        self.open.lock().unwrap().recv().unwrap();
        self.inner.append(entries)
    }

    fn get(&self, index: u64) -> Result<Option<crate::store::EntryBytes>, StoreError> {
        self.inner.get(index)
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, crate::store::EntryBytes)>, StoreError> {
        self.inner.read(from, bytes_max)
    }

    fn stats(&self) -> StoreStats {
        self.inner.stats()
    }
}

/// A writer over a store in memory, and everything to look at it with.
struct Bench {
    sequencer: Sequencer,
    store: Arc<dyn LogStore>,
    ledger: TinyLedger,
    clock: Arc<Settable>,
    _folder: TempDir,
}

fn bench<S: LogStore + 'static>(wrap: impl FnOnce(MemoryStore) -> S, limits: Limits, accept_gap: bool) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let ledger = TinyLedger::new();
    let memory = MemoryStore::new();
    memory.append(&ledger.entries).unwrap();
    let store: Arc<dyn LogStore> = Arc::new(wrap(memory));
    let index = Arc::new(Index::open(&folder.path().join("views")).unwrap());
    index.apply(Vec::new(), Position { size: 1, leaf_hash: ledger.head.leaf_hash.0 });
    let clock = Settable::at(NOW_MS);
    let parts = Parts {
        store: Arc::clone(&store),
        index,
        keys: Arc::new(Keyring::open(&folder.path().join("keys"), true).unwrap()),
        origin: crate::ledger::fixture::ORIGIN.into(),
        clock: Arc::clone(&clock) as Clock,
        head: Head { recorded_at_ms: NOW_MS, ..ledger.head },
        accept_gap,
    };
    Bench { sequencer: Sequencer::start(parts, limits).unwrap(), store, ledger, clock, _folder: folder }
}

impl Bench {
    fn prepared(&self, request: u8, events: &[Event]) -> Prepared {
        self.ledger.prepared(request, events, &[]).unwrap()
    }

    fn queue(&self, request: u8, events: &[Event]) -> Answer {
        self.sequencer.queue.try_submit(self.prepared(request, events), None).unwrap()
    }

    fn append(&self, request: u8, events: &[Event]) -> Result<Recorded, AppendError> {
        let answer = self.sequencer.queue.try_submit(self.prepared(request, events), None)?;
        answer.blocking_recv().unwrap()
    }

    /// The log is whole, and as long as expected.
    fn check(&self, size: u64) {
        assert_eq!(self.store.size(), size);
        verify_range(&LogEntries(&*self.store), 0).unwrap();
    }
}

#[test]
fn a_refused_request_refuses_only_itself() {
    let (go, open) = std::sync::mpsc::channel();
    let bench = bench(|inner| Gate { inner, open: open.into() }, Limits::default(), false);
    let first = bench.queue(1, &[person(1)]);
    // These queue while the first is being stored, and are one batch.
    let answers = [
        bench.queue(2, &[person(2), case(10, &[1, 2])]),
        bench.queue(3, &[allegation(10, 1, 1, "one"), allegation(99, 1, 1, "to no case")]),
        bench.queue(4, &[allegation(10, 1, 1, "one")]),
        bench.queue(2, &[person(2), case(10, &[1, 2])]),
        bench.queue(2, &[person(3)]),
        bench.queue(5, &[allegation(10, 1, 2, "number used")]),
    ];
    go.send(()).unwrap();
    go.send(()).unwrap();
    drop(go);
    assert_eq!(first.blocking_recv().unwrap().unwrap().receipt.first_index, 1);
    let outcomes = answers.map(|answer| answer.blocking_recv().unwrap());
    let placed = |outcome: &Result<Recorded, AppendError>| {
        outcome.as_ref().ok().map(|recorded| (recorded.receipt.first_index, recorded.replayed))
    };
    assert_eq!(placed(&outcomes[0]), Some((2, None)));
    assert!(matches!(outcomes[1], Err(AppendError::Refused(Refusal::Rule { number: 1, .. }))), "{outcomes:?}");
    assert_eq!(placed(&outcomes[2]), Some((4, None)));
    // The keys of this vault are not in the keyring: what is sealed cannot be compared.
    assert_eq!(placed(&outcomes[3]), Some((2, Some(ContentChecked::Partly))));
    assert_eq!(outcomes[3].as_ref().unwrap().receipt, outcomes[0].as_ref().unwrap().receipt);
    assert!(matches!(outcomes[4], Err(AppendError::Refused(Refusal::RequestIdReused { first_position: 2 }))));
    assert!(matches!(outcomes[5], Err(AppendError::Refused(Refusal::Rule { .. }))));
    bench.check(5);
}

#[test]
fn a_store_that_fails_stops_all_writing_and_reads_go_on() {
    for (failure, size) in [(Failure::BeforeWriting, 2), (Failure::AfterWriting, 3)] {
        let wrap = |inner| {
            let store = FaultyStore::new(inner, 7);
            store.fail_after(1, failure);
            store
        };
        let bench = bench(wrap, Limits::default(), false);
        bench.append(1, &[person(1)]).unwrap();
        assert_eq!(bench.append(2, &[person(2)]), Err(AppendError::OutcomeUnknown));
        assert_eq!(bench.append(3, &[person(3)]), Err(AppendError::Stopped));
        assert_eq!(bench.append(2, &[person(2)]), Err(AppendError::Stopped), "nobody knows in this run");
        assert!(matches!(*bench.sequencer.health.borrow(), Health::Stopped { .. }));
        assert_eq!(bench.sequencer.head.borrow().size, 2, "nothing is told that was not acknowledged");
        assert!(Entry::check(&bench.store.get(1).unwrap().unwrap()).is_ok());
        assert!(bench.store.size() <= size);
    }
}

/// sled waits for ever where one of its threads died.
#[tokio::test]
async fn nobody_waits_for_a_writer_that_is_lost() {
    let (go, open) = std::sync::mpsc::channel();
    let limits = Limits { requests_max: 2, ..Limits::default() };
    let bench = bench(|inner| Gate { inner, open: open.into() }, limits, false);
    let [first, second] = [1, 2].map(|number| bench.queue(number, &[person(number.into())]));
    let Bench { sequencer, ledger, store, .. } = bench;
    let queue = sequencer.queue.clone();
    let third = ledger.prepared(3, &[person(3)], &[]).unwrap();
    assert_eq!(queue.try_submit(third.clone(), None).unwrap_err(), AppendError::QueueFull);
    let mut waiting = Box::pin(queue.submit(third.clone()));
    assert!(waiting.as_mut().now_or_never().is_none());
    while sequencer.commits.under_way().is_none() {
        std::thread::yield_now();
    }
    sequencer.stopper.stop("a thread died");
    assert_eq!(queue.try_submit(third.clone(), None).unwrap_err(), AppendError::Stopped);
    let mut answers = Box::pin(async { tokio::join!(queue.answered(first), queue.answered(second)) });
    assert!(answers.as_mut().now_or_never().is_none(), "the commit may still come to its end");
    sequencer.stopper.give_up("a thread died");
    let unknown = || Err(AppendError::OutcomeUnknown);
    assert_eq!(answers.await, (unknown(), unknown()));
    assert_eq!(waiting.await.unwrap_err(), AppendError::Stopped);
    assert_eq!(queue.submit(third).await.unwrap_err(), AppendError::Stopped);
    assert_eq!(sequencer.head.borrow().size, 1, "nothing is told that was not acknowledged");
    // And should it come back after all, it writes what it had in hand, and nothing more.
    go.send(()).unwrap();
    drop((go, queue));
    sequencer.stop();
    assert!(store.size() <= 3);
    verify_range(&LogEntries(&*store), 0).unwrap();
}

#[tokio::test]
async fn a_writer_that_was_stopped_answers_what_it_had_in_hand() {
    let (go, open) = std::sync::mpsc::channel();
    let bench = bench(|inner| Gate { inner, open: open.into() }, Limits::default(), false);
    let first = bench.queue(1, &[person(1)]);
    go.send(()).unwrap();
    bench.sequencer.queue.answered(first).await.unwrap();
    let second = bench.queue(2, &[person(2)]);
    bench.sequencer.stopper.stop("a thread died");
    go.send(()).unwrap();
    drop(go);
    let outcome = bench.sequencer.queue.answered(second).await;
    match outcome {
        Ok(recorded) => assert_eq!((recorded.receipt.first_index, bench.store.size()), (2, 3)),
        Err(error) => assert_eq!((error, bench.store.size()), (AppendError::Stopped, 2)),
    }
    bench.sequencer.stopper.stop("again");
    assert_eq!(*bench.sequencer.health.borrow(), Health::Stopped { why: "a thread died".to_owned() });
}

/// A disk with room for some appends.
#[derive(Debug)]
struct Full<S> {
    inner: S,
    full: std::sync::atomic::AtomicBool,
}

impl<S: LogStore> LogStore for Full<S> {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn append(&self, entries: &[crate::store::EntryBytes]) -> Result<(), StoreError> {
        // Full, then not, then full, …
        if self.full.fetch_xor(true, std::sync::atomic::Ordering::SeqCst) {
            return Err(StoreError::NoSpace { free: 1, reserve: 2 });
        }
        self.inner.append(entries)
    }

    fn get(&self, index: u64) -> Result<Option<crate::store::EntryBytes>, StoreError> {
        self.inner.get(index)
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, crate::store::EntryBytes)>, StoreError> {
        self.inner.read(from, bytes_max)
    }

    fn stats(&self) -> StoreStats {
        self.inner.stats()
    }
}

#[test]
fn a_full_disk_loses_nothing_and_writing_goes_on_when_there_is_room() {
    let bench = bench(|inner| Full { inner, full: true.into() }, Limits::default(), false);
    assert_eq!(bench.append(1, &[person(1)]), Err(AppendError::DiskNearlyFull));
    assert_eq!(bench.append(1, &[person(1)]).unwrap().replayed, None, "it was not recorded the first time");
    assert_eq!(bench.append(2, &[person(2)]), Err(AppendError::DiskNearlyFull));
    assert_eq!(bench.append(2, &[person(2)]).unwrap().receipt.first_index, 2);
    assert_eq!(*bench.sequencer.health.borrow(), Health::Writing);
    bench.check(3);
}

#[test]
fn the_queue_is_bounded_in_requests_and_bytes() {
    for limits in [Limits { requests_max: 2, bytes_max: 1 << 20 }, Limits { requests_max: 100, bytes_max: 4 << 10 }] {
        let (go, open) = std::sync::mpsc::channel();
        let bench = bench(|inner| Gate { inner, open: open.into() }, limits, false);
        let mut answers = Vec::new();
        let mut full = 0;
        for number in 1..=6 {
            match bench.sequencer.queue.try_submit(bench.prepared(number, &[person(number.into())]), None) {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    assert_eq!(error, AppendError::QueueFull);
                    full += 1;
                }
            }
        }
        assert!(full > 0 && !answers.is_empty(), "{limits:?}");
        let accepted = answers.len() as u64;
        drop((0..6).map(|_| go.send(())).collect::<Vec<_>>());
        for answer in answers {
            answer.blocking_recv().unwrap().unwrap();
        }
        bench.check(1 + accepted);
    }
}

#[test]
fn whoever_went_away_cancels_nothing_that_was_queued() {
    let bench = bench(|inner| inner, Limits::default(), false);
    drop(bench.queue(1, &[person(1)]));
    assert!(bench.append(1, &[person(1)]).unwrap().replayed.is_some());
    bench.check(2);
}

#[test]
fn a_request_whose_time_is_over_gets_no_place() {
    let bench = bench(|inner| inner, Limits::default(), false);
    bench.clock.pass(1000);
    let late = bench.sequencer.queue.try_submit(bench.prepared(1, &[person(1)]), Some(999)).unwrap();
    assert_eq!(late.blocking_recv().unwrap(), Err(AppendError::DeadlineBeforeCommit));
    let early = bench.sequencer.queue.try_submit(bench.prepared(1, &[person(1)]), Some(1001)).unwrap();
    assert_eq!(early.blocking_recv().unwrap().unwrap().replayed, None);
    bench.check(2);
}

#[test]
fn what_was_recorded_is_answered_also_where_nothing_new_would_be() {
    let bench = bench(|inner| inner, Limits::default(), false);
    let first = bench.append(1, &[person(1)]).unwrap().receipt;
    let answers = |deadline_ms| {
        let submit = |number, events: &[Event]| {
            let answer = bench.sequencer.queue.try_submit(bench.prepared(number, events), deadline_ms).unwrap();
            answer.blocking_recv().unwrap()
        };
        let again = submit(1, &[person(1)]).unwrap();
        assert_eq!((&again.receipt, again.replayed.is_some()), (&first, true));
        let reused = submit(1, &[person(2)]);
        assert_eq!(reused, Err(AppendError::Refused(Refusal::RequestIdReused { first_position: 1 })));
        submit(2, &[person(2)]).unwrap_err()
    };
    assert_eq!(answers(Some(0)), AppendError::DeadlineBeforeCommit);
    bench.clock.jump(NOW_MS - 10_001);
    assert_eq!(answers(None), AppendError::ClockBehind { by_ms: 10_001 });
    bench.clock.jump(NOW_MS + 3_600_001);
    assert_eq!(answers(None), AppendError::ClockJumped { by_ms: 3_600_001 });
    bench.check(2);
}

#[test]
fn a_late_request_that_stands_in_the_same_batch_is_answered_with_it() {
    let (go, open) = std::sync::mpsc::channel();
    let bench = bench(|inner| Gate { inner, open: open.into() }, Limits::default(), false);
    let first = bench.queue(1, &[person(1)]);
    let second = bench.queue(2, &[person(2)]);
    let late =
        |number, events: &[Event]| bench.sequencer.queue.try_submit(bench.prepared(number, events), Some(0)).unwrap();
    let (again, new) = (late(2, &[person(2)]), late(3, &[person(3)]));
    drop((0..2).map(|_| go.send(())).collect::<Vec<_>>());
    first.blocking_recv().unwrap().unwrap();
    let second = second.blocking_recv().unwrap().unwrap();
    let again = again.blocking_recv().unwrap().unwrap();
    assert_eq!((again.receipt, again.replayed.is_some()), (second.receipt, true));
    assert_eq!(new.blocking_recv().unwrap(), Err(AppendError::DeadlineBeforeCommit));
    bench.check(3);
}

#[test]
fn one_bad_step_of_the_clock_does_not_poison_the_log() {
    let bench = bench(|inner| inner, Limits::default(), false);
    let time = |recorded: Result<Recorded, AppendError>| recorded.unwrap().receipt.recorded_at_ms;
    assert_eq!(time(bench.append(1, &[person(1)])), NOW_MS);
    bench.clock.jump(NOW_MS - 5_000);
    assert_eq!(time(bench.append(2, &[person(2)])), NOW_MS, "a little behind is clamped");
    bench.clock.jump(NOW_MS - 10_001);
    assert_eq!(bench.append(3, &[person(3)]), Err(AppendError::ClockBehind { by_ms: 10_001 }));
    bench.clock.jump(NOW_MS + 3_700_000);
    assert!(matches!(bench.append(3, &[person(3)]), Err(AppendError::ClockJumped { .. })));
    bench.clock.jump(NOW_MS + 1000);
    assert_eq!(time(bench.append(3, &[person(3)])), NOW_MS + 1000, "a clock set right is good again");
    bench.clock.pass(10 * 3_600_000);
    assert_eq!(time(bench.append(4, &[person(4)])), NOW_MS + 1000 + 10 * 3_600_000, "time that passed is no jump");
    bench.check(5);
}

#[test]
fn a_day_without_entries_at_start_wants_a_word() {
    let late = |accept_gap| {
        let folder_and_writer = bench(|inner| inner, Limits::default(), accept_gap);
        folder_and_writer.clock.pass(86_400_001);
        folder_and_writer.append(1, &[person(1)])
    };
    assert_eq!(late(false), Err(AppendError::ClockJumped { by_ms: 86_400_001 }));
    assert!(late(true).is_ok());
}

#[test]
fn a_writer_that_ends_finishes_what_is_queued() {
    let bench = bench(|inner| inner, Limits::default(), false);
    let answers: Vec<Answer> = (1..=50).map(|number| bench.queue(number, &[person(number.into())])).collect();
    let Bench { sequencer, store, .. } = bench;
    let queue = sequencer.queue.clone();
    let ended = std::thread::spawn(move || sequencer.stop());
    for answer in answers {
        answer.blocking_recv().unwrap().unwrap();
    }
    let late = TinyLedger::new().prepared(60, &[person(60)], &[]).unwrap();
    while queue.try_submit(late.clone(), None).is_ok() {}
    assert_eq!(queue.try_submit(late, None).unwrap_err(), AppendError::Ending);
    drop(queue);
    ended.join().unwrap();
    verify_range(&LogEntries(&*store), 0).unwrap();
}

/// A figure of what was committed.
fn counted(bench: &Bench, figure: &str) -> Option<u64> {
    let mut registry = prometheus_client::registry::Registry::default();
    bench.sequencer.commits.register(&mut registry);
    let mut page = String::new();
    prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
    let value = page.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(' ')).unwrap();
    value.parse().ok()
}

#[test]
fn only_what_became_durable_is_counted() {
    let wrap = |inner| {
        let store = FaultyStore::new(inner, 7);
        store.fail_after(2, Failure::AfterWriting);
        store
    };
    let bench = bench(wrap, Limits::default(), false);
    assert_eq!(counted(&bench, "recorded_events_total"), Some(0));
    bench.append(1, &[person(1)]).unwrap();
    bench.append(2, &[person(2), case(10, &[1, 2])]).unwrap();
    bench.append(2, &[person(2), case(10, &[1, 2])]).unwrap();
    bench.append(3, &[person(3)]).unwrap_err();
    assert_eq!(counted(&bench, "recorded_events_total"), Some(3));
    assert_eq!(counted(&bench, "commit_size_events_count"), Some(2));
    assert_eq!(counted(&bench, "commit_duration_seconds_count"), Some(2));
    assert_eq!(counted(&bench, "commit_sync_duration_seconds_count"), Some(0), "nothing is synced in memory");
}

#[test]
fn it_says_how_full_the_queue_is() {
    let (go, open) = std::sync::mpsc::channel();
    let limits = Limits { requests_max: 7, bytes_max: 10 << 10 };
    let bench = bench(|inner| Gate { inner, open: open.into() }, limits, false);
    let queue = bench.sequencer.queue.clone();
    let empty = Waiting { requests: 0, requests_max: 7, bytes: 0, bytes_max: 10 << 10 };
    assert_eq!(queue.waiting(), empty);
    let kib = bench.prepared(1, &[person(1)]).len_bytes as u64 / 1024 + 1;
    let answers = [1, 2, 3].map(|number| bench.queue(number, &[person(number.into())]));
    assert_eq!(queue.waiting(), Waiting { requests: 3, bytes: 3 * kib * 1024, ..empty });
    go.send(()).unwrap();
    go.send(()).unwrap();
    for answer in answers {
        answer.blocking_recv().unwrap().unwrap();
    }
    // Whoever comes after them has seen them leave; he himself may not have left yet.
    go.send(()).unwrap();
    drop(go);
    bench.append(4, &[person(4)]).unwrap();
    assert!(queue.waiting().requests <= 1, "{:?}", queue.waiting());
}
