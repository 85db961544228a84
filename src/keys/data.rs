//! Data keys: one for each owner, class and, for declared property, year.
//!
//! A key that a request needs is made at once and lies in memory; the writer appends and syncs it *before* the entry
//! that needs it. A crash in between leaves a key without an entry, which harms nobody.

use std::collections::HashMap;
use std::fs::File;
use std::hash::BuildHasherDefault;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use sha2::Digest;
use sha2::Sha256;
use zeroize::Zeroize;
use zeroize::ZeroizeOnDrop;

use crate::keys::KeysError;
use crate::keys::files;
use crate::log::Key;

/// magic (4) ‖ state (1) ‖ class (1) ‖ year (2) ‖ owner (32) ‖ key id (16) ‖ key (32) ‖ zeros (4) ‖ CRC-32 (4)
const RECORD_BYTES: usize = 96;
const MAGIC: &[u8; 4] = b"PDK1";
const LIVE: u8 = 1;

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
    /// Guards the tables and the keys that are not in the file yet.
    inner: Mutex<Inner>,
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
}

impl DataKeys {
    pub(super) fn open(path: &Path, create: bool) -> Result<Self, KeysError> {
        if !create && !path.exists() {
            return Err(KeysError::Missing { file: path.display().to_string() });
        }
        let file = files::open(path, create)?;
        files::sync_folder(path.parent().unwrap_or(path))?;
        let len = file.metadata().map_err(files::io(path))?.len();
        let mut inner = Inner::default();
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
                    return Err(KeysError::Damaged { file: path.display().to_string(), record: number });
                };
                let slot = u32::try_from(number).expect("fewer than 2^32 data keys");
                insert(&mut inner.by_owner, owner_hash(&found.owner, found.class, found.year), slot);
                insert(&mut inner.by_id, id_hash(&found.data_key.id), slot);
                inner.stored = slot + 1;
            }
            at += count as u64;
        }
        chunk.zeroize();
        Ok(Self { file, path: path.to_owned(), inner: Mutex::new(inner) })
    }

    /// The key of an owner, class and year (0 where the class has none); made where there is none yet.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn of(&self, owner: &Key, class: u8, year: u16) -> Result<DataKey, KeysError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = owner_hash(owner, class, year);
        let same = |found: &Found| found.owner == *owner && found.class == class && found.year == year;
        if let Some(found) = self.find(&inner, &inner.by_owner, hash, same)? {
            return Ok(found.data_key);
        }
        let mut made = Found { class, year, owner: *owner, data_key: DataKey { id: [0; 16], key: [0; 32] } };
        files::random(&mut made.data_key.id);
        files::random(&mut made.data_key.key);
        let slot = inner.stored + u32::try_from(inner.pending.len()).expect("a commit's keys are few");
        insert(&mut inner.by_owner, hash, slot);
        insert(&mut inner.by_id, id_hash(&made.data_key.id), slot);
        inner.pending.push(made.write());
        Ok(made.data_key.clone())
    }

    /// The key of an id; `None` when it was destroyed, or is the client's.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn by_id(&self, id: &[u8; 16]) -> Result<Option<DataKey>, KeysError> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |found: &Found| found.data_key.id == *id;
        Ok(self.find(&inner, &inner.by_id, id_hash(id), same)?.map(|found| found.data_key))
    }

    /// Makes every key handed out so far durable. Called before the commit of the entries that need them.
    ///
    /// # Errors
    ///
    /// The file could not be written or synced: nothing more may be acknowledged.
    pub fn sync(&self) -> Result<(), KeysError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.pending.is_empty() {
            return Ok(());
        }
        let mut bytes = inner.pending.concat();
        let end = u64::from(inner.stored) * RECORD_BYTES as u64;
        let written = self.file.write_all_at(&bytes, end).and_then(|()| self.file.sync_data());
        bytes.zeroize();
        written.map_err(files::io(&self.path))?;
        inner.stored += u32::try_from(inner.pending.len()).expect("a commit's keys are few");
        inner.pending.iter_mut().for_each(Zeroize::zeroize);
        inner.pending.clear();
        Ok(())
    }

    /// How many keys there are, those not yet in the file included.
    pub fn len(&self) -> usize {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.stored as usize + inner.pending.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(
        &self,
        inner: &Inner,
        table: &Places,
        hash: u64,
        same: impl Fn(&Found) -> bool,
    ) -> Result<Option<Found>, KeysError> {
        let mut probe = hash;
        while let Some(slot) = table.get(&probe) {
            let mut record = [0; RECORD_BYTES];
            match slot.checked_sub(inner.stored) {
                Some(pending) => record = inner.pending[pending as usize],
                None => self
                    .file
                    .read_exact_at(&mut record, u64::from(*slot) * RECORD_BYTES as u64)
                    .map_err(files::io(&self.path))?,
            }
            let found = Found::read(&record);
            record.zeroize();
            match found {
                Some(found) if same(&found) => return Ok(Some(found)),
                _ => probe = probe.wrapping_add(1),
            }
        }
        Ok(None)
    }
}

fn insert(table: &mut Places, hash: u64, slot: u32) {
    let mut probe = hash;
    while table.contains_key(&probe) {
        probe = probe.wrapping_add(1);
    }
    table.insert(probe, slot);
}

struct Found {
    class: u8,
    year: u16,
    owner: Key,
    data_key: DataKey,
}

impl Found {
    fn write(&self) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        record[..4].copy_from_slice(MAGIC);
        record[4] = LIVE;
        record[5] = self.class;
        record[6..8].copy_from_slice(&self.year.to_be_bytes());
        record[8..40].copy_from_slice(self.owner.as_bytes());
        record[40..56].copy_from_slice(&self.data_key.id);
        record[56..88].copy_from_slice(&self.data_key.key);
        let crc = crc32fast::hash(&record[..92]);
        record[92..].copy_from_slice(&crc.to_be_bytes());
        record
    }

    fn read(record: &[u8; RECORD_BYTES]) -> Option<Self> {
        let crc = u32::from_be_bytes(record[92..].try_into().expect("four bytes"));
        if record[..4] != *MAGIC || record[4] != LIVE || crc32fast::hash(&record[..92]) != crc {
            return None;
        }
        Some(Self {
            class: record[5],
            year: u16::from_be_bytes([record[6], record[7]]),
            owner: Key(record[8..40].try_into().expect("32 bytes")),
            data_key: DataKey {
                id: record[40..56].try_into().expect("16 bytes"),
                key: record[56..88].try_into().expect("32 bytes"),
            },
        })
    }
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
