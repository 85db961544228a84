//! Opening sealed parts into an answer. What was erased stays a reference and says by which entry; so does, without
//! one, what a client sealed under a key of its own. So does what is of a class that the
//! caller may not see; who petitions (class P5) is opened for nobody.

use crate::events::Event;
use crate::events::RecordCorrected;
use crate::proto::v1::Appeal;
use crate::proto::v1::Case;
use crate::proto::v1::Decision;
use crate::proto::v1::Declaration;
use crate::proto::v1::Dispute;
use crate::proto::v1::PersonalPart;
use crate::proto::v1::Petition;
use crate::proto::v1::Record;
use crate::proto::v1::Verification;
use crate::proto::v1::Void;
use crate::proto::v1::personal_part::Content;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::read::ANSWER_BYTES_MAX;
use crate::server::record_service::read::Reader;
use crate::views::Histories;
use crate::views::Opened;

impl<H: Histories> Reader<'_, H> {
    pub(super) fn open_identity(&mut self, record: &mut Record) -> Result<(), Refusal> {
        self.open(record.identity.as_mut())?;
        self.open_disputes(&mut record.disputes)
    }

    /// What subjects say against entries: wherever the entries are told, and no other narrative by that.
    pub(super) fn open_disputes(&mut self, disputes: &mut [Dispute]) -> Result<(), Refusal> {
        if !self.opens_statements() {
            return Ok(());
        }
        disputes.iter_mut().try_for_each(|dispute| self.open_part(dispute.statement.as_mut()))
    }

    pub(super) fn open_case(&mut self, case: &mut Case) -> Result<(), Refusal> {
        for allegation in &mut case.allegations {
            self.open(allegation.text.as_mut())?;
            self.open(allegation.finding_reasons.as_mut())?;
        }
        for respondent in &mut case.respondents {
            for statement in &mut respondent.statements {
                self.open(statement.text.as_mut())?;
            }
            for hearing in &mut respondent.hearings {
                self.open(hearing.minutes.as_mut())?;
            }
        }
        self.open_voids(&mut case.voids)?;
        self.open_disputes(&mut case.disputes)?;
        case.decisions.iter_mut().try_for_each(|decision| self.open_decision(decision))
    }

    pub(super) fn open_decision(&mut self, decision: &mut Decision) -> Result<(), Refusal> {
        self.open(decision.reasons.as_mut())?;
        for proposal in &mut decision.proposals {
            self.open(proposal.reasons.as_mut())?;
        }
        self.open_voids(&mut decision.voids)?;
        self.open_disputes(&mut decision.disputes)?;
        decision.appeals.iter_mut().try_for_each(|appeal| self.open_appeal(appeal))
    }

    pub(super) fn open_appeal(&mut self, appeal: &mut Appeal) -> Result<(), Refusal> {
        self.open(appeal.grounds.as_mut())?;
        self.open(appeal.reasons.as_mut())?;
        self.open_voids(&mut appeal.voids)?;
        self.open_disputes(&mut appeal.disputes)
    }

    pub(super) fn open_petition(&mut self, petition: &mut Petition) -> Result<(), Refusal> {
        self.open(petition.summary.as_mut())?;
        self.open(petition.reasons.as_mut())?;
        self.open_voids(&mut petition.voids)?;
        self.open_disputes(&mut petition.disputes)
    }

    pub(super) fn open_verification(&mut self, verification: &mut Verification) -> Result<(), Refusal> {
        self.open(verification.reasons.as_mut())?;
        for explanation in &mut verification.explanations {
            self.open(explanation.text.as_mut())?;
        }
        self.open(verification.conclusion.as_mut())?;
        self.open_voids(&mut verification.voids)?;
        self.open_disputes(&mut verification.disputes)
    }

    pub(super) fn open_declaration(&mut self, declaration: &mut Declaration) -> Result<(), Refusal> {
        self.open_disputes(&mut declaration.disputes)?;
        declaration.versions.iter_mut().try_for_each(|version| self.open(version.content.as_mut()))
    }

    fn open_voids(&mut self, voids: &mut [Void]) -> Result<(), Refusal> {
        voids.iter_mut().try_for_each(|void| self.open(void.reasons.as_mut()))
    }

    fn open(&mut self, part: Option<&mut PersonalPart>) -> Result<(), Refusal> {
        match part {
            Some(part) if self.opens(part.personal_class) => self.open_part(Some(part)),
            Some(_) | None => Ok(()),
        }
    }

    fn open_part(&mut self, part: Option<&mut PersonalPart>) -> Result<(), Refusal> {
        // Once is enough: it may have been opened for another reason.
        let Some(part) = part.filter(|part| part.erased_by.is_none() && part.content.is_none()) else {
            return Ok(());
        };
        match self.histories.open_part(part.position, part.part)? {
            Opened::Content(bytes) => {
                self.bytes_left = self.bytes_left.checked_sub(bytes.len()).ok_or_else(|| Refusal::AnswerTooLarge {
                    found: ANSWER_BYTES_MAX.saturating_sub(self.bytes_left) + bytes.len(),
                    max: ANSWER_BYTES_MAX,
                })?;
                // Whichever entry holds it: the one that was corrected, or its correction.
                let event_type = self.histories.recorded(part.position)?.event_type;
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
    let narrative = match event {
        Event::PersonRegistered(event) => return event.identity.map(Content::Identity),
        Event::DeclarationSubmitted(event) => return event.content.map(Content::Declaration),
        Event::DeclarationAmended(event) => return event.content.map(Content::Declaration),
        Event::RecordCorrected(RecordCorrected { identity, content, narrative, .. }) => {
            let narrative = narrative.map(Content::Narrative);
            return identity.map(Content::Identity).or_else(|| content.map(Content::Declaration)).or(narrative);
        }
        Event::AllegationRecorded(event) => event.text,
        Event::AllegationFound(event) => event.reasons,
        Event::StatementReceived(event) => event.statement,
        Event::HearingHeld(event) => event.minutes,
        Event::SanctionProposed(event) => event.reasons,
        Event::DecisionIssued(event) => event.reasons,
        Event::AppealLodged(event) => event.grounds,
        Event::AppealDecided(event) => event.reasons,
        Event::PetitionReceived(event) => event.summary,
        Event::PetitionResolved(event) => event.reasons,
        Event::VerificationOrdered(event) => event.reasons,
        Event::ExplanationReceived(event) => event.explanation,
        Event::VerificationConcluded(event) => event.conclusion,
        Event::RecordVoided(event) => event.reasons,
        Event::StatementAttached(event) => event.statement,
        _ => None,
    };
    narrative.map(Content::Narrative)
}
