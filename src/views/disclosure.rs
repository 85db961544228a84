//! To whom records were shown, and who of them is still to be told of a change. The latter is found anew for each
//! question: nothing is recorded of what was not done.

use std::collections::BTreeSet;

use crate::domain::dates;
use crate::domain::dates::Day;
use crate::domain::disclosure;
use crate::events::Event;
use crate::events::NoticeSent;
use crate::events::RecordDisclosed;
use crate::log::Name;
use crate::proto::v1::Disclosure;
use crate::proto::v1::NoticeDue;
use crate::proto::v1::NoticeOfChange;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend::Facts;
use crate::views::amend::Told;
use crate::views::changes;
use crate::views::known;
use crate::views::name_of;
use crate::views::policy::DisclosurePolicy;

/// A disclosure, from the entries of its stream and the corrections and voids of them; `None` where nothing is known in
/// its stream.
pub fn disclosure(name: &Name, entries: &[Recorded], view: View) -> Option<Disclosure> {
    let facts = Facts::new(entries, view);
    Some(fold(&facts.stream(name, Kind::Disclosure)?))
}

fn fold(told: &Told<'_>) -> Disclosure {
    let mut disclosure = Disclosure {
        name: told.name.clone(),
        void: told.void,
        source: told.first(),
        corrections: told.corrections.clone(),
        voids: told.voids.clone(),
        ..Disclosure::default()
    };
    for entry in &told.entries {
        match entry.event() {
            Some(Event::RecordDisclosed(event)) => disclose(&mut disclosure, event),
            Some(Event::NoticeSent(event)) => send(&mut disclosure, event, entry),
            Some(Event::NoticeAcknowledged(event)) => {
                let notices = &mut disclosure.notices;
                if let Some(notice) = notices.iter_mut().find(|notice| notice.cause_position == event.cause_position) {
                    notice.acknowledged_on = event.acknowledged_on;
                    notice.acknowledged = Some(entry.source());
                }
            }
            Some(_) | None => {}
        }
    }
    disclosure
}

fn disclose(disclosure: &mut Disclosure, event: &RecordDisclosed) {
    disclosure.recipient = name_of("entity", &event.recipient_id);
    disclosure.disclosed_by = name_of("entity", &event.disclosed_by_id);
    disclosure.purpose.clone_from(&event.purpose);
    disclosure.basis.clone_from(&event.basis);
    disclosure.targets.clone_from(&event.targets);
    disclosure.known_at = event.known_at;
    disclosure.subjects = event.subject_ids.iter().map(|id| name_of("entity", id)).collect();
    disclosure.level = event.level;
    disclosure.extract_sha256 = event.extract_sha256.clone();
    disclosure.disclosed_on = event.disclosed_on;
}

fn send(disclosure: &mut Disclosure, event: &NoticeSent, entry: &Recorded) {
    disclosure.notices.push(NoticeOfChange {
        cause_position: event.cause_position,
        sent_on: event.sent_on,
        method: event.method.clone(),
        sent: Some(entry.source()),
        ..NoticeOfChange::default()
    });
}

/// Of what changes the recipient is still to be told. `entries` are those recorded after [`Disclosure::known_at`] in
/// the matters that were shown, about the persons whose whole record was, and the corrections, voids and disputes of
/// them; ascending. A change that was recorded after the window of notices is none that he is told of; one that was
/// recorded within it stays due until he is.
pub fn notices_due(
    disclosure: &Disclosure,
    entries: &[Recorded],
    view: View,
    policy: &DisclosurePolicy,
) -> Vec<NoticeDue> {
    let disclosed = disclosure.disclosed_on.as_ref().map(dates::latest);
    let Some(window_end) = disclosed.map(|day| day.plus_days(policy.notice_window_days)) else { return Vec::new() };
    if disclosure.void {
        return Vec::new();
    }
    let voided: BTreeSet<u64> = known(entries, view)
        .filter_map(|entry| match entry.event() {
            Some(Event::RecordVoided(event)) => Some(event.target_position),
            _ => None,
        })
        .collect();
    let told: BTreeSet<u64> = disclosure.notices.iter().map(|notice| notice.cause_position).collect();
    let mut due = Vec::new();
    for entry in known(entries, view).filter(|entry| entry.index > disclosure.known_at) {
        let Some(event) = entry.event().filter(|event| disclosure::changes(event, &disclosure.targets)) else {
            continue;
        };
        let day = Day::from_unix_ms(entry.recorded_at_ms);
        if day > window_end || voided.contains(&entry.index) || told.contains(&entry.index) {
            continue;
        }
        let last = day.plus_days(policy.notice_days);
        due.push(NoticeDue {
            disclosure: disclosure.name.clone(),
            recipient: disclosure.recipient.clone(),
            disclosed_by: disclosure.disclosed_by.clone(),
            disclosed_on: disclosure.disclosed_on,
            cause: Some(entry.source()),
            change: changes::kind(entry.event_type).into(),
            stream: disclosure::changed(event).unwrap_or_default(),
            due_on: Some(last.into()),
            overdue: view.as_of > last,
        });
    }
    due
}

#[cfg(test)]
mod tests;
