//! Petitions: what was received and how it was resolved. Who petitions is no part of it.

use crate::events::Event;
use crate::events::EventType;
use crate::events::PetitionReceived;
use crate::events::PetitionResolved;
use crate::log::Name;
use crate::proto::v1::Petition;
use crate::proto::v1::PetitionState;
use crate::proto::v1::PetitionTally;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend::Facts;
use crate::views::amend::Told;
use crate::views::is_over;
use crate::views::name_of;

/// A petition, from the entries of its stream and of the cases that it led to; `None` where nothing is known in its
/// stream.
pub fn petition(name: &Name, entries: &[Recorded], view: View) -> Option<Petition> {
    let facts = Facts::new(entries, view);
    let mut petition = fold(&facts.stream(name, Kind::Petition)?, view);
    petition.cases = cases_of(&facts, |event| event.petition_id == name.id());
    Some(petition)
}

/// How many petitions these entries tell of.
pub(super) fn tally(facts: &Facts<'_>) -> PetitionTally {
    let mut tally = PetitionTally::default();
    for told in facts.of(Kind::Petition).iter().filter(|told| !told.void) {
        tally.received += 1;
        let resolved = told.entries.iter().any(|entry| entry.event_type == EventType::PetitionResolved);
        tally.resolved += u32::from(resolved);
    }
    tally
}

/// The cases whose opening says something.
pub(super) fn cases_of(facts: &Facts<'_>, says: impl Fn(&crate::events::CaseOpened) -> bool) -> Vec<String> {
    let cases = facts.of(Kind::Case);
    let opened = |told: &&Told<'_>| {
        let mut events = told.entries.iter().filter_map(|entry| entry.event());
        events.any(|event| matches!(event, Event::CaseOpened(event) if says(event)))
    };
    cases.iter().filter(opened).map(|told| told.name.clone()).collect()
}

fn fold(told: &Told<'_>, view: View) -> Petition {
    let mut petition = Petition {
        name: told.name.clone(),
        corrections: told.corrections.clone(),
        voids: told.voids.clone(),
        disputed: told.disputed(),
        disputes: told.disputes.clone(),
        ..Petition::default()
    };
    for entry in &told.entries {
        match entry.event() {
            Some(Event::PetitionReceived(event)) => receive(&mut petition, event),
            Some(Event::PetitionResolved(event)) => resolve(&mut petition, event),
            Some(_) | None => {}
        }
        if entry.event_type == EventType::PetitionReceived {
            petition.received = Some(entry.source());
            petition.summary = entry.personal_part();
        } else {
            petition.resolved = Some(entry.source());
            petition.reasons = entry.personal_part();
        }
    }
    petition.set_state(match (told.void, &petition.resolved) {
        (true, _) => PetitionState::Void,
        (false, Some(_)) => PetitionState::Resolved,
        (false, None) => PetitionState::Open,
    });
    petition.overdue = petition.state() == PetitionState::Open && is_over(petition.due_on.as_ref(), view.as_of);
    petition
}

fn receive(petition: &mut Petition, event: &PetitionReceived) {
    petition.petition_kind.clone_from(&event.petition_kind);
    petition.channel.clone_from(&event.channel);
    petition.received_by = name_of("entity", &event.received_by_id);
    petition.received_on = event.received_on;
    petition.respondents = event.respondent_ids.iter().map(|id| name_of("entity", id)).collect();
    petition.topics.clone_from(&event.topics);
    petition.group_size = event.group_size;
    petition.reference.clone_from(&event.reference);
    petition.due_on = event.due_on;
}

fn resolve(petition: &mut Petition, event: &PetitionResolved) {
    petition.respondents = event.respondent_ids.iter().map(|id| name_of("entity", id)).collect();
    petition.outcome = event.outcome;
    petition.resolved_on = event.resolved_on;
    petition.resolved_by = name_of("entity", &event.resolved_by_id);
}
