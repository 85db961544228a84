use crate::store::EntryBytes;
use crate::store::LogStore;
use crate::store::MemoryStore;
use crate::store::StoreError;
use crate::store::faulty::Failure;
use crate::store::faulty::FaultyStore;
use crate::store::faulty::Lie;

fn store() -> FaultyStore<MemoryStore> {
    let memory = MemoryStore::new();
    memory.append(&["a", "b", "c", "d"].map(EntryBytes::from)).unwrap();
    FaultyStore::new(memory, 7)
}

/// Given these lies about a, b, c, d, a reader sees `expected`.
fn check(lies: &[Lie], expected: &[&str]) {
    let store = store();
    for lie in lies {
        store.tell(*lie);
    }
    let read: Vec<EntryBytes> = store.read(0, usize::MAX).unwrap().into_iter().map(|(_, entry)| entry).collect();
    assert_eq!(read, expected, "{lies:?}");
    assert_eq!(store.size(), expected.len() as u64);
    for (index, entry) in (0..).zip(expected) {
        assert_eq!(store.get(index).unwrap().unwrap(), entry);
    }
    assert_eq!(store.get(expected.len() as u64).unwrap(), None);
    store.be_honest();
    assert_eq!(store.size(), 4);
}

#[test]
fn lies() {
    check(&[], &["a", "b", "c", "d"]);
    check(&[Lie::Flip { index: 1, byte: 0, mask: 1 }], &["a", "c", "c", "d"]);
    check(&[Lie::Flip { index: 1, byte: 1, mask: 1 }], &["a", "b", "c", "d"]);
    check(&[Lie::Cut { index: 2, len: 0 }], &["a", "b", "", "d"]);
    check(&[Lie::Drop { index: 1 }], &["a", "c", "d"]);
    check(&[Lie::Duplicate { index: 1 }], &["a", "b", "b", "c", "d"]);
    check(&[Lie::Swap { one: 0, other: 3 }], &["d", "b", "c", "a"]);
    check(&[Lie::End { size: 3 }], &["a", "b", "c"]);
    check(&[Lie::Drop { index: 0 }, Lie::Drop { index: 0 }, Lie::Swap { one: 0, other: 1 }], &["d", "c"]);
    check(&[Lie::Duplicate { index: 3 }, Lie::Flip { index: 4, byte: 0, mask: 1 }], &["a", "b", "c", "d", "e"]);
}

#[test]
fn failures() {
    for (failure, expected) in [(Failure::BeforeWriting, 5), (Failure::AfterWriting, 6)] {
        let store = store();
        store.fail_after(1, failure);
        let entry = [EntryBytes::from("e")];
        store.append(&entry).unwrap();
        assert!(matches!(store.append(&entry), Err(StoreError::SyncFailed { .. })));
        assert_eq!(store.append(&entry), Err(StoreError::Stopped));
        assert_eq!(store.into_inner().size(), expected, "{failure:?}");
    }
}

#[test]
fn the_seed_decides() {
    let chosen = || {
        let store = store();
        (store.flip_somewhere().unwrap(), store.fail_somewhere(10), store.flip_somewhere().unwrap())
    };
    assert_eq!(chosen(), chosen());
    assert_eq!(FaultyStore::new(MemoryStore::new(), 0).flip_somewhere(), Ok(None));
}
