//! From a name to the entries that tell of it.

use crate::events::Event;
use crate::log::Name;
use crate::server::record_service::errors::Refusal;
use crate::views::Histories;
use crate::views::History;
use crate::views::ReadError;
use crate::views::Recorded;
use crate::views::View;

/// The largest answer in bytes.
pub(super) const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The most entries that one answer is folded from.
const ENTRIES_MAX: usize = 50_000;
const PLACES_AT_ONCE: usize = 1000;

/// Reads for one answer, up to its position.
pub(super) struct Reader<'a, H> {
    pub(super) histories: &'a H,
    view: View,
    entries_left: usize,
    /// How much more may be opened.
    pub(super) bytes_left: usize,
}

impl<'a, H: Histories> Reader<'a, H> {
    pub(super) const fn new(histories: &'a H, view: View) -> Self {
        Self { histories, view, entries_left: ENTRIES_MAX, bytes_left: ANSWER_BYTES_MAX }
    }

    pub(super) const fn view(&self) -> View {
        self.view
    }

    pub(super) const fn not_found(&self) -> Refusal {
        Refusal::RecordNotFound { position: self.view.known_at }
    }

    pub(super) fn find(&self, scheme: &str, value: &str) -> Result<Option<Name>, ReadError> {
        self.histories.find(scheme, value, self.view.known_at)
    }

    pub(super) fn stream(&mut self, name: &Name) -> Result<Vec<Recorded>, Refusal> {
        self.whole(History::Stream(name))
    }

    pub(super) fn subject(&mut self, name: &Name) -> Result<Vec<Recorded>, Refusal> {
        self.whole(History::Subject(name))
    }

    /// The entries of several streams, in the order of recording.
    pub(super) fn streams(&mut self, names: &[Name]) -> Result<Vec<Recorded>, Refusal> {
        let mut entries = Vec::new();
        for name in names {
            entries.extend(self.stream(name)?);
        }
        entries.sort_by_key(|entry| entry.index);
        Ok(entries)
    }

    /// The entries of a case or decision, of its decisions and of their appeals, in the order of recording.
    pub(super) fn with_related(&mut self, name: &Name) -> Result<Vec<Recorded>, Refusal> {
        let related = self.related(name)?;
        self.streams(&[&[name.clone()][..], &related[..]].concat())
    }

    /// The decisions of a case with their appeals, or the appeals of a decision; nothing of anything else. A link
    /// whose payload was erased is gone: it is left out, whether the index still has it or not.
    pub(super) fn related(&mut self, name: &Name) -> Result<Vec<Name>, Refusal> {
        if !matches!(name.kind(), "case" | "decision") {
            return Ok(Vec::new());
        }
        let linked = self.whole(History::Linked(name))?;
        let mut names = Vec::new();
        for entry in &linked {
            let links = match entry.event() {
                Some(Event::DecisionIssued(event)) => name.kind() == "case" && event.case_id == name.id(),
                Some(Event::AppealLodged(event)) => name.kind() == "decision" && event.decision_id == name.id(),
                Some(_) | None => false,
            };
            let found = entry.stream_name().and_then(|found| Name::parse(&found).ok());
            if let Some(found) = found.filter(|found| links && !names.contains(found)) {
                let below = self.related(&found)?;
                names.push(found);
                names.extend(below);
            }
        }
        Ok(names)
    }

    /// One page of the timeline of a name and of what is related to it, and whether there is more.
    pub(super) fn page(
        &mut self,
        name: &Name,
        related: &[Name],
        after: Option<u64>,
        size: usize,
    ) -> Result<(Vec<Recorded>, bool), Refusal> {
        let own = if name.kind() == "entity" { History::Subject(name) } else { History::Stream(name) };
        let mut places = Vec::new();
        for history in std::iter::once(own).chain(related.iter().map(History::Stream)) {
            places.extend(self.histories.places(history, after, self.view.known_at, size + 1)?);
        }
        places.sort_unstable();
        places.dedup();
        let more = places.len() > size;
        places.truncate(size);
        Ok((self.entries(&places)?, more))
    }

    fn whole(&mut self, history: History<'_>) -> Result<Vec<Recorded>, Refusal> {
        let mut entries = Vec::new();
        let mut after = None;
        loop {
            let places = self.histories.places(history, after, self.view.known_at, PLACES_AT_ONCE)?;
            after = places.last().copied();
            entries.extend(self.entries(&places)?);
            if places.len() < PLACES_AT_ONCE {
                return Ok(entries);
            }
        }
    }

    fn entries(&mut self, places: &[u64]) -> Result<Vec<Recorded>, Refusal> {
        let too_many =
            Refusal::AnswerTooLarge { found: ENTRIES_MAX - self.entries_left + places.len(), max: ENTRIES_MAX };
        self.entries_left = self.entries_left.checked_sub(places.len()).ok_or(too_many)?;
        places.iter().map(|place| self.histories.recorded(*place).map_err(Refusal::from)).collect()
    }
}

/// Whether a scheme and a value of it can be somebody's number.
///
/// # Errors
///
/// The first of the two that cannot.
pub(super) fn check_native_id(scheme: &str, value: &str) -> Result<(), Refusal> {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let other = |byte: u8| first(byte) || matches!(byte, b'_' | b'.' | b'-');
    let bytes = scheme.as_bytes();
    if bytes.len() > 96 || !bytes.first().is_some_and(|byte| first(*byte)) || !bytes.iter().all(|byte| other(*byte)) {
        return Err(Refusal::FieldInvalid { field: "scheme", rule: "FORMAT", words: "[a-z0-9][a-z0-9_.-]{0,95}" });
    }
    let refused = |rule| Err(Refusal::FieldInvalid { field: "value", rule, words: "1 to 256 bytes" });
    match value.len() {
        0 => refused("REQUIRED"),
        1..=256 => Ok(()),
        _ => refused("TOO_LONG"),
    }
}
