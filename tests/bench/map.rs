//! The completeness map in memory: what a key takes, what a seal costs, what a proof costs.

use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use probity::log::Key;
use probity::log::KeyHistory;
use probity::log::LeafHash;
use probity::log::LiveMap;
use probity::log::MapProof;

use crate::Failure;
use crate::Plan;
use crate::harness::median;
use crate::harness::progress;
use crate::harness::say;
use crate::process::resident_mib;
use crate::scale::Figures;
use crate::scale::table;

/// Fills a map with each number of keys and measures there.
pub(crate) fn run(plan: &Plan) -> Result<(), Failure> {
    let mut columns: Vec<(u64, Figures)> = Vec::new();
    for keys in &plan.sizes {
        columns.push((*keys, measure(*keys, plan.runs)?));
        progress(&format!("{keys} keys: {:?}", columns.last()));
    }
    say(&format!("\nThe completeness map, by keys\n\n{}\n", table("keys", &columns)));
    if let Some(path) = &plan.json {
        let mut file = fs::File::options().create(true).append(true).open(path)?;
        writeln!(file, "{}", serde_json::json!({ "group": "map", "columns": columns }))?;
    }
    Ok(())
}

fn measure(keys: u64, runs: usize) -> Result<Figures, Failure> {
    let before = resident_mib(std::process::id());
    let began = Instant::now();
    let mut map = LiveMap::for_keys(keys);
    map.update((0..keys).map(loaded));
    let (_, found) = map.fold();
    let loading = began.elapsed().as_secs_f64();
    if found != keys {
        return Err(format!("{found} keys instead of {keys}").into());
    }
    let bytes_per_key = (resident_mib(std::process::id()) - before) * f64::from(1 << 20) / keys as f64;
    let mut index = 4 * keys;
    let mut filed = |map: &mut LiveMap, count: u64| {
        for _ in 0..count {
            index += 1;
            // Some of the keys, in no order: a step that has no divisor in common with most numbers of keys.
            map.push(&key(index.wrapping_mul(7_368_787) % keys), index, leaf(index));
        }
    };
    let mut seals = |count: u64| {
        let mut held = map.seal();
        let mut filing = Vec::new();
        let mut sealing = Vec::new();
        for _ in 0..runs {
            let began = Instant::now();
            filed(&mut map, count);
            filing.push(began.elapsed().as_secs_f64() * 1e9 / count as f64);
            let began = Instant::now();
            held = map.seal();
            sealing.push(began.elapsed().as_secs_f64() * 1e3);
        }
        (held, median(filing), median(sealing))
    };
    let (_, _, small) = seals(200);
    let (snapshot, filing, large) = seals(20_000);
    let root = snapshot.root();
    let (mut proving, mut verifying, mut bytes) = (Vec::new(), Vec::new(), 0);
    for number in (0..PROOFS).map(|number| number * 7_368_787 % keys) {
        let (key, history) = (key(number), snapshot.history(&key(number)).ok_or("no history")?);
        let began = Instant::now();
        let proof = black_box(snapshot.prove(&key));
        proving.push(began.elapsed().as_secs_f64() * 1e6);
        let MapProof::Present { path, .. } = proof else { return Err("absent".into()) };
        let began = Instant::now();
        path.verify_presence(root, &key, &history.value())?;
        verifying.push(began.elapsed().as_secs_f64() * 1e6);
        bytes += path.encode().len();
    }
    proving.sort_by(f64::total_cmp);
    Ok(vec![
        ("resident, B a key", bytes_per_key),
        ("loaded, keys/s", keys as f64 / loading),
        ("filing one entry under a key, ns", filing),
        ("seal after 200 keys, ms", small),
        ("seal after 20,000 keys, ms", large),
        ("proof, median, µs", proving[proving.len() / 2]),
        ("proof, p99, µs", proving[proving.len() * 99 / 100]),
        ("verified, µs", median(verifying)),
        ("hashes of a proof, B", bytes as f64 / PROOFS as f64),
    ])
}

/// A key with one to four entries.
pub(crate) fn loaded(number: u64) -> (Key, KeyHistory) {
    let mut history = KeyHistory::new();
    for entry in 0..=number % 4 {
        let index = number + entry;
        history.push(index, leaf(index));
    }
    (key(number), history)
}

pub(crate) fn key(number: u64) -> Key {
    Key(LeafHash::of(&number.to_be_bytes()).0)
}

pub(crate) fn leaf(index: u64) -> LeafHash {
    LeafHash::of(&index.to_be_bytes())
}

pub(crate) const PROOFS: u64 = 10_000;
