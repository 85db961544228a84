//! Exports of real data folders, by the program itself: whole or not there, the same bytes each time, and tied to the
//! log by the entries in them.

mod asked;
mod cloud;
mod forged;
pub(crate) mod log;
mod schedule;
mod since;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use probity::server;
use probity::server::Settings;
use serde_json::Value;

use crate::export::log::Log;
use crate::export::log::SEALED;

/// What the program did: its exit status (none: it was killed), and what it printed.
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the program; `{data}` and `{out}` stand for paths of the log.
pub(crate) fn run(log: &Log, arguments: &str) -> Ran {
    run_with(log, arguments, "")
}

/// The same, killed at a named point.
pub(crate) fn run_with(log: &Log, arguments: &str, crash_at: &str) -> Ran {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let place = |word: &str| word.replace("{data}", &text(&log.data())).replace("{}", &text(log.folder()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.args(arguments.split_whitespace().map(place)).stdin(Stdio::null());
    if !crash_at.is_empty() {
        command.env("PROBITY_CRASH_AT", crash_at);
    }
    let output = command.output().unwrap();
    Ran {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the program and compares the exit status; what it printed, both streams.
pub(crate) fn check(log: &Log, arguments: &str, status: i32) -> String {
    let ran = run(log, arguments);
    assert_eq!(ran.status, Some(status), "{arguments}\n{}{}", ran.out, ran.err);
    ran.out + &ran.err
}

/// Every file of a folder with its content.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// Names beside the data folder.
pub(crate) fn names(log: &Log) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(log.folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The rows of a table of an export.
fn rows(log: &Log, export: &str, table: &str) -> Vec<Value> {
    let text = fs::read_to_string(log.path(export).join(format!("{table}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn head(log: &Log, index: usize) -> String {
    format!("{index}:{}", log.entries()[index].leaf_hash)
}

#[tokio::test]
async fn an_export_comes_back_whole() {
    let log = Log::with_a_story().await;
    let head = head(&log, 9);
    check(&log, "export --data {data} --to {}/out --entries", 0);
    let said = check(&log, &format!("verify --export {{}}/out --head {head}"), 0);
    assert!(said.contains("tables and manifest follow from the entries, byte for byte"), "{said}");
    assert!(!said.contains("not shown"), "{said}");
    let said = check(&log, "verify --export {}/out", 0);
    assert!(said.contains("not shown whether the log was rewritten whole"), "{said}");
    assert_eq!(names(&log), ["data", "out"]);
    let manifest: Value = serde_json::from_slice(&files(&log.path("out"))["manifest.json"]).unwrap();
    assert_eq!(manifest["origin"], "log.example/export");
    assert_eq!(manifest["position"], 9);
    assert_eq!(manifest["as_of"], "2026-05-03");
    assert_eq!(manifest["recorded_at"], "2026-05-03T08:34:00.000Z");
    assert_eq!(format!("9:{}", manifest["head"].as_str().unwrap()), head);
    assert_eq!(rows(&log, "out", "persons").len(), 2);
    assert_eq!(rows(&log, "out", "sanctions")[0]["standing"], "ANNULLED");
    let found: Vec<Value> = rows(&log, "out", "allegations").iter().map(|row| row["finding_state"].clone()).collect();
    assert_eq!(found, ["FOUND", "NO_FINDING"]);
    let cases = String::from_utf8(files(&log.path("out"))["cases.csv"].clone()).unwrap();
    assert!(cases.contains(",'-1/2026,"), "{cases}");
}

#[tokio::test]
async fn nothing_sealed_is_exported() {
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/out --entries", 0);
    for (name, bytes) in files(&log.path("out")) {
        assert!(!bytes.windows(SEALED.len()).any(|window| window == SEALED.as_bytes()), "{name}");
    }
}

#[tokio::test]
async fn the_same_position_gives_the_same_bytes() {
    let mut log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/one --position 8 --entries", 0);
    log.append(vec![log::amended()]).await;
    fs::remove_dir_all(log.data().join("views")).unwrap();
    check(&log, "export --data {data} --to {}/two --position 8 --entries", 0);
    assert_eq!(files(&log.path("one")), files(&log.path("two")));
    check(&log, "verify --export {}/two", 0);
    assert_eq!(rows(&log, "two", "sanctions")[0]["standing"], "IN_FORCE", "known on entry 8, it was not annulled yet");
    check(&log, "export --data {data} --to {}/later --position 8 --as-of 2027-01-01", 0);
    assert_eq!(rows(&log, "later", "sanctions")[0]["standing"], "EXPIRED");
    assert_eq!(rows(&log, "later", "sanctions")[0]["position"], 7);
}

#[tokio::test]
async fn formats_are_chosen() {
    let log = Log::with_a_story().await;
    for (format, end, not) in [("csv", ".csv", ".jsonl"), ("jsonl", ".jsonl", ".csv")] {
        check(&log, &format!("export --data {{data}} --to {{}}/{format} --format {format}"), 0);
        let files = files(&log.path(format));
        assert!(files.keys().any(|name| name.ends_with(end)) && !files.keys().any(|name| name.ends_with(not)));
        let said = check(&log, &format!("verify --export {{}}/{format}"), 0);
        assert!(said.contains("not shown whether the tables follow from the log"), "{said}");
    }
}

#[tokio::test]
async fn a_new_log_has_empty_tables() {
    let log = Log::new();
    check(&log, "export --data {data} --to {}/out --entries", 0);
    check(&log, "verify --export {}/out", 0);
    assert!(rows(&log, "out", "persons").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_gives_the_same_export_as_its_folder() {
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/folder --entries", 0);
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings =
        Settings { listen, limits: probity::sequencer::Limits::default(), stop_within: Duration::from_secs(5) };
    let running = server::serve(log.open(), settings).await.unwrap();
    let url = format!("http://{}", running.address);
    let (log, ran) = tokio::task::spawn_blocking(move || {
        let ran = run(&log, &format!("export --from {url} --to {{}}/service --entries"));
        (log, ran)
    })
    .await
    .unwrap();
    assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
    running.stop().await.unwrap();
    assert_eq!(files(&log.path("folder")), files(&log.path("service")));
    assert_eq!(names(&log), ["data", "folder", "service"]);
}

#[tokio::test]
async fn what_was_erased_is_in_no_export() {
    let mut log = Log::with_a_story().await;
    // The first entry of the declaration's stream, and one within the case's.
    log.erase(8);
    log.erase(6);
    for position in [9, 11] {
        check(&log, &format!("export --data {{data}} --to {{}}/at-{position} --position {position} --entries"), 0);
        let said = check(&log, &format!("verify --export {{}}/at-{position}"), 0);
        assert!(said.contains("12 entries"), "an erasure counts, wherever it stands: {said}");
        let declaration = &rows(&log, &format!("at-{position}"), "declarations")[0];
        assert_eq!(declaration["declaration"], Value::Null);
        assert_eq!(declaration["erased_by"], 10);
        let found = &rows(&log, &format!("at-{position}"), "allegations")[0];
        assert_eq!(found["finding_state"], "ERASED");
    }
    let entries = &files(&log.path("at-9"))["entries.prb"];
    let whole = log.entries()[8].entry.open.clone().unwrap().payload;
    assert!(!entries.windows(whole.len()).any(|window| window == whole), "the store still has it, the export does not");
    let manifest: Value = serde_json::from_slice(&files(&log.path("at-9"))["manifest.json"]).unwrap();
    assert_eq!((&manifest["position"], &manifest["erasures_upto"]), (&9.into(), &11.into()));
}

#[tokio::test]
async fn what_cannot_be_exported_is_refused_and_leaves_nothing() {
    let log = Log::with_a_story().await;
    fs::create_dir(log.path("mine")).unwrap();
    fs::write(log.path("mine/thesis"), "years of work").unwrap();
    fs::write(log.path("file"), "").unwrap();
    let before = names(&log);
    for (arguments, then) in [
        ("--data {data} --to {}/out --position 10", "there is no entry 10"),
        ("--data {data} --to {}/out --position 4", "inside a request that ends with entry 5"),
        ("--data {data} --to {}/mine", "is there already"),
        ("--data {data} --to {}/mine --replace", "is no export"),
        ("--data {data} --to {}/file --replace", "is no export"),
        ("--data {data} --to {}/no/such/out", "No such file"),
        ("--data {}/none --to {}/out", "probity"),
        ("--from http://127.0.0.1:1 --to {}/out", "cannot be reached"),
        ("--data {data} --to {}/out --as-of 2026-02-30", "a day such as"),
        ("--data {data} --to {}/out --format xlsx", "xlsx"),
        ("--data {data} --to ftp://host/out", "ftp://host/out"),
        ("--data {data} --to http://host/out", "file:///…, s3://…, gs://… or az://… is wanted"),
        ("--data {data} --to s3://me:secret@bucket/out", "give secrets by the environment"),
        ("--data {data} --from http://127.0.0.1:1 --to {}/out", "cannot be used with"),
    ] {
        let said = check(&log, &format!("export {arguments}"), 2);
        assert!(said.contains(then), "{arguments}: {said}");
        assert_eq!(names(&log), before, "{arguments}");
    }
    assert_eq!(fs::read_to_string(log.path("mine/thesis")).unwrap(), "years of work");
}

#[tokio::test]
async fn an_export_is_replaced_only_when_told() {
    let log = Log::with_a_story().await;
    check(&log, "export --data {data} --to {}/out --position 8", 0);
    let old = files(&log.path("out"));
    check(&log, "export --data {data} --to {}/out", 2);
    assert_eq!(files(&log.path("out")), old);
    check(&log, "export --data {data} --to {}/out --replace", 0);
    assert_ne!(files(&log.path("out")), old);
    check(&log, "verify --export {}/out", 0);
    assert_eq!(names(&log), ["data", "out"]);
}

/// Wherever it is killed, what is there is a whole export or none, and the next run leaves nothing of it.
#[tokio::test]
async fn a_crash_leaves_the_last_good_export() {
    let log = Log::with_a_story().await;
    let export = "export --data {data} --to {}/out --format jsonl";
    for point in ["export-file-written:1", "export-file-written:7", "export-before-rename"] {
        let ran = run_with(&log, export, point);
        assert_eq!(ran.status, None, "{point} was not passed: {}", ran.err);
        assert!(!log.path("out").exists(), "{point}");
    }
    check(&log, &format!("{export} --position 8"), 0);
    assert_eq!(names(&log), ["data", "out"]);
    let old = files(&log.path("out"));
    for point in ["export-file-written:1", "export-file-written:7", "export-before-rename"] {
        let ran = run_with(&log, &format!("{export} --replace"), point);
        assert_eq!(ran.status, None, "{point} was not passed: {}", ran.err);
        assert_eq!(files(&log.path("out")), old, "{point}");
        check(&log, "verify --export {}/out", 0);
    }
    let ran = run_with(&log, &format!("{export} --replace"), "export-after-rename");
    assert_eq!(ran.status, None, "{}", ran.err);
    assert_ne!(files(&log.path("out")), old, "the new one has its place");
    check(&log, "verify --export {}/out", 0);
    check(&log, &format!("{export} --replace"), 0);
    assert_eq!(names(&log), ["data", "out"]);
}
