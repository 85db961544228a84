//! Rows of other registers, as the imports saw them last.

use crate::events::Event;
use crate::events::EventType;
use crate::events::LegacyRecordImported;
use crate::export::cell;
use crate::export::cell::Cell;
use crate::export::cell::Type;
use crate::export::table::Column;
use crate::export::table::Line;
use crate::export::table::Lines;
use crate::export::table::Row;
use crate::export::table::Table;
use crate::log::Name;
use crate::views::Recorded;

/// A row, and what was seen of it last.
pub(super) struct Imported {
    name: String,
    seen: LegacyRecordImported,
    observations: usize,
}

pub(super) const ROWS: Lines<Imported> = Lines(Table {
    name: "imported_rows",
    about: "A row for each row of another register that records came from, as it was observed last. What the row \
            holds stands in the other tables; its digest is sealed.",
    columns: &[
        Column("record", Type::Name, "the row", |line| cell::text(&line.what.name)),
        Column("source_scheme", Type::Text, "vocabulary of source_code", |line| {
            cell::scheme(line.what.seen.source.as_ref())
        }),
        Column("source_code", Type::Text, "the register", |line| cell::code(line.what.seen.source.as_ref())),
        Column("release", Type::Text, "the edition, commit or file of it", |line| cell::text(&line.what.seen.release)),
        Column("row", Type::Whole, "where in the release it stands", |line| {
            line.what.seen.source.as_ref().map_or(Cell::Absent, |_| Cell::Whole(line.what.seen.row))
        }),
        Column("observation", Type::Word, "FIRST_SEEN, CHANGED, or GONE: no longer in the source", |line| {
            cell::word(line.what.seen.observation().as_str_name(), "OBSERVATION_")
        }),
        Column("observed_on", Type::Date, "when the source showed it so", |line| {
            cell::date(line.what.seen.observed_on.as_ref())
        }),
        Column("subjects", Type::List, "whom the row is about", |line| {
            let names: Vec<String> = line.what.seen.subject_ids.iter().map(|id| format!("entity/{id}")).collect();
            if names.is_empty() { Cell::Absent } else { Cell::List(names) }
        }),
        Column("observations", Type::Whole, "how often it was observed", |line| cell::count(line.what.observations)),
    ],
});

/// A row.
pub(super) fn rows(name: Option<&Name>, entries: &[Recorded]) -> Option<Vec<Row>> {
    let seen = entries.iter().rev().find_map(|entry| match entry.event() {
        Some(Event::LegacyRecordImported(event)) => Some(event.clone()),
        _ => None,
    });
    let imported = Imported {
        name: name.map(|name| name.as_str().to_owned()).unwrap_or_default(),
        seen: seen.unwrap_or_default(),
        observations: entries.iter().filter(|entry| entry.event_type == EventType::LegacyRecordImported).count(),
    };
    Some(vec![ROWS.row(&Line::new(imported, entries)?)])
}
