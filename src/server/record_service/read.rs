//! From a name to the entries that tell of it.

use prost::Message;

use crate::access::Caller;
use crate::access::Level;
use crate::events::Event;
use crate::events::EventType;
use crate::log::Key;
use crate::log::Name;
use crate::proto::v1::Record;
use crate::server::record_service::clearance;
use crate::server::record_service::errors::Refusal;
use crate::server::sight::Sight;
use crate::views::Histories;
use crate::views::History;
use crate::views::ReadError;
use crate::views::Recorded;
use crate::views::View;
use crate::views::links;

/// The largest answer in bytes.
pub(super) const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The most entries that one answer is folded from.
const ENTRIES_MAX: usize = 50_000;
/// The most candidates that one page of a list looks at.
pub(super) const CANDIDATES_MAX: usize = 5000;
/// How many candidates a list asks the index for.
const CANDIDATES_AT_ONCE: usize = 64;
const PLACES_AT_ONCE: usize = 1000;

/// Reads for one answer, up to its position.
pub(super) struct Reader<'a, H> {
    pub(super) histories: &'a H,
    view: View,
    sight: Sight,
    entries_left: usize,
    /// How much more may be opened.
    pub(super) bytes_left: usize,
}

impl<'a, H: Histories> Reader<'a, H> {
    pub(super) const fn new(histories: &'a H, view: View, sight: Sight) -> Self {
        Self { histories, view, sight, entries_left: ENTRIES_MAX, bytes_left: ANSWER_BYTES_MAX }
    }

    pub(super) const fn view(&self) -> View {
        self.view
    }

    pub(super) const fn caller(&self) -> &Caller {
        self.sight.caller()
    }

    /// Reads so that the rest of the answer may still look at as many entries as before.
    pub(super) fn apart<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let left = self.entries_left;
        let found = read(self);
        self.entries_left = left;
        found
    }

    /// Somebody to whom a record is shown: a public body, which is no secret, or whom the caller may ask about.
    pub(super) fn admit_recipient(&mut self, name: &Name) -> Result<(), Refusal> {
        let first = self.histories.places(History::Stream(name), None, self.view.known_at, 1)?;
        let first = first.first().map(|place| self.histories.recorded(*place)).transpose()?;
        if first.is_some_and(|entry| matches!(entry.event(), Some(Event::OrganisationRegistered(_)))) {
            self.caller().note(name.as_str());
            return Ok(());
        }
        self.admit_recorded(name)
    }

    /// The classes of sealed parts that are opened for the caller.
    pub(super) fn opens(&self, class: u32) -> bool {
        self.sight.caller().classes().has_number(class)
    }

    /// Whether what a subject says against a disputed entry is opened for the caller. He wrote it to be told with the entry,
    /// so whoever is shown the entry as a record of him reads it, whatever other narratives are closed to that level. To an
    /// auditor nothing is shown as anybody's record.
    pub(super) fn opens_statements(&self) -> bool {
        use Level::L2;
        use Level::L3;
        use Level::L4;
        use Level::L5;
        use Level::L6;
        self.sight.caller().level().is_none_or(|level| matches!(level, L2 | L3 | L4 | L5 | L6))
    }

    /// What is not the caller's is not there: nothing of it is read before this.
    pub(super) fn admit(&mut self, name: &Name) -> Result<(), Refusal> {
        if self.sight.admits(self.histories, name)? { Ok(()) } else { Err(self.not_found()) }
    }

    /// The same of a name under which something is recorded.
    pub(super) fn admit_recorded(&mut self, name: &Name) -> Result<(), Refusal> {
        self.admit(name)?;
        let entries = self.histories.places(History::Stream(name), None, self.view.known_at, 1)?;
        if entries.is_empty() { Err(self.not_found()) } else { Ok(()) }
    }

    /// Leaves of a record what counts for an appointment, where no more is for the caller, with what the person says against
    /// it.
    pub(super) fn clear(&mut self, record: &mut Record) -> Result<(), Refusal> {
        if self.sight.caller().level() != Some(Level::L2) {
            return Ok(());
        }
        clearance::clear(record);
        self.open_disputes(&mut record.disputes)?;
        record.decisions.iter_mut().try_for_each(|decision| self.open_disputes(&mut decision.disputes))
    }

    /// Entries one after the other, those that the caller sees, and the place up to which was looked.
    pub(super) fn recorded_from(&mut self, from: u64, limit: usize) -> Result<(Vec<Recorded>, u64), Refusal> {
        let upto = self.view.known_at;
        let mut entries = self.histories.recorded_from(from, upto, limit)?;
        let last = entries.last().map_or(upto, |entry| entry.index);
        self.sight.retain(self.histories, &mut entries)?;
        Ok((entries, last))
    }

    /// A body that is asked about is registered, and where only its own is for the caller, it is that.
    pub(super) fn knows(&self, body: Option<&Name>) -> Result<(), Refusal> {
        let Some(body) = body else { return Ok(()) };
        let caller = self.sight.caller();
        caller.note(body.as_str());
        if !caller.sees_everything() && caller.body() != Some(body) {
            return Err(self.not_found());
        }
        let entries = self.histories.places(History::Stream(body), None, self.view.known_at, 1)?;
        if entries.is_empty() { Err(self.not_found()) } else { Ok(()) }
    }

    pub(super) const fn not_found(&self) -> Refusal {
        Refusal::RecordNotFound { position: self.view.known_at }
    }

    /// Who has a number, where the caller may ask about him. Level L1 may of everybody, and that is all it may.
    pub(super) fn find(&mut self, scheme: &str, value: &str) -> Result<Option<Name>, ReadError> {
        let Some(name) = self.histories.find(scheme, value, self.view.known_at)? else { return Ok(None) };
        let admitted = self.sight.admits(self.histories, &name)? || self.sight.caller().level() == Some(Level::L1);
        Ok(admitted.then_some(name))
    }

    /// Whether there is anybody whose numbers are not known.
    pub(super) fn has_sealed_identities(&self) -> Result<bool, ReadError> {
        self.histories.has_sealed_identities(self.view.known_at)
    }

    pub(super) fn stream(&mut self, name: &Name) -> Result<Vec<Recorded>, Refusal> {
        self.whole(History::Stream(name))
    }

    pub(super) fn subject(&mut self, name: &Name) -> Result<Vec<Recorded>, Refusal> {
        self.whole(History::Subject(name))
    }

    /// The entries of a stream, and the corrections and voids of them, in the order of recording.
    pub(super) fn own(&mut self, name: &Name) -> Result<Vec<Recorded>, Refusal> {
        let mut entries = Vec::new();
        self.gather(name, &mut Vec::new(), &mut entries, |_| Follow::Nothing)?;
        Ok(in_order(entries))
    }

    /// The same of several streams.
    pub(super) fn each_own(&mut self, names: &[Name]) -> Result<Vec<Recorded>, Refusal> {
        let mut entries = Vec::new();
        for name in names {
            entries.extend(self.own(name)?);
        }
        Ok(in_order(entries))
    }

    /// What there is to tell of a matter: its own entries, those of what belongs to it (decisions of a case, appeals
    /// against a decision) and what points to it from another matter (the declaration that met an obligation), each
    /// with its corrections and voids; in the order of recording.
    pub(super) fn matter(&mut self, name: &Name) -> Result<Vec<Recorded>, Refusal> {
        let mut entries = Vec::new();
        self.gather(name, &mut Vec::new(), &mut entries, follow)?;
        Ok(in_order(entries))
    }

    /// The names of the streams that belong to a name: of a case its decisions and their appeals, of a decision its
    /// appeals.
    pub(super) fn related(&mut self, name: &Name) -> Result<Vec<Name>, Refusal> {
        let mut names = Vec::new();
        if matches!(name.kind(), "case" | "decision") {
            self.gather(name, &mut names, &mut Vec::new(), follow)?;
            names.retain(|found| found != name);
        }
        Ok(names)
    }

    /// Collects the entries of a stream and of what links to it; `names` are the streams that were read whole. A link
    /// whose payload was erased is gone: it is left out, whether the index still has it or not.
    fn gather(
        &mut self,
        name: &Name,
        names: &mut Vec<Name>,
        entries: &mut Vec<Recorded>,
        follow: fn(&Name) -> Follow,
    ) -> Result<(), Refusal> {
        if names.contains(name) {
            return Ok(());
        }
        names.push(name.clone());
        entries.extend(self.stream(name)?);
        for entry in self.whole(History::Linked(name))? {
            let Some(event) = entry.event().filter(|event| links::points_to(event, name)) else { continue };
            if links::is_amendment(event) {
                entries.push(entry);
                continue;
            }
            let linked = entry.stream_name().and_then(|found| Name::parse(&found).ok());
            if !links::is_of_the_matter(event) {
                continue;
            }
            match (follow(name), linked) {
                (Follow::Nothing, _) | (_, None) => {}
                (Follow::Whole, Some(linked)) => self.gather(&linked, names, entries, follow)?,
                (Follow::Entry, Some(linked)) => {
                    entries.push(entry);
                    entries.extend(self.amendments(&linked)?);
                }
            }
        }
        Ok(())
    }

    /// The corrections and voids of a stream.
    fn amendments(&mut self, name: &Name) -> Result<Vec<Recorded>, Refusal> {
        let mut linked = self.whole(History::Linked(name))?;
        linked.retain(|entry| is_amendment_of(entry, name));
        Ok(linked)
    }

    /// One page of the timeline of a name and of what is related to it: entries, the last place looked at, and whether
    /// there is more.
    pub(super) fn page(
        &mut self,
        name: &Name,
        related: &[Name],
        after: Option<u64>,
        size: usize,
    ) -> Result<(Vec<Recorded>, Option<u64>, bool), Refusal> {
        let upto = self.view.known_at;
        let mut places = Vec::new();
        if name.kind() == "entity" {
            places.extend(self.histories.places(History::Subject(name), after, upto, size + 1)?);
        } else {
            for one in std::iter::once(name).chain(related) {
                places.extend(self.histories.places(History::Stream(one), after, upto, size + 1)?);
                places.extend(self.histories.places(History::Linked(one), after, upto, size + 1)?);
            }
        }
        places.sort_unstable();
        places.dedup();
        let more = places.len() > size;
        places.truncate(size);
        let mut entries = self.entries(&places)?;
        if name.kind() != "entity" {
            let names: Vec<&Name> = std::iter::once(name).chain(related).collect();
            let keys: Vec<Key> = names.iter().map(|name| Key::of_stream(name)).collect();
            let belongs = |entry: &Recorded| {
                keys.contains(&entry.stream) || names.iter().any(|name| is_amendment_of(entry, name))
            };
            entries.retain(belongs);
        }
        Ok((entries, places.last().copied(), more))
    }

    /// Rows of a register behind a place: until a page is full, or enough was looked at. With the place to go on
    /// behind, where there may be more.
    pub(super) fn scan<R: Weigh>(
        &mut self,
        register: &Register,
        mut row: impl FnMut(&mut Self, &Name) -> Result<Option<R>, Refusal>,
    ) -> Result<(Vec<R>, Option<u64>), Refusal> {
        let (first, upto) = self.bounds(register)?;
        let mut next = register.after.map_or(first, |after| first.max(after + 1));
        let mut rows: Vec<R> = Vec::new();
        let (mut looked, mut weight) = (0, 0);
        while next <= upto {
            let limit = (register.size + 1 - rows.len()).max(CANDIDATES_AT_ONCE);
            let found = self.histories.register(register.kind, register.body.as_ref(), next, upto, limit)?;
            let all = found.len() < limit;
            for (place, name) in found {
                let full = rows.len() == register.size || weight > ANSWER_BYTES_MAX / 2;
                if full || looked == CANDIDATES_MAX || self.is_tired() {
                    return Ok((rows, Some(next - 1)));
                }
                if let Some(row) = row(self, &name)? {
                    weight += row.weight();
                    rows.push(row);
                }
                looked += 1;
                next = place + 1;
            }
            if all {
                break;
            }
        }
        Ok((rows, None))
    }

    /// Rows of the streams that begin in a history, behind a place: until a page is full, or enough was looked at. With
    /// the place to go on behind, where there may be more.
    pub(super) fn begun<R: Weigh>(
        &mut self,
        history: History<'_>,
        begins: EventType,
        (mut after, size): (Option<u64>, usize),
        row: impl Fn(&mut Self, &Name) -> Result<Option<R>, Refusal>,
    ) -> Result<(Vec<R>, Option<u64>), Refusal> {
        let mut rows: Vec<R> = Vec::new();
        let (mut looked, mut weight) = (0, 0);
        loop {
            let places = self.histories.places(history, after, self.view.known_at, CANDIDATES_AT_ONCE)?;
            let all = places.len() < CANDIDATES_AT_ONCE;
            for place in places {
                let full = rows.len() == size || weight > ANSWER_BYTES_MAX / 2;
                if full || looked == CANDIDATES_MAX || self.is_tired() {
                    return Ok((rows, after));
                }
                looked += 1;
                after = Some(place);
                let entry = self.entries(&[place])?.pop().filter(|entry| entry.event_type == begins);
                let name = entry.and_then(|entry| entry.stream_name()).and_then(|name| Name::parse(&name).ok());
                let Some(name) = name else { continue };
                if let Some(row) = row(self, &name)? {
                    weight += row.weight();
                    rows.push(row);
                }
            }
            if all {
                return Ok((rows, None));
            }
        }
    }

    /// Whether a list should end its page, so that the next row does not make it fail.
    pub(super) const fn is_tired(&self) -> bool {
        self.entries_left < ENTRIES_MAX / 2
    }

    /// The first and the last place of what a register is asked for.
    fn bounds(&self, register: &Register) -> Result<(u64, u64), Refusal> {
        let before = |time: u64| match time.checked_sub(1) {
            Some(time) => self.histories.position_at(time),
            None => Ok(None),
        };
        let first = match register.recorded_from {
            Some(from) => before(from)?.map_or(0, |last| last + 1),
            None => 0,
        };
        let last = match register.recorded_to {
            Some(to) => self.histories.position_at(to)?.unwrap_or(0),
            None => u64::MAX,
        };
        Ok((first, last.min(self.view.known_at)))
    }

    fn whole(&mut self, history: History<'_>) -> Result<Vec<Recorded>, Refusal> {
        self.whole_after(history, None)
    }

    /// The entries of a history behind a place.
    pub(super) fn whole_after(
        &mut self,
        history: History<'_>,
        mut after: Option<u64>,
    ) -> Result<Vec<Recorded>, Refusal> {
        let mut entries = Vec::new();
        loop {
            let places = self.histories.places(history, after, self.view.known_at, PLACES_AT_ONCE)?;
            after = places.last().copied();
            entries.extend(self.entries(&places)?);
            if places.len() < PLACES_AT_ONCE {
                return Ok(entries);
            }
        }
    }

    pub(super) fn entries(&mut self, places: &[u64]) -> Result<Vec<Recorded>, Refusal> {
        let too_many =
            Refusal::AnswerTooLarge { found: ENTRIES_MAX - self.entries_left + places.len(), max: ENTRIES_MAX };
        self.entries_left = self.entries_left.checked_sub(places.len()).ok_or(too_many)?;
        let entries = places.iter().map(|place| self.histories.recorded(*place).map_err(Refusal::from));
        let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
        self.sight.retain(self.histories, &mut entries)?;
        Ok(entries)
    }
}

/// How far a link is followed.
#[derive(Clone, Copy)]
enum Follow {
    /// Nothing but corrections and voids.
    Nothing,
    /// The entry that links, and what corrects or voids it.
    Entry,
    /// All of its stream, and what links to that.
    Whole,
}

fn follow(name: &Name) -> Follow {
    match name.kind() {
        "case" | "decision" => Follow::Whole,
        _ => Follow::Entry,
    }
}

fn is_amendment_of(entry: &Recorded, name: &Name) -> bool {
    entry.event().is_some_and(|event| links::is_amendment(event) && links::points_to(event, name))
}

fn in_order(mut entries: Vec<Recorded>) -> Vec<Recorded> {
    entries.sort_by_key(|entry| entry.index);
    entries.dedup_by_key(|entry| entry.index);
    entries
}

/// What is asked of a register.
pub(super) struct Register {
    pub kind: &'static str,
    /// `None`: of every body.
    pub body: Option<Name>,
    /// Unix time in milliseconds.
    pub recorded_from: Option<u64>,
    pub recorded_to: Option<u64>,
    pub size: usize,
    /// The last place of the page before.
    pub after: Option<u64>,
}

/// How many bytes a row takes in an answer.
pub(super) trait Weigh {
    fn weight(&self) -> usize;
}

impl<M: Message> Weigh for M {
    fn weight(&self) -> usize {
        self.encoded_len()
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
