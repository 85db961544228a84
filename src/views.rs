//! Folds that answer queries. They hold references to sealed parts, never their content.
//!
//! The persistent half of a view is an index of places: which entries stand in a stream, are about a subject, or
//! link to a case or decision. An answer is a pure fold over the few entries of one history, cut at the position up
//! to which the asker wants to know ([`View::known_at`]), for a day in the world ([`View::as_of`]). `as_of` decides
//! what is in force and nothing else; what was recorded is decided by `known_at` alone.
//!
//! An entry whose payload was erased is not skipped: its kind, place and stream are known, and each fold says what
//! it can no longer tell.

pub mod case;
pub mod decision;
pub mod declaration;
pub mod record;
pub mod standing;
pub mod timeline;

use bytes::Bytes;
use prost_types::Timestamp;
use thiserror::Error;

use crate::domain::dates::Day;
use crate::events::Event;
use crate::events::EventType;
use crate::log::Key;
use crate::log::Name;
use crate::proto::v1::PersonalPart;
use crate::proto::v1::Source;

/// An entry as a fold sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its place in the log.
    pub index: u64,
    /// When it was recorded, Unix time in milliseconds.
    pub recorded_at_ms: u64,
    /// What was recorded, from the manifest: known also of an erased entry.
    pub event_type: EventType,
    /// The key of its stream, from the leaf: known also of an erased entry.
    pub stream: Key,
    /// What it says.
    pub payload: Payload,
    /// Its sealed parts, in their order.
    pub parts: Vec<Part>,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// The event without its personal fields.
    Open(Box<Event>),
    /// Something was recorded here, and what it said is gone.
    Erased {
        /// The index of the entry that erased it.
        by: u64,
    },
}

/// A sealed part of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Class of its personal data, 2 to 5.
    pub class: u8,
    /// The index of the first entry that erased it.
    pub erased_by: Option<u64>,
}

/// The two times of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The day for which "in force" is meant.
    pub as_of: Day,
    /// The index of the last entry that counts.
    pub known_at: u64,
}

/// How far there is something to answer from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The index of the last entry that the views are folded from.
    pub applied: u64,
    /// The index of the last durable entry.
    pub head: u64,
}

/// A list of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History<'a> {
    /// The entries in the stream of this name.
    Stream(&'a Name),
    /// The entries about the holder of this name.
    Subject(&'a Name),
    /// The entries of other streams whose open payload links to this name: of a case, every `decision.issued` with
    /// its `case_id`; of a decision, every `appeal.lodged` with its `decision_id`. Entries whose payload was erased
    /// may be listed or not: who reads the list leaves them out.
    Linked(&'a Name),
}

/// A sealed part, after the attempt to open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The encoded event with only the sealed field set.
    Content(Bytes),
    /// It was erased by the entry at this index.
    Erased {
        /// The index of the entry that erased it.
        by: u64,
    },
    /// A client sealed it; the service does not hold the key.
    KeyNotHeld,
}

/// Where histories are read from: the views' index for the places, the log for the entries.
pub trait Histories: Send + Sync + 'static {
    /// How far the views and the log reach.
    fn coverage(&self) -> Coverage;

    /// The places of a history: after `after`, up to and including `upto`, ascending, at most `limit`.
    ///
    /// # Errors
    ///
    /// The index could not be read, or covers less than `upto`.
    fn places(&self, history: History<'_>, after: Option<u64>, upto: u64, limit: usize) -> Result<Vec<u64>, ReadError>;

    /// The entry at a place, checked against its leaf; what was erased is marked with the entry that erased it.
    ///
    /// # Errors
    ///
    /// There is none, or it is not what its leaf commits to.
    fn recorded(&self, index: u64) -> Result<Recorded, ReadError>;

    /// Opens a sealed part, by its number from 0.
    ///
    /// # Errors
    ///
    /// There is none, or it is not what the manifest commits to.
    fn open_part(&self, index: u64, part: u32) -> Result<Opened, ReadError>;

    /// Who is registered under the number of another system, as known up to and including `upto`.
    ///
    /// # Errors
    ///
    /// The index could not be read, or covers less than `upto`.
    fn find(&self, scheme: &str, value: &str, upto: u64) -> Result<Option<Name>, ReadError>;

    /// The last entry recorded at or before a time; `None` before the first.
    ///
    /// # Errors
    ///
    /// The log could not be read.
    fn position_at(&self, unix_ms: u64) -> Result<Option<u64>, ReadError>;

    /// When an entry was recorded, Unix time in milliseconds.
    ///
    /// # Errors
    ///
    /// There is none, or the log could not be read.
    fn recorded_at(&self, index: u64) -> Result<u64, ReadError>;
}

/// Why a history could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// What is stored is not what was recorded. Nothing of it is answered.
    #[error("entry {index} is damaged: {reason}")]
    Damaged {
        /// The entry.
        index: u64,
        /// What does not hold; nothing of the content.
        reason: String,
    },
    /// An entry cannot be had now: the system refused, and nothing is known against it. Later it may work.
    #[error("entry {index} cannot be read now: {reason}")]
    Unreadable {
        /// The entry.
        index: u64,
        /// Why.
        reason: String,
    },
    /// The store did not answer, or the views are being rebuilt. Later it may work.
    #[error("cannot be read now: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// What an event is about: the kind of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person or body.
    Entity,
    /// A case.
    Case,
    /// A decision.
    Decision,
    /// An appeal.
    Appeal,
    /// A declaration.
    Declaration,
    /// A petition.
    Petition,
    /// A duty to declare.
    Obligation,
    /// A verification.
    Verification,
    /// An imported row.
    Import,
    /// A correction or void.
    Amendment,
    /// An erasure, in the stream of what it erased.
    Erasure,
}

impl Kind {
    /// The kind of an event.
    pub const fn of(event_type: EventType) -> Self {
        match event_type {
            EventType::PersonRegistered
            | EventType::OrganisationRegistered
            | EventType::PositionAssigned
            | EventType::PositionEnded => Self::Entity,
            EventType::CaseOpened
            | EventType::AllegationRecorded
            | EventType::RespondentNotified
            | EventType::StatementReceived
            | EventType::HearingHeld
            | EventType::AllegationFound
            | EventType::CaseClosed
            | EventType::CaseReopened => Self::Case,
            EventType::SanctionProposed
            | EventType::VoteRecorded
            | EventType::DecisionIssued
            | EventType::DecisionAnnounced
            | EventType::DecisionServed
            | EventType::DecisionModified
            | EventType::DecisionAnnulled
            | EventType::DecisionExpired => Self::Decision,
            EventType::AppealLodged | EventType::AppealDecided => Self::Appeal,
            EventType::DeclarationSubmitted
            | EventType::DeclarationAmended
            | EventType::DeclarationAccepted
            | EventType::DeclarationPublished
            | EventType::PublicationEnded => Self::Declaration,
            EventType::PetitionReceived | EventType::PetitionResolved => Self::Petition,
            EventType::ObligationCreated => Self::Obligation,
            EventType::VerificationOrdered | EventType::ExplanationReceived | EventType::VerificationConcluded => {
                Self::Verification
            }
            EventType::RecordCorrected | EventType::RecordVoided => Self::Amendment,
            EventType::LegacyRecordImported => Self::Import,
            EventType::EntryErased => Self::Erasure,
        }
    }
}

impl Recorded {
    /// The event, where it was not erased.
    pub const fn event(&self) -> Option<&Event> {
        match &self.payload {
            Payload::Open(event) => Some(event),
            Payload::Erased { .. } => None,
        }
    }

    /// The entry that erased the payload.
    pub const fn erased_by(&self) -> Option<u64> {
        match self.payload {
            Payload::Open(_) => None,
            Payload::Erased { by } => Some(by),
        }
    }

    /// The name of its stream, as its payload says it; `None` of an erased entry and of an erasure.
    pub fn stream_name(&self) -> Option<String> {
        let (kind, id) = self.event()?.stream()?;
        Some(name_of(kind, id))
    }

    /// Where a fact comes from.
    pub fn source(&self) -> Source {
        Source {
            position: self.index,
            recorded_at: Some(timestamp(self.recorded_at_ms)),
            event_type: self.event_type.name().to_owned(),
            erased_by: self.erased_by(),
        }
    }

    /// A reference to its personal field group. Every event has at most one, so it is part 0.
    pub fn personal_part(&self) -> Option<PersonalPart> {
        let part = self.parts.first()?;
        Some(PersonalPart {
            position: self.index,
            part: 0,
            personal_class: part.class.into(),
            erased_by: part.erased_by,
            content: None,
        })
    }
}

/// A moment as answers write it.
pub fn timestamp(unix_ms: u64) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(unix_ms / 1000).expect("milliseconds since 1970 fit"),
        nanos: i32::try_from(unix_ms % 1000 * 1_000_000).expect("below a thousand million"),
    }
}

/// The name of an id, or nothing of no id.
fn name_of(kind: &str, id: &str) -> String {
    if id.is_empty() { String::new() } else { format!("{kind}/{id}") }
}

/// Whether anything is known in the stream of this name.
fn is_known(name: &Name, entries: &[Recorded], view: View) -> bool {
    let stream = Key::of_stream(name);
    known(entries, view).any(|entry| entry.stream == stream)
}

/// The entries that count.
fn known(entries: &[Recorded], view: View) -> impl Iterator<Item = &Recorded> {
    entries.iter().filter(move |entry| entry.index <= view.known_at)
}

/// The entries of one kind that count, stream by stream, in the order of the streams' first entries.
fn streams(entries: &[Recorded], kind: Kind, view: View) -> Vec<Vec<&Recorded>> {
    let mut groups: Vec<Vec<&Recorded>> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for entry in known(entries, view).filter(|entry| Kind::of(entry.event_type) == kind) {
        let place = *places.entry(entry.stream).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(entry);
    }
    groups
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
