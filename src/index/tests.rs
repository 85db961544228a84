use std::ops::ControlFlow;

use crate::events::Event;
use crate::index::Beside;
use crate::index::Identities;
use crate::index::Index;
use crate::index::IndexStats;
use crate::index::compare_with_log;
use crate::index::fold_log;
use crate::ledger::HistoryKey;
use crate::ledger::fixture::TinyLedger;
use crate::ledger::fixture::allegation;
use crate::ledger::fixture::case;
use crate::ledger::fixture::id;
use crate::ledger::fixture::person;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::Id;
use crate::log::Key;
use crate::log::Name;
use crate::store::LogStore;
use crate::store::MemoryStore;
use crate::store::runs::Position;

/// Everybody is found under his own number.
struct Numbers;

impl Identities for Numbers {
    fn tokens(&self, entry: &Checked) -> Vec<[u8; 16]> {
        let Some(event) = entry.leaf.event().filter(|_| is_person(entry)) else { return Vec::new() };
        vec![*event.stream.key.as_bytes().first_chunk().unwrap()]
    }
}

fn is_person(entry: &Checked) -> bool {
    entry.manifest.as_ref().is_some_and(|manifest| manifest.event_type == "person.registered")
}

fn store(ledger: &TinyLedger) -> MemoryStore {
    let store = MemoryStore::new();
    store.append(&ledger.entries).unwrap();
    store
}

fn a_ledger(requests: u64) -> TinyLedger {
    let mut ledger = TinyLedger::new();
    for number in 1..=requests {
        let events: Vec<Event> = match number % 3 {
            0 => vec![case(1000 + number, &[number - 1]), allegation(1000 + number, 1, number - 1, "text")],
            _ => vec![person(number)],
        };
        ledger.append(u8::try_from(number % 256).unwrap(), &events).unwrap();
    }
    ledger
}

fn fold(index: &Index, store: &MemoryStore) {
    fold_log(index, store, &Numbers, |_| ControlFlow::Continue(())).unwrap();
}

/// The index knows of every stream and subject what the ledger knows.
#[expect(clippy::iter_over_hash_type, reason = "each is looked at by itself")]
fn check(index: &Index, ledger: &TinyLedger) {
    assert_eq!(index.position(), Position { size: ledger.head.size, leaf_hash: ledger.head.leaf_hash.0 });
    for (key, row) in &ledger.rows.objects {
        assert_eq!(index.object(key).unwrap().as_ref(), Some(row));
        let history = HistoryKey::Leaf(*key);
        let places = index.history(&history, None, u64::MAX, usize::MAX).unwrap();
        let expected: Vec<u64> = ledger.rows.histories[key].iter().map(|(index, _)| *index).collect();
        assert_eq!(places.iter().map(|placed| placed.index).collect::<Vec<_>>(), expected);
        let mut backward = index.history_backward(&history, u64::MAX, usize::MAX).unwrap();
        backward.reverse();
        assert_eq!(backward, places);
        let middle = expected[expected.len() / 2];
        let after = index.history(&history, Some(middle), u64::MAX, usize::MAX).unwrap();
        assert!(after.iter().map(|p| p.index).eq(expected.iter().copied().filter(|index| *index > middle)));
        let upto = index.history(&history, None, middle, usize::MAX).unwrap();
        assert!(upto.iter().map(|p| p.index).eq(expected.iter().copied().filter(|index| *index <= middle)));
    }
    for (token, first) in &ledger.rows.requests {
        assert_eq!(index.request(token).unwrap(), Some(*first));
    }
    assert_eq!(index.request(&[77; 16]).unwrap(), None);
    assert_eq!(index.object(&Key([77; 32])).unwrap(), None);
    assert_eq!(index.identity(&[77; 16], u64::MAX).unwrap(), None);
}

#[test]
fn rows_are_the_same_in_memory_on_disk_and_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = a_ledger(120);
    let store = store(&ledger);
    {
        let index = Index::open(folder.path()).unwrap();
        fold(&index, &store);
        check(&index, &ledger);
        index.flush().unwrap();
        check(&index, &ledger);
    }
    let index = Index::open(folder.path()).unwrap();
    check(&index, &ledger);
    let person = Name::of("entity", &id(2)).unwrap();
    let token = *Key::of_stream(&person).as_bytes().first_chunk().unwrap();
    let (found, at) = index.identity(&token, u64::MAX).unwrap().unwrap();
    assert_eq!((Id(found).to_string(), at), (id(2), 2));
    assert_eq!(index.identity(&token, 2).unwrap(), Some((found, at)));
    assert_eq!(index.identity(&token, 1).unwrap(), None, "nobody had it yet");
    let persons = index.register("entity", 0, u64::MAX, usize::MAX).unwrap();
    assert_eq!(persons.len(), 80);
    assert_eq!(index.register("entity", persons[5].0, persons[9].0, 3).unwrap(), persons[5..8]);
    assert_eq!(index.register("case", 0, u64::MAX, usize::MAX).unwrap().len(), 40);
    assert_eq!(index.register("appeal", 0, u64::MAX, usize::MAX).unwrap(), []);
}

#[test]
fn rows_above_and_below_a_flush_are_one_history() {
    let folder = tempfile::tempdir().unwrap();
    let whole = a_ledger(90);
    let store = MemoryStore::new();
    let index = Index::open(folder.path()).unwrap();
    for chunk in whole.entries.chunks(7) {
        store.append(chunk).unwrap();
        fold(&index, &store);
        index.flush().unwrap();
    }
    check(&index, &whole);
}

#[test]
fn what_was_not_flushed_is_folded_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = a_ledger(60);
    let store = MemoryStore::new();
    store.append(&ledger.entries[..40]).unwrap();
    {
        let index = Index::open(folder.path()).unwrap();
        fold(&index, &store);
        index.flush().unwrap();
        store.append(&ledger.entries[40..]).unwrap();
        fold(&index, &store);
    }
    let index = Index::open(folder.path()).unwrap();
    assert_eq!(index.position().size, 40);
    fold(&index, &store);
    check(&index, &ledger);
}

#[test]
fn a_rebuilt_index_is_equal_and_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = a_ledger(75);
    let store = store(&ledger);
    let index = Index::open(folder.path()).unwrap();
    fold(&index, &store);
    index.flush().unwrap();
    for generation in 1..=3 {
        let rebuilt = index.rebuild(&store, &Numbers, |_, _| {}).unwrap();
        assert!(rebuilt.equal && rebuilt.rows > 0, "{rebuilt:?}");
        assert_eq!((index.generation(), index.beside().unwrap()), (generation - 1, Beside::Candidate));
        let promoted = index.promote(&store, &Numbers, false, |_, _| {}).unwrap().unwrap();
        assert_eq!((promoted.generation, index.generation()), (generation, generation));
        assert_eq!((promoted.position.size, index.beside().unwrap()), (ledger.head.size, Beside::Nothing));
        check(&index, &ledger);
    }
    assert_eq!(index.promote(&store, &Numbers, false, |_, _| {}).unwrap(), None);
    drop(index);
    check(&Index::open(folder.path()).unwrap(), &ledger);
    let compared = compare_with_log(folder.path(), &store, &Numbers, |_, _| {}).unwrap();
    assert!(compared.equal && compared.position.size == ledger.head.size);
}

#[test]
fn an_index_that_says_something_else_than_the_log_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = a_ledger(30);
    let store = store(&ledger);
    {
        let index = Index::open(folder.path()).unwrap();
        let mut changes = ledger.changes.clone();
        changes[3].objects[0].1.count += 1;
        index.apply(changes, Position { size: ledger.head.size, leaf_hash: ledger.head.leaf_hash.0 });
        index.flush().unwrap();
    }
    let compared = compare_with_log(folder.path(), &store, &Numbers, |_, _| {}).unwrap();
    assert!(!compared.equal);
    let index = Index::open(folder.path()).unwrap();
    assert!(!index.rebuild(&store, &Numbers, |_, _| {}).unwrap().equal);
    index.promote(&store, &Numbers, true, |_, _| {}).unwrap().unwrap();
    check(&index, &ledger);
}

#[test]
fn a_promotion_is_taken_back_and_follows_the_log_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = a_ledger(60);
    let store = MemoryStore::new();
    store.append(&ledger.entries[..20]).unwrap();
    {
        let index = Index::open(folder.path()).unwrap();
        fold(&index, &store);
        index.flush().unwrap();
        index.rebuild(&store, &Numbers, |_, _| {}).unwrap();
        // What comes after the rebuild is in the live one and in memory, and not yet in the one beside it.
        store.append(&ledger.entries[20..30]).unwrap();
        fold(&index, &store);
        index.flush().unwrap();
        store.append(&ledger.entries[30..40]).unwrap();
        fold(&index, &store);
        let promoted = index.promote(&store, &Numbers, true, |_, _| {}).unwrap().unwrap();
        assert_eq!((promoted.position.size, index.beside().unwrap()), (40, Beside::Previous));
        store.append(&ledger.entries[40..]).unwrap();
        fold(&index, &store);
        check(&index, &ledger);
        index.flush().unwrap();
    }
    let index = Index::open(folder.path()).unwrap();
    assert_eq!((index.generation(), index.beside().unwrap()), (1, Beside::Previous));
    let back = index.promote(&store, &Numbers, true, |_, _| {}).unwrap().unwrap();
    assert_eq!((back.generation, back.position.size), (2, ledger.head.size));
    check(&index, &ledger);
    drop(index);
    assert!(compare_with_log(folder.path(), &store, &Numbers, |_, _| {}).unwrap().equal);
}

#[test]
fn it_says_how_far_it_is_and_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = a_ledger(60);
    let store = store(&ledger);
    let index = Index::open(folder.path()).unwrap();
    let size = store.size();
    fold(&index, &store);
    let stats = index.stats();
    assert_eq!((stats.folded, stats.synced, stats.runs), (size, 0, 0));
    assert!(stats.entries_in_memory >= size - 1 && stats.rows_in_memory as u64 > stats.entries_in_memory, "{stats:?}");
    index.flush().unwrap();
    let expected = IndexStats { folded: size, synced: size, runs: 1, entries_in_memory: 0, rows_in_memory: 0 };
    assert_eq!(index.stats(), expected);
}

/// Everybody has the number that nobody has any more.
struct OneNumber;

impl Identities for OneNumber {
    fn tokens(&self, entry: &Checked) -> Vec<[u8; 16]> {
        if is_person(entry) { vec![[5; 16]] } else { Vec::new() }
    }
}

#[test]
fn every_holder_of_a_number_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = a_ledger(40);
    let store = store(&ledger);
    let index = Index::open(folder.path()).unwrap();
    let persons: Vec<u64> = store
        .read(0, usize::MAX)
        .unwrap()
        .into_iter()
        .filter_map(|(at, bytes)| is_person(&Entry::check(&bytes).unwrap()).then_some(at))
        .collect();
    let holds = |index: &Index, when: &str| {
        for at in 0..store.size() {
            let last = persons.iter().rfind(|person| **person <= at).copied();
            let found = index.identity(&[5; 16], at).unwrap();
            assert_eq!(found.map(|(_, index)| index), last, "{when}, at {at}");
            let registered = index.register("entity", 0, u64::MAX, usize::MAX).unwrap();
            assert!(found.is_none_or(|(id, at)| registered.contains(&(at, id))), "{when}, at {at}");
        }
        assert_eq!(index.identity(&[6; 16], u64::MAX).unwrap(), None);
    };
    let fold = || fold_log(&index, &store, &OneNumber, |_| ControlFlow::Continue(())).unwrap();
    fold();
    holds(&index, "in memory");
    index.flush().unwrap();
    holds(&index, "in a run");
    index.rebuild(&store, &OneNumber, |_, _| {}).unwrap();
    index.promote(&store, &OneNumber, true, |_, _| {}).unwrap();
    holds(&index, "rebuilt");
    drop(index);
    assert!(compare_with_log(folder.path(), &store, &OneNumber, |_, _| {}).unwrap().equal);
    holds(&Index::open(folder.path()).unwrap(), "opened again");
}
