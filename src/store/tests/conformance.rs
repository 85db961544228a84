//! What every store must do: one suite over memory, over sled in one volume, and over sled with a volume a commit.

use proptest::prelude::ProptestConfig;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::store::ENTRY_BYTES_MAX;
use crate::store::EntryBytes;
use crate::store::LogStore;
use crate::store::MemoryStore;
use crate::store::SledStore;
use crate::store::StoreError;
use crate::store::create;
use crate::store::faulty::FaultyStore;
use crate::store::open;
use crate::store::tests::Random;
use crate::store::tests::blobs;
use crate::store::tests::everything;
use crate::store::tests::folder;
use crate::store::tests::options;
use crate::store::tests::rolling;

/// Appends the commits to each kind of store; each must then hold their entries, and nothing else.
fn check(commits: &[Vec<EntryBytes>]) {
    let expected: Vec<EntryBytes> = commits.concat();
    let memory = MemoryStore::new();
    append(&memory, commits);
    assert_eq!(everything(&memory), expected, "memory");
    let honest = FaultyStore::new(MemoryStore::new(), 1);
    append(&honest, commits);
    assert_eq!(everything(&honest), expected, "faulty, told no lies");
    for (kind, options) in [("one volume", options()), ("a volume a commit", rolling())] {
        let data = folder();
        let store = create(data.path(), &options).unwrap();
        append(&store, commits);
        assert_eq!(everything(&store), expected, "sled, {kind}");
        drop(store);
        let store = open(data.path(), &options).unwrap();
        assert_eq!(everything(&store), expected, "sled, {kind}, opened again");
        store.close().unwrap();
        let store = open(data.path(), &options).unwrap();
        assert_eq!(everything(&store), expected, "sled, {kind}, opened after a clean stop");
    }
}

fn append(store: &dyn LogStore, commits: &[Vec<EntryBytes>]) {
    for commit in commits {
        let size = store.size();
        store.append(commit).unwrap();
        assert_eq!(store.size(), size + commit.len() as u64);
    }
}

#[test]
fn nothing_and_little() {
    check(&[]);
    check(&[vec![]]);
    check(&[blobs(1, &[0])]);
    check(&[blobs(2, &[1]), vec![], blobs(3, &[2, 0, 1])]);
}

#[test]
fn entries_around_the_borders_of_a_value() {
    // 4 bytes of length are before each entry, so 4,092 is the longest that fits a value.
    for len in [4091, 4092, 4093, 4096, 8187, 8188, 8189, 12285] {
        check(&[blobs(4, &[len]), blobs(5, &[10, len, 10]), blobs(6, &[len, len])]);
    }
    check(&[blobs(7, &[2000, 2088, 0, 1, 2044, 2044, 2044])]);
}

#[test]
fn entries_up_to_a_mebibyte() {
    check(&[blobs(8, &[700, 1 << 20, 300]), blobs(9, &[100_000]), blobs(10, &[5, 262_144, 40_000, 5])]);
}

#[test]
fn many_entries_in_a_commit() {
    let mut random = Random(11);
    let lens: Vec<usize> = (0..1500).map(|_| random.len(900)).collect();
    check(&[blobs(12, &lens), blobs(13, &lens[..256])]);
}

#[test]
fn a_read_is_bounded_and_whole() {
    let check = |store: &dyn LogStore| {
        store.append(&blobs(14, &[100; 40])).unwrap();
        store.append(&blobs(15, &[100; 40])).unwrap();
        for (from, max_bytes, expected) in
            [(0, 0, 1), (0, 1, 1), (0, 100, 1), (0, 101, 2), (39, 200, 2), (79, 1000, 1), (80, 1000, 0), (81, 1, 0)]
        {
            let read = store.read(from, max_bytes).unwrap();
            assert_eq!(read.len(), expected, "from {from}, at most {max_bytes} bytes");
            assert!(read.iter().zip(from..).all(|((index, _), expected)| *index == expected));
        }
        for past in [80, 81, u64::MAX] {
            assert_eq!(store.get(past).unwrap(), None);
            assert_eq!(store.read(past, 10).unwrap(), vec![]);
        }
    };
    let data = folder();
    check(&MemoryStore::new());
    check(&create(data.path(), &options()).unwrap());
}

#[test]
fn too_long_an_entry_is_refused_and_the_store_goes_on() {
    let check = |store: &dyn LogStore| {
        let too_long = vec![EntryBytes::from_static(b"good"), EntryBytes::from(vec![0; ENTRY_BYTES_MAX + 1])];
        let refusal = store.append(&too_long).unwrap_err();
        assert_eq!(refusal, StoreError::EntryTooLong { len: ENTRY_BYTES_MAX + 1, max: ENTRY_BYTES_MAX });
        assert!(refusal.nothing_written());
        assert_eq!(store.size(), 0);
        store.append(&too_long[..1]).unwrap();
        assert_eq!(store.size(), 1);
    };
    let data = folder();
    check(&MemoryStore::new());
    check(&create(data.path(), &options()).unwrap());
}

#[test]
fn no_value_is_longer_than_four_kibibytes_and_no_file_is_a_blob() {
    let data = folder();
    let store = create(data.path(), &options()).unwrap();
    for seed in 1..40 {
        store.append(&blobs(seed, &[4092; 40])).unwrap();
    }
    store.append(&blobs(40, &[1 << 20; 3])).unwrap();
    let stats = store.stats();
    assert!(stats.value_bytes_written <= stats.keys_written * 4096);
    let blobs = data.path().join("ledger").join("0".repeat(20)).join("blobs");
    assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 0);
}

#[test]
fn readers_see_whole_commits_only() {
    let data = folder();
    let store = create(data.path(), &options()).unwrap();
    let commits = 300;
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = 0;
                    while seen < commits * 7 {
                        let size = store.size();
                        assert_eq!(size % 7, 0, "a size inside a commit");
                        let mut next = seen;
                        while next < size {
                            for (index, entry) in store.read(next, 4000).unwrap() {
                                assert_eq!(entry[..8], index.to_be_bytes());
                                next = index + 1;
                            }
                        }
                        seen = size;
                    }
                })
            })
            .collect();
        for commit in 0..commits {
            let entries: Vec<EntryBytes> = (commit * 7..commit * 7 + 7)
                .map(|index| EntryBytes::from([&index.to_be_bytes()[..], &[0; 500]].concat()))
                .collect();
            store.append(&entries).unwrap();
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn the_numbers_of_a_store_are_its_own() {
    let check = |store: &dyn LogStore| {
        store.append(&blobs(16, &[1000, 1000, 1000, 1000, 1000])).unwrap();
        store.append(&blobs(17, &[10_000])).unwrap();
        let stats = store.stats();
        assert_eq!((stats.entries, stats.volumes, stats.commits), (6, 1, 2));
        assert_eq!((stats.keys_written, stats.value_bytes_written), (2 + 3, 5 * 1004 + 10_004));
    };
    let data = folder();
    check(&MemoryStore::new());
    check(&create(data.path(), &options()).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// A store is a vector that was appended to, whatever was appended, read and opened again between.
    #[test]
    fn a_store_is_a_vector(seed in 1..u64::MAX) {
        let data = folder();
        let mut random = Random(seed);
        let chosen = if random.below(2) == 0 { rolling() } else { options() };
        let mut store: SledStore = create(data.path(), &chosen).unwrap();
        let mut model: Vec<EntryBytes> = Vec::new();
        for _ in 0..12 {
            match random.below(8) {
                0 => {
                    drop(store);
                    store = open(data.path(), &chosen).unwrap();
                }
                1 => {
                    store.close().unwrap();
                    store = open(data.path(), &chosen).unwrap();
                }
                _ => {
                    let lens: Vec<usize> = (0..random.len(30)).map(|_| {
                        let most = [50, 700, 5000, 20_000][random.len(4)];
                        random.len(most)
                    }).collect();
                    let entries = blobs(random.below(u64::MAX) | 1, &lens);
                    store.append(&entries).unwrap();
                    model.extend(entries);
                }
            }
            prop_assert_eq!(store.size(), model.len() as u64);
            let from = random.below(model.len() as u64 + 2);
            let read = store.read(from, random.len(30_000)).unwrap();
            let start = usize::try_from(from).unwrap();
            for (place, (index, entry)) in read.iter().enumerate() {
                prop_assert_eq!((*index, entry), (from + place as u64, &model[start + place]));
            }
            prop_assert_eq!(read.is_empty(), start >= model.len());
        }
        prop_assert_eq!(everything(&store), model);
    }
}
