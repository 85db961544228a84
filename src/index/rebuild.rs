//! Rebuilding the index beside the live one, comparing both row by row, and promoting the new one.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::index::Identities;
use crate::index::Index;
use crate::index::IndexError;
use crate::index::cache::Cache;
use crate::index::fold::fold_chunk;
use crate::index::memory::Recent;
use crate::index::quietly;
use crate::index::row;
use crate::index::slot;
use crate::ledger::ObjectRow;
use crate::ledger::Rows;
use crate::log::Key;
use crate::store::LogStore;
use crate::store::runs::Position;
use crate::store::runs::Rows as Stored;
use crate::store::runs::RunsError;
use crate::store::runs::Table;

/// Entries of a rebuild in memory before they are written as a run.
const ENTRIES_IN_MEMORY: u64 = 131_072;

/// What came of a rebuild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Up to where both were folded.
    pub position: Position,
    /// Whether every row was the same.
    pub equal: bool,
    /// Rows compared.
    pub rows: u64,
    /// The generation that answers now.
    pub generation: u64,
}

/// What stands beside the live table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// One that was rebuilt and waits to be promoted.
    Candidate,
    /// The one that answered before the last promotion, which was different.
    Previous,
}

impl Beside {
    const KEY: &'static str = "beside";

    const fn byte(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Candidate => 1,
            Self::Previous => 2,
        }
    }
}

/// What came of a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promoted {
    /// Up to where it is folded.
    pub position: Position,
    /// The generation that answers now.
    pub generation: u64,
}

impl Index {
    /// Folds the log again into a table beside the live one and compares both at the same position. The new one waits
    /// there to be promoted. Appends and queries go on meanwhile. `progress` is told the entries folded and the goal.
    ///
    /// # Errors
    ///
    /// The log or the store of the index failed; the live table answers as before.
    pub fn rebuild(
        &self,
        store: &dyn LogStore,
        identities: &dyn Identities,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Rebuilt, IndexError> {
        let _alone = self.alone();
        let generation = self.generation();
        let mut side = self.side(generation + 1)?;
        self.set_beside(Beside::Nothing)?;
        quietly(|| side.table.clear())?;
        side.position = Position::START;
        let goal = self.synced_position().size;
        side.fold(store, identities, goal, |done| progress(done, goal))?;
        // From here on the live table stands still, so that both can be compared.
        let _flushing = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, live) = self.table();
        let goal = live.position().size;
        side.fold(store, identities, goal, |done| progress(done, goal))?;
        side.flush()?;
        let (equal, rows) = quietly(|| same_rows(&live, &side.table))?;
        self.set_beside(Beside::Candidate)?;
        Ok(Rebuilt { position: side.table.position(), equal, rows, generation })
    }

    /// Lets the table beside the live one answer from then on, once it is folded as far; none where there is nothing
    /// beside it. Where `keep` is set, the one that answered until then is kept as the previous one.
    ///
    /// # Errors
    ///
    /// The log or the store of the index failed; the live table answers as before.
    pub fn promote(
        &self,
        store: &dyn LogStore,
        identities: &dyn Identities,
        keep: bool,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Option<Promoted>, IndexError> {
        let _alone = self.alone();
        if self.beside()? == Beside::Nothing {
            return Ok(None);
        }
        let generation = self.generation() + 1;
        let mut side = self.side(generation)?;
        let goal = self.synced_position().size;
        side.fold(store, identities, goal, |done| progress(done, goal))?;
        side.flush()?;
        let _flushing = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        // What is in memory was folded above the other table: it is folded again above this one, while appends wait.
        let mut memory = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        let goal = memory.position.size;
        side.fold(store, identities, goal, |done| progress(done, goal))?;
        side.write()?;
        let position = side.table.position();
        let beside = if keep { Beside::Previous } else { Beside::Nothing };
        quietly(|| {
            self.db.insert("generation", &generation.to_be_bytes())?;
            self.db.insert(Beside::KEY, &[beside.byte()])?;
            self.db.flush().map(drop)
        })?;
        (memory.active, memory.frozen) = (Recent::default(), None);
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = Cache::default();
        let (_, before) = self.table();
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = (generation, Arc::new(side.table));
        drop(memory);
        if !keep {
            quietly(|| before.clear())?;
        }
        Ok(Some(Promoted { position, generation }))
    }

    /// What stands beside the live table.
    ///
    /// # Errors
    ///
    /// The store of the index failed.
    pub fn beside(&self) -> Result<Beside, IndexError> {
        let byte = quietly(|| self.db.get(Beside::KEY))?.and_then(|bytes| bytes.first().copied());
        let all = [Beside::Candidate, Beside::Previous];
        Ok(all.into_iter().find(|beside| Some(beside.byte()) == byte).unwrap_or(Beside::Nothing))
    }

    fn set_beside(&self, beside: Beside) -> Result<(), IndexError> {
        Ok(quietly(|| {
            self.db.insert(Beside::KEY, &[beside.byte()])?;
            self.db.flush().map(drop)
        })?)
    }

    fn side(&self, generation: u64) -> Result<Side, IndexError> {
        let table = quietly(|| Table::open(&self.db, slot(generation), row::PREFIX_BYTES, row::version()))?;
        let position = table.position();
        Ok(Side { table, recent: Recent::default(), cache: Mutex::default(), position })
    }
}

/// Folds the log into a table of its own, as far as the index in a folder reaches, and compares both row by row. The
/// folder is used by nobody else; nothing in it is changed but what opening changes.
///
/// # Errors
///
/// The log or the index cannot be read.
pub fn compare_with_log(
    folder: &Path,
    store: &dyn LogStore,
    identities: &dyn Identities,
    mut progress: impl FnMut(u64, u64),
) -> Result<Rebuilt, IndexError> {
    let index = Index::open(folder)?;
    let (generation, live) = index.table();
    let beside = quietly(|| sled::Config::new().temporary(true).open())?;
    let fresh = quietly(|| Table::open(&beside, slot(generation), row::PREFIX_BYTES, row::version()))?;
    let mut side = Side { table: fresh, recent: Recent::default(), cache: Mutex::default(), position: Position::START };
    let position = live.position();
    side.fold(store, identities, position.size, |done| progress(done, position.size))?;
    side.flush()?;
    let (equal, rows) = quietly(|| same_rows(&live, &side.table))?;
    Ok(Rebuilt { position, equal: equal && side.position == position, rows, generation })
}

/// The table that is built beside the live one.
struct Side {
    table: Table,
    recent: Recent,
    cache: Mutex<Cache>,
    position: Position,
}

impl Side {
    fn fold(
        &mut self,
        store: &dyn LogStore,
        identities: &dyn Identities,
        goal: u64,
        mut progress: impl FnMut(u64),
    ) -> Result<(), IndexError> {
        while self.position.size < goal {
            let (changes, position) = fold_chunk(self, store, identities, self.position.size, goal)?;
            for change in changes {
                self.recent.apply(change);
            }
            self.position = position;
            if self.recent.entries >= ENTRIES_IN_MEMORY {
                self.flush()?;
            }
            progress(position.size);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), IndexError> {
        self.write()?;
        while quietly(|| self.table.merge_some(|| true))? {}
        Ok(())
    }

    /// Writes the rows in memory as a run; merging is left to later.
    fn write(&mut self) -> Result<(), IndexError> {
        let (recent, table) = (&self.recent, &self.table);
        quietly(|| table.add(recent.prefixes(), self.position, |put| recent.put_rows(put)))?;
        Cache::take_run(&self.cache, recent.objects());
        self.recent.clear();
        Ok(())
    }
}

impl Rows for Side {
    type Error = IndexError;

    fn object(&self, key: &Key) -> Result<Option<ObjectRow>, IndexError> {
        let token = row::half(key);
        if let Some(object) = self.recent.object(&token) {
            return Ok(Some(object.clone()));
        }
        Cache::through(&self.cache, &self.table, token)
    }

    fn request(&self, _token: &[u8; 16]) -> Result<Option<u64>, IndexError> {
        Ok(None)
    }

    fn identity(&self, _token: &[u8; 16]) -> Result<Option<u128>, IndexError> {
        Ok(None)
    }

    fn history(&self, _key: &Key, _after: Option<u64>) -> Result<Vec<(u64, &'static str)>, IndexError> {
        Ok(Vec::new())
    }
}

/// Whether two tables hold the same rows, and how many the first holds. Lookup rows of identities that were erased are
/// left out: the older table has them still, and nothing is found by them.
fn same_rows(one: &Table, other: &Table) -> Result<(bool, u64), RunsError> {
    let table = one;
    let next = |rows: &mut Stored| -> Result<_, RunsError> {
        while let Some((key, value)) = rows.next_row()? {
            if key.first() != Some(&b'i') || !is_erased(table, row::index_of(key))? {
                return Ok(Some((key.to_vec(), value)));
            }
        }
        Ok(None)
    };
    let (mut left, mut right) = (one.rows_from(&[])?, other.rows_from(&[])?);
    let mut count = 0;
    let mut equal = true;
    loop {
        let (a, b) = (next(&mut left)?, next(&mut right)?);
        equal &= a == b;
        match a {
            Some(_) => count += 1,
            None if b.is_none() => return Ok((equal, count)),
            None => {}
        }
    }
}

/// Whether an ERASURE names something of an entry.
fn is_erased(table: &Table, target: u64) -> Result<bool, RunsError> {
    let from = row::erasure(target, 0);
    let mut rows = table.rows_with_prefix(&from)?;
    let found = rows.next_row()?;
    Ok(found.is_some_and(|(key, _)| key.get(..row::PREFIX_BYTES) == from.get(..row::PREFIX_BYTES)))
}
