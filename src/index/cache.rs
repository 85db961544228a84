//! Rows of objects that stand in runs, so that the next reader need not look there: sled takes 25 µs for a row at a random
//! place, and each event asks for several.
//!
//! The objects of the day stand decoded. Behind them stand many more as bytes, at about 50 bytes an object: 1.8
//! million are 100 MB. Both have two halves: what the older has and nobody asked for goes when the
//! younger is full.

use std::sync::Mutex;
use std::sync::PoisonError;

use crate::index::IndexError;
use crate::index::quietly;
use crate::index::read::damaged;
use crate::index::row;
use crate::ledger::ByDigest;
use crate::ledger::ObjectRow;
use crate::store::runs::Table;

/// Decoded objects in a half.
const DECODED: usize = 1 << 14;

/// Packed objects in a half: as many as a table of 2²⁰ places takes.
const PACKED: usize = (1 << 20) / 8 * 7;

/// Bytes of packed objects in a half.
const PACKED_BYTES: usize = 32 << 20;

/// Rows taken under one lock.
const ROWS_AT_ONCE: usize = 256;

#[derive(Debug)]
pub(super) struct Cache {
    room: Room,
    decoded: Halves<ByDigest<[u8; 16], ObjectRow>>,
    packed: Halves<Packed>,
    /// How many runs were written.
    runs: u64,
}

/// How much a half holds.
#[derive(Clone, Copy, Debug)]
struct Room {
    decoded: usize,
    packed: usize,
    packed_bytes: usize,
}

impl Default for Cache {
    fn default() -> Self {
        Self::with(Room { decoded: DECODED, packed: PACKED, packed_bytes: PACKED_BYTES })
    }
}

#[derive(Debug, Default)]
struct Halves<H> {
    younger: H,
    older: H,
}

impl<H> Halves<H> {
    const fn swap(&mut self) {
        std::mem::swap(&mut self.younger, &mut self.older);
    }
}

/// Rows one after another, and where each begins.
#[derive(Debug, Default)]
struct Packed {
    places: ByDigest<[u8; 16], u32>,
    rows: Vec<u8>,
    /// Only its room is kept.
    scratch: Vec<u8>,
}

impl Packed {
    fn get(&self, token: &[u8; 16]) -> Option<ObjectRow> {
        let place = *self.places.get(token)?;
        postcard::take_from_bytes(&self.rows[place as usize..]).ok().map(|(row, _)| row)
    }

    /// A row takes the place of the one before where it has room there: it begins at a multiple of eight.
    fn insert(&mut self, token: [u8; 16], row: &ObjectRow) {
        let before = self.places.get(&token).copied().unwrap_or(u32::MAX);
        self.scratch = postcard::to_extend(row, std::mem::take(&mut self.scratch)).expect("a row can be written");
        let room = self.room(before);
        if self.scratch.len() <= room {
            self.rows[before as usize..][..self.scratch.len()].copy_from_slice(&self.scratch);
        } else {
            let place = u32::try_from(self.rows.len()).expect("a half is far below 4 GiB");
            self.rows.extend_from_slice(&self.scratch);
            self.rows.resize(self.rows.len().next_multiple_of(8), 0);
            self.places.insert(token, place);
        }
        self.scratch.clear();
    }

    /// How many bytes a row may have that takes the place of this one.
    fn room(&self, place: u32) -> usize {
        let Some(bytes) = self.rows.get(place as usize..) else { return 0 };
        let rest = postcard::take_from_bytes::<ObjectRow>(bytes).map_or(bytes, |(_, rest)| rest);
        (bytes.len() - rest.len()).next_multiple_of(8)
    }

    fn clear(&mut self) {
        self.places.clear();
        self.rows.clear();
    }
}

impl Cache {
    fn with(room: Room) -> Self {
        Self { room, decoded: Halves::default(), packed: Halves::default(), runs: 0 }
    }

    /// The newest row of an object in the runs: the one at hand, or the one that is read there and then kept.
    pub(super) fn through(
        cache: &Mutex<Self>,
        table: &Table,
        token: [u8; 16],
    ) -> Result<Option<ObjectRow>, IndexError> {
        let lock = || cache.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = match lock().get(&token) {
            Ok(row) => return Ok(Some(row)),
            Err(runs) => runs,
        };
        let Some(bytes) = quietly(|| table.get(&row::prefixed(b'o', &token)))? else { return Ok(None) };
        let row: ObjectRow = postcard::from_bytes(&bytes).map_err(|_| damaged("an object's row cannot be read"))?;
        lock().keep(token, row.clone(), runs);
        Ok(Some(row))
    }

    /// Takes the rows of a run that was written, a few at a time, so that nobody waits long.
    pub(super) fn take_run<'r>(cache: &Mutex<Self>, rows: impl Iterator<Item = (&'r [u8; 16], &'r ObjectRow)>) {
        let lock = || cache.lock().unwrap_or_else(PoisonError::into_inner);
        lock().run_written();
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            let mut cache = lock();
            rows.by_ref().take(ROWS_AT_ONCE).for_each(|(token, row)| cache.renew(token, row));
        }
    }

    /// The row, or how many runs were written until now.
    pub(super) fn get(&mut self, token: &[u8; 16]) -> Result<ObjectRow, u64> {
        if let Some(row) = self.decoded.younger.get(token) {
            return Ok(row.clone());
        }
        let row = match self.decoded.older.remove(token) {
            Some(row) => row,
            None => self.unpacked(token).ok_or(self.runs)?,
        };
        self.decode(*token, row.clone());
        Ok(row)
    }

    /// Keeps a row that was read from the runs when there were so many; another run may have a newer one.
    pub(super) fn keep(&mut self, token: [u8; 16], row: ObjectRow, runs: u64) {
        if runs == self.runs {
            self.pack(token, &row);
            self.decode(token, row);
        }
    }

    /// A run was written. Its rows follow, before whatever else has them lets go of them.
    pub(super) const fn run_written(&mut self) {
        self.runs += 1;
    }

    /// A row of the run. Persons, bodies, cases and subjects are asked for by what comes next, and are kept.
    pub(super) fn renew(&mut self, token: &[u8; 16], row: &ObjectRow) {
        for half in [&mut self.decoded.younger, &mut self.decoded.older] {
            if let Some(kept) = half.get_mut(token) {
                *kept = row.clone();
            }
        }
        let in_older = self.packed.older.places.remove(token).is_some();
        if in_older || row.is_pointed_to() || self.packed.younger.places.contains_key(token) {
            self.pack(*token, row);
        }
    }

    fn unpacked(&mut self, token: &[u8; 16]) -> Option<ObjectRow> {
        if let Some(row) = self.packed.younger.get(token) {
            return Some(row);
        }
        let row = self.packed.older.get(token)?;
        self.packed.older.places.remove(token);
        self.pack(*token, &row);
        Some(row)
    }

    fn pack(&mut self, token: [u8; 16], row: &ObjectRow) {
        let younger = &self.packed.younger;
        if younger.places.len() >= self.room.packed || younger.rows.len() >= self.room.packed_bytes {
            self.packed.swap();
            self.packed.younger.clear();
        }
        self.packed.younger.insert(token, row);
    }

    fn decode(&mut self, token: [u8; 16], row: ObjectRow) {
        if self.decoded.younger.len() >= self.room.decoded {
            self.decoded.swap();
            self.decoded.younger.clear();
        }
        self.decoded.younger.insert(token, row);
    }
}

#[cfg(test)]
mod tests;
