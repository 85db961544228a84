//! Files that were damaged: a folder opens and every entry reads back as it was written or is refused, or it does not
//! open and says why. Never a wrong value, never a panic on the screen.

use std::env;
use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::store::EntryBytes;
use crate::store::LogStore;
use crate::store::background_panics;
use crate::store::create;
use crate::store::open;
use crate::store::tests::Random;
use crate::store::tests::chained;
use crate::store::tests::copy;
use crate::store::tests::folder;
use crate::store::tests::options;
use crate::store::tests::rolling;
use crate::store::tests::write_guard;

const ROUNDS: &str = "PROBITY_TEST_DAMAGE";
const COUNT: u64 = 300;

#[derive(Debug, Default)]
struct Tally {
    whole: u32,
    refused_at_open: u32,
    refused_in_reads: u32,
}

/// One kind of folder: with a snapshot, without one, with closed volumes.
fn prepared(kind: u64, data: &Path, entries: &[EntryBytes]) {
    let scratch = folder();
    let chosen = if kind == 2 { rolling() } else { options() };
    let store = create(scratch.path(), &chosen).unwrap();
    for commit in entries.chunks(if kind == 2 { 100 } else { 30 }) {
        store.append(commit).unwrap();
    }
    write_guard(&store, entries);
    match kind {
        // As after a kill.
        0 => return copy(scratch.path(), data),
        1 => {}
        _ => drop(store.close_finished_volumes().unwrap()),
    }
    store.close().unwrap();
    copy(scratch.path(), data);
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out.sort();
    out
}

/// Damages one file; says how.
fn damage(data: &Path, random: &mut Random) -> String {
    let files: Vec<PathBuf> = files(data).into_iter().filter(|path| fs::metadata(path).unwrap().len() > 0).collect();
    let databases: Vec<&PathBuf> = files.iter().filter(|path| path.ends_with("db")).collect();
    // Mostly where the entries are.
    let path =
        if random.below(4) == 0 { &files[random.len(files.len())] } else { databases[random.len(databases.len())] };
    let mut bytes = fs::read(path).unwrap();
    let at = random.len(bytes.len());
    let how = match random.below(10) {
        0 => {
            bytes.truncate(at);
            "cut at"
        }
        1 => {
            let end = bytes.len().min(at + 4096);
            bytes[at..end].fill(0);
            "4 KiB zeroed from"
        }
        _ => {
            bytes[at] ^= 1 << random.below(8);
            "bit flipped in"
        }
    };
    fs::write(path, bytes).unwrap();
    format!("{}: {how} byte {at}", path.strip_prefix(data).unwrap().display())
}

/// Opens what was damaged and compares; `story` is told when it fails.
fn look(data: &Path, entries: &[EntryBytes], story: &str, tally: &mut Tally) {
    let store = match open(data, &options()) {
        Ok(store) => store,
        Err(refusal) => {
            assert!(!refusal.to_string().is_empty() && !refusal.advice().is_empty());
            tally.refused_at_open += 1;
            return;
        }
    };
    assert_eq!(store.size(), entries.len() as u64, "{story}");
    let mut refused = false;
    for (index, expected) in (0..).zip(entries) {
        match store.get(index) {
            Ok(found) => assert_eq!(found.as_ref(), Some(expected), "{story}, entry {index}"),
            Err(_) => refused = true,
        }
    }
    let mut next = 0;
    while next < COUNT {
        let Ok(read) = store.read(next, 20_000) else { break };
        for (index, found) in read {
            assert_eq!((index, &found), (next, &entries[usize::try_from(index).unwrap()]), "{story}");
            next += 1;
        }
    }
    refused |= next < COUNT;
    *if refused { &mut tally.refused_in_reads } else { &mut tally.whole } += 1;
}

/// The process in which it happens: a panic of sled's own threads harms the whole process, and its screen is read.
#[test]
fn rounds() {
    let Ok(text) = env::var(ROUNDS) else { return };
    let (seed, rounds) = text.split_once(' ').unwrap();
    let (seed, rounds): (u64, u64) = (seed.parse().unwrap(), rounds.parse().unwrap());
    let entries = chained(COUNT, |index| if index % 50 == 7 { 9000 } else { 600 });
    let bases = [folder(), folder(), folder()];
    for (kind, base) in (0..).zip(&bases) {
        prepared(kind, base.path(), &entries);
    }
    let mut tally = Tally::default();
    for round in 0..rounds {
        let mut random = Random(seed * 1_000_003 + round);
        random.below(2);
        let data = folder();
        let kind = random.len(bases.len());
        copy(bases[kind].path(), data.path());
        let how = damage(data.path(), &mut random);
        look(data.path(), &entries, &format!("seed {seed}, round {round}, kind {kind}, {how}"), &mut tally);
    }
    writeln!(io::stdout(), "{tally:?}, {} panics in the background", background_panics()).unwrap();
}

#[test]
fn two_thousand_flips_and_truncations() {
    let run = |seed: u64, rounds: u64| {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "store::tests::damage::rounds", "--nocapture"])
            .env(ROUNDS, format!("{seed} {rounds}"));
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "seed {seed}: {out}{err}");
        assert_eq!(err, "", "seed {seed}: something was printed");
        writeln!(io::stdout(), "seed {seed}: {out}").unwrap();
    };
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || (1..=10).for_each(|n| run(half * 10 + n, 100)));
        }
    });
}
