//! A log, as an export reads it. Which entries stand in which stream, and what was erased, is taken from the leaves in
//! a first pass: what an index says of it may be behind, or gone.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::cli::export::Failed;
use crate::export;
use crate::export::Amendments;
use crate::export::EntryRead;
use crate::export::Source;
use crate::log::Body;
use crate::log::Entry;
use crate::log::Key;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::verify::Entries;
use crate::verify::Unreadable;

/// Bytes of entries read at once.
pub(super) const CHUNK_BYTES: usize = 1 << 20;

/// A log with the places of its streams: 24 bytes an entry in memory.
pub(crate) struct LogSource<'a> {
    entries: &'a dyn Entries,
    /// Half the key of a stream, and an entry in it; ascending. What is found is compared with the whole key.
    places: Vec<([u8; 16], u64)>,
    /// What was erased of an entry, by whom.
    erasures: BTreeMap<u64, Vec<(u64, u32)>>,
    /// What was corrected or declared void, by whom.
    amendments: Amendments,
}

impl<'a> LogSource<'a> {
    /// Reads every leaf. Streams are known up to a position, erasures up to the end. `progress` is told the entries
    /// read so far, of all that there are.
    ///
    /// # Errors
    ///
    /// The log cannot be read, or an entry is damaged.
    pub(crate) fn read(entries: &'a dyn Entries, position: u64, mut progress: impl FnMut(u64)) -> Result<Self, Failed> {
        let mut source = Self { entries, places: Vec::new(), erasures: BTreeMap::new(), amendments: Amendments::new() };
        let (mut next, size) = (0, entries.size());
        while next < size {
            for (index, bytes) in chunk(entries, next)? {
                let checked = check(index, &bytes)?;
                if let Some((target, by)) = export::amended(&checked) {
                    source.amendments.entry(target).or_default().push(by);
                }
                let leaf = checked.leaf;
                if let Body::Erasure(_, target) = &leaf.body {
                    source.erasures.entry(target.index).or_default().push((index, target.parts));
                }
                if let Some(event) = leaf.event().filter(|_| index <= position) {
                    source.places.push((half(&event.stream.key), index));
                }
                next = index + 1;
            }
            progress(next);
        }
        source.places.sort_unstable();
        Ok(source)
    }

    fn erased(&self, index: u64, bytes: &Bytes) -> Result<EntryRead, Failed> {
        let mut checked = check(index, bytes)?;
        let erasures = self.erasures.get(&index).cloned().unwrap_or_default();
        for (_, bits) in &erasures {
            if bits & OPEN_PAYLOAD_BIT != 0 {
                checked.entry.open = None;
            }
            for (part, kept) in checked.entry.parts.iter_mut().enumerate() {
                if bits & (1 << part) != 0 {
                    *kept = None;
                }
            }
        }
        Ok(EntryRead { checked, erasures })
    }
}

impl Source for LogSource<'_> {
    type Error = Failed;

    fn entries(&self, from: u64, upto: u64) -> Result<Vec<EntryRead>, Failed> {
        if from >= self.entries.size() {
            return Ok(Vec::new());
        }
        let read = chunk(self.entries, from)?;
        read.iter().take_while(|(index, _)| *index <= upto).map(|(index, bytes)| self.erased(*index, bytes)).collect()
    }

    fn entry(&self, index: u64) -> Result<Option<EntryRead>, Failed> {
        if index >= self.entries.size() {
            return Ok(None);
        }
        let read = self.entries.read(index, 1)?;
        read.first().map(|(_, bytes)| self.erased(index, bytes)).transpose()
    }

    fn amendments(&self, upto: u64) -> Result<Amendments, Failed> {
        // One whose own payload was erased later is one no longer: the other source cannot see it either.
        let erased = |by: &u64| {
            let erasures = self.erasures.get(by).map_or(&[][..], Vec::as_slice);
            erasures.iter().any(|(_, bits)| bits & OPEN_PAYLOAD_BIT != 0)
        };
        let mut kept = self.amendments.clone();
        for by in kept.values_mut() {
            by.retain(|by| *by <= upto && !erased(by));
        }
        kept.retain(|_, by| !by.is_empty());
        Ok(kept)
    }

    fn places(&self, stream: &Key, upto: u64) -> Result<Vec<u64>, Failed> {
        let half = half(stream);
        let from = self.places.partition_point(|(key, _)| *key < half);
        let places = self.places[from..].iter().take_while(|(key, index)| *key == half && *index <= upto);
        Ok(places.map(|(_, index)| *index).collect())
    }
}

fn chunk(entries: &dyn Entries, from: u64) -> Result<Vec<(u64, Bytes)>, Failed> {
    let read = entries.read(from, CHUNK_BYTES)?;
    if read.is_empty() {
        let what = format!("the log ends after {from} of {} entries", entries.size());
        return Err(Unreadable { damaged: true, what }.into());
    }
    Ok(read)
}

fn check(index: u64, bytes: &Bytes) -> Result<crate::log::Checked, Failed> {
    let checked = Entry::check(bytes).map_err(|fault| Failed::Damaged { index, fault })?;
    if checked.leaf.index == index { Ok(checked) } else { Err(Failed::Misplaced { index }) }
}

fn half(key: &Key) -> [u8; 16] {
    *key.as_bytes().first_chunk().expect("32 bytes have a first 16")
}
