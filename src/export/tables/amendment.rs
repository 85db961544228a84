//! Corrections and voids: which entry is not to be taken as it was recorded.

use crate::events::Event;
use crate::events::RecordCorrected;
use crate::events::RecordVoided;
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

/// A correction or a void.
pub(super) struct Amendment {
    name: String,
    what: Option<What>,
}

enum What {
    Corrected(RecordCorrected),
    Voided(RecordVoided),
}

pub(super) const AMENDMENTS: Lines<Amendment> = Lines(Table {
    name: "amendments",
    about: "A row for each correction and each void of an entry. The entry stays in the log; it is not to be taken as it \
            was recorded.",
    columns: &[
        Column("amendment", Type::Name, "the correction or void", |line| cell::text(&line.what.name)),
        Column("kind", Type::Word, "CORRECTED, or VOIDED: it should never have been recorded", |line| {
            match &line.what.what {
                Some(What::Corrected(_)) => cell::text("CORRECTED"),
                Some(What::Voided(_)) => cell::text("VOIDED"),
                None => Cell::Absent,
            }
        }),
        Column("target_position", Type::Whole, "position of the entry that it is about", |line| {
            cell::optional(match &line.what.what {
                Some(What::Corrected(event)) => Some(event.target_position),
                Some(What::Voided(event)) => Some(event.target_position),
                None => None,
            })
        }),
        Column("target", Type::Name, "the record in which that entry stands", |line| match &line.what.what {
            Some(What::Corrected(event)) => cell::text(&event.target),
            Some(What::Voided(event)) => cell::text(&event.target),
            None => Cell::Absent,
        }),
        Column("void_ground", Type::Word, "of a void: why", |line| match &line.what.what {
            Some(What::Voided(event)) => cell::word(event.ground().as_str_name(), "VOID_GROUND_"),
            _ => Cell::Absent,
        }),
        Column("reason_scheme", Type::Text, "vocabulary of reason_code", |line| match &line.what.what {
            Some(What::Corrected(event)) => cell::scheme(event.reason.as_ref()),
            _ => Cell::Absent,
        }),
        Column("reason_code", Type::Text, "of a correction: why", |line| match &line.what.what {
            Some(What::Corrected(event)) => cell::code(event.reason.as_ref()),
            _ => Cell::Absent,
        }),
    ],
});

/// A correction or a void.
pub(super) fn rows(name: Option<&Name>, entries: &[Recorded]) -> Option<Vec<Row>> {
    let what = entries.iter().find_map(|entry| match entry.event() {
        Some(Event::RecordCorrected(event)) => Some(What::Corrected(event.clone())),
        Some(Event::RecordVoided(event)) => Some(What::Voided(event.clone())),
        _ => None,
    });
    let amendment = Amendment { name: name.map_or_else(String::new, |name| name.as_str().to_owned()), what };
    Some(vec![AMENDMENTS.row(&Line::new(amendment, entries)?)])
}
