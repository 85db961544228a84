//! The map that goes on, against the naive one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::log::Key;
use crate::log::KeyHistory;
use crate::log::LeafHash;
use crate::log::LiveMap;
use crate::log::MapProof;
use crate::log::MapRoot;
use crate::log::MapSnapshot;
use crate::log::map::tests::naive::Naive;
use crate::log::map::tests::some_key;

/// What the map should know, and what a snapshot of it should answer.
#[derive(Clone, Default)]
struct Model(BTreeMap<Key, KeyHistory>);

impl Model {
    fn check(&self, snapshot: &MapSnapshot, asked: &[Key]) {
        let value = |(key, history): (&Key, &KeyHistory)| (key.0.to_vec(), history.value().0.to_vec());
        let naive = Naive(self.0.iter().map(value).collect());
        let root = snapshot.root();
        assert_eq!(root.0, naive.root());
        assert_eq!(snapshot.keys(), self.0.len() as u64);
        for key in asked.iter().chain(self.0.keys()) {
            assert_eq!(snapshot.history(key), self.0.get(key).cloned());
            match (snapshot.prove(key), self.0.get(key)) {
                (MapProof::Present { count, path }, Some(history)) => {
                    assert_eq!(count, history.count());
                    assert_eq!(path.verify_presence(root, key, &history.value()), Ok(()));
                }
                (MapProof::Absent { neighbour, path }, None) => {
                    assert_eq!(neighbour.value, self.0[&neighbour.key].value());
                    assert_eq!(path.verify_absence(root, key, &neighbour), Ok(()));
                }
                (MapProof::Empty, None) => assert_eq!(root, MapRoot::EMPTY),
                (proof, known) => panic!("{key} with {known:?} has {proof:?}"),
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push(Key),
    Set(Vec<(Key, u8)>),
    Fold,
    Seal,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few different keys, so that many are filed under again; some that share all but their last bits.
    let pool = proptest::collection::vec(some_key(), 1..16);
    let choice = prop_oneof![
        6 => any::<prop::sample::Index>().prop_map(|key| (0, vec![(key, 0)])),
        2 => proptest::collection::vec((any::<prop::sample::Index>(), 0..9_u8), 0..6).prop_map(|set| (1, set)),
        1 => Just((2, Vec::new())),
        2 => Just((3, Vec::new())),
    ];
    (pool, proptest::collection::vec(choice, 1..48)).prop_map(|(pool, choices)| {
        let step = |(what, set): (u8, Vec<(prop::sample::Index, u8)>)| match what {
            0 => Step::Push(*set[0].0.get(&pool)),
            1 => Step::Set(set.iter().map(|(key, count)| (*key.get(&pool), *count)).collect()),
            2 => Step::Fold,
            _ => Step::Seal,
        };
        choices.into_iter().map(step).collect()
    })
}

proptest! {
    #[test]
    fn the_live_map_is_the_naive_one_and_snapshots_stay(bits in 0..=12_u8, steps in steps(), asked in some_key()) {
        let (mut map, mut model, mut sealed) = (LiveMap::new(bits), Model::default(), Vec::new());
        for (index, step) in (0..).zip(steps) {
            match step {
                Step::Push(key) => {
                    let leaf = LeafHash::of(&[u8::try_from(index).unwrap()]);
                    map.push(&key, index, leaf);
                    model.0.entry(key).or_default().push(index, leaf);
                    prop_assert_eq!(map.history(&key), model.0.get(&key).cloned());
                }
                Step::Set(set) => {
                    let history = |count: u8| {
                        let mut history = KeyHistory::new();
                        (0..count).for_each(|number| history.push(number.into(), LeafHash::of(&[number])));
                        history
                    };
                    let set: Vec<_> = set.into_iter().map(|(key, count)| (key, history(count))).collect();
                    map.update(set.clone());
                    model.0.extend(set.into_iter().filter(|(_, history)| history.count() > 0));
                }
                Step::Fold => {
                    let (root, keys) = map.fold();
                    prop_assert_eq!((root, keys), { let sealed = map.seal(); (sealed.root(), sealed.keys()) });
                }
                Step::Seal => sealed.push((map.seal(), model.clone())),
            }
        }
        sealed.push((map.seal(), model.clone()));
        for (snapshot, model) in sealed {
            model.check(&snapshot, &[asked]);
        }
    }
}

/// Uniform keys, as there are: the same root with any number of buckets, filed at once or one after the other.
#[test]
fn the_root_does_not_depend_on_the_buckets() {
    let entries =
        |from: u64, to: u64| (from..to).map(|number| (Key(LeafHash::of(&(number % 700).to_be_bytes()).0), number));
    let mut roots = Vec::new();
    for bits in [0, 1, 5, 6, 7, 9, 12, 16] {
        let mut map = LiveMap::new(bits);
        for (key, index) in entries(0, 1000) {
            map.push(&key, index, LeafHash::of(&index.to_be_bytes()));
            if index % 97 == u64::from(bits) {
                map.fold();
            }
        }
        let snapshot = map.seal();
        for (key, index) in entries(1000, 1100) {
            map.push(&key, index, LeafHash::of(&index.to_be_bytes()));
        }
        roots.push((snapshot.root(), snapshot.keys(), map.fold()));
    }
    assert_eq!((roots[0].1, roots[0].2.1), (700, 700));
    assert_ne!(roots[0].0, roots[0].2.0);
    roots.dedup();
    assert_eq!(roots.len(), 1);
}

/// More keys than stand aside at once.
#[test]
fn what_is_loaded_at_once_is_put_in_buckets_on_the_way() {
    let history = |number: u64| {
        let mut history = KeyHistory::new();
        history.push(number, LeafHash::of(&number.to_be_bytes()));
        (Key(LeafHash::of(&number.to_be_bytes()).0), history)
    };
    let (mut at_once, mut by_parts) = (LiveMap::new(10), LiveMap::new(4));
    at_once.update((0..70_000).map(history));
    for begin in (0..70_000).step_by(10_000) {
        by_parts.update((begin..begin + 10_000).map(history));
        by_parts.fold();
    }
    assert_eq!(at_once.fold(), by_parts.fold());
    let (key, known) = history(69_999);
    assert_eq!(at_once.history(&key), Some(known));
    assert_eq!(at_once.history(&Key([0; 32])), None);
}
