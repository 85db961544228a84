//! Synthetic histories for tests: a log in memory that the folds and the service read like the real one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::MutexGuard;

use bytes::Bytes;

use crate::domain::dates::Day;
use crate::events::Code;
use crate::events::Context;
use crate::events::EntryErased;
use crate::events::Event;
use crate::events::PartialDate;
use crate::events::shape;
use crate::log::Id;
use crate::log::Key;
use crate::log::Name;
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
use crate::views::View;
use crate::views::links;
use crate::views::work;

/// When entry 0 was recorded: 2026-01-01T00:00:00Z. Each entry comes an hour after the one before.
pub(crate) const GENESIS_MS: u64 = 1_767_225_600_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;

/// The id of this number.
pub(crate) fn id(number: u128) -> String {
    Id(number).to_string()
}

/// The name of this kind and number.
pub(crate) fn name(kind: &str, number: u128) -> Name {
    Name::of(kind, &id(number)).unwrap()
}

/// Reads `2026`, `2026-05` or `2026-05-03`.
pub(crate) fn date(text: &str) -> PartialDate {
    let mut parts = text.split('-').map(|part| part.parse().unwrap());
    let mut part = || parts.next().unwrap_or(0);
    PartialDate { year: part(), month: part(), day: part() }
}

#[expect(clippy::unnecessary_wraps, reason = "as the fields of messages want it")]
pub(crate) fn code(code: &str) -> Option<Code> {
    Some(Code { scheme: "test".to_owned(), code: code.to_owned() })
}

/// A context with the day of occurrence and of effect; empty: unknown.
#[expect(clippy::unnecessary_wraps, reason = "as the fields of messages want it")]
pub(crate) fn context(occurred_on: &str, effective_on: &str) -> Option<Context> {
    let known = |text: &str| Some(text).filter(|text| !text.is_empty()).map(date);
    Some(Context { occurred_on: known(occurred_on), effective_on: known(effective_on), ..Context::default() })
}

/// A log in memory, with the index of places that the views keep. Entry 0 is there and tells of nobody.
#[derive(Default)]
pub(crate) struct Story {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: Vec<Recorded>,
    subjects: Vec<Vec<Key>>,
    contents: BTreeMap<(u64, u32), Bytes>,
    native_ids: BTreeMap<(String, String), (u64, Name)>,
    applied: u64,
    damaged: Option<u64>,
}

impl Story {
    /// A log of these events, all folded.
    pub(crate) fn of(events: impl IntoIterator<Item = Event>) -> Self {
        let story = Self::default();
        for event in events {
            story.push(&event);
        }
        story
    }

    /// Records an event and folds it; its personal fields are sealed. The index.
    pub(crate) fn push(&self, event: &Event) -> u64 {
        let index = self.push_unfolded(event);
        self.state().applied = index;
        index
    }

    /// Records an event that the views do not know yet.
    pub(crate) fn push_unfolded(&self, event: &Event) -> u64 {
        let event_type = event.event_type();
        let bytes = event.encode();
        let groups = shape::personal_groups(event_type, &bytes).unwrap();
        let mut open = bytes.clone();
        for group in groups.iter().rev() {
            open.drain(group.range.clone());
        }
        let names = shape::read_open(event_type, &open).unwrap();
        let parse = |(kind, id): (&str, &str)| Name::of(kind, id).unwrap();
        let stream = Key::of_stream(&parse(names.stream.unwrap()));
        let subjects = names.subjects.iter().map(|subject| Key::of_subject(&parse(*subject))).collect();
        let payload = Payload::Open(Box::new(Event::decode(event_type, &open).unwrap()));
        let mut state = self.state();
        let index = u64::try_from(state.entries.len()).unwrap() + 1;
        for (part, group) in (0..).zip(&groups) {
            state.contents.insert((index, part), Bytes::copy_from_slice(&bytes[group.range.clone()]));
        }
        if let Event::PersonRegistered(event) = event {
            for native in event.identity.iter().flat_map(|identity| &identity.native_ids) {
                let found = (index, Name::of("entity", &event.entity_id).unwrap());
                state.native_ids.insert((native.scheme.clone(), native.value.clone()), found);
            }
        }
        let part = |(number, class)| Part { position: index, number, class, sealed_by_client: false, erased_by: None };
        let parts = (0..).zip(groups.iter().map(|group| group.class)).map(part).collect();
        let recorded_at_ms = GENESIS_MS + index * HOUR_MS;
        state.entries.push(Recorded { index, recorded_at_ms, event_type, stream, payload, parts });
        state.subjects.push(subjects);
        index
    }

    /// Erases an entry as a whole, parts and all. The index of the erasure.
    pub(crate) fn erase(&self, target: u64) -> u64 {
        let mut state = self.state();
        let by = u64::try_from(state.entries.len()).unwrap() + 1;
        let at = usize::try_from(target).unwrap() - 1;
        let event = EntryErased { ground: code("ground"), ..EntryErased::default() };
        let erasure = Recorded {
            index: by,
            recorded_at_ms: GENESIS_MS + by * HOUR_MS,
            event_type: crate::events::EventType::EntryErased,
            stream: state.entries[at].stream,
            payload: Payload::Open(Box::new(event.into())),
            parts: Vec::new(),
        };
        state.entries[at].payload = Payload::Erased { by };
        for part in &mut state.entries[at].parts {
            part.erased_by = Some(by);
        }
        let subjects = state.subjects[at].clone();
        state.entries.push(erasure);
        state.subjects.push(subjects);
        state.applied = by;
        by
    }

    /// The views catch up.
    pub(crate) fn fold(&self) -> u64 {
        let mut state = self.state();
        state.applied = u64::try_from(state.entries.len()).unwrap();
        state.applied
    }

    /// From now on this entry is found damaged.
    pub(crate) fn damage(&self, index: u64) {
        self.state().damaged = Some(index);
    }

    /// Every entry after the first.
    pub(crate) fn entries(&self) -> Vec<Recorded> {
        self.state().entries.clone()
    }

    /// The entries about somebody.
    pub(crate) fn about(&self, name: &Name) -> Vec<Recorded> {
        let places = self.places(History::Subject(name), None, u64::MAX, usize::MAX).unwrap();
        places.into_iter().map(|place| self.recorded(place).unwrap()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Histories for Story {
    fn coverage(&self) -> Coverage {
        let state = self.state();
        Coverage { applied: state.applied, head: u64::try_from(state.entries.len()).unwrap() }
    }

    fn places(&self, history: History<'_>, after: Option<u64>, upto: u64, limit: usize) -> Result<Vec<u64>, ReadError> {
        let state = self.state();
        let belongs = |entry: &Recorded, subjects: &[Key]| match history {
            History::Stream(name) => entry.stream == Key::of_stream(name),
            History::Subject(name) => subjects.contains(&Key::of_subject(name)),
            History::Linked(name) => entry.event().is_some_and(|event| links::points_to(event, name)),
            History::Key(key) => entry.stream == *key,
        };
        let both = state.entries.iter().zip(&state.subjects);
        let places = both.filter(|(entry, subjects)| belongs(entry, subjects)).map(|(entry, _)| entry.index);
        Ok(places.filter(|place| after.is_none_or(|after| *place > after) && *place <= upto).take(limit).collect())
    }

    fn register(
        &self,
        kind: &str,
        body: Option<&Name>,
        from: u64,
        upto: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Name)>, ReadError> {
        let state = self.state();
        let mut seen = BTreeSet::new();
        let first = state.entries.iter().filter(|entry| seen.insert(entry.stream));
        let kept = first.filter_map(|entry| {
            let event = entry.event()?;
            let name = Name::parse(&entry.stream_name()?).ok()?;
            let keeper = work::kept_by(event);
            let of_body = body.is_none_or(|body| keeper.as_deref() == Some(body.as_str()));
            (name.kind() == kind && of_body).then_some((entry.index, name))
        });
        Ok(kept.filter(|(index, _)| (from..=upto).contains(index)).take(limit).collect())
    }

    fn duties(&self, body: Option<&Name>, from: DueFrom, upto: Day, limit: usize) -> Result<Vec<Due>, ReadError> {
        let entries = self.entries();
        let mut all: Vec<Due> = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let now = View { as_of: upto, known_at: entry.index };
            let Some(name) = entry.stream_name().and_then(|name| Name::parse(&name).ok()) else { continue };
            let own: Vec<Recorded> = entries[..=at].iter().filter(|one| one.stream == entry.stream).cloned().collect();
            let Some(item) = work::item(&name, &own, now) else { continue };
            let Some(day) = work::last_day(item.due_on.as_ref()) else { continue };
            let token = *Key::of_stream(&name).as_bytes().first_chunk().unwrap();
            if item.body.as_str() == body.map_or("", Name::as_str)
                && !all.iter().any(|due| due.name == name && due.day == day)
            {
                all.push(Due { day, token, name, open: true });
            }
        }
        all.sort_by_key(|due| (due.day, due.token));
        let behind = |due: &Due| match from {
            DueFrom::Day(day) => due.day >= day,
            DueFrom::Behind(day, token) => (due.day, due.token) > (day, token),
        };
        Ok(all.into_iter().filter(|due| behind(due) && due.day <= upto).take(limit).collect())
    }

    fn recorded_from(&self, from: u64, upto: u64, limit: usize) -> Result<Vec<Recorded>, ReadError> {
        let entries = self.entries().into_iter().filter(|entry| (from..=upto).contains(&entry.index));
        entries.take(limit).map(|entry| self.recorded(entry.index)).collect()
    }

    fn recorded(&self, index: u64) -> Result<Recorded, ReadError> {
        let state = self.state();
        if state.damaged == Some(index) {
            return Err(ReadError::Damaged { index, reason: "as the test wants it".to_owned() });
        }
        let at = usize::try_from(index).unwrap().checked_sub(1);
        let entry = at.and_then(|at| state.entries.get(at)).cloned();
        entry.ok_or_else(|| ReadError::Unavailable { reason: "no such entry".to_owned() })
    }

    fn open_part(&self, index: u64, part: u32) -> Result<Opened, ReadError> {
        let recorded = self.recorded(index)?;
        if let Some(by) = recorded.parts[usize::try_from(part).unwrap()].erased_by {
            return Ok(Opened::Erased { by });
        }
        Ok(self.state().contents.get(&(index, part)).cloned().map_or(Opened::KeyNotHeld, Opened::Content))
    }

    fn find(&self, scheme: &str, value: &str, upto: u64) -> Result<Option<Name>, ReadError> {
        let state = self.state();
        let found = state.native_ids.get(&(scheme.to_owned(), value.to_owned()));
        Ok(found.filter(|(index, _)| *index <= upto).map(|(_, name)| name.clone()))
    }

    fn has_sealed_identities(&self, _upto: u64) -> Result<bool, ReadError> {
        Ok(false)
    }

    fn position_at(&self, unix_ms: u64) -> Result<Option<u64>, ReadError> {
        let head = self.coverage().head;
        Ok(unix_ms.checked_sub(GENESIS_MS).map(|since| (since / HOUR_MS).min(head)))
    }

    fn recorded_at(&self, index: u64) -> Result<u64, ReadError> {
        Ok(GENESIS_MS + index * HOUR_MS)
    }
}
