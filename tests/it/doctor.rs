//! `probity doctor`, as a person runs it: the status, the table, the JSON.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use probity::log::LeafHash;
use probity::store;
use probity::store::OpenOptions;
use serde_json::Value;
use tempfile::TempDir;

use crate::service::Served;
use crate::service::story;

/// A data folder of a log without entries, as the store makes it.
fn folder() -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let options = OpenOptions { reserve_bytes: 0, ..OpenOptions::default() };
    let store = store::create(data.path(), &options).unwrap();
    assert_eq!(store.guard().state().leaf, LeafHash::NONE);
    store.close().unwrap();
    data
}

fn doctor(data: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.arg("doctor").arg("--data").arg(data).args(more).output().unwrap()
}

/// Does something to a good folder; the doctor's status and a word of what it prints.
fn check(given: impl Fn(&Path), status: i32, word: &str) {
    let data = folder();
    given(data.path());
    let output = doctor(data.path(), &[]);
    let printed = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{printed}");
    assert!(printed.contains(word), "{word}: {printed}");
}

#[test]
fn the_status_says_whether_something_is_wrong() {
    check(|_| (), 0, "nothing is wrong");
    check(|data| fs::create_dir(data.join("ledger/holiday")).unwrap(), 0, "1 to know");
    check(|data| fs::remove_file(data.join("guard")).unwrap(), 1, "WRONG");
    check(|data| fs::write(data.join("FORMAT"), "probity 9\n").unwrap(), 1, "newer one");
    check(|data| fs::write(data.join("sync-failed"), "EIO").unwrap(), 1, "--accept-after-sync-error");
    check(|data| fs::remove_dir_all(data).unwrap(), 2, "cannot be looked at");
}

#[test]
fn copies_go_where_they_are_told_and_are_removed() {
    let (data, scratch) = (folder(), tempfile::tempdir().unwrap());
    let output = doctor(data.path(), &["--copies", scratch.path().to_str().unwrap()]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("copy of volume 0"), "{printed}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    let output = doctor(data.path(), &["--copies", "/nowhere/at/all"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn json_says_the_same() {
    let data = folder();
    let read = |output: Output| -> Value { serde_json::from_slice(&output.stdout).unwrap() };
    let good = read(doctor(data.path(), &["--json"]));
    assert_eq!(good["good"], Value::Bool(true));
    fs::remove_file(data.path().join("guard")).unwrap();
    let bad = read(doctor(data.path(), &["--json"]));
    let guard = bad["findings"].as_array().unwrap().iter().find(|finding| finding["subject"] == "guard").unwrap();
    assert_eq!((&bad["good"], &guard["severity"]), (&Value::Bool(false), &Value::from("fault")));
    assert!(guard["advice"].as_str().unwrap().contains("restore the newest backup"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_log_that_are_missing_or_exposed_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    served.ledger().await.append(story::append(1, [story::person(&story::id(1, 1)).into()])).await.unwrap();
    served.stop();
    let says = |status: i32, word: &str| {
        let output = doctor(&data, &[]);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(status), "{printed}");
        assert!(printed.contains(word), "{word}: {printed}");
    };
    says(0, "only their owner can read them");
    let keys = data.join("keys");
    for name in ["log.ed25519", "lookup.key", "data.keys"] {
        let (file, aside) = (keys.join(name), folder.path().join("aside"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        says(1, &format!("keys/{name} among them"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&file, &aside).unwrap();
        says(1, &format!("keys/{name} is missing"));
        fs::rename(&aside, &file).unwrap();
    }
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o755)).unwrap();
    says(1, "may enter the folder of the keys");
    fs::remove_dir_all(&keys).unwrap();
    says(1, "the folder of the keys is missing");
}
