use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::store::runs::Position;
use crate::store::runs::Table;

fn database() -> sled::Db {
    sled::Config::new().temporary(true).open().unwrap()
}

fn add(table: &Table, rows: &BTreeMap<Vec<u8>, Vec<u8>>, position: Position) {
    table.add(rows.len(), position, |put| rows.iter().try_for_each(|(key, value)| put(key, value))).unwrap();
}

fn position(size: u64) -> Position {
    Position { size, leaf_hash: [7; 32] }
}

/// Every row of the table is that of the model, by scan, by prefix and by key.
fn check(table: &Table, model: &BTreeMap<Vec<u8>, Vec<u8>>) {
    let mut rows = table.rows_from(&[]).unwrap();
    let mut found = BTreeMap::new();
    let mut last = Vec::new();
    while let Some((key, value)) = rows.next_row().unwrap() {
        assert!(key > last.as_slice(), "rows ascend");
        key.clone_into(&mut last);
        found.insert(key.to_vec(), value.to_vec());
    }
    assert_eq!(&found, model);
    for (key, value) in model {
        assert_eq!(table.get(key).unwrap().as_deref(), Some(value.as_slice()));
        let mut absent = key.clone();
        absent.push(0);
        assert_eq!(table.get(&absent).unwrap().map(|v| v.to_vec()), model.get(&absent).cloned());
        let mut from = table.rows_with_prefix(key).unwrap();
        assert_eq!(from.next_row().unwrap().unwrap().0, key);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn runs_equal_a_map(
        batches in prop::collection::vec(
            prop::collection::btree_map(
                prop::collection::vec(0_u8..4, 4..8),
                prop::collection::vec(any::<u8>(), 0..3000),
                0..40,
            ),
            1..12,
        )
    ) {
        let db = database();
        let mut model = BTreeMap::new();
        {
            let table = Table::open(&db, 1, 4, 1).unwrap();
            for (at, batch) in batches.iter().enumerate() {
                add(&table, batch, position(at as u64 + 1));
                model.extend(batch.clone());
                while table.merge_some(|| true).unwrap() {}
            }
            check(&table, &model);
        }
        let table = Table::open(&db, 1, 4, 1).unwrap();
        prop_assert_eq!(table.position(), position(batches.len() as u64));
        check(&table, &model);
    }
}

#[test]
fn a_table_folded_by_other_rules_is_empty_and_leaves_nothing_behind() {
    let db = database();
    let rows: BTreeMap<_, _> = (0_u32..5000).map(|n| (n.to_be_bytes().to_vec(), vec![1; 20])).collect();
    add(&Table::open(&db, 1, 4, 1).unwrap(), &rows, position(1));
    let table = Table::open(&db, 1, 4, 2).unwrap();
    assert_eq!(table.position(), Position::START);
    check(&table, &BTreeMap::new());
    assert_eq!(db.open_tree("runs").unwrap().len(), 1, "the manifest alone");
}

#[test]
fn two_tables_of_one_database_do_not_meet() {
    let db = database();
    let (one, two) = (Table::open(&db, 1, 4, 1).unwrap(), Table::open(&db, 2, 4, 1).unwrap());
    let rows: BTreeMap<_, _> = [(b"aaaa".to_vec(), b"one".to_vec())].into();
    add(&one, &rows, position(1));
    check(&two, &BTreeMap::new());
    two.clear().unwrap();
    check(&one, &rows);
    one.clear().unwrap();
    check(&one, &BTreeMap::new());
    assert_eq!(one.position(), Position::START);
}

#[test]
fn what_a_crash_left_of_an_unfinished_run_is_removed() {
    let db = database();
    let rows: BTreeMap<_, _> = [(b"aaaa".to_vec(), b"one".to_vec())].into();
    add(&Table::open(&db, 1, 4, 1).unwrap(), &rows, position(1));
    let tree = db.open_tree("runs").unwrap();
    let before = tree.len();
    tree.insert([1, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0, 0], b"orphan").unwrap();
    check(&Table::open(&db, 1, 4, 1).unwrap(), &rows);
    assert_eq!(tree.len(), before);
}

#[test]
fn no_value_in_sled_is_longer_than_4_kib() {
    let db = database();
    let table = Table::open(&db, 1, 4, 1).unwrap();
    let rows: BTreeMap<_, _> = (0_u32..300).map(|n| (n.to_be_bytes().to_vec(), vec![3; (n as usize) * 37])).collect();
    add(&table, &rows, position(1));
    check(&table, &rows);
    for row in &db.open_tree("runs").unwrap() {
        assert!(row.unwrap().1.len() <= 4096);
    }
}

/// One thread writes runs, another merges them, a third reads: no row is ever missing or old, and a merge that is
/// told to give up changes nothing.
#[test]
fn runs_are_merged_while_others_are_written_and_read() {
    const ROUNDS: u32 = 60;
    let db = database();
    let table = Table::open(&db, 1, 4, 1).unwrap();
    let written = std::sync::atomic::AtomicU32::new(0);
    let row = |round: u32, number: u32| (((number * 7) % 50 + round % 3).to_be_bytes().to_vec(), round.to_be_bytes());
    let done = || written.load(std::sync::atomic::Ordering::SeqCst);
    let mut model = BTreeMap::new();
    std::thread::scope(|scope| {
        let merging = scope.spawn(|| {
            let (mut merged, mut looks) = (0, 0);
            while done() < ROUNDS || merged == 0 {
                looks += 1;
                // Every third merge gives up in its middle.
                let left = std::cell::Cell::new(if looks % 3 == 0 { 20 } else { u32::MAX });
                let go_on = || left.replace(left.get().saturating_sub(1)) > 0;
                merged += u32::from(table.merge_some(go_on).unwrap());
            }
            merged
        });
        let reading = scope.spawn(|| {
            while done() < ROUNDS {
                let (least, (key, _)) = (done(), row(0, 1));
                let found =
                    table.get(&key).unwrap().map_or(0, |value| u32::from_be_bytes(value[..].try_into().unwrap()));
                assert!(found + 3 >= least, "round {found} after {least} were written");
            }
        });
        for round in 1..=ROUNDS {
            let rows: BTreeMap<_, _> = (0..50).map(|number| row(round, number)).collect();
            let rows: BTreeMap<_, _> = rows.into_iter().map(|(key, value)| (key, value.to_vec())).collect();
            add(&table, &rows, position(u64::from(round)));
            model.extend(rows);
            written.store(round, std::sync::atomic::Ordering::SeqCst);
        }
        reading.join().unwrap();
        assert!(merging.join().unwrap() > 0, "runs were merged");
    });
    check(&table, &model);
    drop(table);
    check(&Table::open(&db, 1, 4, 1).unwrap(), &model);
}

#[test]
fn a_filter_lets_every_key_pass_and_few_others() {
    use crate::store::runs::filter::Filter;
    use crate::store::runs::filter::Hashed;
    let key = |tag: u8, number: u64| {
        let digest = (u128::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
        Hashed::of(&[&[tag][..], &digest].concat())
    };
    let mut filter = Filter::with_capacity(20_000);
    for number in 0..10_000 {
        filter.insert(key(b'o', number));
        filter.insert(key(b'h', number));
    }
    assert!((0..10_000).all(|number| filter.may_contain(key(b'o', number)) && filter.may_contain(key(b'h', number))));
    let passed = (10_000..110_000).filter(|number| filter.may_contain(key(b'o', *number))).count();
    assert!(passed < 500, "{passed} of 100,000");
    let of_other_tag = (0..10_000).filter(|number| filter.may_contain(key(b'r', *number))).count();
    assert!(of_other_tag < 200, "{of_other_tag} of 10,000 that differ in the tag alone");
}
