use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::keys::Keyring;
use crate::keys::KeysError;
use crate::keys::rotate;
use crate::log::Key;

#[test]
fn a_key_is_the_same_for_ever_and_differs_by_owner_class_and_year() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let owner = Key([1; 32]);
    let (first, others) = {
        let keys = Keyring::open(&path, true).unwrap();
        let first = keys.data.of(&owner, 3, 2024).unwrap();
        let others = [
            keys.data.of(&owner, 3, 2025).unwrap(),
            keys.data.of(&owner, 2, 2024).unwrap(),
            keys.data.of(&Key([2; 32]), 3, 2024).unwrap(),
        ];
        assert_eq!(keys.data.of(&owner, 3, 2024).unwrap().key, first.key, "before it is stored");
        keys.data.sync().unwrap();
        (first, others)
    };
    let keys = Keyring::open(&path, false).unwrap();
    assert_eq!(keys.data.len(), 4);
    assert_eq!(keys.data.of(&owner, 3, 2024).unwrap().key, first.key, "after it is stored");
    assert_eq!(keys.data.by_id(&first.id).unwrap().unwrap().key, first.key);
    assert!(others.iter().all(|other| other.key != first.key && other.id != first.id));
    assert!(keys.data.by_id(&[9; 16]).unwrap().is_none());
}

#[test]
fn a_key_that_was_never_stored_is_gone_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let lost = Keyring::open(&path, true).unwrap().data.of(&Key([1; 32]), 2, 0).unwrap();
    let keys = Keyring::open(&path, false).unwrap();
    assert!(keys.data.is_empty());
    assert!(keys.data.by_id(&lost.id).unwrap().is_none());
}

#[test]
fn a_record_cut_short_by_a_crash_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let kept = {
        let keys = Keyring::open(&path, true).unwrap();
        let kept = keys.data.of(&Key([1; 32]), 2, 0).unwrap();
        keys.data.sync().unwrap();
        keys.data.of(&Key([2; 32]), 2, 0).unwrap();
        keys.data.sync().unwrap();
        kept
    };
    for cut in [250, 190, 129] {
        let file = fs::OpenOptions::new().write(true).open(path.join("data.keys")).unwrap();
        file.set_len(cut).unwrap();
        let keys = Keyring::open(&path, false).unwrap();
        assert_eq!(keys.data.len(), 1, "cut to {cut}");
        assert_eq!(keys.data.of(&Key([1; 32]), 2, 0).unwrap().key, kept.key);
        let fresh = keys.data.of(&Key([3; 32]), 2, 0).unwrap();
        keys.data.sync().unwrap();
        drop(keys);
        let keys = Keyring::open(&path, false).unwrap();
        assert_eq!(keys.data.by_id(&fresh.id).unwrap().unwrap().key, fresh.key);
    }
}

#[test]
fn keys_that_are_missing_damaged_or_open_to_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    assert!(matches!(Keyring::open(&path, false), Err(KeysError::Missing { .. })));
    {
        let keys = Keyring::open(&path, true).unwrap();
        for owner in 0..3 {
            keys.data.of(&Key([owner; 32]), 2, 0).unwrap();
        }
        keys.data.sync().unwrap();
    }
    let file = path.join("data.keys");
    let good = fs::read(&file).unwrap();
    for at in [0, 5, 40, 60, 127, 130] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&file, &bad).unwrap();
        assert!(matches!(Keyring::open(&path, false), Err(KeysError::Damaged { .. })), "byte {at}");
    }
    fs::write(&file, &good).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(Keyring::open(&path, false), Err(KeysError::Mode { mode: 0o640, .. })));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path.join("log.ed25519"), [1; 31]).unwrap();
    assert!(matches!(Keyring::open(&path, false), Err(KeysError::Length { found: 31, .. })));
    fs::remove_file(path.join("log.ed25519")).unwrap();
    assert!(matches!(Keyring::open(&path, false), Err(KeysError::Missing { .. })));
}

#[test]
fn lookup_tokens_do_not_run_into_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keyring::open(&folder.path().join("keys"), true).unwrap();
    assert_eq!(keys.lookup_token("a", "b"), keys.lookup_token("a", "b"));
    assert_ne!(keys.lookup_token("a", "bc"), keys.lookup_token("ab", "c"));
    let other = tempfile::tempdir().unwrap();
    let others = Keyring::open(&other.path().join("keys"), true).unwrap();
    assert_ne!(keys.lookup_token("a", "b"), others.lookup_token("a", "b"));
}

#[test]
fn a_key_that_is_retired_opens_and_seals_no_more_and_one_that_is_destroyed_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let owner = Key([1; 32]);
    let (first, second) = {
        let keys = Keyring::open(&path, true).unwrap();
        let first = keys.data.of(&owner, 3, 2024).unwrap();
        keys.data.of(&owner, 3, 2025).unwrap();
        assert_eq!(keys.data.retire(&owner, 3, 2024).unwrap(), [first.id], "though it was not stored yet");
        assert!(keys.data.is_gone(&first.id) && keys.data.by_id(&first.id).unwrap().is_some());
        let second = keys.data.of(&owner, 3, 2024).unwrap();
        assert_ne!(first.id, second.id);
        keys.data.sync().unwrap();
        (first, second)
    };
    let keys = Keyring::open(&path, false).unwrap();
    assert!(keys.data.is_gone(&first.id), "after a start");
    assert_eq!(keys.data.of(&owner, 3, 2024).unwrap().id, second.id);
    assert_eq!(keys.data.retire(&owner, 3, 2024).unwrap(), [first.id, second.id]);
    keys.data.destroy(&first.id).unwrap();
    keys.data.destroy(&first.id).unwrap();
    keys.data.destroy(&[7; 16]).unwrap();
    assert!(keys.data.by_id(&first.id).unwrap().is_none() && keys.data.by_id(&second.id).unwrap().is_some());
    assert_eq!((keys.data.len(), keys.data.ids_of(&owner, 3, 2024).unwrap()), (2, vec![second.id]));
    drop(keys);
    let keys = Keyring::open(&path, false).unwrap();
    assert!(keys.data.by_id(&first.id).unwrap().is_none() && keys.data.is_gone(&first.id));
    assert_eq!((keys.data.len(), keys.data.ids_of(&owner, 3, 2024).unwrap()), (2, vec![second.id]));
}

#[test]
fn a_change_of_the_key_encryption_key_that_was_cut_ends_or_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let owner = Key([1; 32]);
    let kept = {
        let keys = Keyring::open(&path, true).unwrap();
        let kept = keys.data.of(&owner, 2, 0).unwrap();
        keys.data.sync().unwrap();
        kept
    };
    let files = |names: [&str; 2]| names.map(|name| fs::read(path.join(name)).unwrap());
    let opens = |what: &str| {
        let keys = Keyring::open(&path, false).unwrap();
        assert_eq!(keys.data.by_id(&kept.id).unwrap().unwrap().key, kept.key, "{what}");
        assert!(!path.join("kek.next").exists() && !path.join("data.keys.next").exists(), "{what}");
    };
    let write = |name: &str, bytes: &[u8]| {
        fs::write(path.join(name), bytes).unwrap();
        fs::set_permissions(path.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    let [old_kek, old_data] = files(["kek", "data.keys"]);
    rotate(&path).unwrap();
    opens("done");
    let [new_kek, new_data] = files(["kek", "data.keys"]);
    assert!(old_kek != new_kek && old_data != new_data);
    for (what, kek, data, kek_next, data_next) in [
        ("half a key was made", &old_kek, &old_data, Some(&new_kek[..7]), None),
        ("a key was made", &old_kek, &old_data, Some(&new_kek[..]), None),
        ("half the data keys were written", &old_kek, &old_data, Some(&new_kek[..]), Some(&new_data[..60])),
        ("the data keys were written", &old_kek, &old_data, Some(&new_kek[..]), Some(&new_data[..])),
        ("the data keys are in their place", &old_kek, &new_data, Some(&new_kek[..]), None),
        ("the old key was overwritten", &vec![0; 32], &new_data, Some(&new_kek[..]), None),
    ] {
        write("kek", kek);
        write("data.keys", data);
        for (name, bytes) in [("kek.next", kek_next), ("data.keys.next", data_next)] {
            if let Some(bytes) = bytes {
                write(name, bytes);
            }
        }
        opens(what);
    }
    write("kek", &old_kek);
    assert!(matches!(Keyring::open(&path, false), Err(KeysError::OtherKeyEncryptionKey { record: 0, .. })));
}
