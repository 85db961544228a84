//! The tables, and the rows that the entries of one stream give them.

mod amendment;
mod case;
mod decision;
mod declaration;
mod duty;
mod entity;
mod event;
mod imported;
mod part;
mod petition;

use std::collections::BTreeMap;

use crate::events::Event;
use crate::events::EventType;
use crate::export::table::Described;
use crate::export::table::Row;
use crate::log::Name;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend;

/// Every table, in the order of the dictionary.
pub(super) fn described() -> Vec<Described> {
    vec![
        entity::PERSONS.described(),
        entity::ORGANISATIONS.described(),
        entity::POSITIONS.described(),
        case::CASES.described(),
        case::RESPONDENTS.described(),
        case::ALLEGATIONS.described(),
        decision::DECISIONS.described(),
        decision::SANCTIONS.described(),
        decision::APPEALS.described(),
        declaration::DECLARATIONS.described(),
        declaration::VERSIONS.described(),
        declaration::SECTIONS.described(),
        petition::PETITIONS.described(),
        duty::OBLIGATIONS.described(),
        duty::VERIFICATIONS.described(),
        amendment::AMENDMENTS.described(),
        imported::ROWS.described(),
        event::EVENTS.described(),
    ]
}

/// The rows that a stream gives, from all its entries up to the position, its first among them, and the corrections,
/// voids and disputes about them. What is void counts for nothing; where it began the stream, neither does the whole.
pub(super) fn rows(entries: &[Recorded], amended: &[Recorded], view: View) -> Vec<Row> {
    let Some(first) = entries.first() else { return Vec::new() };
    // Where every payload was erased nobody knows the name any more. That something is there is still said.
    let name = entries.iter().find_map(Recorded::stream_name).and_then(|name| Name::parse(&name).ok());
    let name = name.as_ref();
    let voids = amended.iter().filter_map(|by| match by.event() {
        Some(Event::RecordVoided(event)) => Some((event.target_position, by.index)),
        _ => None,
    });
    let voids: BTreeMap<u64, u64> = voids.collect();
    let events = event::rows(name, entries, &voids);
    if voids.contains_key(&first.index) {
        return events;
    }
    // Folds that know of amendments get them; what only reads entries gets those that count.
    let (joined, left): (Vec<Recorded>, Vec<Recorded>);
    let (all, entries) = if amended.is_empty() {
        (entries, entries)
    } else {
        let mut both = [entries, amended].concat();
        both.sort_by_key(|entry| entry.index);
        (joined, left) = (both.clone(), amend::counting(&both, view));
        (joined.as_slice(), left.as_slice())
    };
    let rows = match Kind::of(first.event_type) {
        Kind::Entity if first.event_type == EventType::OrganisationRegistered => {
            entity::organisation(name, entries, all, view)
        }
        Kind::Entity => entity::person(name, entries, all, view),
        Kind::Case => case::rows(name, entries, all, view),
        Kind::Decision => decision::rows(name, entries, all, view),
        Kind::Appeal => decision::appeal(entries, view),
        Kind::Declaration => declaration::rows(name, entries, all, view),
        Kind::Import => imported::rows(name, entries),
        Kind::Petition => petition::rows(name, entries),
        Kind::Obligation => duty::obligation(name, entries),
        Kind::Verification => duty::verification(name, entries),
        Kind::Amendment => amendment::rows(name, entries),
        // An erasure stands in the stream of what it erased, after it; the others stand in the table of events alone.
        Kind::Erasure
        | Kind::Forgetting
        | Kind::Hold
        | Kind::Rights
        | Kind::Dispute
        | Kind::Disclosure
        | Kind::Access => None,
    };
    let mut rows = rows.unwrap_or_default();
    rows.extend(events);
    rows
}
