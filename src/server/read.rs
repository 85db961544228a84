//! Finite reads: pinned to the head as it is when the call arrives, in messages of at most about 1 MiB.

use prost::Message;
use tonic::Status;

use crate::access::Caller;
use crate::events::EventType;
use crate::events::shape;
use crate::ledger::HistoryKey;
use crate::proto::v1;
use crate::server::convert;
use crate::server::errors::field_invalid;
use crate::server::errors::of_index;
use crate::server::gate::denied;
use crate::server::record_service::of_read;
use crate::server::sight::Sight;
use crate::service::EntryRead;
use crate::service::Reader;

/// Clients refuse longer messages than 4 MiB; one entry can have 1 MiB.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Bytes of entries read from the log at once.
const READ_BYTES: usize = 512 << 10;

/// Places of a history looked up at once.
const PLACES: usize = 1024;

/// Whether entries are to be whole.
///
/// # Errors
///
/// INVALID_ARGUMENT: no value of the enum.
pub fn is_full(view: i32) -> Result<bool, Status> {
    match v1::EntryView::try_from(view) {
        Ok(v1::EntryView::Headers) => Ok(false),
        Ok(v1::EntryView::Full | v1::EntryView::Unspecified) => Ok(true),
        Err(_) => Err(field_invalid("view", "UNDEFINED_ENUM", "no value of this enum")),
    }
}

/// Whether a caller sees an entry. Seals, and what becomes of keys and log, are nobody's matter.
pub(super) fn sees(sight: &mut Sight, reader: &Reader, read: &EntryRead) -> Result<bool, Status> {
    match read.checked.leaf.event() {
        Some(event) => sight.sees(reader, &event.stream.key, read.checked.leaf.index).map_err(of_read),
        None => Ok(true),
    }
}

/// Notes whom an entry is about: its payload has their ids, and not their names.
pub(super) fn note_shown(caller: &Caller, read: &EntryRead) {
    let Some(manifest) = &read.checked.manifest else { return };
    let event_type = EventType::parse(&manifest.event_type, manifest.version);
    let Some((event_type, open)) = event_type.zip(read.checked.entry.open.as_ref()) else { return };
    // What cannot be read shows nobody.
    let Ok(names) = shape::read_open(event_type, &open.payload) else { return };
    for (_, id) in &names.subjects {
        caller.note_shown(id);
    }
}

/// A read under way.
#[derive(Debug)]
pub struct Reading {
    reader: Reader,
    source: Source,
    full: bool,
    sight: Sight,
    /// Entries at this position and after it are not read.
    end: u64,
    left: u64,
    /// Read, and too long for the message before.
    held: Option<v1::Entry>,
    ready: std::vec::IntoIter<EntryRead>,
}

#[derive(Debug)]
enum Source {
    /// Every entry, from a position on.
    Forward(u64),
    /// Every entry, from below a position down.
    Backward(u64),
    /// A history after a position.
    History(HistoryKey, Option<u64>),
    /// A history below a position, down.
    HistoryBackward(HistoryKey, u64),
    /// Nothing more.
    Done,
}

impl Reading {
    /// Begins a read.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT, naming the field.
    pub(super) fn begin(reader: Reader, request: v1::ReadEntriesRequest, caller: Caller) -> Result<Self, Status> {
        let end = reader.log_size();
        let full = is_full(request.view)?;
        let backward = match v1::Direction::try_from(request.direction) {
            Ok(v1::Direction::Unspecified | v1::Direction::Forward) => false,
            Ok(v1::Direction::Backward) => true,
            Err(_) => return Err(field_invalid("direction", "UNDEFINED_ENUM", "no value of this enum")),
        };
        // Through all of the log only those go to whom nothing of it is foreign.
        if request.history.is_none() && !caller.sees_everything() {
            return Err(denied());
        }
        let history = request.history.map(|history| convert::history(Some(history), "history")).transpose()?;
        if let Some(history) = &history {
            caller.note(&history.name);
        }
        let key = history.map(|history| HistoryKey::Leaf(history.key));
        let below = request.from.map_or(end, |from| from.saturating_add(1).min(end));
        let source = match (key, backward) {
            (None, false) => Source::Forward(request.from.unwrap_or(0)),
            (None, true) => Source::Backward(below),
            (Some(key), true) => Source::HistoryBackward(key, below),
            (Some(key), false) => match request.from {
                None | Some(0) => Source::History(key, None),
                Some(from) => Source::History(key, Some(from - 1)),
            },
        };
        let left = if request.limit == 0 { u64::MAX } else { request.limit };
        let sight = Sight::new(caller, end.saturating_sub(1));
        Ok(Self { reader, source, full, sight, end, left, held: None, ready: Vec::new().into_iter() })
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    ///
    /// An entry is damaged or cannot be read.
    pub fn next_message(&mut self) -> Result<Option<v1::ReadEntriesResponse>, Status> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        while let Some(entry) = self.next_entry()? {
            let len = entry.encoded_len() + 8;
            if bytes + len > MESSAGE_BYTES_MAX && !entries.is_empty() {
                self.held = Some(entry);
                break;
            }
            bytes += len;
            entries.push(entry);
        }
        if entries.is_empty() {
            return Ok(None);
        }
        Ok(Some(v1::ReadEntriesResponse { entries, head_position: self.end.saturating_sub(1) }))
    }

    fn next_entry(&mut self) -> Result<Option<v1::Entry>, Status> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        if self.left == 0 {
            return Ok(None);
        }
        let read = loop {
            match self.ready.next() {
                Some(read) if sees(&mut self.sight, &self.reader, &read)? => break read,
                Some(_) => {}
                None if matches!(self.source, Source::Done) => return Ok(None),
                None => {
                    self.ready = self.more()?.into_iter();
                    if self.ready.len() == 0 {
                        return Ok(None);
                    }
                }
            }
        };
        self.left -= 1;
        note_shown(self.sight.caller(), &read);
        Ok(Some(convert::entry(read, self.full)))
    }

    /// Some of what comes next, in its order.
    fn more(&mut self) -> Result<Vec<EntryRead>, Status> {
        let failed = |error| of_index(&error);
        match &mut self.source {
            Source::Done => Ok(Vec::new()),
            Source::Forward(from) => {
                let read = self.reader.entries(*from, self.end, READ_BYTES).map_err(failed)?;
                *from += read.len() as u64;
                Ok(read)
            }
            Source::Backward(below) => {
                let from = below.saturating_sub(256);
                let mut read = Vec::new();
                let mut next = from;
                while next < *below {
                    let some = self.reader.entries(next, *below, READ_BYTES).map_err(failed)?;
                    if some.is_empty() {
                        break;
                    }
                    next += some.len() as u64;
                    read.extend(some);
                }
                *below = from;
                read.reverse();
                Ok(read)
            }
            Source::History(key, after) => {
                let Some(upto) = self.end.checked_sub(1) else { return Ok(Vec::new()) };
                let places = self.reader.history(key, *after, upto, PLACES).map_err(failed)?;
                match places.last() {
                    Some(last) => *after = Some(last.index),
                    None => self.source = Source::Done,
                }
                self.at(places.into_iter().map(|placed| placed.index))
            }
            Source::HistoryBackward(key, below) => {
                let places = self.reader.index().history_backward(key, *below, PLACES).map_err(failed)?;
                match places.last() {
                    Some(last) => *below = last.index,
                    None => self.source = Source::Done,
                }
                self.at(places.into_iter().map(|placed| placed.index))
            }
        }
    }

    fn at(&self, indexes: impl Iterator<Item = u64>) -> Result<Vec<EntryRead>, Status> {
        indexes.filter_map(|index| self.reader.entry(index).map_err(|error| of_index(&error)).transpose()).collect()
    }
}
