//! Persons, organisations and who held which post.

use crate::events::Code;
use crate::events::Event;
use crate::events::EventType;
use crate::events::OrganisationRegistered;
use crate::export::cell;
use crate::export::cell::Cell;
use crate::export::cell::Type;
use crate::export::table::Column;
use crate::export::table::Line;
use crate::export::table::Lines;
use crate::export::table::Row;
use crate::export::table::Table;
use crate::export::tables::part;
use crate::log::Name;
use crate::proto::v1::Position;
use crate::proto::v1::Record;
use crate::views::Recorded;
use crate::views::View;
use crate::views::record;

/// A body, with what only its registration says.
#[derive(Default)]
pub(super) struct Body {
    record: Record,
    registered: OrganisationRegistered,
}

/// A holding of a post, with what only its entries say.
pub(super) struct Post {
    person: String,
    position: Position,
    rank: Option<Code>,
    /// The entry that ended it.
    ended: Option<u64>,
}

pub(super) const PERSONS: Lines<Record> = Lines(Table {
    name: "persons",
    about: "A row for each person registered. No name and no number of a person: identity is sealed, and only the \
            place where it lies is shown.",
    columns: &[
        Column("person", Type::Name, "the person", |line| cell::text(&line.what.name)),
        Column("status", Type::Word, "ACTIVE: holds a public function; FORMER: held one; empty: not known", |line| {
            cell::word(line.what.status().as_str_name(), "PERSON_STATUS_")
        }),
        Column("identity_position", Type::Whole, "position of the entry that holds the sealed identity", |line| {
            part::sealed_in(line.what.identity.as_ref())
        }),
        Column("identity_erased_by", Type::Whole, "position of the entry that erased the identity", |line| {
            part::erased_by(line.what.identity.as_ref())
        }),
    ],
});

pub(super) const ORGANISATIONS: Lines<Body> = Lines(Table {
    name: "organisations",
    about: "A row for each public body registered.",
    columns: &[
        Column("organisation", Type::Name, "the body", |line| cell::text(&line.what.record.name)),
        Column("names", Type::List, "its names", |line| {
            list(line.what.record.names.iter().map(|name| name.text.clone()))
        }),
        Column("name_languages", Type::List, "the languages of its names, BCP 47, in the same order", |line| {
            list(line.what.record.names.iter().map(|name| name.language.clone()))
        }),
        Column("kind_scheme", Type::Text, "vocabulary of kind_code", |line| {
            cell::scheme(line.what.registered.organisation_kind.as_ref())
        }),
        Column("kind_code", Type::Text, "what kind of body it is", |line| {
            cell::code(line.what.registered.organisation_kind.as_ref())
        }),
        Column("level_scheme", Type::Text, "vocabulary of level_code", |line| {
            cell::scheme(line.what.registered.level.as_ref())
        }),
        Column("level_code", Type::Text, "the level of government", |line| {
            cell::code(line.what.registered.level.as_ref())
        }),
        Column("parent", Type::Name, "the body above it", |line| cell::name("entity", &line.what.registered.parent_id)),
        Column(
            "ids",
            Type::List,
            "its numbers in other systems, each as scheme and value with a space between",
            |line| list(line.what.registered.organisation_ids.iter().map(|id| format!("{} {}", id.scheme, id.value))),
        ),
    ],
});

pub(super) const POSITIONS: Table<Post> = Table {
    name: "positions",
    about: "A row for each holding of a post by a person.",
    columns: &[
        Column("person", Type::Name, "who holds or held it", |post| cell::text(&post.person)),
        Column("position_number", Type::Whole, "number of this holding among the person's", |post| {
            cell::number(post.position.position_number)
        }),
        Column("body", Type::Name, "the body in which the post is", |post| cell::text(&post.position.body)),
        Column("title_scheme", Type::Text, "vocabulary of title_code", |post| {
            cell::scheme(post.position.title.as_ref())
        }),
        Column("title_code", Type::Text, "the post; empty: what assigned it was erased", |post| {
            cell::code(post.position.title.as_ref())
        }),
        Column("rank_scheme", Type::Text, "vocabulary of rank_code", |post| cell::scheme(post.rank.as_ref())),
        Column("rank_code", Type::Text, "the rank", |post| cell::code(post.rank.as_ref())),
        Column("head_of_body", Type::Flag, "whether the holder leads the body", |post| {
            post.position.title.as_ref().map_or(Cell::Absent, |_| Cell::Flag(post.position.head_of_body))
        }),
        Column("held_from", Type::Date, "the first day; empty: not known", |post| {
            cell::date(post.position.from.as_ref())
        }),
        Column("held_to", Type::Date, "the last day; empty: not ended, or not known", |post| {
            cell::date(post.position.to.as_ref())
        }),
        Column(
            "ended_position",
            Type::Whole,
            "position of the entry that ended it; empty: no end is recorded",
            |post| cell::optional(post.ended),
        ),
        Column("position", Type::Whole, "position of the entry that says so", |post| {
            part::position(post.position.source.as_ref())
        }),
        Column("recorded_at", Type::Time, "when that entry was recorded, UTC", |post| {
            part::recorded_at(post.position.source.as_ref())
        }),
    ],
};

/// A person and the posts of it.
pub(super) fn person(name: Option<&Name>, entries: &[Recorded], all: &[Recorded], view: View) -> Option<Vec<Row>> {
    let record = folded(name, all, view);
    let posts: Vec<Row> =
        record.positions.iter().map(|position| POSITIONS.row(&post(&record, position, entries))).collect();
    let mut rows = vec![PERSONS.row(&Line::new(record, entries)?)];
    rows.extend(posts);
    Some(rows)
}

/// A body.
pub(super) fn organisation(
    name: Option<&Name>,
    entries: &[Recorded],
    all: &[Recorded],
    view: View,
) -> Option<Vec<Row>> {
    let registered = entries.iter().find_map(|entry| match entry.event() {
        Some(Event::OrganisationRegistered(event)) => Some(event.clone()),
        _ => None,
    });
    let body = Body { record: folded(name, all, view), registered: registered.unwrap_or_default() };
    Some(vec![ORGANISATIONS.row(&Line::new(body, entries)?)])
}

/// What its own stream says of a person or body; decisions, cases and declarations have tables of their own.
fn folded(name: Option<&Name>, entries: &[Recorded], view: View) -> Record {
    name.and_then(|name| record::record(name, entries, &[], view)).unwrap_or_default()
}

fn post(record: &Record, position: &Position, entries: &[Recorded]) -> Post {
    let number = position.position_number;
    let rank = entries.iter().find_map(|entry| match entry.event() {
        Some(Event::PositionAssigned(event)) if event.position_number == number => event.rank.clone(),
        _ => None,
    });
    let ended = entries.iter().find(|entry| {
        entry.event_type == EventType::PositionEnded
            && matches!(entry.event(), Some(Event::PositionEnded(event)) if event.position_number == number)
    });
    Post { person: record.name.clone(), position: position.clone(), rank, ended: ended.map(|entry| entry.index) }
}

/// Several texts; none of them is absent.
fn list(texts: impl Iterator<Item = String>) -> Cell {
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() { Cell::Absent } else { Cell::List(texts) }
}
