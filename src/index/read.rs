//! Reading rows: memory first, then what is being written, then the runs. In this order a row that moves from one to
//! the next while it is looked for is seen twice rather than not at all.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::PoisonError;

use crate::domain::dates::Day;
use crate::events::EventType;
use crate::index::Index;
use crate::index::IndexError;
use crate::index::cache::Cache;
use crate::index::memory::Recent;
use crate::index::quietly;
use crate::index::row;
use crate::ledger::HistoryKey;
use crate::ledger::ObjectRow;
use crate::log::Key;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::store::runs::RunsError;

/// An entry's place in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Index of the entry.
    pub index: u64,
    /// Its event's type; `None` where this program does not know it.
    pub event_type: Option<EventType>,
}

/// What a body has to do, or had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DutyPlace {
    /// The last day.
    pub due: Day,
    /// Half of the stream's key: with the day, its place in the list.
    pub stream: [u8; 16],
    /// What kind of stream it is.
    pub kind: &'static str,
    /// Its id.
    pub id: u128,
    /// Whether it is still to be done, as of now.
    pub open: bool,
}

/// Where a list of duties begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DutyFrom {
    /// With those of a day.
    Day(Day),
    /// Behind this one.
    Behind(DutyPlace),
}

impl Index {
    /// Looks into what is in memory; `None` when it says nothing.
    fn in_memory<T>(&self, look: impl Fn(&Recent) -> Option<T>) -> Option<T> {
        let memory = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        look(&memory.active).or_else(|| memory.frozen.as_ref().and_then(|(frozen, _)| look(frozen)))
    }

    /// The newest row of a stream or subject.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn object(&self, key: &Key) -> Result<Option<ObjectRow>, IndexError> {
        let token = row::half(key);
        if let Some(object) = self.in_memory(|recent| recent.object(&token).cloned()) {
            return Ok(Some(object));
        }
        Cache::through(&self.cache, &self.table().1, token)
    }

    /// Index of the first entry of a request.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn request(&self, token: &[u8; 16]) -> Result<Option<u64>, IndexError> {
        if let Some(first) = self.in_memory(|recent| recent.request(token)) {
            return Ok(Some(first));
        }
        Ok(self.get(&row::prefixed(b'r', token))?.map(|bytes| row::index_of(&bytes)))
    }

    /// The entity registered under a lookup token last, at `upto` or before it, and by which entry. A number can have had
    /// several holders: it is free again when a registration is void.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn identity(&self, token: &[u8; 16], upto: u64) -> Result<Option<(u128, u64)>, IndexError> {
        let holders = self.rows(&row::with_index(b'i', token, 0), row::PREFIX_BYTES, upto, usize::MAX)?;
        for (index, value) in holders.iter().rev() {
            // Whose identity was erased is found by no number any more, from the moment on in which it was.
            if self.erasures(*index)?.iter().any(|(_, parts)| parts & !OPEN_PAYLOAD_BIT != 0) {
                continue;
            }
            let id = value.first_chunk().ok_or_else(|| damaged("a lookup row cannot be read"))?;
            return Ok(Some((u128::from_be_bytes(*id), *index)));
        }
        Ok(None)
    }

    /// Whether anybody was registered under a lookup token at `upto` or before it, whatever was erased or voided since.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn has_identity(&self, token: &[u8; 16], upto: u64) -> Result<bool, IndexError> {
        Ok(!self.rows(&row::with_index(b'i', token, 0), row::PREFIX_BYTES, upto, 1)?.is_empty())
    }

    /// Places in a history after a position and up to another, ascending, at most `limit`.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn history(
        &self,
        key: &HistoryKey,
        after: Option<u64>,
        upto: u64,
        limit: usize,
    ) -> Result<Vec<Placed>, IndexError> {
        let from = after.map_or(0, |after| after.saturating_add(1));
        let rows = self.rows(&row::history(key, from), row::PREFIX_BYTES, upto, limit)?;
        Ok(rows
            .into_iter()
            .map(|(index, value)| Placed { index, event_type: value.first().copied().and_then(row::event_type) })
            .collect())
    }

    /// The last places in a history below a position, descending, at most `limit`.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn history_backward(&self, key: &HistoryKey, below: u64, limit: usize) -> Result<Vec<Placed>, IndexError> {
        let Some(upto) = below.checked_sub(1) else { return Ok(Vec::new()) };
        let mut all = self.history(key, None, upto, usize::MAX)?;
        all.reverse();
        all.truncate(limit);
        Ok(all)
    }

    /// Streams of a kind whose first entry stands at `from` or after it and at `upto` or before it: index of that
    /// entry and id, in that order.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn register(&self, kind: &str, from: u64, upto: u64, limit: usize) -> Result<Vec<(u64, u128)>, IndexError> {
        self.streams(&row::with_index(b'k', &row::kind(kind), from), upto, limit)
    }

    fn streams(&self, from: &[u8], upto: u64, limit: usize) -> Result<Vec<(u64, u128)>, IndexError> {
        let rows = self.rows(from, row::PREFIX_BYTES, upto, limit)?;
        rows.into_iter()
            .map(|(index, value)| {
                let id = value.first_chunk().ok_or_else(|| damaged("a register's row cannot be read"))?;
                Ok((index, u128::from_be_bytes(*id)))
            })
            .collect()
    }

    /// Streams of a kind that a body keeps, as [`Index::register`] gives those of all bodies.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn register_of(
        &self,
        body: u128,
        kind: &str,
        from: u64,
        upto: u64,
        limit: usize,
    ) -> Result<Vec<(u64, u128)>, IndexError> {
        self.streams(&row::with_index(b'b', &row::register(body, kind), from), upto, limit)
    }

    /// What a body has to do, or had, in the order of the days: from a place on that an earlier answer named, or from
    /// a day on, up to and including another day; at most about `limit`. Says how things stand now.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn duties(&self, body: u128, from: DutyFrom, upto: Day, limit: usize) -> Result<Vec<DutyPlace>, IndexError> {
        let from = match from {
            DutyFrom::Day(day) => row::duty(body, day, &[0; 16]),
            DutyFrom::Behind(place) => {
                let next = u128::from_be_bytes(place.stream).checked_add(1);
                match next {
                    Some(next) => row::duty(body, place.due, &next.to_be_bytes()),
                    None => row::duty(body, place.due.next(), &[0; 16]),
                }
            }
        };
        let mut rows: BTreeMap<row::Key, Vec<u8>> = BTreeMap::new();
        let above: Vec<(row::Key, Vec<u8>)> = {
            let memory = self.recent.read().unwrap_or_else(PoisonError::into_inner);
            let frozen = memory.frozen.iter().flat_map(|(frozen, _)| frozen.duties_from(&from));
            frozen.chain(memory.active.duties_from(&from)).map(|(key, value)| (key, value.to_vec())).collect()
        };
        let (_, table) = self.table();
        let mut collect = || -> Result<(), RunsError> {
            let mut found = table.rows_with_prefix(&from)?;
            while let Some((key, value)) = found.next_row()? {
                if rows.len() >= limit || key.get(..row::PREFIX_BYTES) != from.get(..row::PREFIX_BYTES) {
                    break;
                }
                rows.insert(row::Key::of(key), value.to_vec());
            }
            Ok(())
        };
        quietly(&mut collect)?;
        let last = if rows.len() >= limit { rows.keys().next_back().copied() } else { None };
        rows.extend(above.into_iter().filter(|(key, _)| last.is_none_or(|last| *key <= last)));
        let mut places = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let unreadable = || damaged("a duty's row cannot be read");
            let due = row::due_of(&key).ok_or_else(unreadable)?;
            if due > upto {
                break;
            }
            let stream = *key.last_chunk().ok_or_else(unreadable)?;
            let (kind, id, open) = row::read_duty(&value).ok_or_else(unreadable)?;
            places.push(DutyPlace { due, stream, kind, id, open });
        }
        Ok(places)
    }

    /// Erasures of an entry, as index of the ERASURE and the bits of the parts.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn erasures(&self, target: u64) -> Result<Vec<(u64, u32)>, IndexError> {
        let rows = self.rows(&row::erasure(target, 0), row::PREFIX_BYTES, u64::MAX, usize::MAX)?;
        rows.into_iter()
            .map(|(index, value)| {
                let parts = value.first_chunk().ok_or_else(|| damaged("an erasure's row cannot be read"))?;
                Ok((index, u32::from_be_bytes(*parts)))
            })
            .collect()
    }

    /// Indexes of all ERASUREs.
    ///
    /// # Errors
    ///
    /// The index is damaged.
    pub fn all_erasures(&self) -> Result<BTreeSet<u64>, IndexError> {
        let mut all: BTreeSet<u64> = {
            let memory = self.recent.read().unwrap_or_else(PoisonError::into_inner);
            let frozen = memory.frozen.iter().flat_map(|(frozen, _)| frozen.rows_from(b"x", 1));
            frozen.chain(memory.active.rows_from(b"x", 1)).map(|(index, _)| index).collect()
        };
        let (_, table) = self.table();
        let mut collect = || -> Result<(), RunsError> {
            let mut rows = table.rows_from(b"x")?;
            while let Some((key, _)) = rows.next_row()? {
                if key.first() != Some(&b'x') {
                    break;
                }
                all.insert(row::index_of(key));
            }
            Ok(())
        };
        quietly(&mut collect)?;
        Ok(all)
    }

    fn get(&self, key: &[u8]) -> Result<Option<bytes::Bytes>, IndexError> {
        let (_, table) = self.table();
        Ok(quietly(|| table.get(key))?)
    }

    /// Rows from a key on that share its first `prefix` bytes and whose index is at most `upto`.
    fn rows(&self, from: &[u8], prefix: usize, upto: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, IndexError> {
        let (frozen, mut newest) = {
            let memory = self.recent.read().unwrap_or_else(PoisonError::into_inner);
            (memory.frozen.as_ref().map(|(frozen, _)| Arc::clone(frozen)), memory.active.rows_from(from, prefix))
        };
        let mut found = Vec::new();
        let (_, table) = self.table();
        let mut collect = || -> Result<(), RunsError> {
            let mut rows = table.rows_with_prefix(from)?;
            while let Some((key, value)) = rows.next_row()? {
                let index = row::index_of(key);
                if found.len() >= limit || key.get(..prefix) != from.get(..prefix) || index > upto {
                    break;
                }
                found.push((index, value.to_vec()));
            }
            Ok(())
        };
        quietly(&mut collect)?;
        let mut above = frozen.map(|frozen| frozen.rows_from(from, prefix)).unwrap_or_default();
        above.append(&mut newest);
        let last = found.last().map(|(index, _)| *index);
        let newer = above.into_iter().filter(|(index, _)| *index <= upto && last.is_none_or(|last| *index > last));
        found.extend(newer);
        found.truncate(limit);
        Ok(found)
    }
}

pub(super) const fn damaged(what: &'static str) -> IndexError {
    IndexError::Runs(RunsError::Damaged { what })
}
