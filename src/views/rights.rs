//! Requests of persons about their own records.

use crate::domain::dates;
use crate::events::Event;
use crate::events::EventType;
use crate::events::RightsReceived;
use crate::log::Name;
use crate::proto::v1::Rights;
use crate::proto::v1::RightsState;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend::Facts;
use crate::views::amend::Told;
use crate::views::is_over;
use crate::views::name_of;
use crate::views::policy::DisclosurePolicy;

/// A request, from the entries of its stream and what links to it; `None` where nothing is known in its stream.
pub fn rights(name: &Name, entries: &[Recorded], view: View, policy: &DisclosurePolicy) -> Option<Rights> {
    let facts = Facts::new(entries, view);
    let mut rights = fold(&facts.stream(name, Kind::Rights)?, view, policy);
    let disputes = facts.disputes().into_iter().filter(|dispute| dispute.rights == name.as_str());
    rights.disputes = disputes.map(|dispute| dispute.name).collect();
    Some(rights)
}

/// Every request that these entries tell of, in the order of recording.
pub(super) fn of_facts(facts: &Facts<'_>, policy: &DisclosurePolicy) -> Vec<Rights> {
    facts.of(Kind::Rights).iter().map(|told| fold(told, facts.view(), policy)).collect()
}

fn fold(told: &Told<'_>, view: View, policy: &DisclosurePolicy) -> Rights {
    let mut rights = Rights {
        name: told.name.clone(),
        corrections: told.corrections.clone(),
        voids: told.voids.clone(),
        ..Rights::default()
    };
    for entry in &told.entries {
        take(&mut rights, entry, policy);
    }
    if rights.state() == RightsState::Unspecified {
        rights.set_state(RightsState::Open);
    }
    if told.void {
        rights.set_state(RightsState::Void);
    }
    rights.overdue = rights.state() == RightsState::Open && is_over(next_due(&rights), view.as_of);
    rights
}

/// By when something is to be done next: to acknowledge it, or else to answer it.
pub(super) const fn next_due(rights: &Rights) -> Option<&crate::events::PartialDate> {
    if rights.acknowledged.is_none() { rights.ack_due_on.as_ref() } else { rights.due_on.as_ref() }
}

fn take(rights: &mut Rights, entry: &Recorded, policy: &DisclosurePolicy) {
    let source = Some(entry.source());
    match entry.event_type {
        EventType::RightsReceived => rights.received = source,
        EventType::RightsAcknowledged => rights.acknowledged = source,
        EventType::RightsExtended => rights.extended = source,
        EventType::RightsFulfilled => {
            rights.set_state(RightsState::Fulfilled);
            rights.ended = source;
        }
        EventType::RightsRefused => {
            rights.set_state(RightsState::Refused);
            rights.ended = source;
        }
        // No other event is of a request.
        _ => {}
    }
    match entry.event() {
        Some(Event::RightsReceived(event)) => receive(rights, event, policy),
        Some(Event::RightsAcknowledged(event)) => rights.acknowledged_on = event.acknowledged_on,
        Some(Event::RightsExtended(event)) => {
            rights.due_on = event.due_on;
            rights.extension_reason.clone_from(&event.reason);
        }
        Some(Event::RightsFulfilled(event)) => {
            rights.ended_on = event.fulfilled_on;
            rights.package_sha256 = event.package_sha256.clone();
            rights.withheld.clone_from(&event.withheld);
        }
        Some(Event::RightsRefused(event)) => {
            rights.ended_on = event.refused_on;
            rights.refusal_basis.clone_from(&event.basis);
            rights.remedy.clone_from(&event.remedy);
        }
        Some(_) | None => {}
    }
}

fn receive(rights: &mut Rights, event: &RightsReceived, policy: &DisclosurePolicy) {
    rights.kind = event.kind;
    rights.person = name_of("entity", &event.person_id);
    rights.identity_check.clone_from(&event.identity_check);
    rights.received_by = name_of("entity", &event.received_by_id);
    rights.received_on = event.received_on;
    rights.target.clone_from(&event.target);
    rights.ack_due_on = event.ack_due_on;
    rights.due_on = event.due_on;
    let usual = event.received_on.as_ref().map(|received| policy.usual_days(dates::latest(received)));
    rights.usual_ack_due_on = usual.map(|(acknowledged, _)| acknowledged.into());
    rights.usual_due_on = usual.map(|(_, answered)| answered.into());
}

#[cfg(test)]
mod tests;
