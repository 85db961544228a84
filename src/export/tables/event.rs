//! Every event, of whatever type: what happened, in which record, and when.

use std::collections::BTreeMap;

use crate::events::Event;
use crate::events::EventType;
use crate::events::PartialDate;
use crate::export::cell;
use crate::export::cell::Cell;
use crate::export::cell::Type;
use crate::export::table::Column;
use crate::export::table::Row;
use crate::export::table::Table;
use crate::log::Name;
use crate::views::Recorded;

/// An event of a stream.
pub(super) struct Happened {
    stream: String,
    index: u64,
    recorded_at_ms: u64,
    event_type: EventType,
    occurred_on: Option<PartialDate>,
    effective_on: Option<PartialDate>,
    erased_by: Option<u64>,
    voided_by: Option<u64>,
}

pub(super) const EVENTS: Table<Happened> = Table {
    name: "events",
    about: "A row for each event of the log, of whatever type, stream by stream: the history behind the other tables. \
            What an event says besides stands in the table of its kind, or in the entries alone.",
    columns: &[
        Column("position", Type::Whole, "position of its entry", |row| Cell::Whole(row.index)),
        Column("recorded_at", Type::Time, "when it was recorded, UTC", |row| {
            Cell::Text(cell::written(row.recorded_at_ms))
        }),
        Column("event_type", Type::Word, "what happened, as in case.opened", |row| cell::text(row.event_type.name())),
        Column("stream", Type::Name, "the record that it belongs to; empty: not known any more", |row| {
            cell::text(&row.stream)
        }),
        Column("occurred_on", Type::Date, "when it happened in the world, where that is stated by itself", |row| {
            cell::date(row.occurred_on.as_ref())
        }),
        Column("effective_on", Type::Date, "when it takes legal effect, where that is another day", |row| {
            cell::date(row.effective_on.as_ref())
        }),
        Column("erased_by", Type::Whole, "position of the entry that erased it", |row| cell::optional(row.erased_by)),
        Column(
            "voided_by",
            Type::Whole,
            "position of the entry that declared it void: it counts for nothing, and where it began a record, neither \
             does that",
            |row| cell::optional(row.voided_by),
        ),
    ],
};

/// A row for each entry of a stream.
pub(super) fn rows(name: Option<&Name>, entries: &[Recorded], voids: &BTreeMap<u64, u64>) -> Vec<Row> {
    let row = |entry: &Recorded| {
        let context = entry.event().and_then(Event::context);
        EVENTS.row(&Happened {
            stream: name.map_or_else(String::new, |name| name.as_str().to_owned()),
            index: entry.index,
            recorded_at_ms: entry.recorded_at_ms,
            event_type: entry.event_type,
            occurred_on: context.and_then(|context| context.occurred_on),
            effective_on: context.and_then(|context| context.effective_on),
            erased_by: entry.erased_by(),
            voided_by: voids.get(&entry.index).copied(),
        })
    };
    entries.iter().map(row).collect()
}
