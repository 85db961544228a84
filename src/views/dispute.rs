//! Disputes: what a subject of an entry says against it, and what came of that. Told wherever the entry is.

use std::collections::BTreeMap;

use crate::events::Event;
use crate::events::EventType;
use crate::log::Key;
use crate::log::Name;
use crate::proto::v1::Dispute;
use crate::proto::v1::DisputeState;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend;
use crate::views::known;
use crate::views::name_of;

/// Whether one of these is open.
pub fn any_open(disputes: &[Dispute]) -> bool {
    disputes.iter().any(|dispute| dispute.state() == DisputeState::Open)
}

/// Every dispute that these entries tell of, by the stream that it is about, in the order of recording. One of which
/// nobody knows any more what it is about is left out.
pub(super) fn disputes(entries: &[Recorded], view: View) -> Vec<(Key, Dispute)> {
    let mut streams: BTreeMap<Key, (u64, Dispute)> = BTreeMap::new();
    for entry in known(entries, view).filter(|entry| Kind::of(entry.event_type) == Kind::Dispute) {
        let (_, dispute) = streams.entry(entry.stream).or_insert_with(|| (entry.index, Dispute::default()));
        take(dispute, entry, entries);
    }
    let mut found: Vec<(u64, Dispute)> = streams.into_values().collect();
    found.sort_by_key(|(first, _)| *first);
    let about = |dispute: Dispute| Some((Key::of_stream(&Name::parse(&dispute.stream).ok()?), dispute));
    found.into_iter().filter_map(|(_, dispute)| about(dispute)).collect()
}

fn take(dispute: &mut Dispute, entry: &Recorded, entries: &[Recorded]) {
    if let Some(name) = entry.stream_name() {
        dispute.name = name;
    }
    match entry.event_type {
        EventType::RecordDisputed => {
            dispute.set_state(DisputeState::Open);
            dispute.disputed = Some(entry.source());
        }
        EventType::StatementAttached => dispute.statement = entry.personal_part(),
        EventType::DisputeResolved => {
            dispute.set_state(DisputeState::Resolved);
            dispute.resolved = Some(entry.source());
        }
        // No other event is of a dispute.
        _ => {}
    }
    let (target, position) = match entry.event() {
        Some(Event::RecordDisputed(event)) => {
            dispute.person = name_of("entity", &event.person_id);
            dispute.ground.clone_from(&event.ground);
            dispute.disputed_on = event.disputed_on;
            dispute.rights = name_of("rights", &event.rights_id);
            (&event.target, event.target_position)
        }
        Some(Event::StatementAttached(event)) => (&event.target, event.target_position),
        Some(Event::DisputeResolved(event)) => {
            dispute.outcome = event.outcome;
            dispute.resolved_on = event.resolved_on;
            dispute.resolved_by = name_of("entity", &event.resolved_by_id);
            dispute.entry_position = event.entry_position;
            (&event.target, event.target_position)
        }
        Some(_) | None => return,
    };
    dispute.stream.clone_from(target);
    dispute.target = Some(amend::target_of(position, entry.index, entries));
}
