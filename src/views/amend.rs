//! Corrections and voids, applied in one place: what counts of what was recorded.
//!
//! Three histories are three things. A *revision* (a decision modified, a declaration amended) is an event like any
//! other: what was before it was right, and stays. A *correction* says what an entry should have said: the entry counts
//! as corrected. A *void* says that an entry should never have been: it counts for nothing, and where it began its
//! stream, neither does the whole of that. Both hold from the entry that says so: cut before it, nobody knew.
//!
//! A correction or void whose own payload was erased cannot be applied: what it was about is not known any more.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::events::Event;
use crate::events::EventType;
use crate::events::RecordCorrected;
use crate::events::correction;
use crate::log::Key;
use crate::log::Name;
use crate::proto::v1::Correction;
use crate::proto::v1::Dispute;
use crate::proto::v1::Source;
use crate::proto::v1::Void;
use crate::views::Kind;
use crate::views::Part;
use crate::views::Payload;
use crate::views::Recorded;
use crate::views::View;
use crate::views::dispute;
use crate::views::known;

/// What counts of the entries that answer a question, and what is said of those that were wrong.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Entries that count, as they should have been, in the order of recording; corrections and voids are not among
    /// them.
    entries: Vec<Cow<'a, Recorded>>,
    voided: Vec<&'a Recorded>,
    amended: Vec<Amended>,
    /// By the stream that each is about.
    disputes: Vec<(Key, Dispute)>,
    view: View,
}

/// A correction or void, by the stream that it is about.
#[derive(Clone, Debug)]
enum Amended {
    Corrected(Key, Correction),
    Voided(Key, Void),
}

/// The entries that count, as they should have been, of entries that ascend and hold the corrections and voids about
/// them. What began a stream may be missing: then the whole of that is void.
pub fn counting(entries: &[Recorded], view: View) -> Vec<Recorded> {
    Facts::new(entries, view).entries.into_iter().map(Cow::into_owned).collect()
}

/// What a stream tells.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// Its key.
    pub stream: Key,
    /// Its name; empty where every entry of it was erased.
    pub name: String,
    /// The entries that count. None of a stream that is void.
    pub entries: Vec<&'a Recorded>,
    /// Entries that do not count.
    pub voided: Vec<&'a Recorded>,
    /// Whether what began it is void, and with that the whole of it.
    pub void: bool,
    /// In the order of recording.
    pub corrections: Vec<Correction>,
    /// In the order of recording.
    pub voids: Vec<Void>,
    /// In the order of recording.
    pub disputes: Vec<Dispute>,
}

impl<'a> Facts<'a> {
    /// What counts of these entries, which ascend and hold the corrections and voids that are about them.
    pub fn new(entries: &'a [Recorded], view: View) -> Self {
        let mut corrections: BTreeMap<u64, Vec<(&RecordCorrected, &Recorded)>> = BTreeMap::new();
        let mut voided = BTreeSet::new();
        for entry in known(entries, view) {
            match entry.event() {
                Some(Event::RecordCorrected(event)) if event.target_position < entry.index => {
                    corrections.entry(event.target_position).or_default().push((event, entry));
                }
                Some(Event::RecordVoided(event)) if event.target_position < entry.index => {
                    voided.insert(event.target_position);
                }
                _ => {}
            }
        }
        let disputes = dispute::disputes(entries, view);
        let mut facts = Facts { entries: Vec::new(), voided: Vec::new(), amended: Vec::new(), disputes, view };
        for entry in known(entries, view) {
            let kind = Kind::of(entry.event_type);
            if kind == Kind::Amendment {
                facts.amended.extend(amended(entry, entries));
            } else if kind == Kind::Dispute {
                // Told with the stream that it is about, and no fact of its own.
            } else if voided.contains(&entry.index) {
                facts.voided.push(entry);
            } else {
                facts.entries.push(match corrections.get(&entry.index) {
                    Some(corrections) => Cow::Owned(as_it_should_be(entry, corrections)),
                    None => Cow::Borrowed(entry),
                });
            }
        }
        facts
    }

    /// The times of the question.
    pub const fn view(&self) -> View {
        self.view
    }

    /// The streams of a kind, in the order of their first entries.
    pub fn of(&self, kind: Kind) -> Vec<Told<'_>> {
        let counting = self.entries.iter().map(|entry| (entry.as_ref(), true));
        let all = counting.chain(self.voided.iter().map(|entry| (*entry, false)));
        let mut streams: BTreeMap<Key, (u64, Told<'_>)> = BTreeMap::new();
        for (entry, counts) in all.filter(|(entry, _)| Kind::of(entry.event_type) == kind) {
            let (first, told) = streams.entry(entry.stream).or_insert_with(|| (entry.index, Told::new(entry.stream)));
            *first = entry.index.min(*first);
            if let Some(name) = entry.stream_name() {
                told.name = name;
            }
            if counts { told.entries.push(entry) } else { told.voided.push(entry) }
        }
        let mut streams: Vec<(u64, Told<'_>)> = streams.into_values().collect();
        streams.sort_by_key(|(first, _)| *first);
        streams.into_iter().map(|(_, told)| self.with_amendments(told)).collect()
    }

    /// One stream; none where nothing of this kind is known in it.
    pub fn stream(&self, name: &Name, kind: Kind) -> Option<Told<'_>> {
        let stream = Key::of_stream(name);
        let mut told = self.of(kind).into_iter().find(|told| told.stream == stream)?;
        name.as_str().clone_into(&mut told.name);
        Some(told)
    }

    /// Every correction, in the order of recording.
    pub fn corrections(&self) -> Vec<Correction> {
        let corrections = self.amended.iter().filter_map(|one| match one {
            Amended::Corrected(_, correction) => Some(correction.clone()),
            Amended::Voided(..) => None,
        });
        corrections.collect()
    }

    /// Every void, in the order of recording.
    pub fn voids(&self) -> Vec<Void> {
        let voids = self.amended.iter().filter_map(|one| match one {
            Amended::Voided(_, void) => Some(void.clone()),
            Amended::Corrected(..) => None,
        });
        voids.collect()
    }

    /// Every dispute, in the order of recording.
    pub fn disputes(&self) -> Vec<Dispute> {
        self.disputes.iter().map(|(_, dispute)| dispute.clone()).collect()
    }

    fn with_amendments<'b>(&self, mut told: Told<'b>) -> Told<'b> {
        for amended in &self.amended {
            match amended {
                Amended::Corrected(stream, correction) if *stream == told.stream => {
                    told.corrections.push(correction.clone());
                }
                Amended::Voided(stream, void) if *stream == told.stream => told.voids.push(void.clone()),
                Amended::Corrected(..) | Amended::Voided(..) => {}
            }
        }
        let about = self.disputes.iter().filter(|(stream, _)| *stream == told.stream);
        told.disputes.extend(about.map(|(_, dispute)| dispute.clone()));
        let all =
            told.entries.iter().map(|entry| (*entry, false)).chain(told.voided.iter().map(|entry| (*entry, true)));
        let first = all.filter(|(entry, _)| begins(entry.event_type)).min_by_key(|(entry, _)| entry.index);
        told.void = first.is_some_and(|(_, void)| void);
        if told.void {
            told.voided.append(&mut told.entries);
            told.voided.sort_by_key(|entry| entry.index);
        }
        told
    }
}

impl Told<'_> {
    const fn new(stream: Key) -> Self {
        Self {
            stream,
            name: String::new(),
            entries: Vec::new(),
            voided: Vec::new(),
            void: false,
            corrections: Vec::new(),
            voids: Vec::new(),
            disputes: Vec::new(),
        }
    }

    /// Whether a dispute about it is open.
    pub fn disputed(&self) -> bool {
        dispute::any_open(&self.disputes)
    }

    /// Where what it tells begins.
    pub fn first(&self) -> Option<Source> {
        self.entries.iter().chain(&self.voided).min_by_key(|entry| entry.index).map(|entry| entry.source())
    }
}

/// Whether a stream may begin with it: where the first such entry is void, so is the whole stream.
const fn begins(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::PersonRegistered
            | EventType::OrganisationRegistered
            | EventType::CaseOpened
            | EventType::SanctionProposed
            | EventType::DecisionIssued
            | EventType::AppealLodged
            | EventType::DeclarationSubmitted
            | EventType::PetitionReceived
            | EventType::ObligationCreated
            | EventType::VerificationOrdered
            | EventType::RightsReceived
            | EventType::RecordDisclosed
    )
}

/// Where an entry stands that another at `behind` speaks of.
pub(super) fn target_of(position: u64, behind: u64, entries: &[Recorded]) -> Source {
    match entries.binary_search_by_key(&position, |entry| entry.index) {
        Ok(place) if position < behind => entries[place].source(),
        Ok(_) | Err(_) => Source { position, ..Source::default() },
    }
}

fn amended(entry: &Recorded, entries: &[Recorded]) -> Option<Amended> {
    let target_of = |position| target_of(position, entry.index, entries);
    let key = |stream: &str| Name::parse(stream).ok().map(|name| Key::of_stream(&name));
    match entry.event()? {
        Event::RecordCorrected(event) => {
            let correction = Correction {
                source: Some(entry.source()),
                target: Some(target_of(event.target_position)),
                stream: event.target.clone(),
                reason: event.reason.clone(),
                paths: event.fields.iter().map(|field| field.path.clone()).collect(),
                personal_classes: entry.parts.iter().map(|part| part.class.into()).collect(),
            };
            Some(Amended::Corrected(key(&event.target)?, correction))
        }
        Event::RecordVoided(event) => {
            let void = Void {
                source: Some(entry.source()),
                target: Some(target_of(event.target_position)),
                stream: event.target.clone(),
                ground: event.ground,
                reasons: entry.personal_part(),
            };
            Some(Amended::Voided(key(&event.target)?, void))
        }
        _ => None,
    }
}

/// The entry as it should have been, after every correction in the order of recording.
fn as_it_should_be(entry: &Recorded, corrections: &[(&RecordCorrected, &Recorded)]) -> Recorded {
    let mut entry = entry.clone();
    for (correction, by) in corrections {
        if let Payload::Open(event) = &mut entry.payload {
            **event = replaced(event, correction);
        }
        for part in &by.parts {
            let class = if part.class == CLASS_NARRATIVE { narrative_class(entry.event_type) } else { part.class };
            replace(&mut entry.parts, class, part);
        }
    }
    entry
}

/// Each correction was checked against the event as it was recorded. Where an earlier one took away what a later one
/// speaks of, the rest of the later one still holds.
fn replaced(event: &Event, correction: &RecordCorrected) -> Event {
    if let Ok(whole) = correction::corrected(event, &correction.fields) {
        return whole;
    }
    correction
        .fields
        .iter()
        .fold(event.clone(), |event, field| correction::corrected(&event, std::slice::from_ref(field)).unwrap_or(event))
}

/// In which class a correction brings a narrative.
const CLASS_NARRATIVE: u8 = 4;

/// In which class an event has its narrative.
const fn narrative_class(event_type: EventType) -> u8 {
    match event_type {
        EventType::ExplanationReceived | EventType::VerificationConcluded => 3,
        _ => CLASS_NARRATIVE,
    }
}

/// Puts a part in the place of the one of a class, or of an earlier correction of that. What was erased after it was corrected stays erased: whoever
/// ordered that did not mean the wrong spelling alone.
fn replace(parts: &mut Vec<Part>, class: u8, by: &Part) {
    match parts.iter_mut().find(|part| part.class == class || part.class == by.class) {
        Some(part) if part.erased_by.is_some_and(|erased| erased > by.position) => {}
        Some(part) => *part = *by,
        None => parts.push(*by),
    }
}
