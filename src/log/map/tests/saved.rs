//! The map of which little is in memory, against the naive one: whatever is saved, forgotten, saved over or damaged, it
//! answers right or not at all.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::log::Key;
use crate::log::KeyHistory;
use crate::log::LeafHash;
use crate::log::MapProof;
use crate::log::MapRoot;
use crate::log::Proved;
use crate::log::SavedFault;
use crate::log::SavedMap;
use crate::log::SavedRows;
use crate::log::SavedSnapshot;
use crate::log::map::tests::naive::Naive;
use crate::log::map::tests::some_key;

type Histories = BTreeMap<Key, KeyHistory>;

/// Where rows are saved in the tests; it can be told to fail.
#[derive(Default)]
struct Shelf {
    rows: RefCell<Histories>,
    /// Reads that go well before one fails.
    good: Cell<Option<u32>>,
}

impl SavedRows for Shelf {
    type Error = &'static str;

    fn rows(&self, first: &Key, last: &Key) -> Result<Vec<(Key, KeyHistory)>, &'static str> {
        match self.good.get() {
            Some(0) => return Err("the disk is gone"),
            Some(left) => self.good.set(Some(left - 1)),
            None => {}
        }
        Ok(self.rows.borrow().range(first..=last).map(|(key, history)| (*key, history.clone())).collect())
    }
}

fn first_of(fault: &SavedFault<&'static str>) -> Key {
    match fault {
        SavedFault::Differs { first } => *first,
        SavedFault::Read(_) => panic!("nothing failed"),
    }
}

/// Whether what a snapshot says about a key is right.
fn check(histories: &Histories, root: MapRoot, key: &Key, Proved { proof, history }: &Proved) {
    assert_eq!(*history, histories.get(key).cloned().unwrap_or_default());
    match (proof, histories.get(key)) {
        (MapProof::Present { count, path }, Some(known)) => {
            assert_eq!(*count, known.count());
            assert_eq!(path.verify_presence(root, key, &known.value()), Ok(()));
        }
        (MapProof::Absent { neighbour, path }, None) => {
            assert_eq!(neighbour.value, histories[&neighbour.key].value());
            assert_eq!(path.verify_absence(root, key, neighbour), Ok(()));
        }
        (MapProof::Empty, None) => assert_eq!(root, MapRoot::EMPTY),
        (proof, known) => panic!("{key} with {known:?} has {proof:?}"),
    }
}

fn naive_root(histories: &Histories) -> [u8; 32] {
    Naive(histories.iter().map(|(key, history)| (key.0.to_vec(), history.value().0.to_vec())).collect()).root()
}

#[derive(Clone, Debug)]
enum Step {
    Push(Key),
    Fold,
    /// Seal, and save what is sealed.
    Save,
    /// The same; these are filed and sealed before it is known that it is saved.
    SaveSlowly(Vec<Key>),
    Seal,
    /// The disk fails for a while, and what could not be folded is folded later.
    Fail(u32),
    /// Start again from what is saved, where that is all there is.
    Load,
}

fn steps() -> impl Strategy<Value = (Vec<Key>, Vec<Step>)> {
    let pool = proptest::collection::vec(some_key(), 1..16);
    let index = || any::<prop::sample::Index>();
    let choice = prop_oneof![
        8 => index().prop_map(|key| (0, vec![key], 0)),
        1 => Just((1, Vec::new(), 0)),
        2 => Just((2, Vec::new(), 0)),
        2 => proptest::collection::vec(index(), 0..5).prop_map(|keys| (3, keys, 0)),
        2 => Just((4, Vec::new(), 0)),
        1 => (0..3_u32).prop_map(|good| (5, Vec::new(), good)),
        1 => Just((6, Vec::new(), 0)),
    ];
    (pool, proptest::collection::vec(choice, 1..64)).prop_map(|(pool, choices)| {
        let step = |(what, keys, good): (u8, Vec<prop::sample::Index>, u32)| match what {
            0 => Step::Push(*keys[0].get(&pool)),
            1 => Step::Fold,
            2 => Step::Save,
            3 => Step::SaveSlowly(keys.iter().map(|key| *key.get(&pool)).collect()),
            4 => Step::Seal,
            5 => Step::Fail(good),
            _ => Step::Load,
        };
        let steps = choices.into_iter().map(step).collect();
        (pool, steps)
    })
}

/// A map, what it should be, and what is saved of it.
struct Bench {
    map: SavedMap,
    histories: Histories,
    shelf: Shelf,
    unsaved: BTreeSet<Key>,
    index: u64,
    sealed: Vec<(SavedSnapshot, Histories)>,
}

impl Bench {
    fn push(&mut self, key: &Key) {
        let leaf = LeafHash::of(&self.index.to_be_bytes());
        self.map.push(key, self.index, leaf);
        self.histories.entry(*key).or_default().push(self.index, leaf);
        self.unsaved.insert(*key);
        self.index += 1;
    }

    fn seal(&mut self) {
        let snapshot = self.map.seal(&self.shelf).unwrap();
        assert_eq!(snapshot.root().0, naive_root(&self.histories));
        assert_eq!(snapshot.keys(), self.histories.len() as u64);
        self.sealed.push((snapshot, self.histories.clone()));
    }

    /// Saves what is sealed; `meanwhile` is filed and sealed before the map knows of it.
    fn save(&mut self, meanwhile: &[Key]) {
        self.seal();
        let keys = std::mem::take(&mut self.unsaved);
        let histories = |key: Key| (key, self.map.history(&key, &self.shelf).unwrap().unwrap());
        let rows: Vec<_> = keys.into_iter().map(histories).collect();
        let interval = self.map.begin_save();
        let (before, after) = meanwhile.split_at(meanwhile.len() / 2);
        for key in before {
            self.push(key);
        }
        if !before.is_empty() {
            self.seal();
        }
        self.shelf.rows.borrow_mut().extend(rows);
        for key in after {
            self.push(key);
        }
        self.map.saved(interval);
    }

    fn take(&mut self, step: Step, bits: u8, budget: u64) {
        match step {
            Step::Push(key) => self.push(&key),
            Step::Fold => {
                let (root, keys) = self.map.fold(&self.shelf).unwrap();
                assert_eq!((root.0, keys), (naive_root(&self.histories), self.histories.len() as u64));
            }
            Step::Save => {
                self.save(&[]);
                assert!(!self.map.is_over_budget() || self.sealed.last().unwrap().0.keys() == 0);
            }
            Step::SaveSlowly(meanwhile) => self.save(&meanwhile),
            Step::Seal => self.seal(),
            Step::Fail(good) => {
                self.shelf.good.set(Some(good));
                if let Err(fault) = self.map.fold(&self.shelf) {
                    assert_eq!(fault, SavedFault::Read("the disk is gone"));
                }
                self.shelf.good.set(None);
            }
            Step::Load if self.unsaved.is_empty() => {
                let rows = self.shelf.rows.borrow();
                let rows = rows.iter().map(|(key, history)| Ok::<_, ()>((*key, history.clone())));
                self.map = SavedMap::new(bits, budget).load(rows).unwrap();
                // Whoever asked before is gone.
                self.sealed.clear();
            }
            Step::Load => {}
        }
        if let Some((newest, histories)) = self.sealed.last() {
            for key in histories.keys() {
                let proved = newest.prove(key, &self.shelf).expect("the newest answers");
                check(histories, newest.root(), key, &proved);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_map_that_is_mostly_saved_is_the_naive_one(
        bits in 0..=10_u8,
        budget in prop_oneof![Just(0), 1..2000_u64, Just(1 << 40)],
        (pool, steps) in steps(),
        asked in some_key(),
    ) {
        let mut bench = Bench {
            map: SavedMap::new(bits, budget),
            histories: Histories::new(),
            shelf: Shelf::default(),
            unsaved: BTreeSet::new(),
            index: 0,
            sealed: Vec::new(),
        };
        for step in steps {
            bench.take(step, bits, budget);
        }
        bench.save(&[]);
        let newest = bench.sealed.len() - 1;
        for (place, (snapshot, histories)) in bench.sealed.iter().enumerate() {
            for key in pool.iter().chain([&asked]) {
                match snapshot.prove(key, &bench.shelf) {
                    Ok(proved) => check(histories, snapshot.root(), key, &proved),
                    Err(fault) => {
                        prop_assert_eq!(fault, SavedFault::Differs { first: first_of(&fault) });
                        prop_assert!(place < newest, "the newest answers");
                    }
                }
            }
        }
        // Each row damaged in each way: refused, or not looked at.
        let (snapshot, histories) = bench.sealed.last().unwrap();
        for damaged in histories.keys() {
            let whole = bench.shelf.rows.borrow().clone();
            let mut longer = histories[damaged].clone();
            longer.push(7, LeafHash::of(b"never filed"));
            let mut other = *damaged;
            other.0[31] ^= 1;
            for change in 0..4 {
                let mut rows = bench.shelf.rows.borrow_mut();
                match change {
                    0 => drop(rows.insert(*damaged, longer.clone())),
                    1 => drop(rows.remove(damaged)),
                    2 => drop(rows.insert(other, longer.clone())),
                    _ => drop(rows.insert(*damaged, KeyHistory::new())),
                }
                drop(rows);
                for key in histories.keys().chain([&asked, &other]) {
                    match snapshot.prove(key, &bench.shelf) {
                        Ok(proved) => check(histories, snapshot.root(), key, &proved),
                        Err(fault) => prop_assert_eq!(fault, SavedFault::Differs { first: first_of(&fault) }),
                    }
                }
                bench.shelf.rows.borrow_mut().clone_from(&whole);
            }
        }
    }
}

fn numbered(numbers: std::ops::Range<u64>) -> Histories {
    let history = |number: u64| {
        let mut history = KeyHistory::new();
        (0..=number % 3).for_each(|entry| history.push(number + entry, LeafHash::of(&entry.to_be_bytes())));
        (Key(LeafHash::of(&number.to_be_bytes()).0), history)
    };
    numbers.map(history).collect()
}

#[test]
fn what_is_loaded_keeps_to_the_budget_and_answers_all_the_same() {
    let histories = numbered(0..20_000);
    let shelf = Shelf { rows: RefCell::new(histories.clone()), good: Cell::default() };
    let load = |budget| {
        let rows = histories.iter().map(|(key, history)| Ok::<_, ()>((*key, history.clone())));
        SavedMap::new(10, budget).load(rows).unwrap().seal(&shelf).unwrap()
    };
    let whole = load(u64::MAX);
    assert_eq!(whole.root().0, naive_root_of_many(&histories));
    for budget in [0, 1 << 18, 1 << 20, 1 << 40] {
        let snapshot = load(budget);
        assert_eq!((snapshot.root(), snapshot.keys()), (whole.root(), 20_000));
        assert_eq!(snapshot.resident_bytes(), whole.resident_bytes().min(snapshot.resident_bytes()));
        assert!(snapshot.resident_bytes() <= budget && (budget == 0 || snapshot.resident_bytes() > 0));
        for key in histories.keys().step_by(97) {
            check(&histories, snapshot.root(), key, &snapshot.prove(key, &shelf).unwrap());
        }
    }
}

/// The naive root takes too long for thousands of keys: the one over all of them at once.
fn naive_root_of_many(histories: &Histories) -> [u8; 32] {
    let items: Vec<_> =
        histories.iter().map(|(key, history)| crate::log::MapItem::new(*key, &history.value())).collect();
    crate::log::map_root(&items).0
}

#[test]
fn rows_that_do_not_ascend_are_not_loaded() {
    let rows: Vec<_> = numbered(0..50).into_iter().collect();
    for (wrong, why) in [
        ([&rows[..20], &rows[19..]].concat(), "one comes twice"),
        ([&rows[20..], &rows[..20]].concat(), "the others come first"),
        (rows.iter().rev().cloned().collect(), "backward"),
    ] {
        for bits in [0, 4, 12] {
            let loaded = SavedMap::new(bits, 0).load(wrong.iter().cloned().map(Ok::<_, ()>));
            assert!(matches!(loaded, Err(SavedFault::Differs { .. })), "{why}");
        }
    }
    let torn = rows.into_iter().map(Ok).chain([Err("torn")]);
    assert_eq!(SavedMap::new(3, 0).load(torn).unwrap_err(), SavedFault::Read("torn"));
}

/// What is saved answers for keys that it was not asked for, or in no order: none of it is believed.
#[test]
fn a_disk_that_answers_something_else_is_refused() {
    struct Liar(Vec<(Key, KeyHistory)>);
    impl SavedRows for Liar {
        type Error = &'static str;

        fn rows(&self, _: &Key, _: &Key) -> Result<Vec<(Key, KeyHistory)>, &'static str> {
            Ok(self.0.clone())
        }
    }
    let rows: Vec<_> = numbered(0..40).into_iter().collect();
    let mut map = SavedMap::new(1, 0).load(rows.iter().cloned().map(Ok::<_, ()>)).unwrap();
    let asked = rows[0].0;
    let low: Vec<_> = rows.iter().filter(|(key, _)| key.0[0] < 128).cloned().collect();
    let lies = |rows: Vec<(Key, KeyHistory)>| map.history(&asked, &Liar(rows));
    assert_eq!(lies(low.clone()).unwrap().as_ref(), Some(&low[0].1));
    for wrong in [
        rows.clone(),
        low[1..].to_vec(),
        Vec::new(),
        low.iter().rev().cloned().collect(),
        [&low[..3], &low[2..]].concat(),
    ] {
        let fault = lies(wrong.clone()).unwrap_err();
        assert!(matches!(fault, SavedFault::Differs { .. }));
    }
    // And nothing is folded on it; what was filed waits until the rows are back.
    map.push(&asked, 99, LeafHash::of(b"99"));
    let fault = map.fold(&Liar(rows)).unwrap_err();
    assert_eq!(fault, SavedFault::Differs { first: Key([0; 32]) });
    let mut more = low[0].1.clone();
    more.push(99, LeafHash::of(b"99"));
    map.fold(&Liar(low)).unwrap();
    assert_eq!(map.history(&asked, &Liar(Vec::new())).unwrap(), Some(more));
}
