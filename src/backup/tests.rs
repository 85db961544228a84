use std::fs;
use std::path::Path;

use bytes::Bytes;

use crate::backup::BackupError;
use crate::backup::MANIFEST_FILE;
use crate::backup::Manifest;
use crate::backup::ManifestFault;
use crate::backup::Segments;
use crate::backup::read_manifest;
use crate::backup::write;
use crate::ledger::fixture::TinyLedger;
use crate::log::LeafHash;
use crate::verify::Entries;
use crate::verify::Unreadable;
use crate::verify::Wanted;
use crate::verify::verify;

/// A log of so many entries, which goes on while it is read.
struct Growing {
    entries: Vec<Bytes>,
    size: u64,
}

impl Entries for Growing {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let take = if bytes_max <= 1 { 1 } else { 3 };
        Ok((from..).zip(self.entries.iter().skip(usize::try_from(from).unwrap()).cloned()).take(take).collect())
    }
}

fn backup(entries: &[Bytes], size: u64, to: &Path) -> Result<u64, BackupError> {
    let log = Growing { entries: entries.to_vec(), size };
    write(&log, to, 1, |_, _| {}).map(|written| written.manifest.size())
}

#[test]
fn what_is_appended_meanwhile_waits_for_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let entries = TinyLedger::with_a_case().entries;
    let all = entries.len() as u64;
    // The log has requests of more than one event: its ends are the ends of requests.
    let mut ends = Vec::new();
    for size in 1..=all {
        match backup(&entries, size, folder.path()) {
            Ok(held) => {
                assert_eq!(held, size);
                ends.push(size);
            }
            Err(error) => assert!(matches!(error, BackupError::Fault(_)), "{size}: {error}"),
        }
        let manifest = read_manifest(folder.path()).unwrap();
        let segments = Segments::new(folder.path(), &manifest);
        assert!(verify(&segments, &Wanted::default(), |_, _| {}).is_good());
    }
    assert!(ends.len() > 2 && ends.last() == Some(&all), "{ends:?}");
}

#[test]
fn a_manifest_has_one_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let entries = TinyLedger::with_a_case().entries;
    backup(&entries, entries.len() as u64, folder.path()).unwrap();
    let bytes = fs::read(folder.path().join(MANIFEST_FILE)).unwrap();
    let good = Manifest::decode(&bytes).unwrap();
    assert_eq!((good.segments.len(), good.size()), (entries.len(), entries.len() as u64));
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        assert!(Manifest::decode(&bad).is_err(), "byte {at}");
    }
    assert_eq!(Manifest::decode(&bytes[..bytes.len() - 1]), Err(ManifestFault::Spelling));
    assert_eq!(Manifest::decode(b"{}"), Err(ManifestFault::Fields));
}

#[test]
fn segments_follow_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let entries = TinyLedger::with_a_case().entries;
    backup(&entries, entries.len() as u64, folder.path()).unwrap();
    let good = read_manifest(folder.path()).unwrap();
    let check = |change: &dyn Fn(&mut Manifest), expected: ManifestFault| {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(Manifest::decode(&changed.encode()), Err(expected));
    };
    let segment = |number| ManifestFault::Segment { number };
    check(&|manifest| manifest.format = "probity export 1".to_owned(), ManifestFault::Format);
    check(&|manifest| drop(manifest.segments.remove(0)), segment(0));
    check(&|manifest| drop(manifest.segments.remove(2)), segment(2));
    check(&|manifest| manifest.segments.swap(1, 2), segment(1));
    check(&|manifest| manifest.segments[1].last += 1, segment(1));
    check(&|manifest| manifest.segments[1].last = u64::MAX, segment(1));
    check(&|manifest| manifest.segments[1].before = LeafHash::NONE.to_string(), segment(1));
    check(&|manifest| manifest.segments[1].leaf = "none".to_owned(), segment(1));
    check(&|manifest| manifest.segments[1].file.name = "../../etc/passwd".to_owned(), segment(1));
    check(&|manifest| manifest.segments[1].file.rows = None, segment(1));
}

#[test]
fn files_of_others_are_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let entries = TinyLedger::with_a_case().entries;
    let all = entries.len() as u64;
    for name in ["thesis", "00000000000000000001.entries"] {
        let to = folder.path().join(name);
        fs::create_dir(&to).unwrap();
        fs::write(to.join(name), "years of work").unwrap();
        assert!(matches!(backup(&entries, all, &to), Err(BackupError::NotABackup { .. })), "{name}");
        assert_eq!(fs::read_to_string(to.join(name)).unwrap(), "years of work");
    }
    // In a backup, what is not named and has one of our names was left by a run that was killed.
    let to = folder.path().join("backup");
    backup(&entries, all, &to).unwrap();
    for name in
        ["notes", "00000000000000000099.entries", "00000000000000000099.entries.partial", "manifest.json.partial"]
    {
        fs::write(to.join(name), "").unwrap();
    }
    backup(&entries, all, &to).unwrap();
    let found: Vec<_> = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(found.len() as u64, all + 2, "{found:?}");
    assert!(to.join("notes").exists());
}

#[test]
fn two_do_not_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let entries = TinyLedger::with_a_case().entries;
    backup(&entries, 1, folder.path()).unwrap();
    let held = fs::File::open(folder.path()).unwrap();
    held.try_lock().unwrap();
    assert!(matches!(backup(&entries, 1, folder.path()), Err(BackupError::UnderWay { .. })));
    drop(held);
    backup(&entries, 1, folder.path()).unwrap();
}
