//! Folds that answer queries. They hold references to sealed parts, never their content.
//!
//! The persistent half of a view is an index of places: which entries stand in a stream, are about a subject, or
//! link to a case or decision. An answer is a pure fold over the few entries of one history, cut at the position up
//! to which the asker wants to know ([`View::known_at`]), for a day in the world ([`View::as_of`]). `as_of` decides
//! what is in force and nothing else; what was recorded is decided by `known_at` alone.
//!
//! A correction replaces what an entry says, and what is void counts for nothing: both in one place, [`amend`], from
//! which every fold takes its entries.
//!
//! An entry whose payload was erased is not skipped: its kind, place and stream are known, and each fold says what
//! it can no longer tell.

pub mod amend;
pub mod appeal;
pub mod case;
pub mod changes;
pub mod checklist;
pub mod clearance;
pub mod decision;
pub mod declaration;
pub mod difference;
pub mod disclosure;
pub mod dispute;
pub mod links;
pub mod obligation;
pub mod petition;
pub mod policy;
pub mod record;
pub mod rights;
pub mod standing;
pub mod timeline;
pub mod verification;
pub mod work;

use bytes::Bytes;
use prost_types::Timestamp;
use thiserror::Error;

use crate::domain::dates;
use crate::domain::dates::Day;
use crate::events::Event;
use crate::events::EventType;
use crate::events::PartialDate;
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
    /// The entry that holds it: this one, or the correction that brought it.
    pub position: u64,
    /// Its number in that entry, from 0.
    pub number: u32,
    /// Class of its personal data, 2 to 5.
    pub class: u8,
    /// Whether a client sealed it, under a key that the service does not have.
    pub sealed_by_client: bool,
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
    /// The entries of other streams whose open payload links to this name, as [`links::points_to`] says. Entries whose
    /// payload was erased may be listed or not: who reads the list leaves them out.
    Linked(&'a Name),
    /// The entries in the stream of this key.
    Key(&'a Key),
}

/// What a body has to do by a day, or had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The last day.
    pub day: Day,
    /// With the day, its place in the list.
    pub token: [u8; 16],
    /// The matter.
    pub name: Name,
    /// Whether it is still to be done, as of [`Coverage::applied`].
    pub open: bool,
}

/// Where a list of what a body has to do begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueFrom {
    /// With this day.
    Day(Day),
    /// Behind this place: a day and [`Due::token`].
    Behind(Day, [u8; 16]),
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

    /// The streams of a kind, all or those that a body keeps, whose first entry stands at `from` or after it and at
    /// `upto` or before it: index of that entry and name, ascending, at most `limit`.
    ///
    /// # Errors
    ///
    /// The index could not be read.
    fn register(
        &self,
        kind: &str,
        body: Option<&Name>,
        from: u64,
        upto: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Name)>, ReadError>;

    /// What a body, or nobody that is named, has to do up to and including a day, or had, at any time: ascending by
    /// day and token. About `limit` of them; fewer only at the end.
    ///
    /// # Errors
    ///
    /// The index could not be read.
    fn duties(&self, body: Option<&Name>, from: DueFrom, upto: Day, limit: usize) -> Result<Vec<Due>, ReadError>;

    /// Entries one after the other, from one on and up to and including another, without entry 0; at most `limit`,
    /// and at least one where there is one.
    ///
    /// # Errors
    ///
    /// As [`Histories::recorded`].
    fn recorded_from(&self, from: u64, upto: u64, limit: usize) -> Result<Vec<Recorded>, ReadError>;

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

    /// Whether anybody was registered up to and including `upto` with an identity that a client sealed, so that his numbers
    /// are not known.
    ///
    /// # Errors
    ///
    /// As [`Histories::find`].
    fn has_sealed_identities(&self, upto: u64) -> Result<bool, ReadError>;

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
    /// A request that something be forgotten.
    Forgetting,
    /// A hold.
    Hold,
    /// A request of a person about his own record.
    Rights,
    /// That an entry is disputed.
    Dispute,
    /// That a record was shown to somebody.
    Disclosure,
    /// A read on record.
    Access,
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
            EventType::ErasureRequested
            | EventType::ErasureApproved
            | EventType::ErasureWithdrawn
            | EventType::ErasureCompleted => Self::Forgetting,
            EventType::HoldPlaced | EventType::HoldReleased => Self::Hold,
            EventType::RightsReceived
            | EventType::RightsAcknowledged
            | EventType::RightsExtended
            | EventType::RightsFulfilled
            | EventType::RightsRefused => Self::Rights,
            EventType::RecordDisputed | EventType::StatementAttached | EventType::DisputeResolved => Self::Dispute,
            EventType::RecordDisclosed | EventType::NoticeSent | EventType::NoticeAcknowledged => Self::Disclosure,
            EventType::AccessRecorded | EventType::EmergencyReviewed => Self::Access,
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

    /// A reference to the personal field group that answers show: each event has at most one. Who petitions (class P5)
    /// is never referred to.
    pub fn personal_part(&self) -> Option<PersonalPart> {
        let shown = shown_classes(self.event_type);
        self.parts.iter().find(|part| shown.contains(&part.class)).map(Part::reference)
    }
}

/// Classes of the part of an event that answers show. A correction brings every narrative in class P4, also one that was
/// recorded in class P3.
const fn shown_classes(event_type: EventType) -> &'static [u8] {
    match event_type {
        EventType::PersonRegistered | EventType::LegacyRecordImported => &[2],
        EventType::DeclarationSubmitted | EventType::DeclarationAmended => &[3],
        EventType::ExplanationReceived | EventType::VerificationConcluded => &[3, 4],
        _ => &[4],
    }
}

impl Part {
    /// Where it is.
    pub fn reference(&self) -> PersonalPart {
        PersonalPart {
            position: self.position,
            part: self.number,
            personal_class: self.class.into(),
            erased_by: self.erased_by,
            content: None,
            sealed_by_client: self.sealed_by_client,
        }
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

/// The entries that count.
fn known(entries: &[Recorded], view: View) -> impl Iterator<Item = &Recorded> {
    entries.iter().filter(move |entry| entry.index <= view.known_at)
}

/// Whether the last day of something is over for certain.
fn is_over(last: Option<&PartialDate>, day: Day) -> bool {
    last.is_some_and(|last| day > dates::latest(last))
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
