//! Opening sealed parts into an answer. What was erased stays a reference and says by which entry; so does, without
//! one, what a client sealed under a key of its own.

use crate::events::Event;
use crate::events::EventType;
use crate::proto::v1::Case;
use crate::proto::v1::Decision;
use crate::proto::v1::Declaration;
use crate::proto::v1::PersonalPart;
use crate::proto::v1::Record;
use crate::proto::v1::personal_part::Content;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::read::ANSWER_BYTES_MAX;
use crate::server::record_service::read::Reader;
use crate::views::Histories;
use crate::views::Opened;

impl<H: Histories> Reader<'_, H> {
    pub(super) fn open_identity(&mut self, record: &mut Record) -> Result<(), Refusal> {
        self.open(record.identity.as_mut(), EventType::PersonRegistered)
    }

    pub(super) fn open_case(&mut self, case: &mut Case) -> Result<(), Refusal> {
        for allegation in &mut case.allegations {
            self.open(allegation.text.as_mut(), EventType::AllegationRecorded)?;
        }
        case.decisions.iter_mut().try_for_each(|decision| self.open_decision(decision))
    }

    pub(super) fn open_decision(&mut self, decision: &mut Decision) -> Result<(), Refusal> {
        self.open(decision.reasons.as_mut(), EventType::DecisionIssued)?;
        for appeal in &mut decision.appeals {
            self.open(appeal.grounds.as_mut(), EventType::AppealLodged)?;
        }
        Ok(())
    }

    pub(super) fn open_declaration(&mut self, declaration: &mut Declaration) -> Result<(), Refusal> {
        for version in &mut declaration.versions {
            let amended =
                version.source.as_ref().is_some_and(|source| source.event_type == EventType::DeclarationAmended.name());
            let event_type = if amended { EventType::DeclarationAmended } else { EventType::DeclarationSubmitted };
            self.open(version.content.as_mut(), event_type)?;
        }
        Ok(())
    }

    fn open(&mut self, part: Option<&mut PersonalPart>, event_type: EventType) -> Result<(), Refusal> {
        let Some(part) = part.filter(|part| part.erased_by.is_none()) else {
            return Ok(());
        };
        match self.histories.open_part(part.position, part.part)? {
            Opened::Content(bytes) => {
                self.bytes_left = self.bytes_left.checked_sub(bytes.len()).ok_or(Refusal::AnswerTooLarge {
                    found: ANSWER_BYTES_MAX - self.bytes_left + bytes.len(),
                    max: ANSWER_BYTES_MAX,
                })?;
                let event = Event::decode(event_type, &bytes);
                let event = event.map_err(|_| Refusal::EntryDamaged { position: part.position })?;
                part.content = content(event);
            }
            Opened::Erased { by } => part.erased_by = Some(by),
            Opened::KeyNotHeld => {}
        }
        Ok(())
    }
}

/// The personal field group of an event, of those that answers have a place for.
fn content(event: Event) -> Option<Content> {
    match event {
        Event::PersonRegistered(event) => event.identity.map(Content::Identity),
        Event::AllegationRecorded(event) => event.text.map(Content::Narrative),
        Event::DecisionIssued(event) => event.reasons.map(Content::Narrative),
        Event::AppealLodged(event) => event.grounds.map(Content::Narrative),
        Event::DeclarationSubmitted(event) => event.content.map(Content::Declaration),
        Event::DeclarationAmended(event) => event.content.map(Content::Declaration),
        _ => None,
    }
}
