//! That what sled calls flushed is on the disk: the system calls of a writer, as `strace` sees them.

use std::env;
use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::store::LogStore;
use crate::store::create;
use crate::store::tests::blobs;
use crate::store::tests::folder;
use crate::store::tests::options;

const DATA: &str = "PROBITY_TEST_SYNC_DATA";
const APPENDS: usize = 25;

/// The process that is watched.
#[test]
fn writer() {
    let Some(data) = env::var_os(DATA) else { return };
    let store = create(Path::new(&data), &options()).unwrap();
    for seed in 1..=APPENDS {
        store.append(&blobs(seed as u64, &[700; 20])).unwrap();
    }
}

#[test]
fn an_append_is_an_fdatasync() {
    let data = folder();
    let calls = data.path().join("calls");
    let watched = Command::new("strace")
        .args(["-f", "-e", "trace=fdatasync,sync_file_range", "-o"])
        .arg(&calls)
        .arg(env::current_exe().unwrap())
        .args(["--exact", "store::tests::sync::writer"])
        .env(DATA, data.path().join("data"))
        .output();
    let Ok(watched) = watched else {
        writeln!(io::stderr(), "SKIPPED: no strace here, so nobody saw that an append is an fdatasync").unwrap();
        return;
    };
    assert!(watched.status.success(), "{}", String::from_utf8_lossy(&watched.stderr));
    let calls = fs::read_to_string(calls).unwrap();
    assert!(!calls.contains("sync_file_range"), "libc's own function was linked:\n{calls}");
    let syncs = calls.lines().filter(|line| line.contains("fdatasync(")).count();
    assert!(syncs >= APPENDS, "{syncs} syncs for {APPENDS} appends:\n{calls}");
}
