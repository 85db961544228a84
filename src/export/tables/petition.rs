//! Petitions. Who petitions is sealed, and shown nowhere.

use crate::events::Code;
use crate::events::Event;
use crate::events::PetitionReceived;
use crate::events::PetitionResolved;
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

/// A petition, with its outcome.
#[derive(Default)]
pub(super) struct Petition {
    name: String,
    received: PetitionReceived,
    resolved: Option<(u64, PetitionResolved)>,
}

impl Petition {
    fn outcome(&self) -> Option<&PetitionResolved> {
        self.resolved.as_ref().map(|(_, resolved)| resolved)
    }
}

pub(super) const PETITIONS: Lines<Petition> = Lines(Table {
    name: "petitions",
    about: "A row for each petition. What it says of anybody is said, not found; who brought it is sealed and in no \
            export.",
    columns: &[
        Column("petition", Type::Name, "the petition", |line| cell::text(&line.what.name)),
        Column("kind_scheme", Type::Text, "vocabulary of kind_code", |line| {
            cell::scheme(line.what.received.petition_kind.as_ref())
        }),
        Column("kind_code", Type::Text, "what kind of petition it is", |line| {
            cell::code(line.what.received.petition_kind.as_ref())
        }),
        Column("channel_scheme", Type::Text, "vocabulary of channel_code", |line| {
            cell::scheme(line.what.received.channel.as_ref())
        }),
        Column("channel_code", Type::Text, "how it came", |line| cell::code(line.what.received.channel.as_ref())),
        Column("received_by", Type::Name, "the body that received it", |line| {
            cell::name("entity", &line.what.received.received_by_id)
        }),
        Column("received_on", Type::Date, "when it was received", |line| {
            cell::date(line.what.received.received_on.as_ref())
        }),
        Column("respondents", Type::List, "of whom it speaks", |line| {
            list(line.what.received.respondent_ids.iter().map(|id| format!("entity/{id}")))
        }),
        Column("topics", Type::List, "what it is about, each as vocabulary and code with a space between", |line| {
            let word = |code: &Code| format!("{} {}", code.scheme, code.code);
            list(line.what.received.topics.iter().map(word))
        }),
        Column("due_on", Type::Date, "when it is to be resolved, as stated", |line| {
            cell::date(line.what.received.due_on.as_ref())
        }),
        Column("outcome", Type::Word, "what was found; empty: it is not resolved", |line| {
            line.what
                .outcome()
                .map_or(Cell::Absent, |resolved| cell::word(resolved.outcome().as_str_name(), "PETITION_OUTCOME_"))
        }),
        Column("resolved_by", Type::Name, "the body that resolved it", |line| {
            line.what.outcome().map_or(Cell::Absent, |resolved| cell::name("entity", &resolved.resolved_by_id))
        }),
        Column("resolved_on", Type::Date, "when it was resolved", |line| {
            cell::date(line.what.outcome().and_then(|resolved| resolved.resolved_on.as_ref()))
        }),
        Column("resolved_position", Type::Whole, "position of the entry with the outcome; empty: none", |line| {
            cell::optional(line.what.resolved.as_ref().map(|(position, _)| *position))
        }),
    ],
});

fn list(texts: impl Iterator<Item = String>) -> Cell {
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() { Cell::Absent } else { Cell::List(texts) }
}

/// A petition.
pub(super) fn rows(name: Option<&Name>, entries: &[Recorded]) -> Option<Vec<Row>> {
    let mut petition =
        Petition { name: name.map_or_else(String::new, |name| name.as_str().to_owned()), ..Petition::default() };
    for entry in entries {
        match entry.event() {
            Some(Event::PetitionReceived(event)) => petition.received = event.clone(),
            Some(Event::PetitionResolved(event)) => petition.resolved = Some((entry.index, event.clone())),
            _ => {}
        }
    }
    Some(vec![PETITIONS.row(&Line::new(petition, entries)?)])
}
