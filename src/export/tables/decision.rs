//! Decisions, their sanctions, and appeals.

use crate::events::Event;
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
use crate::proto::v1::Appeal;
use crate::proto::v1::Decision;
use crate::proto::v1::Sanction;
use crate::views::Recorded;
use crate::views::View;
use crate::views::appeal;
use crate::views::decision;

/// A sanction of a decision.
pub(super) struct Imposed {
    decision: String,
    respondent: String,
    sanction: Sanction,
}

/// An appeal, with what only its entries say.
#[derive(Default)]
pub(super) struct Lodged {
    appeal: Appeal,
    respondent: String,
    last_instance: Option<bool>,
}

const STANDING: &str = "on the day as_of: IN_FORCE, PENDING (not yet), EXPIRED, REPLACED (by a modification), ANNULLED, \
                        UNCERTAIN (dates too coarse to tell), NO_SANCTION (imposes nothing), VOID (never to have been \
                        recorded), PROPOSED (not decided)";

/// Of the column `disputed`, in every table that has it.
pub(super) const DISPUTED: &str =
    "true: a subject says that something of it is not right, and the dispute is open; who shows it shows this too";

pub(super) const DECISIONS: Lines<Decision> = Lines(Table {
    name: "decisions",
    about: "A row for each decision about one respondent, as it stands after all changes.",
    columns: &[
        Column("decision", Type::Name, "the decision", |line| cell::text(&line.what.name)),
        Column("case", Type::Name, "the case that it decides", |line| cell::text(&line.what.case)),
        Column("respondent", Type::Name, "the person or body that it is about", |line| {
            cell::text(&line.what.respondent)
        }),
        Column("reference", Type::Text, "its official number", |line| cell::text(&line.what.reference)),
        Column("issued_by", Type::Name, "the body that decided", |line| cell::text(&line.what.issued_by)),
        Column("regime_scheme", Type::Text, "vocabulary of regime_code", |line| {
            cell::scheme(line.what.regime.as_ref())
        }),
        Column("regime_code", Type::Text, "the set of rules under which it was taken", |line| {
            cell::code(line.what.regime.as_ref())
        }),
        Column("signed_on", Type::Date, "when it was signed", |line| cell::date(line.what.signed_on.as_ref())),
        Column("effective_on", Type::Date, "from when it has effect, where that is stated", |line| {
            cell::date(line.what.effective_on.as_ref())
        }),
        Column("standing", Type::Word, STANDING, |line| cell::word(line.what.standing().as_str_name(), "STANDING_")),
        Column("allegation_numbers", Type::List, "allegations of the case that it rests on", |line| {
            let numbers: Vec<String> = line.what.allegation_numbers.iter().map(ToString::to_string).collect();
            if numbers.is_empty() { Cell::Absent } else { Cell::List(numbers) }
        }),
        Column("changes", Type::Whole, "how often it was modified or annulled", |line| {
            cell::count(line.what.changes.len())
        }),
        Column(
            "annulment_position",
            Type::Whole,
            "position of the entry that annulled it; empty: nothing did",
            |line| part::position(annulment(line).and_then(|annulment| annulment.source.as_ref())),
        ),
        Column("annulment_ground", Type::Word, "why it was annulled; empty: not known", |line| {
            annulment(line).map_or(Cell::Absent, |one| cell::word(one.ground().as_str_name(), "ANNULMENT_GROUND_"))
        }),
        Column("annulment_retroactive", Type::Flag, "true: it counts as never made", |line| {
            annulment(line).map_or(Cell::Absent, |annulment| Cell::Flag(annulment.retroactive))
        }),
        Column("annulment_effective_on", Type::Date, "from when it is annulled, where it is not retroactive", |line| {
            cell::date(annulment(line).and_then(|annulment| annulment.effective_on.as_ref()))
        }),
        Column("reasons_position", Type::Whole, "position of the entry that holds the sealed reasons", |line| {
            part::sealed_in(line.what.reasons.as_ref())
        }),
        Column("reasons_erased_by", Type::Whole, "position of the entry that erased the reasons", |line| {
            part::erased_by(line.what.reasons.as_ref())
        }),
        Column("disputed", Type::Flag, DISPUTED, |line| Cell::Flag(line.what.disputed)),
    ],
});

pub(super) const SANCTIONS: Table<Imposed> = Table {
    name: "sanctions",
    about: "A row for each sanction of each decision, in each form that it had: one that was replaced or annulled \
            stays, and standing says so.",
    columns: &[
        Column("decision", Type::Name, "the decision", |row| cell::text(&row.decision)),
        Column("respondent", Type::Name, "the person or body", |row| cell::text(&row.respondent)),
        Column("item_number", Type::Whole, "its number in the decision", |row| {
            cell::optional(row.sanction.item.as_ref().map(|item| item.item_number.into()))
        }),
        Column("form_scheme", Type::Text, "vocabulary of form_code", |row| {
            cell::scheme(row.sanction.item.as_ref().and_then(|item| item.form.as_ref()))
        }),
        Column("form_code", Type::Text, "the form of discipline", |row| {
            cell::code(row.sanction.item.as_ref().and_then(|item| item.form.as_ref()))
        }),
        Column("term_years", Type::Whole, "how long it lasts, as stated: years", |row| term(row, |term| term.years)),
        Column("term_months", Type::Whole, "and months", |row| term(row, |term| term.months)),
        Column("term_days", Type::Whole, "and days", |row| term(row, |term| term.days)),
        Column("stated_from", Type::Date, "from when, as stated; empty: from the effect of the decision", |row| {
            cell::date(row.sanction.item.as_ref().and_then(|item| item.from.as_ref()))
        }),
        Column("stated_to", Type::Date, "the last day, as stated; empty: without end, or not known", |row| {
            cell::date(row.sanction.item.as_ref().and_then(|item| item.to.as_ref()))
        }),
        Column("amount", Type::Decimal, "a fine or recovery", |row| {
            cell::decimal(row.sanction.item.as_ref().and_then(|item| item.amount.as_ref()))
        }),
        Column("currency", Type::Text, "of the amount, ISO 4217", |row| {
            let amount = row.sanction.item.as_ref().and_then(|item| item.amount.as_ref());
            amount.map_or(Cell::Absent, |amount| cell::text(&amount.currency))
        }),
        Column("standing", Type::Word, STANDING, |row| cell::word(row.sanction.standing().as_str_name(), "STANDING_")),
        Column("position", Type::Whole, "position of the entry that imposed it in this form", |row| {
            part::position(row.sanction.source.as_ref())
        }),
        Column("recorded_at", Type::Time, "when that entry was recorded, UTC", |row| {
            part::recorded_at(row.sanction.source.as_ref())
        }),
    ],
};

pub(super) const APPEALS: Lines<Lodged> = Lines(Table {
    name: "appeals",
    about: "A row for each appeal of a respondent against a decision.",
    columns: &[
        Column("appeal", Type::Name, "the appeal", |line| cell::text(&line.what.appeal.name)),
        Column("decision", Type::Name, "the decision that it is against", |line| {
            cell::text(&line.what.appeal.decision)
        }),
        Column("respondent", Type::Name, "who appeals", |line| cell::name("entity", &line.what.respondent)),
        Column("lodged_on", Type::Date, "when it was lodged", |line| cell::date(line.what.appeal.lodged_on.as_ref())),
        Column(
            "outcome",
            Type::Word,
            "UPHELD (the decision stands), REDUCED, INCREASED, ANNULLED, REMITTED; empty: not \
                                       decided",
            |line| cell::word(line.what.appeal.outcome().as_str_name(), "APPEAL_OUTCOME_"),
        ),
        Column("decided_on", Type::Date, "when it was decided", |line| {
            cell::date(line.what.appeal.decided_on.as_ref())
        }),
        Column("last_instance", Type::Flag, "whether nothing more can be lodged against the outcome", |line| {
            line.what.last_instance.map_or(Cell::Absent, Cell::Flag)
        }),
        Column("decided_position", Type::Whole, "position of the entry with the outcome; empty: none", |line| {
            part::position(line.what.appeal.decided.as_ref())
        }),
        Column("decided_recorded_at", Type::Time, "when that entry was recorded, UTC", |line| {
            part::recorded_at(line.what.appeal.decided.as_ref())
        }),
        Column("grounds_position", Type::Whole, "position of the entry that holds the sealed grounds", |line| {
            part::sealed_in(line.what.appeal.grounds.as_ref())
        }),
        Column("grounds_erased_by", Type::Whole, "position of the entry that erased the grounds", |line| {
            part::erased_by(line.what.appeal.grounds.as_ref())
        }),
    ],
});

fn annulment(line: &Line<Decision>) -> Option<&crate::proto::v1::Annulment> {
    line.what.annulment.as_ref()
}

fn term(row: &Imposed, of: fn(&crate::events::Term) -> u32) -> Cell {
    let term = row.sanction.item.as_ref().and_then(|item| item.term.as_ref());
    cell::optional(term.map(|term| of(term).into()))
}

/// A decision and its sanctions. Its appeals have streams of their own.
pub(super) fn rows(name: Option<&Name>, entries: &[Recorded], all: &[Recorded], view: View) -> Option<Vec<Row>> {
    let decision = name.and_then(|name| decision::decision(name, all, view)).unwrap_or_default();
    let mut below = Vec::new();
    for sanction in &decision.sanctions {
        below.push(SANCTIONS.row(&Imposed {
            decision: decision.name.clone(),
            respondent: decision.respondent.clone(),
            sanction: sanction.clone(),
        }));
    }
    let mut rows = vec![DECISIONS.row(&Line::new(decision, entries)?)];
    rows.extend(below);
    Some(rows)
}

/// An appeal.
pub(super) fn appeal(entries: &[Recorded], view: View) -> Option<Vec<Row>> {
    let mut lodged = Lodged { appeal: appeal::appeals(entries, view).pop().unwrap_or_default(), ..Lodged::default() };
    for entry in entries {
        match entry.event() {
            Some(Event::AppealLodged(event)) => lodged.respondent.clone_from(&event.respondent_id),
            Some(Event::AppealDecided(event)) => {
                lodged.respondent.clone_from(&event.respondent_id);
                lodged.last_instance = Some(event.last_instance);
            }
            _ => {}
        }
    }
    Some(vec![APPEALS.row(&Line::new(lodged, entries)?)])
}
