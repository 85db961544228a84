use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::keys::Keyring;
use crate::keys::KeysError;
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
    for cut in [190, 150, 97] {
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
    for at in [0, 5, 40, 60, 95, 100] {
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
