//! The guard: what must be there at the next start, kept outside sled.
//!
//! sled can lose its newest writes, or everything, and open without a word. The guard is two slots in a file that
//! never changes its length, written in turn, each with a counter and a CRC: a torn write spoils one slot, and the
//! other stands. The slots lie 4 KiB apart, so that no sector and no page of the system holds both.
//!
//! ```text
//! slot   8 magic "PRBGUARD" ‖ 4 version 1 ‖ 8 counter ‖ 8 size ‖ 32 leaf hash of entry size - 1
//!        ‖ 8 size of the last checkpoint ‖ 32 its root ‖ 8 index position ‖ 8 first index of the newest volume
//!        ‖ zeros ‖ 4 CRC-32 of the 508 bytes before
//! ```

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::log::LeafHash;
use crate::store::StoreError;

const SLOT_LEN: usize = 512;
const SLOT_APART: usize = 4096;
const FILE_LEN: usize = 2 * SLOT_APART;
const CRC_AT: usize = SLOT_LEN - 4;
const MAGIC: &[u8; 8] = b"PRBGUARD";
const VERSION: u32 = 1;

/// What the guard knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardState {
    /// Number of entries that are durable; never more than are.
    pub size: u64,
    /// Leaf hash of entry `size - 1`; [`LeafHash::NONE`] when `size` is 0.
    pub leaf: LeafHash,
    /// Size of the last checkpoint, 0 when there is none.
    pub checkpoint_size: u64,
    /// Root of the last checkpoint, zero when there is none.
    pub checkpoint_root: [u8; 32],
    /// Up to which position the derived indexes are synced.
    pub index_position: u64,
    /// Index of the first entry of the newest volume. That volume may be empty; no other may.
    pub newest_volume: u64,
}

impl GuardState {
    /// What the guard of an empty ledger knows.
    pub const EMPTY: Self = Self {
        size: 0,
        leaf: LeafHash::NONE,
        checkpoint_size: 0,
        checkpoint_root: [0; 32],
        index_position: 0,
        newest_volume: 0,
    };
}

/// The guard's file, open.
#[derive(Debug)]
pub struct Guard {
    path: PathBuf,
    file: File,
    /// Guards the slots: one write at a time, each from the newest state.
    now: Mutex<Numbered>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbered {
    counter: u64,
    state: GuardState,
}

impl Guard {
    /// Makes the guard of an empty ledger; durable when it returns, but for its name in the folder.
    ///
    /// # Errors
    ///
    /// The file is there already or cannot be written.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|error| StoreError::io(path, "make the guard", &error))?;
        let first = Numbered { counter: 1, state: GuardState::EMPTY };
        let mut bytes = vec![0; FILE_LEN];
        bytes[SLOT_APART..SLOT_APART + SLOT_LEN].copy_from_slice(&encode(&first));
        file.write_all_at(&bytes, 0)
            .and_then(|()| file.sync_all())
            .map_err(|error| StoreError::io(path, "write the guard", &error))?;
        let guard = Self { path: path.to_owned(), file, now: Mutex::new(first) };
        guard.update(|_| ())?;
        Ok(guard)
    }

    /// Opens the guard. A spoilt slot is written again from the other one.
    ///
    /// # Errors
    ///
    /// The file is missing or cannot be read, or neither slot is good.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::options().read(true).write(true).open(path).map_err(|error| opening(path, &error))?;
        let slots = read_slots(&file).map_err(|error| StoreError::io(path, "read the guard", &error))?;
        let newest = newest(slots)?;
        let guard = Self { path: path.to_owned(), file, now: Mutex::new(newest) };
        let both_agree = slots.iter().flatten().filter(|slot| slot.state.newest_volume == newest.state.newest_volume);
        if both_agree.count() < 2 {
            // Were only one slot to know of the newest volume, its loss would make that volume look like a leftover.
            guard.update(|_| ())?;
        }
        Ok(guard)
    }

    /// What the file at `path` says, without changing anything.
    ///
    /// # Errors
    ///
    /// As [`Guard::open`].
    pub fn read(path: &Path) -> Result<GuardState, StoreError> {
        let slots = slots_of(path)?;
        newest(slots).map(|numbered| numbered.state)
    }

    /// How many of the two slots of the file at `path` are whole.
    ///
    /// # Errors
    ///
    /// The file is missing or cannot be read.
    pub fn whole_slots(path: &Path) -> Result<usize, StoreError> {
        Ok(slots_of(path)?.iter().flatten().count())
    }

    /// What it knows now.
    pub fn state(&self) -> GuardState {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).state
    }

    /// What it knows now; `None` while that is being written, which lasts as long as the disk takes.
    pub fn state_if_idle(&self) -> Option<GuardState> {
        self.now.try_lock().ok().map(|now| now.state)
    }

    /// Changes what it knows; durable when it returns. The caller names no size that is not durable.
    ///
    /// # Errors
    ///
    /// The size or the newest volume would go back (nothing is written), or the file could not be written or synced:
    /// then the other slot still has the state before, and nobody writes to this ledger again in this run.
    pub fn update(&self, change: impl FnOnce(&mut GuardState)) -> Result<GuardState, StoreError> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Numbered { counter: now.counter + 1, state: now.state };
        change(&mut next.state);
        if next.state.size < now.state.size || next.state.newest_volume < now.state.newest_volume {
            return Err(StoreError::GuardBackwards { stands: now.state.size, asked: next.state.size });
        }
        let offset = if next.counter.is_multiple_of(2) { 0 } else { SLOT_APART as u64 };
        // A crash in this write leaves the slot of the state before, which is as true as it was.
        self.file
            .write_all_at(&encode(&next), offset)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| StoreError::SyncFailed { what: format!("{}: {error}", self.path.display()) })?;
        *now = next;
        Ok(next.state)
    }
}

fn slots_of(path: &Path) -> Result<[Option<Numbered>; 2], StoreError> {
    let file = File::open(path).map_err(|error| opening(path, &error))?;
    read_slots(&file).map_err(|error| StoreError::io(path, "read the guard", &error))
}

fn opening(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::NotFound => StoreError::Guard { what: "its file is missing".to_owned() },
        _ => StoreError::io(path, "open the guard", error),
    }
}

fn read_slots(file: &File) -> io::Result<[Option<Numbered>; 2]> {
    let mut slots = [None; 2];
    for (slot, offset) in slots.iter_mut().zip([0, SLOT_APART as u64]) {
        let mut bytes = [0; SLOT_LEN];
        match file.read_exact_at(&mut bytes, offset) {
            Ok(()) => *slot = decode(&bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Ok(slots)
}

fn newest(slots: [Option<Numbered>; 2]) -> Result<Numbered, StoreError> {
    let newest = slots.into_iter().flatten().max_by_key(|slot| slot.counter);
    newest.ok_or_else(|| StoreError::Guard { what: "neither of its two slots is whole".to_owned() })
}

fn encode(numbered: &Numbered) -> [u8; SLOT_LEN] {
    let state = &numbered.state;
    let mut bytes = Vec::with_capacity(SLOT_LEN);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&numbered.counter.to_be_bytes());
    bytes.extend_from_slice(&state.size.to_be_bytes());
    bytes.extend_from_slice(state.leaf.as_bytes());
    bytes.extend_from_slice(&state.checkpoint_size.to_be_bytes());
    bytes.extend_from_slice(&state.checkpoint_root);
    bytes.extend_from_slice(&state.index_position.to_be_bytes());
    bytes.extend_from_slice(&state.newest_volume.to_be_bytes());
    bytes.resize(CRC_AT, 0);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes.try_into().expect("508 bytes and a CRC")
}

/// A slot's content, unless it is not whole.
fn decode(bytes: &[u8; SLOT_LEN]) -> Option<Numbered> {
    let (content, crc) = bytes.split_at(CRC_AT);
    let mut rest = content;
    let good = crc32fast::hash(content).to_be_bytes() == *crc
        && take(&mut rest) == *MAGIC
        && u32::from_be_bytes(take(&mut rest)) == VERSION;
    good.then(|| Numbered {
        counter: u64::from_be_bytes(take(&mut rest)),
        state: GuardState {
            size: u64::from_be_bytes(take(&mut rest)),
            leaf: LeafHash(take(&mut rest)),
            checkpoint_size: u64::from_be_bytes(take(&mut rest)),
            checkpoint_root: take(&mut rest),
            index_position: u64::from_be_bytes(take(&mut rest)),
            newest_volume: u64::from_be_bytes(take(&mut rest)),
        },
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (taken, left) = rest.split_first_chunk::<N>().expect("a slot is longer than its fields");
    *rest = left;
    *taken
}

#[cfg(test)]
mod tests;
