//! Which steps that are due before a decision are recorded, for each respondent of a case.
//!
//! A decision taken without a hearing is a fact, and is recorded; here it is said what is wrong with it. Nothing is
//! computed from rules: which form the statement must have, how many votes are needed and how long anything may take is
//! not known here. A step after the decision is one only where the dates leave no doubt.

use crate::domain::dates;
use crate::events::Attendance;
use crate::events::PartialDate;
use crate::events::StatementKind;
use crate::events::VoteResult;
use crate::proto::v1::Allegation;
use crate::proto::v1::Case;
use crate::proto::v1::Checklist;
use crate::proto::v1::ChecklistStep;
use crate::proto::v1::Decision;
use crate::proto::v1::DecisionPhase;
use crate::proto::v1::Respondent;
use crate::proto::v1::Source;
use crate::proto::v1::Step;
use crate::proto::v1::StepDefect;
use crate::proto::v1::StepState;

/// The steps for each respondent of a case, before each decision about him, or before the one to come.
pub fn checklists(case: &Case) -> Vec<Checklist> {
    let mut checklists = Vec::new();
    for respondent in &case.respondents {
        let about: Vec<&Decision> = case
            .decisions
            .iter()
            .filter(|decision| decision.respondent == respondent.name && decision.phase() != DecisionPhase::Void)
            .collect();
        if about.is_empty() {
            checklists.push(checklist(case, respondent, None));
        }
        checklists.extend(about.into_iter().map(|decision| checklist(case, respondent, Some(decision))));
    }
    checklists
}

fn checklist(case: &Case, respondent: &Respondent, decision: Option<&Decision>) -> Checklist {
    let track = Track { case, respondent, decision };
    Checklist {
        respondent: respondent.name.clone(),
        decision: decision.map(|decision| decision.name.clone()).unwrap_or_default(),
        steps: vec![
            track.notified(),
            track.statement(),
            track.hearing(),
            track.findings(),
            Found::default().into_step(ChecklistStep::Limitation, StepState::NotKept),
            track.vote(),
            track.reasons(),
        ],
    }
}

/// One respondent on the way to one decision.
struct Track<'a> {
    case: &'a Case,
    respondent: &'a Respondent,
    decision: Option<&'a Decision>,
}

/// What was found of a step.
#[derive(Default)]
struct Found {
    entries: Vec<Source>,
    defects: Vec<StepDefect>,
    allegation_numbers: Vec<u32>,
}

impl Found {
    fn into_step(self, step: ChecklistStep, state: StepState) -> Step {
        Step {
            step: step.into(),
            state: state.into(),
            defects: self.defects.into_iter().map(Into::into).collect(),
            entries: self.entries,
            allegation_numbers: self.allegation_numbers,
        }
    }
}

impl Track<'_> {
    /// The decision, where it was issued.
    fn issued(&self) -> Option<&Decision> {
        self.decision.filter(|decision| decision.source.is_some())
    }

    /// Whether a day is after that of the decision for certain.
    fn too_late(&self, day: Option<&PartialDate>) -> bool {
        let signed = self.issued().and_then(|decision| decision.signed_on.as_ref());
        matches!((signed, day), (Some(signed), Some(day)) if dates::certainly_before(signed, day))
    }

    fn step(&self, step: ChecklistStep, found: Found) -> Step {
        let state = match (found.defects.is_empty(), self.issued()) {
            (true, _) => StepState::Met,
            (false, None) => StepState::Missing,
            (false, Some(_)) => StepState::Defective,
        };
        found.into_step(step, state)
    }

    /// A step that one of several acts is enough for: each with its day, the entry, and what is wrong with it.
    fn one_of<'b>(
        &self,
        step: ChecklistStep,
        acts: impl Iterator<Item = (Option<&'b PartialDate>, Option<&'b Source>, Option<StepDefect>)>,
    ) -> Step {
        let mut met = Found::default();
        let mut wrong = Found::default();
        for (day, source, defect) in acts {
            let defect = if self.too_late(day) { Some(StepDefect::AfterTheDecision) } else { defect };
            let found = if defect.is_none() { &mut met } else { &mut wrong };
            found.entries.extend(source.cloned());
            if let Some(defect) = defect.filter(|defect| !found.defects.contains(defect)) {
                found.defects.push(defect);
            }
        }
        if met.entries.is_empty() {
            if wrong.entries.is_empty() {
                wrong.defects.push(StepDefect::NotRecorded);
                self.mark_erased(&mut wrong, event_of(step));
            }
            met = wrong;
        }
        self.step(step, met)
    }

    /// Where an entry that could have said so was erased, that is said, too.
    fn mark_erased(&self, found: &mut Found, event: &str) {
        let erased = self.case.erased.iter().filter(|erased| erased.event_type == event);
        let before = found.entries.len();
        found.entries.extend(erased.cloned());
        if found.entries.len() > before {
            found.defects.push(StepDefect::Erased);
        }
    }

    fn notified(&self) -> Step {
        let notices = self.respondent.notices.iter();
        let acts = notices.map(|notice| (notice.notified_on.as_ref(), notice.source.as_ref(), None));
        self.one_of(ChecklistStep::Notified, acts)
    }

    fn statement(&self) -> Step {
        let statements = self.respondent.statements.iter().filter(|one| one.kind() != StatementKind::Unspecified);
        let acts = statements.map(|one| (one.received_on.as_ref(), one.source.as_ref(), None));
        self.one_of(ChecklistStep::Statement, acts)
    }

    fn hearing(&self) -> Step {
        let acts = self.respondent.hearings.iter().map(|hearing| {
            let defect = match hearing.attendance() {
                Attendance::Present | Attendance::Represented | Attendance::WaivedInWriting => None,
                Attendance::AbsentExcused | Attendance::AbsentUnexcused | Attendance::Unspecified => {
                    hearing.notice_given_on.is_none().then_some(StepDefect::AbsentWithoutNotice)
                }
            };
            (hearing.held_on.as_ref(), hearing.source.as_ref(), defect)
        });
        self.one_of(ChecklistStep::Hearing, acts)
    }

    fn findings(&self) -> Step {
        let mut found = Found::default();
        let own = |allegation: &&Allegation| allegation.respondent == self.respondent.name;
        for allegation in self.case.allegations.iter().filter(own) {
            found.entries.extend(allegation.found.clone());
            let defect = match &allegation.found {
                None => StepDefect::AllegationWithoutFinding,
                Some(_) if self.too_late(allegation.found_on.as_ref()) => StepDefect::AfterTheDecision,
                Some(_) => continue,
            };
            found.allegation_numbers.push(allegation.allegation_number);
            if !found.defects.contains(&defect) {
                found.defects.push(defect);
            }
        }
        if found.entries.is_empty() && found.defects.is_empty() {
            found.defects.push(StepDefect::NotRecorded);
        }
        if !found.defects.is_empty() {
            self.mark_erased(&mut found, event_of(ChecklistStep::Findings));
        }
        self.step(ChecklistStep::Findings, found)
    }

    fn vote(&self) -> Step {
        let mut found = Found::default();
        let (proposals, votes) = self.decision.map_or((&[][..], &[][..]), |one| (&one.proposals, &one.votes));
        found.entries.extend(proposals.iter().filter_map(|proposal| proposal.source.clone()));
        found.entries.extend(votes.iter().filter_map(|vote| vote.source.clone()));
        let Some(last) = votes.last() else {
            found.defects.push(StepDefect::NotRecorded);
            return self.step(ChecklistStep::Vote, found);
        };
        let proposed = proposals.first().and_then(|proposal| proposal.proposed_on.as_ref());
        let early = |held: Option<&PartialDate>| matches!((held, proposed), (Some(held), Some(proposed)) if dates::certainly_before(held, proposed));
        if proposals.is_empty() {
            found.defects.push(StepDefect::VoteWithoutProposal);
        } else if votes.iter().all(|vote| early(vote.held_on.as_ref())) {
            found.defects.push(StepDefect::VoteBeforeProposal);
        }
        if self.too_late(last.held_on.as_ref()) {
            found.defects.push(StepDefect::AfterTheDecision);
        }
        found.defects.extend(match last.result() {
            VoteResult::Unspecified => Some(StepDefect::Erased),
            VoteResult::NotReached => Some(StepDefect::NoResult),
            VoteResult::NoSanction => self.imposes(None).then_some(StepDefect::OtherResult),
            VoteResult::Form => self.imposes(last.result_form.as_ref()).then_some(StepDefect::OtherResult),
        });
        self.step(ChecklistStep::Vote, found)
    }

    /// Whether the decision, as it was issued, imposes anything but this form.
    fn imposes(&self, form: Option<&crate::events::Code>) -> bool {
        let Some(decision) = self.issued() else { return false };
        let issued = |source: Option<&Source>| {
            source.map(|source| source.position) == decision.source.as_ref().map(|source| source.position)
        };
        let mut items = decision.sanctions.iter().filter(|sanction| issued(sanction.source.as_ref()));
        match form {
            None => items.next().is_some(),
            Some(form) => {
                !items.any(|sanction| sanction.item.as_ref().and_then(|item| item.form.as_ref()) == Some(form))
            }
        }
    }

    fn reasons(&self) -> Step {
        let mut found = Found::default();
        match self.issued() {
            Some(decision) if decision.source.as_ref().is_some_and(|source| source.erased_by.is_some()) => {
                found.entries.extend(decision.source.clone());
                found.defects.push(StepDefect::Erased);
            }
            Some(decision) if decision.reasons.is_some() || decision.has_document => {
                found.entries.extend(decision.source.clone());
            }
            Some(_) | None => found.defects.push(StepDefect::NotRecorded),
        }
        self.step(ChecklistStep::Reasons, found)
    }
}

/// The event that a step is recorded by.
const fn event_of(step: ChecklistStep) -> &'static str {
    use crate::events::EventType;
    match step {
        ChecklistStep::Notified => EventType::RespondentNotified.name(),
        ChecklistStep::Statement => EventType::StatementReceived.name(),
        ChecklistStep::Hearing => EventType::HearingHeld.name(),
        ChecklistStep::Findings => EventType::AllegationFound.name(),
        ChecklistStep::Unspecified | ChecklistStep::Limitation | ChecklistStep::Vote | ChecklistStep::Reasons => "",
    }
}
