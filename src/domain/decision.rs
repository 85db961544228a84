//! Decisions: the outcome for one respondent, with its sanctions.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::World;
use crate::domain::appeal;
use crate::domain::case;
use crate::domain::context;
use crate::domain::dates;
use crate::domain::dates::Day;
use crate::domain::entity;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::Context;
use crate::events::DecisionAnnulled;
use crate::events::DecisionIssued;
use crate::events::DecisionModified;
use crate::events::EventType;
use crate::events::SanctionItem;

const ISSUING: &[EventType] = &[EventType::DecisionIssued];
const OF_A_STANDING_DECISION: &[EventType] = &[EventType::DecisionModified, EventType::DecisionAnnulled];

/// A decision that was issued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    respondent: Id,
    /// The first day on which it may have been signed.
    signed: Option<Day>,
    /// The first day on which something of it may have been in force: the signature's, or an earlier one of which it
    /// says that it takes effect from then.
    in_force: Option<Day>,
    annulled: bool,
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
    pub(super) const fn signed(&self) -> Option<Day> {
        self.signed
    }

    /// Whether it was undone.
    pub(super) const fn annulled(&self) -> bool {
        self.annulled
    }

    fn allowed(&self) -> &'static [EventType] {
        if self.annulled { &[] } else { OF_A_STANDING_DECISION }
    }

    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Decision(decision)) => decision,
            _ => Self::default(),
        }
    }

    /// A change is made after the signature, and takes effect when there is something to take effect on.
    fn changed(&self, context: Option<&Context>) -> Result<(), Rejection> {
        context::not_before(Rule::BeforeTheDecision, context::occurred_on(context), self.signed)?;
        context::not_before(Rule::BeforeTheDecision, context::effective_on(context), self.in_force)
    }
}

/// Looks at a decision that stands.
fn standing(id: &str, world: &dyn World, rule: impl FnOnce(&State) -> Result<(), Rejection>) -> Result<(), Rejection> {
    match world.state("decision", id).as_deref() {
        Some(domain::State::Decision(decision)) if decision.annulled => {
            Err(Rejection::by_state(Rule::DecisionAnnulled, "decision_id", decision.allowed()))
        }
        Some(domain::State::Decision(decision)) => rule(decision),
        _ => Err(Rejection::by_state(Rule::StreamUnknown, "decision_id", ISSUING)),
    }
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
fn admit_case(decision: &DecisionIssued, world: &dyn World) -> Result<(), Rejection> {
    if decision.case_id.is_empty() {
        return Ok(());
    }
    let found = world.state("case", &decision.case_id);
    let Some(domain::State::Case(case)) = found.as_deref() else {
        return Err(Rejection::new(Rule::StreamUnknown, "case_id", Detail::Nothing));
    };
    let respondent = Id::of(&decision.respondent_id);
    if !case.has_respondent(respondent) {
        return Err(Rejection::new(Rule::NotARespondent, "respondent_id", Detail::Nothing));
    }
    admit_allegations(&decision.allegation_numbers, case, respondent)
}

fn admit_allegations(numbers: &[u32], case: &case::State, respondent: Id) -> Result<(), Rejection> {
    for (place, number) in numbers.iter().enumerate() {
        case.has_allegation(&format!("allegation_numbers[{place}]"), *number, respondent)?;
    }
    Ok(())
}

impl Fact for DecisionIssued {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("signed_on", self.signed_on.as_ref())?;
        check_items(&self.items)?;
        if self.case_id.is_empty() && !self.allegation_numbers.is_empty() {
            let detail = Detail::Count { expected: 0, found: self.allegation_numbers.len() };
            return Err(Rejection::new(Rule::AllegationsWithoutCase, "allegation_numbers", detail));
        }
        let field = |place| format!("allegation_numbers[{place}]");
        shape::each_once(Rule::NumberRepeated, field, &self.allegation_numbers)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Decision(decision)) = world.state("decision", &self.decision_id).as_deref() {
            return Err(Rejection::by_state(Rule::AlreadyIssued, "decision_id", decision.allowed()));
        }
        entity::registered("respondent_id", &self.respondent_id, world)?;
        admit_case(self, world)?;
        entity::body("issued_by_id", &self.issued_by_id, world)?;
        context::happened("signed_on", self.signed_on.as_ref(), world)
    }

    fn evolve(&self, _: Option<domain::State>) -> domain::State {
        let signed = self.signed_on.as_ref().map(dates::earliest);
        let (_, effective) = context::effective_on(self.context.as_ref());
        // Without a signature's date nothing can be said to be before it.
        let in_force = signed.map(|signed| effective.map_or(signed, |date| dates::earliest(date).min(signed)));
        domain::State::Decision(State { respondent: Id::of(&self.respondent_id), signed, in_force, annulled: false })
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

    fn evolve(&self, state: Option<domain::State>) -> domain::State {
        domain::State::Decision(State::of(state))
    }
}

impl Fact for DecisionAnnulled {
    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        standing(&self.decision_id, world, |decision| {
            decision.about(&self.respondent_id)?;
            decision.changed(self.context.as_ref())
        })?;
        entity::body("annulled_by_id", &self.annulled_by_id, world)?;
        appeal::against("appeal_id", &self.appeal_id, &self.decision_id, world)
    }

    fn evolve(&self, state: Option<domain::State>) -> domain::State {
        domain::State::Decision(State { annulled: true, ..State::of(state) })
    }
}

#[cfg(test)]
mod tests;
