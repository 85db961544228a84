//! Replacing a volume's folder so that a crash at any point leaves the old one or the new one, never a half.
//!
//! ```text
//! <name>               the volume
//! <name>.new           being made; whole from the moment when there is a file `ready` in it
//! <name>.old           was replaced by one of the same entries, goes away
//! <name>.damaged-<n>   was replaced by a mended copy, is kept
//! <name>.before        the newest volume as it was before sled recovered it; whole with `ready`
//! ```

use std::path::Path;
use std::path::PathBuf;

use crate::store::StoreError;
use crate::store::failpoint;
use crate::store::folder;
use crate::store::folder::Folder;
use crate::store::remedy;
use crate::store::volume;

const READY: &str = "ready";

/// What becomes of the folder that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    /// It held the same entries.
    Remove,
    /// It is damaged: somebody may want to look at it.
    Keep,
}

fn beside(folder: &Folder, first: u64, suffix: &str) -> PathBuf {
    folder.ledger().join(format!("{}.{suffix}", folder::volume_name(first)))
}

/// Where the next folder of a volume is made. What an earlier attempt left there is removed.
pub(super) fn begin(folder: &Folder, first: u64) -> Result<PathBuf, StoreError> {
    let staged = beside(folder, first, "new");
    if staged.exists() {
        folder::remove_tree(&staged)?;
    }
    Ok(staged)
}

/// Makes the staged folder of a volume durable and puts it in the place of the other.
pub(super) fn place(folder: &Folder, first: u64, replaced: Replaced) -> Result<(), StoreError> {
    let (live, staged) = (folder.volume(first), beside(folder, first, "new"));
    let ready = staged.join(READY);
    std::fs::write(&ready, b"").map_err(|error| StoreError::io(&ready, "write it", &error))?;
    volume::sync_folder(&staged)?;
    let aside = match replaced {
        Replaced::Remove => beside(folder, first, "old"),
        Replaced::Keep => unused(folder, first),
    };
    // A crash from here on: `settle` finds the staged folder ready and ends what was begun.
    failpoint::hit("volume-close-rewritten");
    folder::rename(&live, &aside)?;
    failpoint::hit("volume-close-renamed");
    folder::rename(&staged, &live)?;
    folder::sync(&folder.ledger())?;
    remove_ready(&live)?;
    if replaced == Replaced::Remove { folder::remove_tree(&aside) } else { Ok(()) }
}

/// The newest volume as it was before sled opened it.
///
/// sled recovers in place: behind the first damaged message of its log it overwrites whatever comes, also what could
/// still be read, and only then can be seen that entries are missing. So, unless the last stop was clean, the volume is
/// copied before, and a start that is refused leaves the folder as it found it.
#[derive(Debug)]
pub(super) struct Spare {
    live: PathBuf,
    before: PathBuf,
}

impl Spare {
    /// Copies the volume; `None` where there is nothing to copy, or no room for it.
    pub(super) fn take(folder: &Folder, first: u64) -> Result<Option<Self>, StoreError> {
        let (live, before) = (folder.volume(first), beside(folder, first, "before"));
        if !remedy::can_be_copied(folder, first)? {
            return Ok(None);
        }
        remedy::copy_tree(&live, &before, &|_| true)?;
        let ready = before.join(READY);
        std::fs::write(&ready, b"").map_err(|error| StoreError::io(&ready, "write it", &error))?;
        volume::sync_folder(&before)?;
        Ok(Some(Self { live, before }))
    }

    /// Puts the copy back in its place: nothing was appended since it was taken.
    pub(super) fn restore(self) -> Result<(), StoreError> {
        folder::remove_tree(&self.live)?;
        folder::rename(&self.before, &self.live)?;
        remove_ready(&self.live)?;
        self.live.parent().map_or(Ok(()), folder::sync)
    }

    /// Removes the copy. From here on the volume may be appended to.
    pub(super) fn release(self) -> Result<(), StoreError> {
        // First, and durably: a copy that came back after a power cut would take entries away.
        remove_ready(&self.before)?;
        folder::sync(&self.before)?;
        folder::remove_tree(&self.before)
    }
}

fn unused(folder: &Folder, first: u64) -> PathBuf {
    let mut numbered = (1u32..).map(|n| beside(folder, first, &format!("damaged-{n}")));
    numbered.find(|path| !path.exists()).expect("some number is free")
}

fn remove_ready(live: &Path) -> Result<(), StoreError> {
    let ready = live.join(READY);
    std::fs::remove_file(&ready).map_err(|error| StoreError::io(&ready, "remove it", &error))
}

/// Ends or undoes what a crash interrupted, and says which volumes there are: their first indexes, ascending, the
/// last of them `newest`.
pub(super) fn settle(folder: &Folder, newest: u64) -> Result<Vec<u64>, StoreError> {
    let names = folder::names(&folder.ledger())?;
    let mut firsts: Vec<u64> =
        names.iter().filter_map(|name| name.get(..20)).filter_map(folder::parse_volume_name).collect();
    firsts.dedup();
    let mut volumes = Vec::new();
    for first in firsts {
        let (live, staged, old) = (folder.volume(first), beside(folder, first, "new"), beside(folder, first, "old"));
        let spare = Spare { live: live.clone(), before: beside(folder, first, "before") };
        if spare.before.join(READY).exists() {
            // The start in which it was taken did not come to its end.
            if live.exists() {
                spare.restore()?;
            } else {
                folder::rename(&spare.before, &live)?;
            }
        } else if spare.before.exists() {
            folder::remove_tree(&spare.before)?;
        }
        if !live.exists() && staged.join(READY).exists() {
            folder::rename(&staged, &live)?;
        } else if !live.exists() && old.exists() {
            folder::rename(&old, &live)?;
        }
        folder::sync(&folder.ledger())?;
        if live.join(READY).exists() {
            remove_ready(&live)?;
        }
        for leftover in [staged, old] {
            if leftover.exists() {
                folder::remove_tree(&leftover)?;
            }
        }
        if first > newest && live.exists() {
            // A volume gets its first entry after both slots of the guard name it: this one never had any.
            folder::remove_tree(&live)?;
        } else if live.exists() {
            volumes.push(first);
        }
    }
    check_ends(&volumes, newest)?;
    Ok(volumes)
}

fn check_ends(volumes: &[u64], newest: u64) -> Result<(), StoreError> {
    if volumes.first() != Some(&0) {
        return Err(StoreError::MissingVolume { volume: 0, what: "the log begins in it" });
    }
    if volumes.last() != Some(&newest) {
        return Err(StoreError::MissingVolume { volume: newest, what: "the guard names it as the newest" });
    }
    Ok(())
}
