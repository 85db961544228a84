//! The record of a person or body: posts, decisions in force and not, cases, declarations, duties, verifications, what
//! is pending, imported rows.

use crate::events::Event;
use crate::events::EventType;
use crate::events::LegacyRecordImported;
use crate::events::PositionAssigned;
use crate::events::PositionEnded;
use crate::log::Key;
use crate::log::Name;
use crate::proto::v1::DeclarationStatus;
use crate::proto::v1::EntityKind;
use crate::proto::v1::ImportedRow;
use crate::proto::v1::ObligationState;
use crate::proto::v1::Position;
use crate::proto::v1::Record;
use crate::proto::v1::Standing;
use crate::views::Kind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::amend::Facts;
use crate::views::amend::Told;
use crate::views::case;
use crate::views::decision;
use crate::views::declaration;
use crate::views::dispute;
use crate::views::known;
use crate::views::name_of;
use crate::views::obligation;
use crate::views::petition;
use crate::views::policy::DisclosurePolicy;
use crate::views::rights;
use crate::views::verification;
use crate::views::work;

/// The most declarations that a record shows, and the most duties and verifications; the rest is listed by pages.
pub const DECLARATIONS_MAX: usize = 1000;

/// The record of a person or body, from the entries about it; `None` where it is not registered.
///
/// `about` are the entries about it, and `of_cases` those of whole cases that the entries about it do not open: it
/// was added to them later. Both ascend and hold the corrections and voids of what is in them; an entry may stand in
/// both.
pub fn record(name: &Name, about: &[Recorded], of_cases: &[Recorded], view: View) -> Option<Record> {
    let facts = Facts::new(about, view);
    let entity = facts.stream(name, Kind::Entity)?;
    let mut record = Record {
        name: name.as_str().to_owned(),
        void: entity.void,
        corrections: facts.corrections(),
        voids: facts.voids(),
        erased: known(about, view).filter(|entry| entry.erased_by().is_some()).map(Recorded::source).collect(),
        ..Record::default()
    };
    for entry in entity.entries.iter().filter(|entry| !ends_what_is_void(entry, &entity)) {
        take(&mut record, name, entry);
    }
    let imports = facts.of(Kind::Import);
    record.imported_rows = imports.iter().flat_map(|told| &told.entries).map(|entry| imported_row(entry)).collect();
    record.imported_rows.sort_by_key(|row| row.entry.as_ref().map(|source| source.position));
    record.decisions = decision::of_facts(&facts);
    let whole = merged(about, of_cases);
    record.cases = case::of_facts(name, &Facts::new(&whole, view));
    record.declarations = declaration::of_facts(&facts);
    record.obligations = obligation::of_facts(&facts);
    record.verifications = verification::of_facts(&facts);
    record.declaration_status = Some(declaration_status(&record));
    record.petitions = Some(petition::tally(&facts));
    record.disputes = facts.disputes();
    record.disputed = dispute::any_open(&record.disputes);
    record.pending = work::pending(&record, &rights::of_facts(&facts, &DisclosurePolicy::default()));
    record.declarations.truncate(DECLARATIONS_MAX);
    record.obligations.truncate(DECLARATIONS_MAX);
    record.verifications.truncate(DECLARATIONS_MAX);
    record.sanction_in_force = record
        .decisions
        .iter()
        .flat_map(|decision| &decision.sanctions)
        .any(|sanction| sanction.standing() == Standing::InForce);
    Some(record)
}

/// Whether an entry ends a post that was taken by a void entry alone.
fn ends_what_is_void(entry: &Recorded, entity: &Told<'_>) -> bool {
    let Some(Event::PositionEnded(end)) = entry.event() else { return false };
    let takes = |other: &Recorded| {
        let same = |event: &Event| matches!(event, Event::PositionAssigned(event) if event.position_number == end.position_number);
        other.index < entry.index && other.event().is_some_and(same)
    };
    let counting = entity.entries.iter().map(|entry| (*entry, false));
    let all = counting.chain(entity.voided.iter().map(|entry| (*entry, true)));
    let taken = all.filter(|(other, _)| takes(other)).max_by_key(|(other, _)| other.index);
    taken.is_some_and(|(_, void)| void)
}

fn declaration_status(record: &Record) -> DeclarationStatus {
    let mut status = DeclarationStatus::default();
    for obligation in &record.obligations {
        match obligation.state() {
            ObligationState::Open if obligation.overdue => status.overdue += 1,
            ObligationState::Open => status.open += 1,
            ObligationState::Met => status.met += 1,
            ObligationState::MetLate => status.met_late += 1,
            ObligationState::Void | ObligationState::Unspecified => {}
        }
    }
    let latest = record.declarations.iter().rev().find(|declaration| !declaration.void);
    status.latest = latest.map(|declaration| declaration.name.clone()).unwrap_or_default();
    status
}

/// The cases that the entries tell of without telling how they were opened: their whole streams are wanted.
pub fn cases_to_read(about: &[Recorded], view: View) -> Vec<Name> {
    let mut names: Vec<Name> = known(about, view)
        .filter(|entry| Kind::of(entry.event_type) == Kind::Case)
        .filter_map(Recorded::stream_name)
        .filter_map(|name| Name::parse(&name).ok())
        .collect();
    names.sort();
    names.dedup();
    names.retain(|name| {
        let stream = Key::of_stream(name);
        !known(about, view).any(|entry| entry.stream == stream && entry.event_type == EventType::CaseOpened)
    });
    names
}

fn merged(about: &[Recorded], of_cases: &[Recorded]) -> Vec<Recorded> {
    let mut entries = [about, of_cases].concat();
    entries.sort_by_key(|entry| entry.index);
    entries.dedup_by_key(|entry| entry.index);
    entries
}

fn take(record: &mut Record, name: &Name, entry: &Recorded) {
    match entry.event_type {
        EventType::PersonRegistered => {
            record.set_kind(EntityKind::Person);
            record.identity = entry.personal_part();
            record.registered = Some(entry.source());
        }
        EventType::OrganisationRegistered => {
            record.set_kind(EntityKind::Organisation);
            record.registered = Some(entry.source());
        }
        _ => {}
    }
    match entry.event() {
        Some(Event::PersonRegistered(event)) => record.status = event.status,
        Some(Event::OrganisationRegistered(event)) => record.names.clone_from(&event.names),
        Some(Event::PositionAssigned(event)) if name.id() == event.person_id => {
            assign(&mut record.positions, event, entry);
        }
        Some(Event::PositionEnded(event)) if name.id() == event.person_id => {
            end(&mut record.positions, event, entry);
        }
        Some(_) | None => {}
    }
}

fn assign(positions: &mut Vec<Position>, event: &PositionAssigned, entry: &Recorded) {
    positions.push(Position {
        position_number: event.position_number,
        body: name_of("entity", &event.body_id),
        title: event.title.clone(),
        from: event.from,
        to: None,
        head_of_body: event.head_of_body,
        source: Some(entry.source()),
    });
}

/// Ends a post; where what assigned it was erased, the post is shown with its end alone.
fn end(positions: &mut Vec<Position>, event: &PositionEnded, entry: &Recorded) {
    match positions.iter_mut().rev().find(|position| position.position_number == event.position_number) {
        Some(position) => position.to = event.to,
        None => positions.push(Position {
            position_number: event.position_number,
            to: event.to,
            source: Some(entry.source()),
            ..Position::default()
        }),
    }
}

fn imported_row(entry: &Recorded) -> ImportedRow {
    let mut row = ImportedRow {
        name: entry.stream_name().unwrap_or_default(),
        entry: Some(entry.source()),
        ..ImportedRow::default()
    };
    if let Some(Event::LegacyRecordImported(event)) = entry.event() {
        fill(&mut row, event);
    }
    row
}

fn fill(row: &mut ImportedRow, event: &LegacyRecordImported) {
    row.source.clone_from(&event.source);
    row.release.clone_from(&event.release);
    row.row = event.row;
    row.observation = event.observation;
    row.observed_on = event.observed_on;
}
