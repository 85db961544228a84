//! Known remedies for a database that sled does not open: a snapshot of its page table that is damaged, or that a
//! crash left unfinished, can be taken away, and sled builds another from its log.
//!
//! Opening a damaged database changes its files. So a remedy is tried on a copy, and the copy takes the place of the
//! damaged folder only when its whole chain verifies up to the guard. The damaged folder is kept.

use std::fs;
use std::path::Path;

use crate::store::GuardState;
use crate::store::StoreError;
use crate::store::chain;
use crate::store::folder;
use crate::store::folder::Folder;
use crate::store::staging;
use crate::store::staging::Replaced;
use crate::store::volume::Purpose;
use crate::store::volume::Volume;

#[derive(Clone, Copy, Debug)]
enum Remedy {
    /// Take unfinished snapshots away.
    Unfinished,
    /// Take all snapshots away.
    Snapshots,
}

/// The snapshots in a volume's folder that sled would not read: unfinished ones, and the newest when its CRC is wrong.
pub(super) fn bad_snapshots(path: &Path) -> Result<Vec<String>, StoreError> {
    let names = folder::names(path)?;
    let (unfinished, whole): (Vec<String>, Vec<String>) =
        names.into_iter().filter(|name| name.starts_with("snap.")).partition(|name| is_unfinished(name));
    let mut bad = unfinished;
    // sled reads the last one by name.
    if let Some(name) = whole.last() {
        let snapshot = path.join(name);
        let bytes = fs::read(&snapshot).map_err(|error| StoreError::io(&snapshot, "read it", &error))?;
        if !is_whole(&bytes) {
            bad.push(name.clone());
        }
    }
    Ok(bad)
}

fn is_unfinished(name: &str) -> bool {
    name.ends_with(".generating")
}

/// A snapshot ends with its length (8) and its CRC-32 (4); the order of their bytes is sled's, little-endian.
fn is_whole(bytes: &[u8]) -> bool {
    let Some((content, tail)) = bytes.split_last_chunk::<12>() else { return false };
    let mut crc = crc32fast::hash(content).to_be_bytes();
    crc.reverse();
    !content.is_empty() && tail[8..] == crc
}

/// Tries the remedies on copies of the volume's folder. `end` is where its entries must end, where that is known.
///
/// # Errors
///
/// `refusal`, when no remedy helped; the folder is then as it was.
pub(super) fn mend(
    folder: &Folder,
    first: u64,
    end: Option<u64>,
    guard: &GuardState,
    refusal: StoreError,
) -> Result<(), StoreError> {
    for remedy in [Remedy::Unfinished, Remedy::Snapshots] {
        if !applies(&folder.volume(first), remedy)? || !can_be_copied(folder, first)? {
            continue;
        }
        let staged = staging::begin(folder, first)?;
        copy(&folder.volume(first), &staged, remedy)?;
        match try_copy(&staged, first, end, guard) {
            Ok(()) => return staging::place(folder, first, Replaced::Keep),
            Err(_) => folder::remove_tree(&staged)?,
        }
    }
    Err(refusal)
}

fn takes(remedy: Remedy, name: &str) -> bool {
    match remedy {
        Remedy::Unfinished => name.starts_with("snap.") && is_unfinished(name),
        Remedy::Snapshots => name.starts_with("snap."),
    }
}

fn applies(path: &Path, remedy: Remedy) -> Result<bool, StoreError> {
    Ok(folder::names(path)?.iter().any(|name| takes(remedy, name)))
}

/// Whether there is something to copy, and room for it.
pub(super) fn can_be_copied(folder: &Folder, first: u64) -> Result<bool, StoreError> {
    let len = fs::metadata(folder.volume(first).join("db")).map_or(0, |metadata| metadata.len());
    Ok(len > 0 && folder::free_bytes(&folder.ledger())? > len.saturating_mul(2))
}

fn copy(from: &Path, to: &Path, remedy: Remedy) -> Result<(), StoreError> {
    copy_tree(from, to, &|name| !takes(remedy, name))
}

/// Copies the files of a volume, those whose names are kept.
pub(super) fn copy_tree(from: &Path, to: &Path, kept: &dyn Fn(&str) -> bool) -> Result<(), StoreError> {
    fs::create_dir(to).map_err(|error| StoreError::io(to, "make the folder of a copy", &error))?;
    for name in folder::names(from)?.into_iter().filter(|name| kept(name)) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy_tree(&from, &to, kept)?;
        } else {
            fs::copy(&from, &to).map_err(|error| StoreError::io(&from, "copy it", &error))?;
        }
    }
    Ok(())
}

fn try_copy(staged: &Path, first: u64, end: Option<u64>, guard: &GuardState) -> Result<(), StoreError> {
    let volume = Volume::open(staged, first, chain::READ_BYTES as u64, Purpose::Append)?;
    let found = volume.end()?;
    if found < end.unwrap_or(guard.size) || end.is_some_and(|end| end != found) {
        return Err(StoreError::BehindGuard { ledger: found, guard: guard.size });
    }
    chain::verify(&volume, found, guard)
}
