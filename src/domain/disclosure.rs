//! Disclosures: to whom a record was shown, and who was told when it changed. That somebody is still to be told is
//! recorded nowhere: it follows from what is.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::Recorded;
use crate::domain::World;
use crate::domain::context;
use crate::domain::dates;
use crate::domain::dates::Day;
use crate::domain::entity;
use crate::domain::record;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::Event;
use crate::events::EventType;
use crate::events::FieldCorrection;
use crate::events::NoticeAcknowledged;
use crate::events::NoticeSent;
use crate::events::RecordDisclosed;
use crate::events::field_correction::Value;

const DISCLOSING: &[EventType] = &[EventType::RecordDisclosed];
const DISCLOSED: &[EventType] = &[EventType::NoticeSent, EventType::NoticeAcknowledged];

/// What was shown to a recipient, and what he was told since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    at: u64,
    recipient: Id,
    /// The last entry that what was shown takes into account.
    known_at: u64,
    /// Names of what was shown.
    targets: Vec<String>,
    /// Ascending.
    subjects: Vec<Id>,
    /// The first day on which it may have been shown.
    disclosed: Option<Day>,
    /// One for each change that the recipient was told of, in the order of recording.
    notices: Vec<Notice>,
}

/// What the recipient was told of one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Notice {
    /// The entry that changed what was shown.
    cause: u64,
    /// Index of the entry that says so.
    sent: Option<u64>,
    /// Index of the entry that says that he has it.
    acknowledged: Option<u64>,
}

impl State {
    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Disclosure(disclosure)) => disclosure,
            _ => Self::default(),
        }
    }

    fn notice(&self, cause: u64) -> Option<&Notice> {
        self.notices.iter().find(|notice| notice.cause == cause)
    }

    fn notice_mut(&mut self, cause: u64) -> &mut Notice {
        let place = self.notices.iter().position(|notice| notice.cause == cause).unwrap_or_else(|| {
            self.notices.push(Notice { cause, sent: None, acknowledged: None });
            self.notices.len() - 1
        });
        &mut self.notices[place]
    }

    /// Without what the entry at this index brought; none where it was shown by it.
    pub(super) fn voided(mut self, target: u64) -> Option<Self> {
        for notice in &mut self.notices {
            notice.sent = notice.sent.filter(|at| *at != target);
            notice.acknowledged = notice.acknowledged.filter(|at| *at != target);
        }
        (self.at != target).then_some(self)
    }

    /// With what the entry at this index should have said.
    pub(super) fn corrected(&mut self, target: u64, field: &FieldCorrection) {
        if self.at != target {
            return;
        }
        let element = || field.path.strip_prefix("targets[")?.strip_suffix(']')?.parse::<usize>().ok();
        match (field.path.as_str(), &field.value) {
            ("disclosed_on", _) => self.disclosed = shape::corrected_date(field).map(dates::earliest),
            ("known_at", Some(Value::Number(known_at))) => self.known_at = u64::try_from(*known_at).unwrap_or_default(),
            (_, Some(Value::Text(text))) => {
                if let Some(target) = element().and_then(|place| self.targets.get_mut(place)) {
                    target.clone_from(text);
                }
            }
            _ => {}
        }
    }
}

/// Kinds of streams that a record is told from. What changes in others changes nothing that was shown.
const SHOWN: &[&str] =
    &["entity", "case", "decision", "appeal", "declaration", "obligation", "petition", "verification"];

/// The name of the stream whose telling an event changes, of which past recipients are to be told: by a correction, a
/// void, a dispute, a modification, an annulment or an expiry.
pub fn changed(event: &Event) -> Option<String> {
    let name = match event {
        Event::RecordCorrected(event) => event.target.clone(),
        Event::RecordVoided(event) => event.target.clone(),
        Event::RecordDisputed(event) => event.target.clone(),
        Event::DecisionModified(event) => format!("decision/{}", event.decision_id),
        Event::DecisionAnnulled(event) => format!("decision/{}", event.decision_id),
        Event::DecisionExpired(event) => format!("decision/{}", event.decision_id),
        _ => return None,
    };
    name.split_once('/').is_some_and(|(kind, _)| SHOWN.contains(&kind)).then_some(name)
}

/// Whether an event changes what was shown: one of these matters, or one about one of these persons or bodies.
pub fn changes(event: &Event, targets: &[String]) -> bool {
    let Some(stream) = changed(event) else { return false };
    let about = || record::subjects(event).iter().any(|id| targets.contains(&format!("entity/{id}")));
    targets.contains(&stream) || about()
}

fn sorted(ids: &[String]) -> Vec<Id> {
    let mut ids: Vec<Id> = ids.iter().map(|id| Id::of(id)).collect();
    ids.sort_unstable();
    ids
}

/// What a notice says of the disclosure.
struct Of<'a> {
    disclosure_id: &'a str,
    recipient_id: &'a str,
    subject_ids: &'a [String],
}

impl Of<'_> {
    fn check(&self) -> Result<(), Rejection> {
        shape::each_once(Rule::SubjectRepeated, |place| format!("subject_ids[{place}]"), self.subject_ids)
    }

    fn known(&self, world: &dyn World, rule: impl FnOnce(&State) -> Result<(), Rejection>) -> Result<(), Rejection> {
        let found = world.state("disclosure", self.disclosure_id);
        let Some(domain::State::Disclosure(disclosure)) = found.as_deref() else {
            return Err(Rejection::by_state(Rule::StreamUnknown, "disclosure_id", DISCLOSING));
        };
        if disclosure.recipient != Id::of(self.recipient_id) {
            return Err(Rejection::new(Rule::NotTheRecipient, "recipient_id", Detail::Nothing));
        }
        if disclosure.subjects != sorted(self.subject_ids) {
            let count = Detail::Count { expected: disclosure.subjects.len(), found: self.subject_ids.len() };
            return Err(Rejection::new(Rule::SubjectsDiffer, "subject_ids", count));
        }
        rule(disclosure)
    }
}

fn position(number: u64) -> Detail {
    Detail::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

impl Fact for RecordDisclosed {
    fn check(&self) -> Result<(), Rejection> {
        shape::digest("extract_sha256", &self.extract_sha256)?;
        shape::date("disclosed_on", self.disclosed_on.as_ref())?;
        shape::each_once(Rule::TargetRepeated, |place| format!("targets[{place}]"), &self.targets)?;
        shape::each_once(Rule::SubjectRepeated, |place| format!("subject_ids[{place}]"), &self.subject_ids)?;
        let missing = |target: &String| {
            target.strip_prefix("entity/").is_some_and(|id| !self.subject_ids.iter().any(|subject| subject == id))
        };
        match self.targets.iter().position(missing) {
            Some(place) => Err(Rejection::new(Rule::NotASubject, format!("targets[{place}]"), Detail::Nothing)),
            None => Ok(()),
        }
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Disclosure(_)) = world.state("disclosure", &self.disclosure_id).as_deref() {
            return Err(Rejection::by_state(Rule::AlreadyDisclosed, "disclosure_id", DISCLOSED));
        }
        entity::registered("recipient_id", &self.recipient_id, world)?;
        entity::body("disclosed_by_id", &self.disclosed_by_id, world)?;
        for (place, target) in self.targets.iter().enumerate() {
            if target.split_once('/').and_then(|(kind, id)| world.state(kind, id)).is_none() {
                return Err(Rejection::new(Rule::StreamUnknown, format!("targets[{place}]"), Detail::Nothing));
            }
        }
        for (place, id) in self.subject_ids.iter().enumerate() {
            entity::registered(&format!("subject_ids[{place}]"), id, world)?;
        }
        if self.known_at >= world.next_index() {
            return Err(Rejection::new(Rule::ShownAhead, "known_at", position(self.known_at)));
        }
        context::happened("disclosed_on", self.disclosed_on.as_ref(), world)
    }

    fn evolve(&self, _: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Disclosure(State {
            at,
            recipient: Id::of(&self.recipient_id),
            known_at: self.known_at,
            targets: self.targets.clone(),
            subjects: sorted(&self.subject_ids),
            disclosed: self.disclosed_on.as_ref().map(dates::earliest),
            notices: Vec::new(),
        })
    }
}

impl Fact for NoticeSent {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("sent_on", self.sent_on.as_ref())?;
        shape::document("document", self.document.as_ref())?;
        self.of().check()
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        self.of().known(world, |disclosure| {
            if disclosure.notice(self.cause_position).is_some_and(|notice| notice.sent.is_some()) {
                return Err(Rejection::by_state(Rule::NoticeAlreadySent, "cause_position", DISCLOSED));
            }
            let changes = match world.recorded(self.cause_position) {
                Some(Recorded::Event(event)) => changes(&event, &disclosure.targets),
                Some(Recorded::Erased | Recorded::Void) | None => false,
            };
            if !changes || self.cause_position <= disclosure.known_at {
                return Err(Rejection::new(Rule::NotAChange, "cause_position", position(self.cause_position)));
            }
            let sent = ("sent_on", self.sent_on.as_ref());
            context::happened(sent.0, sent.1, world)?;
            context::not_before(Rule::BeforeTheDisclosure, sent, disclosure.disclosed)
        })
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        let mut disclosure = State::of(state);
        disclosure.notice_mut(self.cause_position).sent = Some(at);
        domain::State::Disclosure(disclosure)
    }
}

impl NoticeSent {
    fn of(&self) -> Of<'_> {
        Of { disclosure_id: &self.disclosure_id, recipient_id: &self.recipient_id, subject_ids: &self.subject_ids }
    }
}

impl Fact for NoticeAcknowledged {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("acknowledged_on", self.acknowledged_on.as_ref())?;
        self.of().check()
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        self.of().known(world, |disclosure| {
            let Some(notice) = disclosure.notice(self.cause_position).filter(|notice| notice.sent.is_some()) else {
                return Err(Rejection::by_state(Rule::NoticeNotSent, "cause_position", &DISCLOSED[..1]));
            };
            if notice.acknowledged.is_some() {
                return Err(Rejection::by_state(Rule::NoticeAlreadyAcknowledged, "cause_position", DISCLOSED));
            }
            let acknowledged = ("acknowledged_on", self.acknowledged_on.as_ref());
            context::happened(acknowledged.0, acknowledged.1, world)?;
            context::not_before(Rule::BeforeTheDisclosure, acknowledged, disclosure.disclosed)
        })
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        let mut disclosure = State::of(state);
        disclosure.notice_mut(self.cause_position).acknowledged = Some(at);
        domain::State::Disclosure(disclosure)
    }
}

impl NoticeAcknowledged {
    fn of(&self) -> Of<'_> {
        Of { disclosure_id: &self.disclosure_id, recipient_id: &self.recipient_id, subject_ids: &self.subject_ids }
    }
}

#[cfg(test)]
mod tests;
