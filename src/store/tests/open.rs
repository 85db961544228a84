//! What is refused at a start, with the reason, and what is put right.

use std::fs;
use std::path::Path;

use crate::log::LeafHash;
use crate::store::EntryBytes;
use crate::store::LogStore;
use crate::store::OpenOptions;
use crate::store::StoreError;
use crate::store::create;
use crate::store::folder::Folder;
use crate::store::open;
use crate::store::open_or_create;
use crate::store::tests::Random;
use crate::store::tests::blobs;
use crate::store::tests::chained;
use crate::store::tests::everything;
use crate::store::tests::folder;
use crate::store::tests::options;
use crate::store::tests::rolling;
use crate::store::tests::write_guard;

const COUNT: u64 = 60;

/// A data folder with a chained log in one volume, cleanly stopped; its entries.
fn prepared(data: &Path, chosen: &OpenOptions) -> Vec<EntryBytes> {
    let entries = chained(COUNT, |_| 500);
    let store = create(data, chosen).unwrap();
    for commit in entries.chunks(20) {
        store.append(commit).unwrap();
    }
    write_guard(&store, &entries);
    store.close().unwrap();
    entries
}

/// Given a folder that was changed, it opens with all its entries (`None`), or is refused in words that say so.
fn check(change: impl Fn(&Path), expected: Option<&str>) {
    let data = folder();
    let entries = prepared(data.path(), &options());
    change(data.path());
    match (open(data.path(), &options()), expected) {
        (Ok(store), None) => {
            assert_eq!(everything(&store), entries);
            store.append(&blobs(1, &[5])).unwrap();
        }
        (Err(refusal), Some(words)) => {
            let text = refusal.to_string();
            assert!(text.contains(words), "{text}");
            assert!(!refusal.advice().is_empty());
        }
        (Ok(_), Some(words)) => panic!("opened, should have said: {words}"),
        (Err(refusal), None) => panic!("refused: {refusal}"),
    }
}

fn volume(data: &Path) -> std::path::PathBuf {
    Folder::new(data).volume(0)
}

fn snapshot(data: &Path) -> std::path::PathBuf {
    let names = fs::read_dir(volume(data)).unwrap().map(|entry| entry.unwrap().path());
    names.into_iter().find(|path| path.to_string_lossy().contains("snap.")).unwrap()
}

#[test]
fn what_opens() {
    check(|_| (), None);
    check(|data| fs::remove_file(snapshot(data)).unwrap(), None);
    check(|data| fs::remove_file(data.join("lock")).unwrap(), None);
    check(|data| fs::remove_file(volume(data).join("conf")).unwrap(), None);
    check(|data| fs::create_dir(data.join("views")).unwrap(), None);
}

#[test]
fn known_remedies_are_tried_on_a_copy() {
    let kept = |data: &Path| data.join("ledger/00000000000000000000.damaged-1").exists();
    for change in [
        &(|data: &Path| fs::write(volume(data).join("snap.0000000000100000.generating"), b"half").unwrap())
            as &dyn Fn(&Path),
        &|data: &Path| {
            let path = snapshot(data);
            let mut bytes = fs::read(&path).unwrap();
            bytes[20] ^= 1;
            fs::write(&path, bytes).unwrap();
        },
        &|data: &Path| fs::write(snapshot(data), b"").unwrap(),
        &|data: &Path| fs::write(snapshot(data), b"more than twelve bytes, and no snapshot").unwrap(),
    ] {
        let data = folder();
        let entries = prepared(data.path(), &options());
        change(data.path());
        assert!(!kept(data.path()));
        let store = open(data.path(), &options()).unwrap();
        assert_eq!(everything(&store), entries);
        assert!(kept(data.path()));
    }
}

#[test]
fn a_remedy_that_loses_entries_is_not_accepted() {
    let data = folder();
    prepared(data.path(), &options());
    fs::write(snapshot(data.path()), b"").unwrap();
    let db = volume(data.path()).join("db");
    let len = fs::metadata(&db).unwrap().len();
    fs::File::options().write(true).open(&db).unwrap().set_len(len / 8).unwrap();
    let before = fs::read(&db).unwrap();
    let refusal = open(data.path(), &options()).unwrap_err();
    assert!(matches!(refusal, StoreError::Damaged { volume: 0, .. }), "{refusal}");
    assert_eq!(fs::read(&db).unwrap(), before, "the damaged file is as it was");
}

#[test]
fn what_is_refused() {
    check(|data| fs::write(data.join("FORMAT"), "probity 2\n").unwrap(), Some("format 2"));
    check(|data| fs::write(data.join("FORMAT"), "diary 1\n").unwrap(), Some("not a data folder"));
    check(|data| fs::remove_file(data.join("FORMAT")).unwrap(), Some("it has no file FORMAT"));
    check(|data| fs::remove_file(data.join("guard")).unwrap(), Some("its file is missing"));
    check(|data| fs::write(data.join("guard"), b"no").unwrap(), Some("neither of its two slots"));
    check(|data| fs::remove_dir_all(volume(data)).unwrap(), Some("volume 0 is missing"));
    check(|data| fs::remove_file(volume(data).join("db")).unwrap(), Some("`db` is missing"));
    check(|data| fs::write(volume(data).join("db"), b"").unwrap(), Some("`db` is empty"));
    check(|data| fs::write(volume(data).join("conf"), b"segment_size: 4096\n").unwrap(), Some("corrupt bytes"));
    check(|data| fs::write(data.join("sync-failed"), b"the disk said no\n").unwrap(), Some("the disk said no"));
}

#[test]
fn an_emptied_database_is_not_taken_for_a_new_one() {
    // Both were made empty without a word: by sled with another tree, or by somebody with another database.
    check(
        |data| {
            let other = folder();
            create(other.path(), &options()).unwrap().close().unwrap();
            fs::remove_dir_all(volume(data)).unwrap();
            super::copy(&volume(other.path()), &volume(data));
        },
        Some("the ledger ends after 0 entries, the guard knows of 60"),
    );
    check(
        |data| {
            fs::remove_dir_all(volume(data)).unwrap();
            sled::open(volume(data)).unwrap().flush().unwrap();
        },
        Some("the tree of entries is missing"),
    );
}

#[test]
fn a_ledger_that_is_not_the_one_of_the_guard() {
    let data = folder();
    let entries = prepared(data.path(), &options());
    let guard = crate::store::Guard::open(&data.path().join("guard")).unwrap();
    let expected = guard.state().leaf;
    let found = expected;
    guard.update(|state| state.leaf = LeafHash([1; 32])).unwrap();
    let forked = StoreError::ForkedFromGuard { at: COUNT - 1, expected: LeafHash([1; 32]), found };
    assert_eq!(open(data.path(), &options()).unwrap_err(), forked);
    guard.update(|state| (state.leaf, state.size) = (expected, COUNT + 1)).unwrap();
    let behind = StoreError::BehindGuard { ledger: COUNT, guard: COUNT + 1 };
    assert_eq!(open(data.path(), &options()).unwrap_err(), behind);
    assert_eq!(entries.len() as u64, COUNT);
}

#[test]
fn folders_that_are_not_ours_are_left_alone() {
    let data = folder();
    assert_eq!(open(data.path(), &options()).unwrap_err(), StoreError::NoFolder { path: data.path().to_owned() });
    let absent = data.path().join("absent");
    assert_eq!(open(&absent, &options()).unwrap_err(), StoreError::NoFolder { path: absent.clone() });
    assert!(!absent.exists());
    fs::write(data.path().join("diary.txt"), b"today").unwrap();
    for attempt in [open, create, open_or_create] {
        assert!(matches!(attempt(data.path(), &options()), Err(StoreError::NotOurs { .. })));
    }
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1, "nothing was added");
    create(&absent, &options()).unwrap();
    assert_eq!(create(&absent, &options()).unwrap_err(), StoreError::Exists { path: absent });
}

#[test]
fn a_creation_that_was_interrupted_is_begun_again() {
    for missing in [&["FORMAT"][..], &["FORMAT", "guard"], &["FORMAT", "guard", "ledger"]] {
        let data = folder();
        create(data.path(), &options()).unwrap();
        fs::rename(data.path().join("FORMAT"), data.path().join("FORMAT.unfinished")).unwrap();
        for name in &missing[1..] {
            let path = data.path().join(name);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        assert!(matches!(open(data.path(), &options()), Err(StoreError::NoFolder { .. })));
        open_or_create(data.path(), &options()).unwrap().append(&blobs(1, &[10])).unwrap();
        assert_eq!(open_or_create(data.path(), &options()).unwrap().size(), 1);
    }
}

#[test]
fn one_process_at_a_time() {
    let data = folder();
    let store = create(data.path(), &options()).unwrap();
    assert_eq!(open(data.path(), &options()).unwrap_err(), StoreError::InUse { path: data.path().to_owned() });
    drop(store);
    open(data.path(), &options()).unwrap();
}

#[test]
fn a_nearly_full_disk_is_met_before_sled_meets_it() {
    let data = folder();
    let full = OpenOptions { reserve_bytes: u64::MAX, ..options() };
    let store = create(data.path(), &full).unwrap();
    let refusal = store.append(&blobs(1, &[10])).unwrap_err();
    assert!(matches!(refusal, StoreError::NoSpace { reserve: u64::MAX, .. }), "{refusal}");
    assert!(refusal.nothing_written());
    assert!(store.check_space().is_err());
    drop(store);
    let store = open(data.path(), &options()).unwrap();
    assert_eq!(store.size(), 0);
    store.check_space().unwrap();
    store.append(&blobs(1, &[10])).unwrap();
}

#[test]
fn after_a_failed_sync_the_newest_volume_is_verified_first() {
    let accept = OpenOptions { accept_after_sync_error: true, ..options() };
    let data = folder();
    let entries = prepared(data.path(), &options());
    fs::write(data.path().join("sync-failed"), b"input/output error\n").unwrap();
    let refusal = open(data.path(), &options()).unwrap_err();
    assert_eq!(refusal, StoreError::SyncFailedBefore { what: "input/output error".to_owned() });
    let store = open(data.path(), &accept).unwrap();
    assert_eq!(everything(&store), entries);
    drop(store);
    open(data.path(), &options()).unwrap();

    // What is no chain is not accepted, and the note stays.
    let data = folder();
    create(data.path(), &options()).unwrap().append(&blobs(1, &[100, 100])).unwrap();
    fs::write(data.path().join("sync-failed"), b"input/output error\n").unwrap();
    assert!(matches!(open(data.path(), &accept), Err(StoreError::Damaged { at: Some(0), .. })));
    assert!(matches!(open(data.path(), &options()), Err(StoreError::SyncFailedBefore { .. })));
}

#[test]
fn leftovers_of_a_roll_are_removed_and_missing_volumes_are_not_forgiven() {
    let data = folder();
    let entries = prepared(data.path(), &rolling());
    let ledger = Folder::new(data.path());
    super::copy(&ledger.volume(0), &ledger.volume(COUNT));
    let store = open(data.path(), &rolling()).unwrap();
    assert_eq!((store.stats().volumes, everything(&store)), (3, entries));
    assert!(!ledger.volume(COUNT).exists());
    drop(store);
    for (first, expected) in [(40, "volume 40 is missing"), (0, "volume 0 is missing")] {
        let aside = data.path().join("aside");
        fs::rename(ledger.volume(first), &aside).unwrap();
        let refusal = open(data.path(), &rolling()).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal}");
        fs::rename(&aside, ledger.volume(first)).unwrap();
    }
    fs::remove_dir_all(ledger.volume(20)).unwrap();
    let store = open(data.path(), &rolling()).unwrap();
    // Found when it is read, and again without another look.
    for index in [20, 21, 20] {
        let refusal = store.get(index).unwrap_err();
        assert!(matches!(refusal, StoreError::Damaged { volume: 0, at: Some(at), .. } if at == index), "{refusal}");
    }
    assert!(store.get(45).unwrap().is_some());
}

#[test]
fn a_start_that_is_refused_leaves_the_folder_as_it_was() {
    // sled overwrites what follows the first damaged message of a log without snapshot; then entries are missing.
    let killed = folder();
    let data = folder();
    let entries = chained(COUNT, |_| 500);
    let store = create(data.path(), &options()).unwrap();
    for commit in entries.chunks(20) {
        store.append(commit).unwrap();
    }
    write_guard(&store, &entries);
    super::copy(data.path(), killed.path());
    drop(store);
    let db = volume(killed.path()).join("db");
    let good = fs::read(&db).unwrap();
    let seed = 20_260_102;
    let mut random = Random(seed);
    let mut refused = 0;
    for round in 0..40 {
        let at = random.len(good.len());
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::remove_dir_all(volume(killed.path())).unwrap();
        super::copy(&volume(data.path()), &volume(killed.path()));
        fs::write(&db, &bad).unwrap();
        let before = listing(killed.path());
        if open(killed.path(), &options()).is_err() {
            refused += 1;
            assert!(fs::read(&db).unwrap() == bad, "seed {seed}, round {round}, byte {at}");
            assert_eq!(listing(killed.path()), before, "seed {seed}, round {round}, byte {at}");
        }
    }
    assert!(refused > 10);
    fs::write(&db, &good).unwrap();
    assert_eq!(everything(&open(killed.path(), &options()).unwrap()), entries);
}

fn listing(data: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = [data.to_owned(), data.join("ledger"), volume(data)]
        .iter()
        .flat_map(|path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    paths.sort();
    paths
}

#[test]
fn a_start_that_crashed_is_begun_again_from_what_was_there() {
    let data = folder();
    let entries = prepared(data.path(), &options());
    let before = data.path().join("ledger/00000000000000000000.before");
    // While it was copied: the copy is not whole.
    fs::create_dir(&before).unwrap();
    assert_eq!(everything(&open(data.path(), &options()).unwrap()), entries);
    assert!(!before.exists());
    // While sled recovered: whatever it had done is undone.
    super::copy(&volume(data.path()), &before);
    fs::write(before.join("ready"), b"").unwrap();
    fs::write(volume(data.path()).join("db"), b"half").unwrap();
    assert_eq!(everything(&open(data.path(), &options()).unwrap()), entries);
    // While it was put back.
    super::copy(&volume(data.path()), &before);
    fs::write(before.join("ready"), b"").unwrap();
    fs::remove_dir_all(volume(data.path())).unwrap();
    assert_eq!(everything(&open(data.path(), &options()).unwrap()), entries);
    assert!(!before.exists());
}
