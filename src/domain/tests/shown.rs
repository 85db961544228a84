//! The rules of requests about one's own record, of disputes, and of disclosures again, slowly.

use crate::domain::dates;
use crate::domain::tests::model;
use crate::events::Event;
use crate::events::RecordDisclosed;
use crate::events::RightsReceived;

/// Whether an event may come after `all`, of which `counting` is what counts; `None` of an event of another kind.
pub(super) fn may(all: &[Event], counting: &[Event], event: &Event) -> Option<bool> {
    let any = |test: &dyn Fn(&Event) -> bool| counting.iter().any(test);
    Some(match event {
        Event::RightsReceived(event) => {
            received(counting, &event.rights_id).is_none() && registered(counting, &event.person_id) == Some(true)
        }
        Event::RightsAcknowledged(event) => {
            open(counting, &event.rights_id, &event.person_id)
                .is_some_and(|asked| !model::before(event.acknowledged_on.as_ref(), asked.received_on.as_ref()))
                && !any(&|other| matches!(other, Event::RightsAcknowledged(one) if one.rights_id == event.rights_id))
        }
        Event::RightsExtended(event) => {
            let day = |date: Option<&_>| date.map(dates::latest);
            open(counting, &event.rights_id, &event.person_id)
                .is_some_and(|asked| day(event.due_on.as_ref()) > day(asked.due_on.as_ref()))
                && !any(&|other| matches!(other, Event::RightsExtended(one) if one.rights_id == event.rights_id))
        }
        Event::RightsFulfilled(event) => open(counting, &event.rights_id, &event.person_id)
            .is_some_and(|asked| !model::before(event.fulfilled_on.as_ref(), asked.received_on.as_ref())),
        Event::RightsRefused(event) => open(counting, &event.rights_id, &event.person_id)
            .is_some_and(|asked| !model::before(event.refused_on.as_ref(), asked.received_on.as_ref())),
        Event::RecordDisputed(event) => {
            let same = received(counting, &event.rights_id).is_some_and(|asked| asked.person_id == event.person_id);
            !any(&|other| matches!(other, Event::RecordDisputed(one) if one.dispute_id == event.dispute_id))
                && model::stands(all, event.target_position, &event.target, &event.subject_ids)
                && event.subject_ids.contains(&event.person_id)
                && (event.rights_id.is_empty() || same)
        }
        Event::StatementAttached(event) => {
            let of = (event.target_position, &event.target, &event.subject_ids);
            raised(counting, &event.dispute_id, of)
                && !any(&|other| matches!(other, Event::StatementAttached(one) if one.dispute_id == event.dispute_id))
        }
        Event::DisputeResolved(event) => {
            let of = (event.target_position, &event.target, &event.subject_ids);
            raised(counting, &event.dispute_id, of)
                && !any(&|other| matches!(other, Event::DisputeResolved(one) if one.dispute_id == event.dispute_id))
        }
        Event::RecordDisclosed(event) => {
            let known = |target: &String| {
                all.iter().any(|other| other.stream().is_some_and(|(kind, id)| *target == format!("{kind}/{id}")))
            };
            disclosed(counting, &event.disclosure_id).is_none()
                && registered(counting, &event.recipient_id).is_some()
                && event.targets.iter().all(known)
                && event.subject_ids.iter().all(|id| registered(counting, id).is_some())
                && model::distinct(&event.subject_ids)
                && event.known_at <= all.len() as u64
        }
        Event::NoticeSent(event) => {
            disclosed(counting, &event.disclosure_id).is_some_and(|shown| {
                shown.recipient_id == event.recipient_id
                    && shown.subject_ids == event.subject_ids
                    && event.cause_position > shown.known_at
                    && changes(all, event.cause_position, shown)
            }) && !sent(counting, &event.disclosure_id, event.cause_position)
        }
        Event::NoticeAcknowledged(event) => {
            let same = |shown: &RecordDisclosed| {
                shown.recipient_id == event.recipient_id && shown.subject_ids == event.subject_ids
            };
            disclosed(counting, &event.disclosure_id).is_some_and(same)
                && sent(counting, &event.disclosure_id, event.cause_position)
                && !any(&|other| {
                    matches!(other, Event::NoticeAcknowledged(one)
                        if one.disclosure_id == event.disclosure_id && one.cause_position == event.cause_position)
                })
        }
        _ => return None,
    })
}

/// Whether somebody is registered, and then whether as a person.
fn registered(counting: &[Event], id: &str) -> Option<bool> {
    counting.iter().find_map(|event| match event {
        Event::PersonRegistered(event) if event.entity_id == id => Some(true),
        Event::OrganisationRegistered(event) if event.entity_id == id => Some(false),
        _ => None,
    })
}

fn received<'a>(counting: &'a [Event], rights: &str) -> Option<&'a RightsReceived> {
    counting.iter().find_map(|event| match event {
        Event::RightsReceived(event) if event.rights_id == rights => Some(event),
        _ => None,
    })
}

/// A request of this person that nothing has ended.
fn open<'a>(counting: &'a [Event], rights: &str, person: &str) -> Option<&'a RightsReceived> {
    let ended = counting.iter().any(|event| match event {
        Event::RightsFulfilled(event) => event.rights_id == rights,
        Event::RightsRefused(event) => event.rights_id == rights,
        _ => false,
    });
    received(counting, rights).filter(|asked| asked.person_id == person && !ended)
}

/// Whether this dispute was raised, of this entry.
fn raised(counting: &[Event], dispute: &str, of: (u64, &String, &Vec<String>)) -> bool {
    counting.iter().any(|event| {
        matches!(event, Event::RecordDisputed(event)
            if event.dispute_id == dispute && (event.target_position, &event.target, &event.subject_ids) == of)
    })
}

fn disclosed<'a>(counting: &'a [Event], disclosure: &str) -> Option<&'a RecordDisclosed> {
    counting.iter().find_map(|event| match event {
        Event::RecordDisclosed(event) if event.disclosure_id == disclosure => Some(event),
        _ => None,
    })
}

fn sent(counting: &[Event], disclosure: &str, cause: u64) -> bool {
    counting.iter().any(|event| {
        matches!(event, Event::NoticeSent(event)
            if event.disclosure_id == disclosure && event.cause_position == cause)
    })
}

/// Whether the entry at a position changes what was shown.
fn changes(all: &[Event], position: u64, shown: &RecordDisclosed) -> bool {
    let place = usize::try_from(position).expect("small") - 1;
    let Some(event) = all.get(place) else { return false };
    let stream = match event {
        Event::RecordCorrected(event) => event.target.clone(),
        Event::RecordVoided(event) => event.target.clone(),
        Event::RecordDisputed(event) => event.target.clone(),
        Event::DecisionModified(_) | Event::DecisionAnnulled(_) | Event::DecisionExpired(_) => {
            event.stream().map(|(kind, id)| format!("{kind}/{id}")).unwrap_or_default()
        }
        _ => return false,
    };
    let told = !["record/", "rights/", "disclosure/"].iter().any(|kind| stream.starts_with(kind));
    let about = model::subjects(event).iter().any(|id| shown.targets.contains(&format!("entity/{id}")));
    told && !model::counting(all).1.contains(&place) && (shown.targets.contains(&stream) || about)
}
