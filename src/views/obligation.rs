//! Duties to declare: who must file what by when, and what met them.

use crate::domain::dates;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::log::Name;
use crate::proto::v1::Obligation;
use crate::proto::v1::ObligationState;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend::Facts;
use crate::views::amend::Told;
use crate::views::is_over;
use crate::views::name_of;

/// A duty, from the entries of its stream and the declarations that name it; `None` where nothing is known in its
/// stream.
pub fn obligation(name: &Name, entries: &[Recorded], view: View) -> Option<Obligation> {
    let facts = Facts::new(entries, view);
    let told = facts.stream(name, Kind::Obligation)?;
    Some(fold(&facts, &told, view))
}

/// Every duty that these entries tell of, in the order of recording.
pub(super) fn of_facts(facts: &Facts<'_>) -> Vec<Obligation> {
    facts.of(Kind::Obligation).iter().map(|told| fold(facts, told, facts.view())).collect()
}

fn fold(facts: &Facts<'_>, told: &Told<'_>, view: View) -> Obligation {
    let mut obligation = Obligation {
        name: told.name.clone(),
        created: told.first(),
        corrections: told.corrections.clone(),
        voids: told.voids.clone(),
        disputed: told.disputed(),
        disputes: told.disputes.clone(),
        ..Obligation::default()
    };
    for entry in &told.entries {
        let Some(Event::ObligationCreated(event)) = entry.event() else { continue };
        obligation.person = name_of("entity", &event.person_id);
        obligation.kind = event.kind;
        obligation.period = event.period;
        obligation.due_on = event.due_on;
        obligation.body = name_of("entity", &event.body_id);
        obligation.trigger.clone_from(&event.trigger);
    }
    if told.void {
        obligation.set_state(ObligationState::Void);
        return obligation;
    }
    for declaration in facts.of(Kind::Declaration) {
        if let Some(event) = submitted(&declaration)
            && !told.name.is_empty()
            && name_of("obligation", &event.obligation_id) == told.name
        {
            if obligation.declarations.is_empty() {
                obligation.met_on = event.submitted_on;
            }
            obligation.declarations.push(declaration.name.clone());
        }
    }
    obligation.set_state(if obligation.declarations.is_empty() {
        ObligationState::Open
    } else if let (Some(met), Some(due)) = (&obligation.met_on, &obligation.due_on)
        && dates::certainly_before(due, met)
    {
        ObligationState::MetLate
    } else {
        ObligationState::Met
    });
    obligation.overdue = obligation.state() == ObligationState::Open && is_over(obligation.due_on.as_ref(), view.as_of);
    obligation
}

fn submitted<'a>(told: &Told<'a>) -> Option<&'a DeclarationSubmitted> {
    told.entries.iter().find_map(|entry| match entry.event() {
        Some(Event::DeclarationSubmitted(event)) => Some(event),
        Some(_) | None => None,
    })
}
