use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use chacha20poly1305::KeyInit;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::aead::Payload;
use zeroize::Zeroizing;

use crate::keys::Custodian;
use crate::keys::CustodianError;
use crate::keys::Elsewhere;
use crate::keys::KekPlace;
use crate::keys::Keyring;
use crate::keys::KeysError;
use crate::keys::copy;
use crate::keys::files_of;
use crate::keys::rotate;
use crate::keys::wrapped_key;
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
    rotate(&path, "", None, KekPlace::File).unwrap();
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

/// Holds its key in memory, and can be told to be somebody else's or not there.
#[derive(Debug)]
struct InMemory {
    id: &'static str,
    key: [u8; 32],
    is_away: bool,
}

const HOLDER: InMemory = InMemory { id: "memory:one", key: [7; 32], is_away: false };
const NONCE: [u8; 24] = [0; 24];

impl InMemory {
    fn cipher(&self) -> Result<XChaCha20Poly1305, CustodianError> {
        let key = (!self.is_away).then_some(&self.key);
        let key = key.ok_or_else(|| CustodianError::Failed("nobody answers".to_owned()))?;
        Ok(XChaCha20Poly1305::new(key.into()))
    }
}

impl Custodian for InMemory {
    fn id(&self) -> &str {
        self.id
    }

    fn wrap(&self, secret: &[u8; 32], bound_to: &[u8]) -> Result<Vec<u8>, CustodianError> {
        Ok(self.cipher()?.encrypt(&NONCE.into(), Payload { msg: secret, aad: bound_to }).unwrap())
    }

    fn unwrap(&self, wrapped: &[u8], bound_to: &[u8]) -> Result<Zeroizing<[u8; 32]>, CustodianError> {
        let opened = self.cipher()?.decrypt(&NONCE.into(), Payload { msg: wrapped, aad: bound_to });
        let opened = opened.map_err(|error| CustodianError::OtherKey { what: error.to_string() })?;
        Ok(Zeroizing::new(opened.try_into().unwrap()))
    }
}

fn open_with(path: &Path, create: bool, origin: &str, custodian: Option<InMemory>) -> Result<Keyring, KeysError> {
    let custodian = custodian.map(|custodian| Arc::new(custodian) as Arc<dyn Custodian>);
    Keyring::open_with(path, create, origin, Elsewhere { custodian, ..Elsewhere::default() })
}

/// A new keyring whose key-encryption key the custodian sealed, and a data key of it.
fn sealed(folder: &Path) -> (PathBuf, [u8; 16]) {
    let path = folder.join("keys");
    let keys = open_with(&path, true, "log.example", Some(HOLDER)).unwrap();
    let id = keys.data.of(&Key([1; 32]), 2, 0).unwrap().id;
    keys.data.sync().unwrap();
    (path, id)
}

#[test]
fn with_a_custodian_no_key_encryption_key_lies_in_a_file_and_without_it_nothing_opens() {
    let folder = tempfile::tempdir().unwrap();
    let (path, id) = sealed(folder.path());
    assert!(!path.join("kek").exists() && files_of(&path).contains(&"kek.wrapped"));
    assert_eq!(wrapped_key(&path).unwrap().unwrap().custodian(), HOLDER.id);
    let keys = open_with(&path, false, "log.example", Some(HOLDER)).unwrap();
    assert!(keys.data.by_id(&id).unwrap().is_some());
    let opened = |origin, custodian| open_with(&path, false, origin, custodian).unwrap_err();
    let error = opened("log.example", None);
    assert!(matches!(&error, KeysError::NoCustodian { custodian, .. } if custodian == HOLDER.id), "{error}");
    let error = opened("other.example", Some(HOLDER));
    assert!(matches!(&error, KeysError::WrappedForAnother { origin, .. } if origin == "log.example"), "{error}");
    let error = opened("log.example", Some(InMemory { id: "memory:two", ..HOLDER }));
    assert!(matches!(&error, KeysError::OtherCustodian { held, .. } if held == "memory:two"), "{error}");
    let error = opened("log.example", Some(InMemory { key: [8; 32], ..HOLDER }));
    assert!(matches!(error, KeysError::Custodian(CustodianError::OtherKey { .. })), "{error}");
    let error = opened("log.example", Some(InMemory { is_away: true, ..HOLDER }));
    assert!(matches!(error, KeysError::Custodian(CustodianError::Failed(_))), "{error}");
}

#[test]
fn a_crash_while_the_first_key_is_sealed_is_begun_again_or_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = sealed(folder.path());
    let whole = fs::read(path.join("kek.wrapped")).unwrap();
    for (what, left, is_kept) in [("half of it", &whole[..40], false), ("all of it", &whole[..], true)] {
        for name in ["kek.wrapped", "data.keys"] {
            fs::remove_file(path.join(name)).unwrap();
        }
        fs::write(path.join("kek.wrapped.next"), left).unwrap();
        fs::set_permissions(path.join("kek.wrapped.next"), fs::Permissions::from_mode(0o600)).unwrap();
        let keys = open_with(&path, true, "log.example", Some(HOLDER)).unwrap();
        keys.data.of(&Key([1; 32]), 2, 0).unwrap();
        assert_eq!(fs::read(path.join("kek.wrapped")).unwrap() == whole, is_kept, "{what}");
        assert!(!path.join("kek.wrapped.next").exists() && !path.join("kek").exists(), "{what}");
    }
}

#[test]
fn every_flipped_byte_of_a_sealed_key_is_seen_and_what_names_its_log_cannot_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = sealed(folder.path());
    let file = path.join("kek.wrapped");
    let good = fs::read(&file).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&file, &bad).unwrap();
        let error = open_with(&path, false, "log.example", Some(HOLDER)).unwrap_err();
        assert!(matches!(error, KeysError::WrappedDamaged { .. }), "byte {at}: {error}");
    }
    for cut in [0, 3, good.len() / 2, good.len() - 1] {
        fs::write(&file, &good[..cut]).unwrap();
        let error = open_with(&path, false, "log.example", Some(HOLDER)).unwrap_err();
        assert!(matches!(error, KeysError::WrappedDamaged { .. }), "cut to {cut}: {error}");
    }
    // Somebody who can compute a check sum moves the key to another log.
    let mut forged = good.clone();
    let at = good.windows(11).position(|bytes| bytes == b"log.example").unwrap();
    forged[at..at + 11].copy_from_slice(b"lag.example");
    let body = forged.len() - 4;
    let crc = crc32fast::hash(&forged[..body]);
    forged[body..].copy_from_slice(&crc.to_be_bytes());
    fs::write(&file, &forged).unwrap();
    let error = open_with(&path, false, "lag.example", Some(HOLDER)).unwrap_err();
    assert!(matches!(error, KeysError::Custodian(CustodianError::OtherKey { .. })), "{error}");
}

#[test]
fn a_key_encryption_key_moves_to_a_custodian_and_back_and_what_was_cut_ends_or_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let kept = {
        let keys = Keyring::open(&path, true).unwrap();
        let kept = keys.data.of(&Key([1; 32]), 2, 0).unwrap();
        keys.data.sync().unwrap();
        kept
    };
    let read = |name: &str| fs::read(path.join(name)).unwrap();
    let (in_file, data_in_file) = (read("kek"), read("data.keys"));
    let error = rotate(&path, "log.example", None, KekPlace::Custodian).unwrap_err();
    assert!(matches!(error, KeysError::CustodianNotNamed), "{error}");
    let away = InMemory { is_away: true, ..HOLDER };
    rotate(&path, "log.example", Some(&away), KekPlace::Custodian).unwrap_err();
    assert!(read("kek") == in_file && read("data.keys") == data_in_file, "nothing was touched");
    rotate(&path, "log.example", Some(&HOLDER), KekPlace::Custodian).unwrap();
    let (wrapped, data_wrapped) = (read("kek.wrapped"), read("data.keys"));
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["data.keys", "kek.wrapped", "log.ed25519", "lookup.key"]);
    rotate(&path, "log.example", Some(&HOLDER), KekPlace::File).unwrap();
    assert_eq!(names(), ["data.keys", "kek", "log.ed25519", "lookup.key"]);
    assert!(read("kek") != in_file);
    let (back, data_back) = (read("kek"), read("data.keys"));

    let to_it = ("kek", &in_file, &data_in_file, "kek.wrapped.next", &wrapped, &data_wrapped);
    let from_it = ("kek.wrapped", &wrapped, &data_wrapped, "kek.next", &back, &data_back);
    for (old_name, old, old_data, next_name, next, next_data) in [to_it, from_it] {
        let half = next.len() / 2;
        for (what, kek, data, key_next, data_next) in [
            ("half a key was made", Some(&old[..]), old_data, &next[..half], None),
            ("a key was made", Some(&old[..]), old_data, &next[..], None),
            ("half the data keys were written", Some(&old[..]), old_data, &next[..], Some(&next_data[..60])),
            ("the data keys were written", Some(&old[..]), old_data, &next[..], Some(&next_data[..])),
            ("the data keys are in their place", Some(&old[..]), next_data, &next[..], None),
            ("the old key was overwritten", Some(&[0; 32][..]), next_data, &next[..], None),
            ("the old key is gone", None, next_data, &next[..], None),
        ] {
            for name in ["kek", "kek.wrapped", "data.keys.next"] {
                _ = fs::remove_file(path.join(name));
            }
            let files = [(old_name, kek), ("data.keys", Some(&data[..])), (next_name, Some(key_next))];
            for (name, bytes) in files.into_iter().chain([("data.keys.next", data_next)]) {
                let Some(bytes) = bytes else { continue };
                fs::write(path.join(name), bytes).unwrap();
                fs::set_permissions(path.join(name), fs::Permissions::from_mode(0o600)).unwrap();
            }
            let keys = open_with(&path, false, "log.example", Some(HOLDER)).unwrap();
            assert_eq!(keys.data.by_id(&kept.id).unwrap().unwrap().key, kept.key, "{next_name}: {what}");
            assert_eq!(names().len(), 4, "{next_name}: {what}: {:?}", names());
        }
    }
}

#[test]
fn a_copy_of_sealed_keys_needs_nobody_and_the_copy_of_before_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (path, id) = sealed(folder.path());
    let to = folder.path().join("copy");
    copy(&path, &to).unwrap();
    assert!(open_with(&to, false, "log.example", Some(HOLDER)).unwrap().data.by_id(&id).unwrap().is_some());
    rotate(&path, "log.example", Some(&HOLDER), KekPlace::File).unwrap();
    copy(&path, &to).unwrap();
    assert!(!to.join("kek.wrapped").exists());
    assert!(Keyring::open(&to, false).unwrap().data.by_id(&id).unwrap().is_some());
    // A file of data keys and a sealed key that do not belong together are no copy.
    rotate(&path, "log.example", Some(&HOLDER), KekPlace::Custodian).unwrap();
    fs::write(path.join("data.keys"), fs::read(to.join("data.keys")).unwrap()).unwrap();
    assert!(matches!(copy(&path, &to), Err(KeysError::OtherKeyEncryptionKey { record: 0, .. })));
    assert!(Keyring::open(&to, false).unwrap().data.by_id(&id).unwrap().is_some(), "the copy is as it was");
}
