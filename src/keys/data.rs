//! Data keys: one for each owner, class and, for declared property, year.
//!
//! A key that a request needs is made at once and lies in memory; the writer appends and syncs it *before* the entry
//! that needs it. A crash in between leaves a key without an entry, which harms nobody.
//!
//! A key lives, is retired (it opens what it sealed, and seals nothing more), and is destroyed: its record stays, and the
//! key in it is overwritten. Where it lies sealed under the key-encryption key.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fs::File;
use std::hash::BuildHasherDefault;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;

use sha2::Digest;
use sha2::Sha256;
use zeroize::Zeroize;
use zeroize::ZeroizeOnDrop;

use crate::keys::KeysError;
use crate::keys::files;
use crate::keys::kek::KeyEncryptionKey;
use crate::keys::kek::WRAPPED_LEN;
use crate::log::Key;

/// magic (4) ‖ state (1) ‖ class (1) ‖ year (2) ‖ owner (32) ‖ key id (16) ‖ sealed key (48) ‖ number of the key-encryption
/// key (4) ‖ zeros (16) ‖ CRC-32 (4). Four to a sector, so that a record is overwritten whole or not at all.
const RECORD_BYTES: usize = 128;
const MAGIC: &[u8; 4] = b"PDK2";
const CRC_AT: usize = RECORD_BYTES - 4;

/// What may be done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyState {
    Live = 1,
    Retired = 2,
    Destroyed = 3,
}

/// A key that seals parts.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DataKey {
    /// As it stands in manifests.
    pub id: [u8; 16],
    /// The secret.
    pub key: [u8; 32],
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey")
    }
}

/// The file of data keys and where in it each stands.
#[derive(Debug)]
pub struct DataKeys {
    file: File,
    path: PathBuf,
    kek: KeyEncryptionKey,
    /// Guards the tables and the keys that are not in the file yet.
    inner: Mutex<Inner>,
    /// Ids of keys that seal nothing more: apart, since the writer asks for each request.
    gone: RwLock<HashSet<[u8; 16]>>,
}

/// Tables hold 8 bytes of a hash and a record number; what they find is confirmed in the record.
type Places = HashMap<u64, u32, BuildHasherDefault<FirstBytes>>;

#[derive(Debug, Default)]
struct Inner {
    by_owner: Places,
    by_id: Places,
    /// Records in the file.
    stored: u32,
    /// Records after those, to be appended.
    pending: Vec<[u8; RECORD_BYTES]>,
    /// Keys that are destroyed.
    destroyed: usize,
}

impl DataKeys {
    pub(super) fn open(path: &Path, create: bool, kek: KeyEncryptionKey) -> Result<Self, KeysError> {
        if !create && !path.exists() {
            return Err(KeysError::Missing { file: path.display().to_string() });
        }
        let file = files::open(path, create)?;
        files::sync_folder(path.parent().unwrap_or(path))?;
        let (inner, gone, first) = scan(&file, path, kek.number())?;
        if first.is_some_and(|first| first.data_key(&kek).is_none()) {
            return Err(KeysError::Damaged { file: path.display().to_string(), record: 0 });
        }
        Ok(Self { file, path: path.to_owned(), kek, inner: Mutex::new(inner), gone: RwLock::new(gone) })
    }

    /// Whether every record of a file is whole, and sealed under the key-encryption key of this number.
    ///
    /// # Errors
    ///
    /// The first record that is not.
    pub(super) fn check(path: &Path, number: [u8; 4]) -> Result<(), KeysError> {
        scan(&files::open(path, false)?, path, number).map(drop)
    }

    /// Under which key-encryption key the records of a file are sealed, by the first that holds a key; `None` where none
    /// does, or there is no file yet.
    pub(super) fn names(path: &Path) -> Result<Option<[u8; 4]>, KeysError> {
        if !path.exists() {
            return Ok(None);
        }
        let bytes = std::fs::read(path).map_err(files::io(path))?;
        let records = bytes.as_chunks::<RECORD_BYTES>().0;
        let held = records.iter().filter_map(Found::read).find(|found| found.state != KeyState::Destroyed);
        Ok(held.map(|found| found.kek))
    }

    /// The key of an owner, class and year (0 where the class has none) that seals; made where there is none.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn of(&self, owner: &Key, class: u8, year: u16) -> Result<DataKey, KeysError> {
        let mut inner = self.lock();
        let hash = owner_hash(owner, class, year);
        let same = |found: &Found| found.is_of(owner, class, year) && found.state == KeyState::Live;
        if let Some((_, found)) = self.find(&inner, &inner.by_owner, hash, same)? {
            drop(inner);
            return self.opened(&found);
        }
        let mut data_key = DataKey { id: [0; 16], key: [0; 32] };
        files::random(&mut data_key.id);
        files::random(&mut data_key.key);
        let made = Found::seal(owner, class, year, &data_key, &self.kek);
        let slot = inner.stored + u32::try_from(inner.pending.len()).expect("a commit's keys are few");
        insert(&mut inner.by_owner, hash, slot);
        insert(&mut inner.by_id, id_hash(&data_key.id), slot);
        inner.pending.push(made.write());
        Ok(data_key)
    }

    /// The key of an id; `None` when it was destroyed, or is the client's.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the key is not sealed under the key-encryption key.
    pub fn by_id(&self, id: &[u8; 16]) -> Result<Option<DataKey>, KeysError> {
        let same = |found: &Found| found.id == *id;
        let found = {
            let inner = self.lock();
            self.find(&inner, &inner.by_id, id_hash(id), same)?
        };
        match found {
            Some((_, found)) if found.state != KeyState::Destroyed => self.opened(&found).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether there is, or was, a key of an id.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn knows(&self, id: &[u8; 16]) -> Result<bool, KeysError> {
        let inner = self.lock();
        Ok(self.find(&inner, &inner.by_id, id_hash(id), |found| found.id == *id)?.is_some())
    }

    /// Whether nothing more may be sealed with the key of an id.
    pub fn is_gone(&self, id: &[u8; 16]) -> bool {
        self.gone.read().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// Ids of the keys of an owner, class and year that are not destroyed: the one that seals, and those that are retired.
    ///
    /// # Errors
    ///
    /// The file could not be read.
    pub fn ids_of(&self, owner: &Key, class: u8, year: u16) -> Result<Vec<[u8; 16]>, KeysError> {
        let inner = self.lock();
        Ok(self.all_of(&inner, owner, class, year)?.into_iter().map(|(_, found)| found.id).collect())
    }

    /// Retires the key of an owner, class and year: from now on another one seals. Durable when it returns. Gives the ids
    /// of all keys of that owner, class and year, of before and of now, that are not destroyed.
    ///
    /// # Errors
    ///
    /// The file could not be read, written or synced.
    pub fn retire(&self, owner: &Key, class: u8, year: u16) -> Result<Vec<[u8; 16]>, KeysError> {
        self.sync()?;
        let inner = self.lock();
        let all = self.all_of(&inner, owner, class, year)?;
        let ids = all.iter().map(|(_, found)| found.id).collect();
        for (slot, found) in all {
            if found.state == KeyState::Live {
                self.overwrite(slot, &Found { state: KeyState::Retired, ..found })?;
            }
        }
        self.file.sync_data().map_err(files::io(&self.path))?;
        Ok(ids)
    }

    fn all_of(&self, inner: &Inner, owner: &Key, class: u8, year: u16) -> Result<Vec<(u32, Found)>, KeysError> {
        let mut all: Vec<(u32, Found)> = Vec::new();
        let mut probe = owner_hash(owner, class, year);
        while let Some(slot) = inner.by_owner.get(&probe) {
            let found = self.record(inner, *slot)?;
            let found = found.filter(|found| found.is_of(owner, class, year) && found.state != KeyState::Destroyed);
            all.extend(found.map(|found| (*slot, found)));
            probe = probe.wrapping_add(1);
        }
        Ok(all)
    }

    /// Destroys a key: its bytes in the file are overwritten, and synced when this returns. Nothing that it sealed can be
    /// opened any more. What a disk or file system keeps of overwritten bytes is not in our hands.
    ///
    /// # Errors
    ///
    /// The file could not be read, written or synced.
    pub fn destroy(&self, id: &[u8; 16]) -> Result<(), KeysError> {
        self.sync()?;
        let mut inner = self.lock();
        let same = |found: &Found| found.id == *id && found.state != KeyState::Destroyed;
        if let Some((slot, found)) = self.find(&inner, &inner.by_id, id_hash(id), same)? {
            self.overwrite(slot, &found.destroyed())?;
            inner.destroyed += 1;
        }
        self.file.sync_data().map_err(files::io(&self.path))
    }

    /// Writes every record again under another key-encryption key, in a new file beside the old one, durable when this
    /// returns. What is still to be stored is stored first; nothing may be sealed in between.
    ///
    /// # Errors
    ///
    /// The file could not be read, or the new one not be written or synced.
    pub(super) fn rewrap(&self, to: &Path, kek: &KeyEncryptionKey) -> Result<(), KeysError> {
        self.sync()?;
        let inner = self.lock();
        let mut bytes = Vec::with_capacity(inner.stored as usize * RECORD_BYTES);
        for slot in 0..inner.stored {
            let found = self.record(&inner, slot)?.ok_or_else(|| self.damaged(slot))?;
            let again = match found.state {
                KeyState::Destroyed => found,
                state => {
                    let key = found.data_key(&self.kek).ok_or_else(|| self.damaged(slot))?;
                    Found { state, ..Found::seal(&found.owner, found.class, found.year, &key, kek) }
                }
            };
            bytes.extend_from_slice(&again.write());
        }
        files::write(to, &bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self, found: &Found) -> Result<DataKey, KeysError> {
        let file = || self.path.display().to_string();
        found.data_key(&self.kek).ok_or_else(|| KeysError::Unsealed { file: file() })
    }

    fn damaged(&self, slot: u32) -> KeysError {
        KeysError::Damaged { file: self.path.display().to_string(), record: slot.into() }
    }

    /// Puts a record in the place of the one that is there.
    fn overwrite(&self, slot: u32, found: &Found) -> Result<(), KeysError> {
        let at = u64::from(slot) * RECORD_BYTES as u64;
        self.gone.write().unwrap_or_else(PoisonError::into_inner).insert(found.id);
        self.file.write_all_at(&found.write(), at).map_err(files::io(&self.path))
    }

    /// Makes every key handed out so far durable. Called before the commit of the entries that need them.
    ///
    /// # Errors
    ///
    /// The file could not be written or synced: nothing more may be acknowledged.
    pub fn sync(&self) -> Result<(), KeysError> {
        let mut inner = self.lock();
        if inner.pending.is_empty() {
            return Ok(());
        }
        let bytes = inner.pending.concat();
        let end = u64::from(inner.stored) * RECORD_BYTES as u64;
        let written = self.file.write_all_at(&bytes, end).and_then(|()| self.file.sync_data());
        written.map_err(files::io(&self.path))?;
        inner.stored += u32::try_from(inner.pending.len()).expect("a commit's keys are few");
        inner.pending.clear();
        Ok(())
    }

    /// How many keys there are, those not yet in the file included, and those that are destroyed not.
    pub fn len(&self) -> usize {
        let inner = self.lock();
        inner.stored as usize + inner.pending.len() - inner.destroyed
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first record of a table's place that is the one, and where it stands.
    fn find(
        &self,
        inner: &Inner,
        table: &Places,
        hash: u64,
        same: impl Fn(&Found) -> bool,
    ) -> Result<Option<(u32, Found)>, KeysError> {
        let mut probe = hash;
        while let Some(slot) = table.get(&probe) {
            match self.record(inner, *slot)? {
                Some(found) if same(&found) => return Ok(Some((*slot, found))),
                _ => probe = probe.wrapping_add(1),
            }
        }
        Ok(None)
    }

    fn record(&self, inner: &Inner, slot: u32) -> Result<Option<Found>, KeysError> {
        let mut record = [0; RECORD_BYTES];
        match slot.checked_sub(inner.stored) {
            Some(pending) => record = inner.pending[pending as usize],
            None => self
                .file
                .read_exact_at(&mut record, u64::from(slot) * RECORD_BYTES as u64)
                .map_err(files::io(&self.path))?,
        }
        Ok(Found::read(&record))
    }
}

/// The tables of a file, the ids that seal nothing more, and the first record, where it holds a key.
type Scanned = (Inner, HashSet<[u8; 16]>, Option<Found>);

/// Reads all records of a file, sealed under the key-encryption key of this number.
fn scan(file: &File, path: &Path, kek: [u8; 4]) -> Result<Scanned, KeysError> {
    let named = || path.display().to_string();
    let len = file.metadata().map_err(files::io(path))?.len();
    let mut inner = Inner::default();
    let (mut gone, mut first) = (HashSet::new(), None);
    // A crash in the middle of an append leaves a piece of a record, which no entry can need: the next append
    // goes over it.
    let whole = len / RECORD_BYTES as u64;
    let mut chunk = vec![0; RECORD_BYTES * 4096];
    let mut at = 0;
    while at < whole {
        let count = usize::try_from((whole - at).min(4096)).expect("at most 4096");
        let bytes = &mut chunk[..count * RECORD_BYTES];
        file.read_exact_at(bytes, at * RECORD_BYTES as u64).map_err(files::io(path))?;
        for (number, record) in (at..).zip(bytes.chunks_exact(RECORD_BYTES)) {
            let record: &[u8; RECORD_BYTES] = record.try_into().expect("chunks of that length");
            let Some(found) = Found::read(record) else {
                if number + 1 == whole {
                    break; // the last append did not end; nothing was acknowledged that needs it
                }
                return Err(KeysError::Damaged { file: named(), record: number });
            };
            if found.state != KeyState::Destroyed && found.kek != kek {
                return Err(KeysError::OtherKeyEncryptionKey { file: named(), record: number });
            }
            let slot = u32::try_from(number).expect("fewer than 2^32 data keys");
            if found.state != KeyState::Destroyed {
                insert(&mut inner.by_owner, owner_hash(&found.owner, found.class, found.year), slot);
            }
            insert(&mut inner.by_id, id_hash(&found.id), slot);
            if found.state != KeyState::Live {
                gone.insert(found.id);
            }
            inner.destroyed += usize::from(found.state == KeyState::Destroyed);
            inner.stored = slot + 1;
            if number == 0 && found.state != KeyState::Destroyed {
                first = Some(found);
            }
        }
        at += count as u64;
    }
    Ok((inner, gone, first))
}

fn insert(table: &mut Places, hash: u64, slot: u32) {
    let mut probe = hash;
    while table.contains_key(&probe) {
        probe = probe.wrapping_add(1);
    }
    table.insert(probe, slot);
}

/// A record.
struct Found {
    state: KeyState,
    class: u8,
    year: u16,
    owner: Key,
    id: [u8; 16],
    wrapped: [u8; WRAPPED_LEN],
    /// The number of the key under which it is sealed.
    kek: [u8; 4],
}

impl Found {
    fn seal(owner: &Key, class: u8, year: u16, key: &DataKey, kek: &KeyEncryptionKey) -> Self {
        let wrapped = kek.wrap(&key.id, &place(owner, class, year), &key.key);
        Self { state: KeyState::Live, class, year, owner: *owner, id: key.id, wrapped, kek: kek.number() }
    }

    /// The key; `None` where it is not sealed under this one, or not for this owner.
    fn data_key(&self, kek: &KeyEncryptionKey) -> Option<DataKey> {
        let key = kek.unwrap(&self.id, &place(&self.owner, self.class, self.year), &self.wrapped)?;
        Some(DataKey { id: self.id, key: *key })
    }

    fn is_of(&self, owner: &Key, class: u8, year: u16) -> bool {
        (self.owner, self.class, self.year) == (*owner, class, year)
    }

    /// Without the key and without its owner. The id stays: it says that the key was here.
    const fn destroyed(&self) -> Self {
        let (owner, wrapped) = (Key([0; 32]), [0; WRAPPED_LEN]);
        Self { state: KeyState::Destroyed, class: 0, year: 0, owner, id: self.id, wrapped, kek: [0; 4] }
    }

    fn write(&self) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        record[..4].copy_from_slice(MAGIC);
        record[4] = self.state as u8;
        record[5] = self.class;
        record[6..8].copy_from_slice(&self.year.to_be_bytes());
        record[8..40].copy_from_slice(self.owner.as_bytes());
        record[40..56].copy_from_slice(&self.id);
        record[56..104].copy_from_slice(&self.wrapped);
        record[104..108].copy_from_slice(&self.kek);
        let crc = crc32fast::hash(&record[..CRC_AT]);
        record[CRC_AT..].copy_from_slice(&crc.to_be_bytes());
        record
    }

    fn read(record: &[u8; RECORD_BYTES]) -> Option<Self> {
        let crc = u32::from_be_bytes(record[CRC_AT..].try_into().expect("four bytes"));
        if record[..4] != *MAGIC || crc32fast::hash(&record[..CRC_AT]) != crc {
            return None;
        }
        let state = match record[4] {
            1 => KeyState::Live,
            2 => KeyState::Retired,
            3 => KeyState::Destroyed,
            _ => return None,
        };
        Some(Self {
            state,
            class: record[5],
            year: u16::from_be_bytes([record[6], record[7]]),
            owner: Key(record[8..40].try_into().expect("32 bytes")),
            id: record[40..56].try_into().expect("16 bytes"),
            wrapped: record[56..104].try_into().expect("48 bytes"),
            kek: record[104..108].try_into().expect("four bytes"),
        })
    }
}

/// What a sealed key is bound to.
fn place(owner: &Key, class: u8, year: u16) -> Vec<u8> {
    [b"probity/data-key/v1\0", owner.as_bytes().as_slice(), &[class], &year.to_be_bytes()].concat()
}

fn owner_hash(owner: &Key, class: u8, year: u16) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(owner.as_bytes());
    hasher.update([class]);
    hasher.update(year.to_be_bytes());
    let hash: [u8; 32] = hasher.finalize().into();
    u64::from_be_bytes(*hash.first_chunk().expect("eight bytes of 32"))
}

fn id_hash(id: &[u8; 16]) -> u64 {
    u64::from_be_bytes(*id.first_chunk().expect("eight bytes of 16"))
}

/// The keys of these tables are hashes already.
#[derive(Debug, Default)]
struct FirstBytes(u64);

impl std::hash::Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
