use std::collections::HashMap;

use proptest::prelude::*;

use crate::index::cache::Cache;
use crate::index::cache::Room;
use crate::ledger::ObjectRow;

fn token(number: u8) -> [u8; 16] {
    [number; 16]
}

const fn row(count: u64) -> ObjectRow {
    ObjectRow { count, last: count * 3, state: None, voided: None }
}

proptest! {
    /// Rows are written in runs and read from them, some kept by a reader who began before the last run: what the
    /// cache says is always the newest row of the runs.
    #[test]
    fn it_never_says_anything_old(
        steps in prop::collection::vec((0_u8..3, prop::collection::vec(0_u8..12, 1..6)), 1..120),
        decoded in 1_usize..6,
        packed in 1_usize..6,
        packed_bytes in 1_usize..40,
    ) {
        let mut cache = Cache::with(Room { decoded, packed, packed_bytes });
        let mut written: HashMap<u8, ObjectRow> = HashMap::new();
        let mut begun: Vec<(u8, ObjectRow, u64)> = Vec::new();
        let mut count = 0;
        for (step, numbers) in steps {
            match step {
                0 => {
                    count += 1;
                    let rows: Vec<([u8; 16], ObjectRow)> = numbers.iter().map(|n| (token(*n), row(count))).collect();
                    written.extend(numbers.iter().map(|n| (*n, row(count))));
                    cache.run_written();
                    for (token, row) in &rows {
                        cache.renew(token, row);
                    }
                }
                1 => {
                    for number in numbers {
                        match (cache.get(&token(number)), written.get(&number)) {
                            (Ok(found), newest) => prop_assert_eq!(Some(&found), newest),
                            (Err(runs), Some(newest)) => begun.push((number, newest.clone(), runs)),
                            (Err(_), None) => {}
                        }
                    }
                }
                _ => begun.drain(..).for_each(|(number, row, runs)| cache.keep(token(number), row, runs)),
            }
        }
    }
}

#[test]
fn it_holds_what_was_read_and_lets_the_oldest_go() {
    let mut cache = Cache::with(Room { decoded: 2, packed: 4, packed_bytes: 1 << 10 });
    for number in 0..20 {
        cache.keep(token(number), row(u64::from(number)), 0);
    }
    let held: Vec<u8> = (0..20).filter(|number| cache.get(&token(*number)).is_ok()).collect();
    assert!(held.contains(&19) && !held.contains(&0), "{held:?}");
    assert!((4..=12).contains(&held.len()), "{held:?}");
}
