//! A writer that dies: at each named point, and wherever the signal finds it. What it was told is durable is there
//! afterwards, nothing is there twice, and commits are whole.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use crate::store::LogStore;
use crate::store::OpenOptions;
use crate::store::open_or_create;
use crate::store::tests::Random;
use crate::store::tests::chained;
use crate::store::tests::everything;
use crate::store::tests::folder;
use crate::store::tests::options;
use crate::store::tests::write_guard;

const DATA: &str = "PROBITY_TEST_CRASH_DATA";
const COMMIT: u64 = 5;
const COUNT: u64 = 600;

fn chosen() -> OpenOptions {
    OpenOptions { volume_bytes: 60_000, ..options() }
}

fn len(index: u64) -> usize {
    if index.is_multiple_of(31) { 12_000 } else { 600 }
}

/// The process that dies: it goes on where the log ends, and says what is durable.
#[test]
fn writer() {
    let Some(data) = std::env::var_os(DATA) else { return };
    let entries = chained(COUNT, len);
    let store = open_or_create(Path::new(&data), &chosen()).unwrap();
    let mut out = io::stdout();
    for (commit, end) in entries.chunks(5).zip((1u64..).map(|n| n * COMMIT)) {
        if end <= store.size() {
            continue;
        }
        store.append(commit).unwrap();
        writeln!(out, "durable {end}").unwrap();
        write_guard(&store, &entries[..usize::try_from(end).unwrap()]);
        if end.is_multiple_of(8 * COMMIT) {
            store.close_finished_volumes().unwrap();
        }
    }
}

fn start(data: &Path, point: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "store::tests::crash::writer", "--nocapture"]).env(DATA, data);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(point) = point {
        command.env("PROBITY_CRASH_AT", point);
    }
    command.spawn().unwrap()
}

fn durable(line: &str) -> Option<u64> {
    // The harness may have begun the line.
    line.rsplit_once("durable ")?.1.trim().parse().ok()
}

/// Given what a dead writer said, the folder holds at least that, in whole commits, as it was written.
fn check(data: &Path, told: u64, round: &str) -> u64 {
    let store = open_or_create(data, &chosen()).unwrap();
    let size = store.size();
    assert!(size >= told, "{round}: {told} were durable, {size} are there");
    assert_eq!(size % COMMIT, 0, "{round}: a half commit");
    let expected = chained(size, len);
    assert_eq!(everything(&store), expected, "{round}");
    size
}

#[test]
fn at_each_named_point() {
    let points = [
        "before-write:9",
        "after-write-before-sync:7",
        "after-sync:8",
        "volume-roll-created",
        "volume-roll-guarded",
        "volume-close-rewritten",
        "volume-close-renamed",
    ];
    let data = folder();
    for point in points {
        let output = start(data.path(), Some(point)).wait_with_output().unwrap();
        assert!(!output.status.success(), "{point} was not passed");
        let told = String::from_utf8_lossy(&output.stdout).lines().filter_map(durable).max().unwrap_or_default();
        check(data.path(), told, point);
    }
    let output = start(data.path(), None).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(check(data.path(), COUNT, "at the end"), COUNT);
}

#[test]
fn wherever_the_signal_finds_it() {
    let seed = 20_260_101;
    let mut random = Random(seed);
    let mut data = folder();
    let mut told = 0;
    for round in 0..20 {
        let mut child = start(data.path(), None);
        let lines = 1 + random.len(25);
        let mut read = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in read.by_ref().map(Result::unwrap).filter_map(|line| durable(&line)).take(lines) {
            told = told.max(line);
        }
        child.kill().unwrap();
        // What it said between the last line that was read and the signal counts, too.
        told = read.map_while(Result::ok).filter_map(|line| durable(&line)).fold(told, u64::max);
        child.wait().unwrap();
        if check(data.path(), told, &format!("seed {seed}, round {round}")) == COUNT {
            (data, told) = (folder(), 0);
        }
    }
}
