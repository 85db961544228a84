//! Appeals against decisions.

use crate::events::AppealDecided;
use crate::events::AppealLodged;
use crate::events::Event;
use crate::events::EventType;
use crate::log::Name;
use crate::proto::v1::Appeal;
use crate::proto::v1::AppealState;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend::Facts;
use crate::views::amend::Told;
use crate::views::is_over;
use crate::views::name_of;

/// An appeal, from the entries of its stream; `None` where nothing is known in it.
pub fn appeal(name: &Name, entries: &[Recorded], view: View) -> Option<Appeal> {
    let facts = Facts::new(entries, view);
    facts.stream(name, Kind::Appeal).map(|told| fold(&told, view))
}

/// Every appeal that these entries tell of and of which it is known what it is against, in the order of recording.
pub fn appeals(entries: &[Recorded], view: View) -> Vec<Appeal> {
    of_facts(&Facts::new(entries, view))
}

pub(super) fn of_facts(facts: &Facts<'_>) -> Vec<Appeal> {
    let all = facts.of(Kind::Appeal);
    all.iter().map(|told| fold(told, facts.view())).filter(|appeal| !appeal.decision.is_empty()).collect()
}

fn fold(told: &Told<'_>, view: View) -> Appeal {
    let mut appeal = Appeal {
        name: told.name.clone(),
        corrections: told.corrections.clone(),
        voids: told.voids.clone(),
        disputed: told.disputed(),
        disputes: told.disputes.clone(),
        ..Appeal::default()
    };
    for entry in &told.entries {
        match entry.event() {
            Some(Event::AppealLodged(event)) => lodge(&mut appeal, event),
            Some(Event::AppealDecided(event)) => decide(&mut appeal, event),
            Some(_) | None => {}
        }
        if entry.event_type == EventType::AppealLodged {
            appeal.lodged = Some(entry.source());
            appeal.grounds = entry.personal_part();
        } else {
            appeal.decided = Some(entry.source());
            appeal.reasons = entry.personal_part();
        }
    }
    appeal.set_state(match (told.void, &appeal.decided) {
        (true, _) => AppealState::Void,
        (false, Some(_)) => AppealState::Decided,
        (false, None) => AppealState::Pending,
    });
    appeal.overdue = appeal.state() == AppealState::Pending && is_over(appeal.due_on.as_ref(), view.as_of);
    appeal
}

fn lodge(appeal: &mut Appeal, event: &AppealLodged) {
    appeal.decision = name_of("decision", &event.decision_id);
    appeal.respondent = name_of("entity", &event.respondent_id);
    appeal.lodged_on = event.lodged_on;
    appeal.lodged_with = name_of("entity", &event.lodged_with_id);
    appeal.due_on = event.due_on;
}

fn decide(appeal: &mut Appeal, event: &AppealDecided) {
    appeal.decision = name_of("decision", &event.decision_id);
    appeal.respondent = name_of("entity", &event.respondent_id);
    appeal.outcome = event.outcome;
    appeal.decided_on = event.decided_on;
    appeal.decided_by = name_of("entity", &event.decided_by_id);
    appeal.last_instance = event.last_instance;
}
