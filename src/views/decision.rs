//! Decisions: what was proposed and voted, what was issued, how it was announced and served, changed, expired or
//! undone, and the appeals against it.

mod steps;

use crate::events::AppealOutcome;
use crate::events::Context;
use crate::events::DecisionIssued;
use crate::events::Event;
use crate::events::EventType;
use crate::events::PartialDate;
use crate::log::Name;
use crate::proto::v1::Appeal;
use crate::proto::v1::Decision;
use crate::proto::v1::DecisionPhase;
use crate::proto::v1::Expiry;
use crate::proto::v1::Sanction;
use crate::proto::v1::Source;
use crate::proto::v1::Standing;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend::Facts;
use crate::views::amend::Told;
use crate::views::appeal;
use crate::views::name_of;
use crate::views::standing::Form;
use crate::views::standing::Ruling;
use crate::views::standing::Undoing;

/// One decision, from the entries of its stream and of the streams of its appeals; `None` where nothing is known in
/// its stream.
pub fn decision(name: &Name, entries: &[Recorded], view: View) -> Option<Decision> {
    let facts = Facts::new(entries, view);
    let appeals = appeal::of_facts(&facts);
    Some(fold(&facts.stream(name, Kind::Decision)?, appeals, view))
}

/// Every decision that these entries tell of, in the order of the decisions' first entries. The name of one of
/// which every entry was erased is empty.
pub fn decisions(entries: &[Recorded], view: View) -> Vec<Decision> {
    of_facts(&Facts::new(entries, view))
}

pub(super) fn of_facts(facts: &Facts<'_>) -> Vec<Decision> {
    let appeals = appeal::of_facts(facts);
    facts.of(Kind::Decision).iter().map(|told| fold(told, appeals.clone(), facts.view())).collect()
}

/// From when a decision is in force where its sanctions do not say: its effect, or else when it was signed, or else
/// when it happened.
pub fn effect_of_issue(event: &DecisionIssued) -> Option<&PartialDate> {
    let context = event.context.as_ref();
    context
        .and_then(|context| context.effective_on.as_ref())
        .or(event.signed_on.as_ref())
        .or_else(|| context.and_then(|context| context.occurred_on.as_ref()))
}

/// A decision on its way through its entries.
#[derive(Default)]
struct Folding<'a> {
    decision: Decision,
    ruling: Ruling<'a>,
    form_sources: Vec<Source>,
}

fn fold(told: &Told<'_>, mut appeals: Vec<Appeal>, view: View) -> Decision {
    let mut folding = Folding::default();
    for entry in &told.entries {
        folding.take(entry);
    }
    let Folding { mut decision, mut ruling, form_sources } = folding;
    decision.name.clone_from(&told.name);
    appeals.retain(|appeal| !told.name.is_empty() && appeal.decision == told.name);
    if appeals.iter().any(|appeal| is_unsettled(appeal, &decision)) {
        ruling.undoings.push(Undoing::Unknown);
    }
    decision.appeals = appeals;
    decision.corrections.clone_from(&told.corrections);
    decision.voids.clone_from(&told.voids);
    decision.disputed = told.disputed();
    decision.disputes.clone_from(&told.disputes);
    for (number, (form, source)) in ruling.forms.iter().zip(&form_sources).enumerate() {
        decision.sanctions.extend(form.items.unwrap_or_default().iter().map(|item| Sanction {
            item: Some(item.clone()),
            standing: ruling.standing_of(number, item, view.as_of).into(),
            source: Some(source.clone()),
        }));
    }
    if told.void {
        decision.set_phase(DecisionPhase::Void);
        decision.set_standing(Standing::Void);
    } else if decision.source.is_none() {
        decision.set_standing(Standing::Proposed);
    } else {
        decision.set_standing(ruling.standing(view.as_of));
    }
    decision
}

/// Whether an appeal was won, or lost for the worse, and nothing says what became of the decision: then nobody can tell
/// what is in force.
fn is_unsettled(appeal: &Appeal, decision: &Decision) -> bool {
    let lodged = appeal.lodged.as_ref().map_or(0, |lodged| lodged.position);
    let changed = decision.changes.iter().any(|change| change.position > lodged);
    let changes =
        matches!(appeal.outcome(), AppealOutcome::Annulled | AppealOutcome::Reduced | AppealOutcome::Increased);
    changes && !changed
}

impl<'a> Folding<'a> {
    fn take(&mut self, entry: &'a Recorded) {
        match entry.event_type {
            EventType::SanctionProposed => self.propose(entry),
            EventType::VoteRecorded => self.vote(entry),
            EventType::DecisionIssued => self.issue(entry),
            // What was done with a decision whose issue is void was done with nothing.
            _ if self.decision.source.is_none() => {}
            EventType::DecisionAnnounced => self.announce(entry),
            EventType::DecisionServed => self.serve(entry),
            EventType::DecisionModified => self.modify(entry),
            EventType::DecisionExpired => self.expire(entry),
            EventType::DecisionAnnulled => self.annul(entry),
            // No other event stands in the stream of a decision.
            _ => {}
        }
    }

    fn propose(&mut self, entry: &Recorded) {
        self.decision.proposals.push(steps::proposal(entry));
        if let Some(Event::SanctionProposed(event)) = entry.event()
            && self.decision.source.is_none()
        {
            self.decision.case = name_of("case", &event.case_id);
            self.decision.respondent = name_of("entity", &event.respondent_id);
            self.decision.regime.clone_from(&event.regime);
        }
        if self.decision.source.is_none() {
            self.decision.set_phase(DecisionPhase::Proposed);
        }
    }

    fn vote(&mut self, entry: &Recorded) {
        self.decision.votes.push(steps::vote(entry));
        self.reached(DecisionPhase::Voted);
    }

    fn issue(&mut self, entry: &'a Recorded) {
        let source = entry.source();
        self.decision.source = Some(source.clone());
        self.decision.reasons = entry.personal_part();
        self.form_sources.push(source);
        self.reached(DecisionPhase::Issued);
        let Some(Event::DecisionIssued(event)) = entry.event() else {
            self.ruling.forms.push(Form { effect: None, items: None });
            return;
        };
        self.ruling.forms.push(Form { effect: effect_of_issue(event), items: Some(&event.items) });
        let decision = &mut self.decision;
        decision.case = name_of("case", &event.case_id);
        decision.respondent = name_of("entity", &event.respondent_id);
        decision.reference.clone_from(&event.reference);
        decision.issued_by = name_of("entity", &event.issued_by_id);
        decision.regime.clone_from(&event.regime);
        decision.signed_on = event.signed_on;
        decision.effective_on = event.context.as_ref().and_then(|context| context.effective_on);
        decision.allegation_numbers.clone_from(&event.allegation_numbers);
        decision.appeal_until = event.appeal_until;
        decision.has_document = event.document.is_some();
        decision.appeal_to = name_of("entity", &event.appeal_to_id);
    }

    fn announce(&mut self, entry: &Recorded) {
        self.decision.announcement = Some(steps::announcement(entry));
        self.reached(DecisionPhase::Announced);
    }

    fn serve(&mut self, entry: &Recorded) {
        self.decision.delivery = Some(steps::delivery(entry));
        self.reached(DecisionPhase::Served);
    }

    fn modify(&mut self, entry: &'a Recorded) {
        let form = match entry.event() {
            Some(Event::DecisionModified(event)) => {
                Form { effect: effect_of_change(event.context.as_ref()), items: Some(&event.items) }
            }
            Some(_) | None => Form { effect: None, items: None },
        };
        self.ruling.forms.push(form);
        self.form_sources.push(entry.source());
        self.decision.changes.push(entry.source());
        // What was announced and served was another form of it.
        self.decision.announcement = None;
        self.decision.delivery = None;
        self.decision.set_phase(DecisionPhase::Modified);
    }

    fn expire(&mut self, entry: &'a Recorded) {
        let mut expiry = Expiry { source: Some(entry.source()), ..Expiry::default() };
        if let Some(Event::DecisionExpired(event)) = entry.event() {
            self.ruling.expiries.push(event.expired_on.as_ref());
            expiry.expired_on = event.expired_on;
            expiry.rule.clone_from(&event.rule);
            expiry.confirmed_by = name_of("entity", &event.confirmed_by_id);
        } else {
            self.ruling.expiries.push(None);
        }
        self.decision.expiry = Some(expiry);
        self.decision.changes.push(entry.source());
        self.reached(DecisionPhase::Expired);
    }

    fn annul(&mut self, entry: &'a Recorded) {
        self.ruling.undoings.push(match entry.event() {
            Some(Event::DecisionAnnulled(event)) if event.retroactive => Undoing::Retroactive,
            Some(Event::DecisionAnnulled(event)) => Undoing::From(effect_of_change(event.context.as_ref())),
            Some(_) | None => Undoing::Unknown,
        });
        self.decision.annulment = Some(steps::annulment(entry));
        self.decision.changes.push(entry.source());
        self.reached(DecisionPhase::Annulled);
    }

    fn reached(&mut self, phase: DecisionPhase) {
        if phase > self.decision.phase() {
            self.decision.set_phase(phase);
        }
    }
}

fn effect_of_change(context: Option<&Context>) -> Option<&PartialDate> {
    context.and_then(|context| context.effective_on.as_ref().or(context.occurred_on.as_ref()))
}
