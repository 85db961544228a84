use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::store::LogStore;
use crate::store::create;
use crate::store::doctor::Severity;
use crate::store::doctor::examine;
use crate::store::doctor::examine_copies;
use crate::store::folder::Folder;
use crate::store::open;
use crate::store::tests::chained;
use crate::store::tests::everything;
use crate::store::tests::folder;
use crate::store::tests::options;
use crate::store::tests::rolling;
use crate::store::tests::write_guard;

/// Given a folder with two closed volumes and a newest, changed, the worst finding is this one, about that, in words.
fn check(change: impl Fn(&Path), expected: (Severity, &str, &str)) {
    let data = folder();
    let entries = chained(30, |_| 300);
    let store = create(data.path(), &rolling()).unwrap();
    entries.chunks(10).for_each(|commit| store.append(commit).unwrap());
    write_guard(&store, &entries);
    store.close_finished_volumes().unwrap();
    store.close().unwrap();
    keys(data.path());
    change(data.path());
    let before = listing(data.path());
    let findings = examine(data.path(), &KEYS);
    assert_eq!(listing(data.path()), before, "something was changed");
    let (severity, subject, words) = expected;
    let worst = findings.iter().map(|finding| finding.severity).max().unwrap();
    assert_eq!(worst, severity, "{findings:?}");
    let said = |finding: &&super::Finding| {
        finding.severity == severity && finding.subject == subject && finding.what.contains(words)
    };
    let found = findings.iter().find(said);
    assert!(found.is_some(), "{findings:?}");
    assert_eq!(severity == Severity::Good, found.is_some_and(|finding| finding.advice.is_empty()));
}

const KEYS: [&str; 2] = ["a.key", "b.key"];

fn keys(data: &Path) {
    fs::create_dir(data.join("keys")).unwrap();
    set_mode(&data.join("keys"), 0o700);
    for key in KEYS.map(|name| data.join("keys").join(name)) {
        fs::write(&key, b"secret").unwrap();
        set_mode(&key, 0o600);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Every file with its length.
fn listing(path: &Path) -> Vec<(String, u64)> {
    let mut out = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        out.push((path.display().to_string(), fs::metadata(&path).unwrap().len()));
        if path.is_dir() {
            out.extend(listing(&path));
        }
    }
    out.sort();
    out
}

fn volume(data: &Path, first: u64) -> std::path::PathBuf {
    Folder::new(data).volume(first)
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_good_folder() {
    check(|_| (), (Severity::Good, "format", "probity 1"));
    check(|_| (), (Severity::Good, "guard", "size 30, newest volume 20"));
    check(|_| (), (Severity::Good, "volume 0", "closed, SHA-256 as it was"));
    check(|_| (), (Severity::Good, "volume 20", "the newest"));
    check(|_| (), (Severity::Good, "lock", "no process"));
    check(|_| (), (Severity::Good, "keys", "only their owner"));
}

#[test]
fn keys_that_are_missing_or_not_secret() {
    use Severity::Fault;
    check(
        |data| set_mode(&data.join("keys/a.key"), 0o644),
        (Fault, "keys", "1 of 2 can be read by others, keys/a.key"),
    );
    check(|data| set_mode(&data.join("keys/b.key"), 0o604), (Fault, "keys", "keys/b.key among them"));
    check(|data| set_mode(&data.join("keys"), 0o750), (Fault, "keys", "may enter the folder"));
    check(|data| fs::remove_file(data.join("keys/a.key")).unwrap(), (Fault, "keys", "keys/a.key is missing"));
    check(|data| fs::remove_file(data.join("keys/b.key")).unwrap(), (Fault, "keys", "keys/b.key is missing"));
    check(|data| fs::remove_dir_all(data.join("keys")).unwrap(), (Fault, "keys", "the folder of the keys is missing"));
}

#[test]
fn what_is_worth_knowing() {
    use Severity::Note;
    check(|data| flip(&data.join("guard"), 30), (Note, "guard", "one of its two slots is spoilt"));
    check(
        |data| fs::write(volume(data, 20).join("snap.00000000000001FF.generating"), b"x").unwrap(),
        (Note, "volume 20", "unfinished or damaged"),
    );
    let made = |data: &Path, name: &str| fs::create_dir(data.join("ledger").join(name)).unwrap();
    check(
        |data| made(data, "00000000000000000000.new"),
        (Note, "ledger/00000000000000000000.new", "a crash interrupted"),
    );
    check(
        |data| made(data, "00000000000000000000.damaged-1"),
        (Note, "ledger/00000000000000000000.damaged-1", "kept after a mended copy"),
    );
    check(|data| made(data, "holiday"), (Note, "ledger/holiday", "not a file of ours"));
    check(|data| made(data, "00000000000000000030"), (Note, "volume 30", "before the guard named it"));
}

#[test]
fn what_is_at_fault() {
    use Severity::Fault;
    check(|data| fs::remove_file(data.join("FORMAT")).unwrap(), (Fault, "format", "no file FORMAT"));
    check(|data| fs::write(data.join("FORMAT"), "probity 9").unwrap(), (Fault, "format", "format 9"));
    check(|data| fs::remove_file(data.join("guard")).unwrap(), (Fault, "guard", "missing"));
    check(|data| fs::write(data.join("sync-failed"), "EIO").unwrap(), (Fault, "last run", "EIO"));
    check(|data| fs::remove_dir_all(volume(data, 0)).unwrap(), (Fault, "volumes", "volume 0 is missing"));
    check(|data| fs::remove_dir_all(volume(data, 20)).unwrap(), (Fault, "volumes", "volume 20 is missing"));
    check(|data| fs::remove_dir_all(volume(data, 10)).unwrap(), (Fault, "volume 0", "the next volume begins at 20"));
    check(|data| fs::write(volume(data, 20).join("db"), b"").unwrap(), (Fault, "volume 20", "empty or missing"));
    check(|data| flip(&volume(data, 10).join("db"), 2000), (Fault, "volume 10", "another SHA-256"));
    check(|data| flip(&volume(data, 10).join("closed"), 5), (Fault, "volume 10", "not as it was written"));
    check(|data| fs::write(volume(data, 20).join("blobs/1"), b"x").unwrap(), (Fault, "volume 20", "`blobs`"));
    check(|data| fs::remove_dir_all(data.join("ledger")).unwrap(), (Fault, "ledger", "cannot list"));
}

#[test]
fn copies_are_opened_and_verified_and_removed() {
    let data = folder();
    let scratch = folder();
    let entries = chained(30, |_| 300);
    let store = create(data.path(), &rolling()).unwrap();
    entries.chunks(10).for_each(|commit| store.append(commit).unwrap());
    write_guard(&store, &entries);
    store.close().unwrap();
    let findings = examine_copies(data.path(), scratch.path());
    assert_eq!(findings.len(), 3);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Good), "{findings:?}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    fs::write(volume(data.path(), 10).join("db"), b"").unwrap();
    let findings = examine_copies(data.path(), scratch.path());
    let faults: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Fault)
        .map(|finding| finding.subject.as_str())
        .collect();
    assert_eq!(faults, ["copy of volume 10"]);
}

#[test]
fn a_folder_in_use_can_be_looked_at() {
    let data = folder();
    let store = create(data.path(), &options()).unwrap();
    let entries = chained(3, |_| 10);
    store.append(&entries).unwrap();
    let findings = examine(data.path(), &KEYS);
    let lock = findings.iter().find(|finding| finding.subject == "lock").unwrap();
    assert_eq!(lock.severity, Severity::Note);
    assert_eq!(everything(&store), entries);
    drop(store);
    open(data.path(), &options()).unwrap();
}
