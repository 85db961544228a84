//! Decisions: the outcome for one respondent, with its sanctions.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::World;
use crate::domain::appeal;
use crate::domain::context;
use crate::domain::dates;
use crate::domain::dates::Day;
use crate::domain::entity;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::Context;
use crate::events::DecisionAnnounced;
use crate::events::DecisionAnnulled;
use crate::events::DecisionExpired;
use crate::events::DecisionIssued;
use crate::events::DecisionModified;
use crate::events::DecisionServed;
use crate::events::EventType;
use crate::events::ExpiryCondition;
use crate::events::FieldCorrection;
use crate::events::PartialDate;
use crate::events::SanctionItem;
use crate::events::SanctionProposed;
use crate::events::VoteOption;
use crate::events::VoteRecorded;
use crate::events::VoteResult;

const BEGINNING: &[EventType] = &[EventType::SanctionProposed, EventType::DecisionIssued];
const OF_A_PROPOSAL: &[EventType] = &[EventType::SanctionProposed, EventType::VoteRecorded, EventType::DecisionIssued];
const ISSUED: &[EventType] = &[
    EventType::DecisionAnnounced,
    EventType::DecisionServed,
    EventType::DecisionModified,
    EventType::DecisionExpired,
    EventType::DecisionAnnulled,
];
const ANNOUNCED: &[EventType] =
    &[EventType::DecisionServed, EventType::DecisionModified, EventType::DecisionExpired, EventType::DecisionAnnulled];
const SERVED: &[EventType] = &[EventType::DecisionModified, EventType::DecisionExpired, EventType::DecisionAnnulled];
const SERVED_UNANNOUNCED: &[EventType] = &[
    EventType::DecisionAnnounced,
    EventType::DecisionModified,
    EventType::DecisionExpired,
    EventType::DecisionAnnulled,
];
const EXPIRED: &[EventType] = &[EventType::DecisionAnnulled];

/// A decision, from its proposal or its issue on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    at: u64,
    respondent: Id,
    /// The case that it decides, where there is one.
    case: Id,
    /// What became of it, in the order of recording.
    steps: Vec<Step>,
    /// Appeals against it: index of the entry that lodged each, and of the one that decided it.
    appeals: Vec<(Id, u64, Option<u64>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    at: u64,
    act: Act,
    /// The first day on which it may have been done.
    day: Option<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Act {
    Proposed,
    Voted {
        round: u32,
    },
    Issued {
        /// The first day on which something of it may have been in force: the signature's, or an earlier one of which
        /// it says that it takes effect from then.
        in_force: Option<Day>,
    },
    Announced,
    Served,
    Modified,
    Expired,
    Annulled,
}

impl State {
    /// The decision is about this person or body.
    pub(super) fn about(&self, respondent_id: &str) -> Result<(), Rejection> {
        if self.respondent == Id::of(respondent_id) {
            return Ok(());
        }
        Err(Rejection::new(Rule::NotTheRespondent, "respondent_id", Detail::Nothing))
    }

    /// The first day on which it may have been signed.
    pub(super) fn signed(&self) -> Option<Day> {
        self.issued().and_then(|step| step.day)
    }

    /// There is a decision, and it was not undone.
    pub(super) fn appealable(&self, field: &str) -> Result<(), Rejection> {
        if self.issued().is_none() {
            return Err(Rejection::new(Rule::NotYetIssued, field, Detail::Nothing));
        }
        if self.has(Act::Annulled) {
            return Err(Rejection::new(Rule::DecisionAnnulled, field, Detail::Nothing));
        }
        Ok(())
    }

    /// An appeal was lodged by the entry at this index.
    pub(super) fn appealed(&mut self, appeal: Id, at: u64) {
        self.appeals.push((appeal, at, None));
    }

    /// The appeal was decided by the entry at this index.
    pub(super) fn appeal_decided(&mut self, appeal: Id, at: u64) {
        if let Some((_, _, decided)) = self.appeals.iter_mut().find(|(id, ..)| *id == appeal) {
            *decided = Some(at);
        }
    }

    /// Without what the entry at this index brought; none where it began with it.
    pub(super) fn voided(mut self, target: u64) -> Option<Self> {
        // What was done with a decision whose issue is void was done with nothing.
        if self.steps.iter().any(|step| step.at == target && matches!(step.act, Act::Issued { .. })) {
            let proposed = |act: &Act| matches!(act, Act::Proposed | Act::Voted { .. });
            self.steps.retain(|step| step.at < target || proposed(&step.act));
        }
        self.steps.retain(|step| step.at != target);
        self.appeals.retain(|(_, lodged, _)| *lodged != target);
        for (_, _, decided) in &mut self.appeals {
            *decided = decided.filter(|at| *at != target);
        }
        (self.at != target).then_some(self)
    }

    /// With what the entry at this index should have said.
    pub(super) fn corrected(&mut self, target: u64, field: &FieldCorrection) {
        let day = || shape::corrected_date(field).map(dates::earliest);
        for step in self.steps.iter_mut().filter(|step| step.at == target) {
            match (&mut step.act, field.path.as_str()) {
                (Act::Issued { in_force }, "signed_on") => {
                    step.day = day();
                    // What it said of its effect is not kept; without it nothing is said to be before it.
                    *in_force = None;
                }
                (Act::Issued { in_force }, path) if path.starts_with("context") => *in_force = None,
                (Act::Announced, "announced_on") | (Act::Served, "served_on") => step.day = day(),
                _ => {}
            }
        }
    }

    fn issued(&self) -> Option<&Step> {
        self.steps.iter().rev().find(|step| matches!(step.act, Act::Issued { .. }))
    }

    fn has(&self, act: Act) -> bool {
        self.steps.iter().any(|step| step.act == act)
    }

    /// The step of its present form: what was done before the last modification was done to another.
    fn of_form(&self, act: Act) -> Option<&Step> {
        let newest = self.steps.iter().rev();
        newest.take_while(|step| step.act != Act::Modified).find(|step| step.act == act)
    }

    fn allowed(&self) -> &'static [EventType] {
        if self.has(Act::Annulled) {
            return &[];
        }
        if self.issued().is_none() {
            return OF_A_PROPOSAL;
        }
        if self.has(Act::Expired) {
            return EXPIRED;
        }
        match (self.of_form(Act::Announced).is_some(), self.of_form(Act::Served).is_some()) {
            (false, false) => ISSUED,
            (true, false) => ANNOUNCED,
            (true, true) => SERVED,
            (false, true) => SERVED_UNANNOUNCED,
        }
    }

    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Decision(decision)) => decision,
            _ => Self::default(),
        }
    }

    /// As a proposal or issue leaves it, before its own step.
    fn begun(state: Option<domain::State>, at: u64, respondent_id: &str, case_id: &str) -> domain::State {
        let before = match state {
            Some(domain::State::Decision(decision)) => decision,
            _ => Self { at, ..Self::default() },
        };
        domain::State::Decision(Self { respondent: Id::of(respondent_id), case: Id::of(case_id), ..before })
    }

    fn step(state: Option<domain::State>, at: u64, act: Act, date: Option<&PartialDate>) -> domain::State {
        let mut decision = Self::of(state);
        decision.steps.push(Step { at, act, day: date.map(dates::earliest) });
        domain::State::Decision(decision)
    }

    /// A change is made after the signature, and takes effect when there is something to take effect on.
    fn changed(&self, context: Option<&Context>) -> Result<(), Rejection> {
        let in_force = match self.issued() {
            Some(Step { act: Act::Issued { in_force }, .. }) => *in_force,
            _ => None,
        };
        context::not_before(Rule::BeforeTheDecision, context::occurred_on(context), self.signed())?;
        context::not_before(Rule::BeforeTheDecision, context::effective_on(context), in_force)
    }

    /// What is proposed, voted or issued goes on from the proposal that there is.
    fn follows(&self, case_id: &str, respondent_id: &str) -> Result<(), Rejection> {
        self.about(respondent_id)?;
        if self.case == Id::of(case_id) {
            return Ok(());
        }
        Err(Rejection::new(Rule::CaseDiffers, "case_id", Detail::Nothing))
    }

    fn refused(&self, rule: Rule) -> Rejection {
        Rejection::by_state(rule, "decision_id", self.allowed())
    }
}

/// Looks at a decision that was issued, and stands or has expired.
fn issued(id: &str, world: &dyn World, rule: impl FnOnce(&State) -> Result<(), Rejection>) -> Result<(), Rejection> {
    match world.state("decision", id).as_deref() {
        Some(domain::State::Decision(decision)) if decision.has(Act::Annulled) => {
            Err(decision.refused(Rule::DecisionAnnulled))
        }
        Some(domain::State::Decision(decision)) if decision.issued().is_none() => {
            Err(decision.refused(Rule::NotYetIssued))
        }
        Some(domain::State::Decision(decision)) => rule(decision),
        _ => Err(Rejection::by_state(Rule::StreamUnknown, "decision_id", BEGINNING)),
    }
}

/// Looks at a decision that stands.
fn standing(id: &str, world: &dyn World, rule: impl FnOnce(&State) -> Result<(), Rejection>) -> Result<(), Rejection> {
    issued(id, world, |decision| {
        if decision.has(Act::Expired) { Err(decision.refused(Rule::DecisionExpired)) } else { rule(decision) }
    })
}

fn check_items(items: &[SanctionItem]) -> Result<(), Rejection> {
    let field = |place| format!("items[{place}].item_number");
    shape::each_once(Rule::NumberRepeated, field, items.iter().map(|item| item.item_number))?;
    for (place, item) in items.iter().enumerate() {
        check_item(item).map_err(|rejection| rejection.within(format_args!("items[{place}]")))?;
    }
    Ok(())
}

fn check_item(item: &SanctionItem) -> Result<(), Rejection> {
    shape::term("term", item.term.as_ref())?;
    shape::from_to(item.from.as_ref(), item.to.as_ref())?;
    item.amount.as_ref().map_or(Ok(()), |amount| shape::money(amount).map_err(|rejection| rejection.within("amount")))
}

/// The case is recorded, the respondent is one of its, and so are the allegations. It may be open or closed: decisions
/// are signed before and after.
fn admit_case(case_id: &str, respondent_id: &str, numbers: &[u32], world: &dyn World) -> Result<(), Rejection> {
    if case_id.is_empty() {
        return Ok(());
    }
    let found = world.state("case", case_id);
    let Some(domain::State::Case(case)) = found.as_deref() else {
        return Err(Rejection::new(Rule::StreamUnknown, "case_id", Detail::Nothing));
    };
    let respondent = Id::of(respondent_id);
    if !case.has_respondent(respondent) {
        return Err(Rejection::new(Rule::NotARespondent, "respondent_id", Detail::Nothing));
    }
    for (place, number) in numbers.iter().enumerate() {
        case.has_allegation(&format!("allegation_numbers[{place}]"), *number, respondent)?;
    }
    Ok(())
}

fn check_allegations(case_id: &str, numbers: &[u32]) -> Result<(), Rejection> {
    if case_id.is_empty() && !numbers.is_empty() {
        let detail = Detail::Count { expected: 0, found: numbers.len() };
        return Err(Rejection::new(Rule::AllegationsWithoutCase, "allegation_numbers", detail));
    }
    shape::each_once(Rule::NumberRepeated, |place| format!("allegation_numbers[{place}]"), numbers)
}

impl Fact for SanctionProposed {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("proposed_on", self.proposed_on.as_ref())?;
        check_items(&self.items)?;
        check_allegations(&self.case_id, &self.allegation_numbers)?;
        shape::document("document", self.document.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Decision(decision)) = world.state("decision", &self.decision_id).as_deref() {
            if decision.issued().is_some() {
                return Err(decision.refused(Rule::AlreadyIssued));
            }
            decision.follows(&self.case_id, &self.respondent_id)?;
        }
        entity::registered("respondent_id", &self.respondent_id, world)?;
        admit_case(&self.case_id, &self.respondent_id, &self.allegation_numbers, world)?;
        entity::body("proposed_by_id", &self.proposed_by_id, world)?;
        context::happened("proposed_on", self.proposed_on.as_ref(), world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        let begun = State::begun(state, at, &self.respondent_id, &self.case_id);
        State::step(Some(begun), at, Act::Proposed, self.proposed_on.as_ref())
    }
}

impl VoteRecorded {
    fn adds_up(&self) -> bool {
        let votes: u64 = self.options.iter().map(|option| u64::from(option.votes)).sum();
        self.present <= self.eligible
            && self.issued <= self.eligible
            && self.returned <= self.issued
            && self.valid <= self.returned
            && votes == u64::from(self.valid)
    }
}

impl Fact for VoteRecorded {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("held_on", self.held_on.as_ref())?;
        shape::document("document", self.document.as_ref())?;
        let form = |option: &VoteOption| option.form.as_ref().map(|form| (form.scheme.clone(), form.code.clone()));
        let field = |place| format!("options[{place}].form");
        shape::each_once(Rule::OptionRepeated, field, self.options.iter().map(form))?;
        if !self.adds_up() {
            return Err(Rejection::new(Rule::VoteArithmetic, "options", Detail::Nothing));
        }
        let agreed = match self.result() {
            VoteResult::Form => true,
            VoteResult::NoSanction | VoteResult::NotReached | VoteResult::Unspecified => false,
        };
        if agreed != self.result_form.is_some() {
            return Err(Rejection::new(Rule::ResultWithoutForm, "result_form", Detail::Nothing));
        }
        if agreed && !self.options.iter().any(|option| option.form == self.result_form) {
            return Err(Rejection::new(Rule::ResultNotAnOption, "result_form", Detail::Nothing));
        }
        Ok(())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        let found = world.state("decision", &self.decision_id);
        let Some(domain::State::Decision(decision)) = found.as_deref() else {
            return Err(Rejection::by_state(Rule::StreamUnknown, "decision_id", BEGINNING));
        };
        if decision.issued().is_some() {
            return Err(decision.refused(Rule::NotProposed));
        }
        decision.about(&self.respondent_id)?;
        let rounds = decision.steps.iter().filter_map(|step| match step.act {
            Act::Voted { round } => Some(round),
            _ => None,
        });
        if rounds.max().is_some_and(|last| self.round <= last) {
            return Err(Rejection::new(Rule::RoundNotAscending, "round", Detail::Number(self.round.into())));
        }
        context::happened("held_on", self.held_on.as_ref(), world)?;
        entity::body("body_id", &self.body_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        State::step(state, at, Act::Voted { round: self.round }, self.held_on.as_ref())
    }
}

impl Fact for DecisionIssued {
    fn check(&self) -> Result<(), Rejection> {
        shape::in_order(("signed_on", self.signed_on.as_ref()), ("appeal_until", self.appeal_until.as_ref()))?;
        check_items(&self.items)?;
        shape::document("document", self.document.as_ref())?;
        check_allegations(&self.case_id, &self.allegation_numbers)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Decision(decision)) = world.state("decision", &self.decision_id).as_deref() {
            if decision.issued().is_some() {
                return Err(decision.refused(Rule::AlreadyIssued));
            }
            decision.follows(&self.case_id, &self.respondent_id)?;
        }
        entity::registered("respondent_id", &self.respondent_id, world)?;
        admit_case(&self.case_id, &self.respondent_id, &self.allegation_numbers, world)?;
        entity::body("issued_by_id", &self.issued_by_id, world)?;
        entity::body("appeal_to_id", &self.appeal_to_id, world)?;
        context::happened("signed_on", self.signed_on.as_ref(), world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        let signed = self.signed_on.as_ref().map(dates::earliest);
        let (_, effective) = context::effective_on(self.context.as_ref());
        // Without a signature's date nothing can be said to be before it.
        let in_force = signed.map(|signed| effective.map_or(signed, |date| dates::earliest(date).min(signed)));
        let begun = State::begun(state, at, &self.respondent_id, &self.case_id);
        let act = Act::Issued { in_force };
        State::step(Some(begun), at, act, self.signed_on.as_ref())
    }
}

impl Fact for DecisionAnnounced {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("announced_on", self.announced_on.as_ref())?;
        shape::document("document", self.document.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        standing(&self.decision_id, world, |decision| {
            decision.about(&self.respondent_id)?;
            if decision.of_form(Act::Announced).is_some() {
                return Err(decision.refused(Rule::AlreadyAnnounced));
            }
            let announced = ("announced_on", self.announced_on.as_ref());
            context::not_before(Rule::BeforeTheDecision, announced, decision.signed())
        })?;
        context::happened("announced_on", self.announced_on.as_ref(), world)?;
        entity::body("announced_by_id", &self.announced_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        State::step(state, at, Act::Announced, self.announced_on.as_ref())
    }
}

impl Fact for DecisionServed {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("served_on", self.served_on.as_ref())?;
        shape::document("document", self.document.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        standing(&self.decision_id, world, |decision| {
            decision.about(&self.respondent_id)?;
            if decision.of_form(Act::Served).is_some() {
                return Err(decision.refused(Rule::AlreadyServed));
            }
            let served = ("served_on", self.served_on.as_ref());
            context::not_before(Rule::BeforeTheDecision, served, decision.signed())?;
            let announced = decision.of_form(Act::Announced).and_then(|step| step.day);
            context::not_before(Rule::ServedBeforeAnnounced, served, announced)
        })?;
        context::happened("served_on", self.served_on.as_ref(), world)?;
        entity::body("served_by_id", &self.served_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        State::step(state, at, Act::Served, self.served_on.as_ref())
    }
}

impl Fact for DecisionExpired {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("expired_on", self.expired_on.as_ref())?;
        let condition =
            |one: &ExpiryCondition| one.condition.as_ref().map(|code| (code.scheme.clone(), code.code.clone()));
        let field = |place| format!("conditions[{place}].condition");
        shape::each_once(Rule::ConditionRepeated, field, self.conditions.iter().map(condition))?;
        match self.conditions.iter().position(|condition| !condition.met) {
            Some(place) => {
                let field = format!("conditions[{place}].met");
                Err(Rejection::new(Rule::ConditionNotMet, field, Detail::Nothing))
            }
            None => Ok(()),
        }
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        standing(&self.decision_id, world, |decision| {
            decision.about(&self.respondent_id)?;
            if decision.appeals.iter().any(|(_, _, decided)| decided.is_none()) {
                return Err(decision.refused(Rule::AppealPending));
            }
            let expired = ("expired_on", self.expired_on.as_ref());
            context::not_before(Rule::BeforeTheDecision, expired, decision.signed())
        })?;
        context::happened("expired_on", self.expired_on.as_ref(), world)?;
        entity::body("confirmed_by_id", &self.confirmed_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        State::step(state, at, Act::Expired, self.expired_on.as_ref())
    }
}

impl Fact for DecisionModified {
    fn check(&self) -> Result<(), Rejection> {
        check_items(&self.items)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        standing(&self.decision_id, world, |decision| {
            decision.about(&self.respondent_id)?;
            decision.changed(self.context.as_ref())
        })?;
        appeal::against("appeal_id", &self.appeal_id, &self.decision_id, world)?;
        entity::body("modified_by_id", &self.modified_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        State::step(state, at, Act::Modified, None)
    }
}

impl Fact for DecisionAnnulled {
    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        issued(&self.decision_id, world, |decision| {
            decision.about(&self.respondent_id)?;
            decision.changed(self.context.as_ref())
        })?;
        entity::body("annulled_by_id", &self.annulled_by_id, world)?;
        appeal::against("appeal_id", &self.appeal_id, &self.decision_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        State::step(state, at, Act::Annulled, None)
    }
}

#[cfg(test)]
mod tests;
