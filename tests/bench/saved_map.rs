//! The completeness map with a budget of memory: what is beyond is read from a table on the disk, as the service does.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use probity::log::Frontier;
use probity::log::Key;
use probity::log::KeyHistory;
use probity::log::NodeHash;
use probity::log::SavedMap;
use probity::log::SavedRows;
use probity::store::runs::Position;
use probity::store::runs::RunsError;
use probity::store::runs::Table;

use crate::Failure;
use crate::Plan;
use crate::harness::median;
use crate::harness::progress;
use crate::harness::say;
use crate::map::PROOFS;
use crate::map::key;
use crate::map::leaf;
use crate::map::loaded;
use crate::process::folder;
use crate::process::resident_mib;
use crate::scale::Figures;
use crate::scale::table;

/// Budgets that are measured: what the service has where nobody says otherwise, and more than there is.
const BUDGETS: [u64; 2] = [512 << 20, u64::MAX];

/// Keys that are written to the table at once.
const KEYS_OF_A_RUN: usize = 1 << 20;

/// Fills a table with each number of keys, and measures a map over it with each budget.
pub(crate) fn run(plan: &Plan) -> Result<(), Failure> {
    std::fs::create_dir_all(&plan.data)?;
    for keys in &plan.sizes {
        let folder = folder(&plan.data)?;
        let shelf = Shelf::fill(folder.path(), *keys)?;
        let mut columns: Vec<(u64, Figures)> = Vec::new();
        for budget in BUDGETS {
            columns.push((budget >> 20, measure(&shelf, *keys, budget, plan.runs)?));
            progress(&format!("{keys} keys: {:?}", columns.last()));
        }
        say(&format!("\nThe completeness map of {keys} keys, by MiB of its budget\n\n{}\n", table("MiB", &columns)));
    }
    Ok(())
}

/// Where the rows are saved.
struct Shelf(Table);

impl Shelf {
    fn fill(folder: &Path, keys: u64) -> Result<Self, Failure> {
        let db = sled::Config::new().path(folder).cache_capacity(64 << 20).open()?;
        let shelf = Self(Table::open(&db, 9, 1, 1)?);
        let mut numbers: Vec<(Key, u64)> = (0..keys).map(|number| (key(number), number)).collect();
        let mut rest = numbers.as_mut_slice();
        while !rest.is_empty() {
            let (run, after) = rest.split_at_mut(rest.len().min(KEYS_OF_A_RUN));
            run.sort_unstable();
            shelf.save(run.iter().map(|(_, number)| loaded(*number)))?;
            rest = after;
        }
        progress(&format!("{keys} keys in {} runs", shelf.0.runs()));
        Ok(shelf)
    }

    fn save(&self, histories: impl Iterator<Item = (Key, KeyHistory)>) -> Result<(), RunsError> {
        self.0.add(1, Position::START, |put| {
            for (key, history) in histories {
                let hashes = history.frontier().hashes().iter().flat_map(|hash| hash.0);
                let value: Vec<u8> = history.count().to_be_bytes().into_iter().chain(hashes).collect();
                put(key.as_bytes(), &value)?;
            }
            Ok(())
        })?;
        while self.0.merge_some(|| true)? {}
        Ok(())
    }

    fn rows_from(&self, first: &Key) -> Result<impl Iterator<Item = Result<(Key, KeyHistory), RunsError>>, RunsError> {
        let mut rows = self.0.rows_from(first.as_bytes())?;
        Ok(std::iter::from_fn(move || match rows.next_row() {
            Ok(row) => row.map(|(key, value)| {
                let damaged = RunsError::Damaged { what: "a row" };
                history(key, &value).ok_or(damaged)
            }),
            Err(error) => Some(Err(error)),
        }))
    }
}

fn history(key: &[u8], value: &[u8]) -> Option<(Key, KeyHistory)> {
    let (count, hashes) = value.split_first_chunk()?;
    let hashes = hashes.as_chunks().0.iter().copied().map(NodeHash).collect();
    let frontier = Frontier::from_parts(u64::from_be_bytes(*count), hashes)?;
    Some((Key(key.try_into().ok()?), KeyHistory::from_frontier(frontier)))
}

impl SavedRows for Shelf {
    type Error = RunsError;

    fn rows(&self, first: &Key, last: &Key) -> Result<Vec<(Key, KeyHistory)>, RunsError> {
        let mut found = Vec::new();
        for row in self.rows_from(first)? {
            let row = row?;
            if row.0 > *last {
                break;
            }
            found.push(row);
        }
        Ok(found)
    }
}

fn measure(shelf: &Shelf, keys: u64, budget: u64, runs: usize) -> Result<Figures, Failure> {
    let resident = || resident_mib(std::process::id());
    let before = resident();
    let began = Instant::now();
    let mut map = SavedMap::for_keys(keys, budget).load(shelf.rows_from(&Key([0; 32]))?)?;
    let loading = began.elapsed().as_secs_f64();
    let loaded_mib = resident() - before;
    let (mut index, mut sealing, mut saving) = (4 * keys, Vec::new(), Vec::new());
    let mut snapshot = map.seal(shelf)?;
    if snapshot.keys() != keys {
        return Err(format!("{} keys instead of {keys}", snapshot.keys()).into());
    }
    let mut most_mib = 0.0_f64;
    for _ in 0..runs {
        let mut filed: Vec<Key> = Vec::new();
        for _ in 0..FILED {
            index += 1;
            let key = key(index.wrapping_mul(7_368_787) % keys);
            map.push(&key, index, leaf(index));
            filed.push(key);
        }
        let began = Instant::now();
        let held = map.seal(shelf)?;
        sealing.push(began.elapsed().as_secs_f64() * 1e3);
        most_mib = most_mib.max(resident() - before);
        let began = Instant::now();
        filed.sort_unstable();
        filed.dedup();
        let histories: Result<Vec<_>, _> = filed.iter().map(|key| map.history(key, shelf)).collect();
        let histories = filed.iter().copied().zip(histories?.into_iter().map(Option::unwrap_or_default));
        shelf.save(histories)?;
        let interval = map.begin_save();
        map.saved(interval);
        drop(held);
        snapshot = map.seal(shelf)?;
        saving.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let mut proving = Vec::new();
    // By another step than those that were filed under: most of them are as cold as the budget makes them.
    for number in (0..PROOFS).map(|number| (number + 1) * 6_700_417 % keys) {
        let began = Instant::now();
        black_box(snapshot.prove(&key(number), shelf)?);
        proving.push(began.elapsed().as_secs_f64() * 1e6);
    }
    proving.sort_by(f64::total_cmp);
    Ok(vec![
        ("resident once loaded, MiB", loaded_mib),
        ("resident at most after a seal, MiB", most_mib),
        ("rows in memory, MiB", snapshot.resident_bytes() as f64 / f64::from(1 << 20)),
        ("loaded, keys/s", keys as f64 / loading),
        ("seal after 20,000 keys, ms", median(sealing)),
        ("save of 20,000 keys, ms", median(saving)),
        ("runs of the table", shelf.0.runs() as f64),
        ("proof, median, µs", proving[proving.len() / 2]),
        ("proof, p99, µs", proving[proving.len() * 99 / 100]),
    ])
}

/// Keys under which is filed before each seal.
const FILED: u64 = 20_000;
