//! Making a data folder and opening one: what is looked at before a single entry is served.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;

use crate::store::Guard;
use crate::store::GuardState;
use crate::store::LogStore;
use crate::store::SledStore;
use crate::store::StoreError;
use crate::store::chain;
use crate::store::folder;
use crate::store::folder::Folder;
use crate::store::remedy;
use crate::store::staging;
use crate::store::staging::Spare;
use crate::store::volume::Purpose;
use crate::store::volume::Volume;

/// How a data folder is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// From how many bytes on the newest volume is followed by another, in bytes of its file; 2 GB.
    pub volume_bytes: u64,
    /// The cache of the newest volume, in bytes; 64 MiB. Older ones have a quarter of it each.
    pub cache_bytes: u64,
    /// Free bytes of the disk below which nothing is written; 1 GiB.
    pub reserve_bytes: u64,
    /// How many volumes beside the newest are kept open; 4.
    pub older_kept_open: usize,
    /// Whether to go on after an earlier run ended with a failed write or sync: the newest volume is verified from the
    /// disk first.
    pub accept_after_sync_error: bool,
}

impl OpenOptions {
    pub(super) const fn older_cache_bytes(&self) -> u64 {
        self.cache_bytes / 4
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            volume_bytes: 2_000_000_000,
            cache_bytes: 64 << 20,
            reserve_bytes: 1 << 30,
            older_kept_open: 4,
            accept_after_sync_error: false,
        }
    }
}

/// Makes a data folder with an empty ledger and opens it. The folder may be there if it is empty, or has a signing
/// key that waits for its log. An attempt that was
/// interrupted is begun again.
///
/// # Errors
///
/// There is a data folder already, or something of others, or the disk refused.
pub fn create(data: &Path, options: &OpenOptions) -> Result<SledStore, StoreError> {
    fs::create_dir_all(data).map_err(|error| StoreError::io(data, "make the data folder", &error))?;
    let folder = Folder::new(data);
    match folder.check_format() {
        Ok(()) | Err(StoreError::NewerFormat { .. }) => return Err(StoreError::Exists { path: data.to_owned() }),
        Err(StoreError::NoFolder { .. }) => {}
        Err(error) => return Err(error),
    }
    let lock = folder.take_lock()?;
    if folder.format().exists() {
        return Err(StoreError::Exists { path: data.to_owned() });
    }
    folder.begin()?;
    // Until the format has its name there was never an entry: what is here was left by an interrupted attempt.
    if folder.ledger().exists() {
        folder::remove_tree(&folder.ledger())?;
    }
    match fs::remove_file(folder.guard()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StoreError::io(&folder.guard(), "remove an unfinished guard", &error));
        }
        _ => {}
    }
    let ledger = folder.ledger();
    fs::create_dir(&ledger).map_err(|error| StoreError::io(&ledger, "make the ledger's folder", &error))?;
    let newest = Volume::create(&folder.volume(0), 0, options.cache_bytes)?;
    let guard = Guard::create(&folder.guard())?;
    folder.finish()?;
    if let Some(parent) = data.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        folder::sync(parent)?;
    }
    Ok(SledStore::new(folder, options.clone(), lock, guard, vec![0], newest, 0))
}

/// Opens a data folder.
///
/// # Errors
///
/// It is not a data folder, of a newer format, in use, read-only, damaged beyond the known remedies, shorter than the
/// guard or another than the guard knows, or an earlier run ended with a failed sync and
/// [`OpenOptions::accept_after_sync_error`] is not set. Nothing was served and nothing was appended.
pub fn open(data: &Path, options: &OpenOptions) -> Result<SledStore, StoreError> {
    let folder = Folder::new(data);
    folder.check_format()?;
    let lock = folder.take_lock()?;
    let failed_before = folder.sync_failure()?;
    if let Some(what) = failed_before.clone().filter(|_| !options.accept_after_sync_error) {
        return Err(StoreError::SyncFailedBefore { what });
    }
    let guard = Guard::open(&folder.guard())?.state();
    let volumes = staging::settle(&folder, guard.newest_volume)?;
    let clean = folder::take_clean_stop(&folder)?;
    if failed_before.is_some() {
        forget_cached(&folder.volume(guard.newest_volume))?;
    }
    let spare = if clean { None } else { Spare::take(&folder, guard.newest_volume)? };
    let start = || start(&folder, options, &lock, &volumes, failed_before.is_some());
    let store = match start() {
        Ok(store) => {
            spare.map_or(Ok(()), Spare::release)?;
            store
        }
        Err(refusal) => {
            spare.map_or(Ok(()), Spare::restore)?;
            match refusal {
                StoreError::Damaged { volume, .. } if volume == guard.newest_volume => {
                    remedy::mend(&folder, volume, None, &guard, refusal)?;
                    start()?
                }
                other => return Err(other),
            }
        }
    };
    if failed_before.is_some() {
        folder.forget_sync_failure()?;
    }
    Ok(store)
}

/// Opens the newest volume and compares with the guard.
fn start(
    folder: &Folder,
    options: &OpenOptions,
    lock: &File,
    volumes: &[u64],
    verify: bool,
) -> Result<SledStore, StoreError> {
    let guard = Guard::open(&folder.guard())?;
    let state = guard.state();
    let (newest, size) = open_newest(folder, &state, options)?;
    // What a kill left in the system's cache is made durable before anything of it is served as durable.
    newest.sync()?;
    if size < state.size {
        return Err(StoreError::BehindGuard { ledger: size, guard: state.size });
    }
    if verify {
        chain::verify(&newest, size, &state)?;
    }
    // A second handle of the same lock: the folder stays locked when this attempt is given up.
    let lock = lock.try_clone().map_err(|error| StoreError::io(&folder.lock(), "keep the lock", &error))?;
    let store = SledStore::new(folder.clone(), options.clone(), lock, guard, volumes.to_vec(), newest, size);
    compare_with_guard(&store, &state)?;
    Ok(store)
}

/// Opens a data folder, or makes it where there is none.
///
/// # Errors
///
/// As [`open`] and [`create`].
pub fn open_or_create(data: &Path, options: &OpenOptions) -> Result<SledStore, StoreError> {
    match open(data, options) {
        Err(StoreError::NoFolder { .. }) => create(data, options),
        other => other,
    }
}

fn forget_cached(path: &Path) -> Result<(), StoreError> {
    for name in folder::names(path)? {
        let file = path.join(name);
        if file.is_file() {
            // Only clean pages can be dropped; where this sync fails again, the start ends here.
            folder::sync(&file)?;
            folder::drop_cached(&file)?;
        }
    }
    Ok(())
}

fn open_newest(folder: &Folder, guard: &GuardState, options: &OpenOptions) -> Result<(Volume, u64), StoreError> {
    let (first, path) = (guard.newest_volume, folder.volume(guard.newest_volume));
    if let Some(bad) = remedy::bad_snapshots(&path)?.first() {
        // sled would refuse, and might change files before it does.
        return Err(StoreError::Damaged { volume: first, at: None, what: format!("its snapshot {bad} is not whole") });
    }
    let volume = Volume::open(&path, first, options.cache_bytes, Purpose::Append)?;
    let end = volume.end()?;
    Ok((volume, end))
}

fn compare_with_guard(store: &SledStore, guard: &GuardState) -> Result<(), StoreError> {
    let Some(at) = guard.size.checked_sub(1) else { return Ok(()) };
    let entry = store.get(at)?.ok_or_else(|| StoreError::BehindGuard { ledger: store.size(), guard: guard.size })?;
    let found = chain::check_entry(guard.newest_volume, at, &entry)?.leaf_hash;
    if found == guard.leaf { Ok(()) } else { Err(StoreError::ForkedFromGuard { at, expected: guard.leaf, found }) }
}
