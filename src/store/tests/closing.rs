//! Rolling to a new volume, and closing those that are full.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::store::EntryBytes;
use crate::store::LogStore;
use crate::store::StoreError;
use crate::store::closing;
use crate::store::create;
use crate::store::doctor;
use crate::store::doctor::Severity;
use crate::store::folder::Folder;
use crate::store::open;
use crate::store::tests::chained;
use crate::store::tests::copy;
use crate::store::tests::everything;
use crate::store::tests::folder;
use crate::store::tests::leaf_hash;
use crate::store::tests::options;
use crate::store::tests::rolling;
use crate::store::tests::write_guard;

/// A folder with three volumes of 40 entries, one entry a commit in each but its first commit.
fn prepared(data: &Path) -> Vec<EntryBytes> {
    let entries = chained(120, |index| if index.is_multiple_of(13) { 9000 } else { 300 });
    for (round, third) in entries.chunks(40).enumerate() {
        let opened = |options| if round == 0 { create(data, options) } else { open(data, options) };
        let store = if round == 0 { opened(&options()).unwrap() } else { opened(&rolling()).unwrap() };
        store.append(&third[..1]).unwrap();
        write_guard(&store, &entries[..=round * 40]);
        drop(store);
        let store = open(data, &options()).unwrap();
        third[1..].iter().for_each(|entry| store.append(std::slice::from_ref(entry)).unwrap());
    }
    let store = open(data, &options()).unwrap();
    write_guard(&store, &entries);
    entries
}

fn db(data: &Path, first: u64) -> PathBuf {
    Folder::new(data).volume(first).join("db")
}

#[test]
fn full_volumes_are_rewritten_and_sealed_and_never_change_again() {
    let data = folder();
    let entries = prepared(data.path());
    let store = open(data.path(), &options()).unwrap();
    assert_eq!(everything(&store), entries);
    assert_eq!(store.close_finished_volumes(), Ok(2));
    assert_eq!(store.close_finished_volumes(), Ok(0));
    assert_eq!(everything(&store), entries);
    for (first, last) in [(0, 39), (40, 79)] {
        let path = Folder::new(data.path()).volume(first);
        let closed = closing::read(&path).unwrap().unwrap();
        assert_eq!((closed.last, closed.leaf), (last, leaf_hash(&entries[usize::try_from(last).unwrap()])));
        assert_eq!(closed.sha256, closing::hash_db(&path).unwrap());
    }
    assert!(!closing::is_closed(&Folder::new(data.path()).volume(80)));
    let names = fs::read_dir(data.path().join("ledger")).unwrap().count();
    assert_eq!(names, 3, "nothing is left over");
    store.close().unwrap();
    // However often it is opened and read.
    let sealed = fs::read(db(data.path(), 0)).unwrap();
    for _ in 0..3 {
        let store = open(data.path(), &options()).unwrap();
        assert_eq!(everything(&store), entries);
        store.close().unwrap();
        assert_eq!(fs::read(db(data.path(), 0)).unwrap(), sealed);
    }
    let findings = doctor::examine(data.path(), &[]);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Good), "{findings:?}");
}

#[test]
fn readers_go_on_while_volumes_are_closed() {
    let data = folder();
    let entries = prepared(data.path());
    let store = open(data.path(), &options()).unwrap();
    std::thread::scope(|scope| {
        let closer = scope.spawn(|| store.close_finished_volumes());
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..3 {
                        assert_eq!(everything(&store), entries);
                    }
                })
            })
            .collect();
        for reader in readers {
            reader.join().unwrap();
        }
        assert_eq!(closer.join().unwrap(), Ok(2));
    });
    assert_eq!(everything(&store), entries);
}

#[test]
fn a_damaged_entry_is_not_sealed() {
    let data = folder();
    let mut entries = chained(40, |_| 300);
    let mut bytes = entries[20].to_vec();
    bytes[200] ^= 1;
    entries[20] = bytes.into();
    let store = create(data.path(), &rolling()).unwrap();
    store.append(&entries[..39]).unwrap();
    store.append(&entries[39..]).unwrap();
    let refusal = store.close_finished_volumes().unwrap_err();
    assert!(matches!(refusal, StoreError::Damaged { volume: 0, at: Some(20), .. }), "{refusal}");
    assert!(!closing::is_closed(&Folder::new(data.path()).volume(0)));
    assert_eq!(everything(&store), entries, "all is as it was");
}

#[test]
fn crashes_while_a_folder_is_replaced() {
    let data = folder();
    let entries = prepared(data.path());
    let before = folder();
    copy(data.path(), before.path());
    open(data.path(), &options()).unwrap().close_finished_volumes().unwrap();
    let name = "00000000000000000000";
    let (old, new) = (before.path().join("ledger").join(name), data.path().join("ledger").join(name));
    // What lies in the ledger after a crash: the folder's own name, `.new` with or without `ready`, `.old`.
    let check = |live: Option<&Path>, staged: Option<(&Path, bool)>, aside: Option<&Path>, closed: bool| {
        let crashed = folder();
        copy(before.path(), crashed.path());
        let ledger = crashed.path().join("ledger");
        fs::remove_dir_all(ledger.join(name)).unwrap();
        if let Some(live) = live {
            copy(live, &ledger.join(name));
        }
        if let Some((staged, ready)) = staged {
            copy(staged, &ledger.join(format!("{name}.new")));
            if ready {
                fs::write(ledger.join(format!("{name}.new/ready")), b"").unwrap();
            }
        }
        if let Some(aside) = aside {
            copy(aside, &ledger.join(format!("{name}.old")));
        }
        let store = open(crashed.path(), &options()).unwrap();
        assert_eq!(everything(&store), entries);
        assert_eq!(closing::is_closed(&ledger.join(name)), closed);
        assert_eq!(fs::read_dir(&ledger).unwrap().count(), 3, "nothing is left over");
    };
    check(Some(&old), Some((&new, false)), None, false);
    check(Some(&old), Some((&new, true)), None, false);
    check(None, Some((&new, true)), Some(&old), true);
    check(None, Some((&new, false)), Some(&old), false);
    check(Some(&new), None, Some(&old), true);
}

#[test]
fn a_closed_volume_that_changed_is_seen() {
    let data = folder();
    let entries = prepared(data.path());
    open(data.path(), &options()).unwrap().close_finished_volumes().unwrap();
    let path = Folder::new(data.path()).volume(40).join("closed");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("last 79", "last 78")).unwrap();
    let store = open(data.path(), &options()).unwrap();
    assert!(matches!(store.get(50), Err(StoreError::Damaged { volume: 40, .. })));
    assert_eq!(store.get(10).unwrap().unwrap(), entries[10]);
    drop(store);
    fs::write(&path, "nonsense").unwrap();
    let store = open(data.path(), &options()).unwrap();
    assert!(matches!(store.get(50), Err(StoreError::Io { .. })));
}
