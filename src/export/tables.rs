//! The tables, and the rows that the entries of one stream give them.

mod case;
mod decision;
mod declaration;
mod entity;
mod imported;
mod part;

use crate::events::EventType;
use crate::export::table::Described;
use crate::export::table::Row;
use crate::log::Name;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;

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
        imported::ROWS.described(),
    ]
}

/// The rows that a stream gives, from all its entries up to the position, its first among them.
pub(super) fn rows(entries: &[Recorded], view: View) -> Vec<Row> {
    let Some(first) = entries.first() else { return Vec::new() };
    // Where every payload was erased nobody knows the name any more. That something is there is still said.
    let name = entries.iter().find_map(Recorded::stream_name).and_then(|name| Name::parse(&name).ok());
    let name = name.as_ref();
    let rows = match Kind::of(first.event_type) {
        Kind::Entity if first.event_type == EventType::OrganisationRegistered => {
            entity::organisation(name, entries, view)
        }
        Kind::Entity => entity::person(name, entries, view),
        Kind::Case => case::rows(name, entries, view),
        Kind::Decision => decision::rows(name, entries, view),
        Kind::Appeal => decision::appeal(entries, view),
        Kind::Declaration => declaration::rows(name, entries, view),
        Kind::Import => imported::rows(name, entries),
        // An erasure stands in the stream of what it erased, after it.
        Kind::Petition | Kind::Obligation | Kind::Verification | Kind::Amendment | Kind::Erasure => None,
    };
    rows.unwrap_or_default()
}
