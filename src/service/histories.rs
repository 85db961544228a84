//! Histories as the folds of views ask for them: places from the index, entries from the log, each checked.

use crate::domain::dates::Day;
use crate::events::Event;
use crate::events::EventType;
use crate::index::DutyFrom;
use crate::index::DutyPlace;
use crate::index::IndexError;
use crate::ledger::HistoryKey;
use crate::ledger::SEALED_IDENTITY;
use crate::log::Id;
use crate::log::Key;
use crate::log::Name;
use crate::log::SealedBy;
use crate::service::EntryRead;
use crate::service::Reader;
use crate::store::StoreError;
use crate::views::Coverage;
use crate::views::Due;
use crate::views::DueFrom;
use crate::views::Histories;
use crate::views::History;
use crate::views::Opened;
use crate::views::Part;
use crate::views::Payload;
use crate::views::ReadError;
use crate::views::Recorded;

/// Bytes of entries read at once where they are read one after the other.
const SCAN_BYTES: usize = 256 << 10;

impl Histories for Reader {
    fn coverage(&self) -> Coverage {
        let last = self.size().saturating_sub(1);
        Coverage { applied: last, head: last }
    }

    fn places(&self, history: History<'_>, after: Option<u64>, upto: u64, limit: usize) -> Result<Vec<u64>, ReadError> {
        let key = match history {
            History::Stream(name) => HistoryKey::Leaf(Key::of_stream(name)),
            History::Subject(name) => HistoryKey::Leaf(Key::of_subject(name)),
            History::Linked(name) => HistoryKey::Link(Key::of_stream(name)),
            History::Key(key) => HistoryKey::Leaf(*key),
        };
        let places = self.history(&key, after, upto, limit).map_err(read_error)?;
        Ok(places.into_iter().map(|placed| placed.index).collect())
    }

    fn register(
        &self,
        kind: &str,
        body: Option<&Name>,
        from: u64,
        upto: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Name)>, ReadError> {
        let streams = match body {
            Some(body) => self.index().register_of(id_of(body), kind, from, upto, limit),
            None => self.index().register(kind, from, upto, limit),
        };
        streams.map_err(read_error)?.into_iter().map(|(index, id)| Ok((index, named(kind, id)?))).collect()
    }

    fn duties(&self, body: Option<&Name>, from: DueFrom, upto: Day, limit: usize) -> Result<Vec<Due>, ReadError> {
        let from = match from {
            DueFrom::Day(day) => DutyFrom::Day(day),
            DueFrom::Behind(due, stream) => DutyFrom::Behind(DutyPlace { due, stream, kind: "", id: 0, open: false }),
        };
        let places = self.index().duties(body.map_or(0, id_of), from, upto, limit).map_err(read_error)?;
        let due = |place: DutyPlace| {
            let name = named(place.kind, place.id)?;
            Ok(Due { day: place.due, token: place.stream, name, open: place.open })
        };
        places.into_iter().map(due).collect()
    }

    fn recorded_from(&self, from: u64, upto: u64, limit: usize) -> Result<Vec<Recorded>, ReadError> {
        let mut next = from.max(1);
        while next <= upto {
            let read = self.entries(next, upto.saturating_add(1), SCAN_BYTES).map_err(read_error)?;
            let Some(last) = read.last() else { break };
            next = last.checked.leaf.index + 1;
            // Seals, and what becomes of keys and log, stand among the events and are none. Nothing found would mean
            // that the end was reached.
            let events = read.into_iter().filter(|read| read.checked.leaf.event().is_some()).take(limit);
            let events = events.map(recorded).collect::<Result<Vec<_>, _>>()?;
            if !events.is_empty() {
                return Ok(events);
            }
        }
        Ok(Vec::new())
    }

    fn recorded(&self, index: u64) -> Result<Recorded, ReadError> {
        recorded(present(self, index)?)
    }

    fn open_part(&self, index: u64, part: u32) -> Result<Opened, ReadError> {
        let read = present(self, index)?;
        let damaged = |reason: &str| ReadError::Damaged { index, reason: reason.to_owned() };
        let part = part as usize;
        match read.parts_erased_by.get(part) {
            None => return Err(damaged("it has no such part")),
            Some(Some(by)) => return Ok(Opened::Erased { by: *by }),
            Some(None) => {}
        }
        match self.vault().open_part(&read.checked, part) {
            Ok(Some(content)) => Ok(Opened::Content(content.into())),
            Ok(None) => Ok(Opened::KeyNotHeld),
            Err(error) => Err(damaged(&error.what)),
        }
    }

    fn find(&self, scheme: &str, value: &str, upto: u64) -> Result<Option<Name>, ReadError> {
        let token = self.vault().keys().lookup_token(scheme, value);
        let found = self.index().identity(&token, upto).map_err(read_error)?;
        let name = |id: u128| Name::of("entity", &Id(id).to_string()).ok();
        Ok(found.and_then(|(id, _)| name(id)))
    }

    fn has_sealed_identities(&self, upto: u64) -> Result<bool, ReadError> {
        let (scheme, value) = SEALED_IDENTITY;
        let token = self.vault().keys().lookup_token(scheme, value);
        self.index().has_identity(&token, upto).map_err(read_error)
    }

    fn position_at(&self, unix_ms: u64) -> Result<Option<u64>, ReadError> {
        Self::position_at(self, unix_ms).map_err(read_error)
    }

    fn recorded_at(&self, index: u64) -> Result<u64, ReadError> {
        let missing = || ReadError::Damaged { index, reason: "it is missing".to_owned() };
        Self::recorded_at(self, index).map_err(read_error)?.ok_or_else(missing)
    }
}

/// An entry as the folds take it.
fn recorded(read: EntryRead) -> Result<Recorded, ReadError> {
    let EntryRead { checked, open_erased_by, parts_erased_by } = read;
    let index = checked.leaf.index;
    let damaged = |reason: &str| ReadError::Damaged { index, reason: reason.to_owned() };
    let manifest = checked.manifest.as_ref().ok_or_else(|| damaged("it is no event"))?;
    let event_type = EventType::parse(&manifest.event_type, manifest.version)
        .ok_or_else(|| damaged("its event is unknown to this program"))?;
    let stream = checked.leaf.event().ok_or_else(|| damaged("it is no event"))?.stream.key;
    let payload = match (&checked.entry.open, open_erased_by) {
        (Some(open), _) => {
            let event = Event::decode(event_type, &open.payload);
            Payload::Open(Box::new(event.map_err(|_| damaged("its open payload is none"))?))
        }
        (None, Some(by)) => Payload::Erased { by },
        (None, None) => return Err(damaged("its open payload is absent, and no erasure names it")),
    };
    let parts = (0..).zip(&manifest.parts).zip(parts_erased_by);
    Ok(Recorded {
        index,
        recorded_at_ms: checked.leaf.recorded_at_ms,
        event_type,
        stream,
        payload,
        parts: parts
            .map(|((number, part), erased_by)| Part {
                position: index,
                number,
                class: part.class,
                sealed_by_client: part.sealed_by == SealedBy::Client,
                erased_by,
            })
            .collect(),
    })
}

/// The bits of a name's id.
fn id_of(name: &Name) -> u128 {
    Id::parse(name.id()).map_or(0, |id| id.0)
}

fn named(kind: &str, id: u128) -> Result<Name, ReadError> {
    let unreadable = || ReadError::Unavailable { reason: "the index names no stream".to_owned() };
    Name::of(kind, &Id(id).to_string()).map_err(|_| unreadable())
}

fn present(reader: &Reader, index: u64) -> Result<EntryRead, ReadError> {
    let missing = || ReadError::Damaged { index, reason: "it is missing".to_owned() };
    reader.entry(index).map_err(read_error)?.ok_or_else(missing)
}

fn read_error(error: IndexError) -> ReadError {
    match error {
        IndexError::Entry { index, fault } => ReadError::Damaged { index, reason: fault.to_string() },
        IndexError::Store(StoreError::Damaged { at: Some(index), what, .. }) => {
            ReadError::Damaged { index, reason: what }
        }
        IndexError::Store(StoreError::MissingVolume { volume, what }) => {
            ReadError::Damaged { index: volume, reason: format!("its volume is missing: {what}") }
        }
        IndexError::Store(StoreError::Unreadable { at: Some(index), what, .. }) => {
            ReadError::Unreadable { index, reason: what }
        }
        other => ReadError::Unavailable { reason: other.to_string() },
    }
}
